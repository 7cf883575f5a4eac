//! Who sent a request, as [Standard Webhooks] has it: HMAC-SHA256 over `{id}.{timestamp}.{body}`.
//!
//! [Standard Webhooks]: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;

/// One for each secret while it is rotated.
const MOST_SIGNATURES: usize = 2;

/// A signing secret, from `whsec_` and the Base64 of 24 to 64 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Vec<u8>);

/// A text that is no signing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadSecret;

impl fmt::Display for BadSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a signing secret is whsec_ and the Base64 of 24 to 64 bytes")
    }
}

impl Error for BadSecret {}

impl FromStr for SigningSecret {
    type Err = BadSecret;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = text.strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok());
        let bytes = bytes.filter(|bytes| (24..=64).contains(&bytes.len()));
        bytes.map(Self).ok_or(BadSecret)
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

/// The three headers of a request.
#[derive(Debug)]
pub(super) struct Stamp {
    pub id: String,
    /// As it was sent: that is what was signed.
    timestamp: String,
    pub sent_at: Timestamp,
    signatures: Vec<Vec<u8>>,
}

impl Stamp {
    /// `Err`: a sentence about headers that no sender may send.
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, String> {
        let id = single(headers, "webhook-id")?;
        // It is signed between full stops and stands in the path of an ask.
        if id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
            return Err(format!("webhook-id is {id:?}"));
        }
        let timestamp = single(headers, "webhook-timestamp")?;
        let seconds = timestamp.parse::<u32>().ok().filter(|seconds| seconds.to_string() == timestamp);
        let sent_at = seconds.and_then(|seconds| Timestamp::from_second(i64::from(seconds)).ok());
        let Some(sent_at) = sent_at else {
            return Err(format!("webhook-timestamp is {timestamp:?}"));
        };
        let signature = single(headers, "webhook-signature")?;
        let signatures: Option<Vec<Vec<u8>>> = signature.split(' ').map(decode).collect();
        let signatures = signatures.filter(|all| all.len() <= MOST_SIGNATURES);
        let Some(signatures) = signatures else {
            return Err(format!("webhook-signature is {signature:?}"));
        };
        Ok(Self { id: id.to_owned(), timestamp: timestamp.to_owned(), sent_at, signatures })
    }

    /// Whether any of the signatures is by any of the secrets.
    pub(super) fn is_signed(&self, secrets: &[SigningSecret], body: &[u8]) -> bool {
        secrets.iter().any(|secret| self.signatures.iter().any(|given| self.is_by(secret, given, body)))
    }

    fn is_by(&self, secret: &SigningSecret, given: &[u8], body: &[u8]) -> bool {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&secret.0) else { return false };
        mac.update(format!("{}.{}.", self.id, self.timestamp).as_bytes());
        mac.update(body);
        mac.verify_slice(given).is_ok()
    }

    pub(super) fn is_fresh(&self, skew_seconds: u32, now: Timestamp) -> bool {
        now.duration_since(self.sent_at).abs() <= SignedDuration::from_secs(i64::from(skew_seconds))
    }
}

/// The time that a request says it was sent at, believed or not.
pub(super) fn sent_at(headers: &HeaderMap) -> Option<Timestamp> {
    let seconds = headers.get("webhook-timestamp")?.to_str().ok()?.parse().ok()?;
    Timestamp::from_second(seconds).ok()
}

fn single<'h>(headers: &'h HeaderMap, name: &str) -> Result<&'h str, String> {
    let mut all = headers.get_all(name).iter();
    match (all.next().map(|value| value.to_str()), all.next()) {
        (Some(Ok(value)), None) => Ok(value),
        (Some(_), _) => Err(format!("{name} comes twice or is no text")),
        (None, _) => Err(format!("there is no {name}")),
    }
}

/// `v1,` and the Base64 of an HMAC-SHA256.
fn decode(signature: &str) -> Option<Vec<u8>> {
    let bytes = STANDARD.decode(signature.strip_prefix("v1,")?).ok()?;
    (bytes.len() == 32).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that the libraries of Standard Webhooks are tested with.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;

    fn stamp(signature: &str) -> Result<Stamp, String> {
        let mut headers = HeaderMap::new();
        headers.insert("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek".parse().unwrap());
        headers.insert("webhook-timestamp", "1614265330".parse().unwrap());
        headers.insert("webhook-signature", signature.parse().unwrap());
        Stamp::read(&headers)
    }

    #[test]
    fn the_example_of_the_libraries_is_verified() {
        let secrets = [SECRET.parse().unwrap()];
        assert!(stamp(SIGNATURE).unwrap().is_signed(&secrets, BODY));
        assert!(!stamp(SIGNATURE).unwrap().is_signed(&secrets, br#"{"test": 2432232315}"#));
    }

    #[test]
    fn signatures_of_another_form_are_refused() {
        let bare = SIGNATURE.strip_prefix("v1,").unwrap();
        let twice = format!("{SIGNATURE}  {SIGNATURE}");
        let thrice = [SIGNATURE; 3].join(" ");
        for signature in ["", "v1,", "v1,AAAA", bare, &twice, &thrice, &format!("{SIGNATURE},{SIGNATURE}")] {
            assert!(stamp(signature).is_err(), "{signature}");
        }
    }

    #[test]
    fn secrets_have_their_prefix_and_length() {
        let of = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![7; bytes]));
        for (text, good) in [(of(23), false), (of(24), true), (of(64), true), (of(65), false)] {
            assert_eq!(text.parse::<SigningSecret>().is_ok(), good, "{text}");
        }
        assert_eq!("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse::<SigningSecret>(), Err(BadSecret));
    }
}
