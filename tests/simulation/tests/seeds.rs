//! Seed after seed: every promise holds, every kind of fault strikes, and a seed is the same each time.

use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use muster_simulation::{Fault, Outcome, Tally, Telling, plan, simulate};

/// As many as every run of the tests has time for. Fewer would leave the rarest faults out.
const SEEDS: u64 = 10_000;

fn number(name: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "the command that runs the tests says which seeds")]
    let value = std::env::var(name);
    value.ok().map(|text| text.parse().expect("a number"))
}

/// Past what catches a test's output.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn tell(outcome: &Outcome) -> String {
    let Outcome { seed, violation, .. } = outcome;
    let violation = violation.as_ref().map_or_else(String::new, ToString::to_string);
    format!(
        "seed {seed}: {violation}\nagain, with its story: MUSTER_SEED={seed} MUSTER_SEEDS=1 MUSTER_STORY=1 cargo test \
         -p muster-simulation --test seeds every_promise_holds"
    )
}

#[test]
fn every_promise_holds() {
    let first = number("MUSTER_SEED").unwrap_or(1);
    let count = number("MUSTER_SEEDS").unwrap_or(SEEDS);
    let telling = if number("MUSTER_STORY").is_some() { Telling::Story } else { Telling::Hash };
    let most_failures = number("MUSTER_FAILURES").unwrap_or(1);
    let next = AtomicU64::new(first);
    let tally = Mutex::new(Tally::default());
    let failed = Mutex::new(Vec::new());
    let began = std::time::Instant::now();
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let is_enough = failed.lock().unwrap_or_else(PoisonError::into_inner).len() as u64 >= most_failures;
            if seed >= first + count || is_enough {
                return;
            }
            let outcome = simulate(seed, None, telling);
            assert!(outcome.violation.is_some() || outcome.tally.sum() >= 3, "seed {seed} has too few faults");
            tally.lock().unwrap_or_else(PoisonError::into_inner).add(&outcome.tally);
            if number("MUSTER_STEPS").is_some() {
                say(&format!("seed {seed}: {} steps", outcome.steps));
            }
            if outcome.violation.is_some() {
                outcome.story.iter().for_each(|line| say(line));
                say(&tell(&outcome));
                failed.lock().unwrap_or_else(PoisonError::into_inner).push(tell(&outcome));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    say(&format!("{count} seeds from {first} in {:.1} s\n{tally}", began.elapsed().as_secs_f64()));
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    if count >= SEEDS {
        let absent: Vec<_> = Fault::ALL.iter().filter(|fault| tally.of(**fault) == 0).collect();
        assert!(absent.is_empty(), "never struck: {absent:?}");
    }
}

#[test]
fn a_seed_is_the_same_each_time() {
    for seed in [3, 5, 8, 13, 21] {
        let [one, other] = [(); 2].map(|()| simulate(seed, None, Telling::Hash));
        assert_eq!(one.hash, other.hash, "seed {seed}");
        assert_eq!(one.tally, other.tally, "seed {seed}");
    }
    assert_ne!(simulate(3, None, Telling::Hash).hash, simulate(5, None, Telling::Hash).hash);
}

#[test]
fn a_plan_is_large_enough() {
    for seed in 1..200 {
        let plan = plan(seed);
        assert!(plan.people >= 20 && plan.changes.len() >= 100, "seed {seed}");
    }
}
