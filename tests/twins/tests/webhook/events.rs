use muster_twins::webhook::{Doubles, Fault, FaultKind, Happening, Options, Switches, WebhookTwin};
use serde_json::json;

use crate::support::{bench, bench_with, entered, message, options, people, two};

#[tokio::test]
async fn an_event_is_kept_as_it_was_told() {
    let bench = bench();
    assert_eq!(bench.tell_as("evt_1", &entered()).await.status, 204);
    let events = bench.twin.events();
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((event.webhook_id.as_str(), event.what), ("evt_1", Happening::Entered));
    assert_eq!((event.id.as_str(), event.audience.as_str()), ("anna@example.com", "cats"));
    assert_eq!(event.properties["plan"], "gold");
    assert_eq!((event.arrived, event.acted), (1, 1));
    assert_eq!(bench.anna(), None);
}

#[tokio::test]
async fn a_repeat_is_known_by_its_webhook_id() {
    let bench = bench();
    for _ in 0..3 {
        assert_eq!(bench.tell_as("evt_1", &entered()).await.status, 204);
    }
    let events = bench.twin.events();
    assert_eq!((events.len(), events[0].arrived, events[0].acted), (1, 3, 1));
    let counters = bench.twin.counters();
    assert_eq!((counters.repeated_events, counters.doubled_events), (2, 0));
    bench.assert_expected();
}

#[tokio::test]
async fn a_receiver_that_knows_no_repeats_acts_twice() {
    let bench = bench_with(Switches { doubles: Doubles::Acted, ..Switches::default() });
    bench.tell_as("evt_1", &entered()).await;
    bench.tell_as("evt_1", &entered()).await;
    assert_eq!(bench.twin.events()[0].acted, 2);
    assert_eq!(bench.twin.counters().doubled_events, 1);
}

#[tokio::test]
async fn one_event_under_two_webhook_ids_is_unexpected() {
    let bench = bench();
    bench.tell_as("evt_1", &entered()).await;
    bench.tell_as("evt_2", &entered()).await;
    assert_eq!(bench.twin.counters().doubled_events, 1);
    assert_eq!(bench.twin.unexpected(), ["one event under two webhook-ids: evt_1 and evt_2"]);
}

#[tokio::test]
async fn an_event_with_another_body_is_unexpected() {
    let bench = bench();
    bench.twin.push_fault(Fault::once(FaultKind::ResetBefore));
    bench.tell_as("evt_1", &entered()).await;
    let mut later = entered();
    later["timestamp"] = json!("2026-01-05T07:08:10Z");
    assert_eq!(bench.tell_as("evt_1", &later).await.status, 500);
    assert_eq!(bench.twin.unexpected(), ["webhook-id evt_1 came before, with another body"]);
    assert!(bench.twin.events().is_empty());
}

#[tokio::test]
async fn a_left_event_has_the_same_shape() {
    let bench = bench();
    let data = json!({ "activation": "crm", "id": "anna@example.com", "audience": "cats", "properties": {} });
    assert_eq!(bench.tell(&message("audience.left", data.clone())).await.status, 204);
    assert_eq!(bench.twin.events()[0].what, Happening::Left);
    let mut without = data;
    without.as_object_mut().unwrap().remove("properties");
    assert_eq!(bench.tell(&message("audience.left", without)).await.status, 500);
}

#[tokio::test]
async fn an_ask_says_whether_the_event_arrived() {
    let bench = bench();
    assert_eq!(bench.ask("evt_1").await.status, 404);
    bench.twin.push_fault(Fault::once(FaultKind::TimeoutBefore));
    bench.tell_as("evt_1", &entered()).await;
    assert_eq!(bench.ask("evt_1").await.status, 404);
    bench.twin.push_fault(Fault::once(FaultKind::TimeoutAfter));
    bench.tell_as("evt_1", &entered()).await;
    assert_eq!(bench.ask("evt_1").await.status, 200);
    assert_eq!(bench.twin.counters().asks, 3);
    bench.assert_expected();
}

#[tokio::test]
async fn an_ask_may_stand_under_the_id_that_it_asks_about() {
    let bench = bench();
    bench.tell_as("evt_1", &entered()).await;
    for _ in 0..2 {
        let ask = bench.signed("GET", "/ask/evt_1", "evt_1", "");
        assert_eq!(bench.send(ask).await.status, 200);
    }
    bench.assert_expected();
}

#[tokio::test]
async fn nobody_asks_about_records() {
    let bench = bench();
    bench.tell_as("msg_of_records", &two()).await;
    assert_eq!(bench.ask("msg_of_records").await.status, 500);
    assert_eq!(bench.twin.unexpected(), ["msg_of_records is asked about and no event"]);
}

#[tokio::test]
async fn a_receiver_that_cannot_be_asked_has_no_such_route() {
    let mut bench = bench();
    bench.twin = WebhookTwin::new(Options { ask_path: None, ..options(Switches::default()) });
    assert_eq!(bench.ask("evt_1").await.status, 500);
    assert_eq!(bench.twin.unexpected(), ["GET /ask/evt_1"]);
}

#[tokio::test]
async fn records_have_a_webhook_id_of_their_own() {
    let bench = bench();
    bench.tell_as("msg_x", &two()).await;
    assert_eq!(bench.tell_as("msg_x", &two()).await.status, 500);
    let other = people(json!([{ "record": "a", "id": "anna@example.com", "state": "left" }]));
    assert_eq!(bench.tell_as("msg_x", &other).await.status, 500);
    let unexpected = ["webhook-id msg_x came before", "webhook-id msg_x came before, with another body"];
    assert_eq!(bench.twin.unexpected(), unexpected);
}
