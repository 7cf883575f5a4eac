//! What AWS does around the functions: calls the handlers with the messages of each queue, and with the
//! schedules' tasks; makes messages visible again that were not acknowledged.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use jiff::{SignedDuration, Timestamp};
use muster::embedded::Received;
use muster::model::{Lane, QueueName};
use muster::ports::PortResult;
use muster_backfill::{Event, Task};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::system::System;

const SWEEP_EVERY: SignedDuration = SignedDuration::from_mins(1);
const CATCH_UP_EVERY: SignedDuration = SignedDuration::from_hours(24);
const CAUGHT_UP: &str = "caught-up";
/// Messages of one call, as SQS gives them to a function.
const BATCH: usize = 10;
/// How long to look away when nothing is to be done: a message may come from a handler in between.
const GLANCE: std::time::Duration = std::time::Duration::from_millis(500);

/// Calls the handlers.
pub struct Runner {
    system: Arc<System>,
    queues: Vec<Served>,
    running: JoinSet<usize>,
    swept_at: Timestamp,
}

struct Served {
    name: QueueName,
    /// Most runs at once.
    most: usize,
    running: usize,
}

/// Whether there is anything left to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Something ran.
    Worked,
    /// Nothing is due; the next thing is, if anything.
    Idle(Option<Timestamp>),
}

impl Runner {
    /// A runner over every queue there is. Messages that a former process had in hand are visible again.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn new(system: Arc<System>) -> PortResult<Self> {
        system.embedded.queue().reclaim_all().await?;
        let mut queues = vec![Served { name: QueueName::Jobs, most: 1, running: 0 }];
        for destination in muster::destinations::all() {
            let provider = &destination.spec().provider;
            for (lane, most) in [(Lane::Live, 4), (Lane::Bulk, 2)] {
                queues.push(Served { name: QueueName::Destination(provider.clone(), lane), most, running: 0 });
            }
        }
        Ok(Self { system, queues, running: JoinSet::new(), swept_at: Timestamp::UNIX_EPOCH })
    }

    fn now(&self) -> Timestamp {
        self.system.engine.ports.clock.now()
    }

    /// Runs until told to stop, then lets what runs end.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) -> PortResult<()> {
        while !*stop.borrow() {
            let turn = match self.turn().await {
                Ok(turn) => turn,
                Err(error) => {
                    tracing::error!(%error, "the store failed; what was under way comes again");
                    self.wait(None, &mut stop).await;
                    continue;
                }
            };
            if let Turn::Idle(next) = turn {
                if let Some(next) = next
                    && let Some(jump) = &self.system.jump
                    && self.running.is_empty()
                {
                    jump.advance_to(next);
                    continue;
                }
                self.wait(next, &mut stop).await;
            }
        }
        while self.running.join_next().await.is_some() {}
        Ok(())
    }

    async fn wait(&mut self, next: Option<Timestamp>, stop: &mut watch::Receiver<bool>) {
        let due = next.map_or(GLANCE, |next| {
            std::time::Duration::try_from(next.duration_since(self.now())).unwrap_or_default().min(GLANCE)
        });
        let queue = self.system.embedded.queue();
        tokio::select! {
            _ = tokio::time::timeout(due, queue.changed()) => {}
            Some(ended) = self.running.join_next() => self.ended(ended),
            _ = stop.changed() => {}
        }
    }

    /// Runs whatever is due now, and what that makes due at once; the clock stays.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn run_due(&mut self) -> PortResult<Option<Timestamp>> {
        loop {
            match self.turn().await? {
                Turn::Worked => {}
                Turn::Idle(next) if self.running.is_empty() => match next {
                    Some(next) if next <= self.now() => {}
                    Some(_) | None => return Ok(next),
                },
                Turn::Idle(_) => {
                    if let Some(ended) = self.running.join_next().await {
                        self.ended(ended);
                    }
                }
            }
        }
    }

    /// Runs whatever is due, then jumps to what is due next; answers whether there was anything.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn run_one_jump(&mut self) -> PortResult<bool> {
        let next = self.run_due().await?;
        if let (Some(next), Some(jump)) = (next, self.system.jump.clone()) {
            jump.advance_to(next);
        }
        Ok(next.is_some())
    }

    /// Runs until nothing is left: no message, delayed ones included, and no flight. Jumps over idle time.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn run_until_quiet(&mut self) -> PortResult<()> {
        while let Some(next) = self.run_due().await? {
            let Some(jump) = &self.system.jump else { return Ok(()) };
            jump.advance_to(next);
        }
        Ok(())
    }

    fn ended(&mut self, ended: Result<usize, tokio::task::JoinError>) {
        match ended {
            Ok(index) => self.queues[index].running -= 1,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// Starts whatever is due.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn turn(&mut self) -> PortResult<Turn> {
        while let Some(ended) = self.running.try_join_next() {
            self.ended(ended);
        }
        self.keep_schedules().await?;
        let mut worked = false;
        for index in 0..self.queues.len() {
            while self.queues[index].running < self.queues[index].most {
                let queue = self.system.embedded.queue();
                let visibility = self.system.engine.times.visibility;
                let received = queue.receive(&self.queues[index].name, BATCH, visibility).await?;
                if received.is_empty() {
                    break;
                }
                worked = true;
                self.queues[index].running += 1;
                let system = Arc::clone(&self.system);
                let jobs = self.queues[index].name == QueueName::Jobs;
                self.running.spawn(async move {
                    call(&system, jobs, received).await;
                    index
                });
            }
        }
        if worked {
            return Ok(Turn::Worked);
        }
        if !self.running.is_empty() {
            return Ok(Turn::Idle(None));
        }
        Ok(Turn::Idle(self.next().await?))
    }

    async fn next(&self) -> PortResult<Option<Timestamp>> {
        let engine = &self.system.engine;
        let message = self.system.embedded.queue().next_due().await?;
        if self.system.jump.is_none() {
            // The sweep comes every minute by itself; only who jumps over the time until then must know it.
            return Ok(message);
        }
        let flights = engine.ports.ledger.flights(None).await?;
        let flight = flights.iter().map(|flight| flight.acted_on_at(engine.times.sweep_age)).min();
        // Both are acted on by the sweep that follows.
        let after_sweep = |at: Timestamp| at.max(self.swept_at.saturating_add(SWEEP_EVERY).unwrap_or(at));
        let flight = flight.map(after_sweep);
        let jobs = engine.ports.ledger.jobs(None).await?;
        let job = jobs.iter().filter_map(|job| job.stalls_at(engine.times.sweep_age)).min();
        let scans = engine.ports.ledger.scans(None).await?;
        let scan = scans.iter().filter_map(|scan| scan.stalls_at(engine.times.sweep_age)).min();
        let notice = engine.notices_due().await?.map(after_sweep);
        Ok([message, flight, job.map(after_sweep), scan.map(after_sweep), notice].into_iter().flatten().min())
    }

    async fn keep_schedules(&mut self) -> PortResult<()> {
        let now = self.now();
        let mut tasks = Vec::new();
        if now.duration_since(self.swept_at) >= SWEEP_EVERY {
            self.swept_at = now;
            tasks.push(Task::Sweep);
        }
        let ledger = &self.system.engine.ports.ledger;
        match ledger.mark(CAUGHT_UP).await? {
            // The first one is a day after the first start: there is nothing to catch up with yet.
            None => ledger.set_mark(CAUGHT_UP, now).await?,
            Some(last) if now.duration_since(last) >= CATCH_UP_EVERY => {
                ledger.set_mark(CAUGHT_UP, now).await?;
                tasks.push(Task::CatchUp);
            }
            Some(_) => {}
        }
        for task in tasks {
            let remaining = self.system.run_time();
            if let Err(error) = muster_backfill::handle(&self.system.engine, Event::Task(task), remaining).await {
                tracing::error!(?task, error, "a scheduled task failed; it runs again at its next time");
            }
        }
        Ok(())
    }
}

/// Calls a handler with a batch and acknowledges what it does not give back.
async fn call(system: &System, jobs: bool, received: Vec<Received>) {
    let by_id: BTreeMap<String, _> = received.iter().map(|message| (message.id.to_string(), message.receipt)).collect();
    let mut event = SqsEvent::default();
    event.records = received.into_iter().map(record).collect();
    let remaining = system.run_time();
    let response = if jobs {
        muster_backfill::handle_jobs(&system.engine, event, remaining).await
    } else {
        muster_deliver::handle(&system.engine, event, remaining).await
    };
    let failed = failed_ids(&response);
    let done: Vec<_> = by_id.into_iter().filter(|(id, _)| !failed.contains(id)).map(|(_, receipt)| receipt).collect();
    // A message that cannot be deleted comes again, which is harmless.
    if let Err(error) = system.embedded.queue().delete(&done).await {
        tracing::warn!(%error, "messages could not be acknowledged; they come again");
    }
}

fn record(received: Received) -> SqsMessage {
    let mut message = SqsMessage::default();
    message.message_id = Some(received.id.to_string());
    message.body = Some(received.body);
    message
}

fn failed_ids(response: &SqsBatchResponse) -> Vec<String> {
    response.batch_item_failures.iter().map(|failure| failure.item_identifier.clone()).collect()
}
