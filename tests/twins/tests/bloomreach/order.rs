use muster_twins::bloomreach::{BatchOrder, Fault, FaultKind, LateAnswer, NullProperty, Switches, UpdateOrder};
use serde_json::{Value, json};

use crate::support::{AT, Bench, batch_of, bench, bench_with, events, types, update, update_at};

fn sent(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("e{number:02}")).collect()
}

async fn executed(switches: Switches) -> Vec<String> {
    let bench = bench_with(switches);
    bench.batch(&events(20)).await;
    types(&bench.twin.events())
}

#[tokio::test]
async fn a_batch_is_executed_in_another_order_each_seed() {
    let first = executed(Switches::default()).await;
    assert_ne!(first, sent(20));
    assert_eq!(first, executed(Switches::default()).await);
    assert_ne!(first, executed(Switches { shuffle_seed: 2, ..Switches::default() }).await);
    let mut sorted = first;
    sorted.sort();
    assert_eq!(sorted, sent(20));
}

#[tokio::test]
async fn the_same_batch_has_the_same_order_whatever_came_before() {
    let bench = bench();
    bench.batch(&batch_of("other", [update("anna", json!({ "a": 1 }))])).await;
    bench.batch(&events(20)).await;
    assert_eq!(types(&bench.twin.events()), executed(Switches::default()).await);
}

#[tokio::test]
async fn other_orders_are_a_switch() {
    let mut reversed = sent(20);
    reversed.reverse();
    for (batch_order, expected) in [(BatchOrder::AsSent, sent(20)), (BatchOrder::Reversed, reversed)] {
        assert_eq!(executed(Switches { batch_order, ..Switches::default() }).await, expected);
    }
}

fn by_timestamp() -> Bench {
    bench_with(Switches { update_order: UpdateOrder::ByTimestamp, ..Switches::default() })
}

async fn newer_then_older(bench: &Bench) -> Option<Value> {
    bench.update(&update_at("anna", AT, json!({ "points": 663 }))).await;
    bench.update(&update_at("anna", AT - 1, json!({ "points": 600, "city": "Aarhus" }))).await;
    assert_eq!(bench.property("anna", "city"), Some(json!("Aarhus")));
    assert_eq!(bench.twin.counters().stale_properties, 1);
    bench.property("anna", "points")
}

#[tokio::test]
async fn what_arrives_last_stays() {
    assert_eq!(newer_then_older(&bench()).await, Some(json!(600)));
}

#[tokio::test]
async fn or_what_is_newest_stays_for_each_property() {
    assert_eq!(newer_then_older(&by_timestamp()).await, Some(json!(663)));
}

#[tokio::test]
async fn of_two_at_one_time_the_last_stays() {
    let bench = by_timestamp();
    for points in [600, 663, 650] {
        bench.update(&update("anna", json!({ "points": points }))).await;
    }
    assert_eq!(bench.property("anna", "points"), Some(json!(650)));
    assert_eq!(bench.twin.counters().stale_properties, 0);
}

/// Fifty times.
fn counting() -> Value {
    batch_of("n", (0..50).map(|number| update_at("anna", AT + number, json!({ "points": number }))))
}

#[tokio::test]
async fn within_a_batch_only_timestamps_bring_order() {
    for (bench, is_last) in [(bench(), false), (by_timestamp(), true)] {
        bench.batch(&counting()).await;
        assert_eq!(bench.property("anna", "points") == Some(json!(49)), is_last);
    }
}

#[tokio::test]
async fn milliseconds_win_over_whatever_comes_later() {
    let bench = by_timestamp();
    bench.update(&update_at("anna", AT * 1_000, json!({ "points": 1 }))).await;
    bench.update(&update("anna", json!({ "points": 2 }))).await;
    assert_eq!(bench.property("anna", "points"), Some(json!(1)));
    assert_eq!(bench.twin.counters().future_timestamps, 1);
}

#[tokio::test]
async fn a_late_request_meets_the_same_rule() {
    for (bench, points) in [(bench(), 600), (by_timestamp(), 663)] {
        bench.twin.push_fault(Fault::once(FaultKind::AppliedLate(LateAnswer::Timeout)));
        bench.update(&update_at("anna", AT - 1, json!({ "points": 600 }))).await;
        bench.update(&update("anna", json!({ "points": 663 }))).await;
        assert_eq!(bench.property("anna", "points"), Some(json!(663)));
        assert_eq!((bench.twin.late(), bench.twin.apply_late()), (1, 1));
        assert_eq!(bench.property("anna", "points"), Some(json!(points)));
        bench.assert_expected();
    }
}

#[tokio::test]
async fn null_leaves_what_was_there_or_replaces_it() {
    for (null_property, city) in [(NullProperty::Ignored, json!("Aarhus")), (NullProperty::Stored, Value::Null)] {
        let bench = bench_with(Switches { null_property, ..Switches::default() });
        bench.update(&update("anna", json!({ "city": "Aarhus" }))).await;
        bench.update(&update("anna", json!({ "city": null }))).await;
        assert_eq!(bench.property("anna", "city"), Some(city));
        assert_eq!(bench.twin.counters().null_properties, 1);
    }
}
