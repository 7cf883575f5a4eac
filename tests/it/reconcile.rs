//! What the platform shows is compared with the rows, and only the difference is put right.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use futures::FutureExt;
use jiff::SignedDuration;
use muster::model::PersonKey;
use muster::ports::{Clock, Doubted, Ports};
use muster::steps::{Step, Steps};
use muster_local::runner::Runner;
use muster_tests::world::{LIST, Setup, World, entered, exited};
use muster_twins::heyloyalty::{Fault, FaultKind, RetryAfter, SeedMember};
use serde_json::{Value, json};

fn users(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("u{number:03}")).collect()
}

fn address(user: &str) -> String {
    format!("{user}@example.com")
}

/// Everybody is delivered, and it is an hour later.
async fn delivered(setup: Setup, people: &[String]) -> World {
    let mut world = World::new(setup).await;
    world.link(&["cats", "dogs"], &[]).await;
    world.activate().await;
    world.settle().await;
    let changes: Vec<Value> = people.iter().map(|user| entered(user, "cats", 1)).collect();
    world.ingest(&changes).await;
    world.settle().await;
    assert_eq!(world.account().await["delivered"], json!(people.len()));
    world.clock.advance(SignedDuration::from_hours(1));
    world.settle().await;
    world
}

/// Somebody at the platform makes the member anew, without our fields.
fn tamper(world: &World, user: &str) {
    remove(world, user);
    world.twin.seed_members(LIST, &[SeedMember::active(&address(user))]).unwrap();
}

fn remove(world: &World, user: &str) {
    let id = world.member(&address(user)).id;
    assert!(world.twin.erase_member(LIST, &id));
}

async fn reconcile(world: &mut World, mode: &str) -> Value {
    let job = world.post("/v1/activations/act/reconcile", json!({"mode": mode})).await;
    assert_eq!(job["kind"], "reconcile");
    world.settle().await;
    let jobs = world.get("/v1/activations/act/backfills").await;
    let done = jobs["items"].as_array().unwrap().iter().find(|one| one["id"] == job["id"]).unwrap().clone();
    assert_eq!(done["status"], "done", "{done}");
    done
}

async fn keys(world: &World, users: &[&str]) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for user in users {
        keys.insert(world.receipt(user).await["person"].as_str().unwrap().to_owned());
    }
    keys
}

fn samples(found: &Value, kind: &str) -> BTreeSet<String> {
    let samples = found["differing"][kind]["samples"].as_array().unwrap();
    samples.iter().map(|key| key.as_str().unwrap().to_owned()).collect()
}

/// Requests that wrote to members since the counters were reset.
fn writes(world: &World) -> u64 {
    let counters = world.twin.counters();
    let routes = counters.requests_by_route.iter().filter(|(route, _)| !route.starts_with("GET "));
    routes.map(|(_, requests)| requests).sum()
}

#[tokio::test]
async fn exactly_who_was_changed_at_the_platform_is_found_and_sent_again() {
    let people = users(200);
    let mut world = delivered(Setup::with_members(people.iter().map(|user| address(user))), &people).await;
    let changed = ["u003", "u077", "u199"];
    changed.iter().for_each(|user| tamper(&world, user));
    world.twin.reset_counters();
    let compared = reconcile(&mut world, "compare").await;
    let found = &compared["reconciliation"];
    assert_eq!(
        (&found["compared"], &found["left_out"], &found["unread"]),
        (&json!(200), &json!(0), &json!(0)),
        "{found}"
    );
    assert_eq!(found["differing"]["other"]["people"], 3, "{found}");
    assert_eq!(samples(found, "other"), keys(&world, &changed).await);
    assert_eq!((&found["differing"]["missing"], &compared["nudged"]), (&Value::Null, &json!(0)));
    assert_eq!(writes(&world), 0, "a comparison changes nothing");
    assert!(world.twin.counters().requests < 10, "two hundred members are a page or two");
    assert!(!compared.to_string().contains("example.com"), "{compared}");

    world.twin.reset_counters();
    let repaired = reconcile(&mut world, "repair").await;
    assert_eq!((&repaired["nudged"], &repaired["reconciliation"]["mode"]), (&json!(3), &json!("repair")));
    assert_eq!((writes(&world), world.twin.counters().imports), (3, 0));
    for user in &people {
        assert_eq!(world.shows(&address(user), "cats"), "1");
    }
    world.twin.reset_counters();
    let again = reconcile(&mut world, "repair").await;
    assert_eq!(
        (&again["reconciliation"]["compared"], &again["reconciliation"]["differing"]),
        (&json!(200), &json!({}))
    );
    assert_eq!((writes(&world), &again["nudged"]), (0, &json!(0)));
    world.account().await;
    world.assert_unharmed();
}

#[tokio::test]
async fn who_is_gone_from_the_list_is_missing_and_who_left_everything_is_not_missed() {
    let people = users(30);
    let mut world = delivered(Setup::with_members(people.iter().map(|user| address(user))), &people).await;
    world.ingest(&[exited("u001", "cats", 9)]).await;
    world.settle().await;
    ["u000", "u001"].into_iter().for_each(|user| remove(&world, user));
    let compared = reconcile(&mut world, "compare").await;
    let found = &compared["reconciliation"];
    assert_eq!(samples(found, "missing"), keys(&world, &["u000"]).await, "{found}");
    reconcile(&mut world, "repair").await;
    let receipt = world.receipt("u000").await["activations"]["act"]["records"]["person"]["receipt"].clone();
    assert_eq!(receipt["outcome"], "filtered", "the row now says so: {receipt}");
    let again = reconcile(&mut world, "compare").await;
    assert_eq!(again["reconciliation"]["differing"], json!({}));
    assert_eq!(again["reconciliation"]["left_out"], 1, "what was not delivered is not compared");
}

#[tokio::test]
async fn who_is_not_at_rest_is_left_out() {
    let people = users(30);
    let mut world = delivered(Setup::with_members(people.iter().map(|user| address(user))), &people).await;
    tamper(&world, "u005");
    let key: PersonKey = world.receipt("u005").await["person"].as_str().unwrap().parse().unwrap();
    let people = &world.system.engine.ports.people;
    people.raise_doubt(&"act".parse().unwrap(), &[Doubted::Person(key)]).await.unwrap();
    let compared = reconcile(&mut world, "compare").await;
    let found = &compared["reconciliation"];
    assert_eq!((&found["compared"], &found["left_out"], &found["differing"]), (&json!(29), &json!(1), &json!({})));
}

/// Changes somebody's row when the vendor has answered a comparison.
#[derive(Default)]
struct Meanwhile {
    ports: OnceLock<(Ports, PersonKey)>,
    armed: AtomicBool,
}

impl Steps for Meanwhile {
    fn reached(&self, step: Step) {
        if step != Step::Sent || !self.armed.swap(false, Ordering::SeqCst) {
            return;
        }
        let (ports, key) = self.ports.get().unwrap();
        tokio::task::block_in_place(|| {
            let doubted = [Doubted::Person(*key)];
            let raise = async { ports.people.raise_doubt(&"act".parse().unwrap(), &doubted).await };
            tokio::runtime::Handle::current().block_on(raise).unwrap();
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_changes_while_being_compared_is_not_reported() {
    let people = users(30);
    let steps = Arc::new(Meanwhile::default());
    let members = Setup::with_members(people.iter().map(|user| address(user)));
    let mut world = delivered(Setup { steps: steps.clone(), ..members }, &people).await;
    ["u005", "u006"].into_iter().for_each(|user| tamper(&world, user));
    let key = world.receipt("u005").await["person"].as_str().unwrap().parse().unwrap();
    assert!(steps.ports.set((world.system.engine.ports.clone(), key)).is_ok());
    steps.armed.store(true, Ordering::SeqCst);
    let compared = reconcile(&mut world, "compare").await;
    assert!(!steps.armed.load(Ordering::SeqCst));
    let found = &compared["reconciliation"];
    assert_eq!((&found["compared"], &found["left_out"]), (&json!(29), &json!(1)), "{found}");
    assert_eq!(samples(found, "other"), keys(&world, &["u006"]).await);
}

/// Dies at a step, once, when armed.
struct DiesAt(Step, AtomicBool);

impl Steps for DiesAt {
    fn reached(&self, step: Step) {
        assert!(step != self.0 || !self.1.swap(false, Ordering::SeqCst), "dies here");
    }
}

#[tokio::test]
async fn a_repair_that_dies_between_doubt_and_nudge_is_seen_through() {
    for step in [Step::DoubtRaised, Step::WalkNudged, Step::CursorSaved] {
        let people = users(30);
        let steps = Arc::new(DiesAt(step, AtomicBool::new(false)));
        let members = Setup::with_members(people.iter().map(|user| address(user)));
        let mut world = delivered(Setup { steps: steps.clone(), ..members }, &people).await;
        ["u005", "u006"].into_iter().for_each(|user| tamper(&world, user));
        world.post("/v1/activations/act/reconcile", json!({"mode": "repair"})).await;
        steps.1.store(true, Ordering::SeqCst);
        let died = AssertUnwindSafe(world.settle()).catch_unwind().await;
        assert!(died.is_err(), "{step} was not reached");
        world.runner = Runner::new(Arc::clone(&world.system)).await.unwrap();
        world.settle().await;
        for user in ["u005", "u006"] {
            assert_eq!(world.shows(&address(user), "cats"), "1", "{step}");
        }
        let jobs = world.get("/v1/activations/act/backfills").await;
        assert_eq!(jobs["items"][0]["status"], "done", "{step}");
        world.account().await;
    }
}

#[tokio::test]
async fn a_comparison_waits_for_as_long_as_the_platform_asks_and_goes_on() {
    let people = users(2);
    let members = Setup::with_members(people.iter().map(|user| address(user)));
    let mut world = delivered(Setup { rate: Some(1.0), ..members }, &people).await;
    tamper(&world, "u001");
    world.twin.reset_counters();
    let slower = FaultKind::TooManyRequests(RetryAfter::Seconds(90));
    world.twin.push_fault(Fault::once(slower).on_method("GET").times(2));
    let began = world.clock.now();
    let compared = reconcile(&mut world, "compare").await;
    let found = &compared["reconciliation"];
    assert_eq!((&found["compared"], &found["differing"]["other"]["people"]), (&json!(2), &json!(1)), "{found}");
    assert_eq!(compared["walked"], 2);
    assert!(world.clock.now().duration_since(began) >= SignedDuration::from_secs(180));
    let counters = world.twin.counters();
    // A second of the rate, and the one request that the bucket holds.
    assert_eq!((counters.before_retry_after, counters.max_requests_in_one_second <= 2), (0, true));
}

#[tokio::test]
async fn a_platform_that_cannot_be_read_now_is_read_later() {
    let people = users(5);
    let mut world = delivered(Setup::with_members(people.iter().map(|user| address(user))), &people).await;
    tamper(&world, "u004");
    world.twin.push_fault(Fault::once(FaultKind::Unavailable).times(3));
    let compared = reconcile(&mut world, "compare").await;
    let found = &compared["reconciliation"];
    assert_eq!((&found["compared"], &found["differing"]["other"]["people"]), (&json!(5), &json!(1)), "{found}");
}

#[tokio::test]
async fn a_destination_that_cannot_be_read_is_not_compared() {
    let mut world = World::new(Setup::default()).await;
    world.link_receiver(json!({}), &["cats"], &[]).await;
    world.activate().await;
    world.settle().await;
    let compare = json!({"mode": "compare"});
    let (status, problem) = world.try_call("POST", "/v1/activations/act/reconcile", compare.clone()).await;
    assert!(status == 409 && problem.to_string().contains("Webhook cannot be read back"), "{status} {problem}");
    let (status, problem) = world.try_call("POST", "/v1/activations/act/reconcile", json!({"mode": "guess"})).await;
    assert_eq!(status, 400, "{problem}");
    let (status, _) = world.try_call("POST", "/v1/activations/other/reconcile", compare).await;
    assert_eq!(status, 404);
    let destinations = world.get("/v1/destinations").await;
    let reconciles = |name: &str| {
        let all = destinations["items"].as_array().unwrap();
        all.iter().find(|one| one["provider"] == name).unwrap()["reconciles"].clone()
    };
    assert_eq!((reconciles("heyloyalty"), reconciles("webhook")), (json!(true), json!(false)));
}
