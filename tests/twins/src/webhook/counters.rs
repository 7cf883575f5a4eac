//! What the twin counts.

use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Serialize};

use crate::traffic::Traffic;

/// Counts since the start or the last reset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Requests of good form that no accepted secret signed; faults do not count.
    pub signature_failures: u64,
    /// Requests with a `webhook-timestamp` too far from the twin's clock.
    pub stale_timestamps: u64,
    /// Records that were applied.
    pub records: u64,
    /// Arrivals of events after their first.
    pub repeated_events: u64,
    /// Times that the receiver acted on what it had acted on before.
    pub doubled_events: u64,
    /// Checks that were answered.
    pub checks: u64,
    /// Times that the receiver was asked for an event and answered.
    pub asks: u64,
    /// What every twin counts. Requests that were verified are counted by what they say.
    #[serde(flatten)]
    pub traffic: Traffic,
}

impl Deref for Counters {
    type Target = Traffic;

    fn deref(&self) -> &Traffic {
        &self.traffic
    }
}

impl DerefMut for Counters {
    fn deref_mut(&mut self) -> &mut Traffic {
        &mut self.traffic
    }
}
