//! One run over some people of one activation: flight, strong read, claims, send, settle, clear.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use tracing::Instrument;

use super::decide::effects::{Waiting, put_off_until, waiting};
use super::decide::{self, Course, GivenBack, Outcomes, ROUNDS, Work};
use super::{Engine, Errand, LIVE_NUDGE, Subject, plain_nudge, retry, send};
use crate::destination::{Mode, Verdicts};
use crate::metrics::Metric;
use crate::model::budget::Probe;
use crate::model::{Flight, FlightId, FlightKind, Lane, Nudge, Outcome, PersonKey};
use crate::ports::{Doubted, PortResult};
use crate::steps::Step;

/// What a request through an open breaker came to is mostly known after this time.
const PROBED_WITHIN: SignedDuration = SignedDuration::from_secs(30);
/// How often the sweep comes.
const SWEPT_EVERY: SignedDuration = SignedDuration::from_mins(1);

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
        let errand = Errand { lane: nudge.lane, deadline, trace: nudge.trace };
        let subject = self.subject(&snapshot, activation, links, errand).await?;
        let trace = nudge.trace.map(|trace| trace.to_string());
        let span = tracing::info_span!("deliver", activation = %activation.id, trace_id = trace);
        let lane = nudge.lane;
        subject.session.expect(nudge.people.len()).await;
        let result = match subject.session.reserve().await {
            Ok(Probe::No) => Run::new(self, &subject, nudge).go().instrument(span).await,
            Ok(Probe::Yes) => self.probe(&subject, nudge).instrument(span).await,
            // Neither flight nor rows for what could not be sent.
            Err(failure) => {
                let until = put_off_until(&failure, self.now());
                let nudge = Nudge { not_before: Some(until), ..nudge };
                self.send_nudge(&activation.destination, nudge, most_people(lane)).await
            }
        };
        subject.session.end().await;
        result
    }

    /// One request may be sent: it is made for few, and the others look in when it is known what became of it.
    async fn probe(&self, subject: &Subject<'_>, mut nudge: Nudge) -> PortResult<()> {
        let activation = subject.activation;
        let others = nudge.people.split_off(nudge.people.len().min(subject.destination.batch(&activation.settings)));
        if !others.is_empty() {
            let wait = PROBED_WITHIN + self.dice.roll(PROBED_WITHIN);
            let not_before = self.now().saturating_add(wait).unwrap_or(Timestamp::MAX);
            let others = Nudge { people: others, not_before: Some(not_before), ..nudge.clone() };
            self.send_nudge(&activation.destination, others, most_people(nudge.lane)).await?;
        }
        Run::new(self, subject, nudge).go().await
    }
}

pub(super) struct Run<'a> {
    pub(super) engine: &'a Engine,
    pub(super) subject: &'a Subject<'a>,
    nudge: Nudge,
    flight: Flight,
    pub(super) course: Course,
    /// Effects found in the outboxes at the first look.
    waiting: Option<Vec<Waiting>>,
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
        Self { engine, subject, nudge, flight, course: Course::default(), waiting: None }
    }

    async fn go(&mut self) -> PortResult<()> {
        self.engine.ports.ledger.put_flight(&self.flight).await?;
        self.engine.steps.reached(Step::FlightWritten);
        let mut ask = self.nudge.people.clone();
        for _ in 0..ROUNDS {
            ask = self.round(&ask).await?;
            if ask.is_empty() || self.course.stop.is_some() {
                break;
            }
        }
        if self.course.stop.is_none() {
            let waiting = self.waiting.take().unwrap_or_default();
            self.perform(waiting).await?;
        }
        self.finish(ask).await
    }

    /// Looks at people once; answers whose row moved meanwhile.
    async fn round(&mut self, ask: &[PersonKey]) -> PortResult<Vec<PersonKey>> {
        let engine = self.engine;
        let mut rows = engine.ports.people.read(ask, Some(&self.subject.activation.id)).await?;
        rows.sort_unstable_by_key(|row| row.person.key);
        engine.steps.reached(Step::RowsRead);
        let activation = self.subject.activation;
        self.waiting.get_or_insert_with(|| rows.iter().flat_map(|row| waiting(&row.person, activation)).collect());
        let hash = |key: &_| engine.installation.claim(&activation.id, key);
        let shape = self.subject.destination.spec().shape;
        let mut work = self.course.take_up(&rows, activation, shape, self.nudge.reopen, engine.now(), hash);
        if work.is_empty() {
            return Ok(Vec::new());
        }
        self.claim(&mut work).await?;
        let verdicts = self.send_all(&work).await;
        engine.steps.reached(Step::Sent);
        self.conclude(&work, &verdicts).await
    }

    async fn claim(&self, work: &mut [Work<'_>]) -> PortResult<()> {
        let activation = self.subject.activation;
        let asked = decide::to_claim(work, activation);
        if !asked.is_empty() {
            decide::note_claims(work, self.engine.ports.ledger.claim(&activation.id, &asked).await?);
        }
        Ok(())
    }

    /// Leaves before enters; who could not leave does not enter.
    async fn send_all(&mut self, work: &[Work<'_>]) -> Verdicts {
        let context = self.subject.context(self.subject.notes(), self.engine.now());
        let activation = self.subject.activation;
        let leaving = decide::leaving(work, activation);
        self.subject.session.expect(work.len() + leaving.len()).await;
        self.course.sends(&leaving);
        let mut verdicts = send::send(self.subject, &context, Mode::Live, leaving).await;
        let entering = decide::entering(work, &verdicts, activation);
        self.course.sends(&entering);
        // People, not records: who is come for by single calls is counted in people too.
        let people: BTreeSet<PersonKey> = entering.iter().map(|item| item.id.person).collect();
        let bulk = self.subject.bulk().filter(|bulk| people.len() >= bulk.from);
        let mode = if self.nudge.lane == Lane::Bulk && bulk.is_some() { Mode::Bulk } else { Mode::Live };
        verdicts.extend(send::send(self.subject, &context, mode, entering).await);
        verdicts
    }

    async fn conclude(&mut self, work: &[Work<'_>], verdicts: &Verdicts) -> PortResult<Vec<PersonKey>> {
        let engine = self.engine;
        let activation = self.subject.activation;
        let now = engine.now();
        let wait = |attempts, retry_after| retry::backoff(attempts, retry_after, &engine.dice);
        let mut outcomes = self.course.conclude(work, verdicts, activation, now, wait);
        self.nudge_again(&outcomes).await?;
        engine.steps.reached(Step::RetryNudged);
        self.note_landing(&outcomes, now).await?;
        let moved = self.settle(&mut outcomes).await?;
        engine.steps.reached(Step::Settled);
        let doubted = outcomes.in_doubt();
        if !doubted.is_empty() {
            engine.ports.people.raise_doubt(&activation.id, &doubted).await?;
        }
        engine.steps.reached(Step::DoubtRaised);
        self.release(work, &outcomes).await?;
        Ok(moved)
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

    /// By which lane it came: in bulk for a walk, and for a nudge that followed from one.
    pub(super) fn lane(&self) -> Lane {
        self.nudge.lane
    }

    /// Nudges one person for an effect; an activation that stops is walked when it goes on.
    pub(super) async fn nudge_at(&self, not_before: Timestamp, person: PersonKey) -> PortResult<()> {
        if self.course.stop.is_some() {
            return Ok(());
        }
        let nudge = Nudge { not_before: Some(not_before), people: vec![person], ..self.nudge.clone() };
        self.engine.send_nudge(&self.subject.activation.destination, nudge, LIVE_NUDGE).await
    }

    async fn note_landing(&self, outcomes: &Outcomes<'_>, now: Timestamp) -> PortResult<()> {
        let Some(kind) = outcomes.landed.stand_for(now) else { return Ok(()) };
        let flight = Flight {
            id: new_flight_id(),
            activation: self.subject.activation.id.clone(),
            lane: self.nudge.lane,
            started_at: now,
            late_seconds: 0,
            kind,
        };
        self.engine.ports.ledger.put_flight(&flight).await
    }

    async fn settle(&mut self, outcomes: &mut Outcomes<'_>) -> PortResult<Vec<PersonKey>> {
        let shape = self.subject.destination.spec().shape;
        let settlements = outcomes.settlements(self.subject.activation, shape);
        let answers = self.engine.ports.people.settle(settlements).await?;
        let (told, moved) = self.course.settled(outcomes, answers, self.engine.now());
        told.iter().for_each(|outcome| self.measure(outcome));
        self.engine.count_parked(&self.subject.activation.id, &told).await?;
        Ok(moved)
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

    /// Gives former keys back whose leave is certain: settled, and no other flight of the person stands. Between
    /// that look at the flights and the giving back another run may begin to speak of the key: it calls the offer
    /// off.
    async fn release(&self, work: &[Work<'_>], outcomes: &Outcomes<'_>) -> PortResult<()> {
        let shape = self.subject.destination.spec().shape;
        let leavers = self.course.leavers(work, outcomes, self.subject.activation, shape);
        if leavers.is_empty() {
            return Ok(());
        }
        let activation = self.subject.activation;
        let own = &self.flight.id;
        let ledger = &self.engine.ports.ledger;
        for (key, person) in &leavers {
            ledger.offer(&activation.id, *key, *person, own).await?;
        }
        let flights = ledger.flights(Some(&activation.id)).await?;
        let given = decide::give_back(leavers, own, &flights, self.engine.times.sweep_age);
        let mut contenders = Vec::new();
        for (key, person) in &given.free {
            contenders.extend(ledger.release(&activation.id, *key, *person, own).await?);
        }
        let nudge = Nudge { reopen: true, ..plain_nudge(activation, contenders, self.nudge.lane) };
        self.engine.send_nudge(&activation.destination, nudge, LIVE_NUDGE).await?;
        self.leave_again(given).await
    }

    /// Whose former key could not be given back is sent once more when it can be: nobody else would, and whoever
    /// came to have the key would be kept out. In nudges of fewer people than are imported, and with a time, so that
    /// they are joined with no other: an import would leave a flight in the way again.
    async fn leave_again(&self, given: GivenBack) -> PortResult<()> {
        if given.held_up.is_empty() {
            return Ok(());
        }
        let activation = self.subject.activation;
        let doubted: Vec<Doubted> = given.held_up.iter().copied().map(Doubted::Person).collect();
        self.engine.ports.people.raise_doubt(&activation.id, &doubted).await?;
        let plain = plain_nudge(activation, given.held_up.into_iter().collect(), self.nudge.lane);
        let most = self.subject.most_by_single_calls();
        // A flight that is overdue stands until the next sweep: before it, another look would find the same.
        let after_sweep = self.engine.now().saturating_add(SWEPT_EVERY).unwrap_or(Timestamp::MAX);
        let not_before = given.until.max(after_sweep);
        // Runs that hold each other up would meet again at the same moment, and again; the longer they wait for the
        // same flight, the more of them there are.
        let wait = not_before.duration_since(self.engine.now());
        let apart = self.engine.dice.roll((wait / 2).max(SWEPT_EVERY * 3));
        let not_before = not_before.saturating_add(apart).unwrap_or(Timestamp::MAX);
        let nudge = Nudge { not_before: Some(not_before), ..plain };
        self.engine.send_nudge(&activation.destination, nudge, most).await
    }

    async fn finish(&mut self, moved: Vec<PersonKey>) -> PortResult<()> {
        let activation = self.subject.activation;
        self.doubt_unsettled().await?;
        if !moved.is_empty() && self.course.stop.is_none() {
            let nudge = Nudge { people: moved, ..self.nudge.clone() };
            self.engine.send_nudge(&activation.destination, nudge, LIVE_NUDGE).await?;
        }
        for (until, people) in std::mem::take(&mut self.course.put_off) {
            let nudge = Nudge { not_before: Some(until), people: people.into_iter().collect(), ..self.nudge.clone() };
            self.engine.send_nudge(&activation.destination, nudge, most_people(self.nudge.lane)).await?;
        }
        if let Some(failure) = &self.course.stop {
            self.engine.stop(activation, failure).await?;
        } else if let Some(why) = &self.course.capped {
            self.engine.pause(activation, why).await?;
        }
        match self.course.stands_for() {
            None => self.engine.ports.ledger.clear_flight(&self.flight.id).await?,
            Some(kind) => {
                self.flight.kind = kind;
                self.engine.ports.ledger.put_flight(&self.flight).await?;
            }
        }
        self.engine.steps.reached(Step::FlightCleared);
        tracing::info!(people = self.nudge.people.len(), open = self.course.open.len(), "looked at people");
        Ok(())
    }

    async fn doubt_unsettled(&self) -> PortResult<()> {
        let doubted = self.course.in_doubt();
        if doubted.is_empty() {
            return Ok(());
        }
        self.engine.ports.people.raise_doubt(&self.subject.activation.id, &doubted).await
    }
}

/// What goes in bulk is tried again in bulk: smaller nudges would become smaller files.
fn most_people(lane: Lane) -> usize {
    match lane {
        Lane::Live => LIVE_NUDGE,
        Lane::Bulk => super::walk::BULK_NUDGE,
    }
}

pub(super) fn new_flight_id() -> FlightId {
    let text = uuid::Uuid::new_v4().simple().to_string();
    text.parse().expect("hexadecimal digits are a slug")
}
