//! What a run decides about effects, without its I/O: what keeps one from being sent, what an answer means, who
//! must look again after a write, what leaves an outbox. Which move is next is in [`crate::model::effect`].

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::delivery::plan::SUPPRESSED;
use crate::delivery::settle::NO_KEY;
use crate::destination::{Applied, Failure, Performance, Testimony};
use crate::model::budget::{Ask, Budget, Spend};
use crate::model::effect::{Asked, EventsEarn, Move, Performed};
use crate::model::{
    Activation, ActivationId, AuthorizationId, Earned, Effect, EffectId, EffectState, Identifier, Person, PersonKey,
};
use crate::model::{Lane, Reason, RunId};
use crate::ports::PersonWrite;

/// How often a row that others write is read again for its outbox. Whoever looks next removes what stayed.
pub const ROUNDS: usize = 3;

/// An effect that waits in an outbox, with what of its person matters.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    /// Whose.
    pub person: PersonKey,
    /// Which.
    pub earned: Earned,
    /// By which key the destination knows the person.
    pub key: Option<Identifier>,
    /// Whether it may be told.
    pub withheld: Withheld,
}

/// Whether an effect may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withheld {
    /// It may.
    No,
    /// The person must not be targeted.
    Suppressed,
}

/// Why an activation paused.
pub const AT_THE_CAP: &str = "as many effects as its settings allow in an hour or a day have happened; what waits is counted \
                              as effects_open: let it go on, or allow more";

/// What is asked of a cap, and under which name it is counted: anew whenever the owner lets the activation go on, so that
/// this allows as many again. An authorization that fails and works again is no such word.
pub fn cap_of(activation: &Activation, cap: Budget, want: usize, now: Timestamp) -> (AuthorizationId, Spend) {
    let name = format!("{}:{}", activation.approvals, activation.id);
    let digest = hex::encode(Sha256::digest(name.as_bytes()));
    let account =
        format!("cap.{}", digest.get(..32).unwrap_or(&digest)).parse().expect("hexadecimal digits are a slug");
    let want = u32::try_from(want).unwrap_or(u32::MAX);
    // Nothing is under way at the same time as far as this is concerned, and nobody waits.
    let (run, patience) = (RunId(0), SignedDuration::ZERO);
    (account, Spend::Take(Ask { budget: cap, lane: Lane::Live, want, run, ends_at: now, patience }))
}

/// Effects that are at an end: the same id may stand for another one later.
pub type Ended = BTreeSet<(EffectId, Timestamp)>;

/// What waits in the outbox of a row for an activation. Of several of one id it is the first: they share a row of the
/// ledger.
pub fn waiting(person: &Person, activation: &Activation) -> Vec<Waiting> {
    let key = person.key_at(&activation.person_identifier);
    let withheld = if person.is_suppressed() { Withheld::Suppressed } else { Withheld::No };
    let mut known = BTreeSet::new();
    let earned = person.outbox.iter().filter(|earned| earned.activation == activation.id);
    let first = earned.filter(|earned| known.insert(&earned.id));
    first.map(|earned| Waiting { person: person.key, earned: earned.clone(), key: key.clone(), withheld }).collect()
}

impl Waiting {
    /// By which key it is sent; else what becomes of it unsent.
    ///
    /// # Errors
    /// With what is noted instead.
    pub fn to_send(&self, wait: impl FnOnce() -> SignedDuration) -> Result<Identifier, Performed> {
        match (&self.key, self.withheld) {
            (_, Withheld::Suppressed) => Err(Performed::Refused { reason: Reason::new(SUPPRESSED) }),
            (None, Withheld::No) => Err(Performed::Failed { reason: Reason::new(NO_KEY), wait: wait() }),
            (Some(key), Withheld::No) => Ok(key.clone()),
        }
    }

    /// By which key it is asked for. It was sent under a key that may be gone: without one there is nobody to ask
    /// about.
    ///
    /// # Errors
    /// With what is noted instead.
    pub fn to_ask(&self, wait: impl FnOnce() -> SignedDuration) -> Result<Identifier, Asked> {
        self.key.clone().ok_or_else(|| Asked::NotNow { reason: Reason::new(NO_KEY), wait: wait() })
    }
}

/// Who sees to it that somebody looks again at an effect that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookout {
    /// Whoever found it: its writer may be dead.
    Finder,
    /// Its writer did: who waits is only looked at.
    Writer,
    /// Whoever found it, once for each person: nudges may have been dropped where a walk comes.
    Walk,
}

/// Who sees to an effect with this row, found on this lane.
pub fn lookout(row: Option<&Effect>, lane: Lane) -> Lookout {
    match (row.map(|row| &row.state), lane) {
        (Some(EffectState::Sent), _) => Lookout::Finder,
        (_, Lane::Bulk) => Lookout::Walk,
        (_, Lane::Live) => Lookout::Writer,
    }
}

/// Whether what happened to the person later is told behind this effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldsUp {
    /// It is not.
    Nobody,
    /// It is: this one certainly did not happen and is tried again.
    Later,
    /// It is, for a moment: somebody is telling of this one.
    ForNow,
}

/// Whether an effect that was just sent certainly did not happen, and is sent again: what happened later waits for it.
pub fn is_tried_again(state: &EffectState) -> bool {
    match state {
        EffectState::Pending { .. } => true,
        EffectState::Sent
        | EffectState::Ambiguous { .. }
        | EffectState::Confirmed
        | EffectState::Refused { .. }
        | EffectState::Parked { .. } => false,
    }
}

/// How long somebody takes who is telling of an effect, mostly.
pub const SOON: SignedDuration = SignedDuration::from_secs(5);

/// Whether an effect is told in the order in which its person's came about. A reward does not wait for another one.
pub fn is_told_in_order(earned: &Earned, events_earn: EventsEarn) -> bool {
    match events_earn {
        EventsEarn::Telling => earned.is_event(),
        EventsEarn::Reward => false,
    }
}

/// Whether later ones of its person, told in order as it is, wait for an effect with this row, of which `next` is to be
/// done. What nobody knows of holds up nobody: it may take days.
pub fn holds_up(row: Option<&Effect>, next: Move) -> HoldsUp {
    match (row.map(|row| &row.state), next) {
        (Some(EffectState::Pending { .. }), Move::Wait(_)) => HoldsUp::Later,
        (Some(EffectState::Sent), Move::Wait(_)) => HoldsUp::ForNow,
        (_, Move::Send | Move::Ask | Move::Wait(_) | Move::Rest | Move::Remove) => HoldsUp::Nobody,
    }
}

/// What the destination's answer to an effect means. `wait` rolls how long is waited at least so long.
pub fn judge(
    performance: Option<&Performance>,
    now: Timestamp,
    wait: impl FnOnce(Option<SignedDuration>) -> SignedDuration,
) -> Performed {
    let failure = match performance {
        Some(Performance::Done { said }) => return Performed::Done { said: said.clone() },
        Some(Performance::Failed(failure)) => failure,
        None => return Performed::Open { reason: Reason::new("the destination gave no answer") },
    };
    match failure {
        Failure::Retryable { reason, applied: Applied::Open } => Performed::Open { reason: reason.clone() },
        Failure::Retryable { reason, applied: Applied::No } => {
            Performed::Failed { reason: reason.clone(), wait: wait(None) }
        }
        Failure::RateLimited { retry_after } => {
            Performed::Failed { reason: Reason::new(failure.to_string()), wait: wait(*retry_after) }
        }
        Failure::PutOff { .. } => Performed::PutOff { until: put_off_until(failure, now) },
        Failure::Rejected { reason } => Performed::Refused { reason: reason.clone() },
        Failure::Unauthorized { .. } | Failure::Misconfigured { .. } => Performed::PutOff { until: now },
    }
}

/// What the destination's testimony means.
///
/// # Errors
/// With the time to ask again: the question was not put.
pub fn hear(
    testimony: &Result<Testimony, Failure>,
    now: Timestamp,
    wait: impl FnOnce(Option<SignedDuration>) -> SignedDuration,
) -> Result<Asked, Timestamp> {
    match testimony {
        Ok(Testimony::Present { said }) => Ok(Asked::Happened { said: said.clone() }),
        Ok(Testimony::Absent) => Ok(Asked::DidNot),
        Ok(Testimony::Repeatable) => Ok(Asked::Repeatable),
        Ok(Testimony::Untellable { reason }) => Ok(Asked::Nobody { reason: reason.clone() }),
        Err(Failure::Retryable { reason, .. } | Failure::Rejected { reason }) => {
            Ok(Asked::NotNow { reason: reason.clone(), wait: wait(None) })
        }
        Err(failure @ Failure::RateLimited { retry_after }) => {
            Ok(Asked::NotNow { reason: Reason::new(failure.to_string()), wait: wait(*retry_after) })
        }
        Err(failure @ Failure::PutOff { .. }) => Err(put_off_until(failure, now)),
        Err(Failure::Unauthorized { .. } | Failure::Misconfigured { .. }) => Err(now),
    }
}

/// Whether a failure stops the run.
pub fn stops(failure: &Failure) -> bool {
    match failure {
        Failure::Unauthorized { .. } | Failure::Misconfigured { .. } => true,
        Failure::Retryable { .. } | Failure::RateLimited { .. } | Failure::PutOff { .. } | Failure::Rejected { .. } => {
            false
        }
    }
}

/// When what was put off is looked at again.
pub fn put_off_until(failure: &Failure, now: Timestamp) -> Timestamp {
    let least = now.saturating_add(SignedDuration::from_secs(1)).unwrap_or(now);
    match failure {
        Failure::PutOff { until } => (*until).max(least),
        Failure::Retryable { .. }
        | Failure::RateLimited { .. }
        | Failure::Rejected { .. }
        | Failure::Unauthorized { .. }
        | Failure::Misconfigured { .. } => least,
    }
}

/// When somebody must look again at a row. They are nudged before it is written: a row that waits for a nudge nobody
/// sent would wait for the catch-up. So whoever finds it waiting need not send another one: looks would multiply.
pub fn looked_at_again(state: &EffectState) -> Option<Timestamp> {
    match state {
        EffectState::Pending { not_before: until, .. } | EffectState::Ambiguous { ask_at: until, .. } => Some(*until),
        EffectState::Sent | EffectState::Confirmed | EffectState::Refused { .. } | EffectState::Parked { .. } => None,
    }
}

/// Whether the wait was over before the row was written: whoever was nudged may have passed it by, and is nudged once
/// more.
pub fn passed_by(state: &EffectState, now: Timestamp) -> Option<Timestamp> {
    looked_at_again(state).filter(|until| *until <= now)
}

/// The row without the effects that are at an end; `None` where it holds none of them.
pub fn cleared(mut person: Person, activation: &ActivationId, ended: &Ended) -> Option<PersonWrite> {
    let (read_sequence, before) = (person.sequence, person.outbox.len());
    let is_ended =
        |earned: &Earned| earned.activation == *activation && ended.contains(&(earned.id.clone(), earned.occurred_at));
    person.outbox.retain(|earned| !is_ended(earned));
    if person.outbox.len() == before {
        return None;
    }
    person.sequence += 1;
    Some(PersonWrite { person, read_sequence })
}

/// Whether an effect stood behind one of these, and is to be looked at once they left the outbox.
pub fn is_next(person: &Person, activation: &ActivationId, ended: &Ended) -> bool {
    let mut outbox = person.outbox.iter().filter(|earned| earned.activation == *activation);
    outbox.any(|earned| ended.iter().any(|(id, _)| *id == earned.id))
}

#[cfg(test)]
mod tests;
