//! The twin of Braze, called in the same process and over real HTTP, with bodies written by hand.
#![expect(clippy::unwrap_used, reason = "in a test that is how to fail")]

mod access;
mod answers;
mod attributes;
mod bodies;
mod events;
mod faults;
mod limits;
mod people;
mod queue;
mod sockets;
mod support;
mod webhooks;
