//! Queue-triggered delivery: SQS → one destination. The same binary is deployed once per destination and
//! lane; what it sends is said by the messages alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::Context;
use muster::aws::Function;
use muster::catalog::CachedCatalog;
use muster::delivery::{Dice, Engine, OpenError, Times};
use muster::model::{ActivationId, Lane, Message, Nudge};
use muster::ports::PortResult;
use muster::steps::Unwatched;

/// Nudges of one batch that can go as one run.
type Together = BTreeMap<(ActivationId, Lane, bool), Vec<(String, Nudge)>>;

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The TLS library cannot be set up.
    #[error("{0}")]
    Http(String),
    /// Times that do not fit each other, or a vault that does not answer.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// The engine over a function's ports. The catalog is read while it is opened: a function starts because somebody
/// waits. Where it cannot be read, the first run hears of it.
///
/// # Errors
/// See [`EngineError`].
pub async fn engine(function: &Function) -> Result<Engine, EngineError> {
    let http = function.http().map_err(EngineError::Http)?;
    let (ports, times) = (function.ports.clone(), Times::default());
    let catalog = CachedCatalog::new(Arc::clone(&ports.catalog), Arc::clone(&ports.clock), times.cache_age);
    let opened = Engine::open(ports, http, times, Arc::new(Unwatched), Dice::fresh());
    let (opened, _) = tokio::join!(opened, catalog.snapshot());
    Ok(Engine { catalog: Arc::new(catalog), ..opened? })
}

/// The time left in the invocation that Lambda gave this context.
pub fn remaining(engine: &Engine, context: &Context) -> SignedDuration {
    let deadline = i64::try_from(context.deadline).unwrap_or(i64::MAX);
    let deadline = Timestamp::from_millisecond(deadline).unwrap_or(Timestamp::MAX);
    deadline.duration_since(engine.ports.clock.now())
}

/// Handles a batch; answers which messages must come back. `remaining` is the time left in this run.
pub async fn handle(engine: &Engine, event: SqsEvent, remaining: SignedDuration) -> SqsBatchResponse {
    let deadline = engine.ports.clock.now().saturating_add(remaining).unwrap_or(Timestamp::MAX);
    let mut failed = Vec::new();
    let mut together = Together::new();
    for message in event.records {
        let id = message.message_id.clone().unwrap_or_default();
        match read(&message) {
            Err(reason) => {
                tracing::error!(message = id, reason, "a message cannot be read; it goes to the dead letters");
                failed.push(id);
            }
            Ok(Message::Nudge(nudge)) if is_joined(&nudge, engine.ports.clock.now()) => {
                let nudge = Nudge { not_before: None, ..nudge };
                let group = (nudge.activation.clone(), nudge.lane, nudge.reopen);
                together.entry(group).or_default().push((id, nudge));
            }
            Ok(other) => keep_failure(&mut failed, vec![id], act(engine, other, deadline).await),
        }
    }
    // At the same time: an activation whose platform hangs keeps no other one waiting.
    let runs = together.into_values().map(|nudges| async {
        let (ids, nudges): (Vec<String>, Vec<Nudge>) = nudges.into_iter().unzip();
        let result = match merge(nudges) {
            Some(nudge) => engine.deliver(nudge, deadline).await,
            None => Ok(()),
        };
        (ids, result)
    });
    for (ids, result) in join_all(runs).await {
        keep_failure(&mut failed, ids, result);
    }
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failed
        .into_iter()
        .map(|item_identifier| {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = item_identifier;
            failure
        })
        .collect();
    response
}

fn read(message: &SqsMessage) -> Result<Message, String> {
    Message::decode(message.body.as_deref().unwrap_or_default())
}

/// Whether a nudge may go with others. One of the bulk lane that has a time was made small on purpose.
fn is_joined(nudge: &Nudge, now: Timestamp) -> bool {
    match (nudge.not_before, nudge.lane) {
        (None, _) => true,
        (Some(time), Lane::Live) => time <= now,
        (Some(_), Lane::Bulk) => false,
    }
}

/// One nudge for the people of several.
fn merge(nudges: Vec<Nudge>) -> Option<Nudge> {
    nudges.into_iter().reduce(|mut all, nudge| {
        all.people.extend(nudge.people);
        all.accepted_at = [all.accepted_at, nudge.accepted_at].into_iter().flatten().min();
        if let Some(joined) = nudge.trace.filter(|trace| all.trace.is_some_and(|of_all| of_all != *trace)) {
            tracing::debug!(trace_id = %joined, with = all.trace.map(|trace| trace.to_string()), "traces joined");
        }
        all.trace = all.trace.or(nudge.trace);
        all
    })
}

fn keep_failure(failed: &mut Vec<String>, ids: Vec<String>, result: PortResult<()>) {
    if let Err(error) = result {
        tracing::error!(%error, messages = ids.len(), "a run failed on our own side; its messages come back");
        failed.extend(ids);
    }
}

async fn act(engine: &Engine, message: Message, deadline: Timestamp) -> PortResult<()> {
    match message {
        Message::Nudge(nudge) => engine.deliver(nudge, deadline).await,
        Message::Landed { flight, activation: _ } => engine.compare_landed(&flight, deadline).await,
        Message::Signal { activation, vendor_id } => engine.signal(&activation, &vendor_id, deadline).await,
        Message::SignalKey { activation, key } => engine.signal_key(&activation, key).await,
        Message::Job { job } => engine.walk(&job, deadline).await,
        Message::Prepare { activation, attempts } => engine.prepare(&activation, attempts, deadline).await,
        Message::Tell { activation } => engine.tell(&activation, deadline).await,
    }
}
