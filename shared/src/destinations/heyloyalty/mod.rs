//! Heyloyalty: one field of a list for each linked audience and attribute, on members who are on the list
//! already, unless the settings ask for more. Facts about the vendor, and which were guessed: `README.md` beside this file.

mod bulk;
mod client;
mod config;
mod create;
mod live;
mod mapping;
mod parse;
mod prepare;
mod read_back;
mod signal;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use async_trait::async_trait;
use jiff::SignedDuration;
use schemars::schema_for;

use crate::destination::{
    Bulk, Checked, Confirmed, Context, Destination, Discovered, Failure, Item, Links, Mode, Preparation, ReadBack,
    Spec, Taken, Verdicts,
};
use crate::http::Session;
use crate::model::budget::Budget;
use crate::model::pending::RecordShape;
use crate::model::{FieldName, Identifier};
use crate::ports::Secret;

use config::MissingPeople;
pub use config::{Credentials, Settings};
pub use signal::read_signal;

/// The Heyloyalty destination.
pub struct Heyloyalty;

static SPEC: LazyLock<Spec> = LazyLock::new(|| Spec {
    provider: "heyloyalty".parse().expect("a valid provider"),
    name: "Heyloyalty",
    api_version: "v1 for members, v2 for fields",
    shape: RecordShape::PerPerson,
    origins: &[client::ORIGIN],
    // No limit is documented; this is below what integrations in use are known to do.
    budget: Budget::per_second(5.0),
    batch: 50,
    // Each has several requests at a time.
    calls: 1,
    bulk: Some(Bulk { from: 200, batch: 5000 }),
    effects: 0,
    read_back: Some(1000),
    settings: schema_for!(Settings),
    credentials: schema_for!(Credentials),
});

#[async_trait]
impl Destination for Heyloyalty {
    fn spec(&self) -> &Spec {
        &SPEC
    }

    fn check_settings(&self, settings: &serde_json::Value) -> Result<(), String> {
        Settings::read(settings).map(drop)
    }

    fn bulk_lands_within(&self, settings: &serde_json::Value) -> SignedDuration {
        let longest = SignedDuration::from_hours(24);
        Settings::read(settings).map_or(longest, |read| SignedDuration::from_mins(i64::from(read.import_minutes)))
    }

    fn reads_fields(&self, settings: &serde_json::Value) -> BTreeSet<FieldName> {
        match Settings::read(settings).map(|settings| settings.missing_people) {
            Ok(MissingPeople::Create(creating)) => BTreeSet::from([creating.consent]),
            Ok(MissingPeople::Skip) | Err(_) => BTreeSet::new(),
        }
    }

    fn check_credentials(&self, credentials: &Secret) -> Result<(), String> {
        Credentials::read(credentials).map(drop)
    }

    async fn check(&self, context: &Context<'_>) -> Result<Checked, Failure> {
        prepare::check(context).await
    }

    async fn discover(&self, session: &Session, credentials: &Secret) -> Result<Discovered, Failure> {
        prepare::discover(&client::Api::new(session, credentials)?).await
    }

    async fn prepare(&self, context: &Context<'_>, links: &Links) -> Result<Preparation, Failure> {
        prepare::prepare(context, links).await
    }

    async fn foresee(&self, context: &Context<'_>, links: &Links) -> Result<serde_json::Value, Failure> {
        prepare::foresee(context, links).await
    }

    async fn deliver(&self, context: &Context<'_>, lane: Mode, items: &[Item]) -> Result<Verdicts, Failure> {
        let run = live::Run::new(context)?;
        bulk::whole(match lane {
            Mode::Live => run.deliver_all(&items.iter().collect::<Vec<_>>()).await,
            Mode::Bulk => run.deliver_bulk(items).await,
        })
    }

    /// Nobody can be asked what became of an import.
    async fn confirm(&self, context: &Context<'_>, _: &Taken<'_>, items: &[Item]) -> Result<Confirmed, Failure> {
        let landed = live::Run::new(context)?.look(items).await?;
        Ok(Confirmed::Looked { landed, halted: None })
    }

    async fn read_back(&self, context: &Context<'_>, items: &[Item]) -> ReadBack {
        match live::Run::new(context) {
            Ok(run) => run.read_back(items).await,
            Err(failure) => ReadBack { halted: Some(failure), ..ReadBack::default() },
        }
    }

    async fn resolve_signal(&self, context: &Context<'_>, vendor_id: &str) -> Result<Option<Identifier>, Failure> {
        signal::resolve_signal(context, vendor_id).await
    }
}

fn settings(context: &Context<'_>) -> Result<Settings, Failure> {
    Settings::read(context.settings).map_err(Failure::misconfigured)
}
