use muster_twins::braze::{Fault, FaultKind, LateAnswer, NoAnswer, RouteKind};
use serde_json::{Value, json};

use crate::support::{bench, event};

fn two() -> Value {
    json!({ "events": [event("a", 0), event("b", 0)] })
}

#[tokio::test]
async fn plain_errors_apply_nothing() {
    for (kind, status) in [
        (FaultKind::Html500, 500),
        (FaultKind::BadGateway, 502),
        (FaultKind::Unavailable, 503),
        (FaultKind::NonJson200, 200),
        (FaultKind::ErrorBody200, 200),
        (FaultKind::Unauthorized, 401),
        (FaultKind::Redirect(307), 307),
        (FaultKind::Status(404), 404),
    ] {
        let bench = bench();
        assert_eq!(bench.struck(kind.clone(), two()).await.status, status, "{kind:?}");
        assert_eq!(bench.twin.queued(), 0, "{kind:?}");
        assert_eq!(bench.twin.counters().faults, 1);
        bench.assert_expected();
    }
}

#[tokio::test]
async fn an_error_has_a_message() {
    let answer = bench().struck(FaultKind::Says(400, "Bad Request".to_owned()), two()).await;
    assert_eq!((answer.status, answer.json()), (400, json!({ "message": "Bad Request", "errors": [] })));
}

#[tokio::test]
async fn an_answer_is_lost_before_or_after_applying() {
    for (kind, lost, queued) in [
        (FaultKind::ResetBefore, NoAnswer::Reset, 0),
        (FaultKind::ResetAfter, NoAnswer::Reset, 1),
        (FaultKind::TimeoutBefore, NoAnswer::Timeout, 0),
        (FaultKind::TimeoutAfter, NoAnswer::Timeout, 1),
    ] {
        let bench = bench();
        assert_eq!(bench.struck(kind.clone(), two()).await.lost, Some(lost), "{kind:?}");
        assert_eq!(bench.twin.queued(), queued, "{kind:?}");
    }
}

#[tokio::test]
async fn a_broken_answer_comes_after_applying() {
    for kind in [FaultKind::TruncatedJson, FaultKind::EmptyBody(200)] {
        let bench = bench();
        let answer = bench.struck(kind.clone(), two()).await;
        assert!(serde_json::from_str::<Value>(&answer.body).is_err(), "{kind:?}");
        assert_eq!(bench.twin.queued(), 1, "{kind:?}");
    }
}

#[tokio::test]
async fn during_maintenance_requests_are_queued() {
    let bench = bench();
    let answer = bench.struck(FaultKind::AppliedLate(LateAnswer::Taken), two()).await;
    assert_eq!((answer.status, answer.json()), (202, json!({ "message": "queued" })));
    bench.apply(json!({ "events": [event("c", 1)] })).await;
    assert_eq!((bench.event_names(), bench.twin.late()), (vec!["c".to_owned()], 1));
    bench.twin.apply_late();
    assert_eq!(bench.event_names(), ["c", "a", "b"]);
    assert_eq!(bench.twin.counters().out_of_order, 2);
}

#[tokio::test]
async fn the_first_object_is_refused() {
    let bench = bench();
    let answer = bench.struck(FaultKind::Refused("no".to_owned()), two()).await;
    let errors = json!([{ "type": "no", "input_array": "events", "index": 0 }]);
    assert_eq!((answer.status, &answer.json()["errors"]), (201, &errors));
    bench.twin.apply_queued();
    assert_eq!(bench.event_names(), ["b"]);
}

#[tokio::test]
async fn a_body_that_is_refused_anyway_stays_so() {
    let bench = bench();
    for kind in [FaultKind::Refused("no".to_owned()), FaultKind::AppliedLate(LateAnswer::Taken)] {
        assert_eq!(bench.struck(kind, json!({})).await.status, 400);
    }
    bench.twin.apply_late();
    assert!(bench.twin.events().is_empty());
}

#[tokio::test]
async fn a_fault_waits_for_its_route() {
    let bench = bench();
    bench.twin.push_fault(Fault::once(FaultKind::Gone).on_route(RouteKind::Track).after(1));
    assert_eq!([bench.track(two()).await.status, bench.track(two()).await.status], [201, 410]);
    assert_eq!(bench.twin.counters().requests_by_route["POST /users/track"], 2);
}
