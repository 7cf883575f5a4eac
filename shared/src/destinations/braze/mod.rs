//! Braze: membership and attributes of people as custom attributes, events of people as custom events, all by
//! `POST /users/track`. <https://www.braze.com/docs/api/endpoints/user_data/post_user_track>.

mod client;
mod config;
mod mapping;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use async_trait::async_trait;
use schemars::schema_for;
use serde_json::{Value as Json, json};

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

use client::{Taken, Workspace};
pub use config::{Credentials, Settings};

/// The Braze destination.
pub struct Braze;

/// Most events of one request that is safe under every contract.
const EVENTS: usize = 50;
/// Bytes of one request: a quarter of what Braze takes.
const MOST_BYTES: usize = 1024 * 1024;
/// Whom a check speaks of: nobody, so that nothing is changed.
const NOBODY: &str = "muster-check-of-the-key";

static SPEC: LazyLock<Spec> = LazyLock::new(|| Spec {
    provider: "braze".parse().expect("a valid provider"),
    name: "Braze",
    api_version: "REST, users/track",
    shape: RecordShape::PerPerson,
    // The owner names the instance.
    origins: &[],
    budget: Budget::per_second(20.0),
    batch: 75,
    calls: 4,
    bulk: None,
    effects: EVENTS,
    read_back: None,
    settings: schema_for!(Settings),
    credentials: schema_for!(Credentials),
});

#[async_trait]
impl Destination for Braze {
    fn spec(&self) -> &Spec {
        &SPEC
    }

    fn check_settings(&self, settings: &Json) -> Result<(), String> {
        Settings::read(settings).map(drop)
    }

    fn origins(&self, settings: &Json) -> Vec<String> {
        Settings::read(settings).map_or_else(|_| Vec::new(), |read| vec![read.rest_endpoint.origin().to_owned()])
    }

    fn batch(&self, settings: &Json) -> usize {
        Settings::read(settings).map_or(1, |settings| usize::from(settings.objects_per_request))
    }

    fn earns(&self, settings: &Json) -> Earning {
        let earning = |settings: Settings| Earning { events: settings.events.tell, ..Earning::default() };
        Settings::read(settings).map_or_else(|_| Earning::default(), earning)
    }

    fn check_credentials(&self, credentials: &Secret) -> Result<(), String> {
        Credentials::read(credentials).map(drop)
    }

    async fn check(&self, context: &Context<'_>) -> Result<Checked, Failure> {
        let (workspace, _) = open(context)?;
        let nobody = json!({ "attributes": [{ "external_id": NOBODY, "_update_existing_only": true }] });
        let (good, note) = match workspace.track(serde_json::to_vec(&nobody).unwrap_or_default()).await {
            Ok(_) => (true, "answered".to_owned()),
            Err(Failure::Unauthorized { reason } | Failure::Rejected { reason }) => (false, reason.to_string()),
            Err(failure) => return Err(failure),
        };
        let what = "the REST API key and its permission `users.track`".to_owned();
        Ok(Checked { findings: vec![Finding { what, good, note }] })
    }

    async fn discover(&self, _session: &Session, _credentials: &Secret) -> Result<Discovered, Failure> {
        Ok(Discovered::default())
    }

    async fn prepare(&self, _context: &Context<'_>, _links: &Links) -> Result<Preparation, Failure> {
        Ok(Preparation { notes: Json::Null, resend: Resend::Nobody, warnings: Vec::new() })
    }

    async fn deliver(&self, context: &Context<'_>, _lane: Mode, items: &[Item]) -> Result<Verdicts, Failure> {
        let (workspace, settings) = open(context)?;
        let (departures, arrivals) = departures_first(items);
        let made = departures.into_iter().chain(arrivals).map(|item| {
            let mapping::Made { object, remarks } = mapping::person(&settings, context.links, item);
            ((item, remarks), object)
        });
        let mut verdicts = Verdicts::new();
        for parcel in parcels::parcels(made.collect(), most(&settings)) {
            let (people, objects): (Vec<_>, Vec<_>) = parcel.into_iter().unzip();
            let taken = workspace.track(mapping::body("attributes", &objects.iter().collect::<Vec<_>>())).await?;
            verdicts.extend(mapping::verdicts(&people, &taken)?);
        }
        Ok(verdicts)
    }

    async fn perform(&self, context: &Context<'_>, effects: &[Task]) -> Result<Performances, Failure> {
        let (workspace, settings) = open(context)?;
        let make = |task: &Task| mapping::event(&settings, task);
        let (made, mut performances) = loyalty::objects("Braze", effects, make);
        performances.extend(parcels::perform(&workspace, made, most(&settings)).await);
        Ok(performances)
    }

    async fn ask(&self, context: &Context<'_>, _effect: &Task) -> Result<Testimony, Failure> {
        Ok(open(context)?.1.in_doubt.testimony("Braze"))
    }
}

/// What one request may hold.
fn most(settings: &Settings) -> Most {
    Most { objects: usize::from(settings.objects_per_request), bytes: MOST_BYTES }
}

#[async_trait]
impl Teller for Workspace<'_> {
    type Taken = Taken;

    async fn tell(&self, events: &[&Object]) -> Result<Taken, Failure> {
        self.track(mapping::body("events", events)).await
    }

    fn judge(&self, taken: &Taken, place: usize, of: usize, task: &Task) -> Performance {
        mapping::performance(taken, place, of, task)
    }
}

fn open<'a>(context: &Context<'a>) -> Result<(Workspace<'a>, Settings), Failure> {
    let settings = Settings::read(context.settings).map_err(Failure::misconfigured)?;
    let credentials = Credentials::read(context.credentials).map_err(Failure::unauthorized)?;
    Ok((Workspace::new(context.session, settings.rest_endpoint.clone(), credentials), settings))
}
