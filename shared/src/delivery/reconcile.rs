//! Compares people at rest with what their vendor shows, and sends again only who differs. A comparison takes time, in
//! which rows change: whoever is not as before when it is over is left out, and never reported.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::landing::items;
use super::run::new_flight_id;
use super::{Engine, Errand, Subject, plain_nudge, retry};
use crate::catalog::{get, links};
use crate::destination::{Failure, Item, ReadBack, Seen};
use crate::model::pending::{Due, RecordShape, due, records};
use crate::model::{
    Activation, DifferenceKind, Flight, FlightKind, Job, JobStatus, Lane, Message, Outcome, PersonKey, QueueName,
    ReconcileMode, Reconciliation, Version,
};
use crate::ports::{Doubted, PortResult, Row, Segment, Walked};
use crate::steps::Step;

/// What a slice of a comparison came to.
pub(super) enum Slice {
    /// There is another one for this worker.
    More,
    /// This worker has nothing more to do.
    Over,
}

/// How far a page of rows was read back.
struct Reached<'r> {
    /// The rows of which everything is known that will be.
    rows: &'r [Row],
    /// What was found.
    found: BTreeMap<PersonKey, Found>,
    /// Why the others were not read.
    halted: Option<Failure>,
}

/// Where a job goes on.
struct Place {
    cursor: Option<PersonKey>,
    status: JobStatus,
}

/// What is known of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    LeftOut,
    Unread,
    Same,
    Differs(DifferenceKind),
}

impl Engine {
    /// Compares some more people of a job.
    pub(super) async fn reconcile(
        &self,
        job: &Job,
        reconciliation: &Reconciliation,
        activation: &Activation,
        deadline: Timestamp,
    ) -> PortResult<Slice> {
        let snapshot = self.catalog.snapshot().await?;
        let links = links(self.ports.catalog.as_ref(), activation).await?;
        let subject = self.subject(&snapshot, activation, links, Errand::bulk(deadline)).await?;
        let slice = self.reconcile_slice(job, reconciliation, &subject).await;
        subject.session.end().await;
        slice
    }

    async fn reconcile_slice(
        &self,
        job: &Job,
        reconciliation: &Reconciliation,
        subject: &Subject<'_>,
    ) -> PortResult<Slice> {
        let activation = subject.activation;
        let page = subject.destination.spec().read_back.unwrap_or(1);
        let people = &self.ports.people;
        let Walked { rows, next } =
            people.walk(&activation.source, Some(&activation.id), Segment::WHOLE, job.cursor, page).await?;
        let order: Vec<PersonKey> = rows.iter().map(|row| row.person.key).collect();
        let rows = self.read_in_order(&order, activation).await?;
        let shape = subject.destination.spec().shape;
        let wanted = self.wanted(&rows, activation, shape).await?;
        let back = self.read_back(subject, &wanted).await;
        self.steps.reached(Step::Sent);
        let mut reached = reach(&rows, &wanted, back);
        self.leave_out_who_moved(&mut reached, activation, shape).await?;
        let repaired = self.repair(reconciliation.mode, &reached, activation).await?;
        let whole = reached.rows.len() == rows.len();
        let behind = reached.rows.last().map(|row| row.person.key);
        let place = match next {
            None if whole => Place { cursor: job.cursor, status: JobStatus::Done },
            Some(next) if whole => Place { cursor: Some(next), status: JobStatus::Running },
            Some(_) | None => Place { cursor: behind.or(job.cursor), status: JobStatus::Running },
        };
        self.note_slice(job, reconciliation, &reached, repaired, place).await
    }

    /// Strongly consistent, in the order of the walk: a job goes on behind any of its rows.
    async fn read_in_order(&self, order: &[PersonKey], activation: &Activation) -> PortResult<Vec<Row>> {
        let read = self.ports.people.read(order, Some(&activation.id)).await?;
        let mut by_key: BTreeMap<PersonKey, Row> = read.into_iter().map(|row| (row.person.key, row)).collect();
        Ok(order.iter().filter_map(|key| by_key.remove(key)).collect())
    }

    /// The items of whoever is at rest.
    async fn wanted(
        &self,
        rows: &[Row],
        activation: &Activation,
        shape: RecordShape,
    ) -> PortResult<BTreeMap<PersonKey, Vec<Item>>> {
        let flying = self.flying(activation).await?;
        let at_rest = rows.iter().filter(|row| is_at_rest(row, activation, shape, &flying));
        let wanted = at_rest.map(|row| (row.person.key, items(row, activation, shape)));
        Ok(wanted.filter(|(_, items)| !items.is_empty()).collect())
    }

    async fn flying(&self, activation: &Activation) -> PortResult<BTreeSet<PersonKey>> {
        let flights = self.ports.ledger.flights(Some(&activation.id)).await?;
        Ok(flights.iter().flat_map(Flight::people).collect())
    }

    async fn read_back(&self, subject: &Subject<'_>, wanted: &BTreeMap<PersonKey, Vec<Item>>) -> ReadBack {
        let items: Vec<Item> = wanted.values().flatten().cloned().collect();
        if items.is_empty() {
            return ReadBack::default();
        }
        subject.session.expect(items.len()).await;
        let context = subject.context(subject.notes(), self.now());
        subject.destination.read_back(&context, &items).await
    }

    /// Whoever differs and is not as before may have been read in between.
    async fn leave_out_who_moved(
        &self,
        reached: &mut Reached<'_>,
        activation: &Activation,
        shape: RecordShape,
    ) -> PortResult<()> {
        let differing = |verdict: &Found| matches!(verdict, Found::Differs(_));
        let keys: Vec<PersonKey> =
            reached.found.iter().filter(|(_, verdict)| differing(verdict)).map(|(key, _)| *key).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let flying = self.flying(activation).await?;
        let after = self.ports.people.read(&keys, Some(&activation.id)).await?;
        let still: BTreeMap<PersonKey, (Version, u64)> = after
            .iter()
            .filter(|row| is_at_rest(row, activation, shape, &flying))
            .map(|row| (row.person.key, (row.person.version, row.standing.revision)))
            .collect();
        for row in reached.rows {
            let before = (row.person.version, row.standing.revision);
            if let Some(verdict) = reached.found.get_mut(&row.person.key)
                && differing(verdict)
                && still.get(&row.person.key) != Some(&before)
            {
                *verdict = Found::LeftOut;
            }
        }
        Ok(())
    }

    /// Doubt, then nudge: without the doubt a receipt says that nothing is to be done. Under a flight: whoever dies in
    /// between leaves people who are not at rest any more, and the sweep nudges them.
    async fn repair(&self, mode: ReconcileMode, reached: &Reached<'_>, activation: &Activation) -> PortResult<u64> {
        match mode {
            ReconcileMode::Compare => return Ok(0),
            ReconcileMode::Repair => {}
        }
        let differing = reached.found.iter().filter(|(_, verdict)| matches!(verdict, Found::Differs(_)));
        let people: Vec<PersonKey> = differing.map(|(key, _)| *key).collect();
        if people.is_empty() {
            return Ok(0);
        }
        let flight = Flight {
            id: new_flight_id(),
            activation: activation.id.clone(),
            lane: Lane::Bulk,
            started_at: self.now(),
            late_seconds: 0,
            kind: FlightKind::Sending { people: people.clone() },
        };
        self.ports.ledger.put_flight(&flight).await?;
        let doubted: Vec<Doubted> = people.iter().copied().map(Doubted::Person).collect();
        self.ports.people.raise_doubt(&activation.id, &doubted).await?;
        self.steps.reached(Step::DoubtRaised);
        let nudged = people.len() as u64;
        let nudge = plain_nudge(activation, people, Lane::Bulk);
        self.send_nudge(&activation.destination, nudge, super::walk::BULK_NUDGE).await?;
        self.steps.reached(Step::WalkNudged);
        self.ports.ledger.clear_flight(&flight.id).await?;
        Ok(nudged)
    }

    async fn note_slice(
        &self,
        job: &Job,
        reconciliation: &Reconciliation,
        reached: &Reached<'_>,
        nudged: u64,
        Place { cursor, status }: Place,
    ) -> PortResult<Slice> {
        let now = self.now();
        let over = status == JobStatus::Done;
        let walked = Job {
            cursor,
            walked: job.walked + reached.rows.len() as u64,
            nudged: job.nudged + nudged,
            moved_at: Some(now),
            reconciliation: Some(counted(reconciliation, &reached.found)),
            status,
            ended_at: over.then_some(now),
            ..job.clone()
        };
        let mine = self.ports.ledger.advance_job(job, &walked).await?;
        self.steps.reached(Step::CursorSaved);
        if !mine || over {
            return Ok(Slice::Over);
        }
        match &reached.halted {
            None => Ok(Slice::More),
            Some(failure) => self.wait(job, failure, now).await,
        }
    }

    /// The vendor, or the budget, wants a pause.
    async fn wait(&self, job: &Job, failure: &Failure, now: Timestamp) -> PortResult<Slice> {
        let pause = match failure {
            Failure::PutOff { until } => until.duration_since(now).max(SignedDuration::from_secs(1)),
            Failure::RateLimited { retry_after } => retry::backoff(1, *retry_after, &self.dice),
            Failure::Retryable { .. } | Failure::Rejected { .. } => {
                tracing::warn!(activation = %job.activation, %failure, "what the vendor shows could not be read yet");
                SignedDuration::from_mins(1)
            }
            Failure::Unauthorized { .. } | Failure::Misconfigured { .. } => {
                self.stop_for(job, failure).await?;
                return Ok(Slice::More);
            }
        };
        self.send_message(&QueueName::Jobs, &Message::Job { job: job.id.clone() }, pause).await?;
        Ok(Slice::Over)
    }

    /// The next look at the job finds an activation that does not deliver, and ends it.
    async fn stop_for(&self, job: &Job, failure: &Failure) -> PortResult<()> {
        let catalog = self.ports.catalog.as_ref();
        match get::<Activation>(catalog, job.activation.as_str()).await? {
            Some(stored) => self.stop(&stored.value, failure).await,
            None => Ok(()),
        }
    }
}

/// Delivered, and nothing to be sent, waited for, or under way.
fn is_at_rest(row: &Row, activation: &Activation, shape: RecordShape, flying: &BTreeSet<PersonKey>) -> bool {
    let Row { person, standing } = row;
    let records = records(person, standing, activation, shape);
    let delivered = |record| standing.receipt(record).is_some_and(|receipt| receipt.outcome == Outcome::Delivered);
    !records.is_empty()
        && !flying.contains(&person.key)
        && records.iter().all(|record| delivered(record) && due(person, standing, activation, record) == Due::Settled)
}

/// The rows up to the first of which something was not read because the reading halted.
fn reach<'r>(rows: &'r [Row], wanted: &BTreeMap<PersonKey, Vec<Item>>, back: ReadBack) -> Reached<'r> {
    let ReadBack { seen, halted } = back;
    let verdict = |row: &Row| {
        let Some(items) = wanted.get(&row.person.key) else { return Found::LeftOut };
        let mut verdict = Found::Same;
        for item in items {
            match seen.get(&item.id) {
                Some(Seen::Same) => {}
                Some(Seen::Differs(kind)) => verdict = Found::Differs(*kind),
                None => return Found::Unread,
            }
        }
        verdict
    };
    let mut found = BTreeMap::new();
    for (at, row) in rows.iter().enumerate() {
        let verdict = verdict(row);
        if verdict == Found::Unread && halted.is_some() {
            return Reached { rows: &rows[..at], found, halted };
        }
        found.insert(row.person.key, verdict);
    }
    Reached { rows, found, halted: None }
}

fn counted(reconciliation: &Reconciliation, found: &BTreeMap<PersonKey, Found>) -> Reconciliation {
    let mut counted = reconciliation.clone();
    for (person, verdict) in found {
        match verdict {
            Found::LeftOut => counted.left_out += 1,
            Found::Unread => counted.unread += 1,
            Found::Same => counted.compared += 1,
            Found::Differs(kind) => {
                counted.compared += 1;
                counted.add(*person, *kind);
            }
        }
    }
    counted
}
