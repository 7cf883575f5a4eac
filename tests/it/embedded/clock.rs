use jiff::SignedDuration;
use muster::clock::SystemClock;
use muster::embedded::JumpClock;
use muster::ports::Clock;
use muster_tests::port_suite::fixtures::{after, start};

#[test]
fn a_frozen_clock_moves_only_when_moved() {
    let clock = JumpClock::frozen_at(start());
    assert_eq!(clock.now(), start());
    clock.advance(SignedDuration::from_secs(5));
    assert_eq!(clock.now(), after(5));
}

#[test]
fn a_clock_is_never_moved_back() {
    let clock = JumpClock::frozen_at(start());
    clock.advance_to(after(10));
    clock.advance_to(after(3));
    clock.advance(SignedDuration::from_secs(-3));
    assert_eq!(clock.now(), after(10));
}

#[test]
fn a_following_clock_keeps_its_distance_from_the_machines() {
    let clock = JumpClock::new();
    clock.advance(SignedDuration::from_hours(48));
    let ahead = clock.now().duration_since(SystemClock.now());
    assert_eq!(ahead.as_hours(), 47, "a moment passed between the two");
    let day = SystemClock.now() + SignedDuration::from_hours(72);
    clock.advance_to(day);
    assert!(clock.now() >= day);
}

#[tokio::test]
async fn a_sleep_moves_the_clock() {
    let clock = JumpClock::frozen_at(start());
    clock.sleep(SignedDuration::from_secs(2)).await;
    assert_eq!(clock.now(), after(2));
}
