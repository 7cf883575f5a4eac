//! With one rule left out a named promise breaks: no promise is there that cannot.

use muster_simulation::{Broken, Telling, simulate};

/// Within so many seeds.
const SEEDS: u64 = 400;

#[test]
fn every_rule_is_needed() {
    let mut missed = Vec::new();
    for broken in Broken::ALL {
        let first = (1..=SEEDS).find_map(|seed| Some((seed, simulate(seed, Some(*broken), Telling::Hash).violation?)));
        match first {
            Some((_, violation)) if violation.invariant == broken.breaks() => {}
            Some((seed, violation)) => missed.push(format!("{broken:?}: seed {seed} breaks {violation}")),
            None => missed.push(format!("{broken:?}: nothing breaks in {SEEDS} seeds")),
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}
