use muster_twins::braze::{AllFaulty, ErrorForm, InputArray, Invalid, Switches};
use serde_json::{Value, json};

use crate::support::{bench, bench_with, event, of_anna, purchase, with};

fn without(mut object: Value, field: &str) -> Value {
    object.as_object_mut().unwrap().remove(field);
    object
}

#[tokio::test]
async fn what_was_processed_is_counted_by_array() {
    let bench = bench();
    let body = json!({ "attributes": [of_anna(json!({ "a": 1 }))], "events": [event("a", 0), event("b", 0)] });
    let answer = bench.track(body.clone()).await;
    let counted = json!({ "message": "success", "attributes_processed": 1, "events_processed": 2 });
    assert_eq!((answer.status, answer.json()), (201, counted));
    bench.twin.with_switches(|switches| switches.processed_counts = false);
    assert_eq!(bench.track(body).await.json(), json!({ "message": "success" }));
    let objects = bench.twin.counters().objects;
    assert_eq!(Vec::from_iter(objects), [(InputArray::Attributes, 2), (InputArray::Events, 4)]);
}

#[tokio::test]
async fn a_faulty_object_is_lost_alone() {
    let bench = bench();
    let answer = bench.track(json!({ "events": [event("a", 0), without(event("b", 0), "name")] })).await;
    let errors = json!([{ "type": "'name' is required", "input_array": "events", "index": 1 }]);
    assert_eq!((answer.status, &answer.json()["errors"]), (201, &errors));
    assert_eq!(answer.json()["events_processed"], 1);
    bench.twin.apply_queued();
    assert_eq!(bench.event_names(), ["a"]);
    assert_eq!(bench.twin.counters().faulty_objects, 1);
    bench.assert_expected();
}

#[tokio::test]
async fn errors_may_be_sentences_alone() {
    let bench = bench_with(Switches { error_form: ErrorForm::Texts, ..Switches::default() });
    let answer = bench.track(json!({ "events": [without(event("b", 0), "name")] })).await;
    assert_eq!(answer.json()["errors"], json!(["'name' is required"]));
}

#[tokio::test]
async fn nothing_but_faults_is_a_success_or_an_error() {
    for (all_faulty, status, message) in
        [(AllFaulty::Success, 201, "success"), (AllFaulty::BadRequest, 400, "Bad Request")]
    {
        let bench = bench_with(Switches { all_faulty, ..Switches::default() });
        let answer = bench.track(json!({ "events": [{}] })).await;
        assert_eq!((answer.status, &answer.json()["message"]), (status, &json!(message)));
        assert_eq!(answer.json()["errors"].as_array().unwrap().len(), 1);
        bench.twin.apply_queued();
        assert!(bench.twin.events().is_empty());
    }
}

#[tokio::test]
async fn an_object_is_somebodys() {
    let bench = bench();
    for (array, object) in [("attributes", json!({ "a": 1 })), ("events", without(event("a", 0), "external_id"))] {
        assert!(bench.fault(array, object).await.ends_with("is required"));
    }
    for whom in [
        json!({ "braze_id": "1" }),
        json!({ "user_alias": { "alias_label": "l", "alias_name": "n" } }),
        json!({ "email": "anna@example.com" }),
        json!({ "external_id": "" }),
        json!({ "external_id": 7 }),
    ] {
        bench.fault("events", with(event("a", 0), whom)).await;
    }
    bench.fault("attributes", json!({ "user_alias": "n" })).await;
    bench.fault("attributes", json!({ "user_alias": { "alias_name": "n" } })).await;
    bench.fault("events", json!("anna")).await;
}

#[tokio::test]
async fn events_and_purchases_have_their_fields() {
    let bench = bench();
    for field in ["name", "time"] {
        assert_eq!(bench.fault("events", without(event("a", 0), field)).await, format!("'{field}' is required"));
    }
    for field in ["product_id", "currency", "price", "time"] {
        assert_eq!(bench.fault("purchases", without(purchase(), field)).await, format!("'{field}' is required"));
    }
    for wrong in [
        json!({ "time": "2026-01-05" }),
        json!({ "time": 1 }),
        json!({ "name": "" }),
        json!({ "app_id": 1 }),
        json!({ "properties": [] }),
        json!({ "_update_existing_only": "true" }),
    ] {
        bench.fault("events", with(event("a", 0), wrong)).await;
    }
    for wrong in [json!({ "currency": "Euro" }), json!({ "price": "9.50" }), json!({ "quantity": 0 })] {
        bench.fault("purchases", with(purchase(), wrong)).await;
    }
    bench.fault("attributes", of_anna(json!({ "_merge_objects": 1 }))).await;
    bench.assert_expected();
}

#[tokio::test]
async fn a_dummy_is_refused() {
    let bench = bench();
    bench.twin.ban("anna");
    let sentence = bench.fault("events", event("a", 0)).await;
    assert_eq!(sentence, "provided external_id is blacklisted and disallowed");
    assert!(bench.twin.unban("anna"));
    bench.apply(json!({ "events": [event("a", 0)] })).await;
}

#[tokio::test]
async fn properties_have_rules() {
    let bench = bench();
    for properties in [
        json!({ "": 1 }),
        json!({ "$id": 1 }),
        json!({ "k".repeat(256): 1 }),
        json!({ "a": "x".repeat(256) }),
        json!({ "a": null }),
        json!({ "a": ["2026-01-05T07:08:09Z"] }),
        json!({ "a": vec!["x".repeat(250); 200] }),
    ] {
        bench.fault("events", with(event("a", 0), json!({ "properties": properties }))).await;
        bench.fault("purchases", with(purchase(), json!({ "properties": properties }))).await;
    }
}

#[tokio::test]
async fn a_bad_property_may_be_lost_alone() {
    let bench = bench_with(Switches { invalid_property: Invalid::Dropped, ..Switches::default() });
    let properties = json!({ "a": null, "$b": 1, "c": 1 });
    bench.apply(json!({ "events": [with(event("a", 0), json!({ "properties": properties }))] })).await;
    assert_eq!(Value::Object(bench.twin.events().remove(0).properties), json!({ "c": 1 }));
    assert_eq!(bench.twin.counters().dropped_values, 2);
}
