//! Every port of the memory with faults around it: a call may be slow, fail before it did anything, or fail after it
//! did it; others may come first, and the process may die, on both sides of it.

mod ledger;
mod others;
mod people;

use std::sync::Arc;

use muster::ports::{PortResult, Ports};
use muster_memory::{Memory, MemoryQueue};

use crate::stage::Stage;
use crate::watch::Watch;

/// A port with faults around it.
pub(crate) struct Faulty<T: ?Sized> {
    stage: Arc<Stage>,
    watch: Arc<Watch>,
    inner: Arc<T>,
    /// By what each activation knows people, and what must not be in any message.
    knows_by: [&'static str; 2],
}

/// The ports of one world.
pub(crate) fn around(memory: &Memory, stage: &Arc<Stage>, watch: &Arc<Watch>, knows_by: [&'static str; 2]) -> Ports {
    let inner = memory.ports();
    Ports {
        people: faulty(stage, watch, inner.people, knows_by),
        catalog: faulty(stage, watch, inner.catalog, knows_by),
        ledger: faulty(stage, watch, inner.ledger, knows_by),
        effects: faulty(stage, watch, inner.effects, knows_by),
        notices: inner.notices,
        queue: Arc::new(others::Sending { faulty: faulty(stage, watch, memory.queue() as Arc<MemoryQueue>, knows_by) }),
        vault: faulty(stage, watch, inner.vault, knows_by),
        mailer: faulty(stage, watch, inner.mailer, knows_by),
        events: inner.events,
        clock: Arc::clone(&stage.clock) as Arc<dyn muster::ports::Clock>,
        meter: Arc::new(others::Reading { stage: Arc::clone(stage) }),
    }
}

fn faulty<T: ?Sized>(
    stage: &Arc<Stage>,
    watch: &Arc<Watch>,
    inner: Arc<T>,
    knows_by: [&'static str; 2],
) -> Arc<Faulty<T>> {
    Arc::new(Faulty { stage: Arc::clone(stage), watch: Arc::clone(watch), inner, knows_by })
}

impl<T: ?Sized> Faulty<T> {
    /// A call with faults around it.
    async fn around<R: Send>(
        &self,
        call: &'static str,
        inner: impl Future<Output = PortResult<R>> + Send,
    ) -> PortResult<R> {
        self.stage.before(call).await?;
        let answer = inner.await?;
        self.stage.after(call).await?;
        Ok(answer)
    }
}
