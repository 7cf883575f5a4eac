//! The intake over folders: batches composed here after the vendor file's examples.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod batches;
mod bench;
mod large;
mod onboarding;
mod random;
mod records;
mod states;
