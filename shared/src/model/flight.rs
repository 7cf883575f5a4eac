//! The note that people are being sent right now, written before a byte leaves. One that still stands
//! when every worker must have ended says that nobody knows what the vendor applied.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{ActivationId, FlightId, PersonKey};
use super::message::Lane;
use super::person::Version;

/// A flight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flight {
    /// Its id.
    pub id: FlightId,
    /// For which activation.
    pub activation: ActivationId,
    /// By which lane they went, and go again.
    pub lane: Lane,
    /// When it was written.
    pub started_at: Timestamp,
    /// How much longer than a single call the vendor may apply what went with it, in seconds: files.
    #[serde(default)]
    pub late_seconds: i64,
    /// Who, and why it stands.
    #[serde(flatten)]
    pub kind: FlightKind,
}

/// Why a flight stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FlightKind {
    /// A worker is sending, or ended without knowing what was applied.
    Sending {
        /// Whom.
        people: Vec<PersonKey>,
    },
    /// The vendor took it and applies it later, at the latest at `until`.
    Landing {
        /// The version sent, by person.
        sent: BTreeMap<PersonKey, Version>,
        /// When it must have been applied.
        until: Timestamp,
        /// By what the vendor can be asked, and from when on; nothing where it can only be looked at `until`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        asking: Option<Asking>,
    },
}

/// What is to be asked of the vendor before a landing must be over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asking {
    /// What its calls left.
    pub handles: Vec<serde_json::Value>,
    /// Not before this time.
    pub at: Timestamp,
}

impl Flight {
    /// Everybody in it.
    pub fn people(&self) -> Vec<PersonKey> {
        match &self.kind {
            FlightKind::Sending { people } => people.clone(),
            FlightKind::Landing { sent, .. } => sent.keys().copied().collect(),
        }
    }

    /// From when on the sweep acts on it.
    pub fn acted_on_at(&self, sweep_age: jiff::SignedDuration) -> Timestamp {
        let overdue_at = self.overdue_at(sweep_age);
        match &self.kind {
            FlightKind::Landing { asking: Some(asking), .. } => asking.at.min(overdue_at),
            FlightKind::Landing { asking: None, .. } | FlightKind::Sending { .. } => overdue_at,
        }
    }

    /// From when on nothing that went with it can be applied any more, given the longest run plus the longest late
    /// application.
    pub fn overdue_at(&self, sweep_age: jiff::SignedDuration) -> Timestamp {
        match &self.kind {
            FlightKind::Sending { .. } => {
                let age = sweep_age.saturating_add(jiff::SignedDuration::from_secs(self.late_seconds));
                self.started_at.saturating_add(age).unwrap_or(Timestamp::MAX)
            }
            FlightKind::Landing { until, .. } => *until,
        }
    }
}
