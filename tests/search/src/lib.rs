//! An exhaustive search over the protocol: every order of events in a small model, around the functions that
//! Muster itself decides with.
//!
//! A model is a module of its own that implements [`search::Model`]; the search knows none of them.
//! [`delivery`] is the state on its way to a destination, [`effects`] the ledger of what must happen once.

pub mod delivery;
pub mod effects;
pub mod facts;
pub mod rules;
pub mod search;
pub mod table;
pub mod vendor;
