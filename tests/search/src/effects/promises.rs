//! What the ledger of effects promises, said of a state.

use std::fmt;

use muster::model::effect::{Again, Transition};
use muster::model::{EffectState, Fact};

use super::decisions::Decisions;
use super::state::{EffectNumber, MOST, Places, State};
use crate::facts;

/// A promise that a state breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Promise {
    /// No effect is counted twice at the vendor, and none that nobody earned.
    NeverTwice,
    /// At rest, whatever was earned was carried out, refused or parked, or is still in the outbox.
    NoneLost,
    /// At rest, where no message was lost, nothing in an outbox waits for the catch-up.
    WaitingIsHinted,
    /// A row at an end changes no more.
    EndsStay,
    /// What is asked for can no longer be applied.
    AskedInTime,
    /// What a row says to have happened or to be refused is so.
    RowsAreTrue,
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NeverTwice => "carried out more often than it was earned",
            Self::NoneLost => "earned and lost",
            Self::WaitingIsHinted => "in the outbox, and nothing leads there but the catch-up",
            Self::EndsStay => "a row at an end was written again",
            Self::AskedInTime => "asked for while it may still be applied",
            Self::RowsAreTrue => "the ledger says what is not so",
        })
    }
}

/// The promise that this state breaks.
pub fn broken(decisions: &Decisions, state: &State) -> Option<Promise> {
    if state.broken.is_some() {
        return state.broken;
    }
    let is_too_often = |place: usize| state.counted[place] > u8::from(state.due.has(place));
    if (0..MOST).any(is_too_often) {
        return Some(Promise::NeverTwice);
    }
    let seen = Seen { decisions, state };
    if !state.is_calm() {
        return None;
    }
    if !seen.rows_are_true() {
        return Some(Promise::RowsAreTrue);
    }
    if !state.is_at_rest() {
        return None;
    }
    let outbox = decisions.outbox(state.row);
    if state.due.iter().any(|place| !seen.is_resolved(place) && !outbox.has(place)) {
        return Some(Promise::NoneLost);
    }
    (!state.is_purged && !seen.is_settled()).then_some(Promise::WaitingIsHinted)
}

/// Whether everything is done.
pub fn is_done(decisions: &Decisions, state: &State) -> bool {
    let seen = Seen { decisions, state };
    state.is_at_rest() && seen.is_settled()
}

/// Whether a change earns something, as a naive reading of what was told has it: the newest fact says who is inside,
/// at a tie leaving wins.
pub fn earns(decisions: &Decisions, state: &State, change: usize) -> bool {
    let changes = &decisions.scenario.changes;
    let is_inside = |places: Places| {
        let of_audience = places.iter().map(|place| &changes[place]);
        let of_audience = of_audience.filter(|one| facts::audience_of(one) == facts::audience_of(&changes[change]));
        let is_entry = |fact: &Fact| matches!(fact, Fact::Entered { .. });
        let newest = of_audience.max_by_key(|one| (one.occurred_at, !is_entry(&one.fact)));
        newest.is_some_and(|one| is_entry(&one.fact))
    };
    let Some(earned) = &decisions.earned[change] else { return false };
    let (before, after) = (state.written, state.written.and(Places::one(change)));
    let happened = match earned.transition() {
        Some((Transition::Entered, _)) => !is_inside(before) && is_inside(after),
        Some((Transition::Left, _)) => is_inside(before) && !is_inside(after),
        None => true,
    };
    let earlier = state.due.iter().filter(|place| decisions.at(*place).id == earned.id);
    let counts = match decisions.scenario.again {
        Again::EveryTime => true,
        Again::Once => earlier.count() == 0,
        Again::OnceInDays(days) => earlier
            .map(|place| decisions.at(place).occurred_at)
            .all(|at| earned.occurred_at.duration_since(at) >= jiff::SignedDuration::from_hours(i64::from(days) * 24)),
    };
    happened && counts
}

/// A state in a few words.
pub fn describe(decisions: &Decisions, state: &State) -> String {
    let rows = state.ledger.iter().filter(|row| **row != EffectNumber::default()).map(|row| said(decisions, *row));
    let waits =
        |queue: &[super::state::Hint]| queue.iter().map(|hint| format!("+{}", hint.wait)).collect::<Vec<_>>().join(" ");
    format!(
        "| outbox {:?} | {} | counted {:?} | messages [{}], {} runs, {} flights, {} late",
        decisions.outbox(state.row).iter().collect::<Vec<_>>(),
        rows.collect::<Vec<_>>().join("; "),
        &state.counted[..decisions.earned.len()],
        waits(&state.queue),
        state.workers.len(),
        state.flights.len(),
        state.late.len(),
    )
}

fn said(decisions: &Decisions, row: EffectNumber) -> String {
    let row = decisions.row(row);
    (*row).as_ref().map_or_else(String::new, |row| {
        let state = match &row.state {
            EffectState::Pending { reason, .. } => format!("pending ({reason})"),
            EffectState::Sent => "sent".to_owned(),
            EffectState::Ambiguous { .. } => "ambiguous".to_owned(),
            EffectState::Confirmed => "confirmed".to_owned(),
            EffectState::Refused { reason } => format!("refused ({reason})"),
            EffectState::Parked { reason } => format!("parked ({reason})"),
        };
        format!("{} r{} {state}", decisions.spoken_of(row), row.revision)
    })
}

struct Seen<'a> {
    decisions: &'a Decisions,
    state: &'a State,
}

/// What the ledger says of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Nothing,
    Open,
    Happened,
    Refused,
    Parked,
}

impl Seen<'_> {
    /// What the ledger says of this very one, not of one with the same id.
    fn says(&self, place: usize) -> Says {
        let row = self.decisions.row(self.state.ledger[self.decisions.slot(place)]);
        let Some(row) = (*row).as_ref().filter(|row| row.occurred_at == self.decisions.at(place).occurred_at) else {
            return Says::Nothing;
        };
        match row.state {
            EffectState::Pending { .. } | EffectState::Sent | EffectState::Ambiguous { .. } => Says::Open,
            EffectState::Confirmed => Says::Happened,
            EffectState::Refused { .. } => Says::Refused,
            EffectState::Parked { .. } => Says::Parked,
        }
    }

    fn places(&self) -> Places {
        (0..self.decisions.earned.len()).filter(|place| self.decisions.earned[*place].is_some()).collect()
    }

    fn rows_are_true(&self) -> bool {
        let of_muster = self.places().iter().filter(|place| !self.state.over.has(*place)).collect::<Vec<_>>();
        of_muster.into_iter().all(|place| match self.says(place) {
            Says::Happened => self.state.counted[place] > 0,
            Says::Refused => self.state.counted[place] == 0,
            Says::Nothing | Says::Open | Says::Parked => true,
        })
    }

    /// Whether it was carried out or refused, or waits for a person.
    fn is_resolved(&self, place: usize) -> bool {
        self.state.counted[place] > 0
            || self.state.over.has(place)
            || matches!(self.says(place), Says::Refused | Says::Parked)
    }

    /// Whether nothing in the outbox waits for anything but a person.
    fn is_settled(&self) -> bool {
        let outbox = self.decisions.outbox(self.state.row);
        outbox.iter().all(|place| self.is_at_end(place))
            && self.state.due.iter().all(|place| self.is_resolved(place) || self.is_behind_parked(place))
    }

    fn is_at_end(&self, place: usize) -> bool {
        match self.says(place) {
            Says::Happened | Says::Refused | Says::Parked => true,
            Says::Nothing => self.is_behind_parked(place),
            Says::Open => false,
        }
    }

    /// Whether another effect of the same id waits for a person first.
    fn is_behind_parked(&self, place: usize) -> bool {
        let slot = self.decisions.slot(place);
        self.places().iter().any(|one| self.decisions.slot(one) == slot && self.says(one) == Says::Parked)
    }
}
