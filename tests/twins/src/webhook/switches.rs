//! What the contract leaves to the receiver.

use serde::{Deserialize, Serialize};

use crate::faults::RetryAfter;

/// How this receiver behaves within the contract. As JSON the names are the field names, enum values in
/// `snake_case`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// What a request that was taken is answered.
    pub answers: Answers,
    /// Order of the records in an answer of [`Answers::Results`].
    pub order: ResultOrder,
    /// Most records of one request; more are unexpected.
    pub batch: usize,
    /// Requests within a sliding second of the twin's clock; beyond it 429.
    pub per_second: Option<u32>,
    /// Requests within a sliding minute; beyond it 429.
    pub per_minute: Option<u32>,
    /// What a 429 of these limits says about when to come back.
    pub retry_after: RetryAfter,
    /// What becomes of an event that comes again under its `webhook-id`.
    pub doubles: Doubles,
    /// Largest distance between `webhook-timestamp` and the twin's clock, in seconds.
    pub skew_seconds: u32,
    /// Milliseconds a timeout fault holds the answer if the client does not go away first.
    pub hold_ms: u64,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            answers: Answers::Empty,
            order: ResultOrder::AsSent,
            batch: 75,
            per_second: None,
            per_minute: None,
            retry_after: RetryAfter::Seconds(1),
            doubles: Doubles::Dropped,
            skew_seconds: 300,
            hold_ms: 60_000,
        }
    }
}

/// What a request that was taken is answered. Only records have results: events, checks and asks are
/// answered empty then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answers {
    /// 204 without a body.
    Empty,
    /// 200 with a text that means nothing.
    Text,
    /// 200 with a status for each record.
    Results,
}

/// Order of the records in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResultOrder {
    /// As in the request.
    AsSent,
    /// The last one first.
    Reversed,
}

/// What becomes of an event that comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubles {
    /// It is known by its `webhook-id` and dropped.
    Dropped,
    /// It is acted on again.
    Acted,
}
