//! Up to where owners were told, and events as they were published.

use std::collections::BTreeMap;

use async_trait::async_trait;
use muster::model::{ActivationId, NoticeBook};
use muster::ports::{Event, Events, Notices, PortResult};
use parking_lot::Mutex;

#[derive(Default)]
pub(crate) struct Books(Mutex<BTreeMap<ActivationId, NoticeBook>>);

#[async_trait]
impl Notices for Books {
    async fn book(&self, activation: &ActivationId) -> PortResult<Option<NoticeBook>> {
        Ok(self.0.lock().get(activation).cloned())
    }

    async fn books(&self) -> PortResult<Vec<NoticeBook>> {
        Ok(self.0.lock().values().cloned().collect())
    }

    async fn put_book(&self, book: &NoticeBook, read_revision: u64) -> PortResult<bool> {
        let mut books = self.0.lock();
        let is_read = books.get(&book.activation).map_or(0, |stored| stored.revision) == read_revision;
        if is_read {
            books.insert(book.activation.clone(), book.clone());
        }
        Ok(is_read)
    }
}

/// Keeps every event.
#[derive(Debug, Default)]
pub struct KeptEvents(Mutex<Vec<Event>>);

impl KeptEvents {
    /// Every event, the oldest first.
    pub fn all(&self) -> Vec<Event> {
        self.0.lock().clone()
    }
}

#[async_trait]
impl Events for KeptEvents {
    async fn publish(&self, event: &Event) -> PortResult<()> {
        self.0.lock().push(event.clone());
        Ok(())
    }
}
