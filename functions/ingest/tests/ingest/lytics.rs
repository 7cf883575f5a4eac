//! A source whose requests are Lytics' webhooks, and the tokens that it fetches.

use axum::Router;
use axum::body::Body;
use http::{Method, Request, StatusCode};
use muster::ports::Secret;
use muster::sources::oauth::MAX_REQUEST_BYTES;
use serde_json::{Value, json};

use crate::support::{Answer, World, basic, request, send};

const TOKEN_PATH: &str = "/v1/oauth/cdp/token";

/// `shop` of Muster's own changes; `cdp` and `crm` at Lytics, which fetch tokens.
async fn world() -> World {
    let world = World::new().await;
    for (id, secret) in [("cdp", "new"), ("crm", "other")] {
        let secret = json!({"current": secret, "previous": "old"});
        world.put_source_as(id, json!({"method": "oauth2"}), json!({"kind": "lytics"}), secret).await;
    }
    world
}

fn webhook(email: &str) -> Value {
    json!({"id": "1", "meta": {}, "data": {"email": email, "segment_events": [
        {"id": "a1", "slug": "buyers", "event": "enter", "enter": "2026-01-01T11:00:00.000000001Z"}]}})
}

async fn fetch(router: &Router, path: &str, body: &str) -> Answer {
    let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
    send(router.clone(), request.body(Body::from(body.to_owned())).unwrap()).await
}

async fn token(router: &Router, source: &str, secret: &str) -> String {
    let body = format!("grant_type=client_credentials&client_id={source}&client_secret={secret}");
    let answer = fetch(router, &format!("/v1/oauth/{source}/token"), &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.body["access_token"].as_str().unwrap().to_owned()
}

async fn post(router: &Router, token: &str, body: &Value) -> Answer {
    let request = request("/v1/ingest/cdp").header("authorization", format!("Bearer {token}"));
    send(router.clone(), request.body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn a_token_is_granted_and_opens_its_source_alone() {
    let world = world().await;
    let router = world.router().await;
    let body = "grant_type=client_credentials&client_id=cdp&client_secret=new&scope=any";
    let granted = fetch(&router, TOKEN_PATH, body).await;
    assert_eq!((granted.status, &granted.headers["cache-control"]), (StatusCode::OK, &"no-store".parse().unwrap()));
    assert_eq!((&granted.body["token_type"], &granted.body["expires_in"]), (&json!("Bearer"), &json!(3_600)));
    let own = granted.body["access_token"].as_str().unwrap();
    assert_eq!(post(&router, own, &webhook("a@b.c")).await.body, json!({"accepted": 1, "ignored": 0, "rejected": []}));
    for stranger in [token(&router, "crm", "other").await, token(&router, "crm", "old").await, "mst1.1.x".to_owned()] {
        let refused = post(&router, &stranger, &webhook("a@b.c")).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
        assert_eq!(refused.body["detail"], "the bearer token is missing, wrong or expired");
        assert_eq!(refused.headers["www-authenticate"], "Bearer realm=\"muster\", error=\"invalid_token\"");
    }
    let none = request("/v1/ingest/cdp").body(Body::from("{}")).unwrap();
    assert_eq!(send(router, none).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn whoever_gets_no_token_is_not_told_why() {
    let world = world().await;
    let router = world.router().await;
    let body = "grant_type=client_credentials&client_id=cdp&client_secret=hidden";
    for (path, body) in [
        (TOKEN_PATH, body.to_owned()),
        (TOKEN_PATH, body.replace("=cdp", "=crm").replace("hidden", "new")),
        ("/v1/oauth/crm/token", body.replace("hidden", "new")),
        ("/v1/oauth/shop/token", body.replace("=cdp", "=shop").replace("hidden", "open")),
        ("/v1/oauth/nobody/token", body.replace("=cdp", "=nobody").replace("hidden", "new")),
        ("/v1/oauth/%ff/token", body.to_owned()),
    ] {
        let denied = fetch(&router, path, &body).await;
        assert_eq!(
            (denied.status, denied.body),
            (StatusCode::UNAUTHORIZED, json!({"error": "invalid_client"})),
            "{path}"
        );
        assert_eq!(denied.headers["cache-control"], "no-store");
    }
    let by_basic = Request::post(TOKEN_PATH)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("authorization", basic("cdp", "hidden"))
        .body(Body::from("grant_type=client_credentials"));
    let denied = send(router.clone(), by_basic.unwrap()).await;
    assert_eq!((denied.status, &denied.body), (StatusCode::UNAUTHORIZED, &json!({"error": "invalid_client"})));
    assert!(denied.headers["www-authenticate"].to_str().unwrap().starts_with("Basic "));
    for (body, error) in [("", "invalid_request"), ("grant_type=password", "unsupported_grant_type")] {
        let denied = fetch(&router, TOKEN_PATH, body).await;
        assert_eq!((denied.status, denied.body), (StatusCode::BAD_REQUEST, json!({"error": error})));
    }
    assert_eq!(fetch(&router, TOKEN_PATH, &"x".repeat(MAX_REQUEST_BYTES + 1)).await.status, 413);
    assert_eq!(send(router, Request::get(TOKEN_PATH).body(Body::empty()).unwrap()).await.status, 405);
}

#[tokio::test]
async fn a_token_ends_with_its_time() {
    let world = world().await;
    let brief = json!({"method": "oauth2", "token_seconds": 60});
    world.put_source_as("brief", brief, json!({"kind": "lytics"}), json!({"current": "new"})).await;
    let router = world.router().await;
    let token = token(&router, "brief", "new").await;
    for (seconds, status) in [(59, StatusCode::ACCEPTED), (1, StatusCode::UNAUTHORIZED)] {
        world.clock.advance(jiff::SignedDuration::from_secs(seconds));
        let request = request("/v1/ingest/brief").header("authorization", format!("Bearer {token}"));
        let answer = send(router.clone(), request.body(Body::from(webhook("a@b.c").to_string())).unwrap()).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
}

#[tokio::test]
async fn a_token_ends_with_its_secret() {
    let world = world().await;
    let router = world.router().await;
    let [new, old] = [token(&router, "cdp", "new").await, token(&router, "cdp", "old").await];
    for token in [&new, &old] {
        assert_eq!(post(&router, token, &webhook("a@b.c")).await.status, StatusCode::ACCEPTED);
    }
    world.ports.vault.put("source/cdp", &Secret(json!({"current": "new"}))).await.unwrap();
    let router = world.router().await;
    assert_eq!(post(&router, &new, &webhook("a@b.c")).await.status, StatusCode::ACCEPTED);
    assert_eq!(post(&router, &old, &webhook("a@b.c")).await.status, StatusCode::UNAUTHORIZED);
    world.ports.vault.delete("source/cdp").await.unwrap();
    let router = world.router().await;
    assert_eq!(post(&router, &new, &webhook("a@b.c")).await.status, StatusCode::SERVICE_UNAVAILABLE);
    let body = "grant_type=client_credentials&client_id=cdp&client_secret=new";
    assert_eq!(fetch(&router, TOKEN_PATH, body).await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_vendor_may_put_and_others_may_not() {
    let world = world().await;
    let router = world.router().await;
    let token = token(&router, "cdp", "new").await;
    for (method, path, content_type, status) in [
        (Method::PUT, "/v1/ingest/cdp", "application/json", 202),
        (Method::PUT, "/v1/ingest/cdp", "text/plain", 202),
        (Method::POST, "/v1/ingest/cdp", "", 202),
        (Method::PATCH, "/v1/ingest/cdp", "application/json", 405),
        (Method::PUT, "/v1/ingest/shop", "application/json", 405),
    ] {
        let request = Request::builder()
            .method(&method)
            .uri(path)
            .header("x-key", "open")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", content_type);
        let answer = send(router.clone(), request.body(Body::from(webhook("a@b.c").to_string())).unwrap()).await;
        assert_eq!(answer.status, status, "{method} {path} {content_type}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_body_that_can_be_read_is_answered_with_success_and_its_owner_is_told() {
    let world = world().await;
    let router = world.router().await;
    let token = token(&router, "cdp", "new").await;
    let mut nobody = webhook("a@b.c");
    nobody["data"]["email"] = json!("hidden");
    let mut eventless = webhook("d@e.f");
    eventless["data"].as_object_mut().unwrap().remove("segment_events");
    let answer = post(&router, &token, &json!([nobody])).await;
    let rejected = json!([{"index": 0, "path": "$[0].data", "reason": "not an e-mail address"}]);
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.body["rejected"][0]["reason"], rejected[0]["reason"]);
    assert!(!answer.body.to_string().contains("hidden"));
    assert_eq!(post(&router, &token, &eventless).await.body["accepted"], 1);
    world.rows.too_large.store(1, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(post(&router, &token, &webhook("g@h.i")).await.status, StatusCode::ACCEPTED);
    let counters = world.ports.ledger.counters("ignored/cdp/").await.unwrap();
    for name in ["lytics.no-identity", "lytics.no-segment_events", "lytics.row-too-large"] {
        assert_eq!(counters[&format!("ignored/cdp/{name}")], 1, "{name}");
    }
    for (body, status) in [("{\"hidden\"", 400), ("7", 400)] {
        let request = request("/v1/ingest/cdp").header("authorization", format!("Bearer {token}"));
        assert_eq!(send(router.clone(), request.body(Body::from(body)).unwrap()).await.status, status);
    }
}
