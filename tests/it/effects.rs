//! What must happen once, through the real routes to a receiver of webhooks.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::FutureExt;
use jiff::SignedDuration;
use muster::steps::{Step, Steps};
use muster_local::runner::Runner;
use muster_tests::world::{Setup, World, change};
use muster_twins::webhook::{EventView, Fault, FaultKind, Happening, RetryAfter, RouteKind};
use serde_json::{Value, json};

/// An active activation that tells entering and leaving of `cats` as events, a minute after it began.
async fn telling(settings: Value) -> World {
    telling_in(Setup::default(), settings).await
}

async fn telling_in(setup: Setup, settings: Value) -> World {
    let mut world = World::new(setup).await;
    let mut all = json!({"events": ["entered", "left"]});
    all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    world.link_receiver(all, &["cats"], &[]).await;
    world.activate().await;
    world.settle().await;
    world.clock.advance(SignedDuration::from_mins(1));
    world
}

fn now_is(world: &World, user: &str, fact: Value) -> Value {
    let mut change = change(user, 0, fact);
    change["occurred_at"] = json!(muster::ports::Clock::now(world.clock.as_ref()).to_string());
    change
}

async fn enter(world: &mut World, user: &str) {
    let entered = json!({"type": "audience.entered", "audience": "cats", "audience_properties": {"reference": "R7"}});
    world.ingest(&[now_is(world, user, entered)]).await;
}

async fn leave(world: &mut World, user: &str) {
    world.ingest(&[now_is(world, user, json!({"type": "audience.exited", "audience": "cats"}))]).await;
}

fn the_event(world: &World) -> EventView {
    let mut events = world.receiver.events();
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}

async fn open(world: &World) -> Vec<Value> {
    world.get("/v1/activations/act/effects").await["items"].as_array().unwrap().clone()
}

async fn state_of(world: &World, user: &str) -> Value {
    world.receipt(user).await["activations"]["act"]["effects"][0]["state"].clone()
}

fn assert_unharmed(world: &World) {
    assert_eq!(world.receiver.unexpected(), Vec::<String>::new());
    assert_eq!(world.receiver.counters().doubled_events, 0);
}

#[tokio::test]
async fn a_live_entry_and_exit_are_told_once_each_with_what_the_source_added() {
    let mut world = telling(json!({})).await;
    enter(&mut world, "anna").await;
    world.settle().await;
    let event = the_event(&world);
    assert_eq!((event.id.as_str(), event.audience.as_str()), ("anna@example.com", "cats"));
    assert_eq!(event.properties["reference"], "R7");
    assert_eq!(world.account().await["effects_open"], 0);
    assert_eq!(state_of(&world, "anna").await["is"], "confirmed");
    world.clock.advance(SignedDuration::from_mins(1));
    leave(&mut world, "anna").await;
    world.settle().await;
    assert_eq!(world.receiver.events().len(), 2);
    world.post("/v1/activations/act/resync", Value::Null).await;
    world.settle().await;
    assert!(world.receiver.events().iter().all(|event| event.arrived == 1), "state is sent again, events are not");
    assert_unharmed(&world);
}

#[tokio::test]
async fn an_event_of_a_person_is_passed_on_once_by_its_name() {
    for (pass_on, told) in [(json!("all"), 2), (json!({"only": ["visited"]}), 1), (json!("none"), 0)] {
        let mut world = telling(json!({ "pass_on": pass_on })).await;
        let event = |name: &str| json!({"type": "person.event", "event": name, "event_id": format!("{name}-1"), "details": {"pages": [1, 2]}});
        let events = [now_is(&world, "anna", event("visited")), now_is(&world, "anna", event("called"))];
        for _ in 0..2 {
            world.ingest(&events).await;
            world.settle().await;
        }
        let events = world.receiver.events();
        assert_eq!(events.len(), told, "{events:?}");
        assert!(events.iter().all(|one| (one.what, one.arrived) == (Happening::PassedOn, 1)), "{events:?}");
        assert!(events.iter().all(|one| one.properties["pages"] == json!([1, 2])), "{events:?}");
        assert_unharmed(&world);
    }
}

#[tokio::test]
async fn what_happened_later_is_not_told_first() {
    let pauses = [RetryAfter::Absent, RetryAfter::Seconds(2), RetryAfter::Seconds(90)];
    for fault in pauses.map(FaultKind::TooManyRequests) {
        let mut world = telling(json!({ "pass_on": "all" })).await;
        world.receiver.push_fault(Fault::once(fault).on_route(RouteKind::Event));
        let names = ["parked", "paid", "left"];
        let event = |name: &&str| json!({"type": "person.event", "event": name, "event_id": format!("{name}-1")});
        let events: Vec<Value> = names.iter().map(|name| now_is(&world, "anna", event(name))).collect();
        world.ingest(&events).await;
        world.settle().await;
        let mut told = world.receiver.events();
        told.sort_by_key(|event| event.place);
        let told: Vec<&str> = told.iter().map(|event| event.audience.as_str()).collect();
        assert_eq!(told, names);
        assert_unharmed(&world);
    }
}

#[tokio::test]
async fn repeats_backfills_and_what_was_so_before_are_no_events() {
    let mut world = World::new(Setup::default()).await;
    world.link_receiver(json!({"events": ["entered"]}), &["cats"], &[]).await;
    enter(&mut world, "before").await;
    world.accepted = 0;
    world.activate().await;
    world.settle().await;
    world.clock.advance(SignedDuration::from_mins(1));
    enter(&mut world, "before").await;
    let mut told_again = now_is(&world, "scanned", json!({"type": "audience.entered", "audience": "cats"}));
    told_again["origin"] = json!("backfill");
    world.ingest(&[told_again]).await;
    world.settle().await;
    assert_eq!(world.receiver.events(), []);
    assert_eq!(world.receiver.people().len(), 2, "their state is told");
    assert_unharmed(&world);
}

#[tokio::test]
async fn an_event_whose_answer_was_lost_is_asked_for_and_not_sent_again() {
    for fault in [FaultKind::ResetAfter, FaultKind::EmptyBody(500)] {
        let asking = json!({"in_doubt": "ask", "ask_url": "https://receiver.example/ask"});
        let mut world = telling(asking).await;
        world.receiver.push_fault(Fault::once(fault).on_route(RouteKind::Event));
        enter(&mut world, "anna").await;
        world.settle().await;
        assert_eq!((the_event(&world).arrived, world.receiver.counters().asks), (1, 1));
        assert_eq!(state_of(&world, "anna").await["is"], "confirmed");
        assert_eq!(world.account().await["effects_open"], 0);
        assert_unharmed(&world);
    }
}

#[tokio::test]
async fn an_event_that_did_not_arrive_is_asked_for_and_then_sent_again() {
    let mut world = telling(json!({"in_doubt": "ask", "ask_url": "https://receiver.example/ask"})).await;
    world.receiver.push_fault(Fault::once(FaultKind::ResetBefore).on_route(RouteKind::Event));
    enter(&mut world, "anna").await;
    world.settle().await;
    assert_eq!((the_event(&world).arrived, world.receiver.counters().asks), (1, 1));
    assert_unharmed(&world);
}

#[tokio::test]
async fn a_receiver_that_knows_repeats_gets_the_same_event_again_under_the_same_id() {
    let mut world = telling(json!({})).await;
    world.receiver.push_fault(Fault::once(FaultKind::ResetAfter).on_route(RouteKind::Event));
    enter(&mut world, "anna").await;
    world.settle().await;
    let event = the_event(&world);
    assert_eq!((event.arrived, event.acted), (2, 1));
    assert_unharmed(&world);
}

/// Dies when a step is reached first.
struct DiesAt(Step, AtomicBool);

impl Steps for DiesAt {
    fn reached(&self, step: Step) {
        assert!(step != self.0 || self.1.swap(true, Ordering::SeqCst), "dies here");
    }
}

#[tokio::test]
async fn a_worker_that_dies_at_any_step_of_an_event_leaves_it_told_once() {
    for step in [Step::EffectsNoted, Step::EffectsSent, Step::EffectsSettled, Step::OutboxesCleared] {
        let setup = Setup { steps: Arc::new(DiesAt(step, AtomicBool::new(false))), ..Setup::default() };
        let asking = json!({"in_doubt": "ask", "ask_url": "https://receiver.example/ask"});
        let mut world = telling_in(setup, asking).await;
        enter(&mut world, "anna").await;
        let died = AssertUnwindSafe(world.settle()).catch_unwind().await;
        assert!(died.is_err(), "{step} was not reached");
        world.runner = Runner::new(Arc::clone(&world.system)).await.unwrap();
        world.settle().await;
        let event = the_event(&world);
        assert_eq!((event.arrived, event.acted), (1, 1), "{step}");
        assert_eq!(state_of(&world, "anna").await["is"], "confirmed", "{step}");
        assert_eq!(world.account().await["effects_open"], 0, "{step}");
        assert_unharmed(&world);
    }
}

#[tokio::test]
async fn an_event_that_nobody_knows_about_waits_for_a_person() {
    for (word, arrived) in [("happened", 1), ("try_again", 2), ("give_up", 1)] {
        let mut world = telling(json!({"in_doubt": "park"})).await;
        world.receiver.push_fault(Fault::once(FaultKind::ResetAfter).on_route(RouteKind::Event));
        enter(&mut world, "anna").await;
        world.settle().await;
        assert_eq!(world.account().await["effects_open"], 1);
        let parked = open(&world).await;
        assert_eq!((parked.len(), &parked[0]["state"]["is"]), (1, &json!("parked")), "{parked:?}");
        let said = json!({"person": parked[0]["person"], "effect": parked[0]["id"], "word": word});
        world.post("/v1/activations/act/effects/settle", said.clone()).await;
        world.settle().await;
        assert_eq!(the_event(&world).arrived, arrived, "{word}");
        assert_eq!(open(&world).await, Vec::<Value>::new());
        assert_eq!(world.account().await["effects_open"], 0);
        let (status, _) = world.try_call("POST", "/v1/activations/act/effects/settle", said).await;
        assert_eq!(status, 409, "it is settled");
        assert_eq!(world.receiver.unexpected(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn an_event_that_is_refused_is_not_tried_again() {
    let mut world = telling(json!({})).await;
    world
        .receiver
        .push_fault(Fault::once(FaultKind::Says(422, "no such audience".to_owned())).on_route(RouteKind::Event));
    enter(&mut world, "anna").await;
    world.settle().await;
    assert_eq!(world.receiver.events(), []);
    assert_eq!(state_of(&world, "anna").await["is"], "refused");
    assert_unharmed(&world);
}

#[tokio::test]
async fn an_event_waits_for_a_receiver_that_is_away_and_is_told_once() {
    let mut world = telling(json!({})).await;
    world
        .receiver
        .push_fault(Fault::once(FaultKind::TooManyRequests(muster_twins::webhook::RetryAfter::Seconds(90))).times(4));
    enter(&mut world, "anna").await;
    world.settle().await;
    assert_eq!(the_event(&world).arrived, 1);
    assert_unharmed(&world);
}

#[tokio::test]
async fn what_is_earned_during_a_pause_is_told_after_it() {
    let mut world = telling(json!({})).await;
    world.post("/v1/activations/act/pause", Value::Null).await;
    world.clock.advance(SignedDuration::from_secs(10));
    enter(&mut world, "anna").await;
    world.settle().await;
    assert_eq!(world.receiver.events(), []);
    world.post("/v1/activations/act/resume", Value::Null).await;
    world.settle().await;
    assert_eq!(the_event(&world).arrived, 1);
    assert_unharmed(&world);
}

#[tokio::test]
async fn who_must_not_be_targeted_gets_no_event_and_leaves() {
    let mut world = telling(json!({})).await;
    enter(&mut world, "anna").await;
    enter(&mut world, "bea").await;
    world.settle().await;
    world.clock.advance(SignedDuration::from_mins(1));
    world.ingest(&[now_is(&world, "anna", json!({"type": "person.suppressed"}))]).await;
    world.ingest(&[now_is(&world, "cleo", json!({"type": "person.suppressed"}))]).await;
    world.settle().await;
    assert_eq!(world.receiver.person("anna@example.com").unwrap().standing, muster_twins::webhook::Standing::Left);
    world.clock.advance(SignedDuration::from_mins(1));
    enter(&mut world, "cleo").await;
    leave(&mut world, "anna").await;
    world.settle().await;
    assert_eq!(world.receiver.person("cleo@example.com"), None, "never spoken of");
    assert_eq!(world.receiver.events().len(), 2, "anna and bea entered; nothing of cleo, nor that anna left");
    assert_eq!(state_of(&world, "cleo").await["is"], "refused");
    let anna = world.receipt("anna").await;
    assert_eq!(anna["suppressed"], true);
    assert_eq!(anna["activations"]["act"]["records"]["person"]["receipt"]["reason"], "suppressed at the source");
    let account = world.account().await;
    assert_eq!(account["filtered_by_reason"]["suppressed at the source"], 2);
    world.clock.advance(SignedDuration::from_mins(1));
    enter(&mut world, "anna").await;
    world.ingest(&[now_is(&world, "anna", json!({"type": "person.unsuppressed"}))]).await;
    world.settle().await;
    assert_eq!(world.receiver.person("anna@example.com").unwrap().standing, muster_twins::webhook::Standing::Present);
    assert_unharmed(&world);
}

#[tokio::test]
async fn what_counts_once_in_so_many_days_is_told_again_after_them() {
    let mut world = telling(json!({"events": ["entered"], "again": {"once_in_days": 30}})).await;
    for (days, told) in [(0, 1), (10, 1), (20, 2)] {
        world.clock.advance(SignedDuration::from_hours(24 * days));
        enter(&mut world, "anna").await;
        world.clock.advance(SignedDuration::from_mins(1));
        leave(&mut world, "anna").await;
        world.settle().await;
        assert_eq!(world.receiver.events().len(), told, "after {days} more days");
    }
    assert_unharmed(&world);
}

#[tokio::test]
async fn a_receiver_that_wants_events_only_gets_no_records() {
    let mut world = telling(json!({"records": "none"})).await;
    enter(&mut world, "anna").await;
    world.settle().await;
    assert_eq!((world.receiver.people().len(), world.receiver.events().len()), (0, 1));
    assert_unharmed(&world);
}
