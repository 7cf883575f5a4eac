//! Muster's own decisions on effects, asked with the model's numbers and answered with them. Nothing is decided
//! here: each function builds the real rows and calls the real function.

use std::collections::BTreeSet;
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use muster::delivery::decide::effects::{self as decide, Lookout, Waiting};
use muster::delivery::decide::{self as sweeping, Sweep};
use muster::delivery::{Times, is_wanted};
use muster::destination::{Performance, Testimony};
use muster::ingest::merging::merge_all;
use muster::model::effect::{Asked, EffectTimes, EventsEarn, Move, Performed, Word, next};
use muster::model::pending::RecordShape;
use muster::model::standing::Trying;
use muster::model::{
    Activation, Earned, Effect, EffectId, EffectState, Flight, FlightKind, InstallationKey, JobKind, Lane, Person,
    PersonKey, Reason, Standing,
};
use muster::ports::Row;

use super::rules::Broken;
use super::scenario::{InDoubt, Scenario};
use super::state::{EffectNumber, LONG_AGO, Places, Todo, What};
use crate::facts::{LATER, merge_context, named, now, person};
use crate::table::{Memory, PersonNumber, Table};
use crate::vendor::Answer;

/// A step of the clock: the longest run, and the longest late application.
const TICK: SignedDuration = SignedDuration::from_secs(60);

/// What a run finds to do about everything in an outbox.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// What is to be done, the last first: what cannot be sent is noted, then some are asked for, then some sent.
    pub todo: Vec<Todo>,
    /// What is at an end.
    pub ended: Places,
    /// After how many steps of the clock it is to be looked at again.
    pub put_off: Vec<u8>,
}

/// The decisions on one scenario.
#[derive(Debug)]
pub struct Decisions {
    /// The scenario.
    pub scenario: Scenario,
    /// Its activation.
    pub activation: Activation,
    /// What each change may earn.
    pub earned: Vec<Option<Earned>>,
    slots: Vec<usize>,
    references: Vec<usize>,
    people: Table<Person>,
    rows: Table<Option<Effect>>,
    merged: Memory<(PersonNumber, usize), (PersonNumber, bool)>,
    found: Memory<(PersonNumber, Vec<EffectNumber>, Lane), Found>,
    sending: Memory<(usize, EffectNumber), EffectNumber>,
    performed: Memory<(EffectNumber, Answer), EffectNumber>,
    asked: Memory<(EffectNumber, Answer, bool), Result<EffectNumber, u8>>,
    aged: Memory<EffectNumber, EffectNumber>,
    by_hand: Memory<(EffectNumber, Word), Option<EffectNumber>>,
    cleared: Memory<(PersonNumber, Places), Option<(PersonNumber, bool)>>,
    wanted: Memory<PersonNumber, bool>,
}

impl Decisions {
    /// Begins with nobody known and nothing sent.
    pub fn on(scenario: Scenario) -> Self {
        let earned = scenario.earned();
        let installation = InstallationKey::new([7; 32]);
        let reference = |earned: &Earned| installation.effect(earned, person(1));
        Self {
            activation: scenario.activation(),
            slots: firsts(&earned, |one| one.id.clone()),
            references: firsts(&earned, reference),
            earned,
            scenario,
            people: Table::with(Person::new(PersonKey([0; 16]), named("shop"))),
            rows: Table::with(None),
            merged: Memory::default(),
            found: Memory::default(),
            sending: Memory::default(),
            performed: Memory::default(),
            asked: Memory::default(),
            aged: Memory::default(),
            by_hand: Memory::default(),
            cleared: Memory::default(),
            wanted: Memory::default(),
        }
    }

    fn lacks(&self, broken: Broken) -> bool {
        self.scenario.rules.lack(broken)
    }

    fn times(&self) -> EffectTimes {
        let settled_after = if self.lacks(Broken::LeaseTooShort) {
            TICK + SignedDuration::from_secs(1)
        } else {
            Times::with(TICK, TICK).sweep_age
        };
        EffectTimes {
            settled_after,
            window: TICK * i32::from(LONG_AGO),
            again: self.scenario.again,
            events_earn: EventsEarn::Telling,
        }
    }

    /// The row of a number.
    pub fn person(&self, number: PersonNumber) -> Rc<Person> {
        self.people.value(number.0)
    }

    /// The row of the ledger of a number.
    pub fn row(&self, number: EffectNumber) -> Rc<Option<Effect>> {
        self.rows.value(number.0)
    }

    /// What may be earned at a place.
    pub fn at(&self, place: usize) -> &Earned {
        self.earned[place].as_ref().expect("a place of something that may be earned")
    }

    /// The place in the ledger of an effect: those of the same id share one.
    pub fn slot(&self, place: usize) -> usize {
        self.slots[place]
    }

    /// The first place whose effect goes by the same reference.
    pub fn same_reference(&self, place: usize) -> usize {
        self.references[place]
    }

    fn place(&self, earned: &Earned) -> usize {
        self.place_of(&earned.id, earned.occurred_at)
    }

    /// Of which effect a row of the ledger speaks.
    pub fn spoken_of(&self, row: &Effect) -> usize {
        self.place_of(&row.id, row.occurred_at)
    }

    fn place_of(&self, id: &EffectId, occurred_at: Timestamp) -> usize {
        let same = |one: &Earned| one.id == *id && one.occurred_at == occurred_at;
        self.earned.iter().position(|one| one.as_ref().is_some_and(same)).expect("an effect of the scenario")
    }

    /// What is in an outbox.
    pub fn outbox(&self, row: PersonNumber) -> Places {
        self.person(row).outbox.iter().map(|earned| self.place(earned)).collect()
    }

    /// The row once the change of that place is merged into it, and whether the activation is nudged.
    pub fn merged(&self, into: PersonNumber, change: usize) -> (PersonNumber, bool) {
        self.merged.get(&(into, change), || {
            let change = &self.scenario.changes[change];
            let read =
                if into.0 == 0 { Person::new(change.person, named("shop")) } else { (*self.person(into)).clone() };
            let merged = merge_all(read, [change].into_iter(), &[&self.activation], &merge_context());
            let after = merged.write.map_or(into, |write| self.number_of(self.stored(write.person)));
            (after, !merged.concerned.is_empty())
        })
    }

    /// The row as it is stored: with one effect of an id where that rule is left out.
    fn stored(&self, mut person: Person) -> Person {
        if self.lacks(Broken::OneOfAnId) {
            let mut known = BTreeSet::new();
            person.outbox.retain(|earned| known.insert(earned.id.clone()));
        }
        person
    }

    /// Counts of writes and of changes grow for ever and decide nothing here.
    fn number_of(&self, mut person: Person) -> PersonNumber {
        person.sequence = 1;
        person.accepted.clear();
        PersonNumber(self.people.number(person))
    }

    /// The row without what is in the outbox, and what that was: as if the outbox were written later.
    pub fn without_outbox(&self, row: PersonNumber, before: PersonNumber) -> (PersonNumber, Places) {
        let (kept, all) = (self.outbox(before), self.outbox(row));
        let mut person = (*self.person(row)).clone();
        person.outbox.retain(|earned| kept.has(self.place(earned)));
        (self.number_of(person), all.iter().filter(|place| !kept.has(*place)).collect())
    }

    /// The row with these in its outbox.
    pub fn with_outbox(&self, row: PersonNumber, places: Places) -> PersonNumber {
        let mut person = (*self.person(row)).clone();
        person.outbox.extend(places.iter().map(|place| self.at(place).clone()));
        self.number_of(person)
    }

    /// What a run that read this row and these rows of the ledger finds to do.
    pub fn found(&self, row: PersonNumber, ledger: &[EffectNumber], lane: Lane) -> Found {
        self.found.get(&(row, ledger.to_vec(), lane), || self.find(row, ledger, lane))
    }

    fn find(&self, row: PersonNumber, ledger: &[EffectNumber], lane: Lane) -> Found {
        let mut found = Found::default();
        let (mut notes, mut asks, mut sends, mut dropped) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for one in decide::waiting(&self.person(row), &self.activation) {
            let at = self.place(&one.earned);
            let read = ledger[self.slot(at)];
            let todo = |what| Todo { place: small(at), what, read };
            match self.next(&one, read) {
                Move::Send => match one.to_send(|| LATER) {
                    Ok(_) => sends.push(todo(What::Send)),
                    Err(why) => {
                        let row = self.row(read);
                        let times = self.times();
                        let row = Effect::unsent(&one.earned, one.person, (*row).as_ref(), &why, &times, now());
                        notes.push(todo(What::Note(self.number_of_row(row))));
                    }
                },
                Move::Ask => match one.to_ask(|| LATER) {
                    Ok(_) => asks.push(todo(What::Ask)),
                    Err(asked) => {
                        let row = self.row(read);
                        let row = (*row).as_ref().expect("only a row is asked for").asked(&asked, &self.times(), now());
                        notes.push(todo(What::Note(self.number_of_row(row))));
                    }
                },
                Move::Wait(until) => match decide::lookout((*self.row(read)).as_ref(), lane) {
                    Lookout::Finder if self.lacks(Broken::LeaseForgotten) => {}
                    Lookout::Finder => found.put_off.push(ticks(until)),
                    Lookout::Walk if self.lacks(Broken::WalkOnlyLooks) => {}
                    Lookout::Walk => dropped.push(ticks(until)),
                    Lookout::Writer => {}
                },
                Move::Rest => {}
                Move::Remove => found.ended = found.ended.and(Places::one(at)),
            }
        }
        found.put_off.extend(dropped.into_iter().min());
        found.todo = notes.into_iter().chain(asks).chain(sends).rev().collect();
        found
    }

    fn next(&self, one: &Waiting, read: EffectNumber) -> Move {
        let row = self.row(read);
        let mut row = (*row).clone();
        if let Some(row) = &mut row
            && row.occurred_at > one.earned.occurred_at
            && self.lacks(Broken::LaterRowMistaken)
        {
            row.occurred_at = one.earned.occurred_at;
        }
        let is_sent = row.as_ref().is_some_and(|row| row.state == EffectState::Sent);
        let next = next(&one.earned, row.as_ref(), &self.times(), now());
        let is_waited_for = is_sent && matches!(next, Move::Wait(_));
        if is_waited_for && self.lacks(Broken::LeaseIgnored) { Move::Send } else { next }
    }

    /// A row as far as anything depends on it. Of its times only those that its state asks for are kept.
    fn number_of_row(&self, row: Effect) -> EffectNumber {
        let long_ago = now() - TICK * i32::from(LONG_AGO);
        let is_over = row.state.is_final() || matches!(row.state, EffectState::Parked { .. });
        let mut row = Effect { at: now(), kept_until: None, ..row };
        row.sent_at = row.sent_at.filter(|_| row.state == EffectState::Sent).map(|at| at.max(long_ago));
        let trying = |trying: Trying| Trying { since: trying.since.max(long_ago), attempts: 1 };
        row.open_since = row.open_since.filter(|_| !is_over).map(|_| now());
        row.trying = row.trying.filter(|_| !is_over).map(trying);
        if let Some(until) = until_of(&mut row.state) {
            *until = (*until).max(now());
        }
        EffectNumber(self.rows.number(Some(row)))
    }

    /// The row as it is written before the first byte leaves.
    pub fn sending(&self, place: usize, read: EffectNumber) -> EffectNumber {
        self.sending.get(&(place, read), || {
            let row = self.row(read);
            let mut sent = Effect::sending(self.at(place), person(1), (*row).as_ref(), &self.times(), now());
            if self.lacks(Broken::RevisionBeginsAnew) && (*row).as_ref().is_some_and(|row| row.state.is_final()) {
                sent.revision = 1;
            }
            self.number_of_row(sent)
        })
    }

    /// The row once the destination answered so.
    pub fn performed(&self, sent: EffectNumber, answer: Answer) -> EffectNumber {
        self.performed.get(&(sent, answer), || {
            let performance =
                answer.failure().map_or_else(|| Performance::Done { said: String::new() }, Performance::Failed);
            let mut performed = decide::judge(Some(&performance), now(), |_| LATER);
            if let Performed::Open { reason } = &performed
                && self.lacks(Broken::OpenTakenForFailed)
            {
                performed = Performed::Failed { reason: reason.clone(), wait: LATER };
            }
            let row = self.row(sent);
            let sent = (*row).as_ref().expect("a row that says that it is sent");
            let mut performed = sent.performed(&performed, &self.times(), now());
            if let EffectState::Ambiguous { ask_at, .. } = &mut performed.state
                && self.lacks(Broken::AskedAtOnce)
            {
                *ask_at = now();
            }
            self.number_of_row(performed)
        })
    }

    /// The row once the destination was asked and answered so, given whether it has the effect; else after how many
    /// steps of the clock it is asked again.
    ///
    /// # Errors
    /// With the latter.
    pub fn asked(&self, read: EffectNumber, answer: Answer, has_it: bool) -> Result<EffectNumber, u8> {
        self.asked.get(&(read, answer, has_it), || {
            let testimony = answer.failure().map_or_else(|| Ok(self.testimony(has_it)), Err);
            let heard = decide::hear(&testimony, now(), |_| LATER);
            let mut heard = heard.map_err(ticks)?;
            let is_misheard = matches!(heard, Asked::Nobody { .. }) && self.lacks(Broken::UntoldTakenForFailed)
                || heard == Asked::Repeatable && self.lacks(Broken::RepeatableTakenForFailed);
            if is_misheard {
                heard = Asked::DidNot;
            }
            let row = self.row(read);
            let row = (*row).as_ref().expect("only a row is asked for");
            Ok(self.number_of_row(row.asked(&heard, &self.times(), now())))
        })
    }

    fn testimony(&self, has_it: bool) -> Testimony {
        match self.scenario.in_doubt {
            InDoubt::Tells if has_it => Testimony::Present { said: String::new() },
            InDoubt::Tells => Testimony::Absent,
            InDoubt::KnowsRepeats => Testimony::Repeatable,
            InDoubt::CannotTell => Testimony::Untellable { reason: Reason::new("nobody can tell") },
        }
    }

    /// After how many steps of the clock somebody must look at a row again.
    pub fn looked_at_again(&self, row: EffectNumber) -> Option<u8> {
        (*self.row(row)).as_ref().and_then(|row| decide::looked_at_again(&row.state)).map(ticks)
    }

    /// Whether a row's wait was over before it was written.
    pub fn is_passed_by(&self, row: EffectNumber) -> bool {
        !self.lacks(Broken::PassedByForgotten)
            && (*self.row(row)).as_ref().is_some_and(|row| decide::passed_by(&row.state, now()).is_some())
    }

    /// Whether a row is at an end.
    pub fn is_final(&self, row: EffectNumber) -> bool {
        (*self.row(row)).as_ref().is_some_and(|row| row.state.is_final())
    }

    /// Whether a write on condition of `read` finds `stored` to be that.
    pub fn is_current(&self, stored: EffectNumber, read: EffectNumber) -> bool {
        let revision = |number| (*self.row(number)).as_ref().map_or(0, |row| row.revision);
        revision(stored) == revision(read)
    }

    /// The row without these in its outbox, and whether others stood behind them; `None` where it holds none of them.
    pub fn cleared(&self, row: PersonNumber, ended: Places) -> Option<(PersonNumber, bool)> {
        self.cleared.get(&(row, ended), || {
            let person = self.person(row);
            let is_ended = |earned: &&Earned| match ended.has(self.place(earned)) {
                false if self.lacks(Broken::OutboxClearedById) => ended.iter().any(|one| self.at(one).id == earned.id),
                is_ended => is_ended,
            };
            let ended = person.outbox.iter().filter(is_ended);
            let ended = ended.map(|earned| (earned.id.clone(), earned.occurred_at)).collect();
            let write = decide::cleared((*person).clone(), &self.activation.id, &ended)?;
            let is_next = decide::is_next(&write.person, &self.activation.id, &ended);
            Some((self.number_of(write.person), is_next && !self.lacks(Broken::NextForgotten)))
        })
    }

    /// The row once the owner said this of it; `None` where it is not theirs to say.
    pub fn by_hand(&self, row: EffectNumber, word: Word) -> Option<EffectNumber> {
        self.by_hand.get(&(row, word), || {
            let mut row = (*self.row(row)).clone()?;
            if let EffectState::Ambiguous { ask_at, .. } = &mut row.state
                && self.lacks(Broken::TriedAgainAtOnce)
            {
                *ask_at = now();
            }
            Some(self.number_of_row(row.settled_by_hand(word, now()).ok()?))
        })
    }

    /// A row after a step of the clock.
    pub fn aged(&self, row: EffectNumber) -> EffectNumber {
        self.aged.get(&row, || {
            let Some(mut row) = (*self.row(row)).clone() else { return row };
            row.sent_at = row.sent_at.map(|at| at - TICK);
            row.trying = row.trying.map(|trying| Trying { since: trying.since - TICK, ..trying });
            if let Some(until) = until_of(&mut row.state) {
                *until -= TICK;
            }
            self.number_of_row(row)
        })
    }

    /// Whether a catch-up nudges the person for the outbox, all records being settled.
    pub fn wanted(&self, row: PersonNumber) -> bool {
        self.wanted.get(&row, || {
            let mut activation = self.activation.clone();
            activation.audiences.clear();
            let mut person = (*self.person(row)).clone();
            if self.lacks(Broken::OutboxNotWalked) {
                person.outbox.clear();
            }
            let row = Row { person, standing: Standing::default() };
            is_wanted(&row, &activation, RecordShape::PerPerson, JobKind::CatchUp, now())
        })
    }

    /// Whether a sweep acts on a flight that was written so many steps of the clock ago.
    pub fn is_swept(&self, age: u8) -> bool {
        let flight = Flight {
            id: named("gone"),
            activation: self.activation.id.clone(),
            lane: Lane::Live,
            started_at: now() - TICK * i32::from(age),
            late_seconds: 0,
            kind: FlightKind::Sending { people: vec![person(1)] },
        };
        match sweeping::sweep(&flight, Times::with(TICK, TICK).sweep_age, now()) {
            Sweep::Leave => false,
            Sweep::Doubt(_) => true,
            Sweep::Compare => unreachable!("nothing lands here"),
        }
    }
}

/// For each the first that has the same of something.
fn firsts<T: PartialEq>(earned: &[Option<Earned>], of: impl Fn(&Earned) -> T) -> Vec<usize> {
    let of: Vec<Option<T>> = earned.iter().map(|one| one.as_ref().map(&of)).collect();
    (0..of.len()).map(|place| of.iter().position(|one| *one == of[place]).unwrap_or(place)).collect()
}

fn until_of(state: &mut EffectState) -> Option<&mut Timestamp> {
    match state {
        EffectState::Pending { not_before: until, .. } | EffectState::Ambiguous { ask_at: until, .. } => Some(until),
        EffectState::Sent | EffectState::Confirmed | EffectState::Refused { .. } | EffectState::Parked { .. } => None,
    }
}

/// After how many steps of the clock it is that time.
fn ticks(until: Timestamp) -> u8 {
    let wait = until.duration_since(now()).max(SignedDuration::ZERO).as_secs();
    let ticks = (wait + TICK.as_secs() - 1) / TICK.as_secs();
    u8::try_from(ticks).expect("nobody waits for long")
}

/// A place in a small model.
fn small(place: usize) -> u8 {
    u8::try_from(place).expect("a small model")
}
