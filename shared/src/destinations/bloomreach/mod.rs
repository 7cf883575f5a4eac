//! Bloomreach Engagement: membership and attributes of people as customer properties, events of people as customer
//! events, in batches of commands. <https://documentation.bloomreach.com/engagement/docs/batch-commands-2>.

mod client;
mod config;
mod mapping;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use async_trait::async_trait;
use jiff::SignedDuration;
use schemars::schema_for;
use serde_json::Value as Json;

use crate::destination::loyalty;
use crate::destination::parcels::{self, Most, Object, Teller};
use crate::destination::{
    Checked, Context, Destination, Discovered, Failure, Finding, Item, Links, Mode, Performance, Performances,
    Preparation, Resend, Spec, Task, Testimony, Verdicts, departures_first,
};
use crate::http::Session;
use crate::model::Earning;
use crate::model::budget::Budget;
use crate::model::pending::RecordShape;
use crate::ports::Secret;

use client::{Project, Taken};
pub use config::{Credentials, Settings};

/// The Bloomreach destination.
pub struct Bloomreach;

/// Commands of one request.
const COMMANDS: usize = 50;
/// Bytes of one request; Bloomreach documents no bound.
const MOST_BYTES: usize = 1024 * 1024;
/// By so much what is shown is newer than what left the same key in the same delivery.
const AFTER: SignedDuration = SignedDuration::from_millis(1);

static SPEC: LazyLock<Spec> = LazyLock::new(|| Spec {
    provider: "bloomreach".parse().expect("a valid provider"),
    name: "Bloomreach Engagement",
    api_version: "Tracking API v2",
    shape: RecordShape::PerPerson,
    // The owner names the instance.
    origins: &[],
    budget: Budget::per_second(50.0),
    batch: COMMANDS,
    calls: 4,
    bulk: None,
    effects: COMMANDS,
    read_back: None,
    settings: schema_for!(Settings),
    credentials: schema_for!(Credentials),
});

#[async_trait]
impl Destination for Bloomreach {
    fn spec(&self) -> &Spec {
        &SPEC
    }

    fn check_settings(&self, settings: &Json) -> Result<(), String> {
        Settings::read(settings).map(drop)
    }

    fn origins(&self, settings: &Json) -> Vec<String> {
        Settings::read(settings).map_or_else(|_| Vec::new(), |read| vec![read.base_url.origin().to_owned()])
    }

    fn batch(&self, settings: &Json) -> usize {
        Settings::read(settings).map_or(1, |settings| usize::from(settings.commands_per_request))
    }

    fn earns(&self, settings: &Json) -> Earning {
        let earning = |settings: Settings| Earning { events: settings.events.tell, ..Earning::default() };
        Settings::read(settings).map_or_else(|_| Earning::default(), earning)
    }

    fn check_credentials(&self, credentials: &Secret) -> Result<(), String> {
        Credentials::read(credentials).map(drop)
    }

    async fn check(&self, context: &Context<'_>) -> Result<Checked, Failure> {
        let (project, settings) = open(context)?;
        let (good, note) = match project.batch(&[&mapping::nobody(&settings, context.now)]).await {
            // That it names nobody is refused, as it must be.
            Ok(_) => (true, "answered".to_owned()),
            Err(Failure::Unauthorized { reason }) => (false, reason.to_string()),
            Err(failure) => return Err(failure),
        };
        let what = "the key and its project".to_owned();
        Ok(Checked { findings: vec![Finding { what, good, note }] })
    }

    async fn discover(&self, _session: &Session, _credentials: &Secret) -> Result<Discovered, Failure> {
        Ok(Discovered::default())
    }

    async fn prepare(&self, _context: &Context<'_>, _links: &Links) -> Result<Preparation, Failure> {
        Ok(Preparation { notes: Json::Null, resend: Resend::Nobody, warnings: Vec::new() })
    }

    async fn deliver(&self, context: &Context<'_>, _lane: Mode, items: &[Item]) -> Result<Verdicts, Failure> {
        let (project, settings) = open(context)?;
        let (departures, arrivals) = departures_first(items);
        let arrive_at = context.now.saturating_add(AFTER).unwrap_or(context.now);
        let mut verdicts = Verdicts::new();
        // Commands of one request go in any order.
        for (items, at) in [(departures, context.now), (arrivals, arrive_at)] {
            let made = items.into_iter().map(|item| {
                let mapping::Made { command, remarks } = mapping::person(&settings, context.links, item, at);
                ((item, remarks), command)
            });
            for parcel in parcels::parcels(made.collect(), most(&settings)) {
                let taken = project.batch(&parcel.iter().map(|(_, command)| command).collect::<Vec<_>>()).await?;
                verdicts.extend(parcel.iter().enumerate().map(|(place, ((item, remarks), _))| {
                    (item.id.clone(), mapping::verdict(&taken, place, item, remarks))
                }));
            }
        }
        Ok(verdicts)
    }

    async fn perform(&self, context: &Context<'_>, effects: &[Task]) -> Result<Performances, Failure> {
        let (project, settings) = open(context)?;
        let make = |task: &Task| mapping::event(&settings, task);
        let (made, mut performances) = loyalty::objects("Bloomreach", effects, make);
        performances.extend(parcels::perform(&project, made, most(&settings)).await);
        Ok(performances)
    }

    async fn ask(&self, context: &Context<'_>, _effect: &Task) -> Result<Testimony, Failure> {
        Ok(open(context)?.1.in_doubt.testimony("Bloomreach"))
    }
}

/// What one request may hold.
fn most(settings: &Settings) -> Most {
    Most { objects: usize::from(settings.commands_per_request), bytes: MOST_BYTES }
}

#[async_trait]
impl Teller for Project<'_> {
    type Taken = Taken;

    async fn tell(&self, events: &[&Object]) -> Result<Taken, Failure> {
        self.batch(events).await
    }

    fn judge(&self, taken: &Taken, place: usize, _of: usize, task: &Task) -> Performance {
        mapping::performance(taken, place, task)
    }
}

fn open<'a>(context: &Context<'a>) -> Result<(Project<'a>, Settings), Failure> {
    let settings = Settings::read(context.settings).map_err(Failure::misconfigured)?;
    let credentials = Credentials::read(context.credentials).map_err(Failure::unauthorized)?;
    Ok((Project::new(context.session, &settings, credentials), settings))
}
