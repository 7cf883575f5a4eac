//! What is searched: small enough to be searched whole, with everything in it that a rule is there for.

use muster::model::Transition;
use muster::model::effect::Again;

use super::rules::Rules;
use super::scenario::{InDoubt, Scenario};
use crate::facts::{at_address, entered, known_by, left, suppressed};

/// Somebody enters, and the destination says whether it has what it was sent.
pub fn entering() -> Scenario {
    Scenario {
        name: "entering",
        in_doubt: InDoubt::Tells,
        on: &[Transition::Entered, Transition::Left],
        again: Again::EveryTime,
        changes: vec![at_address(entered(1, 1, "a"), 1)],
        faults: 2,
        words: 0,
        workers: 2,
        rules: Rules::WHOLE,
    }
}

/// The destination knows a repeat by its reference.
pub fn repeating() -> Scenario {
    Scenario { name: "repeating", in_doubt: InDoubt::KnowsRepeats, ..entering() }
}

/// The destination knows nothing: the owner has the last word.
pub fn parking() -> Scenario {
    Scenario { name: "parking", in_doubt: InDoubt::CannotTell, words: 1, ..entering() }
}

/// Somebody enters and leaves: two effects.
pub fn entering_and_leaving() -> Scenario {
    let changes = vec![at_address(entered(1, 1, "a"), 1), left(1, 2, "a")];
    Scenario { name: "entering and leaving", changes, faults: 1, ..entering() }
}

/// Nobody knows how to reach whoever enters, until somebody does.
pub fn unknown() -> Scenario {
    Scenario { name: "unknown", changes: vec![entered(1, 1, "a"), known_by(1, 2, 1)], faults: 1, ..entering() }
}

/// Whoever enters must not be targeted, as turns out now or later.
pub fn withheld() -> Scenario {
    let changes = vec![at_address(entered(1, 1, "a"), 1), suppressed(1, 2)];
    Scenario { name: "withheld", changes, faults: 1, ..repeating() }
}

/// Somebody enters, leaves, and enters again; only the first time counts.
pub fn once() -> Scenario {
    let changes = vec![at_address(entered(1, 1, "a"), 1), left(1, 2, "a"), entered(1, 3, "a")];
    let on = &[Transition::Entered];
    Scenario { name: "once", on, again: Again::Once, changes, faults: 1, workers: 1, ..entering() }
}

/// The second time is so much later that it counts.
pub fn once_in_days() -> Scenario {
    let day = 24 * 60;
    let changes = vec![at_address(entered(1, 1 - day, "a"), 1), left(1, 2 - day, "a"), entered(1, 1, "a")];
    Scenario { name: "once in days", again: Again::OnceInDays(1), changes, workers: 2, ..once() }
}

/// Small enough for every run of the tests.
pub fn daily() -> Vec<Scenario> {
    vec![entering(), repeating(), parking(), entering_and_leaving(), unknown(), withheld(), once(), once_in_days()]
}

/// More of everything, for as long as a night is.
pub fn nightly() -> Vec<Scenario> {
    let more = |scenario: Scenario| Scenario { faults: scenario.faults + 1, ..scenario };
    let deeper = |scenario: Scenario| Scenario { workers: scenario.workers + 1, ..scenario };
    vec![
        deeper(entering()),
        more(entering()),
        more(repeating()),
        deeper(parking()),
        Scenario { words: 2, ..more(parking()) },
        more(entering_and_leaving()),
        more(unknown()),
        more(withheld()),
        deeper(once()),
        deeper(once_in_days()),
    ]
}
