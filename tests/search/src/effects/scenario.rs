//! What a search is about: one person, the changes that come in any order, and what the destination can say.

use muster::model::effect::Again;
use muster::model::{Activation, Change, Earned, Transition};
use serde_json::json;

use super::rules::Rules;
use super::state::MOST;
use crate::facts;

/// What is searched, and how far.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// What the destination can do where an answer was lost.
    pub in_doubt: InDoubt,
    /// Which transitions earn an effect.
    pub on: &'static [Transition],
    /// How often the same one counts.
    pub again: Again,
    /// Changes that come, in any order.
    pub changes: Vec<Change>,
    /// Faults that happen at most, of all kinds together.
    pub faults: u8,
    /// Words that the owner says at most.
    pub words: u8,
    /// Runs at the same time.
    pub workers: usize,
    /// By which rules.
    pub rules: Rules,
}

/// What a destination can do where an answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InDoubt {
    /// It says whether it has the effect.
    Tells,
    /// It knows a repeat by its reference.
    KnowsRepeats,
    /// Neither.
    CannotTell,
}

impl Scenario {
    /// The activation at which transitions earn effects.
    pub fn activation(&self) -> Activation {
        let long_before = facts::now() - jiff::SignedDuration::from_hours(24 * 365);
        let earning = json!({ "on": self.on, "again": self.again });
        facts::activation(self.changes.iter(), json!({ "earning": earning, "activated_at": long_before }))
    }

    /// What each change earns where it is a transition; nothing where it cannot be one.
    ///
    /// # Panics
    /// Where there are more than [`MOST`].
    pub fn earned(&self) -> Vec<Option<Earned>> {
        let activation = self.activation();
        let earned = self.changes.iter().map(|change| {
            let (transition, audience) =
                facts::transition_of(change).filter(|(transition, _)| self.on.contains(transition))?;
            let properties = Default::default();
            Some(Earned::by(&activation.id, self.again, transition, audience, properties, change.occurred_at))
        });
        let earned: Vec<_> = earned.collect();
        assert!(earned.len() <= MOST, "{} changes are too many", earned.len());
        earned
    }

    /// The same by other rules.
    pub fn by(&self, rules: Rules) -> Self {
        Self { rules, ..self.clone() }
    }
}
