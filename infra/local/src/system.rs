//! Everything wired together in one process.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use jiff::SignedDuration;
use muster::control::Control;
use muster::delivery::{Dice, Engine, Times};
use muster::embedded::{Embedded, JumpClock};
use muster::http::{Http, HttpTimes};
use muster::metrics::{Meter, Unmeasured};
use muster::model::Deployed;
use muster::ports::{Clock, Events, PortError, Ports};
use muster::steps::{Steps, Unwatched};
use muster_api::Api;
use muster_ingest::Ingest;
use tower::ServiceExt;

/// How a system is wired.
pub struct Wiring {
    /// The data folder; in memory where there is none.
    pub data: Option<PathBuf>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The same clock, where idle time is to be jumped over.
    pub jump: Option<Arc<JumpClock>>,
    /// Vendors' origins that are answered by somebody else: twins.
    pub rewrites: BTreeMap<String, String>,
    /// Times of the HTTP client.
    pub http: HttpTimes,
    /// Times of the protocol.
    pub times: Times,
    /// Told of each step.
    pub steps: Arc<dyn Steps>,
    /// Jitter.
    pub dice: Dice,
    /// Measurements.
    pub meter: Arc<dyn Meter>,
    /// Where events go; lines of the log where it is absent.
    pub events: Option<Arc<dyn Events>>,
}

impl Wiring {
    /// A system of its own on this clock, nothing rewritten.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            data: None,
            clock,
            jump: None,
            rewrites: BTreeMap::new(),
            http: HttpTimes::default(),
            times: Times::default(),
            steps: Arc::new(Unwatched),
            dice: Dice::fresh(),
            meter: Arc::new(Unmeasured),
            events: None,
        }
    }

    /// The same with idle time jumped over.
    pub fn jumping(clock: Arc<JumpClock>) -> Self {
        Self { jump: Some(Arc::clone(&clock)), ..Self::new(clock) }
    }
}

/// Why a system does not start. Each says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder.
    #[error(transparent)]
    Open(#[from] muster::embedded::OpenError),
    /// A client that cannot be made.
    #[error("{0}")]
    Http(String),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] muster::delivery::OpenError),
    /// The store.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// A running installation.
pub struct System {
    /// The ports, with what only one machine has.
    pub embedded: Embedded,
    /// Delivery.
    pub engine: Arc<Engine>,
    /// The control plane.
    pub api: Arc<Api>,
    /// Ingest and control API.
    pub router: Router,
    /// The API's bearer token.
    pub token: String,
    /// Where idle time is jumped over.
    pub jump: Option<Arc<JumpClock>>,
}

impl System {
    /// Opens everything; nothing runs yet.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn open(wiring: Wiring) -> Result<Self, StartError> {
        let Wiring { data, clock, jump, rewrites, http, times, steps, dice, meter, events } = wiring;
        let embedded = match &data {
            Some(folder) => Embedded::open(folder, clock)?,
            None => Embedded::in_memory(clock)?,
        };
        let ports = embedded.ports();
        let ports = Ports { meter, events: events.unwrap_or(ports.events), ..ports };
        let http = Http::new(http, rewrites).map_err(StartError::Http)?;
        let engine = Engine::open(ports.clone(), http, times, Arc::clone(&steps), dice).await?;
        let token = muster_api::api_token(ports.vault.as_ref()).await?;
        let control = Control {
            ports: ports.clone(),
            catalog: Arc::clone(&engine.catalog),
            http: engine.http.clone(),
            installation: engine.installation.clone(),
            destinations: muster::destinations::all(),
            deployed: Deployed::All,
        };
        let api = Arc::new(Api { control, token: token.clone() });
        let ingest = Ingest::open(ports, steps).await?.with_catalog_max_age(times.cache_age);
        let router = join(muster_ingest::router(Arc::new(ingest)), muster_api::router(Arc::clone(&api)));
        Ok(Self { embedded, engine: Arc::new(engine), api, router, token: token.expose().to_owned(), jump })
    }

    /// Time left in a run that starts now.
    pub fn run_time(&self) -> SignedDuration {
        self.engine.times.function_timeout
    }
}

/// One server for two functions: API Gateway tells them apart by path, and so does this.
fn join(ingest: Router, api: Router) -> Router {
    Router::new().fallback_service(tower::service_fn(move |request: Request| {
        let path = request.uri().path();
        let inward = ["/v1/ingest/", "/v1/oauth/", "/v1/signals/", "/in/", "/out/", "/status"]
            .iter()
            .any(|start| path.starts_with(start));
        if inward { ingest.clone().oneshot(request) } else { api.clone().oneshot(request) }
    }))
}
