//! The twin of a webhook receiver, called in the same process and over real HTTP, with signatures
//! written by hand.
#![expect(clippy::unwrap_used, reason = "in a test that is how to fail")]

mod answers;
mod events;
mod faults;
mod late;
mod limits;
mod people;
mod signatures;
mod sockets;
mod strictness;
mod support;
