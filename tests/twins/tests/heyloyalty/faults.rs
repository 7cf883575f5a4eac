use muster_twins::heyloyalty::{
    Fault, FaultKind, FaultMatch, LateAnswer, RetryAfter, RouteKind, SeedMember, SeededFaults,
};
use reqwest::Response;
use serde_json::{Value, json};

use crate::support::{Bench, bench};

/// PATCHes the member after `kind` was scripted for that.
async fn struck(bench: &Bench, id: &str, kind: FaultKind) -> reqwest::Result<Response> {
    let fault = Fault::once(kind).on_method("PATCH").on_route(RouteKind::MemberPatch);
    bench.twin.push_fault(fault);
    assert_eq!(bench.call("GET", "/v1/lists").await.0, 200);
    let request = bench.request("PATCH", &bench.member_path(id));
    request.json(&json!({"cdp_a_cats": 1})).send().await
}

async fn one() -> (Bench, String) {
    let bench = bench().await;
    let id = bench.seed(SeedMember::active("anna@example.com"));
    (bench, id)
}

#[tokio::test]
async fn plain_errors_apply_nothing() {
    let (bench, id) = one().await;
    for (kind, status, is_json) in [
        (FaultKind::Html500, 500, false),
        (FaultKind::BadGateway, 502, false),
        (FaultKind::Unavailable, 503, false),
        (FaultKind::NonJson200, 200, false),
        (FaultKind::ErrorBody200, 200, true),
        (FaultKind::Unauthorized, 401, true),
        (FaultKind::Status(405), 405, true),
    ] {
        let response = struck(&bench, &id, kind.clone()).await.unwrap();
        assert_eq!(response.status(), status, "{kind:?}");
        assert_eq!(response.json::<Value>().await.is_ok(), is_json, "{kind:?}");
        assert_eq!(bench.value(&id, "cdp_a_cats"), "", "{kind:?}");
    }
}

#[tokio::test]
async fn a_429_with_each_retry_after() {
    let (bench, id) = one().await;
    for (retry_after, expected) in [
        (RetryAfter::Absent, None),
        (RetryAfter::Seconds(3), Some("3")),
        (RetryAfter::HttpDateIn(51), Some("Mon, 05 Jan 2026 07:09:00 GMT")),
    ] {
        let kind = FaultKind::TooManyRequests(retry_after);
        let response = struck(&bench, &id, kind).await.unwrap();
        assert_eq!(response.status(), 429);
        let header = response.headers().get("retry-after");
        assert_eq!(header.map(|value| value.to_str().unwrap()), expected);
    }
    assert_eq!(bench.value(&id, "cdp_a_cats"), "");
}

#[tokio::test]
async fn a_reset_is_a_connection_error_before_or_after_applying() {
    let (bench, id) = one().await;
    let error = struck(&bench, &id, FaultKind::ResetBefore).await.unwrap_err();
    assert!(error.is_request() && !error.is_timeout(), "{error:?}");
    assert_eq!(bench.value(&id, "cdp_a_cats"), "");
    struck(&bench, &id, FaultKind::ResetAfter).await.unwrap_err();
    assert_eq!(bench.value(&id, "cdp_a_cats"), "1");
}

#[tokio::test]
async fn a_timeout_holds_the_answer_before_or_after_applying() {
    let (bench, id) = one().await;
    bench.twin.with_switches(|s| s.hold_ms = 1);
    let response = struck(&bench, &id, FaultKind::TimeoutBefore).await.unwrap();
    assert_eq!(response.status(), 504);
    assert_eq!(bench.value(&id, "cdp_a_cats"), "");
    bench.twin.with_switches(|s| s.hold_ms = 60_000);
    bench.twin.push_fault(Fault::once(FaultKind::TimeoutAfter));
    let request = bench.request("PATCH", &bench.member_path(&id));
    let applied = async {
        while bench.value(&id, "cdp_a_cats").is_empty() {
            bench.door("GET", "/clock", None).await;
        }
    };
    tokio::select! {
        answer = request.json(&json!({"cdp_a_cats": 1})).send() => panic!("{answer:?}"),
        () = applied => {}
    }
}

#[tokio::test]
async fn lost_bodies_come_after_applying() {
    let (bench, id) = one().await;
    for kind in [FaultKind::TruncatedJson, FaultKind::EmptyBody(200), FaultKind::EmptyBody(204)] {
        bench.send("PATCH", &bench.member_path(&id), json!({"cdp_a_cats": 0})).await;
        let response = struck(&bench, &id, kind.clone()).await.unwrap();
        assert!(response.status().is_success());
        assert!(response.json::<Value>().await.is_err(), "{kind:?}");
        assert_eq!(bench.value(&id, "cdp_a_cats"), "1", "{kind:?}");
    }
}

#[tokio::test]
async fn seeded_faults_strike_the_same_requests_again() {
    let (bench, _) = one().await;
    let mut runs = Vec::new();
    for _ in 0..2 {
        bench.twin.seed_faults(SeededFaults {
            faults_seed: 42,
            rates: vec![(FaultKind::Html500, 500)],
            on: FaultMatch::default(),
        });
        let mut statuses = Vec::new();
        for _ in 0..20 {
            statuses.push(bench.call("GET", "/v1/lists").await.0);
        }
        runs.push(statuses);
    }
    assert_eq!(runs[0], runs[1]);
    assert!(runs[0].contains(&200) && runs[0].contains(&500));
    bench.twin.clear_faults();
    assert_eq!(bench.call("GET", "/v1/lists").await.0, 200);
}

#[tokio::test]
async fn a_faults_json_is_short() {
    let fault: Fault = serde_json::from_value(json!({
        "kind": {"too_many_requests": {"seconds": 3}}, "on": {"route": "member_patch"},
    }))
    .unwrap();
    let kind = FaultKind::TooManyRequests(RetryAfter::Seconds(3));
    assert_eq!(fault, Fault::once(kind).on_route(RouteKind::MemberPatch));
}

#[tokio::test]
async fn a_late_write_overwrites_a_newer_one() {
    let (bench, id) = one().await;
    let response = struck(&bench, &id, FaultKind::AppliedLate(LateAnswer::Status(504))).await.unwrap();
    assert_eq!((response.status().as_u16(), bench.value(&id, "cdp_a_cats")), (504, String::new()));
    bench.send("PATCH", &bench.member_path(&id), json!({"cdp_a_cats": 2})).await;
    assert_eq!(bench.door("GET", "/late", None).await, (200, json!(1)));
    assert_eq!(bench.door("POST", "/late", None).await, (200, json!(1)));
    assert_eq!(bench.value(&id, "cdp_a_cats"), "1");
    assert_eq!(bench.twin.late(), 0);
}

#[tokio::test]
async fn what_is_refused_gone_or_moved_is_not_applied() {
    let (bench, id) = one().await;
    for (kind, status) in [
        (FaultKind::Refused("no such member".to_owned()), 422),
        (FaultKind::Gone, 410),
        (FaultKind::Redirect(300), 300),
    ] {
        assert_eq!(struck(&bench, &id, kind.clone()).await.unwrap().status(), status, "{kind:?}");
        assert_eq!(bench.value(&id, "cdp_a_cats"), "", "{kind:?}");
    }
}
