//! What is true: a naive reading of everything that the source said, in the order in which it happened. It knows
//! nothing of rows, merging, versions or receipts.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value as Json;

use crate::plan::{Plan, PlannedChange, PlannedFact};

/// Why somebody is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// Lives on as somebody else.
    Merged,
    /// Must be forgotten.
    Erased,
}

/// A person as the source knows it at last.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Someone {
    /// Until when everything is void, and why.
    pub gone: Option<(Timestamp, End)>,
    /// Whether the person was ever found to be another one.
    pub was_merged: bool,
    /// The address; `None` where there is none.
    pub email: Option<String>,
    /// The card; `None` where there is none.
    pub card: Option<String>,
    /// Audiences that were spoken of: a property where there is one, `None` for having left.
    pub audiences: BTreeMap<String, Option<Option<String>>>,
    /// Attributes that were spoken of, null where they were cleared.
    pub attributes: BTreeMap<String, Json>,
    /// Whether the person must not be targeted.
    pub is_suppressed: bool,
    /// Every address and card that was ever told of the person.
    pub ever: BTreeSet<String>,
    /// Of these, those that nothing was told of after the end.
    pub void: BTreeSet<String>,
}

/// Everybody.
pub fn read(plan: &Plan) -> Vec<Someone> {
    (0..plan.people).map(|person| someone(plan, person)).collect()
}

fn someone(plan: &Plan, person: usize) -> Someone {
    let mut told: Vec<&PlannedChange> = plan.changes.iter().filter(|change| change.person == person).collect();
    // Of two at the same moment leaving counts.
    told.sort_by_key(|change| (change.occurred_at, matches!(change.fact, PlannedFact::Left(_))));
    let ends = |fact: &PlannedFact| match fact {
        PlannedFact::Erased => Some(End::Erased),
        PlannedFact::MergedInto(_) => Some(End::Merged),
        PlannedFact::Entered(..)
        | PlannedFact::Left(_)
        | PlannedFact::Attribute(..)
        | PlannedFact::Profile
        | PlannedFact::Suppressed
        | PlannedFact::Unsuppressed => None,
    };
    let ended: Vec<(Timestamp, End)> =
        told.iter().filter_map(|change| Some((change.occurred_at, ends(&change.fact)?))).collect();
    let last = ended.iter().map(|(at, _)| *at).max();
    let worst = ended.iter().map(|(_, end)| *end).max();
    let mut someone = Someone {
        gone: last.zip(worst),
        was_merged: ended.iter().any(|(_, end)| *end == End::Merged),
        ..Someone::default()
    };
    for change in told {
        for key in change.email.iter().chain(&change.card).filter(|key| !key.is_empty()) {
            someone.ever.insert(key.clone());
            if last.is_some_and(|last| change.occurred_at <= last) {
                someone.void.insert(key.clone());
            } else {
                someone.void.remove(key);
            }
        }
        match change.fact {
            PlannedFact::Suppressed => someone.is_suppressed = true,
            PlannedFact::Unsuppressed => someone.is_suppressed = false,
            PlannedFact::Entered(..)
            | PlannedFact::Left(_)
            | PlannedFact::Attribute(..)
            | PlannedFact::Profile
            | PlannedFact::MergedInto(_)
            | PlannedFact::Erased => {}
        }
        if last.is_none_or(|last| change.occurred_at > last) {
            someone.hears(change);
        }
    }
    someone
}

impl Someone {
    fn hears(&mut self, change: &PlannedChange) {
        if let Some(email) = &change.email {
            self.email = Some(email.clone()).filter(|email| !email.is_empty());
        }
        if let Some(card) = &change.card {
            self.card = Some(card.clone());
        }
        match &change.fact {
            PlannedFact::Entered(audience, tier) => {
                self.audiences.insert((*audience).to_owned(), Some(tier.clone()));
            }
            PlannedFact::Left(audience) => {
                self.audiences.insert((*audience).to_owned(), None);
            }
            PlannedFact::Attribute(attribute, value) => {
                self.attributes.insert((*attribute).to_owned(), value.clone());
            }
            PlannedFact::Profile
            | PlannedFact::Suppressed
            | PlannedFact::Unsuppressed
            | PlannedFact::MergedInto(_)
            | PlannedFact::Erased => {}
        }
    }

    /// By what a vendor knows the person.
    pub fn key(&self, path: &str) -> Option<&String> {
        if path == "fields.card" { self.card.as_ref() } else { self.email.as_ref() }
    }
}
