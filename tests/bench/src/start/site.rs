//! What the functions find: a source, an activation at a twin of Heyloyalty, and a person who is in its audience;
//! made by Muster itself on the emulator.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use muster::aws::{AwsPorts, SECRETS_MAX_AGE, Settings};
use muster::catalog::{Cataloged, Edit, edit_activation, put};
use muster::clock::SystemClock;
use muster::delivery::{Dice, Engine, Times};
use muster::http::{Http, HttpTimes};
use muster::model::{
    Activation, ActivationStatus, Authorization, Identifier, IdentifierType, Lane, Message, Nudge, PersonKey, Source,
};
use muster::ports::{Clock, Ports, Secret};
use muster::steps::Unwatched;
use muster_ingest::{Ingest, router};
use muster_runtime::emulator::Emulator;
use muster_runtime::http_event;
use muster_twins::heyloyalty::{HeyloyaltyTwin, Options, SeedList, SeedMember};
use serde_json::{Value, json};
use sha2::Sha256;
use tower::ServiceExt;

use crate::Outcome;

const KEY: &[u8] = b"the key of the bench's own source";
const PATH: &str = "/v1/ingest/shop";
const LIST: u64 = 4711;
const EMAIL: &str = "anna@example.com";
const VENDOR: &str = "https://api.heyloyalty.com";

pub(crate) struct Site {
    pub(crate) settings: Settings,
    twin: HeyloyaltyTwin,
    person: PersonKey,
}

impl Site {
    pub(crate) async fn new() -> Outcome<Self> {
        let twin = twin().await?;
        let mut settings = Emulator::get()?.site(&["jobs", "heyloyalty-live", "heyloyalty-bulk"]).await?;
        settings.twins = BTreeMap::from([(VENDOR.to_owned(), twin.api_url())]);
        let ports = AwsPorts::open(&settings, Arc::new(SystemClock), SECRETS_MAX_AGE).ports();
        configure(&ports).await?;
        let http = Http::new(HttpTimes::default(), settings.twins.clone())?;
        let engine = Engine::open(ports.clone(), http, Times::default(), Arc::new(Unwatched), Dice::fresh()).await?;
        start(&engine).await?;
        let kind: IdentifierType = "user_id".parse()?;
        let value = Identifier::normalise(&kind, "00004").map_err(|error| error.to_string())?;
        let site = Self { settings, twin, person: engine.installation.person(&"shop".parse()?, &kind, &value) };
        site.enter(ports).await?;
        Ok(site)
    }

    /// Somebody entered the audience, and waits to be delivered.
    async fn enter(&self, ports: Ports) -> Outcome<()> {
        let body = json!({
            "id": "e1", "type": "audience.entered", "audience": "buyers", "person": person(),
            "occurred_at": now() - SignedDuration::from_mins(2),
        });
        let app = router(Arc::new(Ingest::open(ports, Arc::new(Unwatched)).await?));
        let mut request = Request::post(PATH).header("content-type", "application/json");
        let body = body.to_string();
        for (name, value) in signature(&body)? {
            request = request.header(name, value);
        }
        let (parts, body) = app.oneshot(request.body(Body::from(body))?).await?.into_parts();
        if parts.status == StatusCode::ACCEPTED {
            return Ok(());
        }
        Err(format!("ingest answered {:?}", to_bytes(body, usize::MAX).await?).into())
    }

    /// A webhook with one change, signed now.
    pub(crate) fn webhook(&self) -> Outcome<Value> {
        let body = json!({
            "id": "w1", "type": "attribute.changed", "attribute": "ltv", "value": 120, "person": person(),
            "occurred_at": now(),
        });
        let mut event = http_event("POST", PATH, Some(&body));
        for (name, value) in signature(event["body"].as_str().unwrap_or_default())? {
            event["headers"][name] = value.into();
        }
        Ok(event)
    }

    /// A batch of one nudge for one person.
    pub(crate) fn batch(&self) -> Outcome<Value> {
        let nudge = Message::Nudge(Nudge {
            activation: "bench".parse()?,
            people: vec![self.person],
            lane: Lane::Live,
            not_before: None,
            reopen: false,
            accepted_at: Some(now()),
            trace: None,
        });
        Ok(json!({"Records": [{"messageId": "one", "body": nudge.encode()}]}))
    }

    /// Fails unless the member at the twin shows the audience's field; empties it for the next time.
    pub(crate) fn take_delivered(&self) -> Outcome<()> {
        let members = self.twin.members_by_email(LIST, EMAIL);
        let inside = |member: &muster_twins::heyloyalty::MemberView| {
            member.fields.keys().any(|name| name.starts_with("cdp_a_") && member.text(name) == "1")
        };
        let written = self.twin.counters().traffic.requests_by_route;
        let written = written.get("PATCH /v1/lists/:id/members/:mid").copied().unwrap_or_default();
        self.twin.reset_counters();
        match members.iter().any(inside) && written > 0 {
            true => Ok(()),
            false => Err("nothing was delivered to the twin".into()),
        }
    }
}

async fn configure(ports: &Ports) -> Outcome<()> {
    store::<Source>(
        ports,
        json!({
            "id": "shop", "name": "Shop", "keyed_by": "user_id", "created_at": now(),
            "authentication": {"method": "standard_webhooks"},
        }),
    )
    .await?;
    let secret = format!("whsec_{}", STANDARD.encode(KEY));
    ports.vault.put("source/shop", &Secret(json!({ "current": secret }))).await?;
    store::<Authorization>(
        ports,
        json!({
            "id": "account", "provider": "heyloyalty", "label": "Bench", "requests_per_second": 1e6,
            "created_at": now(), "secret_changed_at": now(),
        }),
    )
    .await?;
    let credentials = json!({"api_key": "bench-key", "api_secret": "bench-secret"});
    ports.vault.put("authorization/account", &Secret(credentials)).await?;
    store::<Activation>(
        ports,
        json!({
            "id": "bench", "name": "Bench", "source": "shop", "destination": "heyloyalty",
            "authorization": "account", "audiences": [{"audience": "buyers"}],
            "attributes": [{"attribute": "ltv", "type": "integer"}], "settings": {"list_id": LIST},
            "person_identifier": "ids.email", "retry_window_hours": 72, "status": "paused",
            "revision": 1, "layout": 1, "created_at": now(),
        }),
    )
    .await?;
    // Known, as they are in all requests but the first.
    store::<muster::model::Attribute>(
        ports,
        json!({"source": "shop", "id": "ltv", "name": "ltv", "observed_type": "integer", "first_seen_at": now()}),
    )
    .await
}

async fn start(engine: &Engine) -> Outcome<()> {
    let activation = "bench".parse()?;
    engine.prepare(&activation, 0, now().saturating_add(SignedDuration::from_hours(1))?).await?;
    edit_activation(engine.ports.catalog.as_ref(), &activation, |activation| {
        activation.set_status(ActivationStatus::Active, None);
        Edit::Write
    })
    .await?;
    Ok(())
}

async fn store<T: Cataloged>(ports: &Ports, value: Value) -> Outcome<()> {
    let value: T = serde_json::from_value(value)?;
    if put(ports.catalog.as_ref(), &value, 0).await? {
        return Ok(());
    }
    Err(format!("{} is there already", value.catalog_id()).into())
}

async fn twin() -> Outcome<HeyloyaltyTwin> {
    let accounts = BTreeMap::from([("bench-key".to_owned(), "bench-secret".to_owned())]);
    let twin = HeyloyaltyTwin::start(Options { accounts, ..Options::default() }).await?;
    twin.seed_list(&SeedList { id: Some(LIST), name: "Newsletter".to_owned(), ..SeedList::default() })?;
    twin.seed_members(LIST, &[SeedMember::active(EMAIL)])?;
    Ok(twin)
}

fn person() -> Value {
    json!({"email": EMAIL, "user_id": "00004"})
}

/// The headers of Standard Webhooks.
fn signature(body: &str) -> Outcome<[(&'static str, String); 3]> {
    let stamp = now().as_second().to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY)?;
    mac.update(format!("m1.{stamp}.{body}").as_bytes());
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    Ok([("webhook-id", "m1".to_owned()), ("webhook-timestamp", stamp), ("webhook-signature", signature)])
}

fn now() -> Timestamp {
    SystemClock.now()
}
