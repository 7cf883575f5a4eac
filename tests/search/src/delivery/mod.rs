//! State on its way to one destination: everything that sources, ingest, queue, runs, vendor, sweep and
//! catch-up can do, in any order and with faults, around Muster's own decisions.
//!
//! Left out: stopped activations (their people wait for a walk, as after a loss of messages), imports that
//! land later, parking at the end of the retry window, and batches (an item at a time is the finer order).

pub mod decisions;
pub mod promises;
pub mod rounds;
pub mod rules;
mod run;
pub mod scenario;
pub mod state;
pub mod step;
pub mod world;

pub mod scenarios;

pub use promises::Promise;
pub use rules::{Broken, Rules};
pub use scenario::Scenario;
pub use world::World;
