//! Identifiers: the only personal data that Muster must compare. They are normalised when they are made,
//! print as `[redacted]`, and leave the process only towards a store or a vendor.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use smol_str::SmolStr;

use super::effect::Earned;
use super::ids::{ActivationId, IdentifierType, KeyHash, PersonKey, SourceId};

/// Longest identifier taken, in bytes after normalisation (an e-mail address may have 254).
pub const MAX_IDENTIFIER_BYTES: usize = 512;

/// A normalised identifier value.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Identifier(SmolStr);

/// Why a text is not an identifier. Never contains the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIdentifier {
    /// Nothing but white space.
    #[error("an identifier must not be empty")]
    Empty,
    /// More than [`MAX_IDENTIFIER_BYTES`].
    #[error("an identifier has at most 512 bytes")]
    TooLong,
    /// Line breaks and the like.
    #[error("an identifier must not contain control characters")]
    Control,
    /// An e-mail address without exactly one `@` between two parts.
    #[error("not an e-mail address")]
    NotAnEmail,
    /// A telephone number with something else than digits in it.
    #[error("not a telephone number")]
    NotAPhone,
}

impl Identifier {
    /// Normalises `value` as the type asks: `email` is trimmed and lower-cased, `phone` and `mobile` lose
    /// spaces, dots, dashes, slashes and brackets, everything else is trimmed. Idempotent.
    ///
    /// # Errors
    /// Where the result cannot be an identifier of that type.
    pub fn normalise(kind: &IdentifierType, value: &str) -> Result<Self, InvalidIdentifier> {
        let trimmed = value.trim();
        let text = match kind.as_str() {
            "email" => normalise_email(trimmed)?,
            "phone" | "mobile" => normalise_phone(trimmed)?,
            _ => trimmed.to_owned(),
        };
        if text.is_empty() {
            Err(InvalidIdentifier::Empty)
        } else if text.len() > MAX_IDENTIFIER_BYTES {
            Err(InvalidIdentifier::TooLong)
        } else if text.chars().any(char::is_control) {
            Err(InvalidIdentifier::Control)
        } else {
            Ok(Self(text.into()))
        }
    }

    /// The value itself. Whoever calls this answers for where it goes.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

fn normalise_email(text: &str) -> Result<String, InvalidIdentifier> {
    // Some characters grow or change again when lower-cased twice; once more makes it stable.
    let lower = text.to_lowercase().to_lowercase();
    let lower = lower.trim();
    if lower.is_empty() {
        return Err(InvalidIdentifier::Empty);
    }
    match lower.split_once('@') {
        Some((local, domain))
            if !local.is_empty()
                && !domain.is_empty()
                && !domain.contains('@')
                && !lower.chars().any(char::is_whitespace) =>
        {
            Ok(lower.to_owned())
        }
        Some(_) | None => Err(InvalidIdentifier::NotAnEmail),
    }
}

fn normalise_phone(text: &str) -> Result<String, InvalidIdentifier> {
    let kept: String =
        text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '.' | '-' | '/' | '(' | ')')).collect();
    let digits = kept.strip_prefix('+').unwrap_or(&kept);
    if kept.is_empty() {
        Err(InvalidIdentifier::Empty)
    } else if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        Err(InvalidIdentifier::NotAPhone)
    } else {
        Ok(kept)
    }
}

/// The installation's key: made once, kept in the vault, never rotated, part of the backup.
#[derive(Clone)]
pub struct InstallationKey([u8; 32]);

impl InstallationKey {
    /// From its 32 bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key under which a source's person is stored.
    pub fn person(&self, source: &SourceId, kind: &IdentifierType, value: &Identifier) -> PersonKey {
        PersonKey(self.hash(&["person", source.as_str(), kind.as_str(), value.expose()]))
    }

    /// The hash of the value by which a destination knows somebody, within one activation.
    pub fn claim(&self, activation: &ActivationId, value: &Identifier) -> KeyHash {
        KeyHash(self.hash(&["claim", activation.as_str(), value.expose()]))
    }

    /// The same for every try of one effect, and for no other one.
    pub fn effect(&self, earned: &Earned, person: PersonKey) -> KeyHash {
        let (activation, at) = (earned.activation.as_str(), earned.occurred_at.to_string());
        KeyHash(self.hash(&["effect", activation, &person.to_string(), earned.id.as_str(), &at]))
    }

    /// What proves that a source was granted a token until this second since 1970, by one of its secrets.
    pub fn token(&self, source: &SourceId, secret: &str, expires_at: i64) -> [u8; 16] {
        self.hash(&["token", source.as_str(), secret, &expires_at.to_string()])
    }

    fn hash(&self, parts: &[&str]) -> [u8; 16] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        let digest = mac.finalize().into_bytes();
        let mut cut = [0; 16];
        cut.copy_from_slice(&digest[..16]);
        cut
    }
}

impl fmt::Debug for InstallationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InstallationKey([redacted])")
    }
}
