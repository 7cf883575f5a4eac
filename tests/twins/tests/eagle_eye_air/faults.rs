use muster_twins::eagle_eye_air::{Fault, FaultKind, LateAnswer, NoAnswer, RetryAfter, RouteKind};

use crate::support::{Answer, Bench, bench};

async fn struck(bench: &Bench, kind: FaultKind) -> Answer {
    bench.twin.push_fault(Fault::once(kind).on_route(RouteKind::Trigger));
    assert_eq!(bench.get("/wallet/1").await.status, 404);
    bench.welcome("aud-1").await
}

#[tokio::test]
async fn plain_errors_grant_nothing() {
    for (kind, status) in [
        (FaultKind::TooManyRequests(RetryAfter::Seconds(3)), 429),
        (FaultKind::Html500, 500),
        (FaultKind::Unavailable, 503),
        (FaultKind::Unauthorized, 401),
        (FaultKind::Status(423), 423),
        (FaultKind::Refused("no".to_owned()), 422),
    ] {
        let bench = bench();
        let answer = struck(&bench, kind.clone()).await;
        assert_eq!((answer.status, answer.headers.contains_key("x-ees-called-unique-id")), (status, true), "{kind:?}");
        assert!(bench.rewards().is_empty() && bench.twin.events().is_empty(), "{kind:?}");
    }
}

#[tokio::test]
async fn an_answer_is_lost_before_or_after_granting() {
    for (kind, lost, rewards) in [
        (FaultKind::ResetBefore, NoAnswer::Reset, 0),
        (FaultKind::ResetAfter, NoAnswer::Reset, 1),
        (FaultKind::TimeoutBefore, NoAnswer::Timeout, 0),
        (FaultKind::TimeoutAfter, NoAnswer::Timeout, 1),
    ] {
        let bench = bench();
        let answer = struck(&bench, kind.clone()).await;
        assert_eq!((answer.lost, bench.rewards().len()), (Some(lost), rewards), "{kind:?}");
        assert_eq!(bench.twin.events().len(), rewards, "{kind:?}");
    }
}

#[tokio::test]
async fn a_reward_may_come_late() {
    let bench = bench();
    let answer = struck(&bench, FaultKind::AppliedLate(LateAnswer::Status(504))).await;
    assert_eq!((answer.status, bench.rewards().len()), (504, 0));
    assert_eq!((bench.twin.apply_late(), bench.rewards().len()), (1, 1));
    assert_eq!(bench.twin.events().len(), 1);
}
