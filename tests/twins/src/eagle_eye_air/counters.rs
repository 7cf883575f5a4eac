//! What the twin counts.

use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Serialize};

use crate::traffic::Traffic;

/// Counts since the start or the last reset. Side-door writes count as events only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Rewards granted.
    pub rewards: u64,
    /// Points of those.
    pub points_given: u64,
    /// Coupons among them.
    pub coupons_given: u64,
    /// Rewards granted under a `walletTransaction.reference` that an earlier reward had, whoever got it.
    pub doubled_references: u64,
    /// Of those the ones of the same wallet and action: somebody got the same thing twice.
    pub doubled_rewards: u64,
    /// Triggers refused for a reference that was used before, or answered again.
    pub repeated_references: u64,
    /// Triggers refused for a campaign's `consumerLimit`.
    pub over_limit: u64,
    /// Triggers for an identity that no wallet has.
    pub unknown_identities: u64,
    /// Events made.
    pub events: u64,
    /// Requests to subscribers, retries included.
    pub event_requests: u64,
    /// Of those the answered with 200 or 201.
    pub events_accepted: u64,
    /// Of those the tries after the first.
    pub event_retries: u64,
    /// Of those the answered with 429.
    pub events_postponed: u64,
    /// Events that no try brought home.
    pub events_dead: u64,
    /// What every twin counts.
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
