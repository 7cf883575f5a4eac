use muster_twins::eagle_eye_air::{Purchase, Refund};
use serde_json::{Value, json};

use crate::support::{bench, inner, operations};

const POINTS: &str = "walletAccountTransactionEntity UPDATE POINTS";
const COUPON: &str = "walletAccountTransactionEntity UPDATE ECOUPON";
const TIER: [&str; 2] = ["tierMembershipTransactionEntity CREATE CREDIT", "tierMembershipEntity UPDATE"];

#[test]
fn a_purchase_is_settled_at_once() {
    let bench = bench();
    let purchase = Purchase::new("POS-1").credited(600).redeem(&bench.coupon(), 200).redeem_new(0);
    let event = bench.twin.settle(&bench.anna, &purchase).unwrap();
    let expected = [
        "walletTransactionEntity CREATE SETTLE/ACTIVE".to_owned(),
        format!("{COUPON} REDEEM 200"),
        "walletAccountEntity CREATE".to_owned(),
        format!("{COUPON} REDEEM 0"),
        format!("{POINTS} EARN 63"),
        format!("{POINTS} CREDIT 600"),
        TIER[0].to_owned(),
        TIER[1].to_owned(),
        "walletTransactionEntity UPDATE SETTLE/SETTLED".to_owned(),
    ];
    assert_eq!(operations(&event), expected);
    let balance = |n: usize| event.body["atomicOperations"][n]["objectValue"]["account"]["balances"]["current"].clone();
    assert_eq!((balance(4), balance(5)), (json!(63), json!(663)));
    let settled = &event.body["atomicOperations"][8]["objectValue"];
    assert_eq!((&settled["location"]["storeId"], &settled["reference"]), (&json!("outlet1"), &json!("POS-1")));
    let summary = &settled["basket"]["summary"];
    assert_eq!(
        (&summary["totalBasketValue"], &summary["totalDiscountAmount"]["promotions"]),
        (&json!(6_300), &json!(200))
    );
    assert_eq!(summary["results"]["points"]["totalPointsGiven"], 663);
    assert_eq!(settled["basket"]["contents"][0]["description"], "Kettle");
    assert_eq!(
        settled["accounts"][0],
        json!({"accountId": bench.coupon(), "accountTransactionId": event.body["atomicOperations"][1]["objectValue"]["accountTransactionId"]})
    );
    assert_eq!(bench.points(), Some(663));
}

#[test]
fn a_used_coupon_is_not_redeemed_again() {
    let bench = bench();
    let purchase = Purchase::new("POS-1").redeem(&bench.coupon(), 200);
    bench.twin.settle(&bench.anna, &purchase).unwrap();
    assert!(bench.twin.settle(&bench.anna, &purchase).is_err());
    assert!(bench.twin.settle(&bench.bea, &purchase).is_err());
    assert_eq!(bench.twin.events().len(), 1);
}

#[test]
fn a_purchase_may_be_opened_first() {
    let bench = bench();
    let opened = bench.twin.open(&bench.anna, &Purchase::new("POS-1")).unwrap();
    assert_eq!(operations(&opened), ["walletTransactionEntity CREATE SETTLE/ACTIVE"]);
    let event = bench.twin.settle(&bench.anna, &Purchase::new("POS-1")).unwrap();
    assert_eq!(operations(&event)[0], format!("{POINTS} EARN 63"));
    let id = |value: &Value| value["objectValue"]["walletTransactionId"].clone();
    let last = event.body["atomicOperations"].as_array().unwrap().last().unwrap();
    assert_eq!(id(&opened.body["atomicOperations"][0]), id(last));
}

#[test]
fn two_wallets_may_be_in_one_event() {
    let bench = bench();
    let event = bench.twin.settle(&bench.bea, &Purchase::new("POS-1").beside(&bench.anna)).unwrap();
    assert_eq!(operations(&event)[0], "walletTransactionEntity DELETE SETTLE/ACTIVE");
    assert_eq!(event.body["atomicOperations"][0]["objectValue"]["walletId"], bench.anna);
    assert_eq!(event.body["enrichmentData"].as_object().map(serde_json::Map::len), Some(2));
    let opened = bench.twin.open(&bench.bea, &Purchase::new("POS-2").beside(&bench.anna)).unwrap();
    assert_eq!(opened.body["enrichmentData"].as_object().map(serde_json::Map::len), Some(2));
}

#[test]
fn a_basket_may_be_large() {
    let bench = bench();
    let event = bench.twin.settle(&bench.anna, &Purchase::new("POS-1").lines(1_200)).unwrap();
    let size = event.body.to_string().len();
    assert!((1_000_000..1_200_000).contains(&size), "{size}");
}

#[test]
fn a_purchase_is_fulfilled_in_parts() {
    let bench = bench();
    let order = Purchase::new("ORDER-1").redeem(&bench.coupon(), 200);
    let initial = bench.twin.fulfil_initial(&bench.anna, &order).unwrap();
    let fulfilling = "walletTransactionEntity UPDATE SETTLE/FULFILLING";
    assert_eq!(operations(&initial), [fulfilling.to_owned(), format!("{COUPON} REDEEM 200")]);
    assert_eq!(inner(&initial.body["request"]["body"]).get("basket"), None);
    let delivery = "walletTransactionEntity CREATE FULFIL/FULFILLED";
    let middle = bench.twin.fulfil_middle(&bench.anna, "ORDER-1", &Purchase::new("PART-1")).unwrap();
    assert_eq!(operations(&middle), [fulfilling, delivery]);
    let sent = inner(&middle.body["request"]["body"]);
    assert_eq!((&sent["finalise"], &sent["parentReference"]), (&json!(false), &json!("ORDER-1")));
    assert_eq!(bench.points(), Some(0));
    let last = bench.twin.fulfil_final(&bench.anna, "ORDER-1", &Purchase::new("PART-2")).unwrap();
    let settled = "walletTransactionEntity UPDATE SETTLE/SETTLED";
    let expected = [&format!("{POINTS} EARN 63"), TIER[0], TIER[1], fulfilling, settled, delivery];
    assert_eq!(operations(&last), expected);
    assert_eq!(inner(&last.body["request"]["body"])["finalise"], true);
    assert_eq!(bench.points(), Some(63));
    assert!(bench.twin.fulfil_middle(&bench.anna, "ORDER-1", &Purchase::new("PART-3")).is_err());
}

#[test]
fn everything_is_brought_back() {
    let bench = bench();
    let purchase = Purchase::new("POS-1").redeem(&bench.coupon(), 200);
    bench.twin.settle(&bench.anna, &purchase).unwrap();
    let event = bench.twin.refund(&bench.anna, "POS-1", &Refund::full("POS-2")).unwrap();
    let expected = [
        format!("{COUPON} UNREDEEM 200"),
        format!("{POINTS} REFUND_DEBIT 63"),
        "tierMembershipTransactionEntity CREATE DEBIT".to_owned(),
        TIER[1].to_owned(),
        "walletTransactionEntity UPDATE SETTLE/SETTLED".to_owned(),
        "walletTransactionEntity CREATE REFUND/SETTLED".to_owned(),
    ];
    assert_eq!(operations(&event), expected);
    let back = &event.body["atomicOperations"][5]["objectValue"];
    assert_eq!(back["basket"]["summary"]["results"]["points"]["totalPointsTaken"], 63);
    assert_eq!(
        back["parentWalletTransactionId"],
        event.body["atomicOperations"][4]["objectValue"]["walletTransactionId"]
    );
    assert_eq!(bench.points(), Some(0));
    assert!(bench.twin.refund(&bench.anna, "POS-1", &Refund::full("POS-3")).is_err());
}

#[test]
fn a_part_is_brought_back() {
    let bench = bench();
    bench.twin.settle(&bench.anna, &Purchase::new("POS-1").redeem(&bench.coupon(), 700)).unwrap();
    let event = bench.twin.refund(&bench.anna, "POS-1", &Refund::partial("POS-2", 45, 500)).unwrap();
    let accounts: Vec<String> = operations(&event).into_iter().filter(|text| text.contains("AccountTrans")).collect();
    let expected = [
        format!("{COUPON} UNREDEEM 700"),
        format!("{POINTS} REFUND_DEBIT 63"),
        format!("{POINTS} EARN 45"),
        format!("{COUPON} REDEEM 500"),
    ];
    assert_eq!(accounts, expected);
    assert_eq!(bench.points(), Some(45));
}

#[test]
fn points_are_spent_and_given_back() {
    let bench = bench();
    bench.twin.settle(&bench.anna, &Purchase::new("POS-1")).unwrap();
    let spent = bench.twin.spend(&bench.anna, "POS-2", 40).unwrap();
    assert_eq!(spent.event_name, "POSCONNECT.WALLET.SPEND");
    assert_eq!(operations(&spent)[1], format!("{POINTS} LOCK 40"));
    let balances = &spent.body["atomicOperations"][1]["objectValue"]["account"]["balances"];
    assert_eq!((&balances["current"], &balances["usable"], &balances["locked"]), (&json!(63), &json!(23), &json!(40)));
    let void = bench.twin.void_spend(&bench.anna, "POS-2", "POS-3").unwrap();
    assert_eq!(void.event_name, "POSCONNECT.WALLET.SPEND.VOID");
    assert_eq!(operations(&void)[1], format!("{POINTS} VOID 40"));
    assert!(!void.body.to_string().contains("POS-2"));
    assert!(bench.twin.void_spend(&bench.anna, "POS-2", "POS-4").is_err());
}

#[test]
fn nothing_happens_to_a_wallet_that_is_not_there() {
    let bench = bench();
    for wallet in ["7", "anna", ""] {
        assert_eq!(bench.twin.settle(wallet, &Purchase::new("POS-1")).unwrap_err().to_string(), "no such wallet");
    }
    assert!(bench.twin.settle(&bench.anna, &Purchase::new("POS-1").beside("7")).is_err());
    assert!(bench.twin.events().is_empty());
}
