use muster_twins::webhook::{Answers, Fault, FaultKind, NoAnswer, RouteKind, Switches};
use serde_json::{Value, json};

use crate::support::{anna, bench, bench_with, check, entered, people, two, with_results};

#[tokio::test]
async fn plain_errors_apply_nothing() {
    for (kind, status) in [
        (FaultKind::Html500, 500),
        (FaultKind::BadGateway, 502),
        (FaultKind::Unavailable, 503),
        (FaultKind::NonJson200, 200),
        (FaultKind::ErrorBody200, 200),
        (FaultKind::Unauthorized, 401),
        (FaultKind::Gone, 410),
        (FaultKind::Redirect(301), 301),
        (FaultKind::Redirect(307), 307),
        (FaultKind::Status(451), 451),
    ] {
        let bench = with_results();
        assert_eq!(bench.struck(kind.clone(), &two()).await.status, status, "{kind:?}");
        assert!(bench.twin.people().is_empty(), "{kind:?}");
        assert_eq!(bench.twin.counters().faults, 1);
        bench.assert_expected();
    }
}

#[tokio::test]
async fn an_error_in_a_200_has_no_results() {
    let answer = with_results().struck(FaultKind::ErrorBody200, &two()).await;
    assert_eq!(answer.json(), json!({ "error": "Something went wrong" }));
}

#[tokio::test]
async fn a_sentence_is_quoted() {
    let answer = bench().struck(FaultKind::Says(400, "anna@example.com is bad".to_owned()), &two()).await;
    assert_eq!((answer.status, answer.json()), (400, json!({ "error": "anna@example.com is bad" })));
}

#[tokio::test]
async fn whoever_follows_a_redirect_is_seen() {
    let bench = bench();
    let answer = bench.struck(FaultKind::Redirect(307), &two()).await;
    let location = answer.header("location").unwrap();
    let followed = bench.signed("POST", location, &bench.next_id(), &two().to_string());
    assert_eq!(bench.send(followed).await.status, 500);
    assert_eq!(bench.twin.unexpected(), ["POST /moved"]);
}

#[tokio::test]
async fn an_answer_is_lost_before_or_after_applying() {
    for (kind, lost, people) in [
        (FaultKind::ResetBefore, NoAnswer::Reset, 0),
        (FaultKind::ResetAfter, NoAnswer::Reset, 2),
        (FaultKind::TimeoutBefore, NoAnswer::Timeout, 0),
        (FaultKind::TimeoutAfter, NoAnswer::Timeout, 2),
    ] {
        let bench = bench();
        assert_eq!(bench.struck(kind.clone(), &two()).await.lost, Some(lost), "{kind:?}");
        assert_eq!(bench.twin.people().len(), people, "{kind:?}");
    }
}

#[tokio::test]
async fn a_broken_answer_comes_after_applying() {
    for answers in [Answers::Empty, Answers::Text, Answers::Results] {
        for kind in [FaultKind::TruncatedJson, FaultKind::EmptyBody(200)] {
            let bench = bench_with(Switches { answers, ..Switches::default() });
            let answer = bench.struck(kind.clone(), &two()).await;
            assert_eq!((answer.status, answer.lost), (200, None), "{answers:?} {kind:?}");
            assert!(serde_json::from_str::<Value>(&answer.body).is_err(), "{answers:?} {kind:?}");
            assert_eq!(bench.twin.people().len(), 2, "{answers:?} {kind:?}");
        }
    }
}

#[tokio::test]
async fn with_results_the_first_record_is_refused_once() {
    let bench = with_results();
    let answer = bench.struck(FaultKind::Refused("no".to_owned()), &two()).await.json();
    assert_eq!(answer["results"]["anna.0"], json!({ "status": "rejected", "reason": "no" }));
    assert_eq!(answer["results"]["bea.0"], json!({ "status": "taken" }));
    assert_eq!(bench.anna(), None);
    bench.tell(&two()).await;
    assert!(bench.anna().is_some());
}

#[tokio::test]
async fn without_results_the_first_record_is_refused_until_it_is_alone() {
    let bench = bench();
    let alone = people(json!([anna("inside")]));
    let refused = bench.struck(FaultKind::Refused("no".to_owned()), &two()).await;
    assert_eq!((refused.status, refused.json()), (422, json!({ "error": "no" })));
    assert_eq!(bench.tell(&two()).await.status, 422);
    let bea = people(json!([two()["data"]["records"][1]]));
    assert_eq!(bench.tell(&bea).await.status, 204);
    assert_eq!(bench.tell(&alone).await.status, 422);
    assert_eq!(bench.anna(), None);
    assert_eq!(bench.tell(&alone).await.status, 204);
}

#[tokio::test]
async fn a_refusal_that_was_cleared_is_forgotten() {
    let bench = bench();
    bench.struck(FaultKind::Refused("no".to_owned()), &two()).await;
    bench.twin.push_fault(Fault::once(FaultKind::Gone));
    bench.twin.clear_faults();
    assert_eq!(bench.tell(&two()).await.status, 204);
}

#[tokio::test]
async fn what_has_no_records_is_refused_whole() {
    let bench = with_results();
    bench.twin.push_fault(Fault::once(FaultKind::Refused("no".to_owned())).times(2));
    for message in [entered(), check()] {
        assert_eq!(bench.tell(&message).await.status, 422);
    }
    assert!(bench.twin.events().is_empty());
}

#[tokio::test]
async fn a_fault_waits_for_its_route() {
    let bench = bench();
    bench.twin.push_fault(Fault::once(FaultKind::Gone).on_route(RouteKind::Ask));
    assert_eq!(bench.tell(&two()).await.status, 204);
    assert_eq!(bench.tell(&entered()).await.status, 204);
    assert_eq!(bench.tell(&check()).await.status, 204);
    assert_eq!(bench.twin.scripted_faults().len(), 1);
    assert_eq!(bench.ask("evt_1").await.status, 410);
    assert!(bench.twin.scripted_faults().is_empty());
}
