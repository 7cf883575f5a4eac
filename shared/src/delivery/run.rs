//! One run over some people of one activation: flight, strong read, claims, send, settle, clear.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use tracing::Instrument;

use super::plan::{Arrival, Farewell, Plan, plan};
use super::settle::{self, Conclusion, Keys, OpenPeople};
use super::{Engine, LIVE_NUDGE, Subject, plain_nudge, retry, send};
use crate::destination::{Action, Applied, Failure, Item, ItemId, Mode, Verdicts};
use crate::metrics::Metric;
use crate::model::pending::{Due, due, records};
use crate::model::{
    Activation, Flight, FlightId, FlightKind, KeyHash, Lane, Nudge, Outcome, PersonKey, Receipt, RecordId, Version,
};
use crate::ports::{Claim, Doubted, PortResult, Row, Settled, Settlement};
use crate::steps::Step;

/// Rows that moved while they were sent are looked at again so often, then in a new nudge.
const ROUNDS: usize = 3;

impl Engine {
    /// Acts on a nudge. Whatever a vendor does ends as a receipt, a later nudge or a stopped activation.
    ///
    /// # Errors
    /// Where our own ports fail: the message must come back.
    pub async fn deliver(&self, nudge: Nudge, deadline: Timestamp) -> PortResult<()> {
        let snapshot = self.catalog.snapshot().await?;
        let Some(activation) = snapshot.activations.get(&nudge.activation) else {
            return Ok(());
        };
        // A stopped activation keeps nothing: who is pending is found when it goes on.
        if !activation.status.delivers() || !activation.is_prepared() || nudge.people.is_empty() {
            return Ok(());
        }
        if nudge.not_before.is_some_and(|time| time > self.now()) {
            return self.send_nudge(&activation.destination, nudge, usize::MAX).await;
        }
        let links = snapshot.links.get(&activation.id).cloned().unwrap_or_default();
        let subject = self.subject(&snapshot, activation, links, deadline, nudge.trace).await?;
        let trace = nudge.trace.map(|trace| trace.to_string());
        let span = tracing::info_span!("deliver", activation = %activation.id, trace_id = trace);
        let mut run = Run::new(self, &subject, nudge);
        let result = run.go().instrument(span).await;
        subject.session.end().await;
        result
    }
}

struct Run<'a> {
    engine: &'a Engine,
    subject: &'a Subject<'a>,
    nudge: Nudge,
    flight: Flight,
    /// What this run sent: sent again where its row moved, pending or not.
    tried: BTreeSet<(PersonKey, RecordId)>,
    /// What this run sent and has no receipt of: it may have arrived after what another run settled.
    unsettled: BTreeSet<(PersonKey, RecordId)>,
    /// Whose outcome is open: the flight stands for them.
    open: OpenPeople,
    put_off: BTreeMap<Timestamp, BTreeSet<PersonKey>>,
    stop: Option<Failure>,
}

/// One record on its way through a round.
struct Work<'r> {
    row: &'r Row,
    plan: Plan,
    keys: Keys,
    /// Steps of departures that are really sent.
    departing: Vec<u16>,
    /// Whether somebody else holds the current key.
    held: bool,
}

impl Work<'_> {
    fn record(&self) -> (PersonKey, RecordId) {
        (self.plan.person, self.plan.record.clone())
    }

    fn item(&self, step: u16, subject: &Subject<'_>) -> Option<Item> {
        let id = ItemId { person: self.plan.person, record: self.plan.record.clone(), step };
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
                let memo = self.memo(subject);
                Some(Item { id, key: key.clone(), action: Action::Show(shown.clone()), memo })
            }
            Arrival::NoKey | Arrival::Nobody => None,
        }
    }

    /// The destination's memo, unless the key is another one than when it was left.
    fn memo(&self, subject: &Subject<'_>) -> Option<serde_json::Value> {
        let standing = self.row.standing.records.get(&self.plan.record)?;
        standing.receipt.as_ref().filter(|receipt| under_current_key(receipt, self.row, subject.activation))?;
        standing.memo.clone()
    }
}

impl<'a> Run<'a> {
    fn new(engine: &'a Engine, subject: &'a Subject<'a>, mut nudge: Nudge) -> Self {
        nudge.people.sort_unstable();
        nudge.people.dedup();
        let late = match nudge.lane {
            Lane::Bulk => subject.destination.bulk_lands_within(&subject.activation.settings),
            Lane::Live => SignedDuration::ZERO,
        };
        let flight = Flight {
            id: new_flight_id(),
            activation: subject.activation.id.clone(),
            lane: nudge.lane,
            started_at: engine.now(),
            late_seconds: late.as_secs(),
            kind: FlightKind::Sending { people: nudge.people.clone() },
        };
        Self {
            engine,
            subject,
            nudge,
            flight,
            tried: BTreeSet::new(),
            unsettled: BTreeSet::new(),
            open: OpenPeople::new(),
            put_off: BTreeMap::new(),
            stop: None,
        }
    }

    async fn go(&mut self) -> PortResult<()> {
        self.engine.ports.ledger.put_flight(&self.flight).await?;
        self.engine.steps.reached(Step::FlightWritten);
        let mut ask = self.nudge.people.clone();
        for _ in 0..ROUNDS {
            ask = self.round(&ask).await?;
            if ask.is_empty() || self.stop.is_some() {
                break;
            }
        }
        self.finish(ask).await
    }

    /// Looks at people once; answers whose row moved meanwhile.
    async fn round(&mut self, ask: &[PersonKey]) -> PortResult<Vec<PersonKey>> {
        let engine = self.engine;
        let mut rows = engine.ports.people.read(ask, Some(&self.subject.activation.id)).await?;
        rows.sort_unstable_by_key(|row| row.person.key);
        engine.steps.reached(Step::RowsRead);
        let mut work = self.plan_all(&rows);
        if work.is_empty() {
            return Ok(Vec::new());
        }
        self.claim(&mut work).await?;
        let verdicts = self.send_all(&work).await;
        engine.steps.reached(Step::Sent);
        self.conclude(&work, &verdicts).await
    }

    fn plan_all<'r>(&self, rows: &'r [Row]) -> Vec<Work<'r>> {
        let activation = self.subject.activation;
        let shape = self.subject.destination.spec().shape;
        let now = self.engine.now();
        let mut work = Vec::new();
        for row in rows {
            for record in records(&row.person, &row.standing, activation, shape) {
                let wanted = match due(&row.person, &row.standing, activation, &record) {
                    Due::Pending => true,
                    Due::Waiting(not_before) => not_before <= now,
                    Due::Open => self.nudge.reopen,
                    Due::Settled => false,
                };
                // What this run sent may arrive after what another one settled: it is never taken as done.
                if !wanted && !self.tried.contains(&(row.person.key, record.clone())) {
                    continue;
                }
                let plan = plan(&row.person, activation, &record);
                let keys = self.keys(&plan);
                work.push(Work { row, plan, keys, departing: Vec::new(), held: false });
            }
        }
        work
    }

    fn keys(&self, plan: &Plan) -> Keys {
        let hash = |key| self.engine.installation.claim(&self.subject.activation.id, key);
        let mut keys: Keys =
            (1u16..).zip(&plan.departures).map(|(step, departure)| (step, hash(&departure.key))).collect();
        if let Arrival::Show { key, .. } = &plan.arrival {
            keys.push((0, hash(key)));
        }
        keys
    }

    /// Claims every key that will be spoken of, former ones too: whoever is told to leave holds the key
    /// until that is certain, or the next holder would be told to leave by us.
    async fn claim(&self, work: &mut [Work<'_>]) -> PortResult<()> {
        let activation = self.subject.activation;
        let asked: Vec<(KeyHash, PersonKey)> = work
            .iter()
            .flat_map(|one| {
                let known = holds_key(one.row, &one.plan.record, activation);
                let open = one.keys.iter().filter(move |(step, _)| *step > 0 || !known);
                open.map(|(_, key)| (*key, one.plan.person))
            })
            .collect();
        if asked.is_empty() {
            return Ok(());
        }
        let answers = self.engine.ports.ledger.claim(&activation.id, &asked).await?;
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
        Ok(())
    }

    /// Leaves before enters; who could not leave does not enter.
    async fn send_all(&mut self, work: &[Work<'_>]) -> Verdicts {
        let context = self.subject.context(self.subject.notes(), self.engine.now());
        let leaving: Vec<Item> =
            work.iter().flat_map(|one| one.departing.iter().filter_map(|step| one.item(*step, self.subject))).collect();
        self.subject.session.expect(work.len() + leaving.len()).await;
        self.note_tried(&leaving);
        let mut verdicts = send::send(self.subject, &context, Mode::Live, leaving).await;
        let entering: Vec<Item> = work
            .iter()
            .filter(|one| !one.held && one.left(&verdicts))
            .filter_map(|one| one.item(0, self.subject))
            .collect();
        self.note_tried(&entering);
        let bulk = self.subject.destination.spec().bulk.filter(|bulk| entering.len() >= bulk.from);
        let mode = if self.nudge.lane == Lane::Bulk && bulk.is_some() { Mode::Bulk } else { Mode::Live };
        verdicts.extend(send::send(self.subject, &context, mode, entering).await);
        verdicts
    }

    fn note_tried(&mut self, items: &[Item]) {
        let records = items.iter().map(|item| (item.id.person, item.id.record.clone()));
        self.unsettled.extend(records.clone());
        self.tried.extend(records);
    }

    async fn conclude(&mut self, work: &[Work<'_>], verdicts: &Verdicts) -> PortResult<Vec<PersonKey>> {
        let now = self.engine.now();
        let mut outcomes = Outcomes::default();
        for one in work {
            let former = one.row.standing.receipt(&one.plan.record);
            let conclusion = settle::conclude(&one.plan, &one.departing, one.held, verdicts, former, now);
            self.note(one, conclusion, &mut outcomes, now);
        }
        outcomes.landing = send::landing_within(verdicts.values());
        self.nudge_again(&outcomes).await?;
        self.engine.steps.reached(Step::RetryNudged);
        self.note_landing(&outcomes, now).await?;
        let moved = self.settle(&mut outcomes).await?;
        self.engine.steps.reached(Step::Settled);
        let doubted: Vec<Doubted> =
            outcomes.doubted.iter().map(|(person, record)| Doubted::Record(*person, record.clone())).collect();
        if !doubted.is_empty() {
            self.engine.ports.people.raise_doubt(&self.subject.activation.id, &doubted).await?;
        }
        self.engine.steps.reached(Step::DoubtRaised);
        self.release(work, &outcomes).await?;
        Ok(moved)
    }

    fn note<'r>(&mut self, one: &Work<'r>, conclusion: Conclusion, outcomes: &mut Outcomes<'r>, now: Timestamp) {
        let Row { person, standing } = one.row;
        let activation = self.subject.activation;
        let record = &one.plan.record;
        match conclusion {
            Conclusion::Ended(ended) => {
                if ended.landing.is_some() {
                    outcomes.landed.insert(person.key, person.version);
                }
                let receipt = settle::receipt(&ended, person, standing, activation, record, now);
                outcomes.ended.insert(one.record());
                outcomes.receipts.entry(person.key).or_insert((one.row, Vec::new())).1.push((
                    record.clone(),
                    receipt,
                    ended.memo,
                ));
            }
            Conclusion::Failed { reason, applied, trying, retry_after } => {
                let window = SignedDuration::from_hours(i64::from(activation.retry_window_hours));
                let wait = outcomes.wait(trying.attempts, retry_after, self.engine);
                let not_before = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
                let outcome = retry::after_failure(trying, reason, not_before, window, now);
                if matches!(outcome, Outcome::Waiting { .. }) {
                    outcomes.again.entry(not_before).or_default().insert(person.key);
                }
                if applied == Applied::Open {
                    outcomes.doubted.insert(one.record());
                    self.open.insert(person.key);
                }
                let receipt = settle::waiting(outcome, trying, person, standing, activation, record, now);
                outcomes.receipts.entry(person.key).or_insert((one.row, Vec::new())).1.push((
                    record.clone(),
                    receipt,
                    settle::Memo::Kept,
                ));
            }
            Conclusion::PutOff { until } => {
                self.put_off.entry(until).or_default().insert(person.key);
            }
            Conclusion::Stop(failure) => self.stop = Some(failure),
        }
    }

    /// Before the receipts that speak of it: a receipt that waits for a nudge nobody sent would wait for
    /// the catch-up.
    async fn nudge_again(&self, outcomes: &Outcomes<'_>) -> PortResult<()> {
        for (not_before, people) in &outcomes.again {
            let nudge = Nudge {
                not_before: Some(*not_before),
                accepted_at: self.nudge.accepted_at,
                trace: self.nudge.trace,
                ..plain_nudge(self.subject.activation, people.iter().copied().collect(), self.nudge.lane)
            };
            self.engine.send_nudge(&self.subject.activation.destination, nudge, most_people(self.nudge.lane)).await?;
        }
        Ok(())
    }

    async fn note_landing(&self, outcomes: &Outcomes<'_>, now: Timestamp) -> PortResult<()> {
        let Some(within) = outcomes.landing.filter(|_| !outcomes.landed.is_empty()) else {
            return Ok(());
        };
        let flight = Flight {
            id: new_flight_id(),
            activation: self.subject.activation.id.clone(),
            lane: self.nudge.lane,
            started_at: now,
            late_seconds: 0,
            kind: FlightKind::Landing {
                sent: outcomes.landed.clone(),
                until: now.saturating_add(within).unwrap_or(Timestamp::MAX),
            },
        };
        self.engine.ports.ledger.put_flight(&flight).await
    }

    async fn settle(&mut self, outcomes: &mut Outcomes<'_>) -> PortResult<Vec<PersonKey>> {
        let activation = self.subject.activation;
        let shape = self.subject.destination.spec().shape;
        let receipts = std::mem::take(&mut outcomes.receipts);
        let told: BTreeMap<PersonKey, Vec<(RecordId, Outcome)>> = receipts
            .iter()
            .map(|(person, (_, receipts))| {
                let told = receipts.iter().map(|(record, receipt, _)| (record.clone(), receipt.outcome.clone()));
                (*person, told.collect())
            })
            .collect();
        let settlements = receipts
            .into_values()
            .map(|(Row { person, standing }, receipts)| Settlement {
                person: person.key,
                activation: activation.id.clone(),
                read_version: person.version,
                read_revision: standing.revision,
                standing: settle::settle(person, standing, activation, shape, receipts),
            })
            .collect();
        let answers = self.engine.ports.people.settle(settlements).await?;
        let (stored, moved): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|(_, settled)| *settled == Settled::Stored);
        for (person, _) in stored {
            for (record, outcome) in told.get(&person).into_iter().flatten() {
                self.unsettled.remove(&(person, record.clone()));
                self.measure(outcome);
            }
        }
        let moved: BTreeSet<PersonKey> = moved.into_iter().map(|(person, _)| person).collect();
        // Who was not stored did not end here. Who failed is nudged already, and is not tried again at once.
        let ended: BTreeSet<PersonKey> = outcomes.ended.iter().map(|(person, _)| *person).collect();
        outcomes.ended.retain(|(person, _)| !moved.contains(person));
        Ok(moved.into_iter().filter(|person| ended.contains(person)).collect())
    }

    fn measure(&self, outcome: &Outcome) {
        let meter = &self.engine.ports.meter;
        match outcome {
            Outcome::Delivered => {
                meter.note(Metric::Delivered, 1.0);
                if let Some(accepted_at) = self.nudge.accepted_at {
                    let lag = self.engine.now().duration_since(accepted_at);
                    meter.note(Metric::LagSeconds, lag.as_secs_f64());
                }
            }
            Outcome::Rejected { .. } => meter.note(Metric::Rejected, 1.0),
            Outcome::Parked { .. } => meter.note(Metric::Parked, 1.0),
            Outcome::Waiting { .. } => meter.note(Metric::Retried, 1.0),
            // No failure: the receipt says why, and the account counts it.
            Outcome::Filtered { .. } => {}
        }
    }

    /// Gives former keys back whose leave is certain: settled, and no other flight of the person stands.
    async fn release(&self, work: &[Work<'_>], outcomes: &Outcomes<'_>) -> PortResult<()> {
        let leavers: Vec<&Work<'_>> =
            work.iter().filter(|one| !one.departing.is_empty() && outcomes.ended.contains(&one.record())).collect();
        if leavers.is_empty() {
            return Ok(());
        }
        let activation = self.subject.activation;
        let ledger = &self.engine.ports.ledger;
        let flights = ledger.flights(Some(&activation.id)).await?;
        let flying: BTreeSet<PersonKey> =
            flights.iter().filter(|flight| flight.id != self.flight.id).flat_map(Flight::people).collect();
        let mut contenders = Vec::new();
        for one in leavers.into_iter().filter(|one| !flying.contains(&one.plan.person)) {
            for (step, key) in &one.keys {
                if one.departing.contains(step) {
                    contenders.extend(ledger.release(&activation.id, *key, one.plan.person).await?);
                }
            }
        }
        let nudge = Nudge { reopen: true, ..plain_nudge(activation, contenders, self.nudge.lane) };
        self.engine.send_nudge(&activation.destination, nudge, LIVE_NUDGE).await
    }

    async fn finish(&mut self, moved: Vec<PersonKey>) -> PortResult<()> {
        let activation = self.subject.activation;
        self.doubt_unsettled().await?;
        if !moved.is_empty() && self.stop.is_none() {
            let nudge = Nudge { people: moved, ..self.nudge.clone() };
            self.engine.send_nudge(&activation.destination, nudge, LIVE_NUDGE).await?;
        }
        for (until, people) in std::mem::take(&mut self.put_off) {
            let nudge = Nudge { not_before: Some(until), people: people.into_iter().collect(), ..self.nudge.clone() };
            self.engine.send_nudge(&activation.destination, nudge, most_people(self.nudge.lane)).await?;
        }
        if let Some(failure) = &self.stop {
            self.engine.stop(activation, failure).await?;
        }
        if self.open.is_empty() {
            self.engine.ports.ledger.clear_flight(&self.flight.id).await?;
        } else {
            self.flight.kind = FlightKind::Sending { people: self.open.iter().copied().collect() };
            self.engine.ports.ledger.put_flight(&self.flight).await?;
        }
        self.engine.steps.reached(Step::FlightCleared);
        tracing::info!(people = self.nudge.people.len(), open = self.open.len(), "looked at people");
        Ok(())
    }

    /// What this run sent and could not settle, because rows kept moving or because sending again was put
    /// off, is in doubt: else a later run would see another one's receipt and take it as done.
    async fn doubt_unsettled(&self) -> PortResult<()> {
        if self.unsettled.is_empty() {
            return Ok(());
        }
        let doubted: Vec<Doubted> =
            self.unsettled.iter().map(|(person, record)| Doubted::Record(*person, record.clone())).collect();
        self.engine.ports.people.raise_doubt(&self.subject.activation.id, &doubted).await
    }
}

impl Work<'_> {
    /// Whether everything that had to leave first has left.
    fn left(&self, verdicts: &Verdicts) -> bool {
        self.departing.iter().all(|step| {
            let id = ItemId { person: self.plan.person, record: self.plan.record.clone(), step: *step };
            !matches!(verdicts.get(&id), Some(crate::destination::Verdict::Failed(_)))
        })
    }
}

type RowReceipts<'r> = (&'r Row, Vec<(RecordId, Receipt, settle::Memo)>);

#[derive(Default)]
struct Outcomes<'r> {
    receipts: BTreeMap<PersonKey, RowReceipts<'r>>,
    ended: BTreeSet<(PersonKey, RecordId)>,
    doubted: BTreeSet<(PersonKey, RecordId)>,
    again: BTreeMap<Timestamp, BTreeSet<PersonKey>>,
    landed: BTreeMap<PersonKey, Version>,
    landing: Option<SignedDuration>,
    waits: BTreeMap<(u32, Option<SignedDuration>), SignedDuration>,
}

impl Outcomes<'_> {
    /// One roll for all that failed the same way, so that they travel in one nudge.
    fn wait(&mut self, attempts: u32, retry_after: Option<SignedDuration>, engine: &Engine) -> SignedDuration {
        *self
            .waits
            .entry((attempts, retry_after))
            .or_insert_with(|| retry::backoff(attempts, retry_after, &engine.dice))
    }
}

/// What goes in bulk is tried again in bulk: smaller nudges would become smaller files.
fn most_people(lane: Lane) -> usize {
    match lane {
        Lane::Live => LIVE_NUDGE,
        Lane::Bulk => super::walk::BULK_NUDGE,
    }
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

fn new_flight_id() -> FlightId {
    let text = uuid::Uuid::new_v4().simple().to_string();
    text.parse().expect("hexadecimal digits are a slug")
}
