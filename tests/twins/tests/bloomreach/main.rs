//! The twin of Bloomreach, called in the same process and over real HTTP.
#![expect(clippy::unwrap_used, reason = "in a test that is how to fail")]

mod access;
mod batches;
mod customers;
mod door;
mod doubles;
mod faults;
mod limits;
mod order;
mod receiver;
mod singles;
mod strictness;
mod support;
mod webhooks;
