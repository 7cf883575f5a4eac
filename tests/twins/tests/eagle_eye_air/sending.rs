use std::collections::BTreeSet;

use muster_twins::eagle_eye_air::{AttemptOutcome, Duplicates, Fault, FaultKind, Subscription, Switches, TriggerEcho};
use serde_json::Value;

use crate::receiver::Receiver;
use crate::support::{Bench, bench, bench_with};

async fn subscribed(switches: Switches) -> (Bench, Receiver) {
    let (bench, receiver) = (bench_with(switches), Receiver::start().await);
    bench.twin.subscribe(Subscription::new(&receiver.url, "s3cret-token"));
    (bench, receiver)
}

/// Debits so many times, and answers the ids of the events.
fn debits(bench: &Bench, count: usize) -> Vec<String> {
    (0..count).map(|_| bench.twin.debit_tier(&bench.anna, 1).unwrap().event_id).collect()
}

fn ids(receiver: &Receiver) -> Vec<String> {
    let id = |body: Value| body["headers"]["eesEventId"].as_str().unwrap().to_owned();
    receiver.bodies().into_iter().map(id).collect()
}

fn outcomes(bench: &Bench) -> Vec<AttemptOutcome> {
    bench.twin.attempts().iter().map(|attempt| attempt.outcome).collect()
}

#[tokio::test]
async fn an_event_is_posted_with_the_static_header() {
    let (bench, receiver) = subscribed(Switches::default()).await;
    let event = bench.twin.debit_tier(&bench.anna, 1).unwrap();
    bench.twin.events_settled().await;
    let received = receiver.received();
    let [only] = received.as_slice() else { panic!("{received:?}") };
    assert_eq!((only.method.as_str(), only.uri.as_str()), ("POST", "/hook"));
    assert_eq!((only.header("x-auth-token"), only.header("content-type")), ("s3cret-token", "application/json"));
    assert_eq!(only.body, event.body);
    assert_eq!(only.text, event.body.to_string());
    assert_eq!(bench.twin.counters().events_accepted, 1);
}

#[tokio::test]
async fn every_subscriber_is_told_until_it_leaves() {
    let (bench, receiver) = subscribed(Switches::default()).await;
    let other = Receiver::start().await;
    let header = "X-Other".to_owned();
    let second = Subscription { header, ..Subscription::new(&other.url, "other") };
    let number = bench.twin.subscribe(second);
    debits(&bench, 1);
    bench.twin.events_settled().await;
    assert_eq!(other.received()[0].header("x-other"), "other");
    assert!(bench.twin.unsubscribe(number) && !bench.twin.unsubscribe(number));
    debits(&bench, 1);
    bench.twin.events_settled().await;
    assert_eq!((receiver.received().len(), other.received().len()), (2, 1));
    assert_eq!(bench.twin.subscriptions().len(), 1);
}

#[tokio::test]
async fn only_200_and_201_are_success() {
    for (status, accepted) in [(200, 1), (201, 1), (202, 0), (204, 0), (400, 0), (500, 0)] {
        let (bench, receiver) = subscribed(Switches { retries: 0, ..Switches::default() }).await;
        receiver.answer(&[status]);
        debits(&bench, 1);
        bench.twin.events_settled().await;
        let counters = bench.twin.counters();
        assert_eq!((counters.events_accepted, counters.events_dead), (accepted, 1 - accepted), "{status}");
    }
}

#[tokio::test]
async fn what_failed_is_tried_again_until_it_is_dead() {
    let (bench, receiver) = subscribed(Switches { retries: 2, ..Switches::default() }).await;
    receiver.answer(&[500, 404, 202, 500]);
    let sent = debits(&bench, 1);
    bench.twin.events_settled().await;
    for (wait, requests) in [(9, 1), (1, 2), (10, 3), (1_000, 3)] {
        bench.wait(wait);
        bench.twin.events_settled().await;
        assert_eq!(receiver.received().len(), requests, "after {wait} s more");
    }
    assert_eq!(outcomes(&bench), [500, 404, 202].map(AttemptOutcome::Answered));
    let dead = bench.twin.dead_letters();
    assert_eq!((dead.len(), dead[0].tries, dead[0].last), (1, 3, AttemptOutcome::Answered(202)));
    assert_eq!((&dead[0].event.event_id, bench.twin.counters().event_retries), (&sent[0], 2));
}

#[tokio::test]
async fn a_429_is_honoured_and_counts_as_no_try() {
    let (bench, receiver) = subscribed(Switches { retries: 0, ..Switches::default() }).await;
    receiver.answer(&[429, 429]);
    debits(&bench, 1);
    bench.twin.events_settled().await;
    for (wait, requests) in [(59, 1), (1, 2), (60, 3)] {
        bench.wait(wait);
        bench.twin.events_settled().await;
        assert_eq!(receiver.received().len(), requests, "after {wait} s more");
    }
    let counters = bench.twin.counters();
    assert_eq!((counters.events_postponed, counters.events_accepted, counters.events_dead), (2, 1, 0));
    assert!(bench.twin.attempts().iter().all(|attempt| attempt.number == 1));
}

#[tokio::test]
async fn nobody_at_home_is_tried_again() {
    let bench = bench();
    bench.twin.subscribe(Subscription::new("http://127.0.0.1:9/", "t"));
    debits(&bench, 1);
    bench.twin.events_settled().await;
    assert_eq!((outcomes(&bench), bench.twin.events_waiting()), (vec![AttemptOutcome::NoAnswer], 1));
}

#[tokio::test]
async fn an_answer_is_not_waited_for_for_ever() {
    let bench = bench_with(Switches { answer_timeout_ms: 1, ..Switches::default() });
    let receiver = Receiver::gated().await;
    bench.twin.subscribe(Subscription::new(&receiver.url, "t"));
    debits(&bench, 1);
    bench.twin.events_settled().await;
    assert_eq!(outcomes(&bench), [AttemptOutcome::NoAnswer]);
}

#[tokio::test]
async fn an_event_may_come_twice_with_the_same_id() {
    let (bench, receiver) = subscribed(Switches { duplicates: Duplicates::SameEventId, ..Switches::default() }).await;
    let sent = debits(&bench, 1);
    bench.twin.events_settled().await;
    assert_eq!(ids(&receiver), [sent[0].clone(), sent[0].clone()]);
}

#[tokio::test]
async fn events_may_overtake_one_another() {
    let (bench, receiver) = subscribed(Switches { out_of_order: true, ..Switches::default() }).await;
    let sent = debits(&bench, 3);
    assert_eq!(bench.twin.events_waiting(), 1);
    bench.twin.events_settled().await;
    assert_eq!(ids(&receiver), [&sent[1], &sent[0], &sent[2]].map(Clone::clone));
}

#[tokio::test]
async fn events_may_be_late() {
    let (bench, receiver) = subscribed(Switches { delay_seconds: 30, ..Switches::default() }).await;
    debits(&bench, 1);
    for (wait, requests) in [(0, 0), (29, 0), (1, 1)] {
        bench.wait(wait);
        bench.twin.events_settled().await;
        assert_eq!(receiver.received().len(), requests);
    }
}

#[tokio::test]
async fn events_may_come_all_at_once() {
    let bench = bench_with(Switches { burst: Some(20), ..Switches::default() });
    let receiver = Receiver::gated().await;
    bench.twin.subscribe(Subscription::new(&receiver.url, "t"));
    let sent = debits(&bench, 25);
    while receiver.open().0 < 20 {
        tokio::task::yield_now().await;
    }
    receiver.open_gate();
    bench.twin.events_settled().await;
    assert_eq!(receiver.open(), (0, 20));
    assert_eq!(ids(&receiver).into_iter().collect::<BTreeSet<_>>(), sent.into_iter().collect());
}

#[tokio::test]
async fn the_event_of_a_trigger_comes_before_the_answer_or_after() {
    for (trigger_echo, before) in
        [(TriggerEcho::BeforeAnswer, 1), (TriggerEcho::AfterAnswer, 0), (TriggerEcho::Never, 0)]
    {
        let (bench, receiver) = subscribed(Switches { trigger_echo, ..Switches::default() }).await;
        assert_eq!(bench.welcome("aud-1").await.status, 201);
        assert_eq!(receiver.received().len(), before, "{trigger_echo:?}");
        bench.twin.events_settled().await;
        let after = usize::from(trigger_echo != TriggerEcho::Never);
        assert_eq!(receiver.received().len(), after, "{trigger_echo:?}");
    }
}

#[tokio::test]
async fn a_trigger_without_an_answer_is_told_all_the_same() {
    let (bench, receiver) = subscribed(Switches::default()).await;
    bench.twin.push_fault(Fault::once(FaultKind::ResetAfter));
    assert!(bench.welcome("aud-1").await.lost.is_some());
    assert!(receiver.bodies()[0]["request"]["body"].as_str().unwrap().contains("aud-1"));
}
