//! The port suite on every implementation.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::SignedDuration;
use muster::embedded::{Embedded, JumpClock};
use muster::model::QueueName;
use muster::ports::{Document, Kind, Mail, Ports};
use muster_tests::port_suite::PortWorld;
use muster_tests::port_suite::fixtures::start;
use tempfile::TempDir;

struct EmbeddedWorld {
    embedded: Embedded,
    _folder: Option<TempDir>,
}

impl EmbeddedWorld {
    async fn in_memory() -> Self {
        let clock = Arc::new(JumpClock::frozen_at(start()));
        Self { embedded: Embedded::in_memory(clock).unwrap(), _folder: None }
    }

    async fn on_disk() -> Self {
        let folder = TempDir::new().unwrap();
        let clock = Arc::new(JumpClock::frozen_at(start()));
        Self { embedded: Embedded::open(folder.path(), clock).unwrap(), _folder: Some(folder) }
    }
}

#[async_trait]
impl PortWorld for EmbeddedWorld {
    async fn ports(&self) -> Ports {
        self.embedded.ports()
    }

    async fn arrived(&self, queue: &QueueName) -> Vec<String> {
        let received = self.embedded.queue().receive(queue, 100, SignedDuration::from_mins(1)).await.unwrap();
        received.into_iter().map(|message| message.body).collect()
    }

    async fn mails(&self) -> Vec<Mail> {
        self.embedded.mails().await.unwrap()
    }

    async fn history(&self, kind: Kind, id: &str) -> Vec<Document> {
        self.embedded.history(kind, id).await.unwrap()
    }
}

mod in_memory {
    muster_tests::port_suite!(super::EmbeddedWorld::in_memory());
}

mod on_disk {
    muster_tests::port_suite!(super::EmbeddedWorld::on_disk());
}
