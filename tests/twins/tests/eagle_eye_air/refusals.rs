use muster_twins::eagle_eye_air::{
    Refused, RetryAfterHeader, SeedCampaign, SeedIdentity, SeedWallet, Standing, Switches,
};
use serde_json::json;

use crate::support::{ANNA, TRIGGER, bench, bench_with, hash, trigger};

#[tokio::test]
async fn what_is_missing_or_empty_is_answered_400() {
    let bench = bench();
    for (pointer, bad) in [
        ("/identityValue", json!("")),
        ("/identityValue", json!(7)),
        ("/walletTransaction/reference", json!("")),
        ("/triggers", json!([])),
        ("/triggers/0/reference", json!("")),
    ] {
        let mut body = trigger(ANNA, "aud-1", "WELCOME-100");
        *body.pointer_mut(pointer).unwrap() = bad.clone();
        assert_eq!(bench.post(&body).await.status, 400, "{pointer} {bad}");
    }
    for name in ["identityValue", "walletTransaction", "triggers"] {
        let mut body = trigger(ANNA, "aud-1", "WELCOME-100");
        body.as_object_mut().unwrap().remove(name);
        assert_eq!(bench.post(&body).await.status, 400, "{name}");
    }
    bench.assert_expected();
}

#[tokio::test]
async fn what_nobody_sends_is_unexpected() {
    let bench = bench();
    let inner = trigger(ANNA, "aud-1", "WELCOME-100");
    let mut with_type = inner.clone();
    with_type["type"] = json!("services/trigger");
    let mut by_another_name = inner.clone();
    by_another_name["triggers"] = json!([{"actionReference": "WELCOME-100"}]);
    let bodies = [with_type.to_string(), by_another_name.to_string(), format!("[{inner}]"), "{".to_owned()];
    for body in &bodies {
        assert_eq!(bench.send(bench.signed("POST", TRIGGER, body)).await.status, 500, "{body}");
    }
    let mut plain = bench.signed("POST", TRIGGER, &inner.to_string());
    plain.headers_mut().insert("content-type", "text/plain".parse().unwrap());
    assert_eq!(bench.send(plain).await.status, 500);
    assert_eq!(bench.get("/wallet/7/friends").await.status, 500);
    assert_eq!(bench.twin.unexpected().len(), 6);
    assert!(bench.rewards().is_empty());
}

#[tokio::test]
async fn what_air_does_not_have_is_answered_404_unless_switched() {
    let bench = bench();
    bench.twin.seed_campaign(SeedCampaign { ended: true, ..SeedCampaign::points("OVER", 5) });
    for (switched, status) in [(false, [404, 404, 404]), (true, [400, 422, 422])] {
        if switched {
            bench.twin.with_switches(|s| (s.unknown_identity_status, s.unknown_action_status) = (400, 422));
        }
        let nobody = bench.post(&trigger("CUST-NOBODY", "aud-1", "WELCOME-100")).await;
        assert_eq!(nobody.json()["errorMessage"], "Failed to load wallet");
        let unknown = bench.post(&trigger(ANNA, "aud-1", "UNKNOWN")).await;
        let over = bench.post(&trigger(ANNA, "aud-1", "OVER")).await;
        assert_eq!([nobody.status, unknown.status, over.status], status);
    }
    assert_eq!(bench.twin.counters().unknown_identities, 2);
}

#[tokio::test]
async fn wallets_that_are_not_active_refuse() {
    let bench = bench();
    for standing in [Standing::Suspended, Standing::Terminated] {
        assert!(bench.twin.set_standing(&bench.anna, standing));
        for status in [400, 409] {
            bench.twin.with_switches(|s| s.suspended_status = status);
            assert_eq!(bench.welcome("aud-1").await.status, status, "{standing:?}");
        }
    }
    assert!(bench.twin.set_standing(&bench.anna, Standing::Active));
    assert_eq!(bench.welcome("aud-1").await.status, 201);
    assert!(!bench.twin.set_standing("7", Standing::Active));
}

#[tokio::test]
async fn a_lost_card_refuses() {
    let bench = bench();
    let lost = SeedIdentity { status: "LOST".to_owned(), ..SeedIdentity::new("CARD", "9000999") };
    bench.twin.seed_wallet(&SeedWallet { identities: vec![lost], ..SeedWallet::default() }).unwrap();
    assert_eq!(bench.post(&trigger("9000999", "aud-1", "WELCOME-100")).await.status, 400);
}

#[tokio::test]
async fn a_value_is_one_wallets_also_when_that_is_deleted() {
    let bench = bench();
    let taken = SeedWallet::new(&[("MOBILE", "cust-000123")]);
    let refused = |result: Result<String, Refused>| result.unwrap_err().to_string();
    assert_eq!(refused(bench.twin.seed_wallet(&taken)), "an identity has that value");
    bench.twin.delete_wallet(&bench.anna).unwrap();
    assert_eq!(bench.welcome("aud-1").await.status, 404);
    assert_eq!(refused(bench.twin.seed_wallet(&taken)), "an identity has that value");
}

#[tokio::test]
async fn beyond_the_rate_nothing_is_granted() {
    for (rate_limit_status, retry_after, header) in
        [(429, RetryAfterHeader::Without, None), (503, RetryAfterHeader::With, Some("1"))]
    {
        let switches = Switches { rate_limit: Some(2), rate_limit_status, retry_after, ..Switches::default() };
        let bench = bench_with(switches);
        let statuses = [bench.welcome("1").await.status, bench.welcome("2").await.status];
        assert_eq!(statuses, [201, 201]);
        let answer = bench.welcome("3").await;
        assert_eq!(answer.status, rate_limit_status);
        assert_eq!(answer.headers.get("retry-after").map(|value| value.to_str().unwrap()), header);
        assert!(answer.headers.contains_key("x-ees-called-unique-id"));
        bench.wait(1);
        assert_eq!(bench.welcome("3").await.status, 201);
        assert_eq!(bench.twin.counters().rate_limited, 1);
    }
}

#[tokio::test]
async fn each_client_has_its_own_rate() {
    let bench = bench_with(Switches { rate_limit: Some(1), ..Switches::default() });
    bench.twin.set_client("other", "s3cret");
    assert_eq!(bench.welcome("1").await.status, 201);
    let body = trigger(ANNA, "2", "WELCOME-100").to_string();
    let mut other = bench.with_hash("POST", TRIGGER, &body, &hash(TRIGGER, &body, "s3cret"));
    other.headers_mut().insert("x-ees-auth-client-id", "other".parse().unwrap());
    assert_eq!(bench.send(other).await.status, 201);
}
