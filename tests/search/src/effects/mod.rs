//! What must happen once, on its way from the transition that earns it to its end: everything that sources, ingest,
//! queue, runs, vendor, owner, sweep, catch-up and clock can do, in any order and with faults, around Muster's own
//! decisions.
//!
//! Left out: the records that the same runs send (they are [`crate::delivery`]), stopped activations (they wait for a
//! walk, as after a loss of messages), batches (one effect at a time is the finer order), and rows of the ledger that
//! the store forgets.

pub mod decisions;
pub mod promises;
pub mod rules;
mod run;
pub mod scenario;
pub mod scenarios;
pub mod state;
pub mod step;
pub mod world;

pub use promises::Promise;
pub use rules::{Broken, Rules};
pub use scenario::Scenario;
pub use world::World;
