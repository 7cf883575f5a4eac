//! The twin of Eagle Eye AIR, called in the same process and over real HTTP, with hashes written by hand.
#![expect(clippy::unwrap_used, reason = "in a test that is how to fail")]

mod door;
mod envelopes;
mod faults;
mod joining;
mod lookups;
mod receiver;
mod references;
mod refusals;
mod sending;
mod shopping;
mod sockets;
mod support;
mod tiers;
mod triggers;
