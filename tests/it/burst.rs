//! A hundred events of Eagle Eye AIR a second, minute after minute. The suite takes one minute of them; ten take
//! `MUSTER_BURST_MINUTES=10`.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use muster::ports::Clock;
use muster_tests::loyalty::LoyaltyWorld;
use muster_twins::eagle_eye_air::{Purchase, SeedWallet};
use serde_json::json;

const A_SECOND: usize = 100;
const CUSTOMERS: usize = 500;

#[expect(clippy::disallowed_methods, reason = "this is where the test is told how long it is")]
fn minutes() -> usize {
    std::env::var("MUSTER_BURST_MINUTES").map_or(1, |text| text.parse().unwrap())
}

#[tokio::test]
async fn a_burst_of_a_hundred_events_a_second_is_told_whole_and_at_once() {
    let mut world = LoyaltyWorld::new(json!({})).await;
    let wallets: Vec<String> = (0..CUSTOMERS)
        .map(|number| {
            let customer = format!("CUST-{number:06}");
            world.known(&customer);
            world.air.seed_wallet(&SeedWallet::new(&[("CUSTOMER_ID", &customer)]).with_points(0)).unwrap()
        })
        .collect();
    let mut sent_at: BTreeMap<String, Timestamp> = BTreeMap::new();
    let mut largest = 0;
    for second in 0..minutes() * 60 {
        let begins = world.clock.now();
        for number in 0..A_SECOND {
            let lines = if (second, number) == (30, 17) { 60 } else { 1 };
            let purchase = Purchase::new(&format!("POS-{second}-{number}")).lines(lines);
            let wallet = &wallets[(second * 37 + number * 7) % CUSTOMERS];
            let event = world.air.settle(wallet, &purchase).unwrap();
            largest = largest.max(event.body.to_string().len());
            world.notify(&event).await;
            sent_at.insert(event.event_id, world.clock.now());
        }
        world.air.clear_events();
        world.settle_now().await;
        world.clock.advance_to(begins + SignedDuration::from_secs(1));
    }
    world.settle().await;
    assert!(largest > 46_000, "a basket of {largest} bytes");
    let told = world.braze.events();
    assert_eq!((told.len(), world.bloomreach.events().len()), (sent_at.len(), sent_at.len()));
    let mut lags: Vec<SignedDuration> = told
        .iter()
        .map(|event| {
            let id = event.properties["ee_event_id"].as_str().unwrap();
            event.applied_at.duration_since(sent_at[id])
        })
        .collect();
    lags.sort();
    let p99 = lags[lags.len() * 99 / 100];
    assert!(p99 < SignedDuration::from_secs(5), "p99 {p99:?}, the longest {:?}", lags.last());
    assert_eq!(world.braze.counters().rate_limited, 0);
    world.assert_unharmed();
}
