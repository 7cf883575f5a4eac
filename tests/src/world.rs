//! A whole installation in one test: the system in memory, a clock that only tests move, and a twin that
//! follows the same clock. Everything goes through the routes that owners and sources use.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::{HeaderMap, Request};
use jiff::Timestamp;
use muster::delivery::Dice;
use muster::embedded::JumpClock;
use muster::http::HttpTimes;
use muster::metrics::{Meter, Unmeasured};
use muster::ports::Events;
use muster::steps::{Steps, Unwatched};
use muster_local::demo::twin_clock;
use muster_local::runner::Runner;
use muster_local::system::{System, Wiring};
use muster_memory::KeptEvents;
use muster_twins::heyloyalty::{Counters, HeyloyaltyTwin, MemberView, Options, SeedList, SeedMember};
use muster_twins::webhook::WebhookTwin;
use serde_json::{Value, json};

use crate::call::{call_api, send};
use crate::notices::{NOTICES, NoticeReceiver};

/// The twin's list.
pub const LIST: u64 = 4711;
/// The secret of the source `shop`, in the header `x-secret`.
pub const SECRET: &str = "the-sources-own-secret";

/// The secret of the receiver of webhooks.
pub const RECEIVER_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// An installation with its twin.
pub struct World {
    /// The clock of everything.
    pub clock: Arc<JumpClock>,
    /// The platform.
    pub twin: HeyloyaltyTwin,
    /// A receiver of webhooks at `https://receiver.example`.
    pub receiver: WebhookTwin,
    /// A receiver of notices at [`NOTICES`].
    pub notices: NoticeReceiver,
    /// Events as they were published.
    pub events: Arc<KeptEvents>,
    /// Muster.
    pub system: Arc<System>,
    /// Calls the handlers.
    pub runner: Runner,
    /// What the 202 answers counted.
    pub accepted: u64,
}

/// How an installation is set up.
pub struct Setup {
    /// Members of the list.
    pub members: Vec<SeedMember>,
    /// The list besides its id.
    pub list: SeedList,
    /// Requests a second; the destination's safe default where absent.
    pub rate: Option<f64>,
    /// How long a request may take.
    pub patience: std::time::Duration,
    /// Told of the headers of every call to the platform.
    pub watch: Option<Arc<Mutex<Vec<HeaderMap>>>>,
    /// Measurements.
    pub meter: Option<Arc<dyn Meter>>,
    /// Told of each step.
    pub steps: Arc<dyn Steps>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            members: Vec::new(),
            list: SeedList::default(),
            rate: Some(1_000.0),
            patience: std::time::Duration::from_secs(10),
            watch: None,
            meter: None,
            steps: Arc::new(Unwatched),
        }
    }
}

impl Setup {
    /// Active members of these addresses.
    pub fn with_members<T: AsRef<str>>(emails: impl IntoIterator<Item = T>) -> Self {
        let members = emails.into_iter().map(|email| SeedMember::active(email.as_ref())).collect();
        Self { members, ..Self::default() }
    }
}

impl World {
    /// The installation with source `shop` (keyed by `user_id`) and authorization `auth`; no activation yet.
    pub async fn new(setup: Setup) -> Self {
        let start: Timestamp = "2026-01-05T07:00:00Z".parse().expect("a time");
        let clock = Arc::new(JumpClock::frozen_at(start));
        let options = Options { clock: twin_clock(&clock), ..Options::default() };
        let twin = HeyloyaltyTwin::start(options).await.expect("the twin starts");
        twin.seed_list(&SeedList { id: Some(LIST), name: "News".to_owned(), ..setup.list }).expect("a list");
        twin.seed_members(LIST, &setup.members).expect("members");
        let platform = match setup.watch {
            Some(watch) => watched(twin.api_url(), watch).await,
            None => twin.api_url(),
        };
        let receiver = WebhookTwin::start(muster_twins::webhook::Options {
            clock: twin_clock(&clock),
            secrets: vec![RECEIVER_SECRET.parse().expect("a secret")],
            ..muster_twins::webhook::Options::default()
        });
        let receiver = receiver.await.expect("the receiver starts");
        let notices = NoticeReceiver::start().await.expect("the receiver of notices starts");
        let events = Arc::new(KeptEvents::default());
        let rewrites = BTreeMap::from([
            (NOTICES.to_owned(), notices.url.clone()),
            ("https://api.heyloyalty.com".to_owned(), platform),
            ("https://receiver.example".to_owned(), receiver.api_url().expect("it listens")),
        ]);
        let wiring = Wiring {
            rewrites,
            meter: setup.meter.unwrap_or_else(|| Arc::new(Unmeasured)),
            events: Some(Arc::clone(&events) as Arc<dyn Events>),
            http: HttpTimes { request: setup.patience, ..HttpTimes::default() },
            dice: Dice::seeded(7),
            steps: setup.steps,
            ..Wiring::jumping(Arc::clone(&clock))
        };
        let system = Arc::new(System::open(wiring).await.expect("the system opens"));
        let runner = Runner::new(Arc::clone(&system)).await.expect("the runner starts");
        let mut world = Self { clock, twin, receiver, notices, events, system, runner, accepted: 0 };
        world
            .post(
                "/v1/sources",
                json!({"id": "shop", "name": "Shop", "keyed_by": "user_id",
                       "authentication": {"method": "header", "name": "x-secret"}, "secret": SECRET}),
            )
            .await;
        let mut authorization = json!({"id": "auth", "provider": "heyloyalty", "label": "Account",
                                       "secret": {"api_key": "API_KEY", "api_secret": "API_SECRET"}});
        if let Some(rate) = setup.rate {
            authorization["requests_per_second"] = json!(rate);
        }
        world.post("/v1/authorizations", authorization).await;
        world
    }

    /// Calls the API; panics unless it succeeds.
    pub async fn call(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.try_call(method, path, body).await;
        assert!((200..300).contains(&status), "{method} {path} was answered {status}: {answer}");
        answer
    }

    /// Calls the API; answers status and body.
    pub async fn try_call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        call_api(&self.system.router, &self.system.token, method, path, &body).await
    }

    /// `POST`.
    pub async fn post(&mut self, path: &str, body: Value) -> Value {
        self.call("POST", path, body).await
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Value {
        self.call("GET", path, Value::Null).await
    }

    /// Makes the activation `act` with these audiences and attributes (`name` → type), as a draft.
    pub async fn link(&mut self, audiences: &[&str], attributes: &[(&str, &str)]) {
        self.link_with(json!({"list_id": LIST}), audiences, attributes).await;
    }

    /// The same with settings.
    pub async fn link_with(&mut self, settings: Value, audiences: &[&str], attributes: &[(&str, &str)]) {
        let attributes: Vec<Value> =
            attributes.iter().map(|(attribute, kind)| json!({"attribute": attribute, "type": kind})).collect();
        self.post(
            "/v1/activations",
            json!({"id": "act", "name": "Shop to news", "source": "shop", "destination": "heyloyalty",
                   "authorization": "auth", "settings": settings, "audiences": audiences,
                   "attributes": attributes, "notify": "owner@example.com"}),
        )
        .await;
    }

    /// Makes the activation `act` to the receiver of webhooks, with these settings besides the address.
    pub async fn link_receiver(&mut self, settings: Value, audiences: &[&str], attributes: &[(&str, &str)]) {
        let secret = json!({"secret": RECEIVER_SECRET});
        let authorization = json!({"id": "receiver", "provider": "webhook", "label": "Receiver", "secret": secret,
                                   "requests_per_second": 1_000.0});
        self.post("/v1/authorizations", authorization).await;
        let mut all = json!({"url": "https://receiver.example/muster"});
        if let (Some(all), Some(settings)) = (all.as_object_mut(), settings.as_object()) {
            all.extend(settings.clone());
        }
        let attributes: Vec<Value> =
            attributes.iter().map(|(attribute, kind)| json!({"attribute": attribute, "type": kind})).collect();
        self.post(
            "/v1/activations",
            json!({"id": "act", "name": "Shop to receiver", "source": "shop", "destination": "webhook",
                   "authorization": "receiver", "settings": all, "audiences": audiences, "attributes": attributes,
                   "notify": "owner@example.com"}),
        )
        .await;
    }

    /// Activates `act`.
    pub async fn activate(&mut self) {
        self.post("/v1/activations/act/activate", Value::Null).await;
    }

    /// Sends changes in requests of a thousand; all must be accepted.
    pub async fn ingest(&mut self, changes: &[Value]) {
        self.ingest_traced(changes, None).await;
    }

    /// The same as a part of a trace.
    pub async fn ingest_traced(&mut self, changes: &[Value], traceparent: Option<&str>) {
        for batch in changes.chunks(1_000) {
            let body: Vec<String> = batch.iter().map(Value::to_string).collect();
            let request = Request::post("/v1/ingest/shop")
                .header("x-secret", SECRET)
                .header("content-type", "application/x-ndjson");
            let request = match traceparent {
                Some(traceparent) => request.header("traceparent", traceparent),
                None => request,
            };
            let request = request.body(Body::from(body.join("\n"))).expect("a request");
            let (status, answer) = send(&self.system.router, request).await;
            assert_eq!(status, 202, "{answer}");
            assert_eq!(answer["accepted"], json!(batch.len()), "{answer}");
            self.accepted += batch.len() as u64;
        }
    }

    /// Sends a vendor's webhook to `act`.
    pub async fn signal(&self, user: &str, password: &str, body: &Value) -> (u16, Value) {
        use base64::Engine;
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        let request = Request::post("/v1/signals/act")
            .header("authorization", format!("Basic {basic}"))
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .expect("a request");
        send(&self.system.router, request).await
    }

    /// Lets everything happen that is under way, jumping over idle time.
    pub async fn settle(&mut self) {
        self.runner.run_until_quiet().await.expect("the store works");
    }

    /// The accounting of `act`, whose columns must add up to what the 202 answers said.
    pub async fn account(&self) -> Value {
        let account = self.get("/v1/activations/act/accounting").await["account"].clone();
        let column = |name: &str| account[name].as_u64().expect("a count");
        let sum: u64 = ["superseded", "delivered", "filtered", "rejected", "parked", "in_flight", "waiting"]
            .into_iter()
            .map(column)
            .sum();
        assert_eq!(column("accepted"), sum, "the columns do not add up: {account}");
        assert_eq!(column("accepted"), self.accepted, "not what the 202 answers said: {account}");
        account
    }

    /// The receipt of a person at `act`.
    pub async fn receipt(&self, user_id: &str) -> Value {
        let query = json!({"source": "shop", "type": "user_id", "value": user_id});
        self.call("POST", "/v1/people/lookup", query).await
    }

    /// The only member of an address.
    pub fn member(&self, email: &str) -> MemberView {
        let mut found = self.twin.members_by_email(LIST, email);
        assert_eq!(found.len(), 1, "members of one address");
        found.remove(0)
    }

    /// What the field with this label holds for an address.
    pub fn shows(&self, email: &str, label: &str) -> String {
        let field = self.field(label).unwrap_or_else(|| panic!("no field is labelled {label}"));
        self.member(email).text(&field).to_owned()
    }

    /// The name of the list's field with this label.
    pub fn field(&self, label: &str) -> Option<String> {
        let list = self.twin.list(LIST).expect("the list");
        list.fields.iter().find(|field| field.label == label).map(|field| field.name.clone())
    }

    /// Nothing happened at the platform that must never happen.
    pub fn assert_unharmed(&self) {
        let Counters { resubscribed, list_put, list_post, list_delete, member_created, member_put, .. } =
            self.twin.counters();
        assert_eq!(
            [resubscribed, list_put, list_post, list_delete, member_created, member_put],
            [0; 6],
            "re-subscribed, list replaced, made, deleted, member made, replaced"
        );
        assert_eq!(self.twin.counters().unknown_fields, 0, "fields that the list does not have");
        assert_eq!(self.twin.unexpected(), Vec::<String>::new(), "requests that the vendor does not document");
    }
}

/// The address of a server that hands calls on to the platform and notes their headers.
async fn watched(platform: String, watch: Arc<Mutex<Vec<HeaderMap>>>) -> String {
    #[expect(clippy::disallowed_methods, reason = "stands between Muster and its platform, and belongs to neither")]
    let client = reqwest::Client::new();
    let hand_on = move |request: Request<Body>| {
        let (client, platform, watch) = (client.clone(), platform.clone(), Arc::clone(&watch));
        async move {
            let (parts, body) = request.into_parts();
            watch.lock().expect("nobody panics with it").push(parts.headers.clone());
            let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
            let url = format!("{platform}{}", parts.uri.path_and_query().map_or("", |path| path.as_str()));
            let answer = client.request(parts.method, url).headers(parts.headers).body(body).send().await;
            let answer = answer.expect("the twin answers");
            let (status, headers) = (answer.status(), answer.headers().clone());
            let mut handed = axum::response::Response::new(Body::from(answer.bytes().await.expect("a whole answer")));
            (*handed.status_mut(), *handed.headers_mut()) = (status, headers);
            handed
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(hand_on)).await });
    format!("http://{address}")
}

/// A change of user `user`, whose address is `<user>@example.com`.
pub fn change(user: &str, second: i64, fact: Value) -> Value {
    let mut change = json!({
        "id": format!("{user}-{second}-{fact}"),
        "person": {"user_id": user, "email": format!("{user}@example.com")},
        "occurred_at": at(second),
    });
    if let (Some(change), Some(fact)) = (change.as_object_mut(), fact.as_object()) {
        change.extend(fact.clone());
    }
    change
}

/// So many seconds into a day before the worlds begin.
pub fn at(second: i64) -> String {
    let start: Timestamp = "2026-01-04T00:00:00Z".parse().expect("a time");
    (start + jiff::SignedDuration::from_secs(second)).to_string()
}

/// Entering.
pub fn entered(user: &str, audience: &str, second: i64) -> Value {
    change(user, second, json!({"type": "audience.entered", "audience": audience}))
}

/// Leaving.
pub fn exited(user: &str, audience: &str, second: i64) -> Value {
    change(user, second, json!({"type": "audience.exited", "audience": audience}))
}

/// A calculated attribute.
pub fn attribute(user: &str, attribute: &str, value: impl Into<Value>, second: i64) -> Value {
    change(user, second, json!({"type": "attribute.changed", "attribute": attribute, "value": value.into()}))
}
