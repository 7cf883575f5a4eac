//! What the twin counts.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Serialize};

use super::objects::InputArray;
use crate::traffic::Traffic;

/// Counts since the start or the last reset. What the side door does counts nowhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// Objects that were taken, by array: without faulty ones and refused requests, with those for nobody.
    pub objects: BTreeMap<InputArray, u64>,
    /// Most objects in one request that could be read, refused and struck ones included.
    pub max_objects_in_one_request: u64,
    /// Largest body, refused and struck ones included.
    pub max_body_bytes: u64,
    /// Requests with too many objects.
    pub too_many_objects: u64,
    /// Requests with too many bytes.
    pub too_large: u64,
    /// Requests without any object.
    pub without_objects: u64,
    /// Objects that were told as errors.
    pub faulty_objects: u64,
    /// Objects for nobody, which were not to create anybody.
    pub ignored_objects: u64,
    /// Nested updates that were silently dropped.
    pub dropped_nested: u64,
    /// Attributes and properties that were silently dropped, see [`Invalid`](super::Invalid).
    pub dropped_values: u64,
    /// Updates of `{"inc": …}` that were applied.
    pub increments: u64,
    /// Profiles that objects created.
    pub created_profiles: u64,
    /// Events that were applied and are in no way different from one before.
    pub doubled_events: u64,
    /// Likewise purchases.
    pub doubled_purchases: u64,
    /// Events and purchases with an older time than one that was applied before for the same person.
    pub out_of_order: u64,
    /// Requests before the reset that a 429 told of, whoever was told it; those of faults too.
    pub before_reset: u64,
    /// Most requests within one window of three seconds, those beyond the rate included.
    pub max_requests_in_one_window: u64,
    /// Calls of webhooks that ended.
    pub webhook_requests: u64,
    /// Those of them that were no first ones.
    pub webhook_retries: u64,
    /// Calls that were not made because the host is unhealthy.
    pub webhooks_simulated: u64,
    /// Webhooks that were given up.
    pub webhooks_lost: u64,
    /// What every twin counts; `rate_limited` are the requests beyond the rate.
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
