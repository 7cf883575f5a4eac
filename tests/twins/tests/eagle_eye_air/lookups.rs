use muster_twins::eagle_eye_air::{ByReference, RouteKind, Switches};
use serde_json::{Value, json};

use crate::support::{ANNA, Bench, bench, bench_with, trigger};

const BY_REFERENCE: &str = "/wallet/transaction?reference=aud-1";

fn with(by_reference: ByReference) -> Bench {
    bench_with(Switches { by_reference, ..Switches::default() })
}

#[tokio::test]
async fn wallets_are_found_by_identity_and_by_id() {
    let bench = bench();
    let by_identity = bench.get("/wallet?identity-value=anna%40example.com").await;
    assert_eq!((by_identity.status, &by_identity.json()["walletId"]), (200, &json!(bench.anna)));
    assert_eq!(bench.get(&format!("/wallet/{}", bench.anna)).await.json(), by_identity.json());
    assert_eq!(bench.get("/wallet?identity-value=nobody").await.status, 404);
    assert_eq!(bench.get("/2.0/wallet/1").await.status, 404);
    let template = RouteKind::WalletByIdentity.template();
    assert_eq!(bench.twin.counters().requests_by_route[template], 2);
}

#[tokio::test]
async fn identities_and_accounts_are_listed() {
    let bench = bench();
    let identities = bench.get(&format!("/wallet/{}/identities", bench.anna)).await.json();
    let found: Vec<_> =
        (0..2).map(|n| (&identities["results"][n]["type"], &identities["results"][n]["value"])).collect();
    assert_eq!(json!(found), json!([["CUSTOMER_ID", ANNA], ["EMAIL", "anna@example.com"]]));
    let accounts = bench.get(&format!("/wallet/{}/accounts", bench.anna)).await.json();
    assert_eq!((&accounts["total"], &accounts["results"][0]["type"]), (&json!(2), &json!("POINTS")));
    let consumer = format!("/wallet/{}/consumer", bench.anna);
    assert_eq!(bench.get(&consumer).await.status, 404);
    let data = json!({"personal": {"forename": "Anna"}});
    bench.twin.write_consumer(&bench.anna, data.as_object().unwrap()).unwrap();
    assert_eq!(bench.get(&consumer).await.json()["data"], data);
}

#[tokio::test]
async fn there_may_be_no_route_by_reference() {
    let bench = bench();
    bench.welcome("aud-1").await;
    assert_eq!(bench.get(BY_REFERENCE).await.status, 404);
    bench.assert_expected();
}

#[tokio::test]
async fn one_is_found_by_reference() {
    let bench = with(ByReference::One);
    assert_eq!(bench.get(BY_REFERENCE).await.status, 404);
    let granted = bench.welcome("aud-1").await.json();
    bench.welcome("aud-1").await;
    assert_eq!(bench.get(BY_REFERENCE).await.json(), granted);
}

#[tokio::test]
async fn several_are_found_by_reference() {
    let bench = with(ByReference::Several);
    assert_eq!(bench.get(BY_REFERENCE).await.json(), json!({"total": 0, "results": []}));
    let first = bench.welcome("aud-1").await.json();
    let second = bench.post(&trigger("9000123", "aud-1", "TREAT")).await.json();
    assert_eq!(bench.get(BY_REFERENCE).await.json(), json!({"total": 2, "results": [first, second]}));
}

#[tokio::test]
async fn a_look_up_may_lag() {
    let bench = with(ByReference::One);
    bench.twin.with_switches(|s| s.lookup_lag_seconds = 30);
    let id = bench.welcome("aud-1").await.json()["walletTransactionId"].clone();
    let by_id = format!("/wallet/{}/transaction/{}", bench.anna, id.as_str().unwrap());
    for (wait, status) in [(29, 404), (1, 200)] {
        bench.wait(wait);
        assert_eq!([bench.get(BY_REFERENCE).await.status, bench.get(&by_id).await.status], [status; 2]);
    }
    let of_another = by_id.replace(&bench.anna, &bench.bea);
    assert_eq!(bench.get(&of_another).await.status, 404);
}

#[tokio::test]
async fn transactions_are_listed_and_narrowed() {
    let bench = bench();
    for (reference, action) in [("a", "WELCOME-100"), ("b", "TREAT"), ("c", "WELCOME-100")] {
        bench.post(&trigger(ANNA, reference, action)).await;
    }
    let listed = async |query: &str| {
        let whole = bench.get(&format!("/wallet/{}/transactions{query}", bench.anna)).await.json();
        let references = whole["results"].as_array().unwrap().iter().map(|one| one["reference"].clone());
        references.collect::<Value>()
    };
    assert_eq!(listed("").await, json!(["a", "b", "c"]));
    assert_eq!(listed("?type=BEHAVIOURAL_ACTION_POINTS").await, json!(["a", "c"]));
    assert_eq!(listed("?status=SETTLED&limit=1&offset=1").await, json!(["b"]));
    assert_eq!(bench.get("/wallet/1/transactions").await.status, 404);
}
