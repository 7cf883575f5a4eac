//! What a search is about: an activation, one or two people, and the changes that come in any order.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use muster::model::merge::MergeContext;
use muster::model::pending::RecordShape;
use muster::model::{Activation, AudienceId, Change, Fact, Identifier, Origin, PersonKey, RecordId};
use serde_json::{Value as Json, json};

use super::rules::Rules;

/// What is searched, and how far.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// What a record is.
    pub shape: RecordShape,
    /// Who there is.
    pub people: Vec<PersonKey>,
    /// Every record that a person may have.
    pub records: Vec<RecordId>,
    /// Every key.
    pub keys: Vec<Identifier>,
    /// Changes that were delivered before the search begins.
    pub before: Vec<Change>,
    /// Changes that come, in any order.
    pub changes: Vec<Change>,
    /// Faults that happen at most, of all kinds together.
    pub faults: u8,
    /// Runs at the same time.
    pub workers: usize,
    /// Whether ingest reads and writes in two steps.
    pub ingest: Ingest,
    /// Which steps are taken together.
    pub haste: Haste,
    /// By which rules.
    pub rules: Rules,
}

/// How ingest writes a row. Only its condition makes reading and writing one step: where that is not in
/// question, it is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ingest {
    /// In one step.
    AtOnce,
    /// Reads first, and writes later what it made of that.
    InTwoSteps,
}

/// Which steps are taken together once no fault is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Haste {
    /// None.
    Never,
    /// A step and the messages that follow it.
    WithMessages,
    /// Also those that only flights show: nobody's key changes, so nobody looks at flights.
    FlightsUnseen,
}

/// Parses a name that a scenario is written with.
///
/// # Panics
/// For what is no such name.
pub fn named<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().expect("a name of a scenario is well-formed")
}

/// When everything is: before and after it are all other times.
pub fn now() -> Timestamp {
    named("2026-01-05T07:00:00Z")
}

/// Anything later.
pub fn later() -> Timestamp {
    now() + LATER
}

/// How much later.
pub const LATER: SignedDuration = SignedDuration::from_secs(1);

/// The person of this number.
pub fn person(number: u8) -> PersonKey {
    PersonKey([number; 16])
}

/// The address of this number.
pub fn address(number: u8) -> Identifier {
    Identifier::normalise(&named("email"), &format!("{number}@example.com")).expect("an address")
}

/// The record of an audience.
pub fn in_audience(audience: &str) -> RecordId {
    RecordId::Audience(named(audience))
}

fn change(who: u8, minute: i64, fact: Fact) -> Change {
    Change {
        person: person(who),
        identifiers: BTreeMap::new(),
        fields: BTreeMap::new(),
        fact,
        occurred_at: now() - SignedDuration::from_mins(100 - minute),
        origin: Origin::Live,
    }
}

/// `who` entered at that minute.
pub fn entered(who: u8, minute: i64, audience: &str) -> Change {
    change(who, minute, Fact::Entered { audience: named(audience), properties: BTreeMap::new() })
}

/// `who` left at that minute.
pub fn left(who: u8, minute: i64, audience: &str) -> Change {
    change(who, minute, Fact::Left { audience: named(audience) })
}

/// `who` was told by an address at that minute.
pub fn known_by(who: u8, minute: i64, number: u8) -> Change {
    at_address(change(who, minute, Fact::Profile), number)
}

/// `who` is to be forgotten.
pub fn erased(who: u8, minute: i64) -> Change {
    change(who, minute, Fact::Erased)
}

/// The same change, bringing an address along.
pub fn at_address(change: Change, number: u8) -> Change {
    Change { identifiers: BTreeMap::from([(named("email"), vec![address(number)])]), ..change }
}

/// The context of every merge.
pub fn merge_context() -> MergeContext {
    MergeContext {
        now: now(),
        key_fields: BTreeSet::new(),
        former_for: SignedDuration::from_hours(240),
        sightings_for: SignedDuration::ZERO,
    }
}

impl Scenario {
    /// The activation that everybody is sent for.
    pub fn activation(&self) -> Activation {
        let audiences: BTreeSet<&AudienceId> = self
            .before
            .iter()
            .chain(&self.changes)
            .filter_map(|change| match &change.fact {
                Fact::Entered { audience, .. } | Fact::Left { audience } => Some(audience),
                Fact::Attribute { .. }
                | Fact::Sighted { .. }
                | Fact::Profile
                | Fact::Suppression(_)
                | Fact::MergedInto { .. }
                | Fact::Erased => None,
            })
            .collect();
        let linked: Vec<Json> = audiences.iter().map(|audience| json!({ "audience": audience })).collect();
        let activation = json!({
            "id": "act", "name": "Act", "source": "shop", "audiences": linked, "attributes": [],
            "destination": "vendor", "authorization": "account", "settings": {}, "person_identifier": "ids.email",
            "retry_window_hours": 72, "status": "active", "revision": 1, "layout": 1, "created_at": now(),
        });
        serde_json::from_value(activation).expect("an activation")
    }

    /// The same by other rules.
    pub fn by(&self, rules: Rules) -> Self {
        Self { rules, ..self.clone() }
    }
}
