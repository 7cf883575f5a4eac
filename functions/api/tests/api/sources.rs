//! Sources with a format of their own.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{Fixture, MARKER, source};

fn lytics(format: &Value) -> Value {
    let mut new = source();
    new["authentication"] = json!({"method": "oauth2"});
    new["format"] = json!({"kind": "lytics"});
    new["format"].as_object_mut().unwrap().extend(format.as_object().unwrap().clone());
    new
}

#[tokio::test]
async fn a_source_at_lytics_says_what_is_to_be_entered_there() {
    let fixture = Fixture::new().await;
    let told = fixture.post("/v1/sources", lytics(&json!({}))).await;
    assert_eq!(told.status, StatusCode::CREATED, "{}", told.text);
    let made = told.json();
    assert!(!told.text.contains(MARKER));
    assert_eq!((&made["ingest_path"], &made["left_out"]), (&json!("/v1/ingest/cdp"), &json!([])));
    assert_eq!(made["oauth2"], json!({"token_path": "/v1/oauth/cdp/token", "client_id": "cdp"}));
    assert_eq!(made["authentication"], json!({"method": "oauth2", "token_seconds": 3_600}));
    let defaults = json!({"kind": "lytics", "identifiers": {"email": "email", "user_id": "user_id"},
        "named_by": "slug", "audiences": null, "backfill_until": null, "scan_fields": null, "reconciled": []});
    assert_eq!(made["format"], defaults);
    assert_eq!(fixture.get("/v1/sources/cdp").await.json(), made);
    assert_eq!(fixture.get("/v1/sources").await.json()["items"], json!([made]));
}

#[tokio::test]
async fn a_source_of_musters_own_format_need_not_say_so() {
    let fixture = Fixture::new().await;
    let made = fixture.post("/v1/sources", source()).await.json();
    assert_eq!((&made["format"], &made["oauth2"]), (&json!({"kind": "muster"}), &Value::Null));
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused() {
    let fixture = Fixture::new().await;
    let with = |member: &str, value: Value| {
        let mut new = lytics(&json!({}));
        new[member] = value;
        new
    };
    for (new, said) in [
        (with("authentication", json!({"method": "standard_webhooks"})), "Lytics signs nothing"),
        (with("authentication", json!({"method": "oauth2", "token_seconds": 59})), "must be 60 to 86400"),
        (with("keyed_by", json!("crm")), "must say which member of the profile is `crm`"),
        (lytics(&json!({"identifiers": {"email": ""}})), "must name a member"),
        (lytics(&json!({"identifiers": {"user_id": "user_id"}})), "must say which member of the profile is `email`"),
        (lytics(&json!({"backfill_til": null})), "backfill_til"),
        (lytics(&json!({"named_by": "name"})), "expected `slug` or `id`"),
        (with("format", json!({"kind": "segment"})), "expected one of `muster`, `lytics`, `eagle_eye_air`"),
    ] {
        let told = fixture.post("/v1/sources", new.clone()).await;
        assert!(told.status.is_client_error(), "{new}: {}", told.text);
        assert!(told.text.contains(said), "{said}: {}", told.text);
    }
}

#[tokio::test]
async fn settings_of_a_format_can_be_changed_and_its_kind_cannot() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.post("/v1/sources", lytics(&json!({}))).await.status, StatusCode::CREATED);
    let format = json!({"kind": "lytics", "identifiers": {"email": "contact.email"}, "named_by": "id",
        "audiences": ["buyers"], "backfill_until": "2026-02-01T00:00:00Z", "scan_fields": ["plan"],
        "reconciled": ["buyers"]});
    let told = fixture.patch("/v1/sources/cdp", json!({"format": format})).await;
    assert_eq!((told.status, &told.json()["format"]), (StatusCode::OK, &format), "{}", told.text);
    fixture.ports.ledger.count("ignored/cdp/lytics.no-identity", 3).await.unwrap();
    fixture.ports.ledger.count("ignored/cdp2/other", 1).await.unwrap();
    let renamed = fixture.patch("/v1/sources/cdp", json!({"name": "Lytics"})).await.json();
    assert_eq!((&renamed["format"], renamed["left_out"].as_array().unwrap().len()), (&format, 1));
    assert_eq!(
        (&renamed["left_out"][0]["name"], &renamed["left_out"][0]["count"]),
        (&json!("lytics.no-identity"), &json!(3))
    );
    assert!(renamed["left_out"][0]["advice"].is_string());
    for (format, said) in [
        (json!({"kind": "muster"}), "cannot be changed"),
        (json!({"kind": "lytics", "identifiers": {"crm": "crm"}}), "by which the source is keyed"),
    ] {
        let told = fixture.patch("/v1/sources/cdp", json!({"format": format})).await;
        assert!(told.status.is_client_error() && told.text.contains(said), "{}", told.text);
    }
}

#[tokio::test]
async fn the_token_of_a_sources_own_api_is_kept_and_never_comes_out() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.post("/v1/sources", lytics(&json!({}))).await.status, StatusCode::CREATED);
    let give = async |access: Value| fixture.ask(Method::PUT, "/v1/sources/cdp/access", Some(access)).await;
    for (access, path) in [
        (json!({"token": ""}), "token"),
        (json!({"token": format!("{MARKER} {MARKER}")}), "token"),
        (json!({"token": MARKER, "requests_per_second": 0}), "requests_per_second"),
    ] {
        let told = give(access).await;
        assert_eq!((told.status.as_u16(), told.json()["path"].as_str()), (422, Some(path)), "{}", told.text);
        assert!(!told.text.contains(MARKER), "{}", told.text);
    }
    assert_eq!(fixture.get("/v1/sources/cdp/discover").await.status, StatusCode::CONFLICT, "there is no token yet");
    let told = give(json!({"token": MARKER, "requests_per_second": 2.0})).await;
    assert_eq!(told.status, StatusCode::NO_CONTENT, "{}", told.text);
    let kept = fixture.ports.vault.get("access/cdp").await.unwrap();
    assert_eq!(kept.map(|secret| secret.0), Some(json!({"token": MARKER})));
    let source = fixture.get("/v1/sources/cdp").await;
    assert_eq!(source.json()["access"]["requests_per_second"], json!(2.0));
    assert!(!source.text.contains(MARKER));
    for (new, path) in [
        (json!({"purpose": "backfill", "audiences": []}), "audiences"),
        (json!({"purpose": "backfill", "audiences": ["a"], "most_exits_percent": 0}), "most_exits_percent"),
    ] {
        let told = fixture.post("/v1/sources/cdp/scans", new).await;
        assert_eq!((told.status.as_u16(), told.json()["path"].as_str()), (422, Some(path)), "{}", told.text);
    }
    let muster = json!({"id": "own", "name": "Own", "keyed_by": "email", "secret": "0123456789abcdef",
        "authentication": {"method": "header", "name": "x-secret"}});
    assert_eq!(fixture.post("/v1/sources", muster).await.status, StatusCode::CREATED);
    let told = fixture.ask(Method::PUT, "/v1/sources/own/access", Some(json!({"token": MARKER}))).await;
    assert_eq!(told.status, StatusCode::CONFLICT, "it has no API");
}
