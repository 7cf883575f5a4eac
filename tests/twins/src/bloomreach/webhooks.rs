//! Webhooks that a scenario calls for each customer (vendor file 5): what is set up, and what became of it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

use super::state::State;
use super::switches::RetryOn;
use crate::outbox::{Outbox, Outgoing};
use crate::twin::take;

/// HTTP Basic of a webhook's target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasicAuth {
    /// User name.
    pub user: String,
    /// Password, in the clear.
    pub password: String,
}

/// A webhook as somebody sets it up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedWebhook {
    /// Where customers are posted to.
    pub url: String,
    /// Credentials sent with each, if any.
    #[serde(default)]
    pub basic_auth: Option<BasicAuth>,
    /// Further headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

impl SeedWebhook {
    /// Without credentials.
    pub fn new(url: &str) -> Self {
        Self { url: url.to_owned(), basic_auth: None, headers: BTreeMap::new() }
    }

    /// With these credentials.
    #[must_use]
    pub fn basic_auth(mut self, user: &str, password: &str) -> Self {
        self.basic_auth = Some(BasicAuth { user: user.to_owned(), password: password.to_owned() });
        self
    }
}

/// One customer's request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookCall {
    /// Whose; the twin does not ask whether it knows this customer.
    pub registered: String,
    /// The body as the template made it. A request that is tried again keeps it.
    pub body: Value,
}

/// Whether a webhook is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookStatus {
    /// It is.
    Running,
    /// It was answered 400: it is not called any more.
    Halted,
}

/// A webhook and how it fares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookView {
    /// Its id.
    pub id: u64,
    /// How it was set up.
    pub seed: SeedWebhook,
    /// Whether it is called.
    pub status: WebhookStatus,
    /// Calls that wait to be tried again.
    pub waiting: usize,
}

/// A request to a webhook that ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Which webhook.
    pub webhook: u64,
    /// For whom.
    pub registered: String,
    /// 1 for the first try.
    pub number: u32,
    /// When it ended, by the twin's clock.
    pub at: Timestamp,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// The body of the answer; `null` where it was no JSON.
    pub answer: Value,
}

/// How a request to a webhook ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// With this status.
    Answered(u16),
    /// Without an answer within the time.
    NoAnswer,
}

#[derive(Debug)]
pub(super) struct Hook {
    pub seed: SeedWebhook,
    pub status: WebhookStatus,
}

/// A call on its way.
#[derive(Debug, Clone)]
pub(super) struct Parcel {
    pub webhook: u64,
    /// 1 for the first try.
    pub attempt: u32,
    pub call: WebhookCall,
}

pub(super) struct Webhooks {
    pub configured: BTreeMap<u64, Hook>,
    pub attempts: Vec<Attempt>,
    /// With when they are due.
    waiting: Vec<(Timestamp, Parcel)>,
    pub outbox: Outbox<Parcel>,
    next: u64,
}

impl Webhooks {
    pub(super) fn new() -> (Self, Outgoing<Parcel>) {
        let (outbox, outgoing) = Outbox::new();
        let configured = BTreeMap::new();
        (Self { configured, attempts: Vec::new(), waiting: Vec::new(), outbox, next: 1 }, outgoing)
    }

    pub(super) fn add(&mut self, seed: SeedWebhook) -> u64 {
        let id = take(&mut self.next);
        self.configured.insert(id, Hook { seed, status: WebhookStatus::Running });
        id
    }

    pub(super) fn views(&self) -> Vec<WebhookView> {
        let view = |(id, hook): (&u64, &Hook)| WebhookView {
            id: *id,
            seed: hook.seed.clone(),
            status: hook.status,
            waiting: self.waiting.iter().filter(|(_, parcel)| parcel.webhook == *id).count(),
        };
        self.configured.iter().map(view).collect()
    }

    /// How many calls that are due have not ended.
    pub(super) fn open(&self) -> watch::Receiver<usize> {
        self.outbox.open()
    }
}

impl State {
    /// Sends what is due by the desk's now.
    pub(super) fn send_due(&mut self) {
        let now = self.desk.now;
        if self.hooks.waiting.iter().all(|(due_at, _)| *due_at > now) {
            return;
        }
        let all = std::mem::take(&mut self.hooks.waiting);
        let (due, later): (Vec<_>, Vec<_>) = all.into_iter().partition(|(due_at, _)| *due_at <= now);
        self.hooks.waiting = later;
        due.into_iter().for_each(|(_, parcel)| self.hooks.outbox.send(parcel));
    }

    /// What a call that ended means for itself and for its webhook.
    pub(super) fn ended(&mut self, parcel: Parcel, outcome: AttemptOutcome, answer: Value) {
        let Parcel { webhook, attempt, call } = parcel;
        let (registered, at) = (call.registered.clone(), self.desk.now);
        self.hooks.attempts.push(Attempt { webhook, registered, number: attempt, at, outcome, answer });
        let (counters, switches) = (&mut self.desk.counters, &self.desk.switches);
        counters.webhook_requests += 1;
        counters.webhook_retries += u64::from(attempt > 1);
        let again = match (outcome, switches.webhook_retry_on) {
            (AttemptOutcome::Answered(200), _) => {
                counters.webhooks_accepted += 1;
                return;
            }
            (AttemptOutcome::Answered(400), _) => {
                if let Some(hook) = self.hooks.configured.get_mut(&webhook) {
                    hook.status = WebhookStatus::Halted;
                }
                false
            }
            (AttemptOutcome::Answered(500), _) => true,
            (AttemptOutcome::NoAnswer, RetryOn::NoAnswer | RetryOn::AnyError) => true,
            (AttemptOutcome::NoAnswer, RetryOn::ServerError) => false,
            (AttemptOutcome::Answered(_), RetryOn::AnyError) => true,
            (AttemptOutcome::Answered(_), RetryOn::NoAnswer | RetryOn::ServerError) => false,
        };
        if !again || attempt > switches.webhook_retries {
            counters.webhooks_lost += 1;
            return;
        }
        let wait = SignedDuration::from_secs(i64::from(switches.webhook_retry_seconds));
        let due_at = at.saturating_add(wait).unwrap_or(at);
        self.hooks.waiting.push((due_at, Parcel { webhook, attempt: attempt + 1, call }));
        self.send_due();
    }
}
