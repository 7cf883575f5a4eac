use muster_twins::webhook::Switches;
use serde_json::{Value, json};

use crate::support::{anna, bench, bench_with, check, entered, people, present, two};

/// Refused, noted, and nothing of it applied.
async fn assert_unexpected(body: &str) {
    let bench = bench();
    assert_eq!(bench.tell_text(body).await.status, 500, "{body}");
    assert_eq!(bench.twin.unexpected().len(), 1, "{body}");
    assert!(bench.twin.people().is_empty() && bench.twin.events().is_empty(), "{body}");
}

/// `whole` without each of its keys, with one more, and with another type at each, at this place.
async fn assert_strict_at(whole: &Value, place: &str) {
    let keys: Vec<String> = whole.pointer(place).unwrap().as_object().unwrap().keys().cloned().collect();
    for key in keys {
        let mut without = whole.clone();
        without.pointer_mut(place).unwrap().as_object_mut().unwrap().remove(&key);
        assert_unexpected(&without.to_string()).await;
        let mut other = whole.clone();
        other.pointer_mut(place).unwrap()[&key] = json!(7);
        assert_unexpected(&other.to_string()).await;
    }
    let mut more = whole.clone();
    more.pointer_mut(place).unwrap()["surely_unknown"] = json!(1);
    assert_unexpected(&more.to_string()).await;
}

#[tokio::test]
async fn records_have_exactly_their_keys() {
    let left = people(json!([{ "record": "a", "id": "anna@example.com", "state": "left" }]));
    let forgotten = people(json!([{ "record": "a", "id": "anna@example.com", "state": "forgotten" }]));
    for place in ["", "/data", "/data/records/0", "/data/records/0/audiences/cats"] {
        assert_strict_at(&two(), place).await;
    }
    for whole in [left, forgotten] {
        assert_strict_at(&whole, "/data/records/0").await;
    }
}

#[tokio::test]
async fn memberships_have_exactly_their_keys() {
    for state in ["left", "never"] {
        let whole = people(json!([anna(state)]));
        assert_strict_at(&whole, "/data/records/0/audiences/cats").await;
    }
}

#[tokio::test]
async fn events_have_exactly_their_keys() {
    for place in ["", "/data"] {
        assert_strict_at(&entered(), place).await;
    }
}

#[tokio::test]
async fn checks_have_exactly_their_keys() {
    for place in ["", "/data"] {
        assert_strict_at(&check(), place).await;
    }
}

#[tokio::test]
async fn what_is_no_such_message_is_unexpected() {
    for body in ["", "[]", "null", "{", "text", "{}"] {
        assert_unexpected(body).await;
    }
    for (place, value) in [
        ("/type", json!("people.gone")),
        ("/timestamp", json!("today")),
        ("/timestamp", json!("2026-01-05T08:08:09+01:00")),
        ("/data/activation", json!("")),
        ("/data/records", json!([])),
        ("/data/records/0/record", json!("")),
        ("/data/records/0/id", json!("")),
        ("/data/records/0/state", json!("gone")),
        ("/data/records/0/audiences/cats/state", json!("outside")),
    ] {
        let mut wrong = two();
        *wrong.pointer_mut(place).unwrap() = value;
        assert_unexpected(&wrong.to_string()).await;
    }
}

#[tokio::test]
async fn keys_that_come_twice_are_unexpected() {
    let whole = two().to_string();
    for (once, twice) in [
        (r#""activation":"crm""#, r#""activation":"crm","activation":"crm""#),
        (r#""state":"present""#, r#""state":"present","state":"present""#),
        (r#""visits":12"#, r#""visits":12,"visits":12"#),
        (r#""cats":{"#, r#""cats":{"state":"left"},"cats":{"#),
    ] {
        let body = whole.replacen(once, twice, 1);
        assert_ne!(body, whole);
        assert_unexpected(&body).await;
    }
}

#[tokio::test]
async fn names_of_records_are_unique_within_a_request() {
    let twice = json!([present("a", "anna@example.com", "left"), present("a", "bea@example.com", "left")]);
    assert_unexpected(&people(twice).to_string()).await;
}

#[tokio::test]
async fn every_linked_audience_is_in_every_record() {
    let mut fewer = two();
    fewer["data"]["records"][1]["audiences"] = json!({});
    assert_unexpected(&fewer.to_string()).await;
}

#[tokio::test]
async fn more_records_than_agreed_are_unexpected() {
    let bench = bench_with(Switches { batch: 2, ..Switches::default() });
    assert_eq!(bench.tell(&two()).await.status, 204);
    let three = json!([anna("left"), present("b", "b@example.com", "left"), present("c", "c@example.com", "left")]);
    assert_eq!(bench.tell(&people(three)).await.status, 500);
    assert_eq!(bench.twin.unexpected(), ["3 records of at most 2"]);
}

#[tokio::test]
async fn another_content_type_is_unexpected() {
    let bench = bench();
    for content_type in [None, Some("text/plain"), Some("application/json; charset=utf-8")] {
        let mut request = bench.signed("POST", "/muster", &bench.next_id(), &two().to_string());
        request.headers_mut().remove("content-type");
        if let Some(content_type) = content_type {
            request.headers_mut().insert("content-type", content_type.parse().unwrap());
        }
        assert_eq!(bench.send(request).await.status, 500, "{content_type:?}");
    }
    assert_eq!(bench.twin.unexpected().len(), 3);
}

#[tokio::test]
async fn routes_that_the_receiver_does_not_have_are_unexpected() {
    let bench = bench();
    let routes = [
        ("POST", "/"),
        ("POST", "/muster/"),
        ("POST", "/muster?a=b"),
        ("PUT", "/muster"),
        ("GET", "/muster"),
        ("GET", "/ask/"),
        ("GET", "/ask/evt_1/more"),
        ("GET", "/ask/evt_1?a=b"),
    ];
    for (method, path) in routes {
        let request = bench.signed(method, path, &bench.next_id(), &check().to_string());
        assert_eq!(bench.send(request).await.status, 500, "{method} {path}");
    }
    assert_eq!(bench.twin.unexpected().len(), routes.len());
    assert_eq!(bench.twin.counters().checks, 0);
}

#[tokio::test]
async fn an_ask_has_no_body() {
    let bench = bench();
    let ask = bench.signed("GET", "/ask/evt_1", &bench.next_id(), "{}");
    assert_eq!(bench.send(ask).await.status, 500);
    assert_eq!(bench.twin.unexpected(), ["an ask with a body"]);
}

#[tokio::test]
async fn the_unexpected_can_be_cleared() {
    let bench = bench();
    bench.tell_text("{}").await;
    bench.twin.clear_unexpected();
    bench.assert_expected();
    assert_eq!(bench.twin.counters().unexpected, 1);
}
