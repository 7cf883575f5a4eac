//! The binary under Lambda's Runtime API.

use muster::model::Message;
use muster_runtime::{Answer, invoke};
use serde_json::json;

#[tokio::test]
async fn a_message_that_cannot_be_read_comes_back_alone() {
    let gone = "gone".parse().unwrap();
    let of_nobody = Message::Signal { activation: gone, vendor_id: "1".to_owned() }.encode();
    let event = json!({"Records": [
        {"messageId": "unreadable", "body": "no JSON"},
        {"messageId": "of-nobody", "body": of_nobody},
    ]});
    let answers = invoke(env!("CARGO_BIN_EXE_muster-deliver"), vec![event]).await.unwrap();
    let failures = json!({"batchItemFailures": [{"itemIdentifier": "unreadable"}]});
    assert_eq!(answers, [Answer::Response(failures)]);
}
