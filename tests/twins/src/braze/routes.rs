//! The routes of vendor file 3; whatever is not here is unexpected.

use serde::{Deserialize, Serialize};

/// A route, for matching faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteKind {
    /// `POST /users/track`
    Track,
}

impl RouteKind {
    /// The key in `Traffic::requests_by_route`.
    pub fn template(self) -> &'static str {
        match self {
            Self::Track => "POST /users/track",
        }
    }

    /// What a key needs.
    pub(super) fn permission(self) -> &'static str {
        match self {
            Self::Track => "users.track",
        }
    }

    pub(super) fn parse(method: &str, path: &str, query: &str) -> Option<Self> {
        match (method, path, query) {
            ("POST", "/users/track", "") => Some(Self::Track),
            _ => None,
        }
    }
}
