//! When the vendor is in trouble: what is told of it, that it harms nothing, and that the next delivery
//! makes it right.

use std::time::Duration;

use jiff::SignedDuration;
use muster::destination::{Applied, Failure, Mode, Verdict, Verdicts};
use muster::ports::Clock;

use super::bench::{Bench, PATIENCE, Want};
use super::world::{Aim, Pause, Standing, Struck, Trouble, VendorWorld};

const PEOPLE: std::ops::RangeInclusive<u16> = 1..=6;
/// For answers that never come.
pub(super) const IMPATIENCE: Duration = Duration::from_millis(300);

/// People who have left, and are about to enter.
async fn left(world: &dyn VendorWorld) -> Bench<'_> {
    PEOPLE.for_each(|person| world.put(person, Standing::Reachable));
    world.put(99, Standing::Reachable);
    let bench = Bench::prepared(world).await;
    bench.deliver_well(Mode::Live, &bench.show_all(PEOPLE, &Want::left())).await;
    bench
}

/// Delivers in trouble; who failed shows the old or the new, who did not the new.
async fn deliver_in_trouble(bench: &mut Bench<'_>, trouble: &Trouble) -> Verdicts {
    let silent = matches!(trouble, Trouble::TimeoutBefore | Trouble::TimeoutAfter);
    if silent {
        bench.patience = IMPATIENCE;
    }
    let verdicts = bench.deliver(Mode::Live, &bench.show_all(PEOPLE, &Want::entered())).await;
    bench.patience = PATIENCE;
    for (id, verdict) in &verdicts {
        let (old, new) = (bench.shows(id, &Want::left()), bench.shows(id, &Want::entered()));
        match verdict {
            Verdict::Delivered { .. } => assert!(new, "{id:?} does not show it"),
            Verdict::Failed(_) => assert!(old || new, "{id:?} shows something else"),
            Verdict::Landing(_) | Verdict::Filtered { .. } => panic!("{id:?}: {verdict:?}"),
        }
    }
    verdicts
}

/// The next delivery makes it right.
async fn make_right(bench: &Bench<'_>) {
    bench.deliver_well(Mode::Live, &bench.show_all(PEOPLE, &Want::entered())).await;
    PEOPLE.for_each(|person| bench.assert_shows(person, &Want::entered()));
}

fn failures(verdicts: &Verdicts) -> Vec<&Failure> {
    let failed = verdicts.values().filter_map(|verdict| match verdict {
        Verdict::Failed(failure) => Some(failure),
        Verdict::Delivered { .. } | Verdict::Landing(_) | Verdict::Filtered { .. } => None,
    });
    failed.collect()
}

async fn a_write_fails(world: &dyn VendorWorld, troubles: &[Trouble]) {
    let mut bench = left(world).await;
    let other = world.record(99);
    for trouble in troubles {
        bench.deliver_well(Mode::Live, &bench.show_all(PEOPLE, &Want::left())).await;
        if world.strike(trouble, Aim::Write, 1) == Struck::Impossible {
            continue;
        }
        let verdicts = deliver_in_trouble(&mut bench, trouble).await;
        let failures = failures(&verdicts);
        assert!(!failures.is_empty(), "{trouble:?} passed unseen");
        for failure in failures {
            assert!(matches!(failure, Failure::Retryable { applied: Applied::Open, .. }), "{trouble:?}: {failure:?}");
        }
        make_right(&bench).await;
    }
    assert_eq!(world.record(99), other);
}

async fn a_look_fails(world: &dyn VendorWorld, troubles: &[Trouble]) {
    let mut bench = left(world).await;
    for trouble in troubles {
        bench.deliver_well(Mode::Live, &bench.show_all(PEOPLE, &Want::left())).await;
        if world.strike(trouble, Aim::Look, 1) == Struck::Impossible {
            continue;
        }
        let verdicts = deliver_in_trouble(&mut bench, trouble).await;
        let failures = failures(&verdicts);
        assert!(!failures.is_empty(), "{trouble:?} passed unseen");
        for failure in failures {
            assert!(matches!(failure, Failure::Retryable { .. }), "{trouble:?}: {failure:?}");
        }
        make_right(&bench).await;
    }
}

pub async fn a_refused_record_stands_alone(world: &dyn VendorWorld) {
    let mut bench = left(world).await;
    let trouble = Trouble::Refused("This record cannot be saved".to_owned());
    if world.strike(&trouble, Aim::Write, 1) == Struck::Impossible {
        return;
    }
    let verdicts = deliver_in_trouble(&mut bench, &trouble).await;
    let failures = failures(&verdicts);
    assert!(!failures.is_empty());
    for failure in &failures {
        assert!(matches!(failure, Failure::Rejected { .. }), "{failure:?}");
    }
    let people: std::collections::BTreeSet<u16> = verdicts
        .iter()
        .filter(|(_, verdict)| matches!(verdict, Verdict::Failed(_)))
        .map(|(id, _)| bench.person(id))
        .collect();
    assert_eq!(people.len(), 1, "the others are delivered");
    make_right(&bench).await;
}

pub async fn a_write_that_breaks_is_tried_again(world: &dyn VendorWorld) {
    a_write_fails(world, &[500, 502, 503].map(Trouble::Broken)).await;
}

pub async fn a_write_whose_connection_breaks_before_is_tried_again(world: &dyn VendorWorld) {
    a_write_fails(world, &[Trouble::ResetBefore]).await;
}

pub async fn a_write_whose_connection_breaks_after_is_tried_again(world: &dyn VendorWorld) {
    a_write_fails(world, &[Trouble::ResetAfter]).await;
}

pub async fn a_write_that_times_out_before_is_tried_again(world: &dyn VendorWorld) {
    a_write_fails(world, &[Trouble::TimeoutBefore]).await;
}

pub async fn a_write_that_times_out_after_is_tried_again(world: &dyn VendorWorld) {
    a_write_fails(world, &[Trouble::TimeoutAfter]).await;
}

pub async fn a_write_with_half_an_answer_is_tried_again(world: &dyn VendorWorld) {
    a_write_fails(world, &[Trouble::Truncated]).await;
}

pub async fn a_write_that_something_else_answers_is_tried_again(world: &dyn VendorWorld) {
    a_write_fails(world, &[Trouble::NotTheApi]).await;
}

pub async fn a_write_with_an_error_in_a_200_is_not_taken_for_done(world: &dyn VendorWorld) {
    let mut bench = left(world).await;
    if world.strike(&Trouble::ErrorInOk, Aim::Write, 1) == Struck::Impossible {
        return;
    }
    let verdicts = deliver_in_trouble(&mut bench, &Trouble::ErrorInOk).await;
    let failures = failures(&verdicts);
    assert!(!failures.is_empty());
    for failure in failures {
        assert!(matches!(failure, Failure::Rejected { .. } | Failure::Retryable { .. }), "{failure:?}");
    }
    make_right(&bench).await;
}

pub async fn a_look_that_breaks_is_tried_again(world: &dyn VendorWorld) {
    a_look_fails(world, &[500, 502, 503].map(Trouble::Broken)).await;
}

pub async fn a_look_whose_connection_breaks_is_tried_again(world: &dyn VendorWorld) {
    a_look_fails(world, &[Trouble::ResetBefore, Trouble::ResetAfter]).await;
}

pub async fn a_look_that_times_out_is_tried_again(world: &dyn VendorWorld) {
    a_look_fails(world, &[Trouble::TimeoutBefore]).await;
}

pub async fn a_look_with_half_an_answer_is_tried_again(world: &dyn VendorWorld) {
    a_look_fails(world, &[Trouble::Truncated]).await;
}

pub async fn a_look_that_something_else_answers_is_tried_again(world: &dyn VendorWorld) {
    a_look_fails(world, &[Trouble::NotTheApi]).await;
}

pub async fn a_look_with_an_error_in_a_200_is_tried_again(world: &dyn VendorWorld) {
    a_look_fails(world, &[Trouble::ErrorInOk]).await;
}

pub async fn everything_broken_harms_nothing(world: &dyn VendorWorld) {
    let mut bench = left(world).await;
    let structure = world.structure();
    // An account that keeps failing is left alone, but for one request a minute.
    let pause = || world.clock().advance(SignedDuration::from_mins(1));
    for trouble in [Trouble::Broken(503), Trouble::NotTheApi, Trouble::ErrorInOk, Trouble::ResetBefore] {
        if world.strike(&trouble, Aim::Any, 1_000) == Struck::Impossible {
            continue;
        }
        for failure in failures(&deliver_in_trouble(&mut bench, &trouble).await) {
            assert!(
                matches!(failure, Failure::Retryable { .. } | Failure::Rejected { .. } | Failure::PutOff { .. }),
                "{trouble:?}: {failure:?}"
            );
        }
        pause();
        if world.place().is_some() {
            let failure = bench.try_prepare().await.unwrap_err();
            assert!(matches!(failure, Failure::Retryable { .. }), "{trouble:?}: {failure:?}");
        }
        pause();
        let failure = bench.check().await.unwrap_err();
        assert!(matches!(failure, Failure::Retryable { .. }), "{trouble:?}: {failure:?}");
        assert!(world.end_trouble() > 0);
        pause();
        // One request that is answered ends the caution.
        bench.check().await.unwrap();
    }
    assert_eq!(world.structure(), structure);
    make_right(&bench).await;
}

/// The time to come back is the one that the vendor said, if it said one.
pub(super) fn assert_says_when(pause: Pause, wait: SignedDuration, retry_after: Option<SignedDuration>) {
    match pause {
        Pause::Unsaid => assert_eq!(retry_after, None),
        Pause::Seconds(_) | Pause::Date(_) => {
            // A date has whole seconds, and both clocks go on meanwhile.
            let less = wait - retry_after.unwrap();
            assert!(less.abs() <= SignedDuration::from_secs(3), "{retry_after:?} for {wait:?}");
        }
    }
}

async fn a_wish_to_slow_down(world: &dyn VendorWorld, pause: Pause, wait: SignedDuration) {
    let mut bench = left(world).await;
    // The bucket is full again, so that what stops is stopped by the wish.
    world.clock().advance(SignedDuration::from_mins(1));
    if world.strike(&Trouble::SlowDown(pause), Aim::Any, 1) == Struck::Impossible {
        return;
    }
    let asked_at = world.clock().now();
    let verdicts = deliver_in_trouble(&mut bench, &Trouble::SlowDown(pause)).await;
    let mut told = 0;
    for failure in failures(&verdicts) {
        match failure {
            Failure::RateLimited { retry_after } => {
                assert_says_when(pause, wait, *retry_after);
                told += 1;
            }
            Failure::PutOff { until } => {
                let earliest = asked_at + wait - SignedDuration::from_secs(1);
                assert!(*until >= earliest, "put off until {until}, asked for {earliest}");
            }
            Failure::Retryable { .. }
            | Failure::Rejected { .. }
            | Failure::Unauthorized { .. }
            | Failure::Misconfigured { .. } => panic!("{failure:?}"),
        }
    }
    assert!(told > 0, "who was struck is told so");
    if wait > SignedDuration::from_secs(3) {
        let before = world.requests();
        let verdicts = bench.deliver(Mode::Live, &bench.show_all(PEOPLE, &Want::entered())).await;
        for verdict in verdicts.values() {
            assert!(matches!(verdict, Verdict::Failed(Failure::PutOff { .. })), "{verdict:?}");
        }
        assert_eq!(world.requests(), before, "nothing is sent that would be refused");
        world.clock().advance(wait);
    }
    make_right(&bench).await;
}

pub async fn a_wish_to_slow_down_is_honoured_in_seconds(world: &dyn VendorWorld) {
    a_wish_to_slow_down(world, Pause::Seconds(17), SignedDuration::from_secs(17)).await;
}

pub async fn a_wish_to_slow_down_is_honoured_as_a_date(world: &dyn VendorWorld) {
    a_wish_to_slow_down(world, Pause::Date(30), SignedDuration::from_secs(30)).await;
}

pub async fn a_wish_to_slow_down_without_a_time_is_honoured(world: &dyn VendorWorld) {
    a_wish_to_slow_down(world, Pause::Unsaid, SignedDuration::ZERO).await;
}
