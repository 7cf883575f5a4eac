//! The map from AIR's wallets to identities: filled by asking where events tell none, and forgotten with a deleted wallet.

use jiff::SignedDuration;
use muster::ports::{Clock, Segment};
use muster_tests::loyalty::{CUSTOMER, LoyaltyWorld};
use muster_twins::braze::{self, RetryAfter};
use muster_twins::eagle_eye_air::{self, Enrichment, Fault, FaultKind, FaultMatch, Purchase, RouteKind, SeedWallet};
use serde_json::{Value, json};

/// With an authorization of the unit, and the source's look-up by it.
async fn looking_up() -> LoyaltyWorld {
    let world = LoyaltyWorld::new(json!({})).await;
    let secret = json!({"client_id": eagle_eye_air::Options::CLIENT, "secret": eagle_eye_air::Options::SECRET});
    let unit = json!({"id": "unit", "provider": "eagle-eye-air", "label": "Unit", "secret": secret});
    world.post("/v1/authorizations", unit).await;
    world.call("PATCH", "/v1/sources/air", json!({"format": format("unit")})).await;
    world
}

fn format(authorization: &str) -> Value {
    let look_up = json!({"authorization": authorization, "wallet_url": "https://wallet.sandbox.uk.eagleeye.com"});
    json!({"kind": "eagle_eye_air", "currency": "GBP", "look_up": look_up})
}

/// A purchase of somebody whose identities the event does not tell.
async fn buys_namelessly(world: &LoyaltyWorld) -> String {
    world.known(CUSTOMER);
    let seed = SeedWallet::new(&[("CUSTOMER_ID", CUSTOMER), ("EMAIL", "ada@example.com")]);
    let wallet = world.air.seed_wallet(&seed.with_points(100)).unwrap();
    world.air.with_switches(|switches| switches.enrichment = Enrichment::EmptyArray);
    let settled = world.air.settle(&wallet, &Purchase::new("POS-1")).unwrap();
    world.notify(&settled).await;
    wallet
}

fn looks(world: &LoyaltyWorld) -> u64 {
    world.air.counters().requests_by_route.get(RouteKind::Identities.template()).copied().unwrap_or_default()
}

#[tokio::test]
async fn air_is_asked_for_identities_that_no_event_told() {
    let mut world = looking_up().await;
    let wallet = buys_namelessly(&world).await;
    world.settle().await;
    let told: Vec<_> = world.braze.events().into_iter().map(|event| (event.external_id, event.name)).collect();
    assert_eq!(told, [(Some(CUSTOMER.to_owned()), "EE Order Completed".to_owned())]);
    assert_eq!(looks(&world), 1);
    // What is known is not asked for again.
    let next = world.air.settle(&wallet, &Purchase::new("POS-2")).unwrap();
    world.notify(&next).await;
    world.sweep().await;
    world.settle().await;
    assert_eq!((world.braze.events().len(), looks(&world)), (2, 1));
    world.assert_unharmed();
}

#[tokio::test]
async fn a_look_that_fails_is_tried_again() {
    let mut world = looking_up().await;
    let asked = FaultMatch { route: Some(RouteKind::Identities), ..FaultMatch::default() };
    world.air.push_fault(Fault { on: asked, ..Fault::once(FaultKind::Unavailable) }.times(9));
    buys_namelessly(&world).await;
    world.settle_now().await;
    world.sweep().await;
    world.settle_now().await;
    assert_eq!(world.braze.events(), []);
    world.air.clear_faults();
    world.sweep().await;
    assert_eq!(world.braze.events(), [], "not at once");
    world.clock.advance(SignedDuration::from_mins(10));
    world.sweep().await;
    world.settle().await;
    assert_eq!(world.braze.events().len(), 1);
    world.assert_unharmed();
}

#[tokio::test]
async fn nobody_is_asked_for_without_the_setting() {
    let mut world = LoyaltyWorld::new(json!({})).await;
    buys_namelessly(&world).await;
    world.settle().await;
    world.sweep().await;
    world.settle().await;
    assert_eq!((world.braze.events(), looks(&world)), (vec![], 0));
}

#[tokio::test]
async fn a_look_needs_an_authorization_of_air_which_stays_while_it_is_used() {
    let world = looking_up().await;
    for (authorization, reason) in
        [("nobodys", "there is no authorization `nobodys`"), ("braze", "is of `braze`, and not of `eagle-eye-air`")]
    {
        let (status, answer) =
            world.try_call("PATCH", "/v1/sources/air", json!({"format": format(authorization)})).await;
        assert_eq!((status, answer["detail"].as_str()), (422, Some(reason)));
        assert_eq!(answer["path"], "format.look_up.authorization");
    }
    let (status, answer) = world.try_call("DELETE", "/v1/authorizations/unit", Value::Null).await;
    assert_eq!((status, answer["detail"].as_str()), (409, Some("the source `air` uses it")));
}

/// What Muster knows of the customer.
async fn presence(world: &LoyaltyWorld, wallet: &str) -> Value {
    let query = json!({"source": "air", "type": "wallet", "value": wallet});
    world.post("/v1/people/lookup", query).await["presence"].clone()
}

#[tokio::test]
async fn a_deleted_wallet_is_forgotten_a_day_later() {
    let mut world = LoyaltyWorld::new(json!({})).await;
    let wallet = world.wallet();
    let settled = world.air.settle(&wallet, &Purchase::new("POS-1")).unwrap();
    world.happens(&settled).await;
    world.clock.advance(SignedDuration::from_mins(1));
    let deleted = world.air.delete_wallet(&wallet).unwrap();
    world.happens(&deleted).await;
    let left = world.braze.events().last().cloned().unwrap();
    assert_eq!((left.external_id.as_deref(), left.name.as_str()), (Some(CUSTOMER), "EE Loyalty Program Left"));
    world.clock.advance(SignedDuration::from_hours(23));
    world.sweep().await;
    assert_eq!(presence(&world, &wallet).await, "there", "what comes late is still told of the right one");
    world.clock.advance(SignedDuration::from_mins(61));
    world.sweep().await;
    world.settle().await;
    world.sweep().await;
    assert_eq!(presence(&world, &wallet).await, "erased");
    let walk =
        world.system.engine.ports.people.walk(&"air".parse().unwrap(), None, Segment::WHOLE, None, 10).await.unwrap();
    let rows = serde_json::to_string(&walk.rows.iter().map(|row| &row.person).collect::<Vec<_>>()).unwrap();
    assert!(walk.rows.len() == 1 && !rows.contains(CUSTOMER), "nobody can tell any more whose wallet it was");
    world.assert_unharmed();
}

#[tokio::test]
async fn who_it_was_is_known_until_all_is_told() {
    let mut world = LoyaltyWorld::new(json!({})).await;
    let wallet = world.wallet();
    let settled = world.air.settle(&wallet, &Purchase::new("POS-1")).unwrap();
    world.happens(&settled).await;
    world.clock.advance(SignedDuration::from_mins(1));
    // Braze is down when the wallet goes, and for more than a day after it.
    world.braze.push_fault(braze::Fault::once(braze::FaultKind::TooManyRequests(RetryAfter::Absent)).times(1_000));
    let deleted = world.air.delete_wallet(&wallet).unwrap();
    world.notify(&deleted).await;
    world.settle_now().await;
    for _ in 0..26 {
        world.clock.advance(SignedDuration::from_hours(1));
        world.sweep().await;
        world.settle_now().await;
    }
    assert_eq!(presence(&world, &wallet).await, "there");
    world.braze.clear_faults();
    world.settle().await;
    let left = world.braze.events().last().cloned().unwrap();
    assert_eq!((left.external_id.as_deref(), left.name.as_str()), (Some(CUSTOMER), "EE Loyalty Program Left"));
    world.clock.advance(SignedDuration::from_hours(1));
    world.sweep().await;
    world.settle().await;
    assert_eq!(presence(&world, &wallet).await, "erased", "{}", world.clock.now());
    world.assert_unharmed();
}
