//! Effects: what must happen once. A transition or an event earns an effect, which waits in the person's outbox until its
//! row in the ledger is at an end; the row says what was tried. Both moves and their order are decided here.
//!
//! `Sent` is written before the first byte leaves. So a row that is not there, or `Pending`, was certainly not
//! done, and a row that stays `Sent` was perhaps: it is asked for, and never sent again blindly.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::event::{Details, EventId, EventName};
use super::ids::{ActivationId, AudienceId, FieldName, PersonKey};
use super::standing::{Reason, Trying};
use super::value::Value;

/// What earns an effect of a person at an activation, and how often. From its destination.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earning {
    /// None for most destinations.
    pub on: Vec<Transition>,
    /// How often the same transition counts. An event counts once, whatever this says.
    #[serde(default)]
    pub again: Again,
    /// Which events are told.
    #[serde(default)]
    pub events: Events,
    /// What an event earns.
    #[serde(default)]
    pub events_earn: EventsEarn,
}

/// What an event earns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventsEarn {
    /// That the platform hears of it: in the order in which a person's events came about. Its repeat is known for a month
    /// beyond the retry window.
    #[default]
    Telling,
    /// Something of worth: it waits for no other one, and its repeat is known for ever.
    Reward,
}

impl Earning {
    /// Whether nothing ever earns an effect.
    pub fn is_nothing(&self) -> bool {
        self.on.is_empty() && self.events == Events::None
    }
}

/// Which events of a person are told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Events {
    /// None.
    #[default]
    None,
    /// Whatever the source tells.
    All,
    /// Those of these names.
    Only(#[schemars(with = "BTreeSet<String>")] BTreeSet<EventName>),
}

impl Events {
    /// Whether events of this name are told.
    pub fn include(&self, event: &EventName) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Only(these) => these.contains(event),
        }
    }
}

/// A live change of membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Transition {
    /// From outside to inside.
    Entered,
    /// From inside to outside.
    Left,
}

/// How often the same transition of a person into the same audience counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Again {
    /// Each one.
    #[default]
    EveryTime,
    /// The first one ever.
    Once,
    /// One, and then none for so many days from when it happened.
    OnceInDays(#[schemars(range(min = 1, max = 3650))] u16),
}

/// Names an effect of one person at one activation: `entered:<audience>`, with the time of the transition where
/// each one counts; `event:<name>#<id>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct EffectId(String);

impl EffectId {
    fn new(transition: Transition, audience: &AudienceId, occurred_at: Timestamp, again: Again) -> Self {
        let what = match transition {
            Transition::Entered => "entered",
            Transition::Left => "left",
        };
        Self(match again {
            Again::EveryTime => format!("{what}:{audience}@{occurred_at}"),
            Again::Once | Again::OnceInDays(_) => format!("{what}:{audience}"),
        })
    }

    fn of_event(event: &EventName, id: &EventId) -> Self {
        Self(format!("event:{event}#{id}"))
    }

    /// As it was read from a store or a request; names nothing where it was made up.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EffectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An effect in a person's outbox, written together with what earned it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Earned {
    /// Its id.
    pub id: EffectId,
    /// At which activation.
    pub activation: ActivationId,
    /// By what.
    #[serde(flatten)]
    pub by: EarnedBy,
    /// When it happened at the source.
    pub occurred_at: Timestamp,
}

/// What earned an effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "transition", rename_all = "snake_case")]
pub enum EarnedBy {
    /// The person entered an audience.
    Entered {
        /// Which.
        audience: AudienceId,
        /// What the source added to the membership.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        properties: BTreeMap<FieldName, Value>,
    },
    /// The person left an audience.
    Left {
        /// Which.
        audience: AudienceId,
    },
    /// Something happened to the person.
    Happened {
        /// What.
        event: EventName,
        /// What the source says of it.
        #[serde(default, skip_serializing_if = "Details::is_empty")]
        details: Details,
    },
}

impl Earned {
    /// What a transition earns.
    pub fn by(
        activation: &ActivationId,
        again: Again,
        transition: Transition,
        audience: &AudienceId,
        properties: BTreeMap<FieldName, Value>,
        occurred_at: Timestamp,
    ) -> Self {
        let id = EffectId::new(transition, audience, occurred_at, again);
        let audience = audience.clone();
        let by = match transition {
            Transition::Entered => EarnedBy::Entered { audience, properties },
            Transition::Left => EarnedBy::Left { audience },
        };
        Self { id, activation: activation.clone(), by, occurred_at }
    }

    /// What an event earns.
    pub fn by_event(
        activation: &ActivationId,
        event: &EventName,
        id: &EventId,
        details: &Details,
        occurred_at: Timestamp,
    ) -> Self {
        let by = EarnedBy::Happened { event: event.clone(), details: details.clone() };
        Self { id: EffectId::of_event(event, id), activation: activation.clone(), by, occurred_at }
    }

    /// The transition that earned it, and of which audience.
    pub fn transition(&self) -> Option<(Transition, &AudienceId)> {
        match &self.by {
            EarnedBy::Entered { audience, .. } => Some((Transition::Entered, audience)),
            EarnedBy::Left { audience } => Some((Transition::Left, audience)),
            EarnedBy::Happened { .. } => None,
        }
    }

    /// Whether an event earned it.
    pub fn is_event(&self) -> bool {
        match self.by {
            EarnedBy::Entered { .. } | EarnedBy::Left { .. } => false,
            EarnedBy::Happened { .. } => true,
        }
    }

    /// How often it counts, where transitions count `again`: an event has an id of its own.
    fn again(&self, again: Again) -> Again {
        if self.is_event() { Again::EveryTime } else { again }
    }

    /// Whether it counts although an effect of the same id happened at that time.
    pub fn counts_after(&self, former: Timestamp, again: Again) -> bool {
        match self.again(again) {
            Again::OnceInDays(days) => {
                self.occurred_at >= after(former, SignedDuration::from_hours(i64::from(days) * 24))
            }
            Again::EveryTime | Again::Once => false,
        }
    }
}

/// An effect's row in the ledger. Holds nothing personal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Its id.
    pub id: EffectId,
    /// At which activation.
    pub activation: ActivationId,
    /// Whose.
    pub person: PersonKey,
    /// When the transition happened that this row speaks of.
    pub occurred_at: Timestamp,
    /// Rises with every write; each is conditional on it.
    pub revision: u64,
    /// Where it is.
    pub state: EffectState,
    /// When it got there.
    pub at: Timestamp,
    /// When it was last sent; absent while it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// When it was sent first, where nobody knows what came of that and it is sent again because the vendor knows a
    /// repeat: it may have happened whatever comes of the repeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_since: Option<Timestamp>,
    /// What the vendor said, redacted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub said: String,
    /// The first failure and the tries so far, where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trying: Option<Trying>,
    /// When the store may forget the row; absent where the same transition may never count again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_until: Option<Timestamp>,
}

/// Where an effect is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum EffectState {
    /// It certainly did not happen, and is to be tried again.
    Pending {
        /// The last failure.
        reason: Reason,
        /// Not before this time.
        #[schemars(with = "String")]
        not_before: Timestamp,
    },
    /// Somebody is sending it, or died doing so.
    Sent,
    /// Nobody knows whether it happened.
    Ambiguous {
        /// Why.
        reason: Reason,
        /// When to ask the vendor: nothing can be applied late any more by then.
        #[schemars(with = "String")]
        ask_at: Timestamp,
    },
    /// It happened.
    Confirmed,
    /// It did not, and will not.
    Refused {
        /// Why.
        reason: Reason,
    },
    /// Waits for a person to say what happened, or to try it again.
    Parked {
        /// Why.
        reason: Reason,
    },
}

impl EffectState {
    /// Whether nothing more will be done.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Confirmed | Self::Refused { .. } => true,
            Self::Pending { .. } | Self::Sent | Self::Ambiguous { .. } | Self::Parked { .. } => false,
        }
    }

    /// Whether owners are shown it in a list.
    pub fn is_listed(&self) -> bool {
        match self {
            Self::Ambiguous { .. } | Self::Parked { .. } => true,
            Self::Pending { .. } | Self::Sent | Self::Confirmed | Self::Refused { .. } => false,
        }
    }
}

/// What somebody who finds an effect in an outbox does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// Write `Sent`, and send it.
    Send,
    /// Ask the vendor whether it happened.
    Ask,
    /// Look again at this time.
    Wait(Timestamp),
    /// A person has to look at it first.
    Rest,
    /// Take it out of the outbox.
    Remove,
}

/// Times and bounds that effects are judged by.
#[derive(Debug, Clone, Copy)]
pub struct EffectTimes {
    /// The longest run plus the longest late application: older than this, `Sent` is nobody's any more, and
    /// what is not there will not come.
    pub settled_after: SignedDuration,
    /// How long it is tried from the first failure.
    pub window: SignedDuration,
    /// How often the same transition counts.
    pub again: Again,
    /// What an event earns.
    pub events_earn: EventsEarn,
}

/// The mark that a vendor told of the effect with this reference of ours.
pub fn echo(reference: &str) -> String {
    format!("echo/{reference}")
}

/// How long the row of an effect of which each one counts is kept beyond the retry window.
const KEPT: SignedDuration = SignedDuration::from_hours(31 * 24);

/// What is to be done about an earned effect, given its row.
pub fn next(earned: &Earned, row: Option<&Effect>, times: &EffectTimes, now: Timestamp) -> Move {
    let Some(row) = row else { return Move::Send };
    // A later one of the same id has the row: this one came to its end since the outbox was read.
    if row.occurred_at > earned.occurred_at {
        return Move::Remove;
    }
    match &row.state {
        EffectState::Pending { not_before, .. } if *not_before > now => Move::Wait(*not_before),
        EffectState::Pending { .. } => Move::Send,
        EffectState::Sent => ask_at(row, times, now),
        EffectState::Ambiguous { ask_at, .. } if *ask_at > now => Move::Wait(*ask_at),
        EffectState::Ambiguous { .. } => Move::Ask,
        EffectState::Parked { .. } => Move::Rest,
        EffectState::Confirmed | EffectState::Refused { .. } if earned.counts_after(row.occurred_at, times.again) => {
            Move::Send
        }
        EffectState::Confirmed | EffectState::Refused { .. } => Move::Remove,
    }
}

fn ask_at(row: &Effect, times: &EffectTimes, now: Timestamp) -> Move {
    let settled_at = after(row.sent_at.unwrap_or(row.at), times.settled_after);
    if settled_at > now { Move::Wait(settled_at) } else { Move::Ask }
}

fn after(at: Timestamp, duration: SignedDuration) -> Timestamp {
    at.saturating_add(duration).unwrap_or(Timestamp::MAX)
}

/// What came of sending an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Performed {
    /// It happened.
    Done {
        /// What the vendor said, redacted.
        said: String,
    },
    /// It did not, and will not.
    Refused {
        /// Why.
        reason: Reason,
    },
    /// It certainly did not happen: again after `wait`.
    Failed {
        /// Why.
        reason: Reason,
        /// How long to wait.
        wait: SignedDuration,
    },
    /// Nothing was sent, for lack of a token or of time. Not a try.
    PutOff {
        /// Not before this time.
        until: Timestamp,
    },
    /// Nobody knows.
    Open {
        /// Why.
        reason: Reason,
    },
}

/// What came of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// It happened.
    Happened {
        /// What the vendor said, redacted.
        said: String,
    },
    /// It did not, and nothing is on its way.
    DidNot,
    /// The vendor knows a repeat: it may be sent again whether it did or not.
    Repeatable,
    /// The vendor could not say now: again after `wait`.
    NotNow {
        /// Why.
        reason: Reason,
        /// How long to wait.
        wait: SignedDuration,
    },
    /// There is nobody to ask, or the vendor cannot tell.
    Nobody {
        /// Why.
        reason: Reason,
    },
}

impl Effect {
    /// The row as it is to be written before the first byte leaves; `row` is the one that was read.
    pub fn sending(
        earned: &Earned,
        person: PersonKey,
        row: Option<&Effect>,
        times: &EffectTimes,
        now: Timestamp,
    ) -> Self {
        // It rises even where the effect counts anew: whoever read the row at its former end may be late.
        let revision = row.map_or(0, |row| row.revision) + 1;
        let row = row.filter(|row| !row.state.is_final());
        let kept_until = match earned.again(times.again) {
            Again::EveryTime if earned.is_event() && times.events_earn == EventsEarn::Reward => None,
            Again::EveryTime => Some(after(now, times.window + KEPT)),
            Again::OnceInDays(days) => {
                let period = SignedDuration::from_hours(i64::from(days) * 24);
                Some(after(earned.occurred_at.max(now), period + times.window + KEPT))
            }
            Again::Once => None,
        };
        Self {
            id: earned.id.clone(),
            activation: earned.activation.clone(),
            person,
            occurred_at: earned.occurred_at,
            revision,
            state: EffectState::Sent,
            at: now,
            sent_at: Some(now),
            open_since: row.and_then(|row| row.open_since),
            said: String::new(),
            trying: row.and_then(|row| row.trying),
            kept_until,
        }
    }

    /// The row where something kept it from being sent; `row` is the one that was read.
    pub fn unsent(
        earned: &Earned,
        person: PersonKey,
        row: Option<&Effect>,
        why: &Performed,
        times: &EffectTimes,
        now: Timestamp,
    ) -> Self {
        Self { sent_at: None, ..Self::sending(earned, person, row, times, now).performed(why, times, now) }
    }

    /// The row after it was sent.
    pub fn performed(&self, performed: &Performed, times: &EffectTimes, now: Timestamp) -> Self {
        match performed {
            Performed::Done { said } => Self { said: said.clone(), ..self.moved(EffectState::Confirmed, now) },
            Performed::Refused { reason } => {
                let reason = reason.clone();
                let state = match self.open_since {
                    None => EffectState::Refused { reason },
                    Some(_) => EffectState::Parked { reason },
                };
                self.moved(state, now)
            }
            Performed::Failed { reason, wait } => self.failed(reason, *wait, times, now),
            Performed::PutOff { until } => {
                let reason = Reason::new("put off before it was sent");
                self.moved(EffectState::Pending { reason, not_before: *until }, now)
            }
            Performed::Open { reason } => {
                let ask_at = after(self.sent_at.unwrap_or(now), times.settled_after);
                self.moved(EffectState::Ambiguous { reason: reason.clone(), ask_at }, now)
            }
        }
    }

    /// The row after the vendor was asked.
    pub fn asked(&self, asked: &Asked, times: &EffectTimes, now: Timestamp) -> Self {
        match asked {
            Asked::Happened { said } => Self { said: said.clone(), ..self.moved(EffectState::Confirmed, now) },
            Asked::DidNot => {
                let reason = Reason::new("it was sent and did not arrive");
                self.failed(&reason, SignedDuration::ZERO, times, now)
            }
            Asked::Repeatable => {
                let reason = Reason::new("its answer was lost, and it is sent again");
                let open_since = Some(self.open_since.or(self.sent_at).unwrap_or(self.at));
                Self { open_since, ..self.failed(&reason, SignedDuration::ZERO, times, now) }
            }
            Asked::NotNow { reason, wait } => {
                let tried = self.one_more_try(now);
                if now.duration_since(tried.since) >= times.window {
                    let parked = self.moved(EffectState::Parked { reason: reason.clone() }, now);
                    return Self { trying: Some(tried), ..parked };
                }
                let state = EffectState::Ambiguous { reason: reason.clone(), ask_at: after(now, *wait) };
                Self { trying: Some(tried), ..self.moved(state, now) }
            }
            Asked::Nobody { reason } => self.moved(EffectState::Parked { reason: reason.clone() }, now),
        }
    }

    /// The row after a person said what to do with it.
    ///
    /// # Errors
    /// Where it is not theirs to say, or not yet: see [`NotTheirs`].
    pub fn settled_by_hand(&self, word: Word, now: Timestamp) -> Result<Self, NotTheirs> {
        let state = match (&self.state, word) {
            (EffectState::Ambiguous { ask_at, .. }, Word::TryAgain) if *ask_at > now => {
                return Err(NotTheirs::Before(*ask_at));
            }
            (EffectState::Ambiguous { .. } | EffectState::Parked { .. }, Word::Happened) => EffectState::Confirmed,
            (EffectState::Ambiguous { .. } | EffectState::Parked { .. }, Word::GiveUp) => {
                EffectState::Refused { reason: Reason::new("given up by hand") }
            }
            (EffectState::Ambiguous { .. } | EffectState::Parked { .. }, Word::TryAgain) => {
                EffectState::Pending { reason: Reason::new("to be tried again by hand"), not_before: now }
            }
            (
                EffectState::Pending { .. } | EffectState::Sent | EffectState::Confirmed | EffectState::Refused { .. },
                Word::Happened | Word::TryAgain | Word::GiveUp,
            ) => return Err(NotTheirs::Known),
        };
        Ok(Self { said: "settled by hand".to_owned(), open_since: None, trying: None, ..self.moved(state, now) })
    }

    fn failed(&self, reason: &Reason, wait: SignedDuration, times: &EffectTimes, now: Timestamp) -> Self {
        let tried = self.one_more_try(now);
        let reason = reason.clone();
        let state = if now.duration_since(tried.since) >= times.window {
            EffectState::Parked { reason }
        } else {
            EffectState::Pending { reason, not_before: after(now, wait) }
        };
        Self { trying: Some(tried), ..self.moved(state, now) }
    }

    fn one_more_try(&self, now: Timestamp) -> Trying {
        self.trying.map_or(Trying { since: now, attempts: 1 }, |trying| Trying {
            attempts: trying.attempts.saturating_add(1),
            ..trying
        })
    }

    fn moved(&self, state: EffectState, now: Timestamp) -> Self {
        Self { state, at: now, revision: self.revision + 1, ..self.clone() }
    }
}

/// Why an effect is not a person's to settle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotTheirs {
    /// There is nothing to say.
    #[error("the effect is neither ambiguous nor parked")]
    Known,
    /// What was sent may still arrive, although the vendor does not show it: sent again, it would happen twice.
    #[error("what was sent may still arrive: it can be tried again after {0}")]
    Before(Timestamp),
}

/// What a person says of an effect that is parked or ambiguous.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// It did happen.
    Happened,
    /// It did not: try again.
    TryAgain,
    /// It did not, and shall not.
    GiveUp,
}

#[cfg(test)]
mod tests;
