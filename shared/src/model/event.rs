//! Events: what happened to a person and is told once, as it was.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

pub use super::ids::{EventId, EventName};

/// What a source says of an event: any JSON. Personal: its `Debug` says nothing.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Details(pub Map<String, Json>);

impl Details {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for Details {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Details([redacted])")
    }
}
