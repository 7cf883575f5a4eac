//! Catalog, effects, queues, vault, mails, measurements.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use muster::metrics::{Meter, Metric};
use muster::model::{ActivationId, Effect, EffectId, Message, PersonKey, QueueName};
use muster::ports::{
    Catalog, Document, EffectPage, Effects, Kind, MAX_DELAY, Mail, Mailed, Mailer, Outgoing, PortResult, Queue, Secret,
    Vault,
};
use muster_memory::MemoryQueue;
use serde_json::{Value as Json, json};

use super::Faulty;
use crate::broken::Broken;
use crate::fault::Fault;
use crate::stage::{CANARY, Stage};

impl Faulty<dyn Catalog> {
    /// An activation as somebody sees it who has forgotten a rule.
    fn misread(&self, kind: Kind, body: &mut Json) {
        if kind == Kind::Activation && self.stage.lacks(Broken::WindowIgnored) {
            body["retry_window_hours"] = json!(0);
        }
    }
}

#[async_trait]
impl Catalog for Faulty<dyn Catalog> {
    async fn get(&self, kind: Kind, id: &str) -> PortResult<Option<Document>> {
        let mut found = self.around("catalog.get", self.inner.get(kind, id)).await?;
        if let Some(document) = &mut found {
            self.misread(kind, &mut document.body);
        }
        Ok(found)
    }

    async fn list(&self, kind: Kind) -> PortResult<Vec<Document>> {
        let mut found = self.around("catalog.list", self.inner.list(kind)).await?;
        for document in &mut found {
            self.misread(kind, &mut document.body);
            if kind == Kind::Activation && self.stage.lacks(Broken::PauseIgnored) && document.body["status"] == "paused"
            {
                document.body["status"] = json!("active");
            }
        }
        Ok(found)
    }

    async fn put(&self, kind: Kind, id: &str, body: Json, read_version: u64) -> PortResult<bool> {
        self.around("catalog.put", self.inner.put(kind, id, body, read_version)).await
    }

    async fn delete(&self, kind: Kind, id: &str) -> PortResult<bool> {
        self.around("catalog.delete", self.inner.delete(kind, id)).await
    }
}

#[async_trait]
impl Effects for Faulty<dyn Effects> {
    async fn read(
        &self,
        activation: &ActivationId,
        effects: &[(PersonKey, EffectId)],
        now: Timestamp,
    ) -> PortResult<Vec<Effect>> {
        self.around("effects.read", self.inner.read(activation, effects, now)).await
    }

    async fn of_person(&self, activation: &ActivationId, person: PersonKey, now: Timestamp) -> PortResult<Vec<Effect>> {
        self.around("effects.of_person", self.inner.of_person(activation, person, now)).await
    }

    async fn put(&self, effect: &Effect, mut read_revision: u64, now: Timestamp) -> PortResult<bool> {
        self.stage.before("effects.put").await?;
        if self.stage.lacks(Broken::EffectsWrittenBlindly) {
            let place = [(effect.person, effect.id.clone())];
            let stored = self.inner.read(&effect.activation, &place, now).await?.pop();
            read_revision = stored.map_or(0, |stored| stored.revision);
        }
        let written = self.inner.put(effect, read_revision, now).await?;
        if written {
            self.stage.note(|| format!("effect {} {:?}", effect.id, effect.state), 9);
            self.watch.effect(effect);
        }
        self.stage.after("effects.put").await?;
        Ok(written)
    }

    async fn listed(
        &self,
        activation: &ActivationId,
        after: Option<&(PersonKey, EffectId)>,
        limit: usize,
    ) -> PortResult<EffectPage> {
        self.around("effects.listed", self.inner.listed(activation, after, limit)).await
    }
}

/// The sending end of the queues.
pub(super) struct Sending {
    pub(super) faulty: Arc<Faulty<MemoryQueue>>,
}

impl Sending {
    /// What becomes of messages on their way.
    fn on_the_way(&self, messages: Vec<Outgoing>) -> Vec<Outgoing> {
        let stage = &self.faulty.stage;
        let mut sent = Vec::with_capacity(messages.len());
        for mut message in messages {
            let secret = stage.lacks(Broken::SecretInMessage).then(|| format!("{}{CANARY}-secret", message.body));
            stage.shown("a message", secret.as_deref().unwrap_or(&message.body));
            if stage.strikes(Fault::MessageDelayed, stage.odds().delayed) {
                let more = SignedDuration::from_secs(stage.draw(|chance| chance.between(1, 40)));
                message.delay = (message.delay + more).min(MAX_DELAY);
            }
            if stage.strikes(Fault::MessageDoubled, stage.odds().doubled) {
                let more = SignedDuration::from_secs(stage.draw(|chance| chance.between(0, 20)));
                let delay = (message.delay + more).min(MAX_DELAY);
                sent.push(Outgoing { delay, ..message.clone() });
            }
            sent.push(message);
        }
        sent
    }
}

#[async_trait]
impl Queue for Sending {
    async fn send(&self, queue: &QueueName, messages: Vec<Outgoing>) -> PortResult<()> {
        let Faulty { stage, inner, .. } = self.faulty.as_ref();
        stage.before("queue.send").await?;
        let live = matches!(queue, QueueName::Destination(_, muster::model::Lane::Live));
        let fresh = messages.iter().any(|message| message.body.contains("accepted_at"));
        if live && fresh && stage.lacks(Broken::NudgesLost) && stage.draw(|chance| chance.permille(200)) {
            return Ok(());
        }
        for message in &messages {
            let told = || match Message::decode(&message.body) {
                Ok(Message::Nudge(nudge)) => {
                    let people: Vec<String> = nudge.people.iter().map(|one| one.to_string()[..4].to_owned()).collect();
                    format!(
                        "to {queue}: {} of {} not before {:?}",
                        people.join(" "),
                        nudge.activation,
                        nudge.not_before
                    )
                }
                Ok(_) | Err(_) => format!("to {queue}"),
            };
            stage.note(told, message.body.len() as u64);
        }
        inner.send(queue, self.on_the_way(messages)).await?;
        stage.after("queue.send").await
    }
}

#[async_trait]
impl Vault for Faulty<dyn Vault> {
    async fn get(&self, name: &str) -> PortResult<Option<Secret>> {
        self.around("vault.get", self.inner.get(name)).await
    }

    async fn put(&self, name: &str, secret: &Secret) -> PortResult<()> {
        self.around("vault.put", self.inner.put(name, secret)).await
    }

    async fn put_if_absent(&self, name: &str, secret: &Secret) -> PortResult<Secret> {
        self.around("vault.put_if_absent", self.inner.put_if_absent(name, secret)).await
    }

    async fn delete(&self, name: &str) -> PortResult<()> {
        self.around("vault.delete", self.inner.delete(name)).await
    }
}

#[async_trait]
impl Mailer for Faulty<dyn Mailer> {
    async fn send(&self, mail: Mail) -> PortResult<Mailed> {
        self.stage.shown("a mail", &format!("{} {} {}", mail.dedupe_key, mail.subject, mail.text));
        self.around("mailer.send", self.inner.send(mail)).await
    }
}

/// Reads what is measured.
pub(super) struct Reading {
    pub(super) stage: Arc<Stage>,
}

impl Meter for Reading {
    fn note(&self, metric: Metric<'_>, value: f64) {
        self.stage.shown("a measurement", &format!("{metric:?} {value}"));
    }
}
