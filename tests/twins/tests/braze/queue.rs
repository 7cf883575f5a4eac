use muster_twins::braze::{Application, ObjectOrder, QueueOrder, Switches};
use serde_json::json;

use crate::support::{bench, bench_with, event, of_anna, with};

#[tokio::test]
async fn what_was_taken_is_applied_a_little_later() {
    let bench = bench();
    bench.track(json!({ "events": [event("a", 0)] })).await;
    bench.wait(99);
    assert_eq!((bench.twin.events().len(), bench.twin.queued()), (0, 1));
    assert_eq!(bench.twin.person("anna"), None);
    bench.wait(1);
    assert_eq!((bench.twin.events().len(), bench.twin.queued()), (1, 0));
}

#[tokio::test]
async fn it_can_be_applied_at_once() {
    let bench = bench_with(Switches { application: Application::AtOnce, ..Switches::default() });
    bench.track(json!({ "events": [event("a", 0)] })).await;
    assert_eq!(bench.event_names(), ["a"]);
}

#[tokio::test]
async fn the_order_of_arrival_is_kept_whatever_the_delay_was() {
    let bench = bench();
    bench.track(json!({ "events": [event("a", 0)] })).await;
    bench.twin.with_switches(|switches| switches.application = Application::AtOnce);
    bench.track(json!({ "events": [event("b", 0)] })).await;
    assert!(bench.twin.events().is_empty());
    assert_eq!(bench.twin.apply_queued(), 2);
    assert_eq!(bench.event_names(), ["a", "b"]);
}

#[tokio::test]
async fn what_is_due_together_may_be_applied_the_other_way_round() {
    let bench = bench_with(Switches { queue_order: QueueOrder::LastFirst, ..Switches::default() });
    for (name, seconds) in [("a", 0), ("b", 1)] {
        bench.track(json!({ "events": [event(name, seconds)] })).await;
    }
    bench.wait(100);
    assert_eq!(bench.event_names(), ["b", "a"]);
    assert_eq!(bench.twin.counters().out_of_order, 1);
}

#[tokio::test]
async fn attributes_are_applied_before_events_or_after_them() {
    for (object_order, events) in [(ObjectOrder::AttributesFirst, 1), (ObjectOrder::AttributesLast, 0)] {
        let bench = bench_with(Switches { object_order, ..Switches::default() });
        let event = with(event("a", 0), json!({ "_update_existing_only": true }));
        bench.apply(json!({ "events": [event], "attributes": [of_anna(json!({ "a": 1 }))] })).await;
        assert_eq!(bench.twin.events().len(), events, "{object_order:?}");
        assert!(bench.twin.person("anna").is_some());
    }
}
