//! Cheetah Digital (Cheetah Messaging, Marigold Engage+): a row of a table for each person and audience, by the Advanced
//! Data Load API. What an operator needs to know is in `README.md` beside this file.

mod client;
mod config;
mod mapping;
mod prepare;
mod tables;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use async_trait::async_trait;
use schemars::schema_for;
use tokio::sync::OnceCell;

use crate::destination::said::redact;
use crate::destination::{
    Action, Checked, Context, Destination, Discovered, Failure, Finding, Item, ItemId, Links, Mode, Place, PlaceField,
    Preparation, Reads, Spec, Verdict, Verdicts,
};
use crate::http::Session;
use crate::mapping::{CompiledMapping, SourcePath};
use crate::model::Reason;
use crate::model::budget::Budget;
use crate::model::pending::RecordShape;
use crate::ports::Secret;

use client::{Api, Loaded};
pub use config::{Credentials, Settings};
use mapping::{Made, Maker, Memo, Record};

/// The Cheetah Digital destination.
pub struct CheetahDigital;

static SPEC: LazyLock<Spec> = LazyLock::new(|| Spec {
    provider: "cheetah-digital".parse().expect("a valid provider"),
    name: "Cheetah Digital",
    api_version: "Advanced Data Load, services2",
    shape: RecordShape::PerPersonAndAudience,
    origins: config::ORIGINS,
    // Cheetah documents no limit: ten a second, five at a time, until an account's own is known.
    budget: Budget { at_once: Some(5), ..Budget::per_second(10.0) },
    batch: 500,
    calls: 5,
    bulk: None,
    effects: 0,
    read_back: None,
    settings: schema_for!(Settings),
    credentials: schema_for!(Credentials),
});

/// Whoever discovers is shown the columns of this many tables at most.
const DISCOVERED_WITH_COLUMNS: usize = 40;

#[async_trait]
impl Destination for CheetahDigital {
    fn spec(&self) -> &Spec {
        &SPEC
    }

    fn check_settings(&self, settings: &serde_json::Value) -> Result<(), String> {
        Settings::read(settings).map(drop)
    }

    fn reads(&self, settings: &serde_json::Value) -> Reads {
        let mapped = Settings::parse(settings).ok().and_then(|settings| settings.compile(None).ok());
        let mut reads = Reads::default();
        for path in mapped.iter().flat_map(CompiledMapping::reads) {
            match path {
                SourcePath::Identifier(kind) => drop(reads.identifiers.insert(kind)),
                SourcePath::Field(name) => drop(reads.fields.insert(name)),
                SourcePath::Attribute(_) | SourcePath::Audience(_) | SourcePath::ChangeTime => {}
            }
        }
        reads
    }

    fn batch(&self, settings: &serde_json::Value) -> usize {
        Settings::parse(settings).map_or(1, |settings| usize::from(settings.records_per_call))
    }

    fn check_credentials(&self, credentials: &Secret) -> Result<(), String> {
        Credentials::read(credentials).map(drop)
    }

    async fn check(&self, context: &Context<'_>) -> Result<Checked, Failure> {
        let settings = read(context)?;
        let api = Api::new(context.session, context.credentials)?;
        let mut findings = Vec::new();
        match api.can_list().await {
            Ok(()) => findings.push(finding("key and secret", true, "they may list tables")),
            Err(Failure::Unauthorized { reason }) => {
                findings.push(finding("key and secret", false, reason.as_str()));
                return Ok(Checked { findings });
            }
            Err(failure) => return Err(failure),
        }
        match prepare::look(&api, &settings, context.links).await {
            Ok(looked) => {
                findings.push(finding("table and columns", true, "they are there"));
                let warnings = looked.preparation.warnings.iter().chain(&looked.unknown);
                findings.extend(warnings.map(|warning| finding("the table's unique identifier", true, warning)));
            }
            Err(Failure::Misconfigured { reason }) => {
                findings.push(finding("table and columns", false, reason.as_str()));
            }
            Err(failure) => return Err(failure),
        }
        let unseen = "cannot be seen without loading something: the first record tells";
        findings.push(finding("the right to load data", true, unseen));
        Ok(Checked { findings })
    }

    async fn find_misfits(&self, context: &Context<'_>) -> Result<Vec<String>, Failure> {
        let settings = Settings::read_unmapped(context.settings)
            .map_err(|error| Failure::Misconfigured { reason: Reason::new(error) })?;
        prepare::find_misfits(&Api::new(context.session, context.credentials)?, &settings).await
    }

    async fn discover(&self, session: &Session, credentials: &Secret) -> Result<Discovered, Failure> {
        let api = Api::new(session, credentials)?;
        let mut places = Vec::new();
        for (number, table) in api.tables().await?.into_iter().enumerate() {
            let columns = if number < DISCOVERED_WITH_COLUMNS && session.requests_left() > 10 {
                api.columns(&table).await?
            } else {
                Vec::new()
            };
            let field = |column: tables::TableColumn| PlaceField {
                name: column.name,
                label: column.display_name,
                kind: column.data_type.unwrap_or_default(),
            };
            let fields = columns.into_iter().map(field).collect();
            places.push(Place { id: table.name, name: table.display_name, fields });
        }
        Ok(Discovered { places })
    }

    async fn prepare(&self, context: &Context<'_>, links: &Links) -> Result<Preparation, Failure> {
        let settings = read(context)?;
        let api = Api::new(context.session, context.credentials)?;
        prepare::look(&api, &settings, links).await.map(|looked| looked.preparation)
    }

    async fn deliver(&self, context: &Context<'_>, _lane: Mode, items: &[Item]) -> Result<Verdicts, Failure> {
        let settings = read(context)?;
        let compiled = settings
            .compile(None)
            .map_err(|errors| Failure::Misconfigured { reason: Reason::new(config::in_words(&errors)) })?;
        let api = Api::new(context.session, context.credentials)?;
        let maker = Maker { settings: &settings, compiled: &compiled, links: context.links, now: context.now };
        let mut verdicts = Verdicts::new();
        let (mut first, mut then): (Vec<Load<'_>>, Vec<Load<'_>>) = (Vec::new(), Vec::new());
        for item in items {
            match maker.make(item) {
                Made::Rows { former, row, memo, left_alone } => {
                    first.extend(former.map(|record| Load { item, record }));
                    verdicts.insert(item.id.clone(), taken(&memo, left_alone.as_ref()));
                    // A key that somebody leaves may be somebody else's in the same batch.
                    let line = if matches!(item.action, Action::Show(_)) { &mut then } else { &mut first };
                    line.push(Load { item, record: row });
                }
                Made::Rejected(reason) => {
                    verdicts.insert(item.id.clone(), Verdict::Failed(Failure::Rejected { reason }));
                }
                Made::Nothing(reason) => {
                    let verdict = Verdict::Filtered { reason, open: false, memo: None };
                    verdicts.insert(item.id.clone(), verdict);
                }
            }
        }
        let loader = Loader { api: &api, settings: &settings, links: context.links, misfit: OnceCell::new() };
        loader.load(&first, &mut verdicts).await;
        let failed = |id: &ItemId, verdicts: &Verdicts| matches!(verdicts.get(id), Some(Verdict::Failed(_)));
        then.retain(|load| !failed(&load.item.id, &verdicts));
        loader.load(&then, &mut verdicts).await;
        Ok(verdicts)
    }
}

fn read(context: &Context<'_>) -> Result<Settings, Failure> {
    Settings::parse(context.settings).map_err(|error| Failure::Misconfigured { reason: Reason::new(error) })
}

fn finding(what: &str, good: bool, note: &str) -> Finding {
    Finding { what: what.to_owned(), good, note: note.to_owned() }
}

fn taken(memo: &Memo, left_alone: Option<&Reason>) -> Verdict {
    let said = match left_alone {
        None => Reason::new("taken, to be loaded by Cheetah Digital"),
        Some(reason) => Reason::new(format!("taken, without the further columns: {reason}")),
    };
    Verdict::Delivered { said: said.to_string(), memo: memo.kept() }
}

/// A record on its way.
struct Load<'i> {
    item: &'i Item,
    record: Record,
}

struct Loader<'a> {
    api: &'a Api<'a>,
    settings: &'a Settings,
    links: &'a Links,
    /// Why the table does not fit any more, if it does not: looked at once, by the first record that is refused.
    misfit: OnceCell<Option<Failure>>,
}

impl Loader<'_> {
    /// Loads in calls of as many records as allowed; whoever is not taken gets a verdict that says so. What is refused
    /// among others is tried again in halves, until it stands alone.
    async fn load(&self, loads: &[Load<'_>], verdicts: &mut Verdicts) {
        let most = usize::from(self.settings.records_per_call.max(1));
        let mut calls: Vec<&[Load<'_>]> = loads.chunks(most).rev().collect();
        while let Some(call) = calls.pop() {
            let records: Vec<&Record> = call.iter().map(|load| &load.record).collect();
            let failure = match self.api.load(&mapping::body(self.settings, &records)).await {
                Ok(Loaded::Taken) => continue,
                Ok(Loaded::Refused { .. }) if call.len() > 1 => {
                    let (first, second) = call.split_at(call.len() / 2);
                    calls.extend([second, first]);
                    continue;
                }
                Ok(Loaded::Refused { status, said }) => self.refused(call, status, &said).await,
                Err(failure) => failure,
            };
            for load in call {
                verdicts.insert(load.item.id.clone(), Verdict::Failed(failure.clone()));
            }
        }
    }

    /// Why a record that stands alone is refused: the table may have changed, else it is the record.
    async fn refused(&self, call: &[Load<'_>], status: u16, said: &str) -> Failure {
        let look = || async {
            match prepare::look(self.api, self.settings, self.links).await {
                Err(failure @ Failure::Misconfigured { .. }) => Some(failure),
                Ok(_) | Err(_) => None,
            }
        };
        if let Some(misfit) = self.misfit.get_or_init(look).await {
            return misfit.clone();
        }
        let key = call.first().map_or("", |load| load.item.key.expose());
        let reason = format!("Cheetah Digital refuses the record with status {status}: {}", redact(said, key, ""));
        Failure::Rejected { reason: Reason::new(reason) }
    }
}
