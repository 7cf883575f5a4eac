//! The routes of the receiver.

use serde::{Deserialize, Serialize};

/// A route, and for posted requests what they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteKind {
    /// `people.state`.
    People,
    /// `audience.entered`, `audience.left` or `person.event`.
    Event,
    /// `muster.check`.
    Check,
    /// `GET …/{webhook-id}`.
    Ask,
}

impl RouteKind {
    /// The key in `Traffic::requests_by_route`.
    pub fn template(self) -> &'static str {
        match self {
            Self::People => "POST people.state",
            Self::Event => "POST audience.*",
            Self::Check => "POST muster.check",
            Self::Ask => "GET ask/:id",
        }
    }
}

/// Where a request goes, before its body is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Door {
    Post,
    /// With the asked `webhook-id`.
    Ask(String),
}

/// Paths that the receiver has.
#[derive(Debug, Clone)]
pub(super) struct Paths {
    pub post: String,
    pub ask: Option<String>,
}

impl Paths {
    /// `None` for a route that the receiver does not have.
    pub(super) fn door(&self, method: &str, path: &str, query: &str) -> Option<Door> {
        if !query.is_empty() {
            return None;
        }
        match method {
            "POST" if path == self.post => Some(Door::Post),
            "GET" => {
                let id = path.strip_prefix(self.ask.as_deref()?)?.strip_prefix('/')?;
                (!id.is_empty() && !id.contains('/')).then(|| Door::Ask(id.to_owned()))
            }
            _ => None,
        }
    }
}
