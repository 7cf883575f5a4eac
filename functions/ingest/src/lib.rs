//! The way in: `POST /v1/ingest/{source}` takes changes from sources, `POST /v1/oauth/{source}/token` grants them tokens
//! for it, and `POST /v1/signals/{activation}` takes vendors' own webhooks. An answer of success is given only once everything is stored and told.

mod body;
mod changes;
mod connectors;
mod problem;
mod secrets;
mod signals;
mod token;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::routing::{get, post};
use jiff::SignedDuration;
use muster::catalog::CachedCatalog;
use muster::destination::ReadSignal;
use muster::installation::installation_key;
use muster::model::{InstallationKey, Provider};
use muster::ports::{PortResult, Ports};
use muster::steps::Steps;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use problem::Problem;
use secrets::CachedSecrets;

/// How old the copy of the catalog may be.
pub const CATALOG_MAX_AGE: SignedDuration = SignedDuration::from_secs(5);

/// Most requests of one source, or to one activation, at a time.
pub const MAX_IN_FLIGHT: usize = 64;

/// Finds out how the webhooks of a destination's vendor are read.
pub type FindSignals = fn(&Provider) -> Option<ReadSignal>;

/// What the handlers share.
pub struct Ingest {
    ports: Ports,
    catalog: CachedCatalog,
    secrets: CachedSecrets,
    key: InstallationKey,
    steps: Arc<dyn Steps>,
    signals: FindSignals,
    max_in_flight: usize,
    in_flight: Mutex<BTreeMap<String, Arc<Semaphore>>>,
}

impl Ingest {
    /// Over these ports; makes the installation's key where there is none yet.
    ///
    /// # Errors
    /// Where the vault does not answer.
    pub async fn open(ports: Ports, steps: Arc<dyn Steps>) -> PortResult<Self> {
        let key = installation_key(ports.vault.as_ref()).await?;
        Ok(Self {
            catalog: CachedCatalog::new(Arc::clone(&ports.catalog), Arc::clone(&ports.clock), CATALOG_MAX_AGE),
            secrets: CachedSecrets::new(Arc::clone(&ports.vault), Arc::clone(&ports.clock)),
            key,
            steps,
            signals: muster::destinations::find_signals,
            max_in_flight: MAX_IN_FLIGHT,
            in_flight: Mutex::default(),
            ports,
        })
    }

    /// The same for a function, which starts because somebody waits: the catalog is read meanwhile. Where it cannot
    /// be, the first request hears of it.
    ///
    /// # Errors
    /// Where the vault does not answer.
    pub async fn start(ports: Ports, steps: Arc<dyn Steps>) -> PortResult<Self> {
        let catalog = CachedCatalog::new(Arc::clone(&ports.catalog), Arc::clone(&ports.clock), CATALOG_MAX_AGE);
        let (opened, _) = tokio::join!(Self::open(ports, steps), catalog.snapshot());
        Ok(Self { catalog, ..opened? })
    }

    /// With a catalog copy shared with, or aged like, the rest of the program's.
    #[must_use]
    pub fn with_catalog_max_age(mut self, max_age: SignedDuration) -> Self {
        self.catalog = CachedCatalog::new(Arc::clone(&self.ports.catalog), Arc::clone(&self.ports.clock), max_age);
        self
    }

    /// With signals of other destinations than the registry's.
    #[must_use]
    pub fn with_signals(mut self, signals: FindSignals) -> Self {
        self.signals = signals;
        self
    }

    /// With another limit than [`MAX_IN_FLIGHT`].
    #[must_use]
    pub fn with_max_in_flight(mut self, limit: usize) -> Self {
        self.max_in_flight = limit;
        self
    }

    /// A place among the requests in flight for `whom`, which the catalog knows: so the map stays small.
    fn admit(&self, whom: String) -> Result<OwnedSemaphorePermit, Problem> {
        let mut in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        let places = in_flight.entry(whom).or_insert_with(|| Arc::new(Semaphore::new(self.max_in_flight)));
        Arc::clone(places).try_acquire_owned().map_err(|_| Problem::too_many_requests(self.max_in_flight))
    }
}

/// The routes.
pub fn router(app: Arc<Ingest>) -> Router {
    Router::new()
        .route("/v1/ingest/{source}", post(changes::take).put(changes::take))
        .route("/v1/oauth/{source}/token", post(token::grant))
        .route("/v1/signals/{activation}", post(signals::take))
        .route("/in/{platform}/{connector}", post(connectors::take_in))
        .route("/out/{platform}/{connector}", post(connectors::take_out))
        .route("/in/{platform}/status", get(connectors::status))
        .route("/out/{platform}/status", get(connectors::status))
        .route("/status", get(connectors::status))
        .fallback(async || Problem::not_found("there is nothing here"))
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .with_state(app)
}
