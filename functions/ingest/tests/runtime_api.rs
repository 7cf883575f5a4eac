//! The binary under Lambda's Runtime API.

use muster_runtime::{http_answer, http_event, invoke};
use serde_json::{Value, json};

#[tokio::test]
async fn a_request_from_nobody_is_answered_with_a_problem() {
    let body = json!({"type": "audience.entered", "audience": "buyers"});
    let event = http_event("POST", "/v1/ingest/unknown", Some(&body));
    let answers = invoke(env!("CARGO_BIN_EXE_muster-ingest"), vec![event]).await.unwrap();
    let (status, problem) = http_answer(&answers[0]);
    assert_eq!((status, &problem["type"]), (Some(404), &Value::from("urn:muster:problem:not-found")));
}
