//! Who calls (vendor file 1): `Token` with a public token, or `Basic` with the id and the secret of a private key.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// What a key or a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Permission {
    /// Events > Set.
    #[serde(rename = "events.set")]
    EventsSet,
    /// Customer properties > Set.
    #[serde(rename = "customer_properties.set")]
    CustomerPropertiesSet,
}

impl Permission {
    /// Both.
    pub fn all() -> BTreeSet<Self> {
        BTreeSet::from([Self::EventsSet, Self::CustomerPropertiesSet])
    }
}

/// A private key, known by its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrivateKey {
    /// What is sent after the id, in the clear.
    pub secret: String,
    /// What it may do.
    pub permissions: BTreeSet<Permission>,
}

impl PrivateKey {
    /// A key that may do everything.
    pub fn new(secret: &str) -> Self {
        Self { secret: secret.to_owned(), permissions: Permission::all() }
    }
}

/// Who may call.
#[derive(Debug, Clone, Default)]
pub(super) struct Keyring {
    /// By id.
    pub keys: BTreeMap<String, PrivateKey>,
    /// Public token → what it may do.
    pub tokens: BTreeMap<String, BTreeSet<Permission>>,
}

/// Whoever called, known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Caller {
    Private(BTreeSet<Permission>),
    Public(BTreeSet<Permission>),
}

impl Caller {
    pub(super) fn may(&self, permission: Permission) -> bool {
        match self {
            Self::Private(permissions) | Self::Public(permissions) => permissions.contains(&permission),
        }
    }
}

impl Keyring {
    /// `None` where nobody of that name and secret is known.
    pub(super) fn caller(&self, authorization: &str) -> Option<Caller> {
        if let Some(token) = authorization.strip_prefix("Token ") {
            return self.tokens.get(token).cloned().map(Caller::Public);
        }
        let decoded = STANDARD.decode(authorization.strip_prefix("Basic ")?).ok()?;
        let text = String::from_utf8(decoded).ok()?;
        let (id, secret) = text.split_once(':')?;
        let key = self.keys.get(id).filter(|key| key.secret == secret)?;
        Some(Caller::Private(key.permissions.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyring() -> Keyring {
        Keyring {
            keys: BTreeMap::from([("key-1".to_owned(), PrivateKey::new("a:b"))]),
            tokens: BTreeMap::from([("tok-1".to_owned(), BTreeSet::from([Permission::EventsSet]))]),
        }
    }

    #[test]
    fn a_secret_may_hold_a_colon() {
        let basic = format!("Basic {}", STANDARD.encode("key-1:a:b"));
        assert_eq!(keyring().caller(&basic), Some(Caller::Private(Permission::all())));
    }

    #[test]
    fn a_token_is_public() {
        let caller = keyring().caller("Token tok-1").unwrap();
        assert!(caller.may(Permission::EventsSet) && !caller.may(Permission::CustomerPropertiesSet));
    }

    #[test]
    fn whoever_is_unknown_is_nobody() {
        let wrong = format!("Basic {}", STANDARD.encode("key-1:a"));
        let unknown = format!("Basic {}", STANDARD.encode("tok-1:"));
        for authorization in ["", "Bearer tok-1", "Token key-1", "token tok-1", "Basic a", &wrong, &unknown] {
            assert_eq!(keyring().caller(authorization), None, "{authorization}");
        }
    }
}
