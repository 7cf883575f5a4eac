//! What happens in Eagle Eye AIR, brought to Braze and Bloomreach: an installation in memory, stand-ins for all three, and
//! one clock that only tests move. Events come in through the route that AIR calls.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use jiff::{SignedDuration, Timestamp};
use muster::delivery::Dice;
use muster::embedded::JumpClock;
use muster::ports::Clock;
use muster::steps::{Steps, Unwatched};
use muster_local::demo::twin_clock;
use muster_local::runner::Runner;
use muster_local::system::{System, Wiring};
use muster_twins::Recorded;
use muster_twins::bloomreach::{self, BloomreachTwin, PrivateKey};
use muster_twins::braze::{self, BrazeTwin};
use muster_twins::eagle_eye_air::{self, EagleEyeAirTwin, Emitted, SeedWallet};
use serde_json::{Map, Value, json};

use crate::call::{call_api, send};

/// The token that AIR shows.
pub const TOKEN: &str = "the-token-that-air-shows";
/// The secret of the source `cdp`, in the header `x-secret`.
const CDP_SECRET: &str = "the-secret-of-the-cdp";
const WALLET_API: &str = "https://wallet.sandbox.uk.eagleeye.com";
/// Who has the wallet of [`LoyaltyWorld::wallet`].
pub const CUSTOMER: &str = "CUST-000123";
/// What both activations link.
const ATTRIBUTES: [(&str, &str); 6] = [
    ("ee_points_current", "integer"),
    ("ee_tier_id", "string"),
    ("ee_tier_points", "integer"),
    ("ee_tier_spend", "decimal"),
    ("ee_tier_transactions", "integer"),
    ("ee_tier_resets_at", "date_time"),
];

/// The stand-ins.
pub struct Platforms {
    /// Where loyalty happens.
    pub air: EagleEyeAirTwin,
    /// Knows the key `key`.
    pub braze: BrazeTwin,
    /// Knows the key `id` with its secret `secret`, in `project`.
    pub bloomreach: BloomreachTwin,
}

impl Platforms {
    /// Empty ones, by this clock.
    ///
    /// # Panics
    /// Where one does not start.
    pub async fn start(clock: &Arc<JumpClock>) -> Self {
        let air = eagle_eye_air::Options { clock: twin_clock(clock), ..eagle_eye_air::Options::default() };
        let braze = braze::Options {
            clock: twin_clock(clock),
            keys: BTreeMap::from([("key".to_owned(), BTreeSet::from(["users.track".to_owned()]))]),
            ..braze::Options::default()
        };
        let bloomreach = bloomreach::Options {
            clock: twin_clock(clock),
            project_token: "project".to_owned(),
            keys: BTreeMap::from([("id".to_owned(), PrivateKey::new("secret"))]),
            ..bloomreach::Options::default()
        };
        Self {
            air: EagleEyeAirTwin::start(air).await.expect("the stand-in starts"),
            braze: BrazeTwin::start(braze).await.expect("the stand-in starts"),
            bloomreach: BloomreachTwin::start(bloomreach).await.expect("the stand-in starts"),
        }
    }

    /// From the vendors' origins to the stand-ins.
    pub fn rewrites(&self) -> impl Iterator<Item = (String, String)> {
        let all = self.braze.origins().chain(self.bloomreach.origins()).chain(self.air.origins());
        all.map(|(origin, at)| (origin.to_owned(), at))
    }
}

/// An installation with its stand-ins.
pub struct LoyaltyWorld {
    /// The clock of everything.
    pub clock: Arc<JumpClock>,
    /// Where loyalty happens.
    pub air: EagleEyeAirTwin,
    /// One platform.
    pub braze: BrazeTwin,
    /// The other.
    pub bloomreach: BloomreachTwin,
    /// Muster.
    pub system: Arc<System>,
    /// Calls the handlers.
    pub runner: Runner,
}

impl LoyaltyWorld {
    /// With the source `air`, whose settings are these besides its currency, and the active activations `braze` and
    /// `bloomreach`, a minute after they began.
    ///
    /// # Panics
    /// Where any of it cannot be set up.
    pub async fn new(format: Value) -> Self {
        Self::watched(format, Arc::new(Unwatched)).await
    }

    /// The same, with every step told to these: they may end a worker by a panic.
    ///
    /// # Panics
    /// Where any of it cannot be set up.
    pub async fn dying(steps: Arc<dyn Steps>) -> Self {
        Self::watched(json!({}), steps).await
    }

    async fn watched(format: Value, steps: Arc<dyn Steps>) -> Self {
        let start: Timestamp = "2026-03-01T10:00:00Z".parse().expect("a time");
        let clock = Arc::new(JumpClock::frozen_at(start));
        let platforms = Platforms::start(&clock).await;
        let rewrites = platforms.rewrites().collect();
        let Platforms { air, braze, bloomreach } = platforms;
        let wiring = Wiring { rewrites, steps, dice: Dice::seeded(7), ..Wiring::jumping(Arc::clone(&clock)) };
        let system = Arc::new(System::open(wiring).await.expect("the system opens"));
        let runner = Runner::new(Arc::clone(&system)).await.expect("the runner starts");
        let mut world = Self { clock, air, braze, bloomreach, system, runner };
        world.set_up(format).await;
        world
    }

    async fn set_up(&mut self, format: Value) {
        let mut all = json!({"kind": "eagle_eye_air", "currency": "GBP"});
        if let (Some(all), Some(more)) = (all.as_object_mut(), format.as_object()) {
            all.extend(more.clone());
        }
        let authentication = json!({"method": "header", "name": "x-auth-token"});
        self.post(
            "/v1/sources",
            json!({"id": "air", "name": "AIR", "keyed_by": "wallet", "authentication": authentication, "format": all,
                   "secret": TOKEN}),
        )
        .await;
        let braze = (json!({"rest_api_key": "key"}), json!({"rest_endpoint": "https://rest.fra-01.braze.eu"}));
        let bloomreach = (
            json!({"key_id": "id", "secret": "secret"}),
            json!({"base_url": "https://api.exponea.com", "project_token": "project"}),
        );
        for (provider, (secret, settings)) in [("braze", braze), ("bloomreach", bloomreach)] {
            let authorization = json!({"id": provider, "provider": provider, "label": "Account", "secret": secret});
            self.post("/v1/authorizations", authorization).await;
            let attributes: Vec<Value> =
                ATTRIBUTES.iter().map(|(attribute, kind)| json!({"attribute": attribute, "type": kind})).collect();
            self.post(
                "/v1/activations",
                json!({"id": provider, "name": provider, "source": "air", "destination": provider,
                       "authorization": provider, "settings": settings, "person_identifier": "ids.customer_id",
                       "audiences": ["ee_loyalty_member", "ee_subscriber"], "attributes": attributes}),
            )
            .await;
            self.post(&format!("/v1/activations/{provider}/activate"), Value::Null).await;
        }
        self.settle().await;
        self.clock.advance(SignedDuration::from_mins(1));
    }

    /// With the source `cdp` besides, keyed by `customer_id`, and the active activation `rewards`: whoever enters `cats`
    /// is rewarded in AIR with `WELCOME-100`, unless these settings say otherwise. A minute after it began.
    ///
    /// # Panics
    /// Where it cannot be set up.
    pub async fn reward(&mut self, settings: Value) {
        let authentication = json!({"method": "header", "name": "x-secret"});
        self.post(
            "/v1/sources",
            json!({"id": "cdp", "name": "CDP", "keyed_by": "customer_id", "authentication": authentication,
                   "secret": CDP_SECRET}),
        )
        .await;
        let secret = json!({"client_id": muster_twins::eagle_eye_air::Options::CLIENT,
                            "secret": muster_twins::eagle_eye_air::Options::SECRET});
        let authorization = json!({"id": "wallets", "provider": "eagle-eye-air", "label": "Unit", "secret": secret,
                                   "requests_per_second": 1_000.0});
        self.post("/v1/authorizations", authorization).await;
        let mut all = json!({"wallet_url": WALLET_API, "rewards": {"cats": "WELCOME-100"}});
        if let (Some(all), Some(more)) = (all.as_object_mut(), settings.as_object()) {
            all.extend(more.clone());
        }
        self.post(
            "/v1/activations",
            json!({"id": "rewards", "name": "Rewards", "source": "cdp", "destination": "eagle-eye-air",
                   "authorization": "wallets", "settings": all, "person_identifier": "ids.customer_id",
                   "audiences": ["cats"], "attributes": []}),
        )
        .await;
        self.post("/v1/activations/rewards/activate", Value::Null).await;
        self.settle().await;
        self.clock.advance(SignedDuration::from_mins(1));
    }

    /// The data platform sends changes, all of which are taken.
    ///
    /// # Panics
    /// Where they are not.
    pub async fn told(&self, changes: &[Value]) {
        for batch in changes.chunks(1_000) {
            let body: Vec<String> = batch.iter().map(Value::to_string).collect();
            let request = Request::post("/v1/ingest/cdp").header("x-secret", CDP_SECRET);
            let request = request.header("content-type", "application/x-ndjson").body(Body::from(body.join("\n")));
            let (status, answer) = send(&self.system.router, request.expect("a request")).await;
            assert_eq!((status, &answer["accepted"]), (202, &json!(batch.len())), "{answer}");
        }
    }

    /// The wallet of [`CUSTOMER`], who has a profile at both platforms: with points and a coupon, in a tier.
    ///
    /// # Panics
    /// Where there is one already.
    pub fn wallet(&self) -> String {
        self.known(CUSTOMER);
        let seed = SeedWallet::new(&[("CUSTOMER_ID", CUSTOMER), ("EMAIL", "ada@example.com")]);
        self.air.seed_wallet(&seed.with_points(100).in_tier("177").with_coupons(1)).expect("a new wallet")
    }

    /// Somebody has a profile at both platforms.
    pub fn known(&self, customer: &str) {
        self.braze.seed_person(customer);
        self.bloomreach.seed_person(customer);
    }

    /// Calls the API; panics unless it succeeds.
    ///
    /// # Panics
    /// See above.
    pub async fn call(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.try_call(method, path, body).await;
        assert!((200..300).contains(&status), "{method} {path} was answered {status}: {answer}");
        answer
    }

    /// Calls the API, whatever the answer.
    pub async fn try_call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        call_api(&self.system.router, &self.system.token, method, path, &body).await
    }

    /// `POST`.
    pub async fn post(&self, path: &str, body: Value) -> Value {
        self.call("POST", path, body).await
    }

    /// What AIR sends, with this token. Answers the status.
    ///
    /// # Panics
    /// Where no request can be made of it.
    pub async fn try_notify(&self, token: &str, body: &Value) -> u16 {
        let request = Request::post("/v1/ingest/air").header("x-auth-token", token);
        let request = request.header("content-type", "application/json").body(Body::from(body.to_string()));
        send(&self.system.router, request.expect("a request")).await.0
    }

    /// AIR sends an event, and takes nothing but 200 for an answer.
    ///
    /// # Panics
    /// Where it is answered otherwise.
    pub async fn notify(&self, event: &Emitted) {
        assert_eq!(self.try_notify(TOKEN, &event.body).await, 200, "{}", event.event_name);
    }

    /// Lets everything happen that is under way, at the platforms too.
    ///
    /// # Panics
    /// Where a store does not work.
    pub async fn settle(&mut self) {
        self.runner.run_until_quiet().await.expect("the store works");
        self.braze.apply_queued();
    }

    /// What happens every minute happens now.
    ///
    /// # Panics
    /// Where a store does not work.
    pub async fn sweep(&self) {
        self.system.engine.sweep().await.expect("the store works");
        let deadline = self.clock.now() + SignedDuration::from_mins(5);
        muster::timers::ring(&self.system.engine, deadline).await.expect("the store works");
    }

    /// Lets happen what is due now, without a look at what is due later.
    ///
    /// # Panics
    /// Where a store does not work.
    pub async fn settle_now(&mut self) {
        self.runner.run_due().await.expect("the store works");
        self.braze.apply_queued();
    }

    /// AIR sends an event, and everything happens that comes of it.
    pub async fn happens(&mut self, event: &Emitted) {
        self.notify(event).await;
        self.settle().await;
    }

    /// What both platforms hold of somebody and were told of them.
    ///
    /// # Panics
    /// Where one of them does not know the person.
    pub fn seen(&self, customer: &str) -> Value {
        let profile = self.braze.person(customer).expect("a profile");
        let braze: Vec<Value> = self
            .braze
            .events()
            .into_iter()
            .filter(|event| event.external_id.as_deref() == Some(customer))
            .map(|event| json!({"name": event.name, "time": event.time, "properties": event.properties}))
            .collect();
        // A batch there is executed in any order.
        let mut told = self.bloomreach.events_of(customer);
        told.sort_by(|one, other| {
            one.timestamp.total_cmp(&other.timestamp).then_with(|| one.event_type.cmp(&other.event_type))
        });
        let customer_view = self.bloomreach.person(customer).expect("a customer");
        let bloomreach: Vec<Value> = told
            .into_iter()
            .map(|event| json!({"event_type": event.event_type, "timestamp": event.timestamp, "properties": event.properties}))
            .collect();
        json!({
            "braze": {"attributes": sorted(&profile.attributes), "events": braze},
            "bloomreach": {"properties": sorted(&customer_view.properties), "events": bloomreach},
        })
    }

    /// Both platforms keep the requests that come from now on.
    pub fn record(&self) {
        self.braze.record();
        self.bloomreach.record();
    }

    /// The requests that Braze got since then, to be read.
    ///
    /// # Panics
    /// Where there is none, or one has a body that is no JSON.
    pub fn sent_to_braze(&self) -> String {
        readable(&self.braze.recorded())
    }

    /// The requests that Bloomreach got since then, to be read.
    ///
    /// # Panics
    /// Where there is none, or one has a body that is no JSON.
    pub fn sent_to_bloomreach(&self) -> String {
        readable(&self.bloomreach.recorded())
    }

    /// How often something was left out of what AIR sent, by name.
    ///
    /// # Panics
    /// Where the API answers otherwise than it should.
    pub async fn left_out(&self) -> BTreeMap<String, u64> {
        let source = self.call("GET", "/v1/sources/air", Value::Null).await;
        let left_out = source["left_out"].as_array().expect("a list").iter();
        left_out
            .map(|one| (one["name"].as_str().expect("a name").to_owned(), one["count"].as_u64().expect("a count")))
            .collect()
    }

    /// Nothing happened at a platform that must never happen.
    ///
    /// # Panics
    /// Where it did.
    pub fn assert_unharmed(&self) {
        assert_eq!(self.braze.unexpected(), Vec::<String>::new());
        assert_eq!(self.bloomreach.unexpected(), Vec::<String>::new());
        let braze = self.braze.counters();
        assert_eq!(
            [braze.doubled_events, braze.dropped_nested, braze.dropped_values, braze.faulty_objects, braze.increments],
            [0; 5],
            "events told twice, values dropped without a word, objects left out, relative values"
        );
        assert!(braze.max_objects_in_one_request <= 50);
        assert_eq!(self.bloomreach.counters().doubled_events, 0, "events told twice");
    }
}

fn sorted(members: &Map<String, Value>) -> BTreeMap<&String, &Value> {
    members.iter().collect()
}

/// Headers of the connection, of the client and of the trace.
const PLAIN_HEADERS: [&str; 5] = ["accept", "content-length", "host", "traceparent", "user-agent"];

fn readable(requests: &[Recorded]) -> String {
    assert!(!requests.is_empty(), "nothing was sent");
    requests.iter().map(shown).collect::<Vec<_>>().join("\n\n")
}

/// A request to be read: its body is spread over lines, and what follows from the installation's own key is left out.
/// Nothing else differs from what was sent.
fn shown(request: &Recorded) -> String {
    let Recorded { method, target, headers, body } = request;
    let mut told: Vec<String> = headers
        .iter()
        .filter(|(name, _)| !PLAIN_HEADERS.contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    told.sort();
    let mut json: Value = serde_json::from_slice(body).expect("a body of JSON");
    assert_eq!(json.to_string().as_bytes(), body, "what is shown is not what was sent");
    for command in json.get_mut("commands").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(id) = command.get_mut("command_id") {
            assert_eq!(id.as_str().map(str::len), Some(32), "{id}");
            *id = json!("(of the event)");
        }
    }
    format!("{method} {target}\n{}\n{json:#}", told.join("\n"))
}
