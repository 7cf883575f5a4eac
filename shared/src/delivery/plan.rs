//! What one record must be told, worked out from the row alone: who leaves under which former key, and
//! what the current key shall show.

use std::collections::BTreeMap;

use crate::destination::{Shown, Shows};
use crate::model::{
    Activation, GoneReason, Identifier, Membership, Outcome, Path, Person, PersonKey, RecordId, Standing,
};

/// The plan for one record.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Whose.
    pub person: PersonKey,
    /// Which record.
    pub record: RecordId,
    /// Keys under which nobody of ours is any more, told before the arrival.
    pub departures: Vec<Departure>,
    /// What the current key shall show.
    pub arrival: Arrival,
}

/// A key to leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departure {
    /// Which.
    pub key: Identifier,
    /// How.
    pub how: Farewell,
}

/// How a key is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Farewell {
    /// Outside every audience.
    Leave,
    /// Nothing of ours may remain.
    Forget,
}

/// What the current key shall show.
#[derive(Debug, Clone, PartialEq)]
pub enum Arrival {
    /// This.
    Show {
        /// The key.
        key: Identifier,
        /// The whole of the record.
        shown: Shown,
    },
    /// There is something to show and no usable key to show it under.
    NoKey,
    /// There is nobody to show.
    Nobody,
    /// The person must not be targeted: the current key is among the departures where it was ever spoken of.
    Withheld,
}

/// Why somebody who must not be targeted is not sent.
pub(super) const SUPPRESSED: &str = "suppressed at the source";

/// Plans one record.
pub fn plan(person: &Person, standing: &Standing, activation: &Activation, record: &RecordId) -> Plan {
    let path = &activation.person_identifier;
    let mut arrival = arrival(person, activation, record);
    let current = match &arrival {
        Arrival::Show { key, .. } => Some(key.clone()),
        Arrival::NoKey | Arrival::Nobody | Arrival::Withheld => None,
    };
    let mut departures = departures(person, path);
    // The key may be newer than the end and stay, while what was shown under it is void.
    if let Some(gone) = &person.gone
        && arrival == Arrival::Nobody
        && let Some(key) = person.key_at(path)
    {
        departures.retain(|departure| departure.key != key);
        departures.push(Departure { key, how: farewell(gone.reason) });
    }
    departures.retain(|departure| Some(&departure.key) != current.as_ref());
    if person.is_suppressed() && matches!(arrival, Arrival::Show { .. } | Arrival::NoKey) {
        let key = current.filter(|_| was_spoken_of(standing, record));
        departures.extend(key.map(|key| Departure { key, how: Farewell::Leave }));
        arrival = Arrival::Withheld;
    }
    Plan { person: person.key, record: record.clone(), departures, arrival }
}

/// Whether the vendor may hold anything of the record that was not taken back when the person was suppressed.
fn was_spoken_of(standing: &Standing, record: &RecordId) -> bool {
    let Some(receipt) = standing.receipt(record) else { return standing.doubt_of(record) > 0 };
    let withdrawn = matches!(&receipt.outcome, Outcome::Filtered { reason, .. } if reason.as_str() == SUPPRESSED);
    !withdrawn || receipt.doubt < standing.doubt_of(record)
}

fn farewell(reason: GoneReason) -> Farewell {
    match reason {
        GoneReason::Merged { .. } => Farewell::Leave,
        GoneReason::Erased => Farewell::Forget,
    }
}

fn departures(person: &Person, path: &Path) -> Vec<Departure> {
    let mut by_key: BTreeMap<Identifier, Farewell> = BTreeMap::new();
    for former in person.former.iter().filter(|former| former.path == *path) {
        by_key.entry(former.value.clone()).or_insert(Farewell::Leave);
    }
    if let Some(gone) = &person.gone {
        let how = farewell(gone.reason);
        for (_, value) in gone.keys.iter().filter(|(kept, _)| kept == path) {
            by_key.insert(value.clone(), how);
        }
    }
    by_key.into_iter().map(|(key, how)| Departure { key, how }).collect()
}

fn arrival(person: &Person, activation: &Activation, record: &RecordId) -> Arrival {
    let shown = shown(person, activation, record);
    let nobody = person.gone.is_some() && !says_anything(&shown);
    let unlinked = matches!(record, RecordId::Audience(audience) if !shown.audiences.contains_key(audience));
    if nobody || unlinked {
        return Arrival::Nobody;
    }
    match person.key_at(&activation.person_identifier) {
        Some(key) => Arrival::Show { key, shown },
        None => Arrival::NoKey,
    }
}

fn says_anything(shown: &Shown) -> bool {
    !shown.attributes.is_empty() || shown.audiences.values().any(|shows| *shows != Shows::Never)
}

fn shown(person: &Person, activation: &Activation, record: &RecordId) -> Shown {
    let of_record = |audience: &&crate::model::AudienceId| match record {
        RecordId::Person => true,
        RecordId::Audience(only) => only == *audience,
    };
    let audiences = activation
        .live_audiences()
        .filter(of_record)
        .map(|audience| {
            let shows = match person.memberships.get(audience).map(|entry| &entry.value) {
                Some(Membership::Inside { properties }) => Shows::Inside(properties.clone()),
                Some(Membership::Left) => Shows::Left,
                None => Shows::Never,
            };
            (audience.clone(), shows)
        })
        .collect();
    let attributes = activation
        .attributes
        .iter()
        .filter_map(|link| {
            let entry = person.attributes.get(&link.attribute)?;
            Some((link.attribute.clone(), entry.value.clone()))
        })
        .collect();
    let names = activation.triggers.union(&activation.reads.fields);
    let fields = names.filter_map(|name| Some((name.clone(), person.fields.get(name)?.value.clone()))).collect();
    let kinds = activation.reads.identifiers.iter();
    let identifiers =
        kinds.filter_map(|kind| Some((kind.clone(), person.identifiers.get(kind)?.value.clone()))).collect();
    let spoken_of = activation.live_audiences().filter(of_record);
    let since =
        spoken_of.filter_map(|audience| Some((audience.clone(), person.memberships.get(audience)?.occurred_at)));
    Shown { audiences, attributes, fields, identifiers, since: since.collect() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::{SignedDuration, Timestamp};
    use serde_json::json;

    use super::*;
    use crate::model::merge::{MergeContext, merge};
    use crate::model::{Change, Fact, Origin};

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn email() -> Identifier {
        Identifier::normalise(&"email".parse().unwrap(), "new@example.com").unwrap()
    }

    /// Somebody in the audience `a` since second 5, whose address came at second 6.
    fn merged(end: Fact) -> Person {
        let key = PersonKey([1; 16]);
        let change = |fact, identifiers: &[Identifier], at| Change {
            person: key,
            identifiers: identifiers.iter().map(|value| ("email".parse().unwrap(), vec![value.clone()])).collect(),
            fields: BTreeMap::new(),
            fact,
            occurred_at: second(at),
            origin: Origin::Live,
        };
        let context = MergeContext {
            now: second(60),
            key_fields: BTreeSet::new(),
            former_for: SignedDuration::from_hours(24),
            sightings_for: SignedDuration::from_hours(24),
        };
        let entered = Fact::Entered { audience: "a".parse().unwrap(), properties: BTreeMap::new() };
        let changes = [change(entered, &[], 5), change(Fact::Profile, &[email()], 6), change(end, &[], 5)];
        let mut person = Person::new(key, "shop".parse().unwrap());
        for (version, change) in (1..).zip(&changes) {
            merge(&mut person, change, version, &context);
        }
        person
    }

    fn activation() -> Activation {
        serde_json::from_value(json!({
            "id": "act", "name": "Act", "source": "shop", "audiences": [{"audience": "a"}], "attributes": [],
            "destination": "d", "authorization": "account", "settings": {}, "person_identifier": "ids.email",
            "retry_window_hours": 72, "status": "active", "revision": 1, "layout": 1,
            "created_at": "2026-01-05T07:00:00Z",
        }))
        .unwrap()
    }

    #[test]
    fn a_key_newer_than_the_end_is_told_to_leave_too() {
        let survivor = PersonKey([2; 16]);
        for (end, how) in [(Fact::Erased, Farewell::Forget), (Fact::MergedInto { survivor }, Farewell::Leave)] {
            for record in [RecordId::Person, RecordId::Audience("a".parse().unwrap())] {
                let plan = plan(&merged(end.clone()), &Standing::default(), &activation(), &record);
                assert_eq!(plan.arrival, Arrival::Nobody);
                assert_eq!(plan.departures, [Departure { key: email(), how }]);
            }
        }
    }
}
