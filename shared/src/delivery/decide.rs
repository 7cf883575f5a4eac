//! What a run and a sweep decide, without their I/O. The handlers (`run.rs`, `sweep.rs`) do what these
//! functions say, and the protocol search (`tests/search`) drives the same functions through every order of
//! events: what is searched is what runs.

pub mod effects;
mod landing;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::plan::{Arrival, Farewell, Plan, plan};
use super::retry;
use super::settle::{self, Conclusion, Keys, Memo};
use crate::destination::{Action, Applied, Failure, Item, ItemId, Verdict, Verdicts};
use crate::model::pending::{Due, RecordShape, due, records};
use crate::model::{
    Activation, Flight, FlightId, FlightKind, Identifier, KeyHash, Outcome, Person, PersonKey, Reason, Receipt,
    RecordId, Standing,
};
use crate::ports::{Claim, Doubted, Row, Settled, Settlement};

pub use landing::{Landings, ask_at};

/// Rows that moved while they were sent are looked at again so often, then in a new nudge.
pub const ROUNDS: usize = 3;

/// Records of people.
pub type Records = BTreeSet<(PersonKey, RecordId)>;

/// One record on its way through a round.
#[derive(Debug, Clone, PartialEq)]
pub struct Work<'r> {
    /// The row as it was read.
    pub row: &'r Row,
    /// What is to be told.
    pub plan: Plan,
    /// The keys that this speaks of, by step.
    pub keys: Keys,
    /// Steps of departures that are really sent.
    pub departing: Vec<u16>,
    /// Whether somebody else holds the current key.
    pub held: bool,
}

impl<'r> Work<'r> {
    fn new(
        row: &'r Row,
        activation: &Activation,
        record: &RecordId,
        told: Told,
        hash: &impl Fn(&Identifier) -> KeyHash,
    ) -> Self {
        let plan = match told {
            Told::NotByUs => plan(&row.person, &row.standing, activation, record),
            // As the doubt would have it that was not raised yet: the vendor may hold what no receipt tells of.
            Told::ByUs => {
                let mut standing = row.standing.clone();
                standing.records.entry(record.clone()).or_default().doubt += 1;
                plan(&row.person, &standing, activation, record)
            }
        };
        let mut keys: Keys =
            (1u16..).zip(&plan.departures).map(|(step, departure)| (step, hash(&departure.key))).collect();
        if let Arrival::Show { key, .. } = &plan.arrival {
            keys.push((0, hash(key)));
        }
        Self { row, plan, keys, departing: Vec::new(), held: false }
    }

    /// Which record it is.
    pub fn record(&self) -> (PersonKey, RecordId) {
        (self.plan.person, self.plan.record.clone())
    }

    fn item_id(&self, step: u16) -> ItemId {
        ItemId { person: self.plan.person, record: self.plan.record.clone(), step }
    }

    fn item(&self, step: u16, activation: &Activation) -> Option<Item> {
        let id = self.item_id(step);
        if step > 0 {
            let departure = self.plan.departures.get(usize::from(step) - 1)?;
            let action = match departure.how {
                Farewell::Leave => Action::Leave,
                Farewell::Forget => Action::Forget,
            };
            return Some(Item { id, key: departure.key.clone(), action, memo: None });
        }
        match &self.plan.arrival {
            Arrival::Show { key, shown } => {
                let memo = self.memo(activation);
                Some(Item { id, key: key.clone(), action: Action::Show(shown.clone()), memo })
            }
            Arrival::NoKey | Arrival::Nobody | Arrival::Withheld => None,
        }
    }

    /// The destination's memo, unless the key is another one than when it was left.
    fn memo(&self, activation: &Activation) -> Option<serde_json::Value> {
        let standing = self.row.standing.records.get(&self.plan.record)?;
        standing.receipt.as_ref().filter(|receipt| under_current_key(receipt, self.row, activation))?;
        standing.memo.clone()
    }

    /// What became of the steps that were taken.
    fn said<'v>(&self, verdicts: &'v Verdicts) -> impl Iterator<Item = &'v Verdict> {
        self.departing.iter().chain(&[0]).filter_map(|step| verdicts.get(&self.item_id(*step)))
    }

    /// Whether anything of it was sent: any verdict but one that put it off says so.
    fn left_a_byte(&self, verdicts: &Verdicts) -> bool {
        self.said(verdicts).any(|verdict| !matches!(verdict, Verdict::Failed(Failure::PutOff { .. })))
    }

    /// Whether anything of it may have been applied, or be applied later, though it failed.
    fn is_open(&self, verdicts: &Verdicts) -> bool {
        let is_open =
            |verdict: &Verdict| matches!(verdict, Verdict::Failed(Failure::Retryable { applied: Applied::Open, .. }));
        self.said(verdicts).any(is_open)
    }

    /// Whether everything that had to leave first has left.
    fn left(&self, verdicts: &Verdicts) -> bool {
        let left = |step: &u16| !matches!(verdicts.get(&self.item_id(*step)), Some(Verdict::Failed(_)));
        self.departing.iter().all(left)
    }
}

/// Every record of a row as work, due or not, as if nobody else held a key of theirs: to see what would be sent.
pub fn rehearse<'r>(row: &'r Row, activation: &Activation, shape: RecordShape) -> Vec<Work<'r>> {
    let records = records(&row.person, &row.standing, activation, shape);
    let work = records.iter().map(|record| {
        let plan = plan(&row.person, &row.standing, activation, record);
        let departing = (1u16..).zip(&plan.departures).map(|(step, _)| step).collect();
        Work { row, plan, keys: Keys::new(), departing, held: false }
    });
    work.collect()
}

/// Whether this run sent a record before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    ByUs,
    NotByUs,
}

/// Whether the row itself says that the person holds the current key: something was delivered under it, which
/// needed the claim, and a key is given back only once it is a former one.
fn holds_key(row: &Row, record: &RecordId, activation: &Activation) -> bool {
    let Some(receipt) = row.standing.receipt(record) else { return false };
    receipt.outcome == Outcome::Delivered
        && under_current_key(receipt, row, activation)
        && receipt.revision == activation.revision
        && row.person.gone.is_none()
}

/// Whether the key was the same when the receipt was written.
fn under_current_key(receipt: &Receipt, row: &Row, activation: &Activation) -> bool {
    receipt.version >= row.person.version_at(&activation.person_identifier)
}

/// The keys to be claimed: every one that will be spoken of, former ones too. Whoever is told to leave holds
/// the key until that is certain, or the next holder would be told to leave by us.
pub fn to_claim(work: &[Work<'_>], activation: &Activation) -> Vec<(KeyHash, PersonKey)> {
    work.iter()
        .flat_map(|one| {
            let known = holds_key(one.row, &one.plan.record, activation);
            let open = one.keys.iter().filter(move |(step, _)| *step > 0 || !known);
            open.map(|(_, key)| (*key, one.plan.person))
        })
        .collect()
}

/// What the answers to the claims mean for the work: whose key is held, and who is told to leave.
pub fn note_claims(work: &mut [Work<'_>], answers: Vec<(KeyHash, PersonKey, Claim)>) {
    let held: BTreeSet<(KeyHash, PersonKey)> = answers
        .into_iter()
        .filter(|(_, _, claim)| matches!(claim, Claim::HeldBy(_)))
        .map(|(key, person, _)| (key, person))
        .collect();
    for one in work {
        one.held = one.keys.iter().any(|(step, key)| *step == 0 && held.contains(&(*key, one.plan.person)));
        one.departing = one
            .keys
            .iter()
            .filter(|(step, key)| *step > 0 && !held.contains(&(*key, one.plan.person)))
            .map(|(step, _)| *step)
            .collect();
    }
}

/// What is sent first: leaves of former keys.
pub fn leaving(work: &[Work<'_>], activation: &Activation) -> Vec<Item> {
    work.iter().flat_map(|one| one.departing.iter().filter_map(|step| one.item(*step, activation))).collect()
}

/// What is sent then; who could not leave does not enter.
pub fn entering(work: &[Work<'_>], verdicts: &Verdicts, activation: &Activation) -> Vec<Item> {
    work.iter().filter(|one| !one.held && one.left(verdicts)).filter_map(|one| one.item(0, activation)).collect()
}

/// What becomes of everything that was not tried after this verdict.
pub fn halts(verdict: &Verdict) -> Option<Failure> {
    match verdict {
        Verdict::Failed(Failure::PutOff { until }) => Some(Failure::PutOff { until: *until }),
        Verdict::Failed(failure @ (Failure::Unauthorized { .. } | Failure::Misconfigured { .. })) => {
            Some(failure.clone())
        }
        Verdict::Failed(Failure::Retryable { .. } | Failure::RateLimited { .. } | Failure::Rejected { .. })
        | Verdict::Delivered { .. }
        | Verdict::Landing(_)
        | Verdict::Filtered { .. } => None,
    }
}

/// What a run remembers from round to round.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Course {
    /// What this run sent: sent again where its row moved, pending or not.
    pub tried: Records,
    /// What this run sent and has no receipt of: it may have arrived after what another run settled.
    pub unsettled: Records,
    /// What of it was said to be sent in this round.
    said: Records,
    /// Whose outcome is open: the flight stands for them.
    pub open: BTreeSet<PersonKey>,
    /// Who is to be looked at later, and when: nothing was sent.
    pub put_off: BTreeMap<Timestamp, BTreeSet<PersonKey>>,
    /// Why the activation must stop.
    pub stop: Option<Failure>,
    /// Why it pauses and asks its owner: as many effects as are allowed happened.
    pub capped: Option<Reason>,
}

impl Course {
    /// The records of these rows that must be sent now.
    pub fn take_up<'r>(
        &self,
        rows: &'r [Row],
        activation: &Activation,
        shape: RecordShape,
        reopen: bool,
        now: Timestamp,
        hash: impl Fn(&Identifier) -> KeyHash,
    ) -> Vec<Work<'r>> {
        let mut work = Vec::new();
        for row in rows {
            // What this run sent of somebody who was erased meanwhile may be the only trace of it.
            let sent = self.tried_of(row.person.key);
            let mut all = records(&row.person, &row.standing, activation, shape);
            all.extend(sent.iter().copied().cloned());
            for record in all {
                let wanted = match due(&row.person, &row.standing, activation, &record) {
                    Due::Pending => true,
                    Due::Waiting(not_before) => not_before <= now,
                    Due::Open => reopen,
                    Due::Settled => false,
                };
                // What this run sent may arrive after what another one settled: it is never taken as done.
                let told = if sent.contains(&record) { Told::ByUs } else { Told::NotByUs };
                if wanted || told == Told::ByUs {
                    work.push(Work::new(row, activation, &record, told, &hash));
                }
            }
        }
        work
    }

    fn tried_of(&self, person: PersonKey) -> BTreeSet<&RecordId> {
        let from = (person, RecordId::Person);
        self.tried.range(from..).take_while(|(one, _)| *one == person).map(|(_, record)| record).collect()
    }

    /// To be said before the bytes leave.
    pub fn sends(&mut self, items: &[Item]) {
        for record in items.iter().map(|item| (item.id.person, item.id.record.clone())) {
            if self.unsettled.insert(record.clone()) {
                self.said.insert(record.clone());
            }
            self.tried.insert(record);
        }
    }

    /// Of what was put off before a byte left nothing can arrive: it needs no doubt. Else runs that wait for tokens
    /// would keep moving each other's standings, and none would ever settle. The first one stays: its key is claimed,
    /// and without a standing nobody would know that it must be given back.
    fn forget_unsent(&mut self, work: &[Work<'_>], verdicts: &Verdicts) {
        let unsent = work.iter().filter(|one| one.row.standing.revision > 0 && !one.left_a_byte(verdicts));
        for record in unsent.map(Work::record) {
            if self.said.contains(&record) {
                self.unsettled.remove(&record);
            }
        }
        self.said.clear();
    }

    /// What the verdicts of a round mean. `wait` rolls how long is waited after so many failed tries.
    pub fn conclude<'r>(
        &mut self,
        work: &[Work<'r>],
        verdicts: &Verdicts,
        activation: &Activation,
        now: Timestamp,
        wait: impl Fn(u32, Option<SignedDuration>) -> SignedDuration,
    ) -> Outcomes<'r> {
        let mut outcomes = Outcomes::default();
        self.forget_unsent(work, verdicts);
        let conclude = |one: &Work<'_>| {
            let former = one.row.standing.receipt(&one.plan.record);
            settle::conclude(&one.plan, &one.departing, one.held, verdicts, former, now)
        };
        let concluded: Vec<(&Work<'r>, Conclusion)> = work.iter().map(|one| (one, conclude(one))).collect();
        let waits = waits(&concluded, wait);
        for (one, conclusion) in concluded {
            if !one.departing.is_empty() {
                outcomes.leaving.insert(one.plan.person);
            }
            self.note(one, conclusion, &mut outcomes, activation, now, &waits);
            // Whatever became of the rest of it.
            if one.is_open(verdicts) {
                self.open.insert(one.plan.person);
                if !outcomes.gives_up(one) {
                    outcomes.doubted.insert(one.record());
                }
            }
        }
        outcomes
    }

    fn note<'r>(
        &mut self,
        one: &Work<'r>,
        conclusion: Conclusion,
        outcomes: &mut Outcomes<'r>,
        activation: &Activation,
        now: Timestamp,
        waits: &BTreeMap<PersonKey, SignedDuration>,
    ) {
        let Row { person, standing } = one.row;
        let record = &one.plan.record;
        match conclusion {
            Conclusion::Ended(ended) => {
                if let Some(landing) = &ended.landing {
                    outcomes.landed.add(person, landing);
                }
                let receipt = settle::receipt(&ended, person, standing, activation, record, now);
                outcomes.ended.insert(one.record());
                outcomes.add(one, receipt, ended.memo);
            }
            Conclusion::Failed { reason, trying, retry_after: _ } => {
                let window = SignedDuration::from_hours(i64::from(activation.retry_window_hours));
                let not_before = now.saturating_add(waits[&person.key]).unwrap_or(Timestamp::MAX);
                let outcome = retry::after_failure(trying, reason, not_before, window, now);
                if matches!(outcome, Outcome::Waiting { .. }) {
                    outcomes.again.entry(not_before).or_default().insert(person.key);
                }
                let receipt = settle::waiting(outcome, trying, person, standing, activation, record, now);
                outcomes.add(one, receipt, Memo::Kept);
            }
            Conclusion::PutOff { until } => {
                self.put_off.entry(until).or_default().insert(person.key);
            }
            Conclusion::Stop(failure) => self.stop = Some(failure),
        }
    }

    /// What was stored of a round's settlements. Answers the outcomes that are on rows now, and whose row
    /// moved: who is to be looked at again at once. `now` is the time after that.
    pub fn settled(
        &mut self,
        outcomes: &mut Outcomes<'_>,
        answers: Vec<(PersonKey, Settled)>,
        now: Timestamp,
    ) -> (Vec<Outcome>, Vec<PersonKey>) {
        let (stored, moved): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|(_, settled)| *settled == Settled::Stored);
        let mut told = Vec::new();
        for (person, _) in stored {
            for (record, outcome) in outcomes.told.remove(&person).into_iter().flatten() {
                self.unsettled.remove(&(person, record));
                told.push(outcome);
            }
        }
        let moved: BTreeSet<PersonKey> = moved.into_iter().map(|(person, _)| person).collect();
        // The nudge of who failed may be gone already, and one that comes after is needed: where the row moved,
        // for the doubt; where the wait was over before its receipt was stored, for the receipt.
        for (not_before, people) in &outcomes.again {
            let passed_by = people.iter().filter(|person| *not_before <= now || moved.contains(person));
            self.put_off.entry(*not_before).or_default().extend(passed_by);
        }
        self.put_off.retain(|_, people| !people.is_empty());
        // Who was not stored did not end here: neither whose record came to an end nor whose was parked, of whom there is
        // no nudge.
        let ended: BTreeSet<PersonKey> = outcomes.ended.iter().map(|(person, _)| *person).collect();
        outcomes.ended.retain(|(person, _)| !moved.contains(person));
        let is_nudged = |person: &PersonKey| outcomes.again.values().any(|people| people.contains(person));
        (told, moved.into_iter().filter(|person| ended.contains(person) || !is_nudged(person)).collect())
    }

    /// Former keys that were left for certain: nothing more is to be said of the person, and nothing that this run
    /// said is open. Else a leave may be still to come, or arrive late, and meet whoever has the key by then.
    pub fn leavers(
        &self,
        work: &[Work<'_>],
        outcomes: &Outcomes<'_>,
        activation: &Activation,
        shape: RecordShape,
    ) -> BTreeSet<(KeyHash, PersonKey)> {
        work.iter()
            .filter(|one| outcomes.ended.contains(&one.record()) && outcomes.finished.contains(&one.plan.person))
            .filter(|one| !self.open.contains(&one.plan.person))
            .flat_map(|one| one.keys.iter().map(move |(step, key)| (one, *step, *key)))
            .filter(|(one, step, _)| one.departing.contains(step) && !one.is_shown(*step, activation, shape))
            .map(|(one, _, key)| (key, one.plan.person))
            .collect()
    }

    /// What this run sent and could not settle, because rows kept moving or because sending again was put
    /// off: else a later run would see another one's receipt and take it as done.
    pub fn in_doubt(&self) -> Vec<Doubted> {
        self.unsettled.iter().map(|(person, record)| Doubted::Record(*person, record.clone())).collect()
    }

    /// What stays of the run's flight: the people whose outcome is open. `None`: it is cleared.
    pub fn stands_for(&self) -> Option<FlightKind> {
        let people: Vec<PersonKey> = self.open.iter().copied().collect();
        (!people.is_empty()).then_some(FlightKind::Sending { people })
    }
}

type RowReceipts<'r> = (&'r Row, Vec<(RecordId, Receipt, Memo)>);

/// What became of a round.
#[derive(Debug, Default)]
pub struct Outcomes<'r> {
    receipts: BTreeMap<PersonKey, RowReceipts<'r>>,
    told: BTreeMap<PersonKey, Vec<(RecordId, Outcome)>>,
    /// Who was told to leave under a former key,
    leaving: BTreeSet<PersonKey>,
    /// and of whom nothing is left to be said then.
    finished: BTreeSet<PersonKey>,
    /// Records that came to an end for now.
    pub ended: Records,
    /// Records of which nobody knows what was applied.
    pub doubted: Records,
    /// Who is to be tried again, and when. Nudged before the receipts that speak of it are stored: a receipt
    /// that waits for a nudge nobody sent would wait for the catch-up.
    pub again: BTreeMap<Timestamp, BTreeSet<PersonKey>>,
    /// What the vendor took to apply later.
    pub landed: Landings,
}

/// How long everybody waits of whom something failed, by as many tries as any of the person's records had, and as late
/// as the vendor asked for any. One roll for all that failed the same way, so that they travel in one nudge; and one
/// for a person's records, or every try would leave as many nudges as the person has records.
fn waits(
    concluded: &[(&Work<'_>, Conclusion)],
    roll: impl Fn(u32, Option<SignedDuration>) -> SignedDuration,
) -> BTreeMap<PersonKey, SignedDuration> {
    let mut hardest: BTreeMap<PersonKey, (u32, Option<SignedDuration>)> = BTreeMap::new();
    for (one, conclusion) in concluded {
        match conclusion {
            Conclusion::Failed { trying, retry_after, .. } => {
                let (attempts, asked) = hardest.entry(one.plan.person).or_default();
                *attempts = trying.attempts.max(*attempts);
                *asked = (*asked).max(*retry_after);
            }
            Conclusion::Ended(_) | Conclusion::PutOff { .. } | Conclusion::Stop(_) => {}
        }
    }
    let mut rolled = BTreeMap::new();
    let waits = hardest.into_iter().map(|(person, failed)| {
        let (attempts, asked) = failed;
        (person, *rolled.entry(failed).or_insert_with(|| roll(attempts, asked)))
    });
    waits.collect()
}

impl Work<'_> {
    /// Whether what one record of the person leaves is the key that another one shows.
    fn is_shown(&self, step: u16, activation: &Activation, shape: RecordShape) -> bool {
        let Row { person, standing } = self.row;
        let departure = usize::from(step).checked_sub(1).and_then(|at| self.plan.departures.get(at));
        let current = person.key_at(&activation.person_identifier);
        departure.is_some_and(|departure| Some(&departure.key) == current.as_ref())
            && records(person, standing, activation, shape)
                .iter()
                .any(|record| matches!(plan(person, standing, activation, record).arrival, Arrival::Show { .. }))
    }
}

impl<'r> Outcomes<'r> {
    fn add(&mut self, one: &Work<'r>, receipt: Receipt, memo: Memo) {
        let (_, receipts) = self.receipts.entry(one.plan.person).or_insert((one.row, Vec::new()));
        receipts.push((one.plan.record.clone(), receipt, memo));
    }

    /// Whether a record is parked now.
    fn gives_up(&self, one: &Work<'_>) -> bool {
        let receipts = self.receipts.get(&one.plan.person).map_or(&[][..], |(_, receipts)| receipts);
        receipts.iter().any(|(record, receipt, _)| *record == one.plan.record && receipt.is_parked())
    }

    /// The standings to be stored, each on condition that row and standing are as they were read.
    pub fn settlements(&mut self, activation: &Activation, shape: RecordShape) -> Vec<Settlement> {
        let leaving = std::mem::take(&mut self.leaving);
        let told = |receipts: &[(RecordId, Receipt, Memo)]| {
            receipts.iter().map(|(record, receipt, _)| (record.clone(), receipt.outcome.clone())).collect()
        };
        self.told = self.receipts.iter().map(|(person, (_, receipts))| (*person, told(receipts))).collect();
        let mut settlements = Vec::with_capacity(self.receipts.len());
        for (Row { person, standing }, receipts) in std::mem::take(&mut self.receipts).into_values() {
            let settled = settle::settle(person, standing, activation, shape, receipts);
            if leaving.contains(&person.key) && is_told(person, &settled, activation, shape) {
                self.finished.insert(person.key);
            }
            settlements.push(Settlement {
                person: person.key,
                activation: activation.id.clone(),
                read_version: person.version,
                read_revision: standing.revision,
                standing: settled,
            });
        }
        settlements
    }

    /// Whose doubt is raised because the vendor may have applied what failed.
    pub fn in_doubt(&self) -> Vec<Doubted> {
        self.doubted.iter().map(|(person, record)| Doubted::Record(*person, record.clone())).collect()
    }
}

/// Whether an activation's destination was told all there is to tell it of a person, or refused it with a reason. A
/// record that is open for another reason, a new key that somebody else holds, say, left its former keys first. What
/// was given up for now was not told: without the keys, a replay could not tell it either.
pub fn is_told(person: &Person, standing: &Standing, activation: &Activation, shape: RecordShape) -> bool {
    records(person, standing, activation, shape).iter().all(|record| {
        let parked = standing.receipt(record).is_some_and(Receipt::is_parked);
        !parked && matches!(due(person, standing, activation, record), Due::Settled | Due::Open)
    })
}

/// What becomes of former keys that were left, and offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenBack {
    /// These are certain and are given back.
    pub free: Vec<(KeyHash, PersonKey)>,
    /// Other flights of these people stand: what went with them may speak of a former key once more.
    pub held_up: BTreeSet<PersonKey>,
    /// When those flights are gone.
    pub until: Timestamp,
}

/// Which keys of `leavers` are given back. `own` is the run's flight; `flights` are all that stand, as read after
/// the keys were offered. A run that cannot be seen yet claims its keys later, and calls the offer off.
pub fn give_back(
    leavers: BTreeSet<(KeyHash, PersonKey)>,
    own: &FlightId,
    flights: &[Flight],
    sweep_age: SignedDuration,
) -> GivenBack {
    let leaving: BTreeSet<PersonKey> = leavers.iter().map(|(_, person)| *person).collect();
    let mut held_up = BTreeSet::new();
    let mut until = Timestamp::MIN;
    for flight in flights.iter().filter(|flight| flight.id != *own) {
        let before = held_up.len();
        held_up.extend(flight.people().into_iter().filter(|person| leaving.contains(person)));
        if held_up.len() > before {
            until = until.max(flight.overdue_at(sweep_age));
        }
    }
    let free = leavers.into_iter().filter(|(_, person)| !held_up.contains(person)).collect();
    GivenBack { free, held_up, until }
}

/// What a sweep does with a flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sweep {
    /// Its worker may still be alive, or what it sent may still be applied.
    Leave,
    /// Its people are put in doubt, then nudged, then it is cleared: a crash between any two leaves it to the
    /// next sweep.
    Doubt(Vec<PersonKey>),
    /// What was to be applied later is asked for, or compared with the vendor.
    Compare,
}

/// The doubt that a sweep raises about the people of a flight, whose rows were read after everything that the flight
/// sent was applied. What was given up stays so: nobody relies on what its platform holds, and a doubt would begin its
/// tries anew, for ever where the platform never says what became of them. Whoever is gone is insisted upon.
pub fn doubts(people: &[PersonKey], rows: &[Row], activation: &Activation, shape: RecordShape) -> Vec<Doubted> {
    let rows: BTreeMap<PersonKey, &Row> = rows.iter().map(|row| (row.person.key, row)).collect();
    let of_person = |person: &PersonKey| {
        let given_up = |row: &Row, record: &RecordId| is_given_up(row, activation, record);
        let any = |row: &&&Row| row.standing.records.keys().any(|record| given_up(row, record));
        match rows.get(person).filter(|row| row.person.gone.is_none()).filter(any) {
            None => vec![Doubted::Person(*person)],
            Some(row) => {
                let known = records(&row.person, &row.standing, activation, shape).into_iter();
                let others = known.filter(|record| !given_up(row, record));
                others.map(|record| Doubted::Record(*person, record)).collect()
            }
        }
    };
    people.iter().flat_map(of_person).collect()
}

/// Whether a record was parked, and nothing asks for it since.
fn is_given_up(row: &Row, activation: &Activation, record: &RecordId) -> bool {
    let Row { person, standing } = row;
    let parked = standing.receipt(record).is_some_and(Receipt::is_parked);
    parked && due(person, standing, activation, record) == Due::Settled
}

/// What a sweep does with `flight`, given the longest run plus the longest late application.
pub fn sweep(flight: &Flight, sweep_age: SignedDuration, now: Timestamp) -> Sweep {
    if flight.acted_on_at(sweep_age) > now {
        return Sweep::Leave;
    }
    match &flight.kind {
        FlightKind::Sending { people } => Sweep::Doubt(people.clone()),
        FlightKind::Landing { .. } => Sweep::Compare,
    }
}
