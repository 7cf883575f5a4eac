//! The routes of vendor file 10.1; whatever is not here is unexpected.

use serde::{Deserialize, Serialize};

use super::credentials::Privilege;

/// A route, for matching faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteKind {
    /// `POST /services2/authorization/oAuth2/Token`
    Token,
    /// `POST /services2/api/Data`
    Data,
    /// `GET /services2/api/Table`
    Tables,
    /// `GET /services2/api/SearchRecords`
    SearchRecords,
    /// `POST /services2/api/Import`
    ImportCreate,
    /// `GET /services2/api/Import`
    ImportStatus,
}

impl RouteKind {
    /// The key in `Traffic::requests_by_route`.
    pub fn template(self) -> &'static str {
        match self {
            Self::Token => "POST /services2/authorization/oAuth2/Token",
            Self::Data => "POST /services2/api/Data",
            Self::Tables => "GET /services2/api/Table",
            Self::SearchRecords => "GET /services2/api/SearchRecords",
            Self::ImportCreate => "POST /services2/api/Import",
            Self::ImportStatus => "GET /services2/api/Import",
        }
    }

    /// Every method leads to the data load, which answers 405 to those that it does not take.
    pub(super) fn parse(method: &str, path: &str) -> Option<Self> {
        match (method, path) {
            ("POST", "/services2/authorization/oAuth2/Token") => Some(Self::Token),
            (_, "/services2/api/Data") => Some(Self::Data),
            ("GET", "/services2/api/Table") => Some(Self::Tables),
            ("GET", "/services2/api/SearchRecords") => Some(Self::SearchRecords),
            ("POST", "/services2/api/Import") => Some(Self::ImportCreate),
            ("GET", "/services2/api/Import") => Some(Self::ImportStatus),
            _ => None,
        }
    }

    /// What the owner of the key must be allowed; nothing for a token.
    pub(super) fn privilege(self) -> Option<Privilege> {
        match self {
            Self::Token => None,
            Self::Data => Some(Privilege::Data),
            Self::Tables => Some(Privilege::Tables),
            Self::SearchRecords => Some(Privilege::Search),
            Self::ImportCreate | Self::ImportStatus => Some(Privilege::Imports),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_in_the_table_is_no_route() {
        for (method, path) in [
            ("GET", "/services2/authorization/oAuth2/Token"),
            ("POST", "/services/authorization/oauth2/token"),
            ("POST", "/services2/api/Recipients"),
            ("POST", "/services2/api/Campaign/7/Trigger"),
            ("POST", "/services2/api/Table"),
            ("DELETE", "/services2/api/Import"),
            ("POST", "/services2/api/data"),
            ("GET", "/services2/help/"),
        ] {
            assert_eq!(RouteKind::parse(method, path), None, "{method} {path}");
        }
    }
}
