//! Queue-triggered delivery: SQS → one destination. The same binary is deployed once per destination and
//! lane; what it sends is said by the messages alone.

use std::sync::Arc;

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::Context;
use muster::aws::Function;
use muster::catalog::CachedCatalog;
use muster::delivery::{Dice, Engine, OpenError, Times};
use muster::model::Message;
use muster::steps::Unwatched;

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
    let mut batch = Vec::with_capacity(event.records.len());
    for message in event.records {
        let id = message.message_id.clone().unwrap_or_default();
        match Message::decode(message.body.as_deref().unwrap_or_default()) {
            Ok(message) => batch.push((id, message)),
            Err(reason) => {
                tracing::error!(message = id, reason, "a message cannot be read; it goes to the dead letters");
                failed.push(id);
            }
        }
    }
    failed.extend(engine.handle(batch, deadline).await);
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
