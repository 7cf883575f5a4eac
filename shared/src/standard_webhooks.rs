//! The signature of Standard Webhooks, for what comes in and what goes out.
//! See <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

/// The header that names a message, the same for every try.
pub(crate) const ID: &str = "webhook-id";
/// The header with the time at which it was sent, in seconds since 1970.
pub(crate) const TIMESTAMP: &str = "webhook-timestamp";
/// The header with its signatures.
pub(crate) const SIGNATURE: &str = "webhook-signature";

/// As secrets and signatures are written, padded or not.
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The bytes of a secret, `whsec_` and Base64; `None` for what is none.
pub(crate) fn key_of(secret: &str) -> Option<Vec<u8>> {
    let key = BASE64.decode(secret.strip_prefix("whsec_").unwrap_or(secret)).ok()?;
    (!key.is_empty()).then_some(key)
}

/// The signature of a message with `webhook-id`, `webhook-timestamp` and body. `None` for a secret that is none.
pub(crate) fn sign(secret: &str, id: &str, stamp: &str, body: &[u8]) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&key_of(secret)?).ok()?;
    for part in [id.as_bytes(), b".", stamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    Some(mac.finalize().into_bytes().into())
}

/// The headers of a message that is sent now, signed by each of these secrets.
pub(crate) fn headers<'a>(
    secrets: impl Iterator<Item = &'a str>,
    id: &str,
    now: Timestamp,
    body: &[u8],
) -> [(&'static str, String); 3] {
    let stamp = now.as_second().to_string();
    let signature = signatures(secrets, id, &stamp, body);
    [(ID, id.to_owned()), (TIMESTAMP, stamp), (SIGNATURE, signature)]
}

fn signatures<'a>(secrets: impl Iterator<Item = &'a str>, id: &str, stamp: &str, body: &[u8]) -> String {
    let signatures = secrets.filter_map(|secret| sign(secret, id, stamp, body));
    let written = signatures.map(|signature| format!("v1,{}", BASE64.encode(signature)));
    written.collect::<Vec<_>>().join(" ")
}
