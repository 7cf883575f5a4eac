//! Stand-ins ("twins") for vendor APIs, for tests only.
//!
//! A twin is written from the vendor's documentation alone and keeps state, so a test asserts on
//! what ended up at the vendor, not on which calls were made. Where the documentation is silent the
//! default is the strictest or most harmful reading: a client that passes is safe.

pub mod clock;
pub mod heyloyalty;
pub mod webhook;
mod wire;
