//! The binary under Lambda's Runtime API.

use muster_runtime::{Answer, invoke};
use serde_json::json;

#[tokio::test]
async fn a_sweep_says_what_it_did_and_nonsense_fails() {
    let events = vec![json!({"task": "sweep"}), json!({"task": "dance"}), json!({"Records": []})];
    let answers = invoke(env!("CARGO_BIN_EXE_muster-backfill"), events).await.unwrap();
    let [sweep, nonsense, jobs] = answers.as_slice() else { panic!("{answers:?}") };
    let nothing =
        json!({"doubted": 0, "landed": 0, "erased": 0, "revived": 0, "looked_at": 0, "to_tell": 0, "timers": 0});
    assert_eq!(*sweep, Answer::Response(nothing));
    assert!(matches!(nonsense, Answer::Error(_)), "{nonsense:?}");
    assert_eq!(*jobs, Answer::Response(json!({"batchItemFailures": []})));
}
