//! Webhooks: set-up, payloads, delivery in the background (vendor file 7).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::auth::hex;
use super::model::{List, Member};
use super::payload::{Params, Payload, text_of, truthy};
use super::render::{self, MemberJson};
use super::reply;
use super::state::{Mail, MailKind, OnList, State};
use super::switches::Switches;
use crate::outbox::{Outbox, Outgoing, caller};
use crate::reply::Reply;
use crate::twin::Shared;

const TRIES: u32 = 3;
const TIMEOUT: Duration = Duration::from_secs(10);

/// The events the twin can cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    Subscribe,
    Update,
    Unsubscribe,
    SpamComplaint,
    HardBounce,
}

impl Event {
    /// Both the trigger's name and the payload's `type`.
    fn name(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribe",
            Self::Update => "update",
            Self::Unsubscribe => "unsubscribe",
            Self::SpamComplaint => "spamComplaint",
            Self::HardBounce => "hardbounce",
        }
    }
}

/// The triggers that exist in the API, all off unless set.
const TRIGGERS: [&str; 8] =
    ["subscribe", "update", "unsubscribe", "spamComplaint", "click", "open", "hardbounce", "sent"];

/// Shape of a payload.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayloadFormat {
    /// `member_id`, `list_id`, `type`, `signature`, `member`.
    #[default]
    Default,
    /// `memberId`, `listId`, `refId`, `messageType`, `type`, `webhookId`, `queuedAt`, …
    Simplified,
}

/// HTTP Basic of a webhook's target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BasicAuth {
    /// User name.
    pub user: String,
    /// Password, in the clear.
    pub password: String,
}

/// What only Heyloyalty's own screens set on a webhook.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookSetup {
    /// Shape of its payloads.
    pub format: PayloadFormat,
    /// Credentials sent with each delivery, if any.
    pub basic_auth: Option<BasicAuth>,
}

/// A configured webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// The id in the API's paths.
    pub id: u64,
    /// The list whose events fire it.
    pub list_id: u64,
    /// Where payloads are posted.
    pub url: String,
    /// Where failed deliveries are mailed to.
    pub contact_email: String,
    /// Trigger → whether it fires.
    pub triggers: BTreeMap<String, bool>,
    /// What only the vendor's screens set.
    pub setup: WebhookSetup,
}

/// A delivery that ended, well or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookDelivery {
    /// The webhook it was for.
    pub webhook_id: u64,
    /// The payload's `type`.
    pub event: String,
    /// Tries made, 1 to 3; 0 when the URL cannot be called at all.
    pub tries: u32,
    /// Whether a try was answered with a 2xx.
    pub delivered: bool,
}

pub(super) struct Webhooks {
    pub configured: BTreeMap<u64, Webhook>,
    pub deliveries: Vec<WebhookDelivery>,
    outbox: Outbox<Delivery>,
}

/// One payload on its way.
pub(super) struct Delivery {
    webhook: Webhook,
    event: &'static str,
    body: Value,
}

impl Webhooks {
    pub(super) fn new() -> (Self, Outgoing<Delivery>) {
        let (outbox, outgoing) = Outbox::new();
        (Self { configured: BTreeMap::new(), deliveries: Vec::new(), outbox }, outgoing)
    }

    /// How many deliveries have not ended.
    pub(super) fn open(&self) -> watch::Receiver<usize> {
        self.outbox.open()
    }

    pub(super) fn fire(&mut self, event: Event, list: &List, member: &Member, switches: &Switches, now: Timestamp) {
        let hooks = self.configured.values();
        let wanted: Vec<Webhook> = hooks
            .filter(|hook| hook.list_id == list.id && hook.triggers.get(event.name()) == Some(&true))
            .cloned()
            .collect();
        for hook in wanted {
            let shown = json!(MemberJson::nested(list, member, switches));
            self.enqueue(hook, event.name(), &member.id.to_string(), &shown, now);
        }
    }

    /// Whether the webhook exists.
    pub(super) fn test(&mut self, id: u64, now: Timestamp) -> bool {
        let Some(hook) = self.configured.get(&id).cloned() else {
            return false;
        };
        self.enqueue(hook, "connection test", "", &Value::Null, now);
        true
    }

    fn enqueue(&mut self, webhook: Webhook, event: &'static str, member_id: &str, member: &Value, now: Timestamp) {
        let body = match webhook.setup.format {
            PayloadFormat::Default => json!({
                "member_id": member_id,
                "list_id": webhook.list_id,
                "type": event,
                "signature": signature(member_id, event),
                "member": member,
            }),
            PayloadFormat::Simplified => json!({
                "memberId": member_id,
                "listId": webhook.list_id,
                "refId": "",
                "messageType": "email",
                "type": event,
                "webhookId": webhook.id,
                "queuedAt": render::stamp(now),
                "signature": signature(member_id, event),
                "member": member,
            }),
        };
        self.outbox.send(Delivery { webhook, event, body });
    }

    fn ended(&mut self, delivery: WebhookDelivery) {
        self.deliveries.push(delivery);
        self.outbox.ended();
    }
}

/// Of the documented length; how it is made is not known (Q33), so nobody may check it.
fn signature(member_id: &str, event: &str) -> String {
    let digest = Sha256::digest(format!("{member_id} {event}"));
    hex(&digest).chars().take(32).collect()
}

/// Delivers one after the other, so a receiver sees events in their order.
pub(super) async fn deliver_all(shared: Arc<Shared<State>>, mut deliveries: Outgoing<Delivery>) {
    // Without a client every delivery fails, which the mailbox then shows.
    let client = caller(TIMEOUT);
    while let Some(delivery) = deliveries.recv().await {
        let mut tries = 0;
        let mut delivered = false;
        if let Some(client) = client.as_ref().filter(|_| is_callable(&delivery.webhook.url)) {
            while tries < TRIES && !delivered {
                tries += 1;
                delivered = delivery.attempt(client).await;
            }
        }
        let mut state = shared.lock();
        if !delivered {
            let sent_at = state.desk.now;
            state.mailbox.push(Mail {
                to: delivery.webhook.contact_email,
                kind: MailKind::WebhookFailed,
                list_id: delivery.webhook.list_id,
                sent_at,
                lines: vec![format!("{}: {}", delivery.webhook.url, delivery.event)],
            });
        }
        state.hooks.ended(WebhookDelivery {
            webhook_id: delivery.webhook.id,
            event: delivery.event.to_owned(),
            tries,
            delivered,
        });
    }
}

impl Delivery {
    async fn attempt(&self, client: &reqwest::Client) -> bool {
        let mut request = client.post(&self.webhook.url).json(&self.body);
        if let Some(BasicAuth { user, password }) = &self.webhook.setup.basic_auth {
            request = request.basic_auth(user, Some(password));
        }
        let answer = request.send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }
}

/// Unescaped parentheses and quotes fail, as an integrator found.
fn is_callable(url: &str) -> bool {
    !url.contains(['(', ')', '"', '\''])
}

impl OnList<'_> {
    pub(super) fn webhooks(&self) -> Reply {
        let here = self.hooks.configured.values().filter(|hook| hook.list_id == self.list.id);
        let shown = here.map(|hook| self.webhook_json(hook));
        Reply::json(200, &shown.collect::<Vec<_>>())
    }

    pub(super) fn create_webhook(&mut self, payload: &Payload) -> Result<Reply, Reply> {
        let hook = self.read_webhook(&payload.params, None)?;
        let reply = Reply::json(201, &json!({ "id": render::id(hook.id, self.switches) }));
        self.hooks.configured.insert(hook.id, hook);
        Ok(reply)
    }

    pub(super) fn put_webhook(&mut self, id: u64, payload: &Payload) -> Result<Reply, Reply> {
        let old = self.webhook(id)?.clone();
        let hook = self.read_webhook(&payload.params, Some(old))?;
        self.hooks.configured.insert(id, hook);
        Ok(Reply::empty(204))
    }

    pub(super) fn delete_webhook(&mut self, id: u64) -> Result<Reply, Reply> {
        self.webhook(id)?;
        self.hooks.configured.remove(&id);
        Ok(Reply::empty(204))
    }

    fn webhook(&self, id: u64) -> Result<&Webhook, Reply> {
        let hook = self.hooks.configured.get(&id);
        hook.filter(|hook| hook.list_id == self.list.id).ok_or_else(|| reply::not_found(self.switches))
    }

    fn read_webhook(&mut self, params: &Params, old: Option<Webhook>) -> Result<Webhook, Reply> {
        let url = params.get("url").and_then(text_of).filter(|url| url.starts_with("http"));
        let url = url.ok_or_else(|| reply::refused("url is required"))?;
        let contact = params.get("contact_email").and_then(text_of).filter(|a| a.contains('@'));
        let contact_email = contact.ok_or_else(|| reply::refused("contact_email is required"))?;
        // Names appended instead of flags set leave all triggers off, as in the vendor file.
        let flags = params.get("webhookTriggers");
        let is_on = |name: &str| truthy(flags.and_then(|flags| flags.get(name)));
        let triggers = TRIGGERS.map(|name| (name.to_owned(), is_on(name)));
        let (id, setup) = match old {
            Some(old) => (old.id, old.setup),
            None => (self.ids.webhook(), WebhookSetup::default()),
        };
        Ok(Webhook { id, list_id: self.list.id, url, contact_email, triggers: triggers.into(), setup })
    }

    fn webhook_json(&self, hook: &Webhook) -> Value {
        let flags = hook.triggers.iter().map(|(name, on)| (name.clone(), u8::from(*on)));
        json!({
            "id": render::id(hook.id, self.switches),
            "url": hook.url,
            "contact_email": hook.contact_email,
            "webhookTriggers": flags.collect::<BTreeMap<_, _>>(),
        })
    }
}
