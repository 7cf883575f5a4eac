//! Owners are told once per change of state, of parked records in digests, by mail, event and webhook alike, and
//! nothing personal.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use muster::ports::{Clock, Event, Mail};
use muster::steps::{Step, Steps};
use muster_local::runner::Runner;
use muster_tests::notices::{NOTICES, NOTICES_SECRET, Taken};
use muster_tests::world::{Setup, World, entered};
use muster_twins::webhook::{Answers, Applied, Fault, FaultKind, Ruling, Switches};
use serde_json::{Value, json};

/// An activation that works, to a receiver of records, whose owner is told by every way.
async fn told_in(setup: Setup) -> World {
    let mut world = World::new(setup).await;
    world.receiver.set_switches(Switches { answers: Answers::Results, ..world.receiver.switches() });
    world.link_receiver(json!({"batch": 500, "answers": "results"}), &["cats"], &[]).await;
    world.call("PATCH", "/v1/activations/act", json!({"retry_window_hours": 1})).await;
    let receiver = json!({"url": format!("{NOTICES}/notices"), "secret": NOTICES_SECRET});
    world.call("PUT", "/v1/activations/act/notices", receiver).await;
    world.activate().await;
    world.settle().await;
    assert_eq!(said(&world).await, Vec::<String>::new());
    world
}

async fn told() -> World {
    told_in(Setup::default()).await
}

async fn mails(world: &World) -> Vec<Mail> {
    world.system.embedded.mails().await.unwrap()
}

/// What the owner was told, by kind; every way must have told the same, in the same order.
async fn said(world: &World) -> Vec<String> {
    let events: Vec<String> = world.events.all().iter().map(|event| event.kind.clone()).collect();
    let posted: Vec<String> =
        world.notices.taken().iter().map(|taken| taken.body["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(events, posted);
    let kind = |mail: &Mail| match mail.subject.rsplit_once(": ").unwrap().1 {
        "has stopped" => "activation.failing".to_owned(),
        "works again" => "activation.recovered".to_owned(),
        parked if parked.ends_with("records were parked") => "records.parked".to_owned(),
        other => panic!("a mail that says {other:?}"),
    };
    assert_eq!(events, mails(world).await.iter().map(kind).collect::<Vec<_>>());
    assert_eq!(world.notices.unsigned(), 0);
    events
}

/// The receiver refuses the signature: the activation stops.
async fn stop(world: &mut World, user: &str) {
    world.receiver.push_fault(Fault::once(FaultKind::Unauthorized));
    world.ingest(&[entered(user, "cats", 1)]).await;
    world.settle().await;
    assert_eq!(world.get("/v1/activations/act").await["status"], "failing");
}

async fn resume(world: &mut World) {
    world.post("/v1/activations/act/resume", Value::Null).await;
    world.settle().await;
    assert_eq!(world.get("/v1/activations/act").await["status"], "active");
}

#[tokio::test]
async fn an_owner_is_told_once_that_an_activation_stopped_and_once_that_it_works_again() {
    let mut world = told().await;
    stop(&mut world, "anna").await;
    assert_eq!(said(&world).await, ["activation.failing"]);
    world.ingest(&[entered("bea", "cats", 2)]).await;
    world.clock.advance(SignedDuration::from_mins(3));
    world.settle().await;
    assert_eq!(said(&world).await, ["activation.failing"], "however often it is tried");
    resume(&mut world).await;
    assert_eq!(said(&world).await, ["activation.failing", "activation.recovered"]);
    stop(&mut world, "cleo").await;
    assert_eq!(said(&world).await, ["activation.failing", "activation.recovered", "activation.failing"]);
    let Taken { id, body } = world.notices.taken().remove(0);
    let Event { id: event_id, data, at, .. } = world.events.all().remove(0);
    assert_eq!((&id, &body["data"], &body["timestamp"]), (&event_id, &data, &json!(at)));
    assert_eq!((&data["activation"], &data["name"]), (&json!("act"), &json!("Shop to receiver")));
    assert!(data["why"].as_str().unwrap().contains("401"), "{data}");
    let mail = mails(&world).await.remove(0);
    assert_eq!(mail.to, "owner@example.com");
    assert!(mail.text.contains(data["why"].as_str().unwrap()), "{}", mail.text);
}

#[tokio::test]
async fn a_pause_of_the_owners_own_is_no_news() {
    let mut world = told().await;
    world.post("/v1/activations/act/pause", Value::Null).await;
    world.settle().await;
    resume(&mut world).await;
    assert_eq!(said(&world).await, Vec::<String>::new());
}

/// The receiver asks for somebody's record again, and again.
fn ask_again(world: &World, user: &str) {
    world.receiver.rule(&format!("{user}@example.com"), Ruling::Retry(Applied::No));
}

/// The records that digests told of, and when each was noted.
fn digests(world: &World) -> Vec<(Timestamp, u64)> {
    let events = world.events.all().into_iter().filter(|event| event.kind == "records.parked");
    let digest = |event: Event| {
        let by_reason: u64 = event.data["by_reason"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
        assert_eq!(event.data["records"], json!(by_reason));
        (event.at, by_reason)
    };
    events.map(digest).collect()
}

#[tokio::test]
async fn five_hundred_parked_in_bursts_are_told_in_digests_that_add_up() {
    let mut world = told().await;
    let start = world.clock.now();
    (0..500).for_each(|number| ask_again(&world, &format!("u{number}")));
    // Ten bursts of fifty, four minutes apart: so they are parked, an hour after each began to fail.
    for burst in 0..10 {
        let until = start + SignedDuration::from_mins(4 * burst);
        world.runner.run_due().await.unwrap();
        while world.clock.now() < until {
            world.clock.advance(SignedDuration::from_secs(30));
            world.runner.run_due().await.unwrap();
        }
        let changes: Vec<Value> =
            (0..50).map(|number| entered(&format!("u{}", burst * 50 + number), "cats", burst)).collect();
        world.ingest(&changes).await;
    }
    world.settle().await;
    assert_eq!(world.account().await["parked"], 500);
    let digests = digests(&world);
    let told: u64 = digests.iter().map(|(_, records)| records).sum();
    assert_eq!(told, 500, "{digests:?}");
    assert!((2..=5).contains(&digests.len()), "{digests:?}");
    for pair in digests.windows(2) {
        assert!(pair[1].0.duration_since(pair[0].0) >= SignedDuration::from_mins(15), "{digests:?}");
    }
    assert_eq!(said(&world).await.len(), digests.len(), "nothing else was told");
}

#[tokio::test]
async fn a_receiver_that_is_away_is_told_later_and_holds_nobody_up() {
    let mut world = told().await;
    world.notices.refuse(3);
    stop(&mut world, "anna").await;
    assert_eq!(said(&world).await, ["activation.failing"], "told once it took it");
    assert_eq!(world.notices.refused(), 3);
    world.notices.refuse(100_000);
    resume(&mut world).await;
    assert_eq!(world.notices.taken().len(), 1, "given up after a day");
    let events: Vec<String> = world.events.all().into_iter().map(|event| event.kind).collect();
    assert_eq!(events, ["activation.failing", "activation.recovered"], "once each, whatever the receiver does");
    assert_eq!(mails(&world).await.len(), 2);
    assert_eq!(world.account().await["delivered"], 1, "delivery went on");
}

#[tokio::test]
async fn without_a_receiver_nothing_is_posted_and_its_secret_is_gone() {
    let mut world = told().await;
    world.call("DELETE", "/v1/activations/act/notices", Value::Null).await;
    stop(&mut world, "anna").await;
    assert_eq!((world.events.all().len(), mails(&world).await.len(), world.notices.taken().len()), (1, 1, 0));
    assert_eq!(world.system.engine.ports.vault.get("notices/act").await.unwrap(), None);
    assert_eq!(world.get("/v1/activations/act").await["notify_url"], Value::Null);
}

#[tokio::test]
async fn a_receiver_must_be_public_and_its_secret_one_of_standard_webhooks() {
    let world = told().await;
    for (receiver, refusal, path) in [
        (json!({"url": "http://notices.example/x", "secret": NOTICES_SECRET}), 400, "url"),
        (json!({"url": "https://169.254.169.254/x", "secret": NOTICES_SECRET}), 400, "url"),
        (json!({"url": "https://localhost/x", "secret": NOTICES_SECRET}), 400, "url"),
        (json!({"url": "https://notices.example/x", "secret": "short"}), 422, "secret"),
        (
            json!({"url": "https://notices.example/x", "secret": NOTICES_SECRET, "previous_secret": "x"}),
            422,
            "previous",
        ),
    ] {
        let (status, problem) = world.try_call("PUT", "/v1/activations/act/notices", receiver.clone()).await;
        assert_eq!(status, refusal, "{receiver}: {problem}");
        assert!(problem.to_string().contains(path), "{receiver}: {problem}");
    }
    let (status, _) = world.try_call("DELETE", "/v1/activations/other/notices", Value::Null).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn two_sweeps_and_two_tellers_at_once_tell_once() {
    let mut world = told().await;
    world.receiver.push_fault(Fault::once(FaultKind::Unauthorized));
    world.ingest(&[entered("anna", "cats", 1)]).await;
    while world.get("/v1/activations/act").await["status"] != "failing" {
        world.runner.turn().await.unwrap();
        tokio::task::yield_now().await;
    }
    let engine = &world.system.engine;
    let act = "act".parse().unwrap();
    let (one, other) = tokio::join!(engine.sweep(), engine.sweep());
    assert!(one.unwrap().to_tell + other.unwrap().to_tell >= 1);
    let deadline = world.clock.now() + SignedDuration::from_mins(1);
    let (one, other) = tokio::join!(engine.tell(&act, deadline), engine.tell(&act, deadline));
    one.unwrap();
    other.unwrap();
    assert_eq!(said(&world).await, ["activation.failing"]);
    world.settle().await;
    assert_eq!(said(&world).await, ["activation.failing"]);
}

/// Dies when a step is reached first.
struct DiesAt(Step, AtomicBool);

impl Steps for DiesAt {
    fn reached(&self, step: Step) {
        assert!(step != self.0 || self.1.swap(true, Ordering::SeqCst), "dies here");
    }
}

#[tokio::test]
async fn a_worker_that_dies_at_any_step_of_telling_leaves_nothing_untold() {
    for (step, posted) in [(Step::NoticesNoted, 1), (Step::NoticesLeased, 1), (Step::NoticesTold, 2)] {
        let setup = Setup { steps: Arc::new(DiesAt(step, AtomicBool::new(false))), ..Setup::default() };
        let mut world = told_in(setup).await;
        world.receiver.push_fault(Fault::once(FaultKind::Unauthorized));
        world.ingest(&[entered("anna", "cats", 1)]).await;
        let died = AssertUnwindSafe(world.settle()).catch_unwind().await;
        assert!(died.is_err(), "{step} was not reached");
        world.runner = Runner::new(Arc::clone(&world.system)).await.unwrap();
        world.settle().await;
        let taken = world.notices.taken();
        assert_eq!(taken.len(), posted, "{step}");
        assert!(taken.iter().all(|one| one.id == taken[0].id), "a repeat is known by its id");
        assert_eq!(world.events.all().len(), posted, "{step}");
        assert_eq!(mails(&world).await.len(), 1, "{step}: a mail of the same key goes once");
        world.settle().await;
        assert_eq!(world.notices.taken().len(), posted, "{step}");
    }
}

#[tokio::test]
async fn nothing_personal_is_told() {
    let mut world = told().await;
    ["anna", "bea"].into_iter().for_each(|user| ask_again(&world, user));
    world.ingest(&[entered("anna", "cats", 1), entered("bea", "cats", 1)]).await;
    world.settle().await;
    stop(&mut world, "cleo").await;
    assert_eq!(said(&world).await, ["records.parked", "activation.failing"]);
    let mut told = serde_json::to_string(&world.events.all()).unwrap();
    for mail in mails(&world).await {
        told.push_str(&mail.subject);
        told.push_str(&mail.text);
    }
    for taken in world.notices.taken() {
        told.push_str(&taken.id);
        told.push_str(&taken.body.to_string());
    }
    for user in ["anna", "bea", "cleo"] {
        let key = world.receipt(user).await["person"].as_str().unwrap().to_owned();
        assert!(!told.contains(user) && !told.contains(&key), "{told}");
    }
    assert!(!told.contains('@') && !told.contains("cats"), "{told}");
}
