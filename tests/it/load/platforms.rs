//! Platforms, and what carries requests to them: a strict count of requests, moods, and what they hold.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use muster::delivery::Destinations;
use muster::destination::{
    Action, Checked, Context, Destination, Discovered, Failure, Item, Links, Mode, Preparation, Resend, Spec, Verdict,
    Verdicts,
};
use muster::destinations::webhook::Webhook;
use muster::http::{Broken, Carried, Session, Transport};
use muster::model::budget::Budget;
use muster::model::{Provider, Reason, Value};
use muster::ports::{Clock, Secret};
use muster_memory::VirtualClock;
use reqwest::header::HeaderMap;
use reqwest::{Method, Request, StatusCode};
use serde_json::json;

/// How long a platform that is well takes for an answer.
pub(super) const LATENCY: SignedDuration = SignedDuration::from_millis(50);
/// How long a request is waited for.
pub(super) const PATIENCE: SignedDuration = SignedDuration::from_secs(20);

/// How a platform answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    Well,
    /// It takes the request and never answers.
    Hanging,
    /// 503, at once.
    Down,
}

/// One platform.
pub(super) struct Platform {
    pub(super) mood: Mood,
    /// More requests than this in any second are refused.
    pub(super) most_a_second: usize,
    /// When requests came.
    pub(super) came_at: Vec<Timestamp>,
    pub(super) refused: usize,
    /// By key, what it was told last, and how often it was told.
    pub(super) holds: BTreeMap<String, (i64, u32)>,
    /// When it was told each value, for the first time.
    pub(super) told: Vec<(i64, Timestamp)>,
}

/// All of them, by host.
pub(super) struct Platforms {
    clock: Arc<VirtualClock>,
    by_host: Mutex<BTreeMap<String, Platform>>,
}

impl Platforms {
    pub(super) fn new(clock: Arc<VirtualClock>, names: &[&str], most_a_second: usize) -> Self {
        let platform = || Platform {
            mood: Mood::Well,
            most_a_second,
            came_at: Vec::new(),
            refused: 0,
            holds: BTreeMap::new(),
            told: Vec::new(),
        };
        let by_host = names.iter().map(|name| (format!("{name}.example"), platform())).collect();
        Self { clock, by_host: Mutex::new(by_host) }
    }

    pub(super) fn look<T>(&self, name: &str, look: impl FnOnce(&mut Platform) -> T) -> T {
        look(self.by_host.lock().unwrap().get_mut(&format!("{name}.example")).expect("a platform"))
    }
}

impl Platform {
    fn takes(&mut self, now: Timestamp) -> bool {
        self.came_at.push(now);
        let second = SignedDuration::from_secs(1);
        let recent = self.came_at.iter().rev().take_while(|at| now.duration_since(**at) < second).count();
        let taken = recent <= self.most_a_second;
        self.refused += usize::from(!taken);
        taken
    }

    fn apply(&mut self, body: &[u8], now: Timestamp) {
        let records: Vec<(String, i64)> = serde_json::from_slice(body).expect("what the destination writes");
        for (key, value) in records {
            let held = self.holds.entry(key).or_default();
            *held = (value, held.1 + 1);
            self.told.push((value, now));
        }
    }
}

#[async_trait]
impl Transport for Platforms {
    async fn carry(&self, request: Request) -> Result<Carried, Broken> {
        let name = request.url().host_str().unwrap_or_default().trim_end_matches(".example").to_owned();
        let (mood, taken) = self.look(&name, |platform| (platform.mood, platform.takes(self.clock.now())));
        let wait = if mood == Mood::Hanging { PATIENCE } else { LATENCY };
        self.clock.sleep(wait).await;
        let status = match (mood, taken) {
            (Mood::Hanging, _) => return Err(Broken::TimedOut),
            (Mood::Down, _) => StatusCode::SERVICE_UNAVAILABLE,
            (Mood::Well, false) => StatusCode::TOO_MANY_REQUESTS,
            (Mood::Well, true) => StatusCode::OK,
        };
        if status == StatusCode::OK {
            let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
            self.look(&name, |platform| platform.apply(body, self.clock.now()));
        }
        Ok(Carried { status, headers: HeaderMap::new(), body: Vec::new() })
    }
}

/// A destination of each name.
pub(super) struct Plain(BTreeMap<Provider, PlainDestination>);

impl Plain {
    /// Each sends so many people a request to the host in the activation's settings.
    pub(super) fn new(names: &[&str], requests_per_second: f64, batch: usize) -> Self {
        let destination = |name: &str| {
            let provider: Provider = name.parse().unwrap();
            let budget = Budget::per_second(requests_per_second);
            let spec = Spec { provider: provider.clone(), budget, batch, calls: 8, ..Webhook.spec().clone() };
            (provider, PlainDestination(spec))
        };
        Self(names.iter().map(|name| destination(name)).collect())
    }
}

impl Destinations for Plain {
    fn find(&self, provider: &Provider) -> Option<&dyn Destination> {
        self.0.get(provider).map(|destination| destination as &dyn Destination)
    }
}

struct PlainDestination(Spec);

fn record(item: &Item) -> (String, i64) {
    let value = match &item.action {
        Action::Show(shown) => shown.attributes.values().find_map(|value| match value {
            Value::Integer(value) => Some(*value),
            Value::Null | Value::Boolean(_) | Value::Decimal(_) | Value::Text(_) | Value::List(_) => None,
        }),
        Action::Leave | Action::Forget => None,
    };
    (item.key.expose().to_owned(), value.unwrap_or_default())
}

#[async_trait]
impl Destination for PlainDestination {
    fn spec(&self) -> &Spec {
        &self.0
    }

    fn check_settings(&self, _: &serde_json::Value) -> Result<(), String> {
        Ok(())
    }

    fn origins(&self, settings: &serde_json::Value) -> Vec<String> {
        settings["host"].as_str().map(str::to_owned).into_iter().collect()
    }

    fn check_credentials(&self, _: &Secret) -> Result<(), String> {
        Ok(())
    }

    async fn check(&self, _: &Context<'_>) -> Result<Checked, Failure> {
        Ok(Checked::default())
    }

    async fn discover(&self, _: &Session, _: &Secret) -> Result<Discovered, Failure> {
        Ok(Discovered::default())
    }

    async fn prepare(&self, _: &Context<'_>, _: &Links) -> Result<Preparation, Failure> {
        Ok(Preparation { notes: serde_json::Value::Null, resend: Resend::Nobody, warnings: Vec::new() })
    }

    async fn deliver(&self, context: &Context<'_>, _: Mode, items: &[Item]) -> Result<Verdicts, Failure> {
        let body = json!(items.iter().map(record).collect::<Vec<_>>()).to_string();
        let host = context.settings["host"].as_str().unwrap_or_default();
        let answer = context.session.send(Method::POST, host, "/records", |request| request.body(body)).await?;
        match answer.status.as_u16() {
            200 => {
                let done = Verdict::Delivered { said: String::new(), memo: None };
                Ok(items.iter().map(|item| (item.id.clone(), done.clone())).collect())
            }
            429 => Err(Failure::RateLimited { retry_after: answer.retry_after }),
            _ => {
                let applied = muster::destination::Applied::Open;
                Err(Failure::Retryable { reason: Reason::new("the platform is down"), applied })
            }
        }
    }
}
