//! Webhooks of campaigns and Canvases: whom they are sent for, what they say, and when they are tried again
//! (vendor file 7).

use std::collections::{BTreeMap, HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::liquid::{is_template, render};
use super::model::ProfileView;
use super::state::State;
use super::switches::{BlankUser, Deliveries, QueueOrder};
use crate::outbox::Outbox;
use crate::twin::take;

/// Tries after the first.
const RETRIES: u32 = 5;

/// For as long an unhealthy host is left alone, and over as long failures are counted.
const MINUTE: SignedDuration = SignedDuration::from_secs(60);

/// What has a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// A campaign: all users of one send share its `dispatch_id`.
    Campaign,
    /// A step of a Canvas: its `dispatch_id` is another each time.
    Canvas,
}

/// A webhook to be set up; it is called by POST.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedWebhook {
    /// What `{{canvas.${api_id}}}` or `{{campaign.${api_id}}}` says.
    pub id: String,
    /// What has it.
    pub step: Step,
    /// Where it goes; no Liquid.
    pub url: String,
    /// Without Liquid.
    pub headers: BTreeMap<String, String>,
    /// Text with these tags: `{{${user_id}}}`, `{{${email_address}}}`, `{{custom_attribute.${name}}}`, and of
    /// `canvas` or `campaign` `api_id`, `dispatch_id`, and `variant_api_id` or `message_api_id`.
    pub body: String,
}

impl SeedWebhook {
    /// A sentence about what Braze would not take.
    pub(super) fn fault(&self) -> Option<&'static str> {
        if !is_template(&self.body) {
            return Some("the body has Liquid that the twin does not know");
        }
        reqwest::Url::parse(&self.url).is_err().then_some("the URL is none")
    }

    fn body_for(&self, profile: &ProfileView, dispatch: u64, blank: BlankUser) -> String {
        let (of_step, second) = match self.step {
            Step::Campaign => ("campaign", "message_api_id"),
            Step::Canvas => ("canvas", "variant_api_id"),
        };
        render(&self.body, |of, name| match (of, name) {
            ("", "user_id") => match (&profile.external_id, blank) {
                (Some(id), _) => Some(id.clone()),
                (None, BlankUser::Empty) => None,
                (None, BlankUser::Null) => Some("null".to_owned()),
            },
            ("", "email_address") => profile.email.clone(),
            ("custom_attribute", name) => profile.attributes.get(name).map(plain),
            (of, "api_id") if of == of_step => Some(self.id.clone()),
            (of, "dispatch_id") if of == of_step => Some(format!("{dispatch:032x}")),
            (of, name) if of == of_step && name == second => Some(format!("{}-{second}", self.id)),
            _ => None,
        })
    }
}

/// A text without its quotes.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What became of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// It was answered with this status.
    Answered(u16),
    /// No answer came in time.
    TimedOut,
    /// Nobody was reached, or the connection broke.
    Unreachable,
    /// Braze made no call and said 598 to itself: the host is unhealthy.
    Unhealthy,
}

impl AttemptOutcome {
    /// Counts against the health of a host.
    fn is_unhealthy(self) -> bool {
        matches!(self, Self::Answered(408 | 429 | 502 | 503 | 504 | 529))
    }
}

/// A try to call a webhook that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Of which webhook.
    pub webhook: String,
    /// For whom.
    pub braze_id: String,
    /// For whom; absent where the profile has none.
    pub external_id: Option<String>,
    /// 1 for the first, at most 6.
    pub number: u32,
    /// When it ended, by the twin's clock.
    pub at: Timestamp,
    /// What was sent, or would have been.
    pub body: String,
    /// What became of it.
    pub outcome: AttemptOutcome,
}

/// A webhook on its way to be called for one profile.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    webhook: String,
    profile: ProfileView,
    number: u32,
    dispatch: u64,
    /// What the try before said.
    body: Option<String>,
}

/// A call to be made.
pub(super) struct Ready {
    pub url: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
    pub timeout_ms: u64,
    /// Or none is made.
    pub health: Health,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    Good,
    Bad,
}

pub(super) struct Webhooks {
    pub configured: BTreeMap<String, SeedWebhook>,
    pub attempts: Vec<Attempt>,
    pub outbox: Outbox<Delivery>,
    waiting: Vec<(Timestamp, Delivery)>,
    hosts: HashMap<String, Host>,
    next_dispatch: u64,
}

/// How a host fared.
#[derive(Default)]
struct Host {
    failures: VecDeque<Timestamp>,
    unhealthy_until: Option<Timestamp>,
}

impl Webhooks {
    pub(super) fn new(outbox: Outbox<Delivery>) -> Self {
        Self {
            configured: BTreeMap::new(),
            attempts: Vec::new(),
            outbox,
            waiting: Vec::new(),
            hosts: HashMap::new(),
            next_dispatch: 1,
        }
    }
}

impl State {
    /// Whether the webhook and all profiles are there, by external id or `braze_id`; else nothing is sent.
    pub(super) fn fire(&mut self, webhook: &str, ids: &[&str]) -> bool {
        let found: Option<Vec<ProfileView>> = ids.iter().map(|id| self.profiles.view_of(id)).collect();
        let Some(mut profiles) = found.filter(|_| self.hooks.configured.contains_key(webhook)) else { return false };
        match self.desk.switches.webhook_order {
            QueueOrder::Arrival => {}
            QueueOrder::LastFirst => profiles.reverse(),
        }
        let dispatch = take(&mut self.hooks.next_dispatch);
        for profile in profiles {
            let delivery = Delivery { webhook: webhook.to_owned(), profile, number: 1, dispatch, body: None };
            match self.desk.switches.deliveries {
                Deliveries::Single => {}
                Deliveries::Double => self.hooks.outbox.send(delivery.clone()),
            }
            self.hooks.outbox.send(delivery);
        }
        true
    }

    /// Webhooks that are due to be tried again.
    pub(super) fn send_due(&mut self) {
        let now = self.desk.now;
        if self.hooks.waiting.iter().all(|(due_at, _)| *due_at > now) {
            return;
        }
        let all = std::mem::take(&mut self.hooks.waiting);
        let (mut due, later): (Vec<_>, Vec<_>) = all.into_iter().partition(|(due_at, _)| *due_at <= now);
        self.hooks.waiting = later;
        due.sort_by_key(|(due_at, _)| *due_at);
        due.into_iter().for_each(|(_, delivery)| self.hooks.outbox.send(delivery));
    }

    /// `None` where the webhook is not there any more.
    pub(super) fn ready(&mut self, delivery: &mut Delivery) -> Option<Ready> {
        let hooks = &mut self.hooks;
        let webhook = hooks.configured.get(&delivery.webhook)?;
        let kept = delivery.body.take().filter(|_| self.desk.switches.retry_keeps_body);
        let body = kept.unwrap_or_else(|| {
            // As it is now; who was removed meanwhile is sent as he was.
            let profile = self.profiles.view_of(&delivery.profile.braze_id);
            delivery.profile = profile.unwrap_or_else(|| delivery.profile.clone());
            let dispatch = match webhook.step {
                Step::Campaign => delivery.dispatch,
                Step::Canvas => take(&mut hooks.next_dispatch),
            };
            webhook.body_for(&delivery.profile, dispatch, self.desk.switches.blank_user)
        });
        delivery.body = Some(body.clone());
        let host = hooks.hosts.get(&host_of(&webhook.url));
        let unhealthy = host.and_then(|host| host.unhealthy_until).is_some_and(|until| self.desk.now < until);
        Some(Ready {
            url: webhook.url.clone(),
            headers: webhook.headers.clone(),
            body,
            timeout_ms: self.desk.switches.answer_timeout_ms,
            health: if unhealthy { Health::Bad } else { Health::Good },
        })
    }

    pub(super) fn ended(&mut self, delivery: Delivery, ready: Ready, outcome: AttemptOutcome) {
        let at = self.desk.now;
        self.hooks.attempts.push(Attempt {
            webhook: delivery.webhook.clone(),
            braze_id: delivery.profile.braze_id.clone(),
            external_id: delivery.profile.external_id.clone(),
            number: delivery.number,
            at,
            body: ready.body,
            outcome,
        });
        if outcome.is_unhealthy() {
            self.hooks.hosts.entry(host_of(&ready.url)).or_default().fail(at, self.desk.switches.unhealthy_after);
        }
        let counters = &mut self.desk.counters;
        match outcome {
            AttemptOutcome::Unhealthy => counters.webhooks_simulated += 1,
            AttemptOutcome::Answered(_) | AttemptOutcome::TimedOut | AttemptOutcome::Unreachable => {
                counters.webhook_requests += 1;
                counters.webhook_retries += u64::from(delivery.number > 1);
            }
        }
        let first_wait = match outcome {
            AttemptOutcome::Answered(200..=299) => return,
            AttemptOutcome::Answered(408 | 429 | 500..=599) | AttemptOutcome::TimedOut | AttemptOutcome::Unhealthy => {
                self.desk.switches.first_retry_seconds
            }
            AttemptOutcome::Unreachable => self.desk.switches.first_unreachable_retry_seconds,
            AttemptOutcome::Answered(_) => {
                counters.webhooks_lost += 1;
                return;
            }
        };
        if delivery.number > RETRIES {
            counters.webhooks_lost += 1;
            return;
        }
        let wait = SignedDuration::from_secs(i64::from(first_wait) << (delivery.number - 1));
        let due_at = at.saturating_add(wait).unwrap_or(at);
        let number = delivery.number + 1;
        self.hooks.waiting.push((due_at, Delivery { number, ..delivery }));
    }
}

impl Host {
    fn fail(&mut self, now: Timestamp, unhealthy_after: usize) {
        self.failures.push_back(now);
        while self.failures.front().is_some_and(|at| now.duration_since(*at) >= MINUTE) {
            self.failures.pop_front();
        }
        if self.failures.len() > unhealthy_after {
            self.failures.clear();
            self.unhealthy_until = now.saturating_add(MINUTE).ok();
        }
    }
}

/// With its port.
fn host_of(url: &str) -> String {
    reqwest::Url::parse(url).map(|url| url.authority().to_owned()).unwrap_or_default()
}
