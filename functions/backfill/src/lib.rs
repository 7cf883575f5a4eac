//! Walks and preparations from the jobs queue, and what happens by the clock: the sweep every minute, the
//! catch-up every day.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use jiff::SignedDuration;
use muster::delivery::Engine;
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
        Event::Task(Task::Sweep) => serde_json::to_value(engine.sweep().await.map_err(|error| error.to_string())?),
        Event::Task(Task::CatchUp) => {
            let jobs = engine.catch_up().await.map_err(|error| error.to_string())?;
            serde_json::to_value(serde_json::json!({ "started": jobs }))
        }
    };
    done.map_err(|error| error.to_string())
}

/// A batch of the jobs queue; the messages are those of the delivery queues, and are read alike.
pub async fn handle_jobs(engine: &Engine, event: SqsEvent, remaining: SignedDuration) -> SqsBatchResponse {
    muster_deliver::handle(engine, event, remaining).await
}
