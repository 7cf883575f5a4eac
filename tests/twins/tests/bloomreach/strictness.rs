use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{basic, batch_of, bench, event, path, request, update};

/// Refused, noted, and nothing of it applied.
async fn assert_unexpected(rest: &str, body: &Value) {
    let bench = bench();
    assert_eq!(bench.post(rest, body).await.status, 500, "{rest} {body}");
    assert_eq!(bench.twin.unexpected().len(), 1, "{rest} {body}");
    assert!(bench.twin.people().is_empty() && bench.twin.events().is_empty(), "{rest} {body}");
}

/// `whole` with one more key, and with another type at each, at this place.
async fn assert_strict_at(rest: &str, whole: &Value, place: &str) {
    let keys: Vec<String> = whole.pointer(place).unwrap().as_object().unwrap().keys().cloned().collect();
    for key in keys {
        let mut other = whole.clone();
        other.pointer_mut(place).unwrap()[&key] = json!([true]);
        assert_unexpected(rest, &other).await;
    }
    let mut more = whole.clone();
    more.pointer_mut(place).unwrap()["surely_unknown"] = json!([1]);
    assert_unexpected(rest, &more).await;
}

#[tokio::test]
async fn bodies_have_no_other_keys() {
    assert_strict_at("customers", &update("anna", json!({ "a": 1 })), "").await;
    assert_strict_at("customers", &update("anna", json!({ "a": 1 })), "/customer_ids").await;
    assert_strict_at("customers/events", &event("anna", "seen"), "").await;
    let both = batch_of("c", [event("anna", "seen"), update("anna", json!({ "a": 1 }))]);
    for place in ["", "/commands/0", "/commands/0/data", "/commands/1/data"] {
        assert_strict_at("batch", &both, place).await;
    }
}

#[tokio::test]
async fn what_is_no_such_command_is_unexpected() {
    for (place, value) in [
        ("/commands", json!([])),
        ("/commands/0/name", json!("system/time")),
        ("/commands/0/data", Value::Null),
        ("/commands/0/data/timestamp", json!("yesterday")),
    ] {
        let mut wrong = batch_of("c", [event("anna", "seen")]);
        *wrong.pointer_mut(place).unwrap() = value;
        assert_unexpected("batch", &wrong).await;
    }
    let mut without = update("anna", json!({}));
    without.as_object_mut().unwrap().remove("properties");
    assert_unexpected("customers", &without).await;
}

#[tokio::test]
async fn routes_that_the_twin_does_not_have_are_unexpected() {
    let bench = bench();
    let key = basic("KEY_ID", "KEY_SECRET");
    let routes = [
        ("POST", "/".to_owned()),
        ("POST", path("customers/")),
        ("POST", path("batch?a=b")),
        ("POST", path("system/time")),
        ("PUT", path("customers")),
        ("GET", path("customers")),
    ];
    for (method, path) in &routes {
        let mut request = request(path, &key, &event("anna", "seen").to_string());
        *request.method_mut() = method.parse::<Method>().unwrap();
        assert_eq!(bench.send(request).await.status, 500, "{method} {path}");
    }
    let expected: Vec<String> = routes.iter().map(|(method, path)| format!("{method} {path}")).collect();
    assert_eq!(bench.twin.unexpected(), expected);
    assert!(bench.twin.people().is_empty());
}

#[tokio::test]
async fn another_content_type_is_unexpected() {
    let bench = bench();
    for (content_type, status) in
        [(None, 500), (Some("text/plain"), 500), (Some("application/json; charset=utf-8"), 200)]
    {
        let key = basic("KEY_ID", "KEY_SECRET");
        let mut request = request(&path("customers/events"), &key, &event("anna", "seen").to_string());
        request.headers_mut().remove("content-type");
        if let Some(content_type) = content_type {
            request.headers_mut().insert("content-type", content_type.parse().unwrap());
        }
        assert_eq!(bench.send(request).await.status, status, "{content_type:?}");
    }
    assert_eq!(bench.twin.unexpected().len(), 2);
}
