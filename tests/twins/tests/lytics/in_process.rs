#![expect(clippy::unwrap_used, reason = "in a test that is how to fail")]

use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use jiff::SignedDuration;
use muster_twins::NoAnswer;
use muster_twins::clock::TwinClock;
use muster_twins::lytics::{Fault, FaultKind, LateAnswer, LyticsTwin, Options, RouteKind, SeedSegment};
use tower::ServiceExt;

use crate::support::{ID, NOW};

fn twin() -> LyticsTwin {
    let twin = LyticsTwin::new(Options { clock: TwinClock::hand(NOW.parse().unwrap()), ..Options::default() });
    let segment = SeedSegment { id: Some(ID.to_owned()), ..SeedSegment::new("high_value", "High value") };
    twin.seed_segment(&segment).unwrap();
    twin
}

async fn get(twin: &LyticsTwin, path: &str) -> Response<Body> {
    let request = Request::get(path).header("Authorization", "API_TOKEN").body(Body::empty()).unwrap();
    twin.router().oneshot(request).await.unwrap()
}

#[tokio::test]
async fn the_api_is_a_service() {
    let twin = twin();
    let response = get(&twin, "/v2/segment").await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["date"], "Sun, 01 Mar 2026 20:27:33 GMT");
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    assert!(String::from_utf8(body.to_vec()).unwrap().contains(ID));
    assert_eq!(twin.counters().requests_by_route["GET /v2/segment"], 1);
}

#[tokio::test]
async fn a_lost_answer_is_an_extension() {
    let twin = twin();
    for (kind, lost) in [
        (FaultKind::ResetBefore, Some(NoAnswer::Reset)),
        (FaultKind::ResetAfter, Some(NoAnswer::Reset)),
        (FaultKind::TimeoutBefore, Some(NoAnswer::Timeout)),
        (FaultKind::AppliedLate(LateAnswer::Timeout), Some(NoAnswer::Timeout)),
        (FaultKind::Html500, None),
    ] {
        twin.push_fault(Fault::once(kind.clone()));
        let response = get(&twin, "/v2/segment").await;
        assert_eq!(response.extensions().get().copied(), lost, "{kind:?}");
    }
}

#[tokio::test]
async fn without_ports_there_is_no_url() {
    let twin = twin();
    assert_eq!((twin.api_url(), twin.door_url(), twin.origins().count()), (String::new(), String::new(), 0));
    assert_eq!(twin.routers().map(|(origin, _)| origin).collect::<Vec<_>>(), ["https://api.lytics.io"]);
}

#[tokio::test]
async fn what_is_late_waits_to_be_applied() {
    let twin = twin();
    let late = FaultKind::AppliedLate(LateAnswer::Taken);
    twin.push_fault(Fault::once(late).on_route(RouteKind::Scan));
    assert_eq!(get(&twin, "/api/segment/high_value/scan").await.status(), 202);
    assert_eq!((twin.late(), twin.counters().scans), (1, 0));
    assert_eq!((twin.apply_late(), twin.counters().scans), (1, 1));
    assert_eq!((twin.late(), twin.apply_late()), (0, 0));
}

#[tokio::test]
async fn whoever_comes_before_the_time_of_a_429_is_counted() {
    let twin = twin();
    twin.push_fault(Fault::once(FaultKind::TooManyRequests(muster_twins::lytics::RetryAfter::Seconds(17))));
    for (wait, before) in [(0, 0), (16, 1), (1, 1)] {
        twin.clock().advance(SignedDuration::from_secs(wait));
        get(&twin, "/v2/segment").await;
        assert_eq!(twin.counters().before_retry_after, before, "after {wait} s more");
    }
}
