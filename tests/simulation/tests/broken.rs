//! With one rule left out a named promise breaks: no promise is there that cannot.

use muster_simulation::{Broken, Telling, simulate};

/// Within so many seeds.
const SEEDS: u64 = 200;

#[test]
fn every_rule_is_needed() {
    let missed: Vec<String> = Broken::ALL.iter().filter_map(|broken| miss(*broken)).collect();
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// What broke instead, where the named promise did not.
fn miss(broken: Broken) -> Option<String> {
    let mut others = Vec::new();
    for seed in 1..=SEEDS {
        match simulate(seed, Some(broken), Telling::Hash).violation {
            Some(violation) if violation.invariant == broken.breaks() => return None,
            Some(violation) => others.push(format!("seed {seed}: {violation}")),
            None => {}
        }
    }
    Some(format!("{broken:?} does not break `{}` in {SEEDS} seeds, but {others:?}", broken.breaks()))
}
