//! Secrets by which requests are believed, kept for a short while: a vault is slow and paid by the call.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use muster::ports::{Clock, PortResult, Secret, Vault};

/// How long a copy is used.
const MAX_AGE: SignedDuration = SignedDuration::from_secs(60);

/// How old a copy must be before a refused request has it read again, so that a new secret is good at once
/// and a stream of forged requests still costs the vault little.
const MIN_AGE: SignedDuration = SignedDuration::from_secs(2);

/// Copies of what the vault holds.
pub(crate) struct CachedSecrets {
    vault: Arc<dyn Vault>,
    clock: Arc<dyn Clock>,
    copies: Mutex<BTreeMap<String, (Timestamp, Option<Secret>)>>,
}

impl CachedSecrets {
    /// Nothing is read yet.
    pub(crate) fn new(vault: Arc<dyn Vault>, clock: Arc<dyn Clock>) -> Self {
        Self { vault, clock, copies: Mutex::default() }
    }

    /// Judges by the secret of this name; by a newly read one where the copy led to a refusal.
    pub(crate) async fn judge<T, E>(
        &self,
        name: &str,
        judge: impl Fn(Option<&Secret>) -> Result<T, E>,
    ) -> PortResult<Result<T, E>> {
        let (read_at, secret) = self.get(name, MAX_AGE).await?;
        let judged = judge(secret.as_ref());
        if judged.is_ok() {
            return Ok(judged);
        }
        let (read_again_at, secret) = self.get(name, MIN_AGE).await?;
        Ok(if read_again_at == read_at { judged } else { judge(secret.as_ref()) })
    }

    async fn get(&self, name: &str, max_age: SignedDuration) -> PortResult<(Timestamp, Option<Secret>)> {
        let now = self.clock.now();
        if let Some((read_at, secret)) = self.copies.lock().unwrap_or_else(PoisonError::into_inner).get(name)
            && now.duration_since(*read_at) < max_age
        {
            return Ok((*read_at, secret.clone()));
        }
        let secret = self.vault.get(name).await?;
        let mut copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        copies.insert(name.to_owned(), (now, secret.clone()));
        Ok((now, secret))
    }
}
