//! What the receiver knows.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::message::Happening;

/// What was last told of an id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PersonView {
    /// Which activation told it.
    pub activation: String,
    /// Whether somebody is under this id.
    pub standing: Standing,
    /// By audience; empty for whoever left.
    pub audiences: BTreeMap<String, AudienceView>,
    /// By attribute; empty for whoever left.
    pub attributes: BTreeMap<String, Value>,
    /// When it was applied, by the twin's clock.
    pub written_at: Timestamp,
    /// Among all records that were applied or seeded the place of this one, from 1.
    pub write: u64,
}

/// Whether somebody is under an id. Whoever was forgotten is not there at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Somebody is.
    Present,
    /// Nobody is any more.
    Left,
}

/// A person's membership.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub enum AudienceView {
    /// Inside.
    Inside {
        /// What the source says of the membership.
        properties: BTreeMap<String, Value>,
    },
    // With braces, so that a key too many is refused.
    /// Was inside.
    Left {},
    /// Never was inside.
    Never {},
}

/// An event and how often it came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventView {
    /// Its `webhook-id`.
    pub webhook_id: String,
    /// What happened.
    pub what: Happening,
    /// To whom.
    pub id: String,
    /// In which audience; of an event that was passed on, its name.
    pub audience: String,
    /// What the source said of it.
    pub properties: BTreeMap<String, Value>,
    /// When it happened at the source.
    pub timestamp: Timestamp,
    /// Which activation told it.
    pub activation: String,
    /// Among all events the place of its first arrival, from 1.
    pub place: u64,
    /// How often it arrived and was not lost.
    pub arrived: u64,
    /// How often the receiver acted on it.
    pub acted: u64,
}
