use muster_twins::eagle_eye_air::Emitted;
use serde_json::{Value, json};

use crate::support::{bench, operations};

fn transaction(event: &Emitted) -> &Value {
    &event.body["atomicOperations"][1]["objectValue"]
}

#[test]
fn a_membership_is_moved() {
    let bench = bench();
    let event = bench.twin.move_tier(&bench.anna, "GOLD").unwrap();
    let [read, made, changed] =
        ["walletEntity READ", "tierMembershipTransactionEntity CREATE MOVE", "tierMembershipEntity UPDATE"];
    assert_eq!(operations(&event), [read, made, changed]);
    let entry = transaction(&event);
    assert_eq!((&entry["tierId"], &entry["tierIdAfter"]), (&json!("SILVER"), &json!("GOLD")));
    assert_eq!(event.body["atomicOperations"][2]["objectValue"]["tierId"], "GOLD");
    assert_eq!(bench.twin.wallet(&bench.anna).unwrap().tier.as_deref(), Some("GOLD"));
    assert_eq!(event.body["request"]["method"], "PATCH");
}

#[test]
fn balances_are_credited_debited_and_adjusted() {
    let bench = bench();
    let events = [
        bench.twin.credit_tier(&bench.anna, 50, None).unwrap(),
        bench.twin.debit_tier(&bench.anna, 20).unwrap(),
        bench.twin.adjust_tier(&bench.anna, 5).unwrap(),
    ];
    let told = events.map(|event| {
        let action = &transaction(&event)["actions"][0];
        json!([event.event_name, action["amount"], action["balanceAfter"]])
    });
    let expected = json!([
        ["TIER.MEMBERSHIP.CREDIT", 50, 50],
        ["TIER.MEMBERSHIP.DEBIT", -20, 30],
        ["TIER.MEMBERSHIP.ADJUST", 5, 35]
    ]);
    assert_eq!(json!(told), expected);
}

#[test]
fn a_credit_may_move() {
    let bench = bench();
    let event = bench.twin.credit_tier(&bench.anna, 50, Some("GOLD")).unwrap();
    assert_eq!(event.event_name, "TIER.MEMBERSHIP.CREDIT");
    assert_eq!(operations(&event)[1], "tierMembershipTransactionEntity CREATE CREDIT");
    assert_eq!(operations(&event)[3], "tierMembershipTransactionEntity CREATE MOVE");
    assert_eq!(event.body["atomicOperations"][3]["objectValue"]["tierIdAfter"], "GOLD");
}

#[test]
fn a_membership_is_needed_and_can_be_had() {
    let bench = bench();
    assert!(bench.twin.move_tier(&bench.bea, "GOLD").is_err());
    let event = bench.twin.join_tier(&bench.bea, "BRONZE").unwrap();
    assert_eq!(
        (event.event_name.as_str(), operations(&event)),
        ("TIER.MEMBERSHIP.CREATE", vec!["tierMembershipEntity CREATE".to_owned()])
    );
    bench.twin.move_tier(&bench.bea, "GOLD").unwrap();
}
