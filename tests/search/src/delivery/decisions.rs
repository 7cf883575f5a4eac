//! Muster's own decisions, asked with the model's numbers and answered with them. Nothing is decided here:
//! each function builds the real rows and calls the real function.

use std::rc::Rc;

use muster::delivery::decide::{self, Sweep};
use muster::delivery::is_wanted;
use muster::destination::{Shown, Shows};
use muster::ingest::merging::merge_all;
use muster::model::standing::{Account, Trying};
use muster::model::{
    Activation, Flight, FlightKind, Identifier, JobKind, KeyHash, Lane, Outcome, Person, PersonKey, RecordId, Standing,
};
use muster::ports::{Doubted, Row};

use super::rounds::{GivenBack, Next, Stored};
use super::scenario::Scenario;
use super::state::{People, Round, Slots, StandingNumber, Waits};
use crate::facts::{LATER, later, merge_context, named, now};
use crate::table::{Memory, PersonNumber, Table};

/// What was decided on a round, by what else it depends on.
type OfRound<K, V> = Memory<Round, Rc<Memory<K, V>>>;

/// Keys with their holders.
pub type Held = [(u8, u8)];

/// The decisions on one scenario.
#[derive(Debug)]
pub struct Decisions {
    /// The scenario.
    pub scenario: Scenario,
    /// Its activation.
    pub activation: Activation,
    people: Table<Person>,
    standings: Table<Standing>,
    contents: Table<Vec<String>>,
    merged: Memory<(PersonNumber, usize), (PersonNumber, bool)>,
    pub(super) next: Memory<Round, Rc<Next>>,
    pub(super) stored: OfRound<(People, Waits), Stored>,
    pub(super) leavers: OfRound<(People, People), Rc<Held>>,
    pub(super) given_back: OfRound<(People, People, People), GivenBack>,
    raised: Memory<(StandingNumber, Slots, People), StandingNumber>,
    in_time: Memory<StandingNumber, StandingNumber>,
    wanted: Memory<(PersonNumber, StandingNumber), bool>,
}

impl Decisions {
    /// Begins with nobody known.
    pub fn on(scenario: Scenario) -> Self {
        let nobody = Person::new(PersonKey([0; 16]), named("shop"));
        Self {
            activation: scenario.activation(),
            scenario,
            people: Table::with(nobody),
            standings: Table::with(Standing::default()),
            contents: Table::with(Vec::new()),
            merged: Memory::default(),
            next: Memory::default(),
            stored: Memory::default(),
            leavers: Memory::default(),
            given_back: Memory::default(),
            raised: Memory::default(),
            in_time: Memory::default(),
            wanted: Memory::default(),
        }
    }

    /// The row of a number.
    pub fn person(&self, number: PersonNumber) -> Rc<Person> {
        self.people.value(number.0)
    }

    /// The standing of a number.
    pub fn standing(&self, number: StandingNumber) -> Rc<Standing> {
        self.standings.value(number.0)
    }

    pub(super) fn row(&self, person: PersonNumber, standing: StandingNumber) -> Row {
        Row { person: (*self.person(person)).clone(), standing: (*self.standing(standing)).clone() }
    }

    /// The place of a person.
    pub fn place(&self, key: PersonKey) -> usize {
        self.scenario.people.iter().position(|one| *one == key).expect("a person of the scenario")
    }

    /// The place of a key.
    pub fn key_place(&self, key: &Identifier) -> u8 {
        let place = self.scenario.keys.iter().position(|one| one == key).expect("a key of the scenario");
        small(place)
    }

    /// The place of a record.
    pub fn record_place(&self, record: &RecordId) -> u8 {
        small(self.scenario.records.iter().position(|one| one == record).expect("a record of the scenario"))
    }

    fn slot(&self, person: PersonKey, record: &RecordId) -> Slots {
        let records = self.scenario.records.len();
        Slots(1 << (self.place(person) * records + usize::from(self.record_place(record))))
    }

    pub(super) fn slots<'a>(&self, records: impl IntoIterator<Item = &'a (PersonKey, RecordId)>) -> Slots {
        records.into_iter().fold(Slots::default(), |all, (person, record)| all.and(self.slot(*person, record)))
    }

    pub(super) fn records(&self, slots: Slots) -> decide::Records {
        let all =
            self.scenario.people.iter().flat_map(|key| self.scenario.records.iter().map(|one| (*key, one.clone())));
        all.filter(|(key, record)| self.slot(*key, record).0 & slots.0 != 0).collect()
    }

    pub(super) fn people_of<'a>(&self, people: impl IntoIterator<Item = &'a PersonKey>) -> People {
        people.into_iter().map(|key| self.place(*key)).collect()
    }

    pub(super) fn keys_of(&self, people: People) -> Vec<PersonKey> {
        people.iter().map(|one| self.scenario.people[one]).collect()
    }

    pub(super) fn hash(&self, key: &Identifier) -> KeyHash {
        KeyHash([self.key_place(key); 16])
    }

    /// What a record shows, by number; 0 is nothing.
    pub fn shows(&self, shown: &Shown) -> u8 {
        let inside = shown.audiences.iter().filter(|(_, shows)| matches!(shows, Shows::Inside(_)));
        small(usize::from(self.contents.number(inside.map(|(audience, _)| audience.to_string()).collect())))
    }

    /// What a content of the vendor says.
    pub fn content(&self, shows: u8) -> String {
        let inside = self.contents.value(u16::from(shows));
        if inside.is_empty() { "-".to_owned() } else { inside.join("+") }
    }

    /// The row once the change of that place is merged into it, and whether the activation is nudged.
    pub fn merged(&self, into: PersonNumber, change: usize) -> (PersonNumber, bool) {
        self.merged.get(&(into, change), || {
            let change = &self.scenario.changes[change];
            self.merge(into, change)
        })
    }

    /// The same for a change that the search does not speak of.
    pub fn merge(&self, into: PersonNumber, change: &muster::model::Change) -> (PersonNumber, bool) {
        let read = if into.0 == 0 { Person::new(change.person, named("shop")) } else { (*self.person(into)).clone() };
        let merged = merge_all(read, [change].into_iter(), &[&self.activation], &merge_context());
        let after = merged.write.map_or(into, |write| self.number_of(write.person));
        (after, !merged.concerned.is_empty())
    }

    /// Counts of writes and of changes grow for ever and decide nothing here.
    fn number_of(&self, mut person: Person) -> PersonNumber {
        person.sequence = 1;
        person.accepted.clear();
        PersonNumber(self.people.number(person))
    }

    /// A revision is only compared with the one that is stored, which the model does by [`Worker::stale`];
    /// a doubt only with the one that a receipt settles; an attempt only lengthens a wait.
    ///
    /// [`Worker::stale`]: super::state::Worker::stale
    pub(super) fn number_of_standing(&self, standing: &Standing) -> StandingNumber {
        let mut kept = Standing {
            revision: standing.revision.min(1),
            doubt: standing.doubt.min(1),
            records: standing.records.clone(),
            account: Account::default(),
        };
        for (record, entry) in &mut kept.records {
            let doubt = standing.doubt_of(record);
            entry.doubt = doubt.min(1).saturating_sub(kept.doubt);
            if let Some(receipt) = &mut entry.receipt {
                receipt.doubt = if receipt.doubt < doubt { 0 } else { doubt.min(1) };
                receipt.trying = receipt.trying.map(|_| Trying { since: now(), attempts: 1 });
            }
        }
        StandingNumber(self.standings.number(kept))
    }

    /// A standing whose doubts are raised: of the person as a whole, or of these records.
    pub fn raised(&self, standing: StandingNumber, person: usize, records: Option<Slots>) -> StandingNumber {
        let key = self.scenario.people[person];
        self.raised.get(&(standing, records.unwrap_or_default(), People::one(person)), || {
            let mut raised = (*self.standing(standing)).clone();
            match records {
                None => Doubted::Person(key).raise(&mut raised),
                Some(records) => self
                    .records(records)
                    .into_iter()
                    .filter(|(whose, _)| *whose == key)
                    .for_each(|(whose, record)| Doubted::Record(whose, record).raise(&mut raised)),
            }
            self.number_of_standing(&raised)
        })
    }

    /// Whose records these are.
    pub fn whose(&self, slots: Slots) -> People {
        self.people_of(self.records(slots).iter().map(|(person, _)| person))
    }

    /// A standing once every wait is over.
    pub fn in_time(&self, standing: StandingNumber) -> StandingNumber {
        self.in_time.get(&standing, || {
            let mut waited = (*self.standing(standing)).clone();
            let receipts = waited.records.values_mut().filter_map(|entry| entry.receipt.as_mut());
            for receipt in receipts {
                if let Outcome::Waiting { not_before, .. } = &mut receipt.outcome {
                    *not_before = now();
                }
            }
            self.number_of_standing(&waited)
        })
    }

    /// A standing to be stored in place of `read`, once these waits are over.
    pub fn outlasted(&self, read: StandingNumber, standing: StandingNumber, waits: Waits) -> StandingNumber {
        match waits {
            Waits::Last => standing,
            Waits::AllAreOver => self.in_time(standing),
            Waits::ReadAreOver => {
                let (over, before) = (self.standing(self.in_time(read)), self.standing(read));
                let mut stored = (*self.standing(standing)).clone();
                for (record, entry) in &mut stored.records {
                    if entry.receipt.as_ref() == before.receipt(record) {
                        entry.receipt = over.receipt(record).cloned();
                    }
                }
                self.number_of_standing(&stored)
            }
        }
    }

    /// Whether a catch-up nudges the person.
    pub fn wanted(&self, person: PersonNumber, standing: StandingNumber) -> bool {
        self.wanted.get(&(person, standing), || {
            let row = self.row(person, standing);
            is_wanted(&row, &self.activation, self.scenario.shape, JobKind::CatchUp, now())
        })
    }

    /// Whether a sweep acts on a flight whose worker is gone; `is_over` says that nothing of it can be applied
    /// any more.
    pub fn is_swept(&self, people: People, is_over: bool) -> bool {
        let age = muster::delivery::Times::default().sweep_age;
        let started_at = if is_over { now() - age } else { now() - age + LATER };
        let flight = Flight { started_at, ..self.flight(people, "gone") };
        match decide::sweep(&flight, age, now()) {
            Sweep::Leave => false,
            Sweep::Doubt(swept) => self.people_of(&swept) == people,
            Sweep::Compare => unreachable!("nothing lands here"),
        }
    }

    pub(super) fn flight(&self, people: People, id: &str) -> Flight {
        Flight {
            id: named(id),
            activation: self.activation.id.clone(),
            lane: Lane::Live,
            started_at: now(),
            late_seconds: 0,
            kind: FlightKind::Sending { people: self.keys_of(people) },
        }
    }

    /// A standing whose receipts speak of this version, as if nobody had looked which one was sent.
    pub fn misdated(&self, standing: StandingNumber, person: PersonNumber) -> StandingNumber {
        let version = self.person(person).version;
        let mut misdated = (*self.standing(standing)).clone();
        let receipts = misdated.records.values_mut().filter_map(|entry| entry.receipt.as_mut());
        receipts.for_each(|receipt| receipt.version = version);
        self.number_of_standing(&misdated)
    }

    /// Whether any receipt waits for a time to come.
    pub fn waits(&self, standing: StandingNumber) -> bool {
        let waits =
            |outcome: &Outcome| matches!(outcome, Outcome::Waiting { not_before, .. } if *not_before == later());
        let standing = self.standing(standing);
        standing.records.values().filter_map(|entry| entry.receipt.as_ref()).any(|receipt| waits(&receipt.outcome))
    }
}

/// A place in a small model.
pub(super) fn small(place: usize) -> u8 {
    u8::try_from(place).expect("a small model")
}
