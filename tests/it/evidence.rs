//! What was not delivered is counted by reason in parts, and what was parked waits for as long as its owner says.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use muster_tests::world::{Setup, World, entered};
use muster_twins::webhook::{Answers, Applied, Ruling, Switches};
use serde_json::{Value, json};

const ASKED_AGAIN: &str = "the receiver asks for the record again";

/// Nine people: of four the receiver asks the records again until they are parked, two it rejects, three it takes.
async fn troubled(keep_parked_days: Option<u32>) -> World {
    let mut world = World::new(Setup::default()).await;
    world.receiver.set_switches(Switches { answers: Answers::Results, ..world.receiver.switches() });
    world.link_receiver(json!({"answers": "results"}), &["cats"], &[]).await;
    let settings = json!({"retry_window_hours": 1, "keep_parked_days": keep_parked_days});
    world.call("PATCH", "/v1/activations/act", settings).await;
    world.activate().await;
    for number in 0..9 {
        let ruling = match number {
            0..4 => Some(Ruling::Retry(Applied::No)),
            4..6 => Some(Ruling::Rejected("unknown id".to_owned())),
            _ => None,
        };
        if let Some(ruling) = ruling {
            world.receiver.rule(&format!("u{number}@example.com"), ruling);
        }
    }
    let changes: Vec<Value> = (0..9).map(|number| entered(&format!("u{number}"), "cats", number)).collect();
    world.ingest(&changes).await;
    world.settle().await;
    let account = world.account().await;
    assert_eq!((&account["parked"], &account["rejected"], &account["delivered"]), (&json!(4), &json!(2), &json!(3)));
    world
}

async fn outcome(world: &World, user: &str) -> Value {
    world.receipt(user).await["activations"]["act"]["records"]["person"]["receipt"].clone()
}

async fn listed(world: &World, list: &str) -> usize {
    let page = world.get(&format!("/v1/activations/act/{list}")).await;
    assert_eq!(page["next"], Value::Null);
    page["items"].as_array().unwrap().len()
}

async fn replay(world: &mut World, filter: Value) -> Value {
    let job = world.post("/v1/activations/act/replay", filter).await;
    world.settle().await;
    let jobs = world.get("/v1/activations/act/backfills").await;
    jobs["items"].as_array().unwrap().iter().find(|one| one["id"] == job["id"]).unwrap()["nudged"].clone()
}

#[tokio::test]
async fn reasons_are_counted_in_parts_that_add_up() {
    let world = troubled(None).await;
    let whole = world.get("/v1/activations/act/reasons").await;
    assert_eq!((&whole["people"], &whole["next"]), (&json!(9), &Value::Null));
    let reasons = whole["reasons"].as_array().unwrap();
    assert_eq!(reasons.len(), 2, "{whole}");
    let mut expected = BTreeMap::new();
    for reason in reasons {
        let (outcome, records) = (reason["outcome"].as_str().unwrap(), reason["records"].as_u64().unwrap());
        assert_eq!(reason["samples"].as_array().unwrap().len() as u64, records);
        expected.insert((outcome.to_owned(), reason["reason"].as_str().unwrap().to_owned()), records);
    }
    assert_eq!(expected[&("parked".to_owned(), ASKED_AGAIN.to_owned())], 4);
    assert_eq!(expected.iter().find(|((outcome, _), _)| outcome == "rejected").unwrap().1, &2);
    let mut added = BTreeMap::new();
    let (mut cursor, mut people, mut parts) = (String::new(), 0, 0);
    loop {
        let part = world.get(&format!("/v1/activations/act/reasons?people=2&samples=1{cursor}")).await;
        parts += 1;
        people += part["people"].as_u64().unwrap();
        assert!(part["people"].as_u64().unwrap() <= 2);
        for reason in part["reasons"].as_array().unwrap() {
            assert_eq!(reason["samples"].as_array().unwrap().len(), 1);
            let key = (reason["outcome"].as_str().unwrap().to_owned(), reason["reason"].as_str().unwrap().to_owned());
            *added.entry(key).or_insert(0) += reason["records"].as_u64().unwrap();
        }
        match part["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!((added, people), (expected, 9));
    assert!((5..=6).contains(&parts), "{parts}");
    assert!(!whole.to_string().contains('@'), "{whole}");
    let (status, _) = world.try_call("GET", "/v1/activations/act/reasons?cursor=x", Value::Null).await;
    assert_eq!(status, 422);
}

#[tokio::test]
async fn parked_records_are_given_up_after_their_time_and_replayed_only_where_asked_for() {
    let mut world = troubled(Some(30)).await;
    let before = outcome(&world, "u0").await;
    assert_eq!((&before["outcome"], &before["reason"]), (&json!("parked"), &json!(ASKED_AGAIN)));
    world.clock.advance(SignedDuration::from_hours(24 * 29));
    world.settle().await;
    assert_eq!((listed(&world, "parked").await, listed(&world, "given-up").await), (4, 0));
    world.clock.advance(SignedDuration::from_hours(24));
    world.settle().await;
    assert_eq!((listed(&world, "parked").await, listed(&world, "given-up").await), (0, 4));
    let after = outcome(&world, "u0").await;
    assert_eq!(after["outcome"], "given_up");
    assert_eq!(
        (&after["at"], &after["version"], &after["reason"]),
        (&before["at"], &before["version"], &before["reason"])
    );
    assert_eq!(world.account().await["parked"], 4, "as what they are counted stays");
    let reasons = world.get("/v1/activations/act/reasons").await;
    assert!(reasons["reasons"].as_array().unwrap().iter().any(|one| one["outcome"] == "given_up"), "{reasons}");
    assert_eq!(replay(&mut world, json!({"ended": ["parked"]})).await, 0);
    world.receiver.clear_rulings();
    assert_eq!(replay(&mut world, json!({"ended": ["parked"], "given_up": "all"})).await, 4);
    assert_eq!((listed(&world, "given-up").await, world.account().await["delivered"].clone()), (0, json!(7)));
}

#[tokio::test]
async fn without_a_time_parked_records_wait_for_ever() {
    let mut world = troubled(None).await;
    world.clock.advance(SignedDuration::from_hours(24 * 3_000));
    world.settle().await;
    assert_eq!((listed(&world, "parked").await, listed(&world, "given-up").await), (4, 0));
    let change = json!({"keep_parked_days": 1});
    assert_eq!(world.call("PATCH", "/v1/activations/act", change).await["keep_parked_days"], 1);
    assert_eq!((listed(&world, "parked").await, listed(&world, "given-up").await), (0, 4));
    world.call("PATCH", "/v1/activations/act", json!({"keep_parked_days": null})).await;
    assert_eq!(listed(&world, "parked").await, 4);
    let (status, problem) = world.try_call("PATCH", "/v1/activations/act", json!({"keep_parked_days": 0})).await;
    assert!(status == 422 && problem.to_string().contains("keep_parked_days"), "{problem}");
}
