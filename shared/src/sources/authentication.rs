//! Whether a request comes from its source: the Standard Webhooks signature, a secret in a header, or a token that was
//! fetched with the secret.
//! Every comparison takes the same time for a near miss as for a wild guess.
//! See <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

use base64::Engine;
use http::HeaderMap;
use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::CLOCK_TOLERANCE;
use super::oauth::bears_token;
use crate::model::{InstallationKey, Source, SourceAuthentication};
use crate::standard_webhooks::{BASE64, ID, SIGNATURE, TIMESTAMP, sign};

/// More signatures than a sender has secrets are not looked at.
const MAX_SIGNATURES: usize = 8;

/// A source's secrets, as the vault keeps them under `source/<id>`: `{"current": "…", "previous": "…"}`.
/// While one is rotated both are good.
#[derive(Clone, Deserialize)]
pub struct SourceSecrets {
    current: String,
    #[serde(default)]
    previous: Option<String>,
}

impl std::fmt::Debug for SourceSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SourceSecrets([redacted])")
    }
}

impl SourceSecrets {
    pub(super) fn all(&self) -> impl Iterator<Item = &str> {
        [Some(self.current.as_str()), self.previous.as_deref()].into_iter().flatten()
    }
}

/// What a proof says besides that it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proven {
    /// The request's own time, where it has one.
    pub stamped_at: Option<Timestamp>,
}

/// Why a request is not believed. Never contains what it carried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A header is not there, or not text.
    #[error("the header {0} is missing")]
    Missing(String),
    /// No whole number of seconds.
    #[error("the header webhook-timestamp must be the seconds since 1970")]
    Timestamp,
    /// Sent too long ago, or clocks differ.
    #[error("the header webhook-timestamp is more than five minutes old")]
    Stale,
    /// Clocks differ.
    #[error("the header webhook-timestamp is more than five minutes in the future")]
    Early,
    /// No `v1` signature among them is right.
    #[error("no signature in the header webhook-signature fits the body, webhook-id and webhook-timestamp")]
    Signature,
    /// A wrong secret.
    #[error("the secret in the header {0} is wrong")]
    Secret(String),
    /// It is not said which of it.
    #[error("the bearer token is missing, wrong or expired")]
    Token,
    /// Our own side: the vault holds no secret that could be used.
    #[error("the source's secret cannot be used")]
    Unusable,
}

/// By what requests are judged.
#[derive(Debug, Clone, Copy)]
pub struct Judge<'a> {
    /// From whom they should be.
    pub source: &'a Source,
    /// Under which tokens are granted.
    pub key: &'a InstallationKey,
    /// What the source knows.
    pub secrets: &'a SourceSecrets,
    /// Muster's clock.
    pub now: Timestamp,
}

/// Looks whether a request comes from its source. `body` is as it was received, packed where it was packed.
///
/// # Errors
/// Where it does not, or nobody can tell.
pub fn verify(judge: &Judge<'_>, headers: &HeaderMap, body: &[u8]) -> Result<Proven, Refusal> {
    let Judge { source, key, secrets, now } = *judge;
    match &source.authentication {
        SourceAuthentication::StandardWebhooks => verify_signature(secrets, headers, body, now),
        SourceAuthentication::Header { name } => verify_secret(secrets, headers, name),
        SourceAuthentication::OAuth2 { .. } => {
            if secrets.all().any(str::is_empty) {
                return Err(Refusal::Unusable);
            }
            let good = bears_token(source, key, secrets, headers, now);
            if good { Ok(Proven { stamped_at: None }) } else { Err(Refusal::Token) }
        }
    }
}

fn verify_signature(
    secrets: &SourceSecrets,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<Proven, Refusal> {
    let id = header(headers, ID)?;
    let stamp = header(headers, TIMESTAMP)?;
    let signatures = header(headers, SIGNATURE)?;
    let stamped_at = read_stamp(stamp, now)?;
    let mut expected = Vec::with_capacity(2);
    for secret in secrets.all() {
        expected.push(sign(secret, id, stamp, body).ok_or(Refusal::Unusable)?);
    }
    let mut good = Choice::from(0);
    for signature in signatures.split_ascii_whitespace().take(MAX_SIGNATURES) {
        let given = signature.strip_prefix("v1,").and_then(|text| BASE64.decode(text).ok()).unwrap_or_default();
        for expected in &expected {
            good |= expected.as_slice().ct_eq(&given);
        }
    }
    if bool::from(good) { Ok(Proven { stamped_at: Some(stamped_at) }) } else { Err(Refusal::Signature) }
}

fn read_stamp(stamp: &str, now: Timestamp) -> Result<Timestamp, Refusal> {
    let seconds: i64 = stamp.parse().map_err(|_| Refusal::Timestamp)?;
    let stamped_at = Timestamp::from_second(seconds).map_err(|_| Refusal::Timestamp)?;
    // In whole seconds, as the stamp is.
    let age = now.as_second() - seconds;
    if age > CLOCK_TOLERANCE.as_secs() {
        Err(Refusal::Stale)
    } else if age < -CLOCK_TOLERANCE.as_secs() {
        Err(Refusal::Early)
    } else {
        Ok(stamped_at)
    }
}

fn verify_secret(secrets: &SourceSecrets, headers: &HeaderMap, name: &str) -> Result<Proven, Refusal> {
    let given = headers.get(name).ok_or_else(|| Refusal::Missing(name.to_owned()))?;
    let mut good = Choice::from(0);
    for secret in secrets.all() {
        if secret.is_empty() {
            return Err(Refusal::Unusable);
        }
        good |= same(given.as_bytes(), secret.as_bytes());
    }
    if bool::from(good) { Ok(Proven { stamped_at: None }) } else { Err(Refusal::Secret(name.to_owned())) }
}

/// Whether two secrets are the same, without telling by the time it takes how long or how near they are.
pub fn same(one: &[u8], other: &[u8]) -> Choice {
    Sha256::digest(one).as_slice().ct_eq(Sha256::digest(other).as_slice())
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Refusal> {
    headers.get(name).and_then(|value| value.to_str().ok()).ok_or_else(|| Refusal::Missing(name.to_owned()))
}

#[cfg(test)]
mod tests;
