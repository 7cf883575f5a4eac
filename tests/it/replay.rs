//! What ended otherwise than delivered is found, shown, and sent again by filter.

use jiff::SignedDuration;
use muster::ports::Clock;
use muster_tests::world::{Setup, World, entered};
use muster_twins::webhook::{Fault, FaultKind};
use serde_json::{Value, json};

/// Six people in two audiences; the receiver refused every record of theirs.
async fn refused() -> World {
    let mut world = World::new(Setup::default()).await;
    world.link_receiver(json!({"batch": 1}), &["cats", "dogs"], &[]).await;
    world.activate().await;
    world.settle().await;
    let refusal = FaultKind::Says(422, "not today".to_owned());
    world.receiver.push_fault(Fault::once(refusal).times(6));
    for number in 0..6 {
        let audience = if number < 4 { "cats" } else { "dogs" };
        world.ingest(&[entered(&format!("u{number}"), audience, number)]).await;
        world.settle().await;
        world.clock.advance(SignedDuration::from_mins(1));
    }
    assert_eq!(world.account().await["rejected"], 6);
    assert_eq!(world.receiver.people().len(), 0);
    world
}

async fn replay(world: &mut World, filter: Value) -> Value {
    let job = world.post("/v1/activations/act/replay", filter).await;
    world.settle().await;
    let jobs = world.get("/v1/activations/act/backfills").await;
    let done = jobs["items"].as_array().unwrap().iter().find(|one| one["id"] == job["id"]).unwrap().clone();
    assert_eq!((&done["kind"], &done["status"]), (&json!("replay"), &json!("done")));
    done
}

#[tokio::test]
async fn a_replay_sends_exactly_whom_its_filter_picks() {
    let mut world = refused().await;
    let none = replay(&mut world, json!({"ended": ["parked"]})).await;
    assert_eq!((none["walked"].as_u64(), none["nudged"].as_u64()), (Some(6), Some(0)));
    let reason = world.get("/v1/activations/act/rejected").await["items"][0]["receipt"]["reason"].clone();
    replay(&mut world, json!({"ended": ["rejected"], "reason": "another one"})).await;
    assert_eq!(world.receiver.people().len(), 0);
    let of_dogs = replay(&mut world, json!({"ended": ["rejected"], "reason": reason, "audience": "dogs"})).await;
    assert_eq!(of_dogs["nudged"], 2);
    assert!(world.receiver.person("u4@example.com").is_some() && world.receiver.person("u0@example.com").is_none());
    let person = world.receipt("u0").await["person"].clone();
    let one = replay(&mut world, json!({"ended": ["rejected"], "person": person})).await;
    assert_eq!((&one["walked"], &one["nudged"]), (&json!(1), &json!(1)), "nobody else is looked at");
    let recent = (world.clock.now() - SignedDuration::from_hours(24)).to_string();
    replay(&mut world, json!({"ended": ["rejected"], "until": recent})).await;
    assert_eq!(world.receiver.people().len(), 3);
    replay(&mut world, json!({"ended": ["rejected"], "since": recent})).await;
    assert_eq!(world.receiver.people().len(), 6);
    let account = world.account().await;
    assert_eq!((&account["delivered"], &account["rejected"]), (&json!(6), &json!(0)), "{account}");
}

#[tokio::test]
async fn a_replay_keeps_the_rate_that_was_asked_for() {
    let mut world = World::new(Setup::default()).await;
    world.link_receiver(json!({}), &["cats"], &[]).await;
    world.activate().await;
    let changes: Vec<Value> = (0..60).map(|number| entered(&format!("u{number}"), "cats", number)).collect();
    world.ingest(&changes).await;
    world.settle().await;
    let done = replay(&mut world, json!({"ended": ["delivered"], "people_per_second": 0.1})).await;
    assert_eq!(done["nudged"], 60);
    let time = |name: &str| done[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let took = time("ended_at").duration_since(time("started_at"));
    // The last part of the sixty has no pause behind it.
    assert!(took >= SignedDuration::from_secs(480) && took < SignedDuration::from_secs(660), "{took:?}");
    assert_eq!(world.receiver.counters().records, 120, "everybody once more");
}

#[tokio::test]
async fn a_replay_that_makes_no_sense_is_refused_with_its_path() {
    let mut world = refused().await;
    for (filter, refusal, path) in [
        (json!({"ended": []}), 422, "ended"),
        (json!({"ended": ["rejected"], "people_per_second": 0}), 422, "people_per_second"),
        (json!({"ended": ["lost"]}), 400, "ended[0]"),
        (json!({"ended": ["parked"], "colour": 1}), 400, "colour"),
    ] {
        let (status, problem) = world.try_call("POST", "/v1/activations/act/replay", filter.clone()).await;
        assert_eq!(status, refusal, "{filter}: {problem}");
        assert!(problem.to_string().contains(path), "{filter}: {problem}");
    }
    world.post("/v1/activations/act/pause", Value::Null).await;
    let (status, _) = world.try_call("POST", "/v1/activations/act/replay", json!({"ended": ["rejected"]})).await;
    assert_eq!(status, 409);
}
