use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;

fn start() -> Timestamp {
    "2026-11-22T06:00:00.123456789Z".parse().unwrap()
}

fn after(seconds: f64) -> Timestamp {
    start() + SignedDuration::from_secs_f64(seconds)
}

fn ask(budget: &Budget, lane: Lane, want: u32) -> Ask {
    Ask {
        budget: budget.clone(),
        lane,
        want,
        run: RunId(1),
        ends_at: after(60.0),
        patience: SignedDuration::from_secs(2),
    }
}

fn take(allowance: &mut Allowance, ask: Ask, now: Timestamp) -> Result<Tokens, (Timestamp, Held)> {
    match allowance.spend(&Spend::Take(ask), now) {
        Grant::Tokens(tokens) => Ok(tokens),
        Grant::NotBefore { until, held } => Err((until, held)),
        Grant::Noted => panic!("a take is granted or not"),
    }
}

fn live(allowance: &mut Allowance, budget: &Budget, want: u32, now: Timestamp) -> u32 {
    take(allowance, ask(budget, Lane::Live, want), now).map_or(0, |tokens| tokens.count)
}

/// Everything that a taker who never rests is granted within a time, and when.
fn drain(allowance: &mut Allowance, budget: &Budget, lane: Lane, until: Timestamp) -> Vec<Timestamp> {
    let (mut now, mut taken) = (start(), Vec::new());
    while now < until {
        match take(allowance, ask(budget, lane, 7), now) {
            Ok(tokens) => taken.extend(std::iter::repeat_n(now, tokens.count as usize)),
            Err((next, _)) => now = next,
        }
    }
    taken
}

/// The most of these times that lie in one span.
fn densest(times: &[Timestamp], span: SignedDuration) -> usize {
    let (mut first, mut most) = (0, 0);
    for (last, time) in times.iter().enumerate() {
        while time.duration_since(times[first]) >= span {
            first += 1;
        }
        most = most.max(last + 1 - first);
    }
    most
}

#[test]
fn no_span_has_more_than_its_limit_and_hardly_less() {
    for (limit, spans) in [
        (Limit::per_second(1.0), 2_000),
        (Limit::per_second(5.0), 1_000),
        (Limit::per_second(100.0), 100),
        (Limit::per_second(3_000.0), 5),
        (Limit::per_minute(90.0), 50),
        (Limit::per_hour(500.0), 40),
        (Limit::per_day(10_000.0), 5),
    ] {
        for lane in [Lane::Live, Lane::Bulk] {
            let budget = Budget { limits: vec![limit], at_once: None };
            let until = start() + limit.within * spans;
            let taken = drain(&mut Allowance::default(), &budget, lane, until);
            let most = densest(&taken, limit.within);
            assert!(most as f64 <= limit.requests, "{most} in one span of {limit:?}");
            let share = taken.len() as f64 / (limit.requests * f64::from(spans));
            assert!(share > 0.95, "only {share} of {limit:?} in the {lane:?} lane");
        }
    }
}

#[test]
fn every_limit_holds() {
    let limits =
        vec![Limit::per_second(10.0), Limit::per_minute(120.0), Limit::per_hour(600.0), Limit::per_day(3_000.0)];
    let budget = Budget { limits, at_once: None };
    let taken = drain(&mut Allowance::default(), &budget, Lane::Live, after(3.0 * 86_400.0));
    for limit in &budget.limits {
        let most = densest(&taken, limit.within);
        assert!(most as f64 <= limit.requests, "{most} in one span of {limit:?}");
    }
    assert!(taken.len() > 8_550, "{}", taken.len());
}

proptest! {
    #[test]
    fn at_the_time_named_there_is_a_token(
        per_second in 0.5_f64..2_000.0, waits in prop::collection::vec(0.0_f64..3.0, 1..60), bulk: bool,
    ) {
        let budget = Budget::per_second(per_second);
        let lane = if bulk { Lane::Bulk } else { Lane::Live };
        let (mut allowance, mut now) = (Allowance::default(), start());
        for wait in waits {
            now += SignedDuration::from_secs_f64(wait / per_second);
            if let Err((until, _)) = take(&mut allowance, ask(&budget, lane, 3), now) {
                prop_assert!(until > now);
                now = until;
                prop_assert!(take(&mut allowance, ask(&budget, lane, 3), now).is_ok());
            }
        }
    }
}

#[test]
fn a_clock_set_back_brings_nothing() {
    let budget = Budget::per_second(100.0);
    let mut allowance = Allowance::default();
    assert_eq!(live(&mut allowance, &budget, 9, after(100.0)), 3);
    assert_eq!(live(&mut allowance, &budget, 9, start()), 0);
    assert_eq!(live(&mut allowance, &budget, 9, after(100.5)), 3);
}

#[test]
fn a_corrected_limit_holds_at_once() {
    let mut allowance = Allowance::default();
    assert_eq!(live(&mut allowance, &Budget::per_second(1_000.0), 10, start()), 10);
    assert_eq!(live(&mut allowance, &Budget::per_second(10.0), 10, start()), 1);
    assert_eq!(live(&mut allowance, &Budget::per_second(1_000.0), 100, after(1.0)), 30);
    let with_a_day = Budget::per_second(1_000.0).with(Some(Limit::per_day(100.0)));
    assert_eq!(live(&mut allowance, &with_a_day, 100, after(2.0)), 30);
}

#[test]
fn bulk_leaves_what_live_needs_at_once() {
    let budget = Budget::per_second(100.0);
    let mut allowance = Allowance::default();
    let mut now = start();
    for _ in 0..500 {
        match take(&mut allowance, ask(&budget, Lane::Bulk, 9), now) {
            Ok(_) => assert_eq!(live(&mut allowance.clone(), &budget, 1, now), 1, "live finds a token at any time"),
            Err((until, _)) => now = until,
        }
    }
    let by_day = Budget { limits: vec![Limit::per_day(1_000.0)], at_once: None };
    let mut allowance = Allowance::default();
    assert_eq!(take(&mut allowance, ask(&by_day, Lane::Bulk, 5_000), start()).unwrap().count, 980);
    assert_eq!(live(&mut allowance, &by_day, 5_000, start()), 20);
}

#[test]
fn bulk_lets_a_waiting_live_request_go_first() {
    let budget = Budget::per_second(4.0);
    let mut allowance = Allowance::default();
    assert_eq!(live(&mut allowance, &budget, 1, start()), 1);
    let (until, held) = take(&mut allowance, ask(&budget, Lane::Live, 1), start()).unwrap_err();
    assert_eq!(held, Held::Spent);
    let (after_live, _) = take(&mut allowance, ask(&budget, Lane::Bulk, 1), until).unwrap_err();
    assert!(after_live > until);
    assert_eq!(live(&mut allowance, &budget, 1, until), 1);
    // Who does not come back is not waited for.
    let (until, _) = take(&mut allowance, ask(&budget, Lane::Live, 1), until).unwrap_err();
    assert!(take(&mut allowance, ask(&budget, Lane::Bulk, 1), until + SignedDuration::from_millis(50)).is_ok());
}

#[test]
fn whoever_must_wait_for_long_stands_in_line() {
    let budget = Budget { limits: vec![Limit::per_minute(6.0)], at_once: None };
    let mut allowance = Allowance::default();
    assert_eq!(live(&mut allowance, &budget, 1, start()), 1);
    let mut times = Vec::new();
    for _ in 0..200 {
        times.push(take(&mut allowance, ask(&budget, Lane::Live, 2), start()).unwrap_err().0);
    }
    let apart = times[1].duration_since(times[0]).as_secs_f64();
    assert!((apart - 2.0 / 0.096).abs() < 0.001, "{apart} s for two requests");
    let last = times.last().unwrap().duration_since(start());
    assert!(last < SignedDuration::from_mins(16), "and no line is longer than a queue can delay: {last:#}");
    assert_eq!(live(&mut allowance, &budget, 1, times[0]), 1);
}

#[test]
fn a_blocked_account_rests_until_then_and_begins_with_one() {
    let budget = Budget::per_second(100.0);
    let mut allowance = Allowance::default();
    allowance.spend(&Spend::Block { until: after(30.0) }, start());
    allowance.spend(&Spend::Block { until: after(10.0) }, start());
    assert_eq!(take(&mut allowance, ask(&budget, Lane::Live, 1), after(29.0)), Err((after(30.0), Held::Blocked)));
    assert_eq!(live(&mut allowance.clone(), &budget, 9, after(30.0)), 1);
    assert_eq!(live(&mut allowance.clone(), &budget, 9, after(30.015)), 2);
    assert_eq!(live(&mut allowance, &budget, 9, after(60.0)), 3);
}

#[test]
fn the_vendors_own_count_is_believed_until_it_begins_again() {
    let budget = Budget::per_second(1_000.0);
    let mut allowance = Allowance::default();
    allowance.spend(&Spend::Left { requests: 5, until: after(40.0) }, start());
    // A later answer to an earlier request.
    allowance.spend(&Spend::Left { requests: 9, until: after(40.0) }, start());
    assert_eq!(live(&mut allowance, &budget, 4, after(1.0)), 4);
    assert_eq!(live(&mut allowance, &budget, 4, after(2.0)), 1);
    let (until, _) = take(&mut allowance, ask(&budget, Lane::Live, 1), after(3.0)).unwrap_err();
    assert_eq!(until, after(40.0));
    assert_eq!(live(&mut allowance, &budget, 4, after(40.0)), 4);
}

#[test]
fn runs_share_the_requests_at_once() {
    let budget = Budget { at_once: Some(6), ..Budget::per_second(10_000.0) };
    let mut allowance = Allowance::default();
    let of = |run, want| Ask { run: RunId(run), ..ask(&budget, Lane::Live, want) };
    assert_eq!(take(&mut allowance, of(1, 10), start()).unwrap().at_once, 4);
    assert_eq!(take(&mut allowance, of(1, 10), start()).unwrap().at_once, 4);
    assert_eq!(take(&mut allowance, of(2, 10), start()).unwrap().at_once, 2);
    assert_eq!(take(&mut allowance, of(3, 10), start()).unwrap_err().1, Held::Busy);
    allowance.spend(&Spend::Return { tokens: 0, run: RunId(1), probe: Probe::No }, start());
    assert_eq!(take(&mut allowance, of(3, 3), start()).unwrap().at_once, 3);
    // A run that died holds them until it must have ended.
    let (later, end) = (after(60.0), after(120.0));
    assert_eq!(take(&mut allowance, Ask { ends_at: end, ..of(4, 10) }, later).unwrap().at_once, 4);
}

fn fail(allowance: &mut Allowance, probe: Probe, now: Timestamp) {
    allowance.spend(&Spend::Answered { health: Health::Failing, probe }, now);
}

#[test]
fn five_failures_in_a_row_open_the_breaker_and_a_success_between_does_not() {
    let budget = Budget::per_second(1_000.0);
    let mut allowance = Allowance::default();
    for _ in 0..4 {
        fail(&mut allowance, Probe::No, start());
    }
    assert_eq!(take(&mut allowance, ask(&budget, Lane::Live, 1), start()).unwrap().watched, Watched::Yes);
    allowance.spend(&Spend::Answered { health: Health::Well, probe: Probe::No }, start());
    assert_eq!(take(&mut allowance, ask(&budget, Lane::Live, 1), start()).unwrap().watched, Watched::No);
    // One an hour is a bad record, not a bad vendor.
    for hour in 0..9 {
        fail(&mut allowance, Probe::No, after(f64::from(hour) * 3_600.0));
    }
    assert_eq!(live(&mut allowance, &budget, 1, after(1e5)), 1);
    for _ in 0..5 {
        fail(&mut allowance, Probe::No, after(2e5));
    }
    let (until, held) = take(&mut allowance, ask(&budget, Lane::Live, 1), after(2e5)).unwrap_err();
    assert_eq!((until, held), (after(2e5 + 5.0), Held::Open { since: after(2e5) }));
}

#[test]
fn one_probe_at_a_time_goes_through_an_open_breaker_and_its_success_closes_it() {
    let budget = Budget::per_second(1_000.0);
    let mut allowance = Allowance::default();
    for _ in 0..5 {
        fail(&mut allowance, Probe::No, start());
    }
    let mut now = start();
    for pause in [5, 10, 20, 40, 60, 60] {
        let until = take(&mut allowance, ask(&budget, Lane::Bulk, 9), now).unwrap_err().0;
        assert_eq!(until.duration_since(now), SignedDuration::from_secs(pause));
        now = until;
        let tokens = take(&mut allowance, ask(&budget, Lane::Bulk, 9), now).unwrap();
        assert_eq!((tokens.count, tokens.probe), (1, Probe::Yes));
        assert!(take(&mut allowance, ask(&budget, Lane::Live, 9), now).is_err(), "one at a time");
        // What was sent before it opened says nothing new.
        fail(&mut allowance, Probe::No, now);
        fail(&mut allowance, Probe::Yes, now);
    }
    now += SignedDuration::from_secs(60);
    // A probe that was not sent, and one whose worker died.
    take(&mut allowance, ask(&budget, Lane::Live, 1), now).unwrap();
    allowance.spend(&Spend::Return { tokens: 1, run: RunId(1), probe: Probe::Yes }, now);
    take(&mut allowance, ask(&budget, Lane::Live, 1), now).unwrap();
    now += SignedDuration::from_secs(30);
    take(&mut allowance, ask(&budget, Lane::Live, 1), now).unwrap();
    allowance.spend(&Spend::Answered { health: Health::Well, probe: Probe::Yes }, now);
    assert_eq!(live(&mut allowance, &budget, 9, now), 9);
}

#[test]
fn an_allowance_is_small_as_stored() {
    let limits =
        vec![Limit::per_second(10.0), Limit::per_minute(120.0), Limit::per_hour(600.0), Limit::per_day(3_000.0)];
    let budget = Budget { limits, at_once: Some(10) };
    let mut allowance = Allowance::default();
    drain(&mut allowance, &budget, Lane::Live, after(2.0 * 86_400.0));
    let stored = serde_json::to_vec(&allowance).unwrap();
    assert!(stored.len() < 2_048, "{} bytes", stored.len());
    let mut read: Allowance = serde_json::from_slice(&stored).unwrap();
    let later = after(3.0 * 86_400.0);
    assert_eq!(live(&mut read, &budget, 9, later), live(&mut allowance, &budget, 9, later));
    assert_eq!(
        read.spend(&Spend::Take(ask(&budget, Lane::Bulk, 9)), start()),
        allowance.spend(&Spend::Take(ask(&budget, Lane::Bulk, 9)), start())
    );
}
