use http::{HeaderName, HeaderValue};
use serde_json::json;

use super::*;

const NOW: i64 = 1_767_268_800;

fn source(id: &str) -> Source {
    serde_json::from_value(json!({"id": id, "name": id, "keyed_by": "email", "authentication": {"method": "oauth2"},
        "created_at": "2026-01-01T00:00:00Z"}))
    .unwrap()
}

fn secrets(current: &str, previous: Option<&str>) -> SourceSecrets {
    serde_json::from_value(json!({"current": current, "previous": previous})).unwrap()
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pair =
        |(name, value): &(&'static str, &str)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    pairs.iter().map(pair).collect()
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

fn key() -> InstallationKey {
    InstallationKey::new([7; 32])
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn ask(headers: &HeaderMap, body: &str, secrets: &SourceSecrets) -> Result<String, Denied> {
    grant(&source("cdp"), &key(), secrets, &read_request(headers, body.as_bytes())?, at(NOW + 3_600))
}

fn is_good(id: &str, secrets: &SourceSecrets, token: &str, now: i64) -> bool {
    bears_token(&source(id), &key(), secrets, &headers(&[("authorization", &format!("Bearer {token}"))]), at(now))
}

#[test]
fn a_client_is_known_by_form_or_by_basic() {
    let odd = "a+b%20c:d/ü=";
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let body = format!("grant_type=client_credentials&client_id=cdp&client_secret={}&scope=x", encoded(odd));
    let plain = "scope=&grant_type=client_credentials";
    for (headers, body) in [
        (headers(&[FORM]), body.as_str()),
        (headers(&[("content-type", "Application/X-WWW-Form-Urlencoded; charset=utf-8")]), body.as_str()),
        (headers(&[FORM, ("authorization", &basic("cdp", odd))]), plain),
        (headers(&[FORM, ("authorization", &basic("cdp", &encoded(odd)))]), plain),
        (headers(&[FORM, ("authorization", &basic("cdp", odd))]), "grant_type=client_credentials&client_id=cdp"),
    ] {
        let token = ask(&headers, body, &secrets(odd, None)).unwrap();
        assert!(is_good("cdp", &secrets(odd, None), &token, NOW), "{body}");
    }
}

#[test]
fn whoever_is_not_the_client_is_told_no_more_than_that() {
    let form = headers(&[FORM]);
    let with = |authorization: &str| headers(&[FORM, ("authorization", authorization)]);
    let whole = "grant_type=client_credentials&client_id=cdp&client_secret=open";
    let plain = "grant_type=client_credentials";
    let cases = [
        (form.clone(), whole.replace("=cdp", "=crm"), Denied::InvalidClient),
        (form.clone(), whole.replace("=open", "=opem"), Denied::InvalidClient),
        (form.clone(), whole.replace("=open", "="), Denied::InvalidClient),
        (form.clone(), plain.to_owned(), Denied::InvalidClient),
        (with(&basic("cdp", "opem")), plain.to_owned(), Denied::InvalidClient),
        (with(&basic("crm", "open")), plain.to_owned(), Denied::InvalidClient),
        (with("Basic ???"), plain.to_owned(), Denied::InvalidClient),
        (with("Bearer open"), plain.to_owned(), Denied::InvalidClient),
        (with(&basic("cdp", "open")), whole.to_owned(), Denied::InvalidRequest),
        (form.clone(), format!("{whole}&client_id=cdp"), Denied::InvalidRequest),
        (form.clone(), "grant_type=client_credentials&client_secret=open".to_owned(), Denied::InvalidRequest),
        (form.clone(), String::new(), Denied::InvalidRequest),
        (HeaderMap::new(), whole.to_owned(), Denied::InvalidRequest),
        (headers(&[("content-type", "application/json")]), whole.to_owned(), Denied::InvalidRequest),
        (form, whole.replace("client_credentials", "password"), Denied::UnsupportedGrantType),
    ];
    for (headers, body, denied) in cases {
        assert_eq!(ask(&headers, &body, &secrets("open", None)), Err(denied), "{body}");
    }
}

#[test]
fn a_token_lives_until_its_end_and_no_longer_than_its_secret() {
    let body = |secret: &str| format!("grant_type=client_credentials&client_id=cdp&client_secret={secret}");
    let rotating = secrets("new", Some("old"));
    let [new, old] = ["new", "old"].map(|secret| ask(&headers(&[FORM]), &body(secret), &rotating).unwrap());
    assert!([&new, &old].into_iter().all(|token| is_good("cdp", &rotating, token, NOW + 3_599)));
    assert!([&new, &old].into_iter().all(|token| !is_good("cdp", &rotating, token, NOW + 3_600)));
    let rotated = secrets("new", None);
    assert!(is_good("cdp", &rotated, &new, NOW) && !is_good("cdp", &rotated, &old, NOW));
    assert!(!is_good("crm", &rotating, &new, NOW), "another source");
    let other = InstallationKey::new([8; 32]);
    let bearer = headers(&[("authorization", &format!("Bearer {new}"))]);
    assert!(!bears_token(&source("cdp"), &other, &rotating, &bearer, at(NOW)), "another installation");
}

#[test]
fn nothing_else_is_a_token() {
    let secrets = secrets("open", None);
    let body = "grant_type=client_credentials&client_id=cdp&client_secret=open";
    let token = ask(&headers(&[FORM]), body, &secrets).unwrap();
    let later = token.replace(&(NOW + 3_600).to_string(), &(NOW + 3_601).to_string());
    for wrong in [later.as_str(), &token[..token.len() - 1], &format!("{token}.x"), "", "mst1", "mst1..", "open"] {
        assert!(!is_good("cdp", &secrets, wrong, NOW), "{wrong}");
    }
    let is_good = |authorization: &str| {
        bears_token(&source("cdp"), &key(), &secrets, &headers(&[("authorization", authorization)]), at(NOW))
    };
    assert!(is_good(&format!("bearer {token}")));
    assert!(!is_good(&token) && !is_good(&format!("Basic {token}")));
    assert!(!bears_token(&source("cdp"), &key(), &secrets, &HeaderMap::new(), at(NOW)));
}
