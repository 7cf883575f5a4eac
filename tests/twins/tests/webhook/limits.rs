use muster_twins::webhook::{FaultKind, RetryAfter, Switches};

use crate::support::{Bench, bench, bench_with, check, two};

async fn checked(bench: &Bench) -> u16 {
    bench.tell(&check()).await.status
}

#[tokio::test]
async fn beyond_the_seconds_limit_nothing_is_taken() {
    let bench = bench_with(Switches { per_second: Some(2), ..Switches::default() });
    let answers = [checked(&bench).await, checked(&bench).await, bench.tell(&two()).await.status];
    assert_eq!(answers, [204, 204, 429]);
    assert!(bench.twin.people().is_empty());
    bench.wait(1_000);
    assert_eq!(checked(&bench).await, 204);
    assert_eq!(bench.twin.counters().rate_limited, 1);
}

#[tokio::test]
async fn beyond_the_minutes_limit_nothing_is_taken() {
    let bench = bench_with(Switches { per_minute: Some(2), ..Switches::default() });
    for (wait, status) in [(0, 204), (30_000, 204), (29_999, 429), (1, 204)] {
        bench.wait(wait);
        assert_eq!(checked(&bench).await, status, "after {wait} ms more");
    }
}

#[tokio::test]
async fn requests_are_counted_by_second_and_minute() {
    let bench = bench();
    for wait in [0, 0, 900, 900, 59_000] {
        bench.wait(wait);
        checked(&bench).await;
    }
    let counters = bench.twin.counters();
    assert_eq!((counters.requests, counters.checks), (5, 5));
    assert_eq!(counters.max_requests_in_one_second, 3);
    assert_eq!(counters.max_requests_in_one_minute, 4);
}

#[tokio::test]
async fn a_429_says_when_to_come_back_in_each_way() {
    let ways = [
        (RetryAfter::Absent, None),
        (RetryAfter::Seconds(3), Some("3")),
        (RetryAfter::HttpDateIn(51), Some("Mon, 05 Jan 2026 07:09:00 GMT")),
        (RetryAfter::Absurd("-99999999999999999999".to_owned()), Some("-99999999999999999999")),
    ];
    for (retry_after, header) in ways {
        let switches = Switches { per_second: Some(0), retry_after: retry_after.clone(), ..Switches::default() };
        let limited = bench_with(switches).tell(&two()).await;
        let struck = bench().struck(FaultKind::TooManyRequests(retry_after), &two()).await;
        for answer in [limited, struck] {
            assert_eq!((answer.status, answer.header("retry-after")), (429, header));
        }
    }
}

#[tokio::test]
async fn a_request_before_its_time_is_counted() {
    for (retry_after, wait, before) in [
        (RetryAfter::Seconds(17), 16_999, 1),
        (RetryAfter::Seconds(17), 17_000, 0),
        (RetryAfter::HttpDateIn(30), 29_999, 1),
        (RetryAfter::HttpDateIn(30), 30_000, 0),
        (RetryAfter::Absent, 0, 0),
        (RetryAfter::Absurd("9999999999".to_owned()), 3_600_000, 0),
    ] {
        let bench = bench();
        bench.struck(FaultKind::TooManyRequests(retry_after.clone()), &two()).await;
        bench.wait(wait);
        assert_eq!(checked(&bench).await, 204);
        assert_eq!(bench.twin.counters().before_retry_after, before, "{retry_after:?} and {wait} ms");
    }
}

#[tokio::test]
async fn a_date_has_whole_seconds() {
    let bench = bench();
    bench.wait(900);
    bench.struck(FaultKind::TooManyRequests(RetryAfter::HttpDateIn(30)), &two()).await;
    bench.wait(29_100);
    checked(&bench).await;
    assert_eq!(bench.twin.counters().before_retry_after, 0);
}

#[tokio::test]
async fn counters_can_be_reset() {
    let bench = bench();
    checked(&bench).await;
    bench.twin.reset_counters();
    assert_eq!(bench.twin.counters().requests, 0);
}
