use muster_twins::braze::{FaultKind, Rate, RetryAfter, Switches, Told};
use serde_json::{Value, json};

use crate::support::{Bench, TRACK, bench, bench_with, event};

fn one() -> Value {
    json!({ "events": [event("a", 0)] })
}

fn bench_at(rate: Rate) -> Bench {
    bench_with(Switches { rate, ..Switches::default() })
}

async fn status(bench: &Bench) -> u16 {
    bench.track(one()).await.status
}

#[tokio::test]
async fn every_answer_tells_of_the_rate() {
    let bench = bench();
    assert_eq!(bench.track(one()).await.rate(), (3_000, 2_999, 3));
    assert_eq!(bench.track(json!({})).await.rate(), (3_000, 2_998, 3));
    assert_eq!(bench.send(bench.request("GET", TRACK, "")).await.rate(), (3_000, 2_997, 3));
    assert_eq!(bench.struck(FaultKind::Html500, one()).await.rate(), (3_000, 2_996, 3));
    bench.twin.revoke_key("REST_API_KEY");
    assert_eq!(bench.track(one()).await.rate(), (3_000, 2_996, 3));
    bench.wait(3_500);
    assert_eq!(bench.track(one()).await.rate(), (3_000, 3_000, 6));
}

#[tokio::test]
async fn the_windows_are_reset_on_the_clock() {
    let bench = bench_at(Rate::ThreeSeconds(2));
    bench.wait(2_900);
    assert_eq!([status(&bench).await, status(&bench).await, status(&bench).await], [201, 201, 429]);
    bench.wait(100);
    assert_eq!(status(&bench).await, 201);
    let counters = bench.twin.counters();
    assert_eq!((counters.rate_limited, counters.max_requests_in_one_window), (1, 3));
    assert_eq!(bench.twin.events().len(), 2);
}

#[tokio::test]
async fn a_429_says_when_to_come_back() {
    let bench = bench_at(Rate::ThreeSeconds(0));
    bench.wait(1_000);
    let answer = bench.track(one()).await;
    assert_eq!((answer.status, answer.rate()), (429, (0, 0, 3)));
    assert_eq!(answer.header("retry-after"), None);
    assert_eq!(answer.json(), json!({ "message": "Too Many Requests" }));
}

#[tokio::test]
async fn who_comes_before_the_reset_is_counted() {
    for (wait, before) in [(2_999, 1), (3_000, 0)] {
        let bench = bench();
        let struck = bench.struck(FaultKind::TooManyRequests(RetryAfter::Absent), one()).await;
        assert_eq!((struck.status, struck.rate()), (429, (3_000, 0, 3)));
        bench.wait(wait);
        assert_eq!(status(&bench).await, 201);
        assert_eq!(bench.twin.counters().before_reset, before, "{wait}");
    }
}

#[tokio::test]
async fn keys_share_the_rate_of_their_workspace() {
    let bench = bench_at(Rate::ThreeSeconds(1));
    status(&bench).await;
    bench.twin.add_key("other", &["users.track"]);
    let mut request = bench.request("POST", TRACK, &one().to_string());
    request.headers_mut().insert("authorization", "Bearer other".parse().unwrap());
    assert_eq!(bench.send(request).await.status, 429);
}

#[tokio::test]
async fn other_contracts_have_an_hour_and_a_burst() {
    let bench = bench_at(Rate::HourAndBurst { hour: 3, burst: 2 });
    // 51 minutes and 51 seconds to the hour.
    let to_the_hour = 51 * 60 + 51;
    assert_eq!(bench.track(one()).await.rate(), (3, 2, to_the_hour));
    assert_eq!(status(&bench).await, 201);
    let burst = bench.track(one()).await;
    assert_eq!((burst.status, burst.rate()), (429, (3, 1, to_the_hour)));
    bench.wait(3_000);
    assert_eq!([status(&bench).await, status(&bench).await], [201, 429]);
    bench.wait(to_the_hour * 1_000 - 3_001);
    assert_eq!(status(&bench).await, 429);
    bench.wait(1);
    assert_eq!(status(&bench).await, 201);
}

#[tokio::test]
async fn the_headers_may_tell_of_the_burst_that_refuses() {
    let rate = Rate::HourAndBurst { hour: 30, burst: 1 };
    let bench = bench_with(Switches { rate, told: Told::Refusing, ..Switches::default() });
    status(&bench).await;
    assert_eq!(bench.track(one()).await.rate(), (1, 0, 3));
}

#[tokio::test]
async fn the_headers_may_be_absent() {
    let bench = bench_with(Switches { limit_headers: false, ..Switches::default() });
    let answer = bench.struck(FaultKind::TooManyRequests(RetryAfter::Seconds(7)), one()).await;
    assert_eq!((answer.header("x-ratelimit-reset"), answer.header("retry-after")), (None, Some("7")));
    status(&bench).await;
    let counters = bench.twin.counters();
    assert_eq!((counters.before_reset, counters.before_retry_after), (0, 1));
}
