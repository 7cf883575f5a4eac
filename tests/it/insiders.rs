//! Rewarding who was inside already: a separate act, whose number is counted and confirmed first.

use jiff::SignedDuration;
use muster::ports::Clock;
use muster_tests::loyalty::LoyaltyWorld;
use muster_twins::eagle_eye_air::{SeedCampaign, SeedWallet};
use serde_json::{Value, json};

/// With so many members of `cats` who were inside before rewards began, all of whom have wallets.
async fn with_insiders(count: usize, settings: Value) -> LoyaltyWorld {
    let mut world = LoyaltyWorld::new(json!({})).await;
    world.air.seed_campaign(SeedCampaign::points("WELCOME-100", 100));
    world.reward(settings).await;
    for number in 0..count {
        wallet(&world, &customer(number));
    }
    tell(&mut world, 0..count, "backfill").await;
    assert_eq!(world.air.rewards(), []);
    world
}

fn customer(number: usize) -> String {
    format!("CUST-{number:04}")
}

fn wallet(world: &LoyaltyWorld, customer: &str) {
    world.air.seed_wallet(&SeedWallet::new(&[("CUSTOMER_ID", customer)]).with_points(0)).unwrap();
}

async fn tell(world: &mut LoyaltyWorld, numbers: std::ops::Range<usize>, origin: &str) {
    let at = world.clock.now().to_string();
    let entered = |number| {
        json!({"type": "audience.entered", "audience": "cats", "person": {"customer_id": customer(number)},
               "occurred_at": at, "origin": origin})
    };
    world.told(&numbers.map(entered).collect::<Vec<_>>()).await;
    world.settle().await;
}

/// A job that is over.
async fn job(world: &LoyaltyWorld, id: &Value) -> Value {
    let jobs = world.call("GET", "/v1/activations/rewards/backfills", Value::Null).await;
    jobs["items"].as_array().unwrap().iter().find(|job| job["id"] == *id).unwrap().clone()
}

async fn count(world: &mut LoyaltyWorld) -> Value {
    world.clock.advance(SignedDuration::from_secs(1));
    let begun = world.post("/v1/activations/rewards/insiders", json!({"audience": "cats"})).await;
    world.settle().await;
    let counted = job(world, &begun["id"]).await;
    assert_eq!(counted["status"], "done");
    counted
}

async fn confirm(world: &LoyaltyWorld, counted: &Value, number: u64) -> (u16, Value) {
    let word = json!({"job": counted["id"], "count": number});
    world.try_call("POST", "/v1/activations/rewards/insiders/confirm", word).await
}

#[tokio::test]
async fn whoever_is_inside_is_rewarded_once_the_number_is_confirmed() {
    let mut world = with_insiders(250, json!({})).await;
    // Three of them are rewarded by entering anew; a stranger who is outside is nobody here.
    let at = world.clock.now().to_string();
    for fact in ["audience.exited", "audience.entered"] {
        world.clock.advance(SignedDuration::from_secs(1));
        let at = world.clock.now().to_string();
        let moved = |number| json!({"type": fact, "audience": "cats", "person": {"customer_id": customer(number)}, "occurred_at": at});
        world.told(&(0..3).map(moved).collect::<Vec<_>>()).await;
    }
    world.told(&[json!({"type": "audience.exited", "audience": "cats", "person": {"customer_id": "CUST-X"}, "occurred_at": at})]).await;
    world.settle().await;
    assert_eq!(world.air.rewards().len(), 3);
    let counted = count(&mut world).await;
    assert_eq!((&counted["insiders"]["found"], &counted["walked"]), (&json!(247), &json!(251)));
    assert_eq!(world.air.rewards().len(), 3, "counting issues nothing");

    for (number, status) in [(246, 409), (250, 409), (247, 200)] {
        assert_eq!(confirm(&world, &counted, number).await.0, status, "{number}");
    }
    world.settle().await;
    assert_eq!(world.air.rewards().len(), 250);
    // Confirmed again, counted again: nobody is left, and nobody is rewarded twice.
    assert_eq!(confirm(&world, &counted, 247).await.0, 200);
    world.settle().await;
    let counted = count(&mut world).await;
    assert_eq!(counted["insiders"]["found"], 0);
    let mut wallets: Vec<String> = world.air.rewards().into_iter().map(|reward| reward.wallet_id).collect();
    wallets.sort();
    wallets.dedup();
    assert_eq!((wallets.len(), world.air.rewards().len()), (250, 250));
    assert_eq!(world.air.unexpected(), Vec::<String>::new());
}

#[tokio::test]
async fn nobody_beyond_the_confirmed_number_is_rewarded() {
    let mut world = with_insiders(10, json!({})).await;
    let counted = count(&mut world).await;
    assert_eq!(counted["insiders"]["found"], 10);
    for number in 10..15 {
        wallet(&world, &customer(number));
    }
    tell(&mut world, 10..15, "import").await;
    let begun = confirm(&world, &counted, 10).await.1;
    world.settle().await;
    assert_eq!(world.air.rewards().len(), 10);
    let ended = job(&world, &begun["id"]).await;
    assert_eq!(ended["status"], "done");
    assert!(ended["why"].as_str().unwrap().contains("count again"), "{ended}");
    assert_eq!(count(&mut world).await["insiders"]["found"], 5);
}

#[tokio::test]
async fn the_cap_holds_for_insiders_too() {
    let mut world = with_insiders(30, json!({"limits": {"per_hour": 20, "per_day": 100}})).await;
    let counted = count(&mut world).await;
    assert_eq!(confirm(&world, &counted, 30).await.0, 200);
    world.settle().await;
    assert_eq!(world.air.rewards().len(), 20);
    let activation = world.call("GET", "/v1/activations/rewards", Value::Null).await;
    assert_eq!(activation["status"], "paused");
    world.post("/v1/activations/rewards/resume", Value::Null).await;
    world.settle().await;
    assert_eq!(world.air.rewards().len(), 30);
}

#[tokio::test]
async fn a_count_is_good_for_a_day_and_needs_something_to_earn() {
    let mut world = with_insiders(2, json!({})).await;
    let counted = count(&mut world).await;
    world.clock.advance(SignedDuration::from_hours(25));
    let (status, answer) = confirm(&world, &counted, 2).await;
    assert_eq!((status, answer["detail"].as_str()), (409, Some("the count is more than a day old: count again")));
    for (path, body, detail) in [
        ("rewards/insiders", json!({"audience": "dogs"}), "`dogs` is not linked"),
        (
            "braze/insiders",
            json!({"audience": "ee_subscriber"}),
            "entering an audience earns nothing at this activation",
        ),
    ] {
        let (status, answer) = world.try_call("POST", &format!("/v1/activations/{path}"), body).await;
        assert_eq!((status, answer["detail"].as_str()), (409, Some(detail)));
    }
    let nobodys = json!({"job": "nobodys", "count": 2});
    assert_eq!(world.try_call("POST", "/v1/activations/rewards/insiders/confirm", nobodys).await.0, 404);
}
