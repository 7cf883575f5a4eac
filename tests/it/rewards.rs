//! Rewards in Eagle Eye AIR for entering an audience: once each, whatever goes wrong.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::FutureExt;
use jiff::SignedDuration;
use muster::ports::Clock;
use muster::steps::{Step, Steps};
use muster_local::demo::Talk;
use muster_local::demo::eagle_eye::{Scenario, play};
use muster_local::runner::Runner;
use muster_tests::loyalty::LoyaltyWorld;
use muster_twins::eagle_eye_air::{
    ByReference, DuplicateReference, Fault, FaultKind, FaultMatch, RetryAfter, RouteKind, SeedCampaign, SeedWallet,
    SeededFaults,
};
use serde_json::{Value, json};

fn entered(customer: &str, at: &str) -> Value {
    json!({"type": "audience.entered", "audience": "cats", "person": {"customer_id": customer}, "occurred_at": at})
}

fn now(world: &LoyaltyWorld) -> String {
    world.clock.now().to_string()
}

/// Rewards whoever enters `cats`, a minute after the activation began.
async fn rewarding(settings: Value) -> LoyaltyWorld {
    let mut world = LoyaltyWorld::new(json!({})).await;
    world.air.seed_campaign(SeedCampaign::points("WELCOME-100", 100));
    world.reward(settings).await;
    world
}

fn wallet(world: &LoyaltyWorld, customer: &str) -> String {
    world.air.seed_wallet(&SeedWallet::new(&[("CUSTOMER_ID", customer)]).with_points(0)).unwrap()
}

async fn account(world: &LoyaltyWorld) -> Value {
    world.call("GET", "/v1/activations/rewards/accounting", Value::Null).await["account"].clone()
}

async fn listed(world: &LoyaltyWorld) -> usize {
    let mut listed = 0;
    let mut path = "/v1/activations/rewards/effects?limit=1000".to_owned();
    loop {
        let page = world.call("GET", &path, Value::Null).await;
        listed += page["items"].as_array().unwrap().len();
        match page["next"].as_str() {
            Some(next) => path = format!("/v1/activations/rewards/effects?limit=1000&after={next}"),
            None => return listed,
        }
    }
}

#[tokio::test]
async fn the_journey_from_a_late_delivery_to_an_event_at_braze() {
    let report = play(&Scenario { customers: 40, talk: Talk::Quiet, ..Scenario::default() }).await.unwrap();
    assert!(report.equal, "{report:?}");
    let first = report.first.unwrap();
    assert!(first.entered_at <= first.rewarded_at, "{first:?}");
    assert!(Some(first.rewarded_at) <= first.event_taken_at, "{first:?}");
    assert!(first.event_taken_at <= Some(first.applied_at), "{first:?}");
    assert_eq!(first.event, "EE Points Awarded");
}

#[tokio::test]
async fn a_live_entry_is_rewarded_once_and_nothing_else_is() {
    let mut world = rewarding(json!({})).await;
    wallet(&world, "CUST-1");
    let at = now(&world);
    for _ in 0..3 {
        world.told(&[entered("CUST-1", &at)]).await;
    }
    world.settle().await;
    assert_eq!(world.air.rewards().len(), 1);
    // Leaving, entering again, and being told again earn nothing: once is once.
    for fact in ["audience.exited", "audience.entered", "audience.entered"] {
        world.clock.advance(SignedDuration::from_mins(1));
        let at = now(&world);
        world
            .told(&[json!({"type": fact, "audience": "cats", "person": {"customer_id": "CUST-1"}, "occurred_at": at})])
            .await;
        world.settle().await;
    }
    world.post("/v1/activations/rewards/resync", Value::Null).await;
    world.settle().await;
    let rewards = world.air.rewards();
    assert_eq!(rewards.len(), 1, "{rewards:?}");
    assert_eq!((rewards[0].identity_value.as_str(), rewards[0].action_reference.as_str()), ("CUST-1", "WELCOME-100"));
    assert!(rewards[0].reference.starts_with("mstr-") && rewards[0].reference.len() < 50, "{}", rewards[0].reference);
    assert_eq!(world.air.unexpected(), Vec::<String>::new());
}

#[tokio::test]
async fn the_change_may_bring_the_reward_along() {
    let mut world = rewarding(json!({"rewards": {}})).await;
    wallet(&world, "CUST-1");
    wallet(&world, "CUST-2");
    let at = now(&world);
    let mut with = entered("CUST-1", &at);
    with["audience_properties"] = json!({"action_reference": "WELCOME-100"});
    world.told(&[with, entered("CUST-2", &at)]).await;
    world.settle().await;
    assert_eq!(world.air.rewards().len(), 1, "nobody says what the other one's reward is");
}

#[tokio::test]
async fn five_thousand_who_were_inside_before_are_not_rewarded() {
    let mut world = rewarding(json!({})).await;
    let at = now(&world);
    let told_again: Vec<Value> = (0..5_000)
        .map(|number| {
            let mut change = entered(&format!("CUST-{number}"), &at);
            change["origin"] = json!(["backfill", "import", "reconcile"][number % 3]);
            change
        })
        .collect();
    world.told(&told_again).await;
    world.settle().await;
    world.post("/v1/activations/rewards/resync", Value::Null).await;
    world.settle().await;
    assert_eq!(world.air.rewards(), []);
    assert_eq!(world.air.counters().requests_by_route.get("POST /services/trigger"), None);
    assert_eq!(account(&world).await["effects_open"], 0);
}

#[tokio::test]
async fn at_the_cap_the_activation_stands_still_and_says_how_many_wait() {
    let mut world = rewarding(json!({"limits": {"per_hour": 3, "per_day": 100}})).await;
    let at = now(&world);
    let entries: Vec<Value> = (0..8)
        .map(|number| {
            wallet(&world, &format!("CUST-{number}"));
            entered(&format!("CUST-{number}"), &at)
        })
        .collect();
    world.told(&entries).await;
    world.settle().await;
    let activation = world.call("GET", "/v1/activations/rewards", Value::Null).await;
    assert_eq!((world.air.rewards().len(), &activation["status"]), (3, &json!("paused")));
    assert!(activation["why"].as_str().unwrap().contains("allow"), "{}", activation["why"]);
    assert_eq!(account(&world).await["effects_open"], 5);
    // Hours later nothing went on by itself.
    world.clock.advance(SignedDuration::from_hours(30));
    world.settle().await;
    assert_eq!(world.air.rewards().len(), 3);
    for expected in [6, 8] {
        world.post("/v1/activations/rewards/resume", Value::Null).await;
        world.settle().await;
        assert_eq!(world.air.rewards().len(), expected, "each yes is worth three");
    }
    let activation = world.call("GET", "/v1/activations/rewards", Value::Null).await;
    assert_eq!((&activation["status"], &account(&world).await["effects_open"]), (&json!("active"), &json!(0)));
    assert_eq!(world.air.counters().doubled_rewards, 0);
}

#[tokio::test]
async fn whoever_joins_after_entering_is_rewarded_within_a_day() {
    for (hours, rewards) in [(2, 1), (30, 0)] {
        let mut world = rewarding(json!({})).await;
        let at = now(&world);
        world.told(&[entered("CUST-1", &at)]).await;
        let joins_at = world.clock.now() + SignedDuration::from_hours(hours);
        while world.clock.now() < joins_at {
            world.settle_now().await;
            world.clock.advance(SignedDuration::from_mins(10));
        }
        wallet(&world, "CUST-1");
        world.settle().await;
        assert_eq!(world.air.rewards().len(), rewards, "a wallet that comes after {hours} hours");
        assert_eq!(account(&world).await["effects_open"], 0, "after a day it is given up");
    }
}

#[tokio::test]
async fn a_reward_counts_once_however_often_it_is_tried() {
    let mut world = rewarding(json!({"limits": {"per_hour": 3, "per_day": 3}})).await;
    let at = now(&world);
    wallet(&world, "CUST-2");
    let broken = [FaultKind::Html500, FaultKind::TooManyRequests(RetryAfter::Seconds(2)), FaultKind::Unavailable];
    for fault in broken {
        world.air.push_fault(Fault::once(fault).on_route(RouteKind::Trigger).times(3));
    }
    // Nobody knows the first one for hours.
    world.told(&[entered("CUST-1", &at), entered("CUST-2", &at), entered("CUST-3", &at)]).await;
    for _ in 0..30 {
        world.settle_now().await;
        world.clock.advance(SignedDuration::from_mins(10));
    }
    wallet(&world, "CUST-1");
    wallet(&world, "CUST-3");
    world.settle().await;
    let activation = world.call("GET", "/v1/activations/rewards", Value::Null).await;
    assert_eq!(activation["status"], "active", "{activation}");
    assert!(world.air.counters().requests > 3, "more tries than the cap allows rewards");
    assert_eq!(world.air.rewards().len() + listed(&world).await, 3);
}

/// Dies every so many steps.
struct Dies(AtomicU64, u64);

impl Steps for Dies {
    fn reached(&self, step: Step) {
        if matches!(step, Step::EffectsNoted | Step::EffectsSent | Step::EffectsSettled | Step::OutboxesCleared) {
            let count = self.0.fetch_add(1, Ordering::SeqCst) + 1;
            if count.is_multiple_of(self.1) {
                std::panic::resume_unwind(Box::new("dies here"));
            }
        }
    }
}

/// Ten thousand entries by webhooks that come twice, in messages that come twice, with workers that die and triggers
/// that are issued without an answer.
async fn storm(world: &mut LoyaltyWorld, customers: usize) {
    let at = now(world);
    let entries: Vec<Value> = (0..customers)
        .map(|number| {
            wallet(world, &format!("CUST-{number:05}"));
            entered(&format!("CUST-{number:05}"), &at)
        })
        .collect();
    world.air.seed_faults(SeededFaults {
        faults_seed: 17,
        rates: vec![
            (FaultKind::ResetAfter, 30),
            (FaultKind::Html500, 20),
            (FaultKind::ResetBefore, 20),
            (FaultKind::EmptyBody(200), 5),
            (FaultKind::TruncatedJson, 5),
        ],
        on: FaultMatch { route: Some(RouteKind::Trigger), ..FaultMatch::default() },
    });
    for batch in entries.chunks(1_000) {
        for _ in 0..2 {
            world.told(batch).await;
        }
    }
    loop {
        match AssertUnwindSafe(world.settle()).catch_unwind().await {
            Ok(()) => return,
            Err(_) => world.runner = Runner::new(Arc::clone(&world.system)).await.unwrap(),
        }
    }
}

/// Nobody has two rewards, under whatever references, and each customer without one waits for a person by name. Answers
/// how many these are.
async fn assert_nobody_is_missing(world: &LoyaltyWorld, customers: usize) -> usize {
    let rewards = world.air.rewards();
    let rewarded: BTreeSet<&str> = rewards.iter().map(|reward| reward.identity_value.as_str()).collect();
    assert_eq!(rewarded.len(), rewards.len(), "somebody has two");
    let mut missing = 0;
    for number in 0..customers {
        let customer = format!("CUST-{number:05}");
        if rewarded.contains(customer.as_str()) {
            continue;
        }
        let query = json!({"source": "cdp", "type": "customer_id", "value": customer});
        let person = world.post("/v1/people/lookup", query).await;
        let effects = person["activations"]["rewards"]["effects"].as_array().unwrap();
        let states: Vec<&Value> = effects.iter().map(|effect| &effect["state"]["is"]).collect();
        assert_eq!(states, [&json!("parked")], "{customer}");
        missing += 1;
    }
    missing
}

#[tokio::test]
async fn ten_thousand_entries_are_rewarded_once_each_where_used_references_are_refused() {
    let mut world = LoyaltyWorld::dying(Arc::new(Dies(AtomicU64::new(0), 997))).await;
    world.air.with_switches(|switches| {
        switches.duplicate_reference = DuplicateReference::RefuseInUnit;
        switches.by_reference = ByReference::One;
    });
    world.air.seed_campaign(SeedCampaign::points("WELCOME-100", 100));
    // Such a unit may be asked again: it says no to what it did.
    let settings = json!({"in_doubt": "send_again", "limits": {"per_hour": 20_000, "per_day": 20_000}});
    world.reward(settings).await;
    storm(&mut world, 10_000).await;
    let (waiting, counters) = (listed(&world).await, world.air.counters());
    assert_eq!((world.air.rewards().len(), waiting), (10_000, 0));
    assert_nobody_is_missing(&world, 10_000).await;
    assert!(counters.faults > 500, "{} faults", counters.faults);
}

#[tokio::test]
async fn ten_thousand_entries_are_never_rewarded_twice_where_nobody_knows_a_reference() {
    let mut world = LoyaltyWorld::dying(Arc::new(Dies(AtomicU64::new(0), 997))).await;
    world.air.seed_campaign(SeedCampaign::points("WELCOME-100", 100));
    world.reward(json!({"limits": {"per_hour": 20_000, "per_day": 20_000}})).await;
    storm(&mut world, 10_000).await;
    let waiting = listed(&world).await;
    // Of what waits some was issued and some was not.
    let missing = assert_nobody_is_missing(&world, 10_000).await;
    assert!(missing > 100 && waiting > missing, "{waiting} wait for a person, {missing} of whom got nothing");
    assert_eq!(account(&world).await["effects_open"], json!(waiting));
}

#[tokio::test]
async fn a_reward_whose_answer_was_lost_is_looked_up_and_not_issued_again() {
    let mut world = rewarding(json!({})).await;
    world.air.with_switches(|switches| switches.by_reference = ByReference::One);
    wallet(&world, "CUST-1");
    world.air.push_fault(Fault::once(FaultKind::ResetAfter).on_route(RouteKind::Trigger));
    let at = now(&world);
    world.told(&[entered("CUST-1", &at)]).await;
    world.settle().await;
    assert_eq!((world.air.rewards().len(), listed(&world).await), (1, 0));
    assert_eq!(account(&world).await["effects_open"], 0);
}

#[tokio::test]
async fn a_reward_of_which_air_tells_by_itself_is_neither_asked_for_nor_issued_again() {
    let mut world = rewarding(json!({})).await;
    let wallet = wallet(&world, "CUST-1");
    world.known("CUST-1");
    world.air.push_fault(Fault::once(FaultKind::ResetAfter).on_route(RouteKind::Trigger));
    let at = now(&world);
    world.told(&[entered("CUST-1", &at)]).await;
    world.settle_now().await;
    let event = world.air.events().into_iter().find(|event| event.event_name == "SERVICE.TRIGGER").unwrap();
    assert!(event.body.to_string().contains(&wallet));
    world.notify(&event).await;
    world.settle().await;
    assert_eq!((world.air.rewards().len(), listed(&world).await), (1, 0));
    assert_eq!(account(&world).await["effects_open"], 0);
    let asked = world.air.counters().requests_by_route.keys().any(|route| route.starts_with("GET"));
    assert!(!asked, "nothing is asked for of which AIR told");
    // And the journey that listens to rewards can tell whose they are.
    let told = world.braze.events();
    assert_eq!((told.len(), &told[0].properties["caused_by_muster"]), (1, &json!(true)));
}

#[tokio::test]
async fn events_of_our_own_rewards_can_be_left_out() {
    let mut world = LoyaltyWorld::new(json!({"own_rewards": "leave_out"})).await;
    world.air.seed_campaign(SeedCampaign::points("WELCOME-100", 100));
    world.reward(json!({})).await;
    wallet(&world, "CUST-1");
    world.known("CUST-1");
    let at = now(&world);
    world.told(&[entered("CUST-1", &at)]).await;
    world.settle().await;
    let event = world.air.events().into_iter().find(|event| event.event_name == "SERVICE.TRIGGER").unwrap();
    world.happens(&event).await;
    assert_eq!(world.braze.events(), []);
    assert_eq!(world.left_out().await["air.own-reward"], 1);
    let points = world.seen("CUST-1")["braze"]["attributes"]["ee_loyalty"]["points"].clone();
    assert_eq!(points, json!({"current": 100}), "the balance is taken all the same");
}
