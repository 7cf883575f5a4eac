//! Whoever was inside an audience before entering it earned anything: an owner may have them earn it, once the number is
//! known and confirmed. It is a walk of its own, in two parts: one counts, the other does it, for no more than were
//! confirmed.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::activation::Activation;
use super::effect::{Earned, Effect, EffectTimes, Move, Transition, next};
use super::ids::AudienceId;
use super::person::{Membership, Person};

/// What a walk over insiders is for, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Insiders {
    /// Of which audience.
    pub audience: AudienceId,
    /// As when they count as having entered. The same for counting and doing, so that nothing is done twice.
    #[schemars(with = "String")]
    pub as_of: Timestamp,
    /// For how many it may be done; absent while they are counted only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<u64>,
    /// How many were found so far who have not earned it, or earn it by this walk.
    pub found: u64,
}

/// How somebody stands to what entering an audience earns.
#[derive(Debug, Clone, PartialEq)]
pub enum Entitled {
    /// Is not inside, must not be targeted, or earned it before.
    No,
    /// Is inside and has not earned it.
    Yes(Earned),
    /// Earns it by this very walk already.
    Already,
}

impl Insiders {
    /// What being inside would earn the person by this walk; nothing where they are not inside or must not be targeted.
    pub fn earned(&self, person: &Person, activation: &Activation) -> Option<Earned> {
        let entry = person.memberships.get(&self.audience)?;
        let Membership::Inside { properties } = &entry.value else { return None };
        if person.is_suppressed() {
            return None;
        }
        let again = activation.earning.again;
        let properties = properties.clone();
        Some(Earned::by(&activation.id, again, Transition::Entered, &self.audience, properties, self.as_of))
    }

    /// How the person stands, given the row of what they would earn.
    pub fn entitles(
        &self,
        person: &Person,
        activation: &Activation,
        row: Option<&Effect>,
        times: &EffectTimes,
    ) -> Entitled {
        let Some(earned) = self.earned(person, activation) else { return Entitled::No };
        let by_this = |at: Timestamp| at == self.as_of;
        let mut waiting = person.outbox.iter().filter(|one| one.activation == activation.id && one.id == earned.id);
        if let Some(waiting) = waiting.next() {
            return if by_this(waiting.occurred_at) { Entitled::Already } else { Entitled::No };
        }
        if row.is_some_and(|row| by_this(row.occurred_at)) {
            return Entitled::Already;
        }
        match next(&earned, row, times, self.as_of) {
            Move::Send => Entitled::Yes(earned),
            Move::Ask | Move::Wait(_) | Move::Rest | Move::Remove => Entitled::No,
        }
    }
}

#[cfg(test)]
mod tests;
