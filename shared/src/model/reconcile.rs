//! A walk that compares people at rest with what their vendor shows.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::PersonKey;

/// Most people that are named for a difference.
pub const MOST_DIFFERING: usize = 50;

/// What a comparison is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReconcileMode {
    /// To know: nothing is sent.
    Compare,
    /// To put right: whoever differs is sent again, and nobody else.
    Repair,
}

/// How far a comparison is, and what it found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reconciliation {
    /// What it is for.
    pub mode: ReconcileMode,
    /// People compared, each with the same row before and after.
    #[serde(default)]
    pub compared: u64,
    /// People left out because they were not at rest: something of theirs is to be sent, is under way, waits, or
    /// changed while they were compared; or because nothing of theirs was delivered.
    #[serde(default)]
    pub left_out: u64,
    /// People whom the vendor did not let be read.
    #[serde(default)]
    pub unread: u64,
    /// People who differ, by how.
    #[serde(default)]
    pub differing: BTreeMap<DifferenceKind, Differing>,
}

/// How somebody differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// The vendor has nobody under the key.
    Missing,
    /// It shows something else.
    Other,
}

/// People who differ in one way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Differing {
    /// How many.
    pub people: u64,
    /// Some of them, by the keys that stand in queues and logs.
    #[schemars(with = "Vec<String>")]
    pub samples: Vec<PersonKey>,
}

impl Reconciliation {
    /// Of which nothing was done yet.
    pub fn new(mode: ReconcileMode) -> Self {
        Self { mode, compared: 0, left_out: 0, unread: 0, differing: BTreeMap::new() }
    }

    /// Adds somebody who differs.
    pub fn add(&mut self, person: PersonKey, kind: DifferenceKind) {
        let differing = self.differing.entry(kind).or_default();
        differing.people += 1;
        if differing.samples.len() < MOST_DIFFERING {
            differing.samples.push(person);
        }
    }
}
