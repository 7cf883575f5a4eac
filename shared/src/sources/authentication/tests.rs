use base64::engine::general_purpose::STANDARD as PLAIN;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value as Json, json};

use super::*;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER: &str = "whsec_c2Vjb25kLXNlY3JldC1vZi10d28=";
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const STAMP: i64 = 1_614_265_330;
const BODY: &[u8] = br#"{"test": 2432232314}"#;
const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

fn secrets(current: &str, previous: Option<&str>) -> SourceSecrets {
    serde_json::from_value(json!({"current": current, "previous": previous})).unwrap()
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pair =
        |(name, value): &(&'static str, &str)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    pairs.iter().map(pair).collect()
}

fn signed(signature: &str) -> HeaderMap {
    headers(&[("webhook-id", ID), ("webhook-timestamp", &STAMP.to_string()), ("webhook-signature", signature)])
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn judge(
    method: &Json,
    secrets: &SourceSecrets,
    headers: &HeaderMap,
    body: &[u8],
    now: i64,
) -> Result<Proven, Refusal> {
    let source = json!({"id": "shop", "name": "Shop", "keyed_by": "email", "authentication": method,
        "created_at": "2021-01-01T00:00:00Z"});
    let source: Source = serde_json::from_value(source).unwrap();
    let key = InstallationKey::new([7; 32]);
    verify(&Judge { source: &source, key: &key, secrets, now: at(now) }, headers, body)
}

fn check(secrets: &SourceSecrets, headers: &HeaderMap, now: i64) -> Result<Proven, Refusal> {
    judge(&json!({"method": "standard_webhooks"}), secrets, headers, BODY, now)
}

fn signature_under(secret: &str) -> String {
    format!("v1,{}", PLAIN.encode(sign(secret, ID, &STAMP.to_string(), BODY).unwrap()))
}

#[test]
fn the_published_example_is_good() {
    assert_eq!(signature_under(SECRET), SIGNATURE);
    let proven = check(&secrets(SECRET, None), &signed(SIGNATURE), STAMP).unwrap();
    assert_eq!(proven.stamped_at, Some(at(STAMP)));
}

#[test]
fn both_secrets_are_good_while_one_is_rotated() {
    let rotating = secrets(OTHER, Some(SECRET));
    for signature in [
        SIGNATURE.to_owned(),
        signature_under(OTHER),
        format!("v1,AAAA {SIGNATURE}"),
        format!("v1a,AAAA {} v1,", signature_under(OTHER)),
    ] {
        assert!(check(&rotating, &signed(&signature), STAMP).is_ok(), "{signature}");
    }
    assert_eq!(check(&secrets(OTHER, None), &signed(SIGNATURE), STAMP), Err(Refusal::Signature));
}

#[test]
fn anything_else_is_no_signature() {
    let cut = &SIGNATURE[..SIGNATURE.len() - 5];
    for wrong in ["", "v1,", "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", cut, &SIGNATURE[3..], "v1,%%%"] {
        assert_eq!(check(&secrets(SECRET, None), &signed(wrong), STAMP), Err(Refusal::Signature), "{wrong}");
    }
    let method = json!({"method": "standard_webhooks"});
    let other_body = judge(&method, &secrets(SECRET, None), &signed(SIGNATURE), b"{}", STAMP);
    assert_eq!(other_body, Err(Refusal::Signature));
}

#[test]
fn five_minutes_are_tolerated_both_ways() {
    let (secrets, headers) = (secrets(SECRET, None), signed(SIGNATURE));
    for (now, expected) in [
        (STAMP + 300, None),
        (STAMP - 300, None),
        (STAMP + 301, Some(Refusal::Stale)),
        (STAMP - 301, Some(Refusal::Early)),
    ] {
        assert_eq!(check(&secrets, &headers, now).err(), expected, "{now}");
    }
}

#[test]
fn headers_are_named_where_they_are_missing_or_unreadable() {
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let mut headers = signed(SIGNATURE);
        headers.remove(name);
        assert_eq!(check(&secrets(SECRET, None), &headers, STAMP), Err(Refusal::Missing(name.to_owned())));
    }
    for stamp in ["", "soon", "1614265330.5", "99999999999999999999", "-9223372036854775808"] {
        let mut headers = signed(SIGNATURE);
        headers.insert("webhook-timestamp", HeaderValue::from_str(stamp).unwrap());
        assert_eq!(check(&secrets(SECRET, None), &headers, STAMP), Err(Refusal::Timestamp), "{stamp}");
    }
}

#[test]
fn a_secret_that_is_no_base64_is_our_own_fault() {
    for unusable in ["", "whsec_", "whsec_???"] {
        assert_eq!(check(&secrets(unusable, None), &signed(SIGNATURE), STAMP), Err(Refusal::Unusable));
    }
}

#[test]
fn a_header_holds_the_secret() {
    let method = json!({"method": "header", "name": "x-key"});
    let rotating = secrets("new", Some("old"));
    let check = |secrets: &SourceSecrets, headers: &HeaderMap| judge(&method, secrets, headers, BODY, STAMP);
    for good in ["new", "old"] {
        assert_eq!(check(&rotating, &headers(&[("x-key", good)])), Ok(Proven { stamped_at: None }));
    }
    for wrong in ["", "ne", "neww", "older"] {
        assert_eq!(check(&rotating, &headers(&[("x-key", wrong)])), Err(Refusal::Secret("x-key".to_owned())));
    }
    assert_eq!(check(&rotating, &HeaderMap::new()), Err(Refusal::Missing("x-key".to_owned())));
    assert_eq!(check(&secrets("", None), &headers(&[("x-key", "")])), Err(Refusal::Unusable));
}

#[test]
fn a_token_is_good_and_no_part_of_another_is_told() {
    let method = json!({"method": "oauth2"});
    let check = |secrets: &SourceSecrets, headers: &HeaderMap| judge(&method, secrets, headers, BODY, STAMP);
    for wrong in [HeaderMap::new(), headers(&[("authorization", "Bearer x")]), headers(&[("authorization", "x")])] {
        assert_eq!(check(&secrets("open", None), &wrong), Err(Refusal::Token));
    }
    assert_eq!(check(&secrets("", None), &HeaderMap::new()), Err(Refusal::Unusable));
}

#[test]
fn secrets_do_not_print() {
    assert_eq!(format!("{:?}", secrets(SECRET, Some(OTHER))), "SourceSecrets([redacted])");
}
