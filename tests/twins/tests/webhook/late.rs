use muster_twins::webhook::{AudienceView, Fault, FaultKind, LateAnswer, NoAnswer, Ruling};
use serde_json::json;

use crate::support::{anna, bench, entered, people, with_results};

#[tokio::test]
async fn a_late_record_overwrites_a_newer_one() {
    let bench = bench();
    let inside = people(json!([anna("inside")]));
    bench.struck(FaultKind::AppliedLate(LateAnswer::Timeout), &inside).await;
    assert_eq!(bench.anna(), None);
    bench.tell(&people(json!([anna("left")]))).await;
    assert_eq!(bench.anna().unwrap().audiences["cats"], AudienceView::Left {});
    assert_eq!((bench.twin.late(), bench.twin.apply_late()), (1, 1));
    assert!(matches!(bench.anna().unwrap().audiences["cats"], AudienceView::Inside { .. }));
    assert_eq!((bench.twin.late(), bench.twin.apply_late()), (0, 0));
    bench.assert_expected();
}

#[tokio::test]
async fn late_ones_are_applied_oldest_first() {
    let bench = bench();
    for cats in ["inside", "left"] {
        bench.struck(FaultKind::AppliedLate(LateAnswer::Taken), &people(json!([anna(cats)]))).await;
    }
    assert_eq!(bench.twin.apply_late(), 2);
    assert_eq!(bench.anna().unwrap().audiences["cats"], AudienceView::Left {});
}

#[tokio::test]
async fn who_was_forgotten_comes_back_by_a_late_record() {
    let bench = bench();
    bench.struck(FaultKind::AppliedLate(LateAnswer::Reset), &people(json!([anna("inside")]))).await;
    bench.tell(&people(json!([{ "record": "a", "id": "anna@example.com", "state": "forgotten" }]))).await;
    bench.twin.apply_late();
    assert!(bench.anna().is_some());
}

#[tokio::test]
async fn what_is_late_is_answered_in_each_way() {
    let inside = people(json!([anna("inside")]));
    for (answer, status, lost) in [
        (LateAnswer::Taken, 200, None),
        (LateAnswer::Reset, 504, Some(NoAnswer::Reset)),
        (LateAnswer::Timeout, 504, Some(NoAnswer::Timeout)),
        (LateAnswer::Status(503), 503, None),
    ] {
        let bench = with_results();
        bench.twin.rule("anna@example.com", Ruling::Rejected("not looked at yet".to_owned()));
        let answered = bench.struck(FaultKind::AppliedLate(answer), &inside).await;
        assert_eq!((answered.status, answered.lost), (status, lost), "{answer:?}");
        if answer == LateAnswer::Taken {
            assert_eq!(answered.json(), json!({ "results": { "anna.0": { "status": "taken" } } }));
        }
    }
}

#[tokio::test]
async fn a_late_event_is_not_there_yet_when_it_is_asked_for() {
    let bench = bench();
    bench.twin.push_fault(Fault::once(FaultKind::AppliedLate(LateAnswer::Timeout)));
    bench.tell_as("evt_1", &entered()).await;
    assert_eq!(bench.ask("evt_1").await.status, 404);
    bench.tell_as("evt_1", &entered()).await;
    bench.twin.apply_late();
    assert_eq!(bench.ask("evt_1").await.status, 200);
    let events = bench.twin.events();
    assert_eq!((events[0].arrived, events[0].acted), (2, 1));
}
