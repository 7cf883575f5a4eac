//! Request signatures (vendor file 2): HTTP Basic of key and signature, the signature being base64
//! of the hex HMAC-SHA256 of the `X-Request-Timestamp` header, byte for byte.

use std::collections::BTreeMap;
use std::fmt::Write;

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use sha2::Sha256;

const TIMESTAMP_HEADER: &str = "x-request-timestamp";

/// The API key of the account that signed, or `None` when anything about the signature is wrong.
pub(super) fn account_of(
    headers: &HeaderMap,
    accounts: &BTreeMap<String, String>,
    skew_seconds: Option<u32>,
    now: Timestamp,
) -> Option<String> {
    let stamp = headers.get(TIMESTAMP_HEADER)?.as_bytes();
    let (key, given) = basic(headers)?;
    let secret = accounts.get(&key)?;
    if given != signature(secret.as_bytes(), stamp)? {
        return None;
    }
    let signed_at = parse_timestamp(std::str::from_utf8(stamp).ok()?)?;
    let skew = now.duration_since(signed_at).unsigned_abs();
    match skew_seconds {
        Some(allowed) if skew.as_secs() > u64::from(allowed) => None,
        _ => Some(key),
    }
}

/// The time that a request says it was signed at, believed or not.
pub(super) fn signed_at(headers: &HeaderMap) -> Option<Timestamp> {
    parse_timestamp(headers.get(TIMESTAMP_HEADER)?.to_str().ok()?)
}

fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let decoded = STANDARD.decode(value.strip_prefix("Basic ")?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (key, password) = text.split_once(':')?;
    Some((key.to_owned(), password.to_owned()))
}

fn signature(secret: &[u8], stamp: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(stamp);
    Some(STANDARD.encode(hex(&mac.finalize().into_bytes())))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// RFC 1123, the same with `GMT` glued to the seconds (the WordPress plugin), or ISO 8601.
fn parse_timestamp(text: &str) -> Option<Timestamp> {
    if let Some(rest) = text.strip_suffix("GMT") {
        let civil = civil::DateTime::strptime("%a, %d %b %Y %H:%M:%S", rest.trim_end()).ok()?;
        return Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp());
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    const STAMP: &str = "Fri, 24 May 2013 13:16:26 GMT";

    fn accounts() -> BTreeMap<String, String> {
        BTreeMap::from([
            ("API_KEY".to_owned(), "API_SECRET".to_owned()),
            ("k3y-example".to_owned(), "s3cr3t-example".to_owned()),
        ])
    }

    fn headers(authorization: &str, stamp: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [("authorization", authorization), (TIMESTAMP_HEADER, stamp)] {
            headers.insert(name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn signed(stamp: &str) -> HeaderMap {
        let password = signature(b"API_SECRET", stamp.as_bytes()).unwrap();
        let basic = STANDARD.encode(format!("API_KEY:{password}"));
        headers(&format!("Basic {basic}"), stamp)
    }

    fn account(headers: &HeaderMap, skew: Option<u32>, now: &str) -> Option<String> {
        account_of(headers, &accounts(), skew, now.parse().unwrap())
    }

    #[test]
    fn both_vectors_of_the_vendor_file_are_accepted() {
        let first = headers(
            "Basic QVBJX0tFWTpNamd3WVRNeE5UTTJOamt3TXpSbU1UTTBOVFV5WldSa09UTmtNelZoTm1RMk9HWmxOR0ZqTTJNd056ZzFaR1EzTW1VMFl6ZGlOR1JtT0RKaU5qSTNNZz09",
            STAMP,
        );
        assert_eq!(account(&first, None, "2026-01-01T00:00:00Z").as_deref(), Some("API_KEY"));
        let second = headers(
            "Basic azN5LWV4YW1wbGU6TnpjNE5tSXhNamMwWmpnMk9UWTBNR1EwWmpkbU5EaGlaVE0wT0dWaU5qTTBZell3Tm1NMU1UZzNNV1F4TVRRMk9UaG1NV1U1WVRVMk5HVm1OamcwT1E9PQ==",
            "Mon, 05 Jan 2026 07:08:09 GMT",
        );
        assert_eq!(account(&second, None, "2026-01-01T00:00:00Z").as_deref(), Some("k3y-example"));
    }

    #[test]
    fn base64_of_the_raw_digest_is_refused() {
        let wrong = STANDARD.encode("API_KEY:KAoxU2aQNPE0VS7dk9NabWj+SsPAeF3XLkx7TfgrYnI=");
        let headers = headers(&format!("Basic {wrong}"), STAMP);
        assert_eq!(account(&headers, None, "2026-01-01T00:00:00Z"), None);
    }

    #[test]
    fn every_timestamp_form_in_use_is_accepted() {
        for stamp in ["Mon, 05 Jan 2026 07:08:09 GMT", "Mon, 05 Jan 2026 07:08:09GMT", "2026-01-05T07:08:09.123Z"] {
            let headers = signed(stamp);
            assert!(account(&headers, Some(300), "2026-01-05T07:08:09Z").is_some(), "{stamp}");
        }
        let nonsense = signed("yesterday");
        assert_eq!(account(&nonsense, None, "2026-01-05T07:08:09Z"), None);
    }

    #[test]
    fn skew_counts_only_when_switched_on() {
        let headers = signed("Mon, 05 Jan 2026 07:08:09 GMT");
        assert!(account(&headers, Some(300), "2026-01-05T07:13:09Z").is_some());
        assert_eq!(account(&headers, Some(300), "2026-01-05T07:13:10Z"), None);
        assert!(account(&headers, None, "2030-01-05T07:13:10Z").is_some());
    }

    #[test]
    fn a_signature_over_another_timestamp_is_refused() {
        let mut headers = signed("Mon, 05 Jan 2026 07:08:09 GMT");
        headers.insert(TIMESTAMP_HEADER, HeaderValue::from_static("Mon, 05 Jan 2026 07:08:09GMT"));
        assert_eq!(account(&headers, None, "2026-01-05T07:08:09Z"), None);
    }
}
