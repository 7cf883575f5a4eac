//! The simulation: the handlers themselves, on ports in memory, driven by one seed, while stores fail, messages are
//! lost and doubled, processes die, and vendors do what vendors do.
//!
//! A seed makes a [plan](mod@plan): people, changes, what the owner does, what goes wrong. A world carries it out
//! one step at a time, looks at promises at every write, then lets everything heal and come to rest, and compares
//! vendors and rows with a naive reading of the changes ([truth](mod@truth)). The same seed is the same world, step by step.
//!
//! `MUSTER_SEED=17 MUSTER_SEEDS=1 MUSTER_STORY=1 cargo test -p muster-simulation --test seeds` tells one.

pub mod broken;
pub mod chance;
mod destination;
mod exec;
pub mod fault;
pub mod invariant;
mod known;
pub mod plan;
mod ports;
mod rest;
mod run;
mod secrecy;
pub mod stage;
pub mod truth;
pub mod vendor;
mod watch;
mod worker;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use jiff::SignedDuration;

pub use broken::Broken;
pub use fault::{Fault, Tally};
pub use invariant::{Invariant, Violation};
pub use plan::{Plan, plan};
pub use stage::Telling;

use run::Run;
use stage::Stage;
use world::World;

/// What came of a seed.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// How often each kind of fault struck.
    pub tally: Tally,
    /// The first promise that was broken.
    pub violation: Option<Violation>,
    /// Steps that tasks took.
    pub steps: u64,
    /// Everything that happened, as a number.
    pub hash: u64,
    /// What happened last, where that was asked for.
    pub story: Vec<String>,
}

/// Runs a seed, with a rule left out or none.
pub fn simulate(seed: u64, broken: Option<Broken>, telling: Telling) -> Outcome {
    let plan = Arc::new(plan(seed));
    let stage = Arc::new(Stage::new(Arc::clone(&plan), broken, telling));
    let reader = secrecy::Reader::new(Arc::clone(&stage));
    let run = || tracing::subscriber::with_default(reader, || at_once(live(&plan, &stage)));
    if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
        let said = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        stage.broke(Invariant::NoPanic, || said.unwrap_or("without a word").to_owned());
    }
    let (tally, violation) = (stage.tally(), stage.violation());
    Outcome { seed, tally, violation, steps: stage.steps(), hash: stage.hash(), story: stage.story() }
}

async fn live(plan: &Plan, stage: &Arc<Stage>) {
    let world = World::open(plan, Arc::clone(stage)).await;
    let mut run = Run::new(plan, world);
    let spells = plan.spells.iter().map(|spell| spell.until);
    let mut end = spells.chain(plan.requests.iter().map(|one| one.at)).max().unwrap_or(plan.start);
    // Until everything was said, however often it had to be said again.
    while !stage.is_over() && (stage.now() < end || !run.is_told()) {
        run.go(end).await;
        end = end.max(stage.now()) + SignedDuration::from_mins(5);
        if run.is_told() {
            break;
        }
    }
    run.rest().await;
}

/// The world outside of its tasks waits for nothing: what would make it wait is an error in the simulation.
fn at_once<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}
