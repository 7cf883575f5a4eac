//! What the twin counts.

use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Serialize};

use crate::traffic::Traffic;

/// Counts since the start or the last reset. Side-door writes count nowhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Requests for a token, refused ones included.
    pub token_requests: u64,
    /// Tokens issued.
    pub tokens_issued: u64,
    /// Requests that brought a cookie back.
    pub cookies_returned: u64,
    /// Data loads accepted.
    pub loads: u64,
    /// Records of the root table accepted.
    pub root_records: u64,
    /// Records accepted through a join.
    pub joined_records: u64,
    /// Records refused or silently passed over among others of their call.
    pub bad_records: u64,
    /// Blank values accepted, which only `_insertNull` makes anything of.
    pub blanks: u64,
    /// Rows that loads and imports inserted.
    pub rows_inserted: u64,
    /// Rows that loads and imports updated.
    pub rows_updated: u64,
    /// Records that were accepted and did not become a row.
    pub rows_dropped: u64,
    /// Values that were accepted and dropped for what they are.
    pub values_dropped: u64,
    /// Preference columns written to.
    pub preference_writes: u64,
    /// Preference columns turned from opted out to opted in.
    pub opted_in_again: u64,
    /// Banned addresses loaded because of `_ignoreBanList`.
    pub banned_loaded: u64,
    /// Imports accepted.
    pub imports: u64,
    /// Rows of accepted imports that do not fail, dropped ones included.
    pub imported_rows: u64,
    /// What every twin counts.
    #[serde(flatten)]
    pub traffic: Traffic,
}

impl Deref for Counters {
    type Target = Traffic;

    fn deref(&self) -> &Traffic {
        &self.traffic
    }
}

impl DerefMut for Counters {
    fn deref_mut(&mut self) -> &mut Traffic {
        &mut self.traffic
    }
}
