use axum::body::Body;
use axum::http::Request;
use muster_twins::eagle_eye_air::{
    Blanks, EmptyMaps, Options, QueryHash, Reward, SeedCampaign, SeveralTriggers, Switches,
};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::{ANNA, NOW, TRIGGER, bench, bench_with, hash, trigger};

#[tokio::test]
async fn points_are_answered_in_three_entries() {
    let bench = bench();
    let answer = bench.welcome("aud-1").await;
    assert_eq!(answer.status, 201);
    let body = answer.json();
    assert_eq!((&body["type"], &body["status"]), (&json!("BEHAVIOURAL_ACTION_POINTS"), &json!("SETTLED")));
    assert_eq!((&body["reference"], &body["walletId"]), (&json!("aud-1"), &json!(bench.anna)));
    assert_eq!(body["transactionDateTime"], "2026-03-01T10:15:00+00:00");
    let entry = |n: usize| {
        let entry = &body["accounts"][n];
        (entry["account"]["type"].as_str(), entry["event"].as_str(), entry["value"].as_i64())
    };
    assert_eq!(entry(0), (Some("BEHAVIOURAL_ACTION"), Some("CREATE"), Some(0)));
    assert_eq!(entry(1), (Some("BEHAVIOURAL_ACTION"), Some("REDEEM"), Some(100)));
    assert_eq!(entry(2), (Some("POINTS"), Some("CREDIT"), Some(100)));
    assert_eq!(body["accounts"][2]["account"]["balances"]["current"], 100);
    assert_eq!(body["accounts"][1]["account"]["status"], "USED");
    let points = &body["basket"]["summary"]["points"];
    assert_eq!((&points["credit"], &points["totalPointsGiven"]), (&json!(100), &json!(100)));
    assert_eq!(bench.points(), Some(100));
    bench.assert_expected();
}

#[tokio::test]
async fn a_coupon_is_answered_in_three_entries_without_a_summary() {
    let bench = bench();
    let answer = bench.post(&trigger(ANNA, "aud-1", "TREAT")).await;
    let body = answer.json();
    assert_eq!((answer.status, &body["type"]), (201, &json!("BEHAVIOURAL_ACTION_COUPON")));
    let events: Vec<_> = (0..3).map(|n| (&body["accounts"][n]["event"], &body["accounts"][n]["value"])).collect();
    assert_eq!(json!(events), json!([["CREATE", 0], ["REDEEM", 0], ["CREATE", 0]]));
    assert_eq!(body["accounts"][2]["account"]["type"], "ECOUPON");
    assert_ne!(body["accounts"][2]["accountId"], "");
    assert_eq!(body["basket"]["summary"], Value::Null);
    assert_eq!(bench.twin.counters().coupons_given, 1);
}

#[tokio::test]
async fn a_reward_is_kept_with_whose_it_is() {
    let bench = bench();
    let id = bench.post(&trigger("cust-000123", "aud-1", "WELCOME-100")).await.json()["walletTransactionId"].clone();
    let rewards = bench.rewards();
    let [reward] = rewards.as_slice() else { panic!("{rewards:?}") };
    assert_eq!((&reward.wallet_id, reward.identity_value.as_str()), (&bench.anna, "cust-000123"));
    assert_eq!((reward.action_reference.as_str(), reward.reference.as_str()), ("WELCOME-100", "aud-1"));
    assert_eq!((reward.reward, reward.client_id.as_str()), (Reward::Points(100), Options::CLIENT));
    assert_eq!((json!(reward.wallet_transaction_id), reward.at), (id, NOW.parse().unwrap()));
}

#[tokio::test]
async fn any_identity_finds_the_wallet_whatever_its_case() {
    let bench = bench();
    for identity in ["CUST-000123", "cust-000123", "Anna@Example.com"] {
        assert_eq!(bench.post(&trigger(identity, identity, "WELCOME-100")).await.status, 201, "{identity}");
    }
    assert!(bench.rewards().iter().all(|reward| reward.wallet_id == bench.anna));
}

#[tokio::test]
async fn the_version_in_the_path_is_hashed_with_it() {
    let bench = bench();
    let (path, body) = ("/2.0/services/trigger", trigger(ANNA, "aud-1", "WELCOME-100").to_string());
    assert_eq!(bench.send(bench.signed("POST", path, &body)).await.status, 201);
    let without = hash(TRIGGER, &body, Options::SECRET);
    assert_eq!(bench.send(bench.with_hash("POST", path, &body, &without)).await.status, 401);
}

#[tokio::test]
async fn a_wrong_hash_or_client_is_unauthorised() {
    let bench = bench();
    let body = trigger(ANNA, "aud-1", "WELCOME-100").to_string();
    let right = hash(TRIGGER, &body, Options::SECRET);
    let compact = hash(TRIGGER, &body.replace(':', ": "), Options::SECRET);
    for wrong in ["", &right.to_uppercase(), &hash(TRIGGER, &body, "other"), &compact] {
        let answer = bench.send(bench.with_hash("POST", TRIGGER, &body, wrong)).await;
        assert_eq!(answer.status, 401, "{wrong}");
        assert!(answer.json()["errorCode"].is_string() && answer.json()["errorMessage"].is_string());
    }
    let bare = Request::builder().method("POST").uri(TRIGGER).body(Body::empty()).unwrap();
    assert_eq!(bench.send(bare).await.status, 401);
    bench.twin.set_client(Options::CLIENT, "rotated");
    assert_eq!(bench.send(bench.signed("POST", TRIGGER, &body)).await.status, 401);
    bench.twin.remove_client(Options::CLIENT);
    assert_eq!(bench.send(bench.signed("POST", TRIGGER, &body)).await.status, 401);
    assert_eq!(bench.twin.counters().unauthorized, 7);
    assert!(bench.rewards().is_empty());
}

#[tokio::test]
async fn the_query_is_hashed_as_it_is_sent_unless_switched() {
    let bench = bench();
    let (sent, plain) = ("/wallet?identity-value=anna%40example.com", "/wallet?identity-value=anna@example.com");
    for (query_hash, hashed, status) in [
        (QueryHash::AsSent, sent, 200),
        (QueryHash::AsSent, plain, 401),
        (QueryHash::Decoded, sent, 401),
        (QueryHash::Decoded, plain, 200),
    ] {
        bench.twin.with_switches(|s| s.query_hash = query_hash);
        let request = bench.with_hash("GET", sent, "", &hash(hashed, "", Options::SECRET));
        assert_eq!(bench.send(request).await.status, status, "{query_hash:?} {hashed}");
    }
}

#[tokio::test]
async fn every_answer_is_named() {
    let bench = bench();
    let answers = [bench.welcome("aud-1").await, bench.get("/wallet/1").await, bench.post(&json!({})).await];
    let mut names: Vec<_> = answers.iter().map(|answer| &answer.headers["x-ees-called-unique-id"]).collect();
    names.dedup();
    assert_eq!(names.len(), 3);
}

#[tokio::test]
async fn several_triggers_are_unexpected_unless_switched() {
    let bench = bench();
    bench.twin.seed_campaign(SeedCampaign::points("ONCE", 5).limit(1));
    let several = |last: &str| {
        let mut body = trigger(ANNA, last, "ONCE");
        body["triggers"] = json!([{"reference": "WELCOME-100"}, {"reference": "TREAT"}, {"reference": last}]);
        body
    };
    assert_eq!(bench.post(&several("ONCE")).await.status, 500);
    assert_eq!(bench.twin.unexpected(), ["several triggers in one call"]);
    bench.twin.with_switches(|s| s.several_triggers = SeveralTriggers::Atomic);
    assert_eq!(bench.post(&several("NONE")).await.status, 404);
    assert!(bench.rewards().is_empty());
    assert_eq!(bench.post(&several("ONCE")).await.json()["accounts"].as_array().map(Vec::len), Some(9));
    bench.twin.with_switches(|s| s.several_triggers = SeveralTriggers::InOrder);
    assert_eq!(bench.post(&several("ONCE")).await.status, 400);
    assert_eq!(bench.rewards().len(), 5);
}

#[tokio::test]
async fn empty_maps_are_arrays_unless_switched() {
    for (empty_maps, meta) in [(EmptyMaps::Array, json!([])), (EmptyMaps::Object, json!({}))] {
        let bench = bench_with(Switches { empty_maps, blanks: Blanks::Null, ..Switches::default() });
        let answer = bench.welcome("aud-1").await.json();
        assert_eq!(answer["accounts"][0]["account"]["meta"], meta);
        let event = bench.twin.events().pop().unwrap().body;
        assert_eq!(event["request"]["customHeaders"], meta);
        assert_eq!(event["response"]["body"]["accounts"][0]["properties"], meta);
        assert_eq!(event["headers"]["externalMessageId"], Value::Null);
    }
}

#[tokio::test]
async fn only_the_wallets_host_has_routes() {
    let bench = bench();
    let body = trigger(ANNA, "aud-1", "WELCOME-100").to_string();
    for (origin, router) in bench.twin.routers() {
        let status = router.oneshot(bench.signed("POST", TRIGGER, &body)).await.unwrap().status();
        assert_eq!(status == 201, origin == "https://wallet.sandbox.uk.eagleeye.com", "{origin}");
    }
    assert_eq!(bench.twin.unexpected()[0], "POST https://resources.sandbox.uk.eagleeye.com/services/trigger");
    assert_eq!(bench.twin.unexpected().len(), 2);
}
