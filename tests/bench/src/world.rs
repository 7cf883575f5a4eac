//! A system on the disk with one source, and what it is fed.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use jiff::{SignedDuration, Timestamp};
use muster::catalog::{CachedCatalog, Cataloged, Edit, edit_activation, put};
use muster::clock::SystemClock;
use muster::delivery::{Destinations, Dice, Engine};
use muster::model::{
    Activation, ActivationId, ActivationStatus, Authorization, Identifier, IdentifierType, Lane, Nudge, PersonKey,
    Source,
};
use muster::ports::{Clock, Secret};
use muster_local::system::{System, Wiring};
use muster_twins::heyloyalty::{HeyloyaltyTwin, Options, SeedList, SeedMember};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

/// Changes of one request, the most that ingest takes.
pub(crate) const REQUEST: usize = 1_000;
/// The header and secret with which the source proves itself.
pub(crate) const PROOF: (&str, &str) = ("x-key", "the bench's own secret");
pub(crate) const INGEST: &str = "/v1/ingest/shop";

const LIST: u64 = 4711;
const CREDENTIALS: (&str, &str) = ("bench-key", "bench-secret");
const VENDOR: &str = "https://api.heyloyalty.com";

pub(crate) struct World {
    pub(crate) system: Arc<System>,
    /// Removed when this is dropped.
    _folder: TempDir,
}

impl World {
    /// With a source `shop` that proves itself by a header.
    pub(crate) async fn new(twin: Option<&HeyloyaltyTwin>) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let wiring = Wiring {
            data: Some(folder.path().to_owned()),
            rewrites: twin.map(|twin| (VENDOR.to_owned(), twin.api_url())).into_iter().collect(),
            ..Wiring::new(Arc::new(SystemClock))
        };
        let world = Self { system: Arc::new(System::open(wiring).await?), _folder: folder };
        let (header, secret) = PROOF;
        world
            .store::<Source>(json!({
                "id": "shop", "name": "Shop", "keyed_by": "user_id", "created_at": now(),
                "authentication": {"method": "header", "name": header},
            }))
            .await?;
        world.keep("source/shop", json!({ "current": secret })).await?;
        Ok(world)
    }

    /// A paused activation of the source at `destination`, whose account allows `rate` requests a second.
    pub(crate) async fn link(&self, destination: &str, rate: f64, facts: &Facts) -> Outcome<ActivationId> {
        let (key, secret) = CREDENTIALS;
        self.store::<Authorization>(json!({
            "id": "account", "provider": destination, "label": "Bench", "requests_per_second": rate,
            "created_at": now(), "secret_changed_at": now(),
        }))
        .await?;
        self.keep("authorization/account", json!({"api_key": key, "api_secret": secret})).await?;
        let audiences: Vec<Value> = facts.audiences.iter().map(|audience| json!({ "audience": audience })).collect();
        let attributes: Vec<Value> =
            facts.attributes.iter().map(|(name, kind)| json!({"attribute": name, "type": kind})).collect();
        self.store::<Activation>(json!({
            "id": "bench", "name": "Bench", "source": "shop", "destination": destination, "authorization": "account",
            "audiences": audiences, "attributes": attributes, "settings": {"list_id": LIST},
            "person_identifier": "ids.email", "retry_window_hours": 72, "status": "paused",
            "revision": 1, "layout": 1, "created_at": now(),
        }))
        .await?;
        Ok("bench".parse()?)
    }

    /// Prepares the vendor's side and starts an activation, without the walk over everybody.
    pub(crate) async fn start(&self, engine: &Engine, activation: &ActivationId) -> Outcome<()> {
        engine.prepare(activation, 0, deadline()).await?;
        let started = edit_activation(engine.ports.catalog.as_ref(), activation, |activation| {
            activation.set_status(ActivationStatus::Active, None);
            Edit::Write
        })
        .await?;
        engine.catalog.forget().await;
        match started {
            Some((activation, _)) if activation.is_prepared() => Ok(()),
            Some(_) | None => Err("the vendor's side could not be prepared".into()),
        }
    }

    /// The system's engine with other destinations.
    pub(crate) fn engine_with(&self, destinations: Arc<dyn Destinations>) -> Engine {
        let Engine { ports, catalog, http, installation, times, steps, .. } = self.system.engine.as_ref();
        let max_age = catalog.max_age();
        Engine {
            ports: ports.clone(),
            catalog: Arc::new(CachedCatalog::new(Arc::clone(&ports.catalog), Arc::clone(&ports.clock), max_age)),
            http: http.clone(),
            installation: installation.clone(),
            times: *times,
            steps: Arc::clone(steps),
            dice: Dice::fresh(),
            destinations,
        }
    }

    /// Posts lines to the ingest handler, in process.
    pub(crate) async fn ingest(&self, lines: &[String]) -> Outcome<u64> {
        let (header, secret) = PROOF;
        let request = Request::post(INGEST)
            .header("content-type", "application/x-ndjson")
            .header(header, secret)
            .body(Body::from(lines.join("\n")))?;
        let (parts, body) = self.system.router.clone().oneshot(request).await?.into_parts();
        let body = to_bytes(body, usize::MAX).await?;
        if parts.status != StatusCode::ACCEPTED {
            return Err(format!("ingest answered {}: {}", parts.status, String::from_utf8_lossy(&body)).into());
        }
        let answer: Value = serde_json::from_slice(&body)?;
        Ok(answer["accepted"].as_u64().unwrap_or_default())
    }

    pub(crate) fn person(&self, number: usize) -> Outcome<PersonKey> {
        let kind: IdentifierType = "user_id".parse()?;
        let value = Identifier::normalise(&kind, &user_id(number)).map_err(|error| error.to_string())?;
        Ok(self.system.engine.installation.person(&"shop".parse()?, &kind, &value))
    }

    pub(crate) fn nudge(&self, activation: &ActivationId, people: &[usize]) -> Outcome<Nudge> {
        Ok(Nudge {
            activation: activation.clone(),
            people: people.iter().map(|number| self.person(*number)).collect::<Outcome<_>>()?,
            lane: Lane::Live,
            not_before: None,
            reopen: false,
            accepted_at: None,
            trace: None,
        })
    }

    async fn store<T: Cataloged>(&self, value: Value) -> Outcome<()> {
        let value: T = serde_json::from_value(value)?;
        if put(self.system.engine.ports.catalog.as_ref(), &value, 0).await? {
            return Ok(());
        }
        Err(format!("{} is there already", value.catalog_id()).into())
    }

    async fn keep(&self, name: &str, secret: Value) -> Outcome<()> {
        Ok(self.system.engine.ports.vault.put(name, &Secret(secret)).await?)
    }
}

/// What an activation links.
pub(crate) struct Facts {
    pub(crate) audiences: Vec<String>,
    /// With their types.
    pub(crate) attributes: BTreeMap<String, &'static str>,
}

impl Facts {
    /// What [`entered`] and [`worth`] speak of.
    pub(crate) fn of_people() -> Self {
        Self { audiences: vec!["buyers".to_owned()], attributes: BTreeMap::from([("ltv".to_owned(), "integer")]) }
    }
}

fn user_id(number: usize) -> String {
    format!("{number:06}")
}

fn email(number: usize) -> String {
    format!("c{number:06}@example.com")
}

fn person(number: usize) -> Value {
    json!({"email": email(number), "user_id": user_id(number)})
}

/// A change: somebody entered the audience.
pub(crate) fn entered(number: usize) -> String {
    json!({"id": format!("e{number}"), "type": "audience.entered", "audience": "buyers", "person": person(number)})
        .to_string()
}

/// A change: somebody's attribute has this value.
pub(crate) fn worth(number: usize, value: u64) -> String {
    json!({"id": format!("w{number}-{value}"), "type": "attribute.changed", "attribute": "ltv", "value": value,
           "person": person(number)})
    .to_string()
}

/// A twin with so many members, its answers held back for so long.
pub(crate) async fn twin(members: usize, delay_ms: u64) -> Outcome<HeyloyaltyTwin> {
    let (key, secret) = CREDENTIALS;
    let accounts = BTreeMap::from([(key.to_owned(), secret.to_owned())]);
    let twin = HeyloyaltyTwin::start(Options { accounts, ..Options::default() }).await?;
    twin.seed_list(&SeedList { id: Some(LIST), name: "Newsletter".to_owned(), ..SeedList::default() })?;
    let members: Vec<SeedMember> = (0..members).map(|number| SeedMember::active(&email(number))).collect();
    twin.seed_members(LIST, &members)?;
    twin.with_switches(|switches| switches.latency_ms = delay_ms);
    Ok(twin)
}

/// Far enough away for any run.
pub(crate) fn deadline() -> Timestamp {
    now().saturating_add(SignedDuration::from_hours(1)).unwrap_or(Timestamp::MAX)
}

pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}
