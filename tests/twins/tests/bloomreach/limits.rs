use muster_twins::bloomreach::{FaultKind, RetryAfter, Switches};

use crate::support::{bench, bench_with, event, events};

#[tokio::test]
async fn beyond_150_in_a_second_nothing_is_taken() {
    let bench = bench();
    for _ in 0..150 {
        assert_eq!(bench.event(&event("anna", "seen")).await.status, 200);
    }
    let answer = bench.event(&event("anna", "seen")).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("1")));
    assert!(answer.headers.keys().all(|name| !name.as_str().contains("ratelimit")));
    assert_eq!(bench.twin.events().len(), 150);
    bench.wait(1_000);
    assert_eq!(bench.event(&event("anna", "seen")).await.status, 200);
    let counters = bench.twin.counters();
    assert_eq!((counters.rate_limited, counters.before_retry_after), (1, 0));
    bench.assert_expected();
}

#[tokio::test]
async fn all_callers_share_the_limit_and_it_is_a_switch() {
    let bench = bench_with(Switches { per_second: Some(0), retry_after: RetryAfter::Absent, ..Switches::default() });
    let answer = bench.batch(&events(1)).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, None));
    assert_eq!(answer.json()["message"], "Too many requests");
    bench.twin.with_switches(|switches| switches.per_second = None);
    assert_eq!(bench.batch(&events(1)).await.status, 200);
}

#[tokio::test]
async fn a_request_before_its_time_is_counted() {
    for (wait, before) in [(2_999, 1), (3_000, 0)] {
        let bench = bench();
        let answer = bench.struck(FaultKind::TooManyRequests(RetryAfter::Seconds(3)), &events(1)).await;
        assert_eq!((answer.status, answer.header("retry-after")), (429, Some("3")));
        bench.wait(wait);
        bench.batch(&events(1)).await;
        assert_eq!(bench.twin.counters().before_retry_after, before);
    }
}
