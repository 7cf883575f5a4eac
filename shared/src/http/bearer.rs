//! Tokens of vendors that want one fetched first: one in hand for each account, fetched by whoever needs it first, while
//! the others wait for the same.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::Session;
use crate::destination::Failure;
use crate::model::AuthorizationId;
use crate::ports::Secret;

/// A vendor's token. Its `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Bearer {
    token: Arc<str>,
    good_until: Timestamp,
}

impl Bearer {
    /// A token that is used until then.
    pub fn new(token: &str, good_until: Timestamp) -> Self {
        Self { token: token.into(), good_until }
    }

    /// The token.
    pub fn expose(&self) -> &str {
        &self.token
    }
}

impl std::fmt::Debug for Bearer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bearer([redacted])")
    }
}

/// What of the credentials a token was fetched with.
type Fingerprint = [u8; 32];
/// The token in hand; whoever holds the lock fetches.
type Place = Arc<tokio::sync::Mutex<Option<Bearer>>>;

#[derive(Default)]
pub(super) struct Bearers {
    by_account: Mutex<BTreeMap<AuthorizationId, (Fingerprint, Place)>>,
}

impl Bearers {
    /// The place of an account under these credentials: new ones leave the tokens of the old ones behind.
    fn place(&self, account: &AuthorizationId, credentials: &Secret) -> Place {
        let fingerprint: Fingerprint = Sha256::digest(credentials.0.to_string()).into();
        let mut by_account = self.by_account.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = by_account.entry(account.clone()).or_insert_with(|| (fingerprint, Place::default()));
        if kept.0 != fingerprint {
            *kept = (fingerprint, Place::default());
        }
        Arc::clone(&kept.1)
    }
}

impl Session {
    /// A token for the account: the one in hand while it is good and is not the one that was `refused`, else what
    /// `fetch` brings.
    ///
    /// # Errors
    /// Those of `fetch`.
    pub async fn bearer(
        &self,
        credentials: &Secret,
        refused: Option<&Bearer>,
        fetch: impl Future<Output = Result<Bearer, Failure>> + Send,
    ) -> Result<Bearer, Failure> {
        let place = self.http.bearers.place(&self.account.authorization, credentials);
        let mut held = place.lock().await;
        let is_good = |bearer: &&Bearer| {
            self.now() < bearer.good_until && refused.is_none_or(|refused| refused.token != bearer.token)
        };
        if let Some(bearer) = held.as_ref().filter(is_good) {
            return Ok(bearer.clone());
        }
        *held = None;
        Ok(held.insert(fetch.await?).clone())
    }
}
