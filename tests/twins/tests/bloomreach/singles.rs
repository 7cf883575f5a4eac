use serde_json::json;

use crate::support::{AT, bench, event, update};

#[tokio::test]
async fn an_event_is_kept_as_it_was_sent() {
    let bench = bench();
    let answer = bench.event(&event("anna", "ee_coupon_redeemed")).await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "success": true })));
    let events = bench.twin.events();
    let [taken] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(taken.customer_ids["registered"], "anna");
    assert_eq!((taken.event_type.as_str(), taken.timestamp), ("ee_coupon_redeemed", 1_772_360_100.0));
    assert_eq!(json!(taken.properties), json!({ "campaign_id": "100000002", "value": 2.0 }));
    assert_eq!((taken.command_id.as_ref(), taken.received_at), (None, bench.twin.clock().now()));
    bench.assert_expected();
}

#[tokio::test]
async fn properties_are_added_to_those_that_are_there() {
    let bench = bench();
    bench.update(&update("anna", json!({ "ee_points_current": 600, "city": "Aarhus" }))).await;
    let answer = bench.update(&update("anna", json!({ "ee_points_current": 663 }))).await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "success": true })));
    let anna = bench.twin.person("anna").unwrap();
    assert_eq!(json!(anna.properties), json!({ "ee_points_current": 663, "city": "Aarhus" }));
    assert_eq!(json!(anna.updated), json!({ "ee_points_current": AT as f64, "city": AT as f64 }));
    assert_eq!(bench.twin.counters().customers_created, 1);
    bench.assert_expected();
}

#[tokio::test]
async fn milliseconds_are_seconds_of_a_far_future() {
    let bench = bench();
    let mut wrong = event("anna", "seen");
    wrong["timestamp"] = json!(AT * 1_000);
    assert_eq!(bench.event(&wrong).await.status, 200);
    assert_eq!(bench.twin.events()[0].timestamp, 1_772_360_100_000.0);
    assert_eq!(bench.twin.counters().future_timestamps, 1);
}

#[tokio::test]
async fn an_iso_time_is_the_same_instant() {
    let bench = bench();
    let mut iso = event("anna", "seen");
    iso["timestamp"] = json!("2026-03-01T11:15:00+01:00");
    bench.event(&iso).await;
    assert_eq!(bench.twin.events()[0].timestamp, 1_772_360_100.0);
    bench.assert_expected();
}

#[tokio::test]
async fn without_a_time_it_is_now_and_noted() {
    let bench = bench();
    let mut timeless = event("anna", "seen");
    timeless.as_object_mut().unwrap().remove("timestamp");
    assert_eq!(bench.event(&timeless).await.status, 200);
    assert_eq!(bench.twin.events()[0].timestamp, 1_772_360_105.0);
    let mut timeless = update("anna", json!({ "a": 1 }));
    timeless.as_object_mut().unwrap().remove("update_timestamp");
    assert_eq!(bench.update(&timeless).await.status, 200);
    assert_eq!(bench.twin.unexpected(), ["a command without timestamp", "a command without update_timestamp"]);
    assert_eq!(bench.twin.counters().without_timestamp, 2);
}

#[tokio::test]
async fn without_an_id_a_single_request_is_refused() {
    let bench = bench();
    for ids in [json!({}), json!({ "registered": "" }), json!({ "registered": null })] {
        let mut nobody = event("anna", "seen");
        nobody["customer_ids"] = ids.clone();
        let answer = bench.event(&nobody).await;
        let sentence = json!({ "success": false, "errors": ["At least one id should be specified."] });
        assert_eq!((answer.status, answer.json()), (400, sentence), "{ids}");
    }
    // An id that is blank is a person's fault, one that is not there the client's.
    assert_eq!(bench.twin.unexpected(), ["a command without customer_ids"]);
    assert!(bench.twin.events().is_empty());
}

#[tokio::test]
async fn without_an_event_type_it_is_refused() {
    let bench = bench();
    let mut nothing = event("anna", "seen");
    nothing.as_object_mut().unwrap().remove("event_type");
    assert_eq!(bench.event(&nothing).await.status, 400);
    assert_eq!(bench.twin.unexpected(), ["an event without event_type"]);
    assert_eq!(bench.twin.counters().refused_commands, 1);
}

#[tokio::test]
async fn a_refused_person_is_refused_until_that_is_cleared() {
    let bench = bench();
    bench.twin.refuse("anna", "Customer is blocked");
    let answer = bench.event(&event("anna", "seen")).await;
    let sentence = json!({ "success": false, "errors": ["Customer is blocked"] });
    assert_eq!((answer.status, answer.json()), (400, sentence));
    assert_eq!(bench.event(&event("bea", "seen")).await.status, 200);
    bench.twin.clear_refusals();
    assert_eq!(bench.event(&event("anna", "seen")).await.status, 200);
    assert_eq!(bench.twin.events().len(), 2);
}
