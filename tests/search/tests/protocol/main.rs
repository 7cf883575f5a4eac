//! The protocol holds, and none of its rules can be left out.

mod delivery;
mod effects;

use std::io::Write as _;

use muster_search::search::{Model, Searched, Violation, search};

/// More is a mistake in a scenario: nobody waits for it.
const MOST_STATES: usize = 2_000_000;
const MOST_STATES_NIGHTLY: usize = 60_000_000;

/// Past what catches a test's output: whoever runs the tests sees how far the search went.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Searches it all; `faults` must have happened somewhere, or the search has not looked at what it is for.
fn holds(model: &impl Model, faults: &[&str], most: usize) {
    let Searched { seen, violation } = search(model, most);
    say(&seen.to_string());
    if let Some(violation) = violation {
        panic!("{}: {violation}", seen.model);
    }
    for fault in faults {
        assert!(seen.counts.get(fault).is_some_and(|count| *count > 0), "{} never saw {fault}", seen.model);
    }
}

/// Something is wrong without `rule`, and it is this promise that says so.
fn is_caught(model: &impl Model, rule: &str, promise: &str) {
    let Searched { seen, violation } = search(model, MOST_STATES);
    let violation = violation.unwrap_or_else(|| panic!("nothing is wrong without this rule: {seen}"));
    let Violation { what, trace } = &violation;
    say(&format!("without {rule}: {what}, after {} steps, {} states", trace.len(), seen.states));
    assert_eq!(violation.what, promise, "{violation}");
}
