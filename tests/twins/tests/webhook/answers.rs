use muster_twins::webhook::{Answers, Applied, ResultOrder, Ruling, Switches};
use serde_json::json;

use crate::support::{bench, bench_with, check, entered, two, with_results};

const ANNA: &str = "anna@example.com";

#[tokio::test]
async fn a_status_says_it_with_or_without_a_body() {
    for (answers, status, body) in [(Answers::Empty, 204, ""), (Answers::Text, 200, "Thank you")] {
        let bench = bench_with(Switches { answers, ..Switches::default() });
        let answer = bench.tell(&two()).await;
        assert_eq!((answer.status, answer.body.as_str()), (status, body));
    }
}

#[tokio::test]
async fn results_name_each_record() {
    let bench = with_results();
    let answer = bench.tell(&two()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.body, r#"{"results":{"anna.0":{"status":"taken"},"bea.0":{"status":"taken"}}}"#);
}

#[tokio::test]
async fn results_may_be_in_another_order() {
    let bench = with_results();
    bench.twin.with_switches(|switches| switches.order = ResultOrder::Reversed);
    let answer = bench.tell(&two()).await;
    assert_eq!(answer.body, r#"{"results":{"bea.0":{"status":"taken"},"anna.0":{"status":"taken"}}}"#);
}

#[tokio::test]
async fn only_records_have_results() {
    let bench = with_results();
    for message in [entered(), check()] {
        let answer = bench.tell(&message).await;
        assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    }
}

#[tokio::test]
async fn a_rejected_record_is_not_applied_and_the_others_are() {
    let bench = with_results();
    bench.twin.rule(ANNA, Ruling::Rejected(format!("no address: {ANNA}")));
    let results = bench.tell(&two()).await.json();
    let anna = json!({ "status": "rejected", "reason": "no address: anna@example.com" });
    assert_eq!(results, json!({ "results": { "anna.0": anna, "bea.0": { "status": "taken" } } }));
    assert_eq!(bench.twin.people().len(), 1);
    bench.twin.clear_rulings();
    bench.tell(&two()).await;
    assert_eq!(bench.twin.people().len(), 2);
    bench.assert_expected();
}

#[tokio::test]
async fn a_record_to_be_tried_again_may_have_been_applied() {
    for (applied, people) in [(Applied::No, 1), (Applied::Yes, 2)] {
        let bench = with_results();
        bench.twin.rule(ANNA, Ruling::Retry(applied));
        let results = bench.tell(&two()).await.json();
        assert_eq!(results["results"]["anna.0"], json!({ "status": "retry" }));
        assert_eq!(bench.twin.people().len(), people);
    }
}

#[tokio::test]
async fn a_record_left_out_may_have_been_applied() {
    for (applied, people) in [(Applied::No, 1), (Applied::Yes, 2)] {
        let bench = with_results();
        bench.twin.rule(ANNA, Ruling::LeftOut(applied));
        let results = bench.tell(&two()).await.json();
        assert_eq!(results, json!({ "results": { "bea.0": { "status": "taken" } } }));
        assert_eq!(bench.twin.people().len(), people);
    }
}

#[tokio::test]
async fn without_results_one_ruling_is_the_whole_requests() {
    let rulings = [
        (Ruling::Rejected("no".to_owned()), 422, 0),
        (Ruling::Retry(Applied::No), 503, 0),
        (Ruling::Retry(Applied::Yes), 503, 2),
        (Ruling::LeftOut(Applied::No), 204, 2),
    ];
    for (ruling, status, people) in rulings {
        let bench = bench();
        bench.twin.rule(ANNA, ruling.clone());
        assert_eq!(bench.tell(&two()).await.status, status, "{ruling:?}");
        assert_eq!(bench.twin.people().len(), people, "{ruling:?}");
    }
}
