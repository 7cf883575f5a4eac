//! One switch per unknown of the vendor's documentation (vendor file 2, 3, 5 and 7).

use serde::{Deserialize, Serialize};

use crate::faults::RetryAfter;

/// How the twin reads what the documentation leaves open. The default is the strictest or most harmful reading. As
/// JSON the names are the field names, enum values in `snake_case`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// What becomes of a command whose `command_id` was executed before.
    pub doubles: Doubles,
    /// Whether `update_timestamp` decides between two values of a property.
    pub update_order: UpdateOrder,
    /// The order in which the commands of a batch are executed.
    pub batch_order: BatchOrder,
    /// Another seed shuffles otherwise.
    pub shuffle_seed: u64,
    /// Most commands of a batch; more are refused whole.
    pub batch_limit: usize,
    /// The status of that refusal.
    pub batch_over_status: u16,
    /// What becomes of a batch with a command that the caller may not give.
    pub batch_permission: BatchPermission,
    /// What a caller that nobody knows is answered.
    pub bad_credentials: BadCredentials,
    /// What `null` does to a property.
    pub null_property: NullProperty,
    /// Requests within a sliding second of the twin's clock, from all callers; beyond it 429.
    pub per_second: Option<u32>,
    /// What a 429 of that limit says about when to come back.
    pub retry_after: RetryAfter,
    /// Milliseconds before any request is looked at; for benches.
    pub latency_ms: u64,
    /// Milliseconds a timeout fault holds the answer if the client does not go away first.
    pub hold_ms: u64,

    /// Milliseconds (real ones) after which the answer of a webhook is not waited for any longer.
    pub answer_timeout_ms: u64,
    /// Requests of one webhook that are open at the same time.
    pub webhook_workers: usize,
    /// How often a request of a webhook that is to be tried again is.
    pub webhook_retries: u32,
    /// Seconds of the twin's clock before it is tried again.
    pub webhook_retry_seconds: u32,
    /// What is tried again besides 500.
    pub webhook_retry_on: RetryOn,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            doubles: Doubles::Executed,
            update_order: UpdateOrder::LastArrival,
            batch_order: BatchOrder::Shuffled,
            shuffle_seed: 1,
            batch_limit: 50,
            batch_over_status: 400,
            batch_permission: BatchPermission::Whole,
            bad_credentials: BadCredentials::Unauthorized,
            null_property: NullProperty::Ignored,
            per_second: Some(150),
            retry_after: RetryAfter::Seconds(1),
            latency_ms: 0,
            hold_ms: 60_000,
            answer_timeout_ms: 1_000,
            webhook_workers: 4,
            webhook_retries: 3,
            webhook_retry_seconds: 60,
            webhook_retry_on: RetryOn::NoAnswer,
        }
    }
}

/// What becomes of a command that comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubles {
    /// It is executed again: an event is there twice.
    Executed,
    /// It is known by its `command_id`, dropped, and answered as a success.
    Dropped,
}

/// Which of two values of a property stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpdateOrder {
    /// The one that arrived last. Two commands for a customer in one batch arrive in any order.
    LastArrival,
    /// The one with the later `update_timestamp`; of two alike the one that arrived last.
    ByTimestamp,
}

/// In which order the commands of a batch are executed. Results come in the order of the commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchOrder {
    /// By chance: by `shuffle_seed` and the body, so the same batch is always executed in the same order.
    Shuffled,
    /// The last one first.
    Reversed,
    /// As they were sent.
    AsSent,
}

/// What becomes of a batch with a command that the caller may not give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchPermission {
    /// 403, nothing is applied.
    Whole,
    /// That command fails in its result, with a 200 around it.
    PerCommand,
}

/// What a caller that nobody knows is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BadCredentials {
    /// 401, which is in no table of the vendor's.
    Unauthorized,
    /// 403, as without the permission.
    Forbidden,
}

/// What `null` does to a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NullProperty {
    /// Nothing: the value before stays.
    Ignored,
    /// It is the value.
    Stored,
}

/// What of a webhook is tried again. A 200 is accepted and a 400 stops the webhook in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryOn {
    /// 500, and an answer that did not come in time: what was taken comes again. Any other status is lost.
    NoAnswer,
    /// 500 alone; whatever was not answered in time is lost.
    ServerError,
    /// Whatever was not accepted.
    AnyError,
}
