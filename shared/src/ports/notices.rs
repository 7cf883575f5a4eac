//! What owners are to be told, and events for whoever else listens.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::PortResult;
use crate::model::{ActivationId, NoticeBook};

/// Up to where owners were told: a book for each activation.
#[async_trait]
pub trait Notices: Send + Sync {
    /// An activation's book, strongly consistent.
    async fn book(&self, activation: &ActivationId) -> PortResult<Option<NoticeBook>>;

    /// All books, in the order of their activations' ids.
    async fn books(&self) -> PortResult<Vec<NoticeBook>>;

    /// Writes a book on condition that its revision is still `read_revision` (0: it must not exist). Answers whether
    /// it was written.
    async fn put_book(&self, book: &NoticeBook, read_revision: u64) -> PortResult<bool>;
}

/// Something that happened, for whoever listens; nothing personal of customers in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The same for every try of this event and for no other one.
    pub id: String,
    /// What happened: `activation.failing`, say.
    pub kind: String,
    /// When.
    pub at: Timestamp,
    /// To what, as a JSON object.
    pub data: serde_json::Value,
}

/// Events of the installation: at least once, in any order.
#[async_trait]
pub trait Events: Send + Sync {
    /// Publishes an event. An installation that publishes none takes it all the same.
    async fn publish(&self, event: &Event) -> PortResult<()>;
}
