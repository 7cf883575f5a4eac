use muster_twins::cheetah_digital::{Fault, FaultKind, RetryAfter, RetryAfterHeader, RouteKind};
use serde_json::json;

use crate::support::{ADA, Bench, DATA, bench, member};

const TABLE: &str = "/services2/api/Table";

/// Loads a member after `kind` was scripted for that.
async fn struck(bench: &Bench, kind: FaultKind) -> reqwest::Result<reqwest::Response> {
    bench.twin.push_fault(Fault::once(kind).on_route(RouteKind::Data));
    let body = json!({"_data": {"lytics_audience": [member(ADA, "a", "true")]}});
    bench.request("POST", DATA).json(&body).send().await
}

#[tokio::test]
async fn requests_above_the_rate_get_429_until_the_second_is_over() {
    let bench = bench().await;
    bench.twin.with_switches(|s| s.rate_limit = Some(2));
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(bench.get(TABLE).await.0);
    }
    assert_eq!(statuses, [200, 200, 429]);
    bench.wait(1);
    assert_eq!(bench.get(TABLE).await.0, 200);
    assert_eq!(bench.twin.counters().rate_limited, 1);
}

#[tokio::test]
async fn a_429_says_when_to_come_back_unless_switched() {
    let bench = bench().await;
    bench.twin.with_switches(|s| s.rate_limit = Some(0));
    let response = bench.request("GET", TABLE).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["retry-after"].to_str().unwrap()), (429, "1"));
    bench.twin.with_switches(|s| s.retry_after = RetryAfterHeader::Without);
    let response = bench.request("GET", TABLE).send().await.unwrap();
    assert!(response.headers().get("retry-after").is_none());
}

#[tokio::test]
async fn tokens_have_a_limit_of_their_own() {
    let bench = bench().await;
    bench.twin.with_switches(|s| s.token_rate_limit = Some(0));
    assert_eq!(bench.form("").send().await.unwrap().status(), 429);
    assert_eq!(bench.get(TABLE).await.0, 200);
}

#[tokio::test]
async fn requests_beside_too_many_others_get_429() {
    let bench = bench().await;
    bench.twin.with_switches(|s| s.concurrency_limit = Some(1));
    bench.twin.push_fault(Fault::once(FaultKind::TimeoutBefore).on_route(RouteKind::Data));
    let held = tokio::spawn(bench.request("POST", DATA).send());
    while bench.twin.counters().faults == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(bench.get(TABLE).await.0, 429);
    assert_eq!(bench.twin.counters().max_requests_at_once, 2);
    held.abort();
}

#[tokio::test]
async fn a_reset_after_storing_leaves_the_row() {
    let bench = bench().await;
    struck(&bench, FaultKind::ResetAfter).await.unwrap_err();
    struck(&bench, FaultKind::EmptyBody(200)).await.unwrap();
    bench.settle();
    assert_eq!(bench.twin.rows("lytics_audience").len(), 1);
    assert_eq!(bench.twin.counters().loads, 2);
}

#[tokio::test]
async fn errors_by_script_store_nothing() {
    let bench = bench().await;
    for (kind, status) in [
        (FaultKind::Html500, 500),
        (FaultKind::Unavailable, 503),
        (FaultKind::Status(500), 500),
        (FaultKind::TooManyRequests(RetryAfter::Absent), 429),
        (FaultKind::Unauthorized, 401),
        (FaultKind::Says(400, "Unknown table x.".to_owned()), 400),
    ] {
        let response = struck(&bench, kind.clone()).await.unwrap();
        assert_eq!(response.status(), status, "{kind:?}");
    }
    assert_eq!(bench.twin.counters().loads, 0);
}

#[tokio::test]
async fn a_request_that_timed_out_may_be_applied_later_over_a_newer_one() {
    let bench = bench().await;
    bench.twin.with_switches(|s| {
        s.hold_ms = 1;
        s.load_delay_ms = 120_000;
    });
    assert_eq!(struck(&bench, FaultKind::TimeoutAfter).await.unwrap().status(), 504);
    bench.twin.with_switches(|s| s.load_delay_ms = 0);
    bench.load("lytics_audience", member(ADA, "a", "false")).await;
    bench.wait(120);
    assert_eq!(bench.twin.rows("lytics_audience")[0].text("subscribed"), "true");
}

#[tokio::test]
async fn a_fault_may_strike_the_token() {
    let bench = bench().await;
    bench.twin.push_fault(Fault::once(FaultKind::Unavailable).on_route(RouteKind::Token));
    assert_eq!(bench.get(TABLE).await.0, 200);
    assert_eq!(bench.form("").send().await.unwrap().status(), 503);
}
