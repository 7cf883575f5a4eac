//! What the twin counts.

use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Serialize};

use crate::traffic::Traffic;

/// Counts since the start or the last reset. Side-door writes count nowhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Requests answered 403: for another project, for a permission, or by `BadCredentials::Forbidden`.
    pub forbidden: u64,
    /// Requests with a public token.
    pub public_requests: u64,
    /// Batches that were read, refused commands or not.
    pub batches: u64,
    /// Commands that were executed, those of single requests included.
    pub commands: u64,
    /// Commands that failed for themselves, those of single requests included.
    pub refused_commands: u64,
    /// Commands whose `command_id` was executed before, dropped or not.
    pub repeated_commands: u64,
    /// Events taken.
    pub events: u64,
    /// Events like one before in customer, type, time and properties, or under its `command_id`.
    pub doubled_events: u64,
    /// Customers made by a write.
    pub customers_created: u64,
    /// Values of properties with an `update_timestamp` before that of the value they met, whether or not they were
    /// written.
    pub stale_properties: u64,
    /// Values of properties that were `null`, ignored or not.
    pub null_properties: u64,
    /// Commands with a time more than a day after the twin's now, as milliseconds have.
    pub future_timestamps: u64,
    /// Commands without a time.
    pub without_timestamp: u64,
    /// Requests to webhooks, those tried again included.
    pub webhook_requests: u64,
    /// Of those the answered with a 200.
    pub webhooks_accepted: u64,
    /// Of those the tries after the first.
    pub webhook_retries: u64,
    /// Calls of webhooks that no try brought home.
    pub webhooks_lost: u64,
    /// Calls that were never made, since the webhook had stopped.
    pub webhooks_halted: u64,
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
