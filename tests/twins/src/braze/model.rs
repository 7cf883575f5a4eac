//! What the workspace knows, as tests see it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A name within a label, instead of or beside an external id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alias {
    /// What kind of name it is.
    #[serde(rename = "alias_label")]
    pub label: String,
    /// The name.
    #[serde(rename = "alias_name")]
    pub name: String,
}

/// Who made a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The handle or the side door.
    Seeded,
    /// An object of a request.
    Created,
}

/// A profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProfileView {
    /// Braze's own id.
    pub braze_id: String,
    /// Absent for a profile that is known by something else only.
    pub external_id: Option<String>,
    /// Another name.
    pub alias: Option<Alias>,
    /// A standard attribute.
    pub email: Option<String>,
    /// A standard attribute.
    pub phone: Option<String>,
    /// All other attributes by name; a deleted one is not there.
    pub attributes: Map<String, Value>,
    /// Who made it.
    pub origin: Origin,
    /// When an object was last applied to it, by the twin's clock.
    pub written_at: Option<Timestamp>,
    /// How many objects were applied to it.
    pub writes: u64,
    /// The latest time of its events and purchases.
    pub latest_time: Option<Timestamp>,
}

/// A profile to be put there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SeedProfile {
    /// Must be free.
    pub external_id: Option<String>,
    /// Must be free.
    pub alias: Option<Alias>,
    /// Several profiles may have the same.
    pub email: Option<String>,
    /// Several profiles may have the same.
    pub phone: Option<String>,
    /// Taken as they are.
    pub attributes: Map<String, Value>,
}

/// An event that was applied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventView {
    /// Whose; absent where the profile has none.
    pub external_id: Option<String>,
    /// Whose.
    pub braze_id: String,
    /// What happened.
    pub name: String,
    /// When, as was sent.
    pub time: Timestamp,
    /// What was said of it.
    pub properties: Map<String, Value>,
    /// In which app.
    pub app_id: Option<String>,
    /// When it was applied, by the twin's clock.
    pub applied_at: Timestamp,
    /// Among all requests that were taken the one that brought it, from 1.
    pub request: u64,
}

/// A purchase that was applied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PurchaseView {
    /// Whose; absent where the profile has none.
    pub external_id: Option<String>,
    /// Whose.
    pub braze_id: String,
    /// What was bought.
    pub product_id: String,
    /// Three letters.
    pub currency: String,
    /// In units of the currency.
    pub price: f64,
    /// How many; 1 where nothing was said.
    pub quantity: u64,
    /// When, as was sent.
    pub time: Timestamp,
    /// What was said of it.
    pub properties: Map<String, Value>,
    /// In which app.
    pub app_id: Option<String>,
    /// When it was applied, by the twin's clock.
    pub applied_at: Timestamp,
    /// Among all requests that were taken the one that brought it, from 1.
    pub request: u64,
}
