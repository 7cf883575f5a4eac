//! What Bloomreach knows of people.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The hard id: one customer has one of it.
pub(super) const HARD_ID: &str = "registered";

/// Name of an id → its value.
pub(super) type Ids = BTreeMap<String, String>;

#[derive(Debug, Clone, Default)]
pub(super) struct Customer {
    pub registered: Option<String>,
    /// Name of a soft id → its values.
    pub soft: BTreeMap<String, BTreeSet<String>>,
    pub properties: BTreeMap<String, Property>,
    pub written_at: Timestamp,
}

#[derive(Debug, Clone)]
pub(super) struct Property {
    pub value: Value,
    /// Its `update_timestamp`, in seconds.
    pub updated: f64,
}

/// A customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CustomerView {
    /// The hard id; `None` for whoever is known by soft ids alone.
    pub registered: Option<String>,
    /// Name of a soft id → its values.
    pub soft_ids: BTreeMap<String, BTreeSet<String>>,
    /// By name.
    pub properties: Map<String, Value>,
    /// Name of a property → the `update_timestamp` of its value, in seconds since 1970.
    pub updated: BTreeMap<String, f64>,
    /// When it was last written to, by the twin's clock.
    pub written_at: Timestamp,
}

impl Customer {
    pub(super) fn view(&self) -> CustomerView {
        let Self { registered, soft, properties, written_at } = self;
        CustomerView {
            registered: registered.clone(),
            soft_ids: soft.clone(),
            properties: properties.iter().map(|(name, property)| (name.clone(), property.value.clone())).collect(),
            updated: properties.iter().map(|(name, property)| (name.clone(), property.updated)).collect(),
            written_at: *written_at,
        }
    }
}

/// An event that was taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventView {
    /// The ids that it was sent with.
    pub customer_ids: BTreeMap<String, String>,
    /// Such as `ee_coupon_redeemed`.
    pub event_type: String,
    /// Seconds since 1970, as they were sent: milliseconds are thousands of years away. The twin's now where none
    /// was sent.
    pub timestamp: f64,
    /// By name.
    pub properties: Map<String, Value>,
    /// Of the command in a batch, if it had one.
    pub command_id: Option<String>,
    /// When it was applied, by the twin's clock.
    pub received_at: Timestamp,
}

/// `seconds` since 1970, with their fraction.
pub(super) fn seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}
