//! Any HTTPS receiver, told by signed requests: the state of records, and events that happen once. The template
//! for new destinations; its wire contract is `README.md` beside this file.

mod client;
mod config;
mod mapping;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use async_trait::async_trait;
use schemars::schema_for;

use crate::destination::{
    Checked, Context, Destination, Discovered, Failure, Finding, Item, Links, Mode, Performance, Performances,
    Preparation, Resend, Spec, Task, Testimony, Verdict, Verdicts,
};
use crate::http::Session;
use crate::model::budget::Budget;
use crate::model::pending::RecordShape;
use crate::model::{Earning, Reason};
use crate::ports::Secret;

use client::{Known, Receiver};
use config::{Answers, InDoubt, Records};
pub use config::{Credentials, Settings};

/// The webhook destination.
pub struct Webhook;

static SPEC: LazyLock<Spec> = LazyLock::new(|| Spec {
    provider: "webhook".parse().expect("a valid provider"),
    name: "Webhook",
    api_version: "Standard Webhooks 1",
    shape: RecordShape::PerPerson,
    // The owner names the host.
    origins: &[],
    budget: Budget::per_second(10.0),
    batch: 500,
    calls: 8,
    bulk: None,
    effects: 1,
    read_back: None,
    settings: schema_for!(Settings),
    credentials: schema_for!(Credentials),
});

/// Why no record is sent.
const EVENTS_ONLY: &str = "this activation sends events only";

#[async_trait]
impl Destination for Webhook {
    fn spec(&self) -> &Spec {
        &SPEC
    }

    fn check_settings(&self, settings: &serde_json::Value) -> Result<(), String> {
        Settings::read(settings).map(drop)
    }

    fn origins(&self, settings: &serde_json::Value) -> Vec<String> {
        let Ok(settings) = Settings::read(settings) else { return Vec::new() };
        let endpoints = [Some(&settings.url), settings.ask_url.as_ref()];
        endpoints.into_iter().flatten().map(|endpoint| endpoint.origin().to_owned()).collect()
    }

    fn batch(&self, settings: &serde_json::Value) -> usize {
        Settings::read(settings).map_or(1, |settings| usize::from(settings.batch))
    }

    fn earns(&self, settings: &serde_json::Value) -> Earning {
        let earning = |settings: Settings| Earning {
            on: settings.events,
            again: settings.again,
            events: settings.pass_on,
            ..Earning::default()
        };
        Settings::read(settings).map_or_else(|_| Earning::default(), earning)
    }

    fn check_credentials(&self, credentials: &Secret) -> Result<(), String> {
        Credentials::read(credentials).map(drop)
    }

    async fn check(&self, context: &Context<'_>) -> Result<Checked, Failure> {
        let (receiver, settings) = open(context)?;
        let message = mapping::check(&context.links.activation, context.now);
        let (good, note) = match receiver.post(&settings.url, &fresh_id(), &message).await {
            Ok(answer) => (true, format!("answered with status {}", answer.status.as_u16())),
            Err(Failure::Unauthorized { reason } | Failure::Rejected { reason }) => (false, reason.to_string()),
            Err(failure) => return Err(failure),
        };
        Ok(Checked { findings: vec![Finding { what: "a signed check".to_owned(), good, note }] })
    }

    async fn discover(&self, _session: &Session, _credentials: &Secret) -> Result<Discovered, Failure> {
        Ok(Discovered::default())
    }

    async fn prepare(&self, _context: &Context<'_>, _links: &Links) -> Result<Preparation, Failure> {
        Ok(Preparation { notes: serde_json::Value::Null, resend: Resend::Nobody, warnings: Vec::new() })
    }

    async fn deliver(&self, context: &Context<'_>, _lane: Mode, items: &[Item]) -> Result<Verdicts, Failure> {
        let (receiver, settings) = open(context)?;
        if settings.records == Records::None {
            let filtered = Verdict::Filtered { reason: Reason::new(EVENTS_ONLY), open: false, memo: None };
            return Ok(items.iter().map(|item| (item.id.clone(), filtered.clone())).collect());
        }
        let message = mapping::records(context.links, items, context.now);
        let answer = receiver.post(&settings.url, &fresh_id(), &message).await?;
        Ok(match settings.answers {
            Answers::Status => mapping::all_taken(context.links, items),
            Answers::Results => mapping::results(context.links, items, answer.json().as_ref()),
        })
    }

    async fn perform(&self, context: &Context<'_>, effects: &[Task]) -> Result<Performances, Failure> {
        let (receiver, settings) = open(context)?;
        let mut performances = BTreeMap::new();
        for task in effects {
            let message = mapping::event(&context.links.activation, task);
            let performance = match receiver.post(&settings.url, &mapping::event_id(task), &message).await {
                Ok(answer) => Performance::Done { said: format!("status {}", answer.status.as_u16()) },
                Err(failure) => Performance::Failed(failure),
            };
            performances.insert(task.id.clone(), performance);
        }
        Ok(performances)
    }

    async fn ask(&self, context: &Context<'_>, effect: &Task) -> Result<Testimony, Failure> {
        let (receiver, settings) = open(context)?;
        match (settings.in_doubt, &settings.ask_url) {
            (InDoubt::SendAgain, _) => Ok(Testimony::Repeatable),
            (InDoubt::Ask, Some(at)) => Ok(match receiver.has(at, &mapping::event_id(effect)).await? {
                Known::Yes => Testimony::Present { said: "the receiver has it".to_owned() },
                Known::No => Testimony::Absent,
            }),
            (InDoubt::Ask, None) | (InDoubt::Park, _) => {
                let reason = Reason::new("the receiver's answer was lost, and nobody knows whether the event arrived");
                Ok(Testimony::Untellable { reason })
            }
        }
    }
}

fn open<'a>(context: &Context<'a>) -> Result<(Receiver<'a>, Settings), Failure> {
    let settings = Settings::read(context.settings).map_err(Failure::misconfigured)?;
    let credentials = Credentials::read(context.credentials).map_err(Failure::unauthorized)?;
    Ok((Receiver::new(context.session, credentials), settings))
}

/// Of a request that says what is so now: it is new each time, so that no receiver takes it for a repeat.
fn fresh_id() -> String {
    format!("msg_{}", uuid::Uuid::new_v4().simple())
}
