//! Walks: over all people of a source, nudging whoever is pending. Resumable by cursor, harmless when
//! doubled; they carry keys only, so that they can never overtake a newer change.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::reconcile::Slice;
use super::{Engine, LIVE_NUDGE, plain_nudge};
use crate::catalog::{Edit, edit_activation, get};
use crate::model::insiders::Insiders;
use crate::model::pending::{Due, RecordShape, due, records};
use crate::model::{
    Activation, ActivationId, ActivationStatus, Job, JobId, JobKind, JobStatus, Lane, Message, Nudge, PersonKey,
    QueueName, Reason, ReconcileMode, Reconciliation, Replay, Scan,
};
use crate::ports::{Doubted, MAX_DELAY, Outgoing, PortResult, Ports, Row, Segment, Walked};
use crate::steps::Step;

/// Most people of one bulk message: their keys stay well below a queue's 256 KB.
pub(super) const BULK_NUDGE: usize = 1_000;
/// Rows of one page.
const PAGE: usize = 1_000;
/// A walk passes itself on when less than this is left of a run.
const TIME_FOR_A_PAGE: SignedDuration = SignedDuration::from_secs(10);

/// Starts a walk after `delay`: the longest that anybody may still act on an older catalog.
pub async fn start_job(
    ports: &Ports,
    activation: &Activation,
    kind: JobKind,
    delay: SignedDuration,
) -> PortResult<Job> {
    start(ports, activation, Purpose { kind, ..Purpose::default() }, delay).await
}

/// Starts a replay after `delay`.
pub async fn start_replay(
    ports: &Ports,
    activation: &Activation,
    replay: Replay,
    delay: SignedDuration,
) -> PortResult<Job> {
    start(ports, activation, Purpose { kind: JobKind::Replay, replay: Some(replay), ..Purpose::default() }, delay).await
}

/// Starts a comparison with the vendor after `delay`.
pub async fn start_reconciliation(
    ports: &Ports,
    activation: &Activation,
    mode: ReconcileMode,
    delay: SignedDuration,
) -> PortResult<Job> {
    let reconciliation = Some(Reconciliation::new(mode));
    start(ports, activation, Purpose { kind: JobKind::Reconcile, reconciliation, ..Purpose::default() }, delay).await
}

/// Starts a walk over insiders.
pub async fn start_insiders(ports: &Ports, activation: &Activation, insiders: Insiders) -> PortResult<Job> {
    let purpose = Purpose { kind: JobKind::Insiders, insiders: Some(insiders), ..Purpose::default() };
    start(ports, activation, purpose, SignedDuration::ZERO).await
}

/// What a walk is for.
struct Purpose {
    kind: JobKind,
    replay: Option<Replay>,
    insiders: Option<Insiders>,
    reconciliation: Option<Reconciliation>,
}

impl Default for Purpose {
    fn default() -> Self {
        Self { kind: JobKind::Resume, replay: None, insiders: None, reconciliation: None }
    }
}

async fn start(
    ports: &Ports,
    activation: &Activation,
    Purpose { kind, replay, insiders, reconciliation }: Purpose,
    delay: SignedDuration,
) -> PortResult<Job> {
    let id: JobId = uuid::Uuid::now_v7().to_string().parse().expect("a UUID is a slug");
    let job = Job {
        id,
        activation: activation.id.clone(),
        kind,
        status: JobStatus::Running,
        cursor: None,
        walked: 0,
        nudged: 0,
        of: ports.people.count(&activation.source).await?,
        started_at: ports.clock.now(),
        moved_at: None,
        ended_at: None,
        why: None,
        replay,
        insiders,
        reconciliation,
    };
    ports.ledger.put_job(&job).await?;
    let message = Message::Job { job: job.id.clone() };
    let delay = delay.clamp(SignedDuration::ZERO, MAX_DELAY);
    ports.queue.send(&QueueName::Jobs, vec![Outgoing::later(&message, delay)]).await?;
    Ok(job)
}

impl Engine {
    /// Starts the daily catch-up of every activation that delivers and is not being walked.
    pub async fn catch_up(&self) -> PortResult<Vec<JobId>> {
        let snapshot = self.catalog.snapshot().await?;
        let mut started = Vec::new();
        for activation in snapshot.activations.values().filter(|activation| activation.status.delivers()) {
            let walking = self.is_walking(&activation.id, JobKind::CatchUp).await?;
            if !walking {
                started.push(start_job(&self.ports, activation, JobKind::CatchUp, SignedDuration::ZERO).await?.id);
            }
        }
        Ok(started)
    }

    /// Tells walks and scans to go on that nobody went on with for as long as a flight may stand: their message was lost,
    /// or never sent.
    pub(super) async fn revive_jobs(&self, now: Timestamp) -> PortResult<usize> {
        let mut revived = 0;
        for job in self.ports.ledger.jobs(None).await? {
            if job.stalls_at(self.times.sweep_age).is_none_or(|stalls_at| stalls_at > now) {
                continue;
            }
            let message = Message::Job { job: job.id.clone() };
            self.send_message(&QueueName::Jobs, &message, SignedDuration::ZERO).await?;
            let told = Job { moved_at: Some(now), ..job.clone() };
            self.ports.ledger.advance_job(&job, &told).await?;
            revived += 1;
        }
        for scan in self.ports.ledger.scans(None).await? {
            if scan.stalls_at(self.times.sweep_age).is_none_or(|stalls_at| stalls_at > now) {
                continue;
            }
            let message = Message::Scan { scan: scan.id.clone() };
            self.send_message(&QueueName::Jobs, &message, SignedDuration::ZERO).await?;
            let told = Scan { moved_at: now, revision: scan.revision + 1, ..scan.clone() };
            self.ports.ledger.put_scan(&told, scan.revision).await?;
            revived += 1;
        }
        Ok(revived)
    }

    pub(super) async fn is_walking(&self, activation: &ActivationId, kind: JobKind) -> PortResult<bool> {
        let jobs = self.ports.ledger.jobs(Some(activation)).await?;
        Ok(jobs.iter().any(|job| job.kind == kind && job.status == JobStatus::Running))
    }

    /// Goes on with a walk until it is over or the run's time is.
    pub async fn walk(&self, id: &JobId, deadline: Timestamp) -> PortResult<()> {
        loop {
            let Some(job) = self.ports.ledger.job(id).await?.filter(|job| job.status == JobStatus::Running) else {
                return Ok(());
            };
            let stored = get::<Activation>(self.ports.catalog.as_ref(), job.activation.as_str()).await?;
            let Some(activation) = stored.map(|stored| stored.value).filter(|one| one.status.delivers()) else {
                let why = Some(Reason::new("the activation does not deliver"));
                self.end_walk(&job, JobStatus::Stopped, why).await?;
                return Ok(());
            };
            if deadline.duration_since(self.now()) < TIME_FOR_A_PAGE {
                let message = Message::Job { job: id.clone() };
                return self.send_message(&QueueName::Jobs, &message, SignedDuration::ZERO).await;
            }
            let slice = match (&job.reconciliation, &job.insiders) {
                (Some(reconciliation), _) => self.reconcile(&job, reconciliation, &activation, deadline).await?,
                (None, Some(insiders)) if self.walk_insiders(&job, insiders, &activation).await? => Slice::More,
                (None, None) if self.walk_page(&job, &activation).await? => Slice::More,
                (None, Some(_) | None) => Slice::Over,
            };
            match slice {
                Slice::More => {}
                Slice::Over => return Ok(()),
            }
        }
    }

    /// Walks a page; answers whether there is another one for this worker.
    async fn walk_page(&self, job: &Job, activation: &Activation) -> PortResult<bool> {
        let people = &self.ports.people;
        let Walked { rows, next } = match job.replay.as_ref().and_then(|replay| replay.person) {
            Some(person) => Walked { rows: people.read(&[person], Some(&activation.id)).await?, next: None },
            None => {
                let page = job.replay.as_ref().and_then(people_per_pause).unwrap_or(PAGE);
                people.walk(&activation.source, Some(&activation.id), Segment::WHOLE, job.cursor, page).await?
            }
        };
        let destination = self.destination(&activation.destination)?;
        let spec = destination.spec();
        let now = self.now();
        let doubted = doubted(&rows, job, activation, spec.shape, now);
        let people: Vec<PersonKey> = match job.kind {
            JobKind::Replay | JobKind::Reconcile | JobKind::Insiders => {
                let people = doubted.iter().map(Doubted::person);
                people.collect::<BTreeSet<_>>().into_iter().collect()
            }
            JobKind::Backfill | JobKind::Resume | JobKind::CatchUp | JobKind::Resync => {
                let wanted = rows.iter().filter(|row| is_wanted(row, activation, spec.shape, job.kind, now));
                wanted.map(|row| row.person.key).collect()
            }
        };
        // Before the nudge: without it a receipt says that nothing is to be done.
        if !doubted.is_empty() {
            self.ports.people.raise_doubt(&activation.id, &doubted).await?;
        }
        let nudged = people.len() as u64;
        let reopen = matches!(job.kind, JobKind::CatchUp | JobKind::Resync | JobKind::Replay);
        let nudge = Nudge { reopen, ..plain_nudge(activation, people, Lane::Bulk) };
        let bulk = destination.bulk(&activation.settings);
        let most = if bulk.is_some() { BULK_NUDGE } else { LIVE_NUDGE };
        self.send_nudge(&activation.destination, nudge, most).await?;
        // What they wait for may have been dropped while the activation stood still.
        for (not_before, people) in waiting(&rows, activation, spec.shape, now) {
            let nudge = Nudge { not_before: Some(not_before), ..plain_nudge(activation, people, Lane::Bulk) };
            self.send_nudge(&activation.destination, nudge, LIVE_NUDGE).await?;
        }
        self.steps.reached(Step::WalkNudged);
        let over = next.is_none();
        let mut walked = Job {
            cursor: next.or(job.cursor),
            walked: job.walked + rows.len() as u64,
            nudged: job.nudged + nudged,
            moved_at: Some(now),
            ..job.clone()
        };
        if over {
            // The status goes first: a job that is done is never looked at again.
            self.finish_backfill(job, activation).await?;
            walked.status = JobStatus::Done;
            walked.ended_at = Some(now);
        }
        let mine = self.ports.ledger.advance_job(job, &walked).await?;
        self.steps.reached(Step::CursorSaved);
        let pause = job.replay.as_ref().and_then(|replay| replay.people_per_second).filter(|_| mine && !over);
        if let Some(per_second) = pause {
            #[expect(clippy::cast_precision_loss, reason = "a page has a thousand people")]
            let pause = SignedDuration::try_from_secs_f64(nudged as f64 / per_second).unwrap_or(MAX_DELAY);
            self.send_message(&QueueName::Jobs, &Message::Job { job: job.id.clone() }, pause).await?;
            return Ok(false);
        }
        Ok(mine && !over)
    }

    async fn end_walk(&self, job: &Job, status: JobStatus, why: Option<Reason>) -> PortResult<()> {
        let ended = Job { status, why, ended_at: Some(self.now()), ..job.clone() };
        self.ports.ledger.advance_job(job, &ended).await?;
        Ok(())
    }

    async fn finish_backfill(&self, job: &Job, activation: &Activation) -> PortResult<()> {
        if job.kind != JobKind::Backfill {
            return Ok(());
        }
        edit_activation(self.ports.catalog.as_ref(), &activation.id, |activation| {
            if activation.status != ActivationStatus::Backfilling {
                return Edit::Keep;
            }
            activation.finish_backfill();
            Edit::Write
        })
        .await?;
        self.catalog.forget().await;
        Ok(())
    }
}

/// Most people between two pauses of a replay that has a rate: a pause stays well below the time after which a
/// walk counts as stalled.
fn people_per_pause(replay: &Replay) -> Option<usize> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "cut to between 1 and a page")]
    replay.people_per_second.map(|per_second| (per_second * 240.0).clamp(1.0, PAGE as f64) as usize)
}

/// What of a page is to be sent again although its receipts say that it is done.
fn doubted(rows: &[Row], job: &Job, activation: &Activation, shape: RecordShape, now: Timestamp) -> Vec<Doubted> {
    // A doubt makes a record of somebody who has none here, and that record would be pending without a nudge.
    let has_records = |row: &&Row| !records(&row.person, &row.standing, activation, shape).is_empty();
    match (&job.replay, job.kind) {
        (Some(replay), _) => {
            let picked = |row: &Row| {
                let records = row.standing.records.iter().filter(|(record, standing)| {
                    let receipt = standing.receipt.as_ref();
                    receipt.is_some_and(|receipt| {
                        replay.picks(&row.person, record, receipt, activation.parking(receipt, now))
                    })
                });
                records.map(|(record, _)| Doubted::Record(row.person.key, record.clone())).collect::<Vec<_>>()
            };
            rows.iter().flat_map(picked).collect()
        }
        (None, JobKind::Resync) => rows.iter().filter(has_records).map(|row| Doubted::Person(row.person.key)).collect(),
        (
            None,
            JobKind::Backfill
            | JobKind::Resume
            | JobKind::CatchUp
            | JobKind::Replay
            | JobKind::Insiders
            | JobKind::Reconcile,
        ) => Vec::new(),
    }
}

/// Who is to be tried again later, by when.
fn waiting(
    rows: &[Row],
    activation: &Activation,
    shape: RecordShape,
    now: Timestamp,
) -> BTreeMap<Timestamp, Vec<PersonKey>> {
    let mut waiting: BTreeMap<Timestamp, Vec<PersonKey>> = BTreeMap::new();
    for Row { person, standing } in rows {
        for record in records(person, standing, activation, shape) {
            if let Due::Waiting(not_before) = due(person, standing, activation, &record)
                && not_before > now
            {
                waiting.entry(not_before).or_default().push(person.key);
            }
        }
    }
    waiting
}

/// Whether a walk of this kind nudges the person.
pub fn is_wanted(row: &Row, activation: &Activation, shape: RecordShape, kind: JobKind, now: Timestamp) -> bool {
    let Row { person, standing } = row;
    if person.outbox.iter().any(|earned| earned.activation == activation.id) {
        return true;
    }
    records(person, standing, activation, shape).iter().any(|record| match due(person, standing, activation, record) {
        Due::Pending => true,
        Due::Waiting(not_before) => not_before <= now,
        Due::Open => matches!(kind, JobKind::CatchUp | JobKind::Resync),
        Due::Settled => kind == JobKind::Resync,
    })
}
