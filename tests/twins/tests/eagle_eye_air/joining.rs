use muster_twins::eagle_eye_air::{AccountKind, SeedWallet, Standing, Welcome};
use serde_json::{Value, json};

use crate::support::{bench, inner, operations};

const CARLA: [(&str, &str); 2] = [("CARD", "9000777"), ("CUSTOMER_ID", "CUST-000777")];

#[test]
fn a_wallet_is_created_with_its_identities() {
    let bench = bench();
    let event = bench.twin.create_wallet(&SeedWallet::new(&CARLA)).unwrap();
    assert_eq!(event.event_name, "SERVICE.WALLET.CREATE");
    let expected = ["walletEntity CREATE", "walletIdentityEntity CREATE", "walletIdentityEntity CREATE"];
    assert_eq!(operations(&event), expected);
    let wallet = bench.twin.wallet_of("cust-000777").unwrap();
    assert_eq!(event.body["atomicOperations"][0]["objectValue"]["walletId"], wallet);
    assert_eq!(bench.twin.wallet(&wallet).unwrap().points, None);
}

#[test]
fn a_wallet_is_created_with_accounts() {
    let bench = bench();
    let consumer = json!({"personal": {"forename": "Carla"}}).as_object().cloned().unwrap();
    let welcome = Welcome { accounts: vec![AccountKind::Quest], consumer };
    let seed = SeedWallet::new(&CARLA).with_points(50).with_coupons(1).in_tier("BRONZE");
    let event = bench.twin.create_wallet_with_accounts(&seed, &welcome).unwrap();
    assert_eq!(event.event_name, "SERVICE.WALLET.ACCOUNTS.CREATE");
    assert_eq!(
        operations(&event)[3..],
        [
            "walletAccountTransactionEntity CREATE ECOUPON CREATE 0",
            "walletAccountTransactionEntity CREATE QUEST CREATE 0",
            "walletAccountTransactionEntity CREATE POINTS CREATE 50",
            "tierMembershipEntity CREATE",
            "walletConsumerEntity CREATE",
        ]
    );
    let bare = SeedWallet { points: None, ..SeedWallet::new(&[("CARD", "9000778")]) };
    let event = bench.twin.create_wallet_with_accounts(&bare, &Welcome::default()).unwrap();
    assert_eq!(operations(&event), ["walletEntity CREATE", "walletIdentityEntity CREATE"]);
}

#[test]
fn a_consumer_is_created_then_updated() {
    let bench = bench();
    for (name, verb) in [("WALLET.CONSUMER.CREATE", "CREATE"), ("WALLET.CONSUMER.UPDATE", "UPDATE")] {
        let data = json!({ verb: {} });
        let event = bench.twin.write_consumer(&bench.anna, data.as_object().unwrap()).unwrap();
        assert_eq!(
            (event.event_name.as_str(), operations(&event)),
            (name, vec![format!("walletConsumerEntity {verb}")])
        );
    }
    let data = bench.twin.events()[1].body["response"]["body"]["data"].clone();
    assert_eq!(data, json!({"CREATE": {}, "UPDATE": {}}));
}

#[test]
fn accounts_of_campaigns_are_created() {
    let bench = bench();
    let one = bench.twin.create_campaign_accounts(&bench.bea, &[AccountKind::Ecoupon]).unwrap();
    assert_eq!(one.event_name, "WALLET.ACCOUNT.CREATE.CAMPAIGN");
    assert!(one.body["request"]["resource"].as_str().unwrap().ends_with("/account"));
    let kinds = [AccountKind::Continuity, AccountKind::CouponStampCard];
    let two = bench.twin.create_accounts(&bench.bea, &kinds).unwrap();
    assert_eq!(two.event_name, "WALLET.ACCOUNT.CREATE");
    assert_eq!(two.body["response"]["body"]["successful"]["total"], 2);
    assert_eq!(operations(&two)[1], "walletAccountTransactionEntity CREATE COUPON_STAMP_CARD CREATE 0");
}

#[test]
fn an_account_of_a_scheme_is_created_with_or_without_a_tier() {
    let bench = bench();
    let id = bench.twin.seed_wallet(&SeedWallet { points: None, ..SeedWallet::new(&CARLA) }).unwrap();
    let event = bench.twin.create_scheme_account(&id, Some("BRONZE")).unwrap();
    let points = "walletAccountTransactionEntity CREATE POINTS CREATE 0";
    assert_eq!(operations(&event), [points, "tierMembershipEntity CREATE"]);
    assert_eq!(operations(&bench.twin.create_scheme_account(&bench.bea, None).unwrap()), [points]);
}

#[test]
fn a_plan_is_joined_and_cancelled() {
    let bench = bench();
    let ends_at = "2026-04-01T00:00:00Z".parse().unwrap();
    let joined = bench.twin.join_plan(&bench.anna, ends_at, 1).unwrap();
    assert_eq!(
        operations(&joined),
        [
            "walletAccountTransactionEntity CREATE ECOUPON CREATE 0",
            "walletAccountTransactionEntity CREATE STANDARD_SUBSCRIPTION CREATE 0",
        ]
    );
    let account = &joined.body["atomicOperations"][1]["objectValue"]["account"];
    assert_eq!(account["dates"]["end"], "2026-04-01T00:00:00+00:00");
    assert_eq!((&account["clientType"], &account["balances"]), (&Value::Null, &Value::Null));
    let left = bench.twin.cancel_plan(&bench.anna).unwrap();
    assert_eq!((left.event_name.as_str(), &left.body["request"]["body"]), ("WALLET.ACCOUNT.UPDATE", &Value::Null));
    assert_eq!(
        operations(&left),
        [
            "walletAccountTransactionEntity UPDATE STANDARD_SUBSCRIPTION CANCEL 0",
            "walletAccountTransactionEntity UPDATE ECOUPON CANCEL 0",
        ]
    );
    assert!(bench.twin.cancel_plan(&bench.anna).is_err());
}

#[test]
fn a_deleted_wallet_names_nobody() {
    let bench = bench();
    bench.twin.write_consumer(&bench.anna, json!({"personal": {}}).as_object().unwrap()).unwrap();
    let event = bench.twin.delete_wallet(&bench.anna).unwrap();
    assert_eq!(
        operations(&event),
        [
            "walletAccountTransactionEntity UPDATE POINTS DEBIT 0",
            "walletAccountTransactionEntity UPDATE ECOUPON CANCEL 0",
            "walletIdentityEntity DELETE",
            "walletIdentityEntity DELETE",
            "walletConsumerEntity DELETE",
            "walletEntity DELETE",
        ]
    );
    let text = event.body.to_string();
    assert!(!text.contains("CUST-000123") && !text.contains("anna@example.com"), "{text}");
    assert!(event.body["atomicOperations"][2]["objectValue"]["value"].as_str().unwrap().starts_with("DELETED_"));
    assert_eq!(event.body["atomicOperations"][4]["objectValue"]["data"], json!([]));
    let whole = json!({ format!("walletEntity_{}", bench.anna): { "identities": [] } });
    assert_eq!(event.body["enrichmentData"], whole);
    assert_eq!((&event.body["response"]["code"], &event.body["response"]["body"]), (&json!(204), &Value::Null));
    assert_eq!(event.body["request"]["body"], Value::Null);
    assert_eq!(bench.twin.wallet(&bench.anna).unwrap().standing, Standing::Deleted);
    assert!(bench.twin.delete_wallet(&bench.anna).is_err());
}

#[test]
fn what_is_sent_is_in_a_string() {
    let bench = bench();
    let event = bench.twin.create_wallet(&SeedWallet::new(&CARLA)).unwrap();
    assert_eq!(inner(&event.body["request"]["body"])["identities"][0], json!({"type": "CARD", "value": "9000777"}));
}
