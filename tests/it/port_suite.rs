//! The port suite on every implementation.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::SignedDuration;
use muster::aws::{AwsPorts, SECRETS_MAX_AGE, Settings, config};
use muster::embedded::{Embedded, JumpClock};
use muster::model::QueueName;
use muster::ports::{Document, Kind, Mail, Ports};
use muster_memory::{Memory, VirtualClock};
use muster_runtime::emulator::Emulator;
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

struct MemoryWorld(Memory);

impl MemoryWorld {
    async fn new() -> Self {
        Self(Memory::new(Arc::new(VirtualClock::at(start()))))
    }
}

#[async_trait]
impl PortWorld for MemoryWorld {
    async fn ports(&self) -> Ports {
        self.0.ports()
    }

    async fn arrived(&self, queue: &QueueName) -> Vec<String> {
        let received = self.0.queue().receive(queue, 100, SignedDuration::from_mins(1));
        received.into_iter().map(|message| message.body).collect()
    }

    async fn mails(&self) -> Vec<Mail> {
        self.0.mails()
    }

    async fn history(&self, kind: Kind, id: &str) -> Vec<Document> {
        self.0.history(kind, id)
    }
}

/// A site of its own in the emulator.
pub(crate) struct AwsWorld {
    pub(crate) settings: Settings,
}

impl AwsWorld {
    pub(crate) async fn new() -> Self {
        Self { settings: Emulator::get().unwrap().site(&["webhook-live", "jobs"]).await.unwrap() }
    }

    pub(crate) fn open(&self) -> AwsPorts {
        AwsPorts::open(&self.settings, Arc::new(JumpClock::frozen_at(start())), SECRETS_MAX_AGE)
    }

    /// DynamoDB, past the ports.
    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let endpoint = self.settings.dynamodb_endpoint.as_deref().or(self.settings.endpoint.as_deref());
        aws_sdk_dynamodb::Client::new(&config(&self.settings, endpoint))
    }

    /// Keys of mails by the ids that SES gave them.
    async fn mail_keys(&self) -> BTreeMap<String, String> {
        let scanned = self.dynamodb().scan().table_name(&self.settings.ledger_table).send().await.unwrap();
        let notes = scanned.items.unwrap_or_default().into_iter().filter_map(|item| {
            let key = item["pk"].as_s().ok()?.strip_prefix("mail/")?.to_owned();
            Some((item.get("m")?.as_s().ok()?.to_owned(), key))
        });
        notes.collect()
    }
}

#[async_trait]
impl PortWorld for AwsWorld {
    async fn ports(&self) -> Ports {
        self.open().ports()
    }

    async fn arrived(&self, queue: &QueueName) -> Vec<String> {
        let client = aws_sdk_sqs::Client::new(&config(&self.settings, self.settings.endpoint.as_deref()));
        let url = format!("{}{queue}", self.settings.queue_url_prefix);
        let mut arrived = Vec::new();
        loop {
            let received = client.receive_message().queue_url(&url).max_number_of_messages(10).send().await.unwrap();
            let messages = received.messages.unwrap_or_default();
            if messages.is_empty() {
                return arrived;
            }
            arrived.extend(messages.into_iter().filter_map(|message| message.body));
        }
    }

    async fn mails(&self) -> Vec<Mail> {
        let keys = self.mail_keys().await;
        let url = format!("{}/_ministack/ses/messages", self.settings.endpoint.as_deref().unwrap());
        let sent: serde_json::Value = reqwest::get(url).await.unwrap().json().await.unwrap();
        let sent = sent["messages"].as_object().unwrap().values().flat_map(|sent| sent.as_array().unwrap());
        let ours = sent.filter(|mail| mail["Source"].as_str() == self.settings.mail_from.as_deref());
        let mail = |mail: &serde_json::Value| {
            let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            Mail {
                dedupe_key: keys[mail["MessageId"].as_str().unwrap()].clone(),
                to: text(&mail["To"][0]),
                subject: text(&mail["Subject"]),
                text: text(&mail["BodyText"]),
                at: start(),
            }
        };
        ours.map(mail).collect()
    }

    async fn history(&self, kind: Kind, id: &str) -> Vec<Document> {
        self.open().history(kind, id).await.unwrap()
    }
}

mod on_aws {
    muster_tests::port_suite!(super::AwsWorld::new());
}

mod in_memory {
    muster_tests::port_suite!(super::MemoryWorld::new());
}

mod in_sqlite {
    muster_tests::port_suite!(super::EmbeddedWorld::in_memory());
}

mod on_disk {
    muster_tests::port_suite!(super::EmbeddedWorld::on_disk());
}
