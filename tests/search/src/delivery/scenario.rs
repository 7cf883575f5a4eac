//! What a search is about: an activation, one or two people, and the changes that come in any order.

use muster::model::pending::RecordShape;
use muster::model::{Activation, Change, Identifier, PersonKey, RecordId};
use serde_json::json;

use super::rules::Rules;
use crate::facts;

/// What is searched, and how far.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// What a record is.
    pub shape: RecordShape,
    /// Who there is.
    pub people: Vec<PersonKey>,
    /// Every record that a person may have.
    pub records: Vec<RecordId>,
    /// Every key.
    pub keys: Vec<Identifier>,
    /// Changes that were delivered before the search begins.
    pub before: Vec<Change>,
    /// Changes that come, in any order.
    pub changes: Vec<Change>,
    /// Faults that happen at most, of all kinds together.
    pub faults: u8,
    /// Runs at the same time.
    pub workers: usize,
    /// Whether ingest reads and writes in two steps.
    pub ingest: Ingest,
    /// Which steps are taken together.
    pub haste: Haste,
    /// By which rules.
    pub rules: Rules,
}

/// How ingest writes a row. Only its condition makes reading and writing one step: where that is not in
/// question, it is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ingest {
    /// In one step.
    AtOnce,
    /// Reads first, and writes later what it made of that.
    InTwoSteps,
}

/// Which steps are taken together once no fault is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Haste {
    /// None.
    Never,
    /// A step and the messages that follow it.
    WithMessages,
    /// Also those that only flights show: nobody's key changes, so nobody looks at flights.
    FlightsUnseen,
}

impl Scenario {
    /// The activation that everybody is sent for.
    pub fn activation(&self) -> Activation {
        facts::activation(self.before.iter().chain(&self.changes), json!({}))
    }

    /// The same by other rules.
    pub fn by(&self, rules: Rules) -> Self {
        Self { rules, ..self.clone() }
    }
}
