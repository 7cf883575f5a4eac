use muster_twins::eagle_eye_air::{DuplicateReference, SeedCampaign, Switches};
use serde_json::json;

use crate::support::{ANNA, Bench, bench, bench_with, trigger};

fn under(duplicate_reference: DuplicateReference) -> Bench {
    bench_with(Switches { duplicate_reference, ..Switches::default() })
}

#[tokio::test]
async fn the_same_request_twice_is_two_rewards() {
    let bench = bench();
    assert_eq!([bench.welcome("aud-1").await.status, bench.welcome("aud-1").await.status], [201, 201]);
    assert_eq!(bench.points(), Some(200));
    let counters = bench.twin.counters();
    assert_eq!((counters.rewards, counters.points_given), (2, 200));
    assert_eq!((counters.doubled_references, counters.doubled_rewards), (1, 1));
}

#[tokio::test]
async fn one_reference_for_two_people_doubles_no_reward() {
    let bench = bench();
    bench.welcome("aud-1").await;
    bench.post(&trigger("9000123", "aud-1", "WELCOME-100")).await;
    let counters = bench.twin.counters();
    assert_eq!((counters.doubled_references, counters.doubled_rewards), (1, 0));
}

#[tokio::test]
async fn a_used_reference_is_refused_in_the_unit_or_in_the_wallet() {
    for (switch, other_wallet) in [(DuplicateReference::RefuseInUnit, 409), (DuplicateReference::RefuseInWallet, 201)] {
        let bench = under(switch);
        assert_eq!(bench.welcome("aud-1").await.status, 201);
        assert_eq!(bench.welcome("aud-1").await.status, 409);
        let bea = bench.post(&trigger("9000123", "aud-1", "WELCOME-100")).await.status;
        assert_eq!(bea, other_wallet, "{switch:?}");
        assert_eq!(bench.welcome("aud-2").await.status, 201);
        assert_eq!(bench.twin.counters().doubled_rewards, 0);
    }
}

#[tokio::test]
async fn the_status_of_that_is_a_switch() {
    let bench = under(DuplicateReference::RefuseInUnit);
    bench.twin.with_switches(|s| s.duplicate_reference_status = 400);
    bench.welcome("aud-1").await;
    assert_eq!(bench.welcome("aud-1").await.status, 400);
}

#[tokio::test]
async fn a_used_reference_may_be_answered_again() {
    let bench = under(DuplicateReference::AnswerAgain);
    let [first, again] = [bench.welcome("aud-1").await, bench.welcome("aud-1").await];
    assert_eq!((again.status, again.json()), (201, first.json()));
    assert_eq!((bench.rewards().len(), bench.twin.counters().repeated_references), (1, 1));
}

#[tokio::test]
async fn a_reference_has_a_length() {
    let bench = bench();
    assert_eq!(bench.welcome(&"a".repeat(49)).await.status, 201);
    assert_eq!(bench.welcome(&"a".repeat(50)).await.status, 400);
    bench.twin.with_switches(|s| s.longest_reference = None);
    assert_eq!(bench.welcome(&"a".repeat(500)).await.status, 201);
}

#[tokio::test]
async fn a_reference_may_be_left_out_where_that_is_allowed() {
    let bench = bench();
    let body = json!({"identityValue": ANNA, "triggers": [{"reference": "WELCOME-100"}]});
    assert_eq!(bench.post(&body).await.status, 400);
    bench.twin.with_switches(|s| s.reference_required = false);
    assert_eq!([bench.post(&body).await.status, bench.post(&body).await.status], [201, 201]);
    assert_eq!(bench.twin.counters().doubled_references, 0);
}

#[tokio::test]
async fn a_campaign_gives_so_much_to_each_wallet() {
    let bench = bench();
    bench.twin.seed_campaign(SeedCampaign::points("WELCOME-100", 100).limit(1));
    assert_eq!([bench.welcome("aud-1").await.status, bench.welcome("aud-2").await.status], [201, 400]);
    assert_eq!(bench.post(&trigger("9000123", "aud-3", "WELCOME-100")).await.status, 201);
    bench.twin.with_switches(|s| s.over_limit_status = 409);
    assert_eq!(bench.welcome("aud-4").await.status, 409);
    assert_eq!((bench.points(), bench.twin.counters().over_limit), (Some(100), 2));
}
