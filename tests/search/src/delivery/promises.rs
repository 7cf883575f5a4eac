//! What the protocol promises, said of a state.

use std::fmt;

use muster::delivery::Arrival as Arrives;
use muster::delivery::plan;
use muster::delivery::settle::KEY_HELD;
use muster::model::pending::{Due, due, records};
use muster::model::{Identifier, Outcome, Person, RecordId, Standing};

use super::decisions::Decisions;
use super::state::{StandingNumber, State};
use crate::facts::now;
use crate::table::PersonNumber;

/// A promise that a state breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// A receipt says delivered, nothing is on its way or noted, and the vendor shows something else.
    SettledIsSo,
    /// Something must be sent, no message was lost, and no message, run or flight will lead to it.
    PendingIsHinted,
    /// The row says what its changes say, whatever their order.
    RowHoldsEveryChange,
    /// Under a key that is nobody's any more, the vendor shows nothing.
    NobodyIsLeftBehind,
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SettledIsSo => "settled, and the vendor shows something else",
            Self::PendingIsHinted => "pending, and nothing leads there but the catch-up",
            Self::RowHoldsEveryChange => "the row does not hold every change",
            Self::NobodyIsLeftBehind => "the vendor shows somebody under a key that is nobody's",
        })
    }
}

/// The promise that this state breaks.
pub fn broken(decisions: &Decisions, state: &State) -> Option<Promise> {
    if !state.is_calm() {
        return None;
    }
    let seen = Seen { decisions, state };
    if !seen.every_receipt_is_so() {
        return Some(Promise::SettledIsSo);
    }
    if !state.is_at_rest() {
        return None;
    }
    if !seen.rows_hold_every_change() {
        return Some(Promise::RowHoldsEveryChange);
    }
    if !seen.is_settled() {
        return (!state.purged).then_some(Promise::PendingIsHinted);
    }
    (!seen.is_anybody_refused() && seen.is_anybody_left_behind()).then_some(Promise::NobodyIsLeftBehind)
}

/// Whether everything is done, and nobody is refused a key that is nobody's.
pub fn is_done(decisions: &Decisions, state: &State) -> bool {
    let seen = Seen { decisions, state };
    state.is_at_rest() && seen.is_settled() && !seen.is_anybody_kept_out()
}

/// Whether a catch-up looks at an end that is open, where everything else is settled.
pub fn is_open(decisions: &Decisions, person: PersonNumber, standing: StandingNumber) -> bool {
    let (person, standing) = (decisions.person(person), decisions.standing(standing));
    let due = |record| due(&person, &standing, &decisions.activation, record);
    let records = records(&person, &standing, &decisions.activation, decisions.scenario.shape);
    records.iter().any(|record| due(record) == Due::Open)
        && records.iter().all(|record| matches!(due(record), Due::Open | Due::Settled))
}

/// A state in a few words.
pub fn describe(decisions: &Decisions, state: &State) -> String {
    let seen = Seen { decisions, state };
    let rows = seen.people().map(|(_, person, standing)| {
        let receipts = standing.records.iter().map(|(record, entry)| {
            let doubt = standing.doubt_of(record);
            let receipt = entry.receipt.as_ref().map_or_else(
                || "none".to_owned(),
                |receipt| format!("v{} d{} {}", receipt.version, receipt.doubt, said(&receipt.outcome)),
            );
            format!("{record}: {receipt} of d{doubt}")
        });
        format!("v{} [{}]", person.version, receipts.collect::<Vec<_>>().join(", "))
    });
    let shown = state.vendor.iter().map(|shows| decisions.content(*shows)).collect::<Vec<_>>().join(" ");
    format!(
        "| {} | vendor {shown} | {} messages, {} runs, {} flights",
        rows.collect::<Vec<_>>().join("; "),
        state.queue.len(),
        state.workers.len(),
        state.flights.len()
    )
}

fn said(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Delivered => "delivered".to_owned(),
        Outcome::Filtered { reason, .. } => format!("filtered ({reason})"),
        Outcome::Rejected { reason, .. } => format!("rejected ({reason})"),
        Outcome::Parked { .. } => "parked".to_owned(),
        Outcome::Waiting { not_before, .. } if *not_before > now() => "waiting".to_owned(),
        Outcome::Waiting { .. } => "waited".to_owned(),
    }
}

struct Seen<'a> {
    decisions: &'a Decisions,
    state: &'a State,
}

impl Seen<'_> {
    fn people(&self) -> impl Iterator<Item = (usize, std::rc::Rc<Person>, std::rc::Rc<Standing>)> {
        let rows = self.state.rows.iter().zip(&self.state.standings).enumerate();
        rows.filter(|(_, (row, _))| **row != PersonNumber::default())
            .map(|(place, (row, standing))| (place, self.decisions.person(*row), self.decisions.standing(*standing)))
    }

    fn key_of(&self, person: &Person) -> Option<Identifier> {
        person.key_at(&self.decisions.activation.person_identifier)
    }

    fn vendor(&self, key: &Identifier, record: &RecordId) -> u8 {
        let records = self.decisions.scenario.records.len();
        let key = usize::from(self.decisions.key_place(key));
        self.state.vendor[key * records + usize::from(self.decisions.record_place(record))]
    }

    /// Whether somebody else is known by this key.
    fn is_anothers(&self, key: &Identifier, than: usize) -> bool {
        self.people().any(|(place, person, _)| place != than && self.key_of(&person).as_ref() == Some(key))
    }

    fn every_receipt_is_so(&self) -> bool {
        self.people().all(|(place, person, standing)| {
            let activation = &self.decisions.activation;
            standing.records.iter().all(|(record, entry)| {
                let delivered = entry.receipt.as_ref().is_some_and(|receipt| receipt.outcome == Outcome::Delivered);
                let settled = due(&person, &standing, activation, record) == Due::Settled;
                if !(delivered && settled) {
                    return true;
                }
                let plan = plan(&person, &standing, activation, record);
                let is_gone = |key: &Identifier| self.vendor(key, record) == 0 || self.is_anothers(key, place);
                let is_shown = match &plan.arrival {
                    Arrives::Show { key, shown } => self.vendor(key, record) == self.decisions.shows(shown),
                    Arrives::NoKey | Arrives::Nobody | Arrives::Withheld => true,
                };
                is_shown && plan.departures.iter().all(|departure| is_gone(&departure.key))
            })
        })
    }

    fn is_settled(&self) -> bool {
        self.people().all(|(_, person, standing)| {
            let activation = &self.decisions.activation;
            let records = records(&person, &standing, activation, self.decisions.scenario.shape);
            records.iter().all(|record| match due(&person, &standing, activation, record) {
                Due::Pending | Due::Waiting(_) => false,
                Due::Open | Due::Settled => true,
            })
        })
    }

    /// Compared with the row of somebody to whom the changes came in the order of their numbers. When a thing
    /// was known, and by which keys before, is the story of arrival.
    fn rows_hold_every_change(&self) -> bool {
        let scenario = &self.decisions.scenario;
        let mut told = [PersonNumber::default(); super::state::PEOPLE];
        for change in scenario.before.iter().chain(&scenario.changes) {
            let place = self.decisions.place(change.person);
            told[place] = self.decisions.merge(told[place], change).0;
        }
        self.state.rows.iter().zip(&told).all(|(row, told)| {
            let (row, told) = (self.decisions.person(*row), self.decisions.person(*told));
            content(&row) == content(&told)
        })
    }

    fn is_anybody_refused(&self) -> bool {
        self.outcomes(|outcome| matches!(outcome, Outcome::Rejected { open: false, .. } | Outcome::Parked { .. }))
            .next()
            .is_some()
    }

    /// Whether somebody may not be shown under a key that is nobody else's.
    fn is_anybody_kept_out(&self) -> bool {
        let held =
            |outcome: &Outcome| matches!(outcome, Outcome::Rejected { reason, .. } if reason.as_str() == KEY_HELD);
        self.outcomes(held).any(|place| {
            let person = self.decisions.person(self.state.rows[place]);
            self.key_of(&person).is_some_and(|key| !self.is_anothers(&key, place))
        })
    }

    fn outcomes(&self, wanted: impl Fn(&Outcome) -> bool) -> impl Iterator<Item = usize> {
        self.people().filter_map(move |(place, _, standing)| {
            let mut receipts = standing.records.values().filter_map(|entry| entry.receipt.as_ref());
            receipts.any(|receipt| wanted(&receipt.outcome)).then_some(place)
        })
    }

    fn is_anybody_left_behind(&self) -> bool {
        let scenario = &self.decisions.scenario;
        let is_somebodys = |key: &Identifier, record: &RecordId| {
            self.people().any(|(_, person, standing)| {
                match plan(&person, &standing, &self.decisions.activation, record).arrival {
                    Arrives::Show { key: current, shown } => {
                        current == *key && self.decisions.shows(&shown) == self.vendor(key, record)
                    }
                    Arrives::NoKey | Arrives::Nobody | Arrives::Withheld => false,
                }
            })
        };
        scenario.keys.iter().any(|key| {
            scenario.records.iter().any(|record| self.vendor(key, record) != 0 && !is_somebodys(key, record))
        })
    }
}

/// What a row says, without when it came to say so.
fn content(person: &Person) -> (Vec<String>, Vec<String>, bool) {
    let memberships = person.memberships.iter().map(|(audience, entry)| format!("{audience} {:?}", entry.value));
    let values = person.identifiers.values().flat_map(|entry| &entry.value);
    let identifiers = values.map(|value| value.expose().to_owned());
    (memberships.collect(), identifiers.collect(), person.gone.is_some())
}
