//! The binary under Lambda's Runtime API.

use muster_runtime::{http_answer, http_event, invoke};

#[tokio::test]
async fn it_is_healthy_and_tells_strangers_nothing() {
    let events = vec![http_event("GET", "/healthz", None), http_event("GET", "/v1/openapi.json", None)];
    let answers = invoke(env!("CARGO_BIN_EXE_muster-api"), events).await.unwrap();
    assert_eq!(http_answer(&answers[0]).0, Some(204));
    let (status, problem) = http_answer(&answers[1]);
    assert_eq!((status, problem["title"].as_str()), (Some(401), Some("Unauthorized")));
}
