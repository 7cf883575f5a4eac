//! What scenarios are made of: names, times, people, the changes that sources tell of them, an activation.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use muster::model::merge::MergeContext;
use muster::model::{
    Activation, AudienceId, Change, Fact, Identifier, Origin, PersonKey, RecordId, Suppression, Transition,
};
use serde_json::{Value as Json, json};

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

/// `who` must not be targeted from that minute on.
pub fn suppressed(who: u8, minute: i64) -> Change {
    change(who, minute, Fact::Suppression(Suppression::Suppressed))
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

/// The audience that a change speaks of.
pub fn audience_of(change: &Change) -> Option<&AudienceId> {
    transition_of(change).map(|(_, audience)| audience)
}

/// Whether a change enters or leaves an audience, and which.
pub fn transition_of(change: &Change) -> Option<(Transition, &AudienceId)> {
    match &change.fact {
        Fact::Entered { audience, .. } => Some((Transition::Entered, audience)),
        Fact::Left { audience } => Some((Transition::Left, audience)),
        Fact::Attribute { .. }
        | Fact::Sighted { .. }
        | Fact::Happened { .. }
        | Fact::Profile
        | Fact::Suppression(_)
        | Fact::MergedInto { .. }
        | Fact::Erased => None,
    }
}

/// The activation of every audience that changes speak of, with `more` about it.
///
/// # Panics
/// For what is no part of an activation.
pub fn activation<'a>(changes: impl Iterator<Item = &'a Change>, more: Json) -> Activation {
    let audiences: BTreeSet<&AudienceId> = changes.filter_map(audience_of).collect();
    let linked: Vec<Json> = audiences.iter().map(|audience| json!({ "audience": audience })).collect();
    let mut activation = json!({
        "id": "act", "name": "Act", "source": "shop", "audiences": linked, "attributes": [],
        "destination": "vendor", "authorization": "account", "settings": {}, "person_identifier": "ids.email",
        "retry_window_hours": 72, "status": "active", "revision": 1, "layout": 1, "created_at": now(),
    });
    if let (Json::Object(all), Json::Object(more)) = (&mut activation, more) {
        all.extend(more);
    }
    serde_json::from_value(activation).expect("an activation")
}
