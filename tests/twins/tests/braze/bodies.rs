use muster_twins::braze::{NoObjects, ObjectLimit, Switches};
use serde_json::{Value, json};

use crate::support::{bench, bench_with, event, of_anna, purchase};

fn too_long() -> Value {
    json!({ "message": "Max Input Length Exceeded", "errors": [] })
}

fn many(attributes: usize, events: usize, purchases: usize) -> Value {
    json!({
        "attributes": vec![of_anna(json!({ "a": 1 })); attributes],
        "events": vec![event("a", 0); events],
        "purchases": vec![purchase(); purchases],
    })
}

#[tokio::test]
async fn what_is_no_json_is_refused() {
    let bench = bench();
    for body in ["", "{", "attributes", r#"{"events": [], "events": []}"#] {
        let answer = bench.track_text(body).await;
        let refused = json!({ "message": "Error while parsing request body", "errors": [] });
        assert_eq!((answer.status, answer.json()), (400, refused), "{body}");
    }
    assert_eq!(bench.twin.unexpected().len(), 4);
}

#[tokio::test]
async fn an_attribute_that_comes_twice_is_seen() {
    let bench = bench();
    let body = r#"{"attributes": [{"external_id": "anna", "external_id": "bea", "a": 1}]}"#;
    assert_eq!(bench.track_text(body).await.status, 400);
    assert!(bench.twin.unexpected()[0].contains("external_id"));
}

#[tokio::test]
async fn what_a_body_does_not_have_is_unexpected() {
    let bench = bench();
    for (body, status) in [
        (json!([]), 400),
        (json!({ "events": {} }), 500),
        (json!({ "api_key": "REST_API_KEY", "events": [event("a", 0)] }), 500),
        (json!({ "events": [{ "external_id": "anna", "name": "a", "time": "2026-01-05T07:08:09Z", "id": 7 }] }), 500),
        (json!({ "attributes": [of_anna(json!({ "push_token_import": true }))] }), 500),
    ] {
        assert_eq!(bench.track(body.clone()).await.status, status, "{body}");
        assert_eq!(bench.twin.unexpected().len(), 1, "{body}");
        bench.twin.clear_unexpected();
    }
}

#[tokio::test]
async fn a_request_without_objects_is_refused_or_does_nothing() {
    for (no_objects, status) in [(NoObjects::BadRequest, 400), (NoObjects::Success, 201)] {
        let bench = bench_with(Switches { no_objects, ..Switches::default() });
        for body in [json!({}), json!({ "events": [] })] {
            assert_eq!(bench.track(body).await.status, status);
        }
        assert_eq!((bench.twin.counters().without_objects, bench.twin.queued()), (2, 0));
        bench.assert_expected();
    }
}

#[tokio::test]
async fn by_default_75_objects_in_total_are_taken() {
    let bench = bench();
    assert_eq!(bench.track(many(25, 25, 25)).await.status, 201);
    bench.twin.apply_queued();
    let answer = bench.track(many(25, 26, 25)).await;
    assert_eq!((answer.status, answer.json()), (400, too_long()));
    bench.twin.apply_queued();
    assert_eq!((bench.twin.events().len(), bench.twin.purchases().len()), (25, 25));
    let counters = bench.twin.counters();
    assert_eq!((counters.too_many_objects, counters.max_objects_in_one_request), (1, 76));
    bench.assert_expected();
}

#[tokio::test]
async fn contracts_have_other_limits() {
    for (limit, fits, more) in [
        (ObjectLimit::InTotal(50), many(20, 20, 10), many(20, 20, 11)),
        (ObjectLimit::PerArray(75), many(75, 75, 75), many(1, 76, 1)),
    ] {
        let bench = bench_with(Switches { most_objects: limit, ..Switches::default() });
        assert_eq!(bench.track(fits).await.status, 201, "{limit:?}");
        assert_eq!(bench.track(more).await.status, 400, "{limit:?}");
    }
}

#[tokio::test]
async fn a_body_has_at_most_four_megabytes() {
    let bench = bench();
    let body = |bytes: usize| {
        let empty = json!({ "events": [event("a", 0)] }).to_string();
        empty.clone() + &" ".repeat(bytes - empty.len())
    };
    assert_eq!(bench.track_text(&body(4_000_000)).await.status, 201);
    assert_eq!(bench.track_text(&body(4_000_001)).await.status, 413);
    bench.twin.with_switches(|switches| switches.too_large_status = 400);
    let answer = bench.track_text(&body(4_000_001)).await;
    assert_eq!((answer.status, answer.json()), (400, too_long()));
    let counters = bench.twin.counters();
    assert_eq!((counters.too_large, counters.max_body_bytes), (2, 4_000_001));
    assert_eq!(bench.twin.queued(), 1);
}
