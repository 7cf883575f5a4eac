//! Around the handlers: what the functions do with a request and with a batch of messages, on the same calls of the
//! crate.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use muster::catalog::CachedCatalog;
use muster::delivery::Engine;
use muster::ingest::accept;
use muster::model::{InstallationKey, Message, SourceId, TraceId};
use muster::ports::Ports;
use muster::sources::{Form, Reading, parse};
use muster::steps::Unwatched;
use muster_memory::{MemoryQueue, ReceiptHandle, Received};

use crate::exec::Done;
use crate::stage::Stage;

/// Takes a request as the function does that stands behind the way in, once it knows who sends.
pub(crate) async fn take(
    ports: &Ports,
    catalog: &CachedCatalog,
    key: &InstallationKey,
    source: &SourceId,
    body: &str,
    trace: TraceId,
) -> Result<u64, String> {
    let now = ports.clock.now();
    let snapshot = catalog.snapshot().await.map_err(|error| error.to_string())?;
    let source = snapshot.sources.get(source).ok_or("no such source")?;
    let reading = Reading { source, key, now, stamped_at: now };
    let parsed = parse(&Form::Json, &mut body.as_bytes(), &reading).map_err(|error| error.to_string())?;
    if let Some(rejection) = parsed.rejected.first() {
        return Err(format!("{} of the plan is bad: {}", rejection.path, rejection.reason));
    }
    let done = accept(ports, catalog, &Unwatched, source, parsed.items, trace).await;
    done.map(|accepted| accepted.accepted).map_err(|error| error.to_string())
}

/// Acts on a batch of messages, and deletes those that were acted on.
pub(crate) async fn handle(
    stage: Arc<Stage>,
    engine: Arc<Engine>,
    queue: Arc<MemoryQueue>,
    batch: Vec<Received>,
    deadline: Timestamp,
) -> Done {
    let receipts: BTreeMap<u64, ReceiptHandle> = batch.iter().map(|message| (message.id, message.receipt)).collect();
    let mut messages = Vec::with_capacity(batch.len());
    for received in batch {
        match Message::decode(&received.body) {
            Ok(message) => messages.push((received.id, message)),
            Err(reason) => stage.broke(crate::Invariant::NoPanic, || format!("an unreadable message: {reason}")),
        }
    }
    let failed = engine.handle(messages, deadline).await;
    stage.pause().await;
    let done: Vec<ReceiptHandle> =
        receipts.into_iter().filter(|(id, _)| !failed.contains(id)).map(|(_, receipt)| receipt).collect();
    queue.delete(&done);
    Done::Yes
}
