//! Cheetah Digital (Cheetah Messaging, Marigold Engage+): a row of a table for each person and audience, by the Advanced
//! Data Load API, and of many people at once by Batch Import. What an operator needs to know is in `README.md` beside this file.

mod client;
mod config;
mod import;
mod mapping;
mod prepare;
mod read_back;
mod tables;
#[cfg(test)]
mod tests;

use std::sync::{LazyLock, OnceLock};

use async_trait::async_trait;
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use jiff::SignedDuration;
use schemars::schema_for;
use tokio::sync::OnceCell;

use crate::destination::said::redact;
use crate::destination::{
    Action, Bulk, Checked, Confirmed, Context, Destination, Discovered, Failure, Finding, Item, ItemId, Links, Mode,
    Place, PlaceField, Preparation, ReadBack, Reads, Spec, Taken, Verdict, Verdicts,
};
use crate::http::Session;
use crate::mapping::{CompiledMapping, SourcePath};
use crate::model::Reason;
use crate::model::budget::Budget;
use crate::model::pending::RecordShape;
use crate::ports::Secret;

use client::{Api, Loaded};
pub use config::{Credentials, Settings};
use import::Importer;
use mapping::{Maker, Memo, Record};
use read_back::{Outside, Reader};

/// The Cheetah Digital destination.
pub struct CheetahDigital;

static SPEC: LazyLock<Spec> = LazyLock::new(|| Spec {
    provider: "cheetah-digital".parse().expect("a valid provider"),
    name: "Cheetah Digital",
    api_version: "Advanced Data Load and Batch Import, services2",
    shape: RecordShape::PerPersonAndAudience,
    origins: config::ORIGINS,
    // Cheetah documents no limit: ten a second, five at a time, until an account's own is known.
    budget: Budget { at_once: Some(5), ..Budget::per_second(10.0) },
    batch: 500,
    calls: CALLS,
    // Where the settings say so.
    bulk: None,
    effects: 0,
    read_back: Some(200),
    settings: schema_for!(Settings),
    credentials: schema_for!(Credentials),
});

/// Calls at a time.
const CALLS: usize = 5;
/// Most items of a delivery by files: a walk's people with some audiences each.
const BULK_BATCH: usize = 20_000;
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
        let settings = Settings::read_unmapped(context.settings).map_err(Failure::misconfigured)?;
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

    fn bulk(&self, settings: &serde_json::Value) -> Option<Bulk> {
        let batch_import = Settings::parse(settings).ok()?.batch_import?;
        Some(Bulk { from: usize::from(batch_import.from), batch: BULK_BATCH })
    }

    fn bulk_lands_within(&self, settings: &serde_json::Value) -> SignedDuration {
        let batch_import = Settings::parse(settings).ok().and_then(|settings| settings.batch_import);
        batch_import.map_or(SignedDuration::ZERO, |batch_import| batch_import.longest())
    }

    async fn deliver(&self, context: &Context<'_>, lane: Mode, items: &[Item]) -> Result<Verdicts, Failure> {
        let settings = read(context)?;
        let compiled = compile(&settings)?;
        let api = Api::new(context.session, context.credentials)?;
        let maker = Maker { settings: &settings, compiled: &compiled, links: context.links, now: context.now };
        let Made { first, mut then, mut verdicts } = Made::of(&maker, items);
        let loader = Loader::new(&api, &settings, context.links);
        loader.load(&first.iter().collect::<Vec<_>>(), &mut verdicts).await;
        let failed = |id: &ItemId, verdicts: &Verdicts| matches!(verdicts.get(id), Some(Verdict::Failed(_)));
        then.retain(|load| !failed(&load.item.id, &verdicts));
        match settings.batch_import.as_ref().filter(|_| lane == Mode::Bulk) {
            None => loader.load(&then.iter().collect::<Vec<_>>(), &mut verdicts).await,
            Some(batch_import) => {
                let (files, mut singly) = import::sort_out(&then, &settings, batch_import);
                let importer = Importer { api: &api, context, batch_import };
                singly.extend(importer.import(files, &mut verdicts).await);
                loader.load(&singly, &mut verdicts).await;
            }
        }
        Ok(verdicts)
    }

    async fn confirm(&self, context: &Context<'_>, taken: &Taken<'_>, items: &[Item]) -> Result<Confirmed, Failure> {
        let settings = read(context)?;
        let compiled = compile(&settings)?;
        let api = Api::new(context.session, context.credentials)?;
        let reader = Reader::new(context, &api, &settings, &compiled, Outside::Row)?;
        import::confirm(&api, &reader, settings.batch_import.as_ref(), taken, items).await
    }

    async fn read_back(&self, context: &Context<'_>, items: &[Item]) -> ReadBack {
        let look = async || {
            let settings = read(context)?;
            let compiled = compile(&settings)?;
            let api = Api::new(context.session, context.credentials)?;
            Ok(Reader::new(context, &api, &settings, &compiled, Outside::RowOrNone)?.read_back(items).await)
        };
        look().await.unwrap_or_else(|failure| ReadBack { halted: Some(failure), ..ReadBack::default() })
    }
}

fn read(context: &Context<'_>) -> Result<Settings, Failure> {
    Settings::parse(context.settings).map_err(Failure::misconfigured)
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

fn compile(settings: &Settings) -> Result<CompiledMapping, Failure> {
    settings.compile(None).map_err(|errors| Failure::misconfigured(config::in_words(&errors)))
}

/// Whether another request would fare no better.
fn halts(failure: &Failure) -> bool {
    match failure {
        Failure::Unauthorized { .. } | Failure::Misconfigured { .. } | Failure::PutOff { .. } => true,
        Failure::Retryable { .. } | Failure::RateLimited { .. } | Failure::Rejected { .. } => false,
    }
}

/// A record on its way.
struct Load<'i> {
    item: &'i Item,
    record: Record,
    memo: Memo,
    /// A former row of the same item goes before it.
    follows: bool,
}

/// What the items of a delivery come to.
struct Made<'i> {
    /// Rows that are left: a key that somebody leaves may be somebody else's in the same delivery.
    first: Vec<Load<'i>>,
    then: Vec<Load<'i>>,
    /// Of whoever is not loaded; and of the others, if they are taken.
    verdicts: Verdicts,
}

impl<'i> Made<'i> {
    fn of(maker: &Maker<'_>, items: &'i [Item]) -> Self {
        let (mut first, mut then, mut verdicts) = (Vec::new(), Vec::new(), Verdicts::new());
        for item in items {
            let verdict = match maker.make(item) {
                mapping::Made::Rows { former, row, memo, left_alone } => {
                    let verdict = taken(&memo, left_alone.as_ref());
                    let follows = former.is_some();
                    let load = |record| Load { item, record, memo: memo.clone(), follows };
                    first.extend(former.map(load));
                    let line = if matches!(item.action, Action::Show(_)) { &mut then } else { &mut first };
                    line.push(load(row));
                    verdict
                }
                mapping::Made::Rejected(reason) => Verdict::Failed(Failure::Rejected { reason }),
                mapping::Made::Nothing(reason) => Verdict::Filtered { reason, open: false, memo: None },
            };
            verdicts.insert(item.id.clone(), verdict);
        }
        Self { first, then, verdicts }
    }
}

struct Loader<'a> {
    api: &'a Api<'a>,
    settings: &'a Settings,
    links: &'a Links,
    /// Why the table does not fit any more, if it does not: looked at once, by the first record that is refused.
    misfit: OnceCell<Option<Failure>>,
    /// Why nothing more is sent.
    halted: OnceLock<Failure>,
}

impl<'a> Loader<'a> {
    fn new(api: &'a Api<'a>, settings: &'a Settings, links: &'a Links) -> Self {
        Self { api, settings, links, misfit: OnceCell::new(), halted: OnceLock::new() }
    }

    /// Loads in calls of as many records as allowed, some at a time; whoever is not taken gets a verdict that says so.
    async fn load(&self, loads: &[&Load<'_>], verdicts: &mut Verdicts) {
        let most = usize::from(self.settings.records_per_call.max(1));
        // Boxed: the compiler cannot name closures over two lifetimes, and the futures are large.
        let calls: Vec<BoxFuture<'_, Vec<(ItemId, Failure)>>> =
            loads.chunks(most).map(|call| self.call(call).boxed()).collect();
        let mut calls = stream::iter(calls).buffer_unordered(CALLS);
        while let Some(failed) = calls.next().await {
            verdicts.extend(failed.into_iter().map(|(id, failure)| (id, Verdict::Failed(failure))));
        }
    }

    /// Answers who was not taken. What is refused among others is tried again in halves, until it stands alone.
    async fn call(&self, loads: &[&Load<'_>]) -> Vec<(ItemId, Failure)> {
        let mut failed = Vec::new();
        let mut calls = vec![loads];
        while let Some(call) = calls.pop() {
            let failure = match self.try_call(call).await {
                Ok(Loaded::Taken) => continue,
                Ok(Loaded::Refused { .. }) if call.len() > 1 => {
                    let (first, second) = call.split_at(call.len() / 2);
                    calls.extend([second, first]);
                    continue;
                }
                Ok(Loaded::Refused { status, said }) => self.refused(call, status, &said).await,
                Err(failure) => failure,
            };
            if halts(&failure) {
                // Of several that end at once the first is as good as the others.
                let _ = self.halted.set(failure.clone());
            }
            failed.extend(call.iter().map(|load| (load.item.id.clone(), failure.clone())));
        }
        failed
    }

    async fn try_call(&self, call: &[&Load<'_>]) -> Result<Loaded, Failure> {
        if let Some(failure) = self.halted.get() {
            return Err(failure.clone());
        }
        let records: Vec<&Record> = call.iter().map(|load| &load.record).collect();
        self.api.load(&mapping::body(self.settings, &records)).await
    }

    /// Why a record that stands alone is refused: the table may have changed, else it is the record.
    async fn refused(&self, call: &[&Load<'_>], status: u16, said: &str) -> Failure {
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
