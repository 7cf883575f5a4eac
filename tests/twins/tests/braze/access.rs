use axum::http::HeaderValue;
use muster_twins::braze::Switches;
use serde_json::json;

use crate::support::{TRACK, bench, bench_with, event};

fn one() -> String {
    json!({ "events": [event("a", 0)] }).to_string()
}

#[tokio::test]
async fn only_a_known_key_after_bearer_is_let_in() {
    let bench = bench();
    for wrong in ["REST_API_KEY", "Bearer other", "bearer REST_API_KEY", "Bearer  REST_API_KEY", ""] {
        let mut request = bench.request("POST", TRACK, &one());
        request.headers_mut().insert("authorization", HeaderValue::from_str(wrong).unwrap());
        let answer = bench.send(request).await;
        assert_eq!((answer.status, answer.json()), (401, json!({ "message": "Invalid API key" })), "{wrong}");
    }
    let mut request = bench.request("POST", TRACK, &one());
    request.headers_mut().remove("authorization");
    assert_eq!(bench.send(request).await.status, 401);
    assert_eq!(bench.twin.counters().unauthorized, 6);
    assert_eq!(bench.twin.queued(), 0);
}

#[tokio::test]
async fn keys_come_and_go() {
    let bench = bench();
    assert!(bench.twin.revoke_key("REST_API_KEY"));
    assert!(!bench.twin.revoke_key("REST_API_KEY"));
    assert_eq!(bench.track_text(&one()).await.status, 401);
    bench.twin.add_key("REST_API_KEY", &["users.track"]);
    assert_eq!(bench.track_text(&one()).await.status, 201);
}

#[tokio::test]
async fn older_pages_have_404_for_an_unknown_key() {
    let bench = bench_with(Switches { unknown_key_status: 404, ..Switches::default() });
    bench.twin.revoke_key("REST_API_KEY");
    assert_eq!(bench.track_text(&one()).await.status, 404);
}

#[tokio::test]
async fn a_key_needs_its_permission() {
    let bench = bench();
    bench.twin.add_key("REST_API_KEY", &["messages.send"]);
    let answer = bench.track_text(&one()).await;
    assert_eq!((answer.status, answer.json()), (403, json!({ "message": "Access Denied" })));
    bench.twin.with_switches(|switches| switches.no_permission_status = 401);
    assert_eq!(bench.track_text(&one()).await.status, 401);
    bench.assert_expected();
}

#[tokio::test]
async fn a_slash_at_the_end_is_forbidden() {
    let bench = bench();
    let answer = bench.send(bench.request("POST", "/users/track/", &one())).await;
    assert_eq!((answer.status, answer.json()), (403, json!({ "message": "Forbidden" })));
    assert_eq!(bench.twin.unexpected(), ["POST /users/track/"]);
}

#[tokio::test]
async fn what_is_not_documented_for_muster_is_unexpected() {
    let bench = bench();
    for (method, path) in [
        ("GET", TRACK),
        ("POST", "/users/track?x=1"),
        ("POST", "//users/track"),
        ("POST", "/users/track/sync"),
        ("POST", "/users/track/bulk"),
        ("POST", "/users/delete"),
        ("POST", "/moved"),
    ] {
        let answer = bench.send(bench.request(method, path, &one())).await;
        assert_eq!(answer.status, 500, "{method} {path}");
        assert_eq!(bench.twin.unexpected(), [format!("{method} {path}")]);
        bench.twin.clear_unexpected();
    }
    assert_eq!(bench.twin.counters().unexpected, 7);
    assert_eq!(bench.twin.queued(), 0);
}

#[tokio::test]
async fn a_body_has_its_content_type() {
    let bench = bench();
    for wrong in [Some("text/plain"), Some("application/x-www-form-urlencoded"), None] {
        let mut request = bench.request("POST", TRACK, &one());
        let headers = request.headers_mut();
        headers.remove("content-type");
        if let Some(wrong) = wrong {
            headers.insert("content-type", HeaderValue::from_static(wrong));
        }
        assert_eq!(bench.send(request).await.status, 415, "{wrong:?}");
    }
    assert_eq!(bench.twin.unexpected().len(), 3);
    let mut request = bench.request("POST", TRACK, &one());
    request.headers_mut().insert("content-type", HeaderValue::from_static("application/json; charset=utf-8"));
    assert_eq!(bench.send(request).await.status, 201);
}
