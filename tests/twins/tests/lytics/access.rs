use jiff::SignedDuration;
use muster_twins::lytics::{Fault, FaultKind, RetryAfter, RouteKind, SeededFaults, StatusType};
use serde_json::json;

use crate::support::{answer, bench};

const LIST: &str = "/api/segment";

#[tokio::test]
async fn a_token_is_sent_raw_or_as_a_parameter() {
    let bench = bench().await;
    assert_eq!(bench.get(LIST).await.0, 200);
    for parameter in ["access_token", "key"] {
        let request = bench.unsigned("GET", &format!("{LIST}?{parameter}=API_TOKEN"));
        assert_eq!(answer(request).await.0, 200, "{parameter}");
    }
}

#[tokio::test]
async fn a_bearer_is_not_authorized() {
    let bench = bench().await;
    let refused = (401, json!({"data": null, "message": "Not authorized", "status": 401}));
    assert_eq!(answer(bench.unsigned("GET", LIST).bearer_auth("API_TOKEN")).await, refused);
    assert_eq!(answer(bench.unsigned("GET", LIST)).await, refused);
    let counters = bench.twin.counters();
    assert_eq!((counters.bearers, counters.unauthorized), (1, 2));
}

#[tokio::test]
async fn a_token_expires() {
    let bench = bench().await;
    let later = bench.twin.clock().now() + SignedDuration::from_hours(1);
    bench.twin.set_token("API_TOKEN", Some(later));
    assert_eq!(bench.get(LIST).await.0, 200);
    bench.wait(3_600);
    assert_eq!(bench.get(LIST).await.0, 401);
}

#[tokio::test]
async fn a_removed_token_is_not_authorized() {
    let bench = bench().await;
    bench.twin.remove_token("API_TOKEN");
    assert_eq!(bench.get(LIST).await.0, 401);
}

#[tokio::test]
async fn an_unknown_route_is_unexpected() {
    let bench = bench().await;
    let (status, body) = answer(bench.request("POST", "/v2/job").json(&json!({}))).await;
    assert_eq!((status, &body["status"]), (500, &json!(500)));
    assert_eq!(bench.twin.unexpected(), ["POST /v2/job"]);
}

#[tokio::test]
async fn an_unknown_parameter_is_unexpected() {
    let bench = bench().await;
    for path in
        [format!("{LIST}?page=2"), format!("{LIST}?table=user&table=user"), format!("{LIST}/dogs/scan?segments=")]
    {
        assert_eq!(bench.get(&path).await.0, 500, "{path}");
    }
    assert_eq!(bench.twin.counters().unexpected, 3);
}

#[tokio::test]
async fn status_is_a_number_and_a_string_in_turn() {
    let bench = bench().await;
    bench.twin.with_switches(|s| s.status_type = StatusType::Alternating);
    let first = bench.get(LIST).await.1;
    let second = bench.get(LIST).await.1;
    assert_eq!((&first["status"], &second["status"]), (&json!("200"), &json!(200)));
    bench.twin.with_switches(|s| s.status_type = StatusType::Text);
    assert_eq!(bench.get("/api/segment/nobody/size").await.1["status"], "404");
}

#[tokio::test]
async fn an_error_has_an_envelope_with_a_request_id() {
    let bench = bench().await;
    let (status, body) = bench.get("/api/segment/nobody/scan").await;
    assert_eq!(status, 404);
    assert_eq!(body, json!({"status": 404, "message": "segment not found", "request_id": "request-1"}));
}

#[tokio::test]
async fn requests_above_the_rate_get_429_without_a_word_on_when_to_come_back() {
    let bench = bench().await;
    bench.twin.with_switches(|s| s.rate_limit = Some(1));
    assert_eq!(bench.get(LIST).await.0, 200);
    let response = bench.request("GET", LIST).send().await.unwrap();
    assert_eq!(response.status(), 429);
    assert!(response.headers().get("retry-after").is_none());
    bench.wait(1);
    assert_eq!(bench.get(LIST).await.0, 200);
}

#[tokio::test]
async fn requests_beside_too_many_others_get_429() {
    let bench = bench().await;
    bench.twin.with_switches(|s| s.concurrency_limit = Some(1));
    bench.twin.push_fault(Fault::once(FaultKind::TimeoutBefore).on_route(RouteKind::Scan));
    let held = tokio::spawn(bench.request("GET", "/api/segment/dogs/scan").send());
    while bench.twin.counters().faults == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(bench.get(LIST).await.0, 429);
    held.abort();
}

#[tokio::test]
async fn faults_are_worded_as_the_vendor_does() {
    let bench = bench().await;
    for (kind, status, message) in [
        (FaultKind::Unauthorized, 401, "Not authorized"),
        (FaultKind::TooManyRequests(RetryAfter::Absent), 429, "Too Many Requests"),
        (FaultKind::Says(500, "index is busy".to_owned()), 500, "index is busy"),
    ] {
        bench.twin.push_fault(Fault::once(kind));
        let (answered, body) = bench.get(LIST).await;
        assert_eq!((answered, &body["message"]), (status, &json!(message)));
    }
}

#[tokio::test]
async fn each_route_has_a_rate_of_faults() {
    let bench = bench().await;
    let rate = |route: &str, per_mille: u32| -> SeededFaults {
        let seeded = json!({"faults_seed": 1, "rates": [["html500", per_mille]], "on": {"route": route}});
        serde_json::from_value(seeded).unwrap()
    };
    bench.twin.seed_faults_by_route(vec![rate("scan", 1_000), rate("segments", 0)]);
    assert_eq!(bench.get("/api/segment/dogs/scan").await.0, 500);
    assert_eq!(bench.get(LIST).await.0, 200);
}
