use muster_twins::bloomreach::{Doubles, FaultKind, NoAnswer, Switches};
use serde_json::json;

use crate::support::{AT, Bench, batch_of, bench, bench_with, event, update};

fn deduplicating() -> Bench {
    bench_with(Switches { doubles: Doubles::Dropped, ..Switches::default() })
}

#[tokio::test]
async fn the_same_event_twice_is_two() {
    let bench = bench();
    for _ in 0..2 {
        bench.event(&event("anna", "seen")).await;
    }
    assert_eq!(bench.twin.events().len(), 2);
    let counters = bench.twin.counters();
    assert_eq!((counters.events, counters.doubled_events, counters.repeated_commands), (2, 1, 0));
    bench.assert_expected();
}

#[tokio::test]
async fn a_repeated_command_id_is_executed_again() {
    let bench = bench();
    let one = batch_of("e-1", [event("anna", "seen")]);
    for _ in 0..2 {
        assert_eq!(bench.batch(&one).await.successes(), [true]);
    }
    assert_eq!(bench.twin.events().len(), 2);
    let counters = bench.twin.counters();
    assert_eq!((counters.doubled_events, counters.repeated_commands), (1, 1));
    bench.assert_expected();
}

#[tokio::test]
async fn or_it_is_dropped_and_called_a_success() {
    let bench = deduplicating();
    let one = batch_of("e-1", [event("anna", "seen")]);
    for _ in 0..3 {
        assert_eq!(bench.batch(&one).await.successes(), [true]);
    }
    assert_eq!(bench.twin.events().len(), 1);
    let counters = bench.twin.counters();
    assert_eq!((counters.doubled_events, counters.repeated_commands, counters.commands), (0, 2, 1));
}

#[tokio::test]
async fn whatever_has_no_command_id_is_never_dropped() {
    let bench = deduplicating();
    for _ in 0..2 {
        bench.event(&event("anna", "seen")).await;
    }
    assert_eq!(bench.twin.events().len(), 2);
}

#[tokio::test]
async fn an_answer_that_is_lost_after_applying_makes_a_double() {
    for (bench, events) in [(bench(), 2), (deduplicating(), 1)] {
        let one = batch_of("e-1", [event("anna", "seen")]);
        assert_eq!(bench.struck(FaultKind::TimeoutAfter, &one).await.lost, Some(NoAnswer::Timeout));
        bench.batch(&one).await;
        assert_eq!(bench.twin.events().len(), events);
        bench.assert_expected();
    }
}

#[tokio::test]
async fn what_was_lost_before_applying_is_no_double() {
    let bench = deduplicating();
    let one = batch_of("e-1", [event("anna", "seen")]);
    assert_eq!(bench.struck(FaultKind::ResetBefore, &one).await.lost, Some(NoAnswer::Reset));
    bench.batch(&one).await;
    assert_eq!((bench.twin.events().len(), bench.twin.counters().repeated_commands), (1, 0));
}

#[tokio::test]
async fn a_refused_command_may_come_again() {
    let bench = deduplicating();
    bench.twin.refuse("anna", "Not now");
    let one = batch_of("e-1", [event("anna", "seen")]);
    assert_eq!(bench.batch(&one).await.successes(), [false]);
    bench.twin.clear_refusals();
    assert_eq!(bench.batch(&one).await.successes(), [true]);
    assert_eq!(bench.twin.events().len(), 1);
}

#[tokio::test]
async fn one_command_id_for_two_commands_is_unexpected() {
    let bench = bench();
    bench.batch(&batch_of("e-1", [update("anna", json!({ "points": 1 }))])).await;
    let other = batch_of("e-1", [update("anna", json!({ "points": 2 }))]);
    assert_eq!(bench.batch(&other).await.status, 500);
    let mut later = batch_of("e-1", [update("anna", json!({ "points": 1 }))]);
    later["commands"][0]["data"]["update_timestamp"] = json!(AT + 1);
    assert_eq!(bench.batch(&later).await.status, 500);
    let sentence = "command_id e-1:0 came before, with another command";
    assert_eq!(bench.twin.unexpected(), [sentence, sentence]);
    assert_eq!(bench.property("anna", "points"), Some(json!(1)));
}

#[tokio::test]
async fn one_command_id_twice_in_a_batch_is_unexpected() {
    let bench = bench();
    let mut two = batch_of("e", [event("anna", "seen"), event("bea", "seen")]);
    two["commands"][1]["command_id"] = json!("e:0");
    assert_eq!(bench.batch(&two).await.status, 500);
    assert_eq!(bench.twin.unexpected(), ["command_id e:0 twice in a batch"]);
    assert!(bench.twin.events().is_empty());
}
