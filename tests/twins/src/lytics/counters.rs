//! What the twin counts.

use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Serialize};

use crate::traffic::Traffic;

/// Counts since the start or the last reset. Side-door writes count nowhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Scans begun.
    pub scans: u64,
    /// Pages of scans answered.
    pub pages: u64,
    /// Rows of those pages, repeated ones included.
    pub rows: u64,
    /// Requests that called the token a `Bearer`.
    pub bearers: u64,
    /// Tokens that jobs fetched from a token endpoint.
    pub oauth_tokens: u64,
    /// Requests to webhooks, retries included.
    pub webhook_requests: u64,
    /// Of those the answered with a 2xx.
    pub webhooks_accepted: u64,
    /// Of those the tries after the first.
    pub webhook_retries: u64,
    /// Events in accepted webhooks.
    pub events_accepted: u64,
    /// Events that no try brought home, and those of jobs that do not run.
    pub events_lost: u64,
    /// Events above 1 MB, which are never sent.
    pub events_too_large: u64,
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
