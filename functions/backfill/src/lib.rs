//! Walks and preparations from the jobs queue, and what happens by the clock: the sweep every minute, the
//! catch-up every day.

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use jiff::{SignedDuration, Timestamp};
use muster::delivery::Engine;
use muster::model::{Message, ScanId};
use serde::{Deserialize, Serialize};

/// What a schedule asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "kebab-case")]
pub enum Task {
    /// Every minute.
    Sweep,
    /// Every day.
    CatchUp,
}

/// What arrives: a batch of the jobs queue, or a schedule's own input.
#[derive(Debug)]
pub enum Event {
    /// Messages.
    Jobs(SqsEvent),
    /// By the clock.
    Task(Task),
}

impl Event {
    /// Reads an invocation.
    ///
    /// # Errors
    /// For what is neither.
    pub fn read(payload: serde_json::Value) -> Result<Self, String> {
        let read = if payload.get("Records").is_some() {
            serde_json::from_value(payload).map(Self::Jobs)
        } else {
            serde_json::from_value(payload).map(Self::Task)
        };
        read.map_err(|error| format!("neither messages of the jobs queue nor a task: {error}"))
    }
}

/// Handles an invocation; answers what it did.
///
/// # Errors
/// Where our own ports fail during a task: the schedule tries again.
pub async fn handle(engine: &Engine, event: Event, remaining: SignedDuration) -> Result<serde_json::Value, String> {
    let done = match event {
        Event::Jobs(event) => serde_json::to_value(handle_jobs(engine, event, remaining).await),
        Event::Task(Task::Sweep) => {
            // Apart: neither waits for the other's store to be well.
            let deadline = engine.ports.clock.now().saturating_add(remaining).unwrap_or(Timestamp::MAX);
            let (swept, rung) = (engine.sweep().await, muster::timers::ring(engine, deadline).await);
            let timers = rung.map_err(|error| error.to_string())?;
            let mut said = serde_json::to_value(swept.map_err(|error| error.to_string())?).unwrap_or_default();
            if let Some(members) = said.as_object_mut() {
                members.insert("timers".to_owned(), serde_json::json!(timers));
            }
            Ok(said)
        }
        Event::Task(Task::CatchUp) => {
            let jobs = engine.catch_up().await.map_err(|error| error.to_string())?;
            let scans = muster::scans::start_daily(engine).await.map_err(|error| error.to_string())?;
            serde_json::to_value(serde_json::json!({ "started": jobs, "scans": scans }))
        }
    };
    done.map_err(|error| error.to_string())
}

/// A batch of the jobs queue. The messages are those of the delivery queues, and are read alike, but for scans: they ask
/// sources.
pub async fn handle_jobs(engine: &Engine, mut event: SqsEvent, remaining: SignedDuration) -> SqsBatchResponse {
    let deadline = engine.ports.clock.now().saturating_add(remaining).unwrap_or(Timestamp::MAX);
    let scan_of = |record: &SqsMessage| match Message::decode(record.body.as_deref().unwrap_or_default()) {
        Ok(Message::Scan { scan }) => Some((record.message_id.clone().unwrap_or_default(), scan)),
        Ok(_) | Err(_) => None,
    };
    let scans: Vec<(String, ScanId)> = event.records.iter().filter_map(scan_of).collect();
    event.records.retain(|record| scan_of(record).is_none());
    let mut response = muster_deliver::handle(engine, event, remaining).await;
    for (message, scan) in scans {
        if let Err(error) = muster::scans::go_on(engine, &scan, deadline).await {
            tracing::error!(%scan, %error, "a scan could not go on; its message comes again");
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = message;
            response.batch_item_failures.push(failure);
        }
    }
    response
}
