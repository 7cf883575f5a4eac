//! All ports in the memory of one process: ordered maps behind a lock each, nothing written down as text. The
//! same calls in the same order give the same answers, whatever random ids are in them: what could be listed by
//! an id is listed in the order of arrival. For simulations, and for benches that shall measure no store.

mod catalog;
mod clock;
mod effects;
mod ledger;
mod mailer;
mod notices;
mod people;
mod queue;
mod vault;

use std::sync::Arc;

use muster::metrics::Unmeasured;
use muster::ports::{Clock, Document, Event, Kind, Mail, Ports};

pub use clock::VirtualClock;
pub use notices::KeptEvents;
pub use queue::{MemoryQueue, ReceiptHandle, Received};

use catalog::Documents;
use effects::EffectRows;
use ledger::Notes;
use mailer::Outbox;
use notices::Books;
use people::Rows;
use vault::Secrets;

/// The ports. Gone with the last of them.
pub struct Memory {
    people: Arc<Rows>,
    catalog: Arc<Documents>,
    ledger: Arc<Notes>,
    effects: Arc<EffectRows>,
    notices: Arc<Books>,
    queue: Arc<MemoryQueue>,
    vault: Arc<Secrets>,
    mailer: Arc<Outbox>,
    events: Arc<KeptEvents>,
    clock: Arc<dyn Clock>,
}

impl Memory {
    /// Empty, on this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            people: Arc::default(),
            catalog: Arc::default(),
            ledger: Arc::default(),
            effects: Arc::default(),
            notices: Arc::default(),
            queue: Arc::new(MemoryQueue::new(Arc::clone(&clock))),
            vault: Arc::default(),
            mailer: Arc::default(),
            events: Arc::default(),
            clock,
        }
    }

    /// The ports, as handlers take them.
    pub fn ports(&self) -> Ports {
        Ports {
            people: self.people.clone(),
            catalog: self.catalog.clone(),
            ledger: self.ledger.clone(),
            effects: self.effects.clone(),
            notices: self.notices.clone(),
            queue: self.queue.clone(),
            vault: self.vault.clone(),
            mailer: self.mailer.clone(),
            events: self.events.clone(),
            clock: self.clock.clone(),
            meter: Arc::new(Unmeasured),
        }
    }

    /// The queues, with their receiving end.
    pub fn queue(&self) -> Arc<MemoryQueue> {
        Arc::clone(&self.queue)
    }

    /// Every mail sent, the oldest first.
    pub fn mails(&self) -> Vec<Mail> {
        self.mailer.mails()
    }

    /// Every event published, the oldest first.
    pub fn events(&self) -> Vec<Event> {
        self.events.all()
    }

    /// The former versions of a catalog document, the oldest first; a removed one's last version is among them.
    pub fn history(&self, kind: Kind, id: &str) -> Vec<Document> {
        self.catalog.history(kind, id)
    }
}
