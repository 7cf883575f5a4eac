use axum::body::Body;
use axum::http::Request;

use crate::support::{Bench, NEXT_SECRET, SECRET, bench, check, signature};

/// A check with these signatures, sent this many seconds ago.
async fn checked(bench: &Bench, ago: i64, sign: impl FnOnce(&str, i64, &str) -> String) -> u16 {
    let (id, body) = (bench.next_id(), check().to_string());
    let seconds = bench.twin.clock().now().as_second() - ago;
    let request = Request::post("/muster")
        .header("webhook-id", &id)
        .header("webhook-timestamp", seconds)
        .header("webhook-signature", sign(&id, seconds, &body))
        .header("content-type", "application/json")
        .body(Body::from(body))
        .unwrap();
    bench.send(request).await.status
}

#[tokio::test]
async fn only_an_accepted_secret_opens() {
    let bench = bench();
    assert_eq!(checked(&bench, 0, |id, at, body| signature(SECRET, id, at, body)).await, 204);
    assert_eq!(checked(&bench, 0, |id, at, body| signature(NEXT_SECRET, id, at, body)).await, 401);
    assert_eq!(bench.twin.counters().signature_failures, 1);
    bench.assert_expected();
}

#[tokio::test]
async fn id_time_and_body_are_signed() {
    let bench = bench();
    assert_eq!(checked(&bench, 0, |_, at, body| signature(SECRET, "msg_other", at, body)).await, 401);
    assert_eq!(checked(&bench, 0, |id, at, body| signature(SECRET, id, at + 1, body)).await, 401);
    assert_eq!(checked(&bench, 0, |id, at, _| signature(SECRET, id, at, "{}")).await, 401);
    assert_eq!(bench.twin.counters().signature_failures, 3);
}

#[tokio::test]
async fn while_secrets_are_rotated_either_opens() {
    let bench = bench();
    let both = |id: &str, at: i64, body: &str| {
        format!("{} {}", signature(NEXT_SECRET, id, at, body), signature(SECRET, id, at, body))
    };
    assert_eq!(checked(&bench, 0, both).await, 204);
    bench.twin.set_secrets([SECRET, NEXT_SECRET].map(|secret| secret.parse().unwrap()).into());
    assert_eq!(checked(&bench, 0, |id, at, body| signature(NEXT_SECRET, id, at, body)).await, 204);
    assert_eq!(checked(&bench, 0, |id, at, body| signature(SECRET, id, at, body)).await, 204);
    bench.twin.set_secrets(vec![NEXT_SECRET.parse().unwrap()]);
    assert_eq!(checked(&bench, 0, both).await, 204);
    assert_eq!(checked(&bench, 0, |id, at, body| signature(SECRET, id, at, body)).await, 401);
}

#[tokio::test]
async fn five_minutes_are_the_most() {
    let bench = bench();
    let sign = |id: &str, at: i64, body: &str| signature(SECRET, id, at, body);
    for (ago, status) in [(300, 204), (-300, 204), (301, 401), (-301, 401)] {
        assert_eq!(checked(&bench, ago, sign).await, status, "{ago} s ago");
    }
    let counters = bench.twin.counters();
    assert_eq!((counters.stale_timestamps, counters.signature_failures), (2, 0));
    assert_eq!(bench.twin.unexpected().len(), 2);
}

#[tokio::test]
async fn asks_are_verified_too() {
    let bench = bench();
    let ask = |secret: &str| {
        let (id, seconds) = (bench.next_id(), bench.twin.clock().now().as_second());
        Request::get("/ask/evt_1")
            .header("webhook-id", &id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signature(secret, &id, seconds, ""))
            .body(Body::empty())
            .unwrap()
    };
    assert_eq!(bench.send(ask(SECRET)).await.status, 404);
    assert_eq!(bench.send(ask(NEXT_SECRET)).await.status, 401);
}

#[tokio::test]
async fn headers_that_are_missing_or_of_another_form_are_unexpected() {
    let bench = bench();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        for value in [None, Some("not. of the form")] {
            let mut request = bench.signed("POST", "/muster", &bench.next_id(), &check().to_string());
            request.headers_mut().remove(name);
            if let Some(value) = value {
                request.headers_mut().insert(name, value.parse().unwrap());
            }
            assert_eq!(bench.send(request).await.status, 500, "{name}: {value:?}");
        }
    }
    let mut twice = bench.signed("POST", "/muster", &bench.next_id(), &check().to_string());
    twice.headers_mut().append("webhook-id", "msg_other".parse().unwrap());
    assert_eq!(bench.send(twice).await.status, 500);
    assert_eq!(bench.twin.unexpected().len(), 7);
    assert_eq!(bench.twin.counters().signature_failures, 0);
}
