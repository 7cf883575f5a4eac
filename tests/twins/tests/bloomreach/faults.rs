use muster_twins::bloomreach::{Fault, FaultKind, LateAnswer, NoAnswer, RouteKind, SeededFaults};
use serde_json::json;

use crate::support::{batch_of, bench, event, events, update};

#[tokio::test]
async fn plain_errors_apply_nothing() {
    for (kind, status) in [
        (FaultKind::Html500, 500),
        (FaultKind::Status(500), 500),
        (FaultKind::BadGateway, 502),
        (FaultKind::Unavailable, 503),
        (FaultKind::NonJson200, 200),
        (FaultKind::ErrorBody200, 200),
        (FaultKind::Unauthorized, 401),
        (FaultKind::Says(403, "No".to_owned()), 403),
        (FaultKind::Redirect(307), 307),
    ] {
        let bench = bench();
        assert_eq!(bench.struck(kind.clone(), &events(2)).await.status, status, "{kind:?}");
        assert!(bench.twin.events().is_empty() && bench.twin.people().is_empty(), "{kind:?}");
        assert_eq!(bench.twin.counters().faults, 1);
        bench.assert_expected();
    }
}

#[tokio::test]
async fn a_200_that_failed_has_no_results() {
    let bench = bench();
    let answer = bench.struck(FaultKind::ErrorBody200, &events(2)).await;
    assert_eq!(answer.json(), json!({ "success": false, "message": "Something went wrong" }));
    bench.twin.push_fault(Fault::once(FaultKind::ErrorBody200));
    let answer = bench.event(&event("anna", "seen")).await;
    assert_eq!(answer.json(), json!({ "success": false, "errors": ["Something went wrong"] }));
}

#[tokio::test]
async fn the_first_command_of_a_batch_is_refused_once() {
    let bench = bench();
    let answer = bench.struck(FaultKind::Refused("no".to_owned()), &events(3)).await;
    assert_eq!((answer.status, answer.successes()), (200, vec![false, true, true]));
    assert_eq!(answer.json()["results"][0]["errors"], json!(["no"]));
    let mut types = crate::support::types(&bench.twin.events());
    types.sort();
    assert_eq!(types, ["e01", "e02"]);
    bench.twin.push_fault(Fault::once(FaultKind::Refused("no".to_owned())));
    let answer = bench.event(&event("anna", "seen")).await;
    assert_eq!((answer.status, answer.json()), (400, json!({ "success": false, "errors": ["no"] })));
}

#[tokio::test]
async fn an_answer_is_lost_before_or_after_applying() {
    for (kind, lost, events_taken) in [
        (FaultKind::ResetBefore, NoAnswer::Reset, 0),
        (FaultKind::ResetAfter, NoAnswer::Reset, 2),
        (FaultKind::TimeoutBefore, NoAnswer::Timeout, 0),
        (FaultKind::TimeoutAfter, NoAnswer::Timeout, 2),
    ] {
        let bench = bench();
        assert_eq!(bench.struck(kind.clone(), &events(2)).await.lost, Some(lost), "{kind:?}");
        assert_eq!(bench.twin.events().len(), events_taken, "{kind:?}");
    }
}

#[tokio::test]
async fn what_is_late_is_answered_as_if_it_had_been_done() {
    let bench = bench();
    let mut nobody = event("anna", "seen");
    nobody["customer_ids"] = json!({ "registered": "" });
    let two = batch_of("c", [update("anna", json!({ "points": 1 })), nobody]);
    let answer = bench.struck(FaultKind::AppliedLate(LateAnswer::Taken), &two).await;
    assert_eq!((answer.status, answer.successes()), (200, vec![true, false]));
    assert_eq!((bench.twin.person("anna"), bench.twin.late()), (None, 1));
    // It was taken, so it is not refused any more.
    bench.twin.refuse("anna", "no");
    assert_eq!(bench.twin.apply_late(), 1);
    assert_eq!(bench.property("anna", "points"), Some(json!(1)));
}

#[tokio::test]
async fn a_fault_waits_for_its_route() {
    let bench = bench();
    bench.twin.push_fault(Fault::once(FaultKind::Gone).on_route(RouteKind::Batch));
    assert_eq!(bench.event(&event("anna", "seen")).await.status, 200);
    assert_eq!(bench.update(&update("anna", json!({ "a": 1 }))).await.status, 200);
    assert_eq!(bench.batch(&events(1)).await.status, 410);
    let counters = bench.twin.counters();
    for kind in [RouteKind::Batch, RouteKind::Customers, RouteKind::Events] {
        assert_eq!(counters.requests_by_route[kind.template()], 1);
    }
}

#[tokio::test]
async fn faults_come_by_chance_too() {
    let bench = bench();
    bench.twin.seed_faults(SeededFaults {
        faults_seed: 1,
        rates: vec![(FaultKind::Status(500), 1_000)],
        on: Default::default(),
    });
    assert_eq!(bench.batch(&events(1)).await.status, 500);
    bench.twin.clear_faults();
    assert_eq!(bench.batch(&events(1)).await.status, 200);
}
