//! What must still be sent: a pure question to the row.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::activation::Activation;
use super::ids::{AudienceId, RecordId};
use super::person::{Person, Version};
use super::standing::{Outcome, Standing};

/// What a destination holds of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordShape {
    /// One thing.
    PerPerson,
    /// One thing per linked audience.
    PerPersonAndAudience,
}

/// How urgent a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Something relevant is newer than the receipt, or in doubt.
    Pending,
    /// A try failed; pending, but not before this time.
    Waiting(Timestamp),
    /// Settled for a reason that the vendor's side can change: a catch-up looks again.
    Open,
    /// Nothing to do.
    Settled,
}

/// The records of a person at an activation: those with something to say, and those spoken of before.
pub fn records(
    person: &Person,
    standing: &Standing,
    activation: &Activation,
    shape: RecordShape,
) -> BTreeSet<RecordId> {
    let mut records: BTreeSet<RecordId> = standing.records.keys().cloned().collect();
    match shape {
        RecordShape::PerPerson => {
            let speaks = activation.live_audiences().any(|audience| person.memberships.contains_key(audience))
                || activation.attributes.iter().any(|link| person.attributes.contains_key(&link.attribute));
            if speaks || standing.doubt > 0 {
                records.insert(RecordId::Person);
            }
        }
        RecordShape::PerPersonAndAudience => {
            let spoken_of = activation.live_audiences().filter(|audience| person.memberships.contains_key(*audience));
            // A run that died may have spoken of any, before a link was taken away too: a former key must leave it.
            let doubtful = activation.audiences.iter().filter(|_| standing.doubt > 0).map(|link| &link.audience);
            records.extend(spoken_of.chain(doubtful).cloned().map(RecordId::Audience));
        }
    }
    records
}

/// The newest version of anything that the record depends on.
pub fn relevant_version(person: &Person, activation: &Activation, record: &RecordId) -> Version {
    let membership = |audience: &AudienceId| person.memberships.get(audience).map_or(0, |entry| entry.version);
    let memberships = match record {
        RecordId::Person => activation.live_audiences().map(membership).max().unwrap_or(0),
        // Nobody is nudged for a link that was taken away.
        RecordId::Audience(audience) => {
            activation.live_audiences().find(|live| *live == audience).map_or(0, membership)
        }
    };
    let attributes = activation.attributes.iter().filter_map(|link| person.attributes.get(&link.attribute));
    let triggers = activation.triggers.iter().filter_map(|name| person.fields.get(name));
    attributes
        .chain(triggers)
        .map(|entry| entry.version)
        .chain([
            memberships,
            person.version_at(&activation.person_identifier),
            person.gone.as_ref().map_or(0, |gone| gone.version),
            person.suppression.as_ref().map_or(0, |entry| entry.version),
        ])
        .max()
        .unwrap_or(0)
}

/// Whether one record must be sent. True for a record without a receipt.
pub fn due(person: &Person, standing: &Standing, activation: &Activation, record: &RecordId) -> Due {
    let Some(receipt) = standing.receipt(record) else {
        return Due::Pending;
    };
    if let Outcome::Waiting { not_before, .. } = receipt.outcome {
        return Due::Waiting(not_before);
    }
    if receipt.version < relevant_version(person, activation, record)
        || receipt.revision < activation.revision
        || receipt.doubt < standing.doubt_of(record)
    {
        return Due::Pending;
    }
    match receipt.outcome {
        Outcome::Filtered { open: true, .. } | Outcome::Rejected { open: true, .. } => Due::Open,
        Outcome::Delivered | Outcome::Filtered { .. } | Outcome::Rejected { .. } | Outcome::Parked { .. } => {
            Due::Settled
        }
        Outcome::Waiting { not_before, .. } => Due::Waiting(not_before),
    }
}
