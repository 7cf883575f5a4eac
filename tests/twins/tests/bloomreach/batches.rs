use muster_twins::bloomreach::Switches;
use serde_json::json;

use crate::support::{batch_of, bench, bench_with, event, events, update};

#[tokio::test]
async fn a_batch_answers_each_command() {
    let bench = bench();
    let both = batch_of("e-1", [event("anna", "ee_coupon_redeemed"), update("anna", json!({ "ee_tier_id": "177" }))]);
    let answer = bench.batch(&both).await;
    assert_eq!(answer.status, 200);
    let expected = json!({ "results": [{ "success": true }, { "success": true }], "success": true,
                           "start_time": 1_772_360_105.0, "end_time": 1_772_360_105.0 });
    assert_eq!(answer.json(), expected);
    assert_eq!(bench.twin.events()[0].command_id.as_deref(), Some("e-1:0"));
    assert_eq!(bench.property("anna", "ee_tier_id"), Some(json!("177")));
    let counters = bench.twin.counters();
    assert_eq!((counters.batches, counters.commands, counters.events), (1, 2, 1));
    bench.assert_expected();
}

#[tokio::test]
async fn a_faulty_command_fails_alone_within_a_200() {
    let bench = bench();
    let mut nobody = event("bea", "seen");
    nobody["customer_ids"] = json!({ "registered": "" });
    let answer = bench.batch(&batch_of("c", [event("anna", "seen"), nobody, event("cia", "seen")])).await;
    assert_eq!((answer.status, answer.successes()), (200, vec![true, false, true]));
    let failed = json!({ "success": false, "errors": ["At least one id should be specified."] });
    let body = answer.json();
    assert_eq!((&body["results"][1], &body["success"]), (&failed, &json!(true)));
    assert_eq!(bench.twin.events().len(), 2);
    assert_eq!(bench.twin.counters().refused_commands, 1);
    bench.assert_expected();
}

#[tokio::test]
async fn results_are_in_the_order_of_the_commands() {
    let bench = bench();
    bench.twin.refuse("bea", "No");
    let people = ["anna", "bea", "cia", "dan", "bea"];
    let answer = bench.batch(&batch_of("c", people.map(|who| event(who, "seen")))).await;
    assert_eq!(answer.successes(), [true, false, true, true, false]);
    bench.assert_expected();
}

#[tokio::test]
async fn more_than_fifty_are_refused_whole() {
    let bench = bench();
    assert_eq!(bench.batch(&events(50)).await.status, 200);
    bench.assert_expected();
    let answer = bench.batch(&events(51)).await;
    assert_eq!((answer.status, answer.json()), (400, json!({ "success": false, "message": "Too many commands" })));
    assert_eq!(bench.twin.events().len(), 50);
    assert_eq!(bench.twin.unexpected(), ["51 commands of at most 50"]);
}

#[tokio::test]
async fn size_and_status_of_that_are_switches() {
    let bench = bench_with(Switches { batch_limit: 2, batch_over_status: 413, ..Switches::default() });
    assert_eq!(bench.batch(&events(3)).await.status, 413);
    assert!(bench.twin.events().is_empty());
}

#[tokio::test]
async fn broken_json_is_answered_in_the_shape_of_the_route() {
    let bench = bench();
    let batch = bench.post_text("batch", "{").await;
    assert_eq!((batch.status, batch.json()), (400, json!({ "success": false, "message": "Invalid JSON" })));
    let single = bench.post_text("customers", "{").await;
    assert_eq!((single.status, single.json()), (400, json!({ "success": false, "errors": ["Invalid JSON"] })));
    assert_eq!(bench.twin.unexpected(), ["invalid JSON", "invalid JSON"]);
}

#[tokio::test]
async fn a_command_may_have_no_id() {
    let bench = bench();
    let mut one = batch_of("c", [event("anna", "seen")]);
    one["commands"][0].as_object_mut().unwrap().remove("command_id");
    assert_eq!(bench.batch(&one).await.successes(), [true]);
    assert_eq!(bench.twin.events()[0].command_id, None);
    bench.assert_expected();
}
