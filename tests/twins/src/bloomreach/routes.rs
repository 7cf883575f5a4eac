//! The routes of vendor file 2; whatever is not here is unexpected.

use serde::{Deserialize, Serialize};

/// A route without its project, for matching faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteKind {
    /// `POST /track/v2/projects/:project/customers`
    Customers,
    /// `POST /track/v2/projects/:project/customers/events`
    Events,
    /// `POST /track/v2/projects/:project/batch`
    Batch,
}

impl RouteKind {
    /// The key in `Traffic::requests_by_route`.
    pub fn template(self) -> &'static str {
        match self {
            Self::Customers => "POST /track/v2/projects/:project/customers",
            Self::Events => "POST /track/v2/projects/:project/customers/events",
            Self::Batch => "POST /track/v2/projects/:project/batch",
        }
    }
}

/// A route and the project token in its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Route<'a> {
    pub kind: RouteKind,
    pub project: &'a str,
}

impl<'a> Route<'a> {
    pub(super) fn parse(method: &str, path: &'a str, query: &str) -> Option<Self> {
        if method != "POST" || !query.is_empty() {
            return None;
        }
        let (project, rest) = path.strip_prefix("/track/v2/projects/")?.split_once('/')?;
        let kind = match rest {
            "customers" => RouteKind::Customers,
            "customers/events" => RouteKind::Events,
            "batch" => RouteKind::Batch,
            _ => return None,
        };
        (!project.is_empty()).then_some(Self { kind, project })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_route_names_its_project() {
        for (rest, kind) in
            [("customers", RouteKind::Customers), ("customers/events", RouteKind::Events), ("batch", RouteKind::Batch)]
        {
            let path = format!("/track/v2/projects/p-1/{rest}");
            assert_eq!(Route::parse("POST", &path, ""), Some(Route { kind, project: "p-1" }));
            assert_eq!(Route::parse("GET", &path, ""), None);
            assert_eq!(Route::parse("POST", &path, "a=b"), None);
            assert_eq!(Route::parse("POST", &format!("{path}/"), ""), None);
        }
        assert_eq!(Route::parse("POST", "/track/v2/projects//batch", ""), None);
        assert_eq!(Route::parse("POST", "/track/v2/projects/p-1/system/time", ""), None);
    }
}
