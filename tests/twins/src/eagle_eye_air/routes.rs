//! The routes of vendor file 4 and 5 that the twin has; whatever is not here is unexpected.

use serde::{Deserialize, Serialize};

/// Numeric ids; a wallet or transaction with another kind of id does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Trigger,
    WalletByIdentity(String),
    Wallet(u64),
    Identities(u64),
    Consumer(u64),
    Accounts(u64),
    TransactionByReference(String),
    Transaction(u64, u64),
    Transactions(u64, Filter),
}

/// What a list of transactions is narrowed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Filter {
    pub kind: Option<String>,
    pub status: Option<String>,
    pub limit: Option<usize>,
    pub offset: usize,
}

/// A route without its ids, for matching faults. Each exists with and without `/2.0` before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteKind {
    /// `POST /services/trigger`
    Trigger,
    /// `GET /wallet?identity-value=`
    WalletByIdentity,
    /// `GET /wallet/:id`
    Wallet,
    /// `GET /wallet/:id/identities`
    Identities,
    /// `GET /wallet/:id/consumer`
    Consumer,
    /// `GET /wallet/:id/accounts`
    Accounts,
    /// `GET /wallet/transaction?reference=`
    TransactionByReference,
    /// `GET /wallet/:id/transaction/:tid`
    Transaction,
    /// `GET /wallet/:id/transactions`
    Transactions,
}

impl RouteKind {
    /// The key in `Traffic::requests_by_route`.
    pub fn template(self) -> &'static str {
        match self {
            Self::Trigger => "POST /services/trigger",
            Self::WalletByIdentity => "GET /wallet?identity-value=",
            Self::Wallet => "GET /wallet/:id",
            Self::Identities => "GET /wallet/:id/identities",
            Self::Consumer => "GET /wallet/:id/consumer",
            Self::Accounts => "GET /wallet/:id/accounts",
            Self::TransactionByReference => "GET /wallet/transaction?reference=",
            Self::Transaction => "GET /wallet/:id/transaction/:tid",
            Self::Transactions => "GET /wallet/:id/transactions",
        }
    }
}

impl Route {
    pub(super) fn parse(method: &str, path: &str, query: &str) -> Option<Self> {
        let bare = path.strip_prefix("/2.0").unwrap_or(path);
        let segments: Vec<&str> = bare.strip_prefix('/')?.split('/').collect();
        let query: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        match (method, segments.as_slice(), query.as_slice()) {
            ("POST", ["services", "trigger"], []) => Some(Self::Trigger),
            ("GET", ["wallet"], [(name, value)]) if name == "identity-value" && !value.is_empty() => {
                Some(Self::WalletByIdentity(value.clone()))
            }
            ("GET", ["wallet", "transaction"], [(name, value)]) if name == "reference" && !value.is_empty() => {
                Some(Self::TransactionByReference(value.clone()))
            }
            ("GET", ["wallet", id, "transactions"], filter) => {
                Some(Self::Transactions(id.parse().ok()?, Filter::parse(filter)?))
            }
            ("GET", ["wallet", id, tail @ ..], []) => {
                let id = id.parse().ok()?;
                match tail {
                    [] => Some(Self::Wallet(id)),
                    ["identities"] => Some(Self::Identities(id)),
                    ["consumer"] => Some(Self::Consumer(id)),
                    ["accounts"] => Some(Self::Accounts(id)),
                    ["transaction", transaction] => Some(Self::Transaction(id, transaction.parse().ok()?)),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    pub(super) fn kind(&self) -> RouteKind {
        match self {
            Self::Trigger => RouteKind::Trigger,
            Self::WalletByIdentity(_) => RouteKind::WalletByIdentity,
            Self::Wallet(_) => RouteKind::Wallet,
            Self::Identities(_) => RouteKind::Identities,
            Self::Consumer(_) => RouteKind::Consumer,
            Self::Accounts(_) => RouteKind::Accounts,
            Self::TransactionByReference(_) => RouteKind::TransactionByReference,
            Self::Transaction(..) => RouteKind::Transaction,
            Self::Transactions(..) => RouteKind::Transactions,
        }
    }
}

impl Filter {
    fn parse(query: &[(String, String)]) -> Option<Self> {
        let mut filter = Self::default();
        for (name, value) in query {
            match name.as_str() {
                "type" => filter.kind = Some(value.clone()),
                "status" => filter.status = Some(value.clone()),
                "limit" => filter.limit = Some(value.parse().ok()?),
                "offset" => filter.offset = value.parse().ok()?,
                _ => return None,
            }
        }
        Some(filter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_may_stand_before_each_route() {
        for prefix in ["", "/2.0"] {
            let path = format!("{prefix}/services/trigger");
            assert_eq!(Route::parse("POST", &path, ""), Some(Route::Trigger));
        }
        assert_eq!(Route::parse("GET", "/wallet/7/transaction/8", ""), Some(Route::Transaction(7, 8)));
        let found = Route::parse("GET", "/wallet", "identity-value=a%40example.com");
        assert_eq!(found, Some(Route::WalletByIdentity("a@example.com".to_owned())));
    }

    #[test]
    fn what_is_not_in_the_table_is_no_route() {
        for (method, path, query) in [
            ("GET", "/services/trigger", ""),
            ("POST", "/services/trigger", "dry=1"),
            ("POST", "/2.0services/trigger", ""),
            ("POST", "/services/trigger/", ""),
            ("GET", "/wallet", ""),
            ("GET", "/wallet", "identityValue=1"),
            ("GET", "/wallet/transaction", ""),
            ("GET", "/wallet/7/transactions", "colour=red"),
            ("POST", "/wallet/7/campaign/8/account", ""),
        ] {
            assert_eq!(Route::parse(method, path, query), None, "{method} {path}?{query}");
        }
    }
}
