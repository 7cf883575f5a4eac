//! Tokens of vendors that want one fetched first: one for each account, fetched by whoever needs it first. Within a
//! process the others wait for the same. Between processes it lies in the vault: a vendor may end the first token when a
//! second one is fetched, and processes that fetched each for itself would end each other's for ever.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
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

    /// Whether it may be used, and is another one than was refused.
    fn serves(&self, refused: Option<&Self>, now: Timestamp) -> bool {
        now < self.good_until && refused.is_none_or(|refused| refused.token != self.token)
    }
}

impl std::fmt::Debug for Bearer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bearer([redacted])")
    }
}

/// The name of the secret in which an account's token lies.
pub fn token_secret(account: &AuthorizationId) -> String {
    format!("token/{account}")
}

/// A token as it lies in the vault.
#[derive(Serialize, Deserialize)]
struct Shared {
    token: String,
    /// It is used until then.
    good_until: Timestamp,
    /// With which credentials it was fetched.
    fetched_with: String,
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
    fn place(&self, account: &AuthorizationId, fingerprint: Fingerprint) -> Place {
        let mut by_account = self.by_account.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = by_account.entry(account.clone()).or_insert_with(|| (fingerprint, Place::default()));
        if kept.0 != fingerprint {
            *kept = (fingerprint, Place::default());
        }
        Arc::clone(&kept.1)
    }
}

fn fingerprint(credentials: &Secret) -> Fingerprint {
    Sha256::digest(credentials.0.to_string()).into()
}

impl Session {
    /// A token for the account: the one in hand while it is good and is not the one that was `refused`, else one that
    /// another process left in the vault, else what `fetch` brings. A vault that does not answer stops nobody.
    ///
    /// # Errors
    /// Those of `fetch`.
    pub async fn bearer(
        &self,
        credentials: &Secret,
        refused: Option<&Bearer>,
        fetch: impl Future<Output = Result<Bearer, Failure>> + Send,
    ) -> Result<Bearer, Failure> {
        let fingerprint = fingerprint(credentials);
        let place = self.http.bearers.place(&self.account.authorization, fingerprint);
        let mut held = place.lock().await;
        if let Some(bearer) = held.as_ref().filter(|bearer| bearer.serves(refused, self.now())) {
            return Ok(bearer.clone());
        }
        *held = None;
        if let Some(bearer) = self.shared(fingerprint, refused).await {
            return Ok(held.insert(bearer).clone());
        }
        let bearer = held.insert(fetch.await?).clone();
        self.share(fingerprint, &bearer).await;
        Ok(bearer)
    }

    /// The token that somebody has put in the place of this one, which was refused; `None` where nobody has.
    pub async fn replaced(&self, credentials: &Secret, refused: &Bearer) -> Option<Bearer> {
        let fingerprint = fingerprint(credentials);
        let place = self.http.bearers.place(&self.account.authorization, fingerprint);
        let mut held = place.lock().await;
        if let Some(bearer) = held.as_ref().filter(|bearer| bearer.serves(Some(refused), self.now())) {
            return Some(bearer.clone());
        }
        *held = self.shared(fingerprint, Some(refused)).await;
        held.clone()
    }

    async fn shared(&self, fingerprint: Fingerprint, refused: Option<&Bearer>) -> Option<Bearer> {
        let found = self.account.vault.get_anew(&token_secret(&self.account.authorization)).await;
        let secret = found.unwrap_or_else(|error| {
            tracing::warn!(%error, "the vault does not say whether there is a token; one is fetched");
            None
        })?;
        let shared = Shared::deserialize(secret.0).ok()?;
        let bearer = Bearer::new(&shared.token, shared.good_until);
        (shared.fetched_with == hex::encode(fingerprint) && bearer.serves(refused, self.now())).then_some(bearer)
    }

    async fn share(&self, fingerprint: Fingerprint, bearer: &Bearer) {
        let shared = Shared {
            token: bearer.token.to_string(),
            good_until: bearer.good_until,
            fetched_with: hex::encode(fingerprint),
        };
        let Ok(json) = serde_json::to_value(&shared) else { return };
        let name = token_secret(&self.account.authorization);
        if let Err(error) = self.account.vault.put(&name, &Secret(json)).await {
            tracing::warn!(%error, "a token could not be left for other processes");
        }
    }
}
