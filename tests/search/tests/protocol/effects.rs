//! The ledger of effects.

use muster_search::effects::scenarios;
use muster_search::effects::{Broken, Promise, Rules, Scenario, World};
use muster_search::search::STUCK;

use super::{MOST_STATES, MOST_STATES_NIGHTLY};

/// What must have happened somewhere, or the search has not looked at what it is for.
const FAULTS: [&str; 13] = [
    "applied late",
    "asked",
    "clock steps",
    "crashes",
    "crashes while sending",
    "doubled",
    "errors",
    "errors though applied",
    "purged",
    "put off",
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
#[ignore = "takes minutes and gigabytes"]
fn it_holds_by_night() {
    for scenario in scenarios::nightly() {
        holds(scenario, MOST_STATES_NIGHTLY);
    }
}

#[test]
fn an_outbox_is_written_with_its_transition() {
    breaks(&scenarios::entering(), Broken::OutboxWrittenAfter, Promise::NoneLost);
}

#[test]
fn an_effect_leaves_its_outbox_when_it_is_at_an_end() {
    breaks(&scenarios::entering(), Broken::OutboxClearedFirst, Promise::NoneLost);
}

#[test]
fn an_effect_leaves_its_outbox_for_itself_only() {
    breaks(&scenarios::once_in_days(), Broken::OutboxClearedById, Promise::NoneLost);
}

#[test]
fn what_stood_behind_another_effect_is_come_for() {
    breaks(&scenarios::once_in_days(), Broken::NextForgotten, Promise::WaitingIsHinted);
}

#[test]
fn an_effect_is_noted_before_it_is_sent() {
    breaks(&scenarios::entering(), Broken::NotedAfterRequest, Promise::NeverTwice);
}

#[test]
fn what_somebody_sends_is_left_alone() {
    breaks(&scenarios::entering(), Broken::LeaseIgnored, Promise::NeverTwice);
}

#[test]
fn a_lease_is_as_long_as_a_request_may_be_applied() {
    breaks(&scenarios::entering(), Broken::LeaseTooShort, Promise::AskedInTime);
}

#[test]
fn whose_answer_was_lost_is_not_asked_for_at_once() {
    breaks(&scenarios::entering(), Broken::AskedAtOnce, Promise::AskedInTime);
}

#[test]
fn what_may_have_happened_has_not_failed() {
    breaks(&scenarios::entering(), Broken::OpenTakenForFailed, Promise::NeverTwice);
}

#[test]
fn what_nobody_can_tell_has_not_failed() {
    breaks(&scenarios::parking(), Broken::UntoldTakenForFailed, Promise::NeverTwice);
}

#[test]
fn an_effect_is_noted_as_sent_by_one() {
    breaks(&scenarios::entering(), Broken::SentBlindly, Promise::NeverTwice);
}

#[test]
fn what_became_of_an_effect_is_noted_once() {
    breaks(&scenarios::entering(), Broken::EndedBlindly, Promise::EndsStay);
}

#[test]
fn revisions_go_on_where_an_effect_counts_anew() {
    breaks(&scenarios::once_in_days(), Broken::RevisionBeginsAnew, Promise::EndsStay);
}

#[test]
fn who_must_look_again_is_nudged_before_the_row() {
    breaks(&scenarios::entering(), Broken::RowBeforeNudge, Promise::WaitingIsHinted);
}

#[test]
fn what_a_dead_run_was_sending_is_come_for_again() {
    breaks(&scenarios::entering(), Broken::LeaseForgotten, Promise::WaitingIsHinted);
}

#[test]
fn a_row_that_was_passed_by_is_come_for_again() {
    breaks(&scenarios::entering(), Broken::PassedByForgotten, Promise::WaitingIsHinted);
}

#[test]
fn the_sweep_nudges_for_effects() {
    breaks(&scenarios::entering(), Broken::SweptInSilence, Promise::WaitingIsHinted);
}

#[test]
fn an_owner_waits_until_nothing_can_arrive_any_more() {
    breaks(&scenarios::parking(), Broken::TriedAgainAtOnce, Promise::NeverTwice);
}

#[test]
fn a_walk_finds_what_waits_in_an_outbox() {
    is_caught(&scenarios::entering(), Broken::OutboxNotWalked, STUCK);
}

#[test]
fn what_counts_anew_stands_in_line() {
    breaks(&scenarios::once_in_days(), Broken::OneOfAnId, Promise::NoneLost);
}

#[test]
fn a_late_run_knows_a_row_that_a_later_effect_has() {
    breaks(&scenarios::once_in_days(), Broken::LaterRowMistaken, Promise::NeverTwice);
}

#[test]
fn what_may_be_repeated_may_have_happened() {
    breaks(&scenarios::repeating(), Broken::RepeatableTakenForFailed, Promise::RowsAreTrue);
}

/// Not needed for a right end: where nudges were lost the next walk comes, and by then the wait may be over. It saves
/// the days until then.
#[test]
fn nudging_on_a_walk_for_what_waits_only_saves_time() {
    holds(scenarios::entering().by(Rules::without(Broken::WalkOnlyLooks)), MOST_STATES);
}
