//! The binary under Lambda's Runtime API.

use muster_runtime::{Answer, invoke};
use serde_json::json;

#[tokio::test]
async fn a_message_that_cannot_be_read_comes_back_alone() {
    let event = json!({"Records": [
        {"messageId": "unreadable", "body": "no JSON"},
        {"messageId": "of-nobody", "body": message_of_nobody()},
    ]});
    let answers = invoke(env!("CARGO_BIN_EXE_muster-deliver"), vec![event]).await.unwrap();
    let failures = json!({"batchItemFailures": [{"itemIdentifier": "unreadable"}]});
    assert_eq!(answers, [Answer::Response(failures)]);
}

/// For an activation that is not there any more.
fn message_of_nobody() -> String {
    let activation = "gone".parse().unwrap();
    muster::model::Message::Signal { activation, vendor_id: "1".to_owned() }.encode()
}
