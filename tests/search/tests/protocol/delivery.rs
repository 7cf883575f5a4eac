//! State on its way to a destination.

use muster_search::delivery::scenarios;
use muster_search::delivery::{Broken, Promise, Rules, Scenario, World};
use muster_search::search::STUCK;

use super::{MOST_STATES, MOST_STATES_NIGHTLY};

/// What must have happened somewhere, or the search has not looked at what it is for.
const FAULTS: [&str; 13] = [
    "applied late",
    "crashes",
    "crashes while sending",
    "doubled",
    "errors",
    "errors though applied",
    "purged",
    "put off",
    "receipts refused",
    "receipts stored unheard",
    "rejected",
    "slowed down",
    "timeouts",
];

fn holds(scenario: Scenario, most: usize) {
    super::holds(&World::of(scenario), &FAULTS, most);
}

fn is_caught(scenario: &Scenario, broken: Broken, promise: &str) {
    super::is_caught(&World::of(scenario.by(Rules::without(broken))), &format!("{broken:?}"), promise);
}

fn breaks(scenario: &Scenario, broken: Broken, promise: Promise) {
    is_caught(scenario, broken, &promise.to_string());
}

#[test]
fn it_holds() {
    for scenario in scenarios::daily() {
        holds(scenario, MOST_STATES);
    }
}

#[test]
#[ignore = "takes hours and gigabytes"]
fn it_holds_by_night() {
    for scenario in scenarios::nightly() {
        holds(scenario, MOST_STATES_NIGHTLY);
    }
}

#[test]
fn flights_are_written() {
    breaks(&scenarios::three_changes(), Broken::NoFlight, Promise::SettledIsSo);
}

#[test]
fn flights_stand_after_a_timeout() {
    breaks(&scenarios::three_changes(), Broken::FlightClearedAfterTimeout, Promise::SettledIsSo);
}

#[test]
fn doubt_is_raised() {
    breaks(&scenarios::three_changes(), Broken::NoDoubt, Promise::SettledIsSo);
}

#[test]
fn what_was_sent_and_not_settled_is_doubted() {
    breaks(&scenarios::three_changes(), Broken::UnsettledForgotten, Promise::SettledIsSo);
}

#[test]
fn receipts_are_stored_on_the_standing_that_was_read() {
    breaks(&scenarios::three_changes(), Broken::SettledWithoutRevision, Promise::SettledIsSo);
}

#[test]
fn receipts_speak_of_the_version_that_was_sent() {
    breaks(&scenarios::three_changes(), Broken::SettledWithoutVersion, Promise::SettledIsSo);
}

#[test]
fn former_keys_are_told_to_leave() {
    breaks(&scenarios::two_keys(), Broken::FormerKeysNotTold, Promise::SettledIsSo);
}

#[test]
fn the_sweep_waits_for_what_is_late() {
    breaks(&scenarios::three_changes(), Broken::SweptTooEarly, Promise::SettledIsSo);
}

#[test]
fn the_sweep_doubts_before_it_clears() {
    breaks(&scenarios::two_faults(), Broken::SweptBeforeDoubt, Promise::SettledIsSo);
}

#[test]
fn the_sweep_nudges_before_it_clears() {
    breaks(&scenarios::two_faults(), Broken::SweptBeforeNudge, Promise::PendingIsHinted);
}

#[test]
fn who_is_tried_again_is_nudged_before_the_receipt() {
    breaks(&scenarios::two_faults(), Broken::ReceiptBeforeRetry, Promise::PendingIsHinted);
}

#[test]
fn repeats_are_nudged() {
    breaks(&scenarios::three_changes(), Broken::RepeatNotNudged, Promise::PendingIsHinted);
}

#[test]
fn rows_are_written_as_they_were_read() {
    breaks(&scenarios::meeting_requests(), Broken::RowWrittenBlindly, Promise::RowHoldsEveryChange);
}

#[test]
fn keys_are_claimed() {
    breaks(&scenarios::two_people(), Broken::NoClaims, Promise::SettledIsSo);
}

#[test]
fn keys_are_not_given_back_while_a_flight_stands() {
    breaks(&scenarios::two_people(), Broken::ReleasedInFlight, Promise::SettledIsSo);
}

#[test]
fn keys_are_not_given_back_once_claimed_again() {
    breaks(&scenarios::two_people(), Broken::ReleasedUnoffered, Promise::SettledIsSo);
}

#[test]
fn keys_are_not_given_back_half_left() {
    breaks(&scenarios::two_people_of_two_records(), Broken::ReleasedHalfLeft, Promise::SettledIsSo);
}

#[test]
fn keys_that_could_not_be_given_back_are_come_for_again() {
    is_caught(&scenarios::two_people(), Broken::HeldUpForgotten, STUCK);
}

#[test]
fn keys_are_not_given_back_while_their_leave_is_open() {
    breaks(&scenarios::two_people_of_two_records(), Broken::ReleasedWhileOpen, Promise::SettledIsSo);
}

#[test]
fn what_a_run_sent_is_not_passed_by() {
    breaks(&scenarios::three_changes(), Broken::TriedForgotten, Promise::PendingIsHinted);
}

#[test]
fn who_failed_and_cannot_be_told_is_come_for_again() {
    breaks(&scenarios::three_changes(), Broken::LostRetryForgotten, Promise::PendingIsHinted);
}

/// Not needed for a right end, as long as the others hold: a receipt says of which version it speaks, and the
/// standing moves with every receipt of a newer one. It saves the look that would find the newer version pending.
#[test]
fn comparing_the_version_only_saves_work() {
    for scenario in [scenarios::three_changes(), scenarios::two_records()] {
        holds(scenario.by(Rules::without(Broken::VersionNotCompared)), MOST_STATES);
    }
}
