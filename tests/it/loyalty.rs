//! Loyalty events out of Eagle Eye AIR: each use case from the event that AIR sends to what Braze and Bloomreach hold.

use insta::{assert_json_snapshot, assert_snapshot};
use jiff::SignedDuration;
use muster::ports::Clock;
use muster_tests::loyalty::{CUSTOMER, LoyaltyWorld, TOKEN};
use muster_twins::braze::{Fault, FaultKind, RetryAfter};
use muster_twins::eagle_eye_air::{AccountKind, Emitted, Purchase, Refund, SeedWallet, Welcome};
use serde_json::{Value, json};

fn seed() -> SeedWallet {
    SeedWallet::new(&[("CUSTOMER_ID", CUSTOMER), ("EMAIL", "ada@example.com")])
}

/// The requests as they were sent since the world records them, one snapshot for each platform.
fn assert_sent(world: &LoyaltyWorld, case: &str) {
    assert_snapshot!(format!("{case}.braze"), world.sent_to_braze());
    assert_snapshot!(format!("{case}.bloomreach"), world.sent_to_bloomreach());
}

#[tokio::test]
async fn joining_with_everything_in_one_call() {
    let mut world = LoyaltyWorld::new(json!({})).await;
    world.known(CUSTOMER);
    let welcome = Welcome::default();
    let joined = world.air.create_wallet_with_accounts(&seed().in_tier("177").with_coupons(1), &welcome).unwrap();
    world.record();
    world.happens(&joined).await;
    assert_json_snapshot!(world.seen(CUSTOMER));
    assert_sent(&world, "joining_at_once");
    world.assert_unharmed();
}

#[tokio::test]
async fn joining_by_single_calls_is_one_joining() {
    let mut world = LoyaltyWorld::new(json!({})).await;
    world.known(CUSTOMER);
    let joined = world.air.create_wallet(&seed()).unwrap();
    let wallet = world.air.wallet_of(CUSTOMER).unwrap();
    world.record();
    world.happens(&joined).await;
    let data = json!({"personal": {"firstName": "Ada"}}).as_object().unwrap().clone();
    let consumer = world.air.write_consumer(&wallet, &data).unwrap();
    world.happens(&consumer).await;
    let scheme = world.air.create_scheme_account(&wallet, Some("177")).unwrap();
    world.happens(&scheme).await;
    let single = world.air.create_campaign_accounts(&wallet, &[AccountKind::Ecoupon]).unwrap();
    world.happens(&single).await;
    let several = world.air.create_accounts(&wallet, &[AccountKind::Ecoupon, AccountKind::Quest]).unwrap();
    world.happens(&several).await;
    assert_json_snapshot!(world.seen(CUSTOMER));
    assert_sent(&world, "joining_by_single_calls");
    world.assert_unharmed();
}

#[tokio::test]
async fn leaving_names_nobody_and_is_told_of_the_right_one() {
    let mut world = LoyaltyWorld::new(json!({})).await;
    let wallet = world.wallet();
    let settled = world.air.settle(&wallet, &Purchase::new("POS-1")).unwrap();
    world.happens(&settled).await;
    world.clock.advance(SignedDuration::from_mins(1));
    let left = world.air.delete_wallet(&wallet).unwrap();
    assert!(!left.body.to_string().contains(CUSTOMER), "what AIR sends names nobody");
    world.record();
    world.happens(&left).await;
    assert_json_snapshot!(world.seen(CUSTOMER));
    assert_sent(&world, "leaving");
    world.assert_unharmed();
}

#[tokio::test]
async fn whoever_left_stays_outside_whatever_happened_in_the_same_second() {
    for is_in_order in [true, false] {
        let mut world = LoyaltyWorld::new(json!({})).await;
        let wallet = world.wallet();
        let known = world.air.settle(&wallet, &Purchase::new("POS-1")).unwrap();
        world.happens(&known).await;
        // Half past a second: what happened then has a fraction in its time, a wallet's end has none.
        world.clock.advance(SignedDuration::from_millis(60_500));
        let last = world.air.settle(&wallet, &Purchase::new("POS-2")).unwrap();
        let left = world.air.delete_wallet(&wallet).unwrap();
        let (first, second) = if is_in_order { (&last, &left) } else { (&left, &last) };
        world.happens(first).await;
        world.happens(second).await;
        let held = world.seen(CUSTOMER)["braze"]["attributes"].clone();
        assert_eq!(held, json!({"audience_ee_loyalty_member": false, "audience_ee_subscriber": false}));
        world.assert_unharmed();
    }
}

#[tokio::test]
async fn a_purchase_with_a_coupon_settled_at_once() {
    let mut world = LoyaltyWorld::new(json!({})).await;
    let wallet = world.wallet();
    let coupon = world.air.wallet(&wallet).unwrap().accounts.into_iter().find(|one| one.kind == AccountKind::Ecoupon);
    let purchase = Purchase::new("POS-1").redeem(&coupon.unwrap().account_id, 200).credited(600);
    let settled = world.air.settle(&wallet, &purchase).unwrap();
    world.record();
    world.happens(&settled).await;
    assert_json_snapshot!(world.seen(CUSTOMER));
    assert_sent(&world, "settling_with_a_coupon");
    world.assert_unharmed();
}

#[tokio::test]
async fn a_coupon_that_is_redeemed_before_anything_is_handed_over() {
    let mut world = LoyaltyWorld::new(json!({})).await;
    let wallet = world.wallet();
    let coupon = world.air.wallet(&wallet).unwrap().accounts.into_iter().find(|one| one.kind == AccountKind::Ecoupon);
    let purchase = Purchase::new("POS-1").redeem(&coupon.unwrap().account_id, 200);
    let begun = world.air.fulfil_initial(&wallet, &purchase).unwrap();
    world.record();
    world.happens(&begun).await;
    assert_sent(&world, "redeeming_a_coupon");
    world.assert_unharmed();
}

#[tokio::test]
async fn a_purchase_that_is_handed_over_in_parts() {
    let mut world = LoyaltyWorld::new(json!({})).await;
    let wallet = world.wallet();
    let part = |reference: &str| Purchase::new(reference);
    let first = world.air.fulfil_initial(&wallet, &part("POS-1")).unwrap();
    world.record();
    world.happens(&first).await;
    world.clock.advance(SignedDuration::from_mins(1));
    let middle = world.air.fulfil_middle(&wallet, "POS-1", &part("POS-1-A")).unwrap();
    world.happens(&middle).await;
    world.clock.advance(SignedDuration::from_mins(1));
    let last = world.air.fulfil_final(&wallet, "POS-1", &part("POS-1-B")).unwrap();
    world.happens(&last).await;
    assert_json_snapshot!(world.seen(CUSTOMER));
    assert_sent(&world, "fulfilling_in_parts");
    world.assert_unharmed();
}

#[tokio::test]
async fn a_purchase_that_is_returned_in_part_and_then_wholly() {
    for name in [muster_twins::eagle_eye_air::RefundName::Refund, muster_twins::eagle_eye_air::RefundName::Return] {
        let mut world = LoyaltyWorld::new(json!({})).await;
        world.air.with_switches(|switches| switches.refund_name = name);
        let wallet = world.wallet();
        let coupon =
            world.air.wallet(&wallet).unwrap().accounts.into_iter().find(|one| one.kind == AccountKind::Ecoupon);
        let coupon = coupon.unwrap().account_id;
        let settled = world.air.settle(&wallet, &Purchase::new("POS-1").redeem(&coupon, 700)).unwrap();
        world.happens(&settled).await;
        world.clock.advance(SignedDuration::from_mins(1));
        let in_part = world.air.refund(&wallet, "POS-1", &Refund::partial("POS-1-R", 45, 500)).unwrap();
        world.record();
        world.happens(&in_part).await;
        assert_json_snapshot!("a_purchase_that_is_returned_in_part", world.seen(CUSTOMER));
        assert_sent(&world, "returning_in_part");
        world.assert_unharmed();
    }
}

#[tokio::test]
async fn a_purchase_that_is_returned() {
    let mut world = LoyaltyWorld::new(json!({})).await;
    let wallet = world.wallet();
    let settled = world.air.settle(&wallet, &Purchase::new("POS-1")).unwrap();
    world.happens(&settled).await;
    world.clock.advance(SignedDuration::from_mins(1));
    let returned = world.air.refund(&wallet, "POS-1", &Refund::full("POS-1-R")).unwrap();
    world.record();
    world.happens(&returned).await;
    assert_json_snapshot!(world.seen(CUSTOMER));
    assert_sent(&world, "returning");
    world.assert_unharmed();
}

#[tokio::test]
async fn points_that_are_spent_and_given_back() {
    let mut world = LoyaltyWorld::new(json!({})).await;
    let wallet = world.wallet();
    let spent = world.air.spend(&wallet, "SPEND-1", 40).unwrap();
    world.record();
    world.happens(&spent).await;
    world.clock.advance(SignedDuration::from_mins(1));
    let voided = world.air.void_spend(&wallet, "SPEND-1", "VOID-1").unwrap();
    world.happens(&voided).await;
    assert_json_snapshot!(world.seen(CUSTOMER));
    assert_sent(&world, "spending_points");
    world.assert_unharmed();
}

#[tokio::test]
async fn the_tier_is_moved_credited_debited_and_adjusted() {
    let mut world = LoyaltyWorld::new(json!({})).await;
    let wallet = world.wallet();
    let moved = world.air.move_tier(&wallet, "178").unwrap();
    world.record();
    world.happens(&moved).await;
    world.clock.advance(SignedDuration::from_mins(1));
    let credited = world.air.credit_tier(&wallet, 50, Some("179")).unwrap();
    world.happens(&credited).await;
    world.clock.advance(SignedDuration::from_mins(1));
    let debited = world.air.debit_tier(&wallet, 10).unwrap();
    world.happens(&debited).await;
    world.clock.advance(SignedDuration::from_mins(1));
    let adjusted = world.air.adjust_tier(&wallet, 5).unwrap();
    world.happens(&adjusted).await;
    assert_json_snapshot!(world.seen(CUSTOMER));
    assert_sent(&world, "moving_between_tiers");
    world.assert_unharmed();
}

#[tokio::test]
async fn a_subscription_is_joined_and_cancelled() {
    let mut world = LoyaltyWorld::new(json!({})).await;
    let wallet = world.wallet();
    let ends_at = "2026-04-01T00:00:00Z".parse().unwrap();
    let joined = world.air.join_plan(&wallet, ends_at, 2).unwrap();
    world.record();
    world.happens(&joined).await;
    assert_sent(&world, "joining_a_plan");
    assert_eq!(world.seen(CUSTOMER)["braze"]["attributes"]["audience_ee_subscriber"], json!(true));
    world.clock.advance(SignedDuration::from_mins(1));
    let cancelled = world.air.cancel_plan(&wallet).unwrap();
    world.record();
    world.happens(&cancelled).await;
    // Whether they have another one is looked up within the minute.
    world.clock.advance(SignedDuration::from_mins(1));
    world.sweep().await;
    world.settle().await;
    assert_sent(&world, "cancelling_a_plan");
    assert_json_snapshot!(world.seen(CUSTOMER));
    world.assert_unharmed();
}

#[tokio::test]
async fn a_subscription_that_ends_is_told_of_without_an_event() {
    let mut world = LoyaltyWorld::new(json!({})).await;
    let wallet = world.wallet();
    let ends_at: jiff::Timestamp = "2026-04-01T00:00:00Z".parse().unwrap();
    let joined = world.air.join_plan(&wallet, ends_at, 1).unwrap();
    world.happens(&joined).await;
    world.clock.advance_to(ends_at - SignedDuration::from_secs(1));
    world.settle().await;
    world.record();
    world.clock.advance(SignedDuration::from_mins(1));
    world.settle().await;
    assert_sent(&world, "a_plan_that_ends");
    world.assert_unharmed();
}

#[tokio::test]
async fn a_subscription_ends_by_itself_unless_it_is_renewed_or_cancelled() {
    let ends_at: jiff::Timestamp = "2026-04-01T00:00:00Z".parse().unwrap();
    let expired = |world: &LoyaltyWorld| {
        let events = world.braze.events().into_iter().filter(|one| one.name == "EE Subscription Expired");
        events.map(|one| (one.time, one.properties)).collect::<Vec<_>>()
    };
    // It runs out.
    let mut world = LoyaltyWorld::new(json!({})).await;
    let wallet = world.wallet();
    let joined = world.air.join_plan(&wallet, ends_at, 1).unwrap();
    world.happens(&joined).await;
    world.clock.advance_to(ends_at - SignedDuration::from_secs(1));
    world.settle().await;
    assert_eq!(expired(&world), []);
    assert_eq!(world.seen(CUSTOMER)["braze"]["attributes"]["audience_ee_subscriber"], json!(true));
    // Nobody looked for days.
    world.clock.advance(SignedDuration::from_hours(100));
    world.sweep().await;
    world.settle().await;
    let told = expired(&world);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].0, &told[0].1["expiry_date"]), (ends_at, &json!("2026-04-01T00:00:00Z")));
    assert_eq!(world.seen(CUSTOMER)["braze"]["attributes"]["audience_ee_subscriber"], json!(false));
    assert_eq!(world.bloomreach.events().iter().filter(|one| one.event_type == "ee_subscription_expired").count(), 1);
    world.sweep().await;
    world.settle().await;
    assert_eq!(expired(&world).len(), 1);
    world.assert_unharmed();
    // It is cancelled first.
    let mut world = LoyaltyWorld::new(json!({})).await;
    let wallet = world.wallet();
    let joined = world.air.join_plan(&wallet, ends_at, 1).unwrap();
    world.happens(&joined).await;
    world.clock.advance(SignedDuration::from_mins(1));
    let cancelled = world.air.cancel_plan(&wallet).unwrap();
    world.happens(&cancelled).await;
    world.clock.advance_to(ends_at);
    world.sweep().await;
    world.settle().await;
    assert_eq!(expired(&world), []);
    // It is renewed first.
    let mut world = LoyaltyWorld::new(json!({})).await;
    let wallet = world.wallet();
    let joined = world.air.join_plan(&wallet, ends_at, 1).unwrap();
    world.happens(&joined).await;
    world.clock.advance(SignedDuration::from_mins(1));
    let renewed_to = ends_at + SignedDuration::from_hours(24 * 30);
    world.happens(&renewed(&joined, renewed_to)).await;
    world.clock.advance_to(ends_at + SignedDuration::from_mins(5));
    world.sweep().await;
    world.settle().await;
    assert_eq!(expired(&world), []);
    world.clock.advance_to(renewed_to);
    world.sweep().await;
    world.settle().await;
    assert_eq!(expired(&world).into_iter().map(|(at, _)| at).collect::<Vec<_>>(), [renewed_to]);
    world.assert_unharmed();
}

/// The account of a plan is updated to a later end, as AIR tells it.
fn renewed(joined: &Emitted, ends_at: jiff::Timestamp) -> Emitted {
    let mut body = joined.body.clone();
    body["headers"]["eventName"] = json!("WALLET.ACCOUNT.UPDATE");
    body["headers"]["eesEventId"] = json!("99999999-2222-4333-8444-000000000001");
    let operations = body["atomicOperations"].as_array_mut().unwrap();
    operations.retain(|one| one["objectValue"]["account"]["type"] == json!("STANDARD_SUBSCRIPTION"));
    for operation in operations {
        operation["operationType"] = json!("UPDATE");
        operation["objectValue"]["event"] = json!("UPDATE");
        let later = json!("2026-03-01T10:30:00+00:00");
        operation["objectValue"]["lastUpdated"] = later.clone();
        operation["objectValue"]["account"]["lastUpdated"] = later;
        operation["objectValue"]["account"]["dates"]["end"] = json!(ends_at.to_string());
    }
    Emitted { event_id: "renewed".to_owned(), event_name: "WALLET.ACCOUNT.UPDATE".to_owned(), body }
}

#[tokio::test]
async fn what_comes_twice_is_told_once() {
    let mut world = LoyaltyWorld::new(json!({})).await;
    let wallet = world.wallet();
    let settled = world.air.settle(&wallet, &Purchase::new("POS-1")).unwrap();
    world.notify(&settled).await;
    world.happens(&settled).await;
    // And once more when it is long at an end.
    world.clock.advance(SignedDuration::from_hours(24));
    world.happens(&settled).await;
    assert_eq!(world.braze.events().len(), 1);
    assert_eq!(world.bloomreach.events().len(), 1);
    world.assert_unharmed();
}

#[tokio::test]
async fn an_older_balance_never_takes_the_place_of_a_newer_one() {
    let mut world = LoyaltyWorld::new(json!({})).await;
    let wallet = world.wallet();
    // Both within one second: only the numbers of the accounts' transactions tell their order.
    let first = world.air.settle(&wallet, &Purchase::new("POS-1").earning(10)).unwrap();
    let second = world.air.settle(&wallet, &Purchase::new("POS-2").earning(20)).unwrap();
    world.happens(&second).await;
    world.happens(&first).await;
    let points = |world: &LoyaltyWorld| world.seen(CUSTOMER)["braze"]["attributes"]["ee_loyalty"]["points"].clone();
    assert_eq!(points(&world), json!({"current": 130}));
    assert_eq!(world.braze.events().len(), 2, "what happened is told however late");
    world.assert_unharmed();
}

#[tokio::test]
async fn what_nobody_knows_is_answered_well_and_counted() {
    let mut world = LoyaltyWorld::new(json!({})).await;
    let wallet = world.wallet();
    world.air.with_switches(|switches| {
        switches.unknown_event_names = true;
        switches.unknown_object_types = true;
    });
    let odd = world.air.settle(&wallet, &Purchase::new("POS-1")).unwrap();
    world.happens(&odd).await;
    world.air.with_switches(|switches| switches.unknown_event_names = false);
    let odd = world.air.settle(&wallet, &Purchase::new("POS-2")).unwrap();
    world.happens(&odd).await;
    let left_out = world.left_out().await;
    let objects = left_out.iter().filter(|(name, _)| name.starts_with("air.object."));
    assert_eq!(objects.map(|(_, count)| count).sum::<u64>(), 1, "{left_out:?}");
    for body in [json!({}), json!([]), json!("text"), json!({"headers": {"eventName": "X", "eesEventId": "y"}})] {
        assert_eq!(world.try_notify(TOKEN, &body).await, 200, "{body}");
    }
    let left_out = world.left_out().await;
    assert_eq!(left_out["air.unreadable"], 3, "{left_out:?}");
    assert!(left_out.keys().any(|name| name.starts_with("air.event.")), "{left_out:?}");
    let told: Vec<Value> =
        world.braze.events().iter().map(|one| one.properties["transactionReference"].clone()).collect();
    assert_eq!(told, [json!("POS-2")], "of an unknown object the rest of the event is told");
    world.assert_unharmed();
}

#[tokio::test]
async fn two_tokens_are_good_while_one_is_replaced_and_no_other_ever() {
    let mut world = LoyaltyWorld::new(json!({})).await;
    let wallet = world.wallet();
    let event = world.air.settle(&wallet, &Purchase::new("POS-1")).unwrap();
    world.call("PUT", "/v1/sources/air/secret", json!({"secret": "the-next-token-of-air"})).await;
    world.clock.advance(SignedDuration::from_mins(1));
    for (token, status) in [(TOKEN, 200), ("the-next-token-of-air", 200), ("another-token-of-air", 401), ("", 401)] {
        assert_eq!(world.try_notify(token, &event.body).await, status, "{token}");
    }
    world.settle().await;
    assert_eq!(world.braze.events().len(), 1);
}

#[tokio::test]
async fn whoever_has_no_identity_is_told_of_when_there_is_one() {
    let mut world = LoyaltyWorld::new(json!({})).await;
    world.known(CUSTOMER);
    let wallet = world.air.seed_wallet(&seed().with_points(100)).unwrap();
    world.air.with_switches(|switches| switches.enrichment = muster_twins::eagle_eye_air::Enrichment::EmptyArray);
    let settled = world.air.settle(&wallet, &Purchase::new("POS-1")).unwrap();
    world.notify(&settled).await;
    world.settle_now().await;
    assert_eq!(world.left_out().await["air.no_identity"], 1);
    assert_eq!(world.braze.events(), []);
    world.air.with_switches(|switches| switches.enrichment = muster_twins::eagle_eye_air::Enrichment::Full);
    world.clock.advance(SignedDuration::from_mins(1));
    let next = world.air.settle(&wallet, &Purchase::new("POS-2")).unwrap();
    world.notify(&next).await;
    world.settle().await;
    assert_eq!(world.braze.events().len(), 2);
    assert_eq!(world.braze.counters().out_of_order, 0);
    world.assert_unharmed();
}

#[tokio::test]
async fn what_happens_to_somebody_is_told_in_its_order_however_often_it_is_put_off() {
    let mut world = LoyaltyWorld::new(json!({})).await;
    let wallet = world.wallet();
    // The first of them is refused for now, time and again, while others come.
    let slow_down = Fault::once(FaultKind::TooManyRequests(RetryAfter::Absent)).times(3);
    world.braze.push_fault(slow_down);
    for number in 0..12 {
        let event = world.air.settle(&wallet, &Purchase::new(&format!("POS-{number}"))).unwrap();
        world.notify(&event).await;
        world.settle_now().await;
        world.clock.advance(SignedDuration::from_secs(7));
    }
    world.settle().await;
    let told: Vec<Value> =
        world.braze.events().iter().map(|one| one.properties["transactionReference"].clone()).collect();
    let expected: Vec<Value> = (0..12).map(|number| json!(format!("POS-{number}"))).collect();
    assert_eq!(told, expected);
    assert_eq!(world.braze.counters().out_of_order, 0);
    assert_eq!(world.braze.counters().before_reset, 0, "nothing is sent that would be refused");
    world.assert_unharmed();
}

/// An event that moves the points of a second scheme, too; with the first one's campaign.
fn with_a_second_scheme(event: &Value) -> (Value, Value) {
    let mut event = event.clone();
    let operations = event["atomicOperations"].as_array_mut().unwrap();
    let of_points = |one: &&Value| one["objectValue"]["account"]["type"] == json!("POINTS");
    let first = operations.iter().find(of_points).unwrap().clone();
    let mut second = first.clone();
    let moved = &mut second["objectValue"];
    moved["accountTransactionId"] = json!("9999999999");
    moved["accountId"] = json!("8888888888");
    moved["account"]["accountId"] = json!("8888888888");
    moved["account"]["campaignId"] = json!("another-scheme");
    moved["account"]["balances"]["current"] = json!(5_000);
    operations.push(second);
    (event, first["objectValue"]["account"]["campaignId"].clone())
}

#[tokio::test]
async fn points_of_two_schemes_are_never_added_up() {
    let mut schemes = vec![(json!({}), Value::Null)];
    while let Some((format, expected)) = schemes.pop() {
        let is_first = format == json!({});
        let mut world = LoyaltyWorld::new(format).await;
        world.known(CUSTOMER);
        let wallet = world.air.seed_wallet(&seed().with_points(100)).unwrap();
        let event = world.air.settle(&wallet, &Purchase::new("POS-1").earning(10)).unwrap();
        let (both, campaign) = with_a_second_scheme(&event.body);
        assert_eq!(world.try_notify(TOKEN, &both).await, 200);
        world.settle().await;
        assert_eq!(world.seen(CUSTOMER)["braze"]["attributes"]["ee_loyalty"]["points"]["current"], expected);
        assert_eq!(world.left_out().await["air.points-not-counted.another-scheme"], 1);
        if is_first {
            schemes.push((json!({"points_campaign": campaign}), json!(110)));
            schemes.push((json!({"points_campaign": "another"}), Value::Null));
        }
        world.assert_unharmed();
    }
}

#[tokio::test]
async fn a_storm_of_events_is_told_whole() {
    let mut world = LoyaltyWorld::new(json!({})).await;
    let wallets: Vec<String> = (0..50)
        .map(|number| {
            let customer = format!("CUST-{number:06}");
            world.known(&customer);
            world.air.seed_wallet(&SeedWallet::new(&[("CUSTOMER_ID", &customer)]).with_points(0)).unwrap()
        })
        .collect();
    let mut events = Vec::new();
    for round in 0..4 {
        for (number, wallet) in wallets.iter().enumerate() {
            let lines = if round == 2 && number == 7 { 60 } else { 1 };
            let purchase = Purchase::new(&format!("POS-{round}-{number}")).lines(lines);
            events.push(world.air.settle(wallet, &purchase).unwrap());
        }
        world.clock.advance(SignedDuration::from_secs(1));
    }
    let largest = events.iter().map(|event| event.body.to_string().len()).max().unwrap();
    assert!(largest > 46_000, "a basket of {largest} bytes");
    // In no order, and every third twice.
    events.sort_by_key(|event| event.event_id.chars().rev().collect::<String>());
    for (place, event) in events.iter().enumerate() {
        world.notify(event).await;
        if place % 3 == 0 {
            world.notify(event).await;
        }
    }
    world.settle().await;
    assert_eq!(world.braze.events().len(), events.len());
    assert_eq!(world.bloomreach.events().len(), events.len());
    for (number, wallet) in wallets.iter().enumerate() {
        let held = world.seen(&format!("CUST-{number:06}"))["braze"]["attributes"]["ee_loyalty"]["points"].clone();
        assert_eq!(held, json!({"current": world.air.wallet(wallet).unwrap().points}));
    }
    assert!(world.clock.now() > "2026-03-01T10:00:00Z".parse().unwrap());
    world.assert_unharmed();
}

#[tokio::test]
async fn an_event_for_which_there_is_no_room_is_asked_for_again() {
    let mut world = LoyaltyWorld::new(json!({})).await;
    let wallet = world.wallet();
    for activation in ["braze", "bloomreach"] {
        world.post(&format!("/v1/activations/{activation}/pause"), Value::Null).await;
    }
    let events: Vec<Emitted> = (0..6)
        .map(|number| world.air.settle(&wallet, &Purchase::new(&format!("POS-{number}")).lines(500)).unwrap())
        .collect();
    let mut statuses = Vec::new();
    for event in &events {
        statuses.push(world.try_notify(TOKEN, &event.body).await);
    }
    assert_eq!((statuses[0], statuses[5]), (200, 429), "{statuses:?}");
    for activation in ["braze", "bloomreach"] {
        world.post(&format!("/v1/activations/{activation}/resume"), Value::Null).await;
    }
    world.settle().await;
    // AIR comes again, one by one.
    for event in &events {
        world.happens(event).await;
    }
    assert_eq!(world.braze.events().len(), events.len());
    assert_eq!(world.bloomreach.events().len(), events.len());
    assert!(world.left_out().await["air.row-too-large"] > 0);
    world.assert_unharmed();
}
