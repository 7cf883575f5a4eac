//! An installation on the emulator, with the handlers of its functions in this process. Each function has ports
//! of its own, under the name that it has on AWS, and calls through the recorder. Messages are handed on by the
//! test, so that nobody waits for what is delayed: the clock goes there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use jiff::{SignedDuration, Timestamp};
use muster::aws::{AwsPorts, SECRETS_MAX_AGE, Settings};
use muster::catalog::CachedCatalog;
use muster::control::Control;
use muster::delivery::{Dice, Engine, Times};
use muster::embedded::JumpClock;
use muster::http::{Http, HttpTimes};
use muster::model::{Deployed, Lane, Message, QueueName};
use muster::ports::{Clock, Ledger, Outgoing, PortResult, Ports, Queue, Vault};
use muster::steps::{Step, Steps};
use muster_api::{Api, ApiToken, api_token};
use muster_backfill::{Event, Task};
use muster_ingest::Ingest;
use muster_local::demo::twin_clock;
use muster_runtime::emulator::Emulator;
use muster_runtime::recorder::{Call, Recorder, Units};
use muster_tests::call::{call_api, send};
use muster_tests::loyalty::Platforms;
use muster_tests::notices::{NOTICES, NoticeReceiver};
use muster_tests::world::{RECEIVER_SECRET, SECRET};
use muster_twins::cheetah_digital::CheetahDigitalTwin;
use muster_twins::heyloyalty::{HeyloyaltyTwin, Options};
use muster_twins::lytics::LyticsTwin;
use muster_twins::webhook::{self, WebhookTwin};
use serde_json::{Value, json};

use super::loyalty::platforms;

const VENDOR: &str = "https://api.heyloyalty.com";
pub(super) const RECEIVER: &str = "https://receiver.example";

/// What was sent and not handled yet.
#[derive(Default)]
struct Letters(Mutex<Vec<Letter>>);

struct Letter {
    due: Timestamp,
    queue: QueueName,
    body: String,
}

/// Sends, and keeps a copy of what is sent.
struct Copied {
    queue: Arc<dyn Queue>,
    letters: Arc<Letters>,
    clock: Arc<JumpClock>,
}

#[async_trait]
impl Queue for Copied {
    async fn send(&self, queue: &QueueName, messages: Vec<Outgoing>) -> PortResult<()> {
        self.queue.send(queue, messages.clone()).await?;
        let now = self.clock.now();
        let letter = |Outgoing { body, delay, share: _ }| Letter { due: now + delay, queue: queue.clone(), body };
        self.letters.0.lock().unwrap().extend(messages.into_iter().map(letter));
        Ok(())
    }
}

/// The steps that were reached by anybody.
#[derive(Default)]
struct Reached(Mutex<BTreeSet<Step>>);

impl Steps for Reached {
    fn reached(&self, step: Step) {
        self.0.lock().unwrap().insert(step);
    }
}

/// What functions are made of.
struct Wiring {
    settings: Settings,
    prefix: String,
    clock: Arc<JumpClock>,
    letters: Arc<Letters>,
    steps: Arc<Reached>,
    http: Http,
}

impl Wiring {
    fn ports(&self, function: &str) -> Ports {
        let settings = Settings { function_name: format!("{}{function}", self.prefix), ..self.settings.clone() };
        let ports = AwsPorts::open(&settings, self.clock.clone(), SECRETS_MAX_AGE).ports();
        let queue = Copied { queue: ports.queue, letters: self.letters.clone(), clock: self.clock.clone() };
        Ports { queue: Arc::new(queue), ..ports }
    }

    async fn ingest(&self) -> Router {
        muster_ingest::router(Arc::new(Ingest::open(self.ports("ingest"), self.steps.clone()).await.unwrap()))
    }

    async fn engine(&self, function: &str) -> Engine {
        let (http, times) = (self.http.clone(), Times::default());
        Engine::open(self.ports(function), http, times, self.steps.clone(), Dice::seeded(7)).await.unwrap()
    }

    async fn api(&self) -> (Router, ApiToken) {
        let ports = self.ports("api");
        let age = Times::default().cache_age;
        let control = Control {
            catalog: Arc::new(CachedCatalog::new(ports.catalog.clone(), ports.clock.clone(), age)),
            http: self.http.clone(),
            installation: muster::installation::installation_key(ports.vault.as_ref()).await.unwrap(),
            destinations: muster::destinations::all(),
            deployed: Deployed::All,
            ports: ports.clone(),
        };
        let token = api_token(ports.vault.as_ref()).await.unwrap();
        (muster_api::router(Arc::new(Api { control, token: token.clone() })), token)
    }
}

pub(super) struct Site {
    pub(super) clock: Arc<JumpClock>,
    pub(super) twin: HeyloyaltyTwin,
    pub(super) receiver: WebhookTwin,
    pub(super) tables: CheetahDigitalTwin,
    pub(super) source: LyticsTwin,
    pub(super) loyalty: Platforms,
    pub(super) notices: NoticeReceiver,
    /// Begins the names of everything here.
    pub(super) prefix: String,
    /// The sender of mails.
    pub(super) mail_from: String,
    /// Where events go.
    pub(super) event_bus: String,
    /// Beside the functions, whose calls alone are recorded.
    pub(super) vault: Arc<dyn Vault>,
    /// Likewise.
    pub(super) ledger: Arc<dyn Ledger>,
    recorder: Recorder,
    letters: Arc<Letters>,
    steps: Arc<Reached>,
    pub(super) ingest: Router,
    api: Router,
    token: ApiToken,
    /// By their names.
    deliveries: BTreeMap<String, Engine>,
    backfill: Engine,
    /// Method and path of every request to the API that succeeded.
    pub(super) asked: BTreeSet<(String, String)>,
    /// The kinds of messages that were handled.
    pub(super) handled: BTreeSet<&'static str>,
    swept_at: Timestamp,
}

impl Site {
    pub(super) async fn start() -> Self {
        let emulator = Emulator::get().unwrap();
        let deliveries = deliveries();
        let queues: Vec<&str> = deliveries.iter().map(String::as_str).chain(["jobs"]).collect();
        let mut settings = emulator.site(&queues).await.unwrap();
        let prefix = settings.people_table.strip_suffix("people").unwrap().to_owned();
        settings.secret_prefix.clone_from(&prefix);
        let clock = Arc::new(JumpClock::frozen_at("2026-01-05T07:00:00Z".parse().unwrap()));
        let owner = AwsPorts::open(&settings, clock.clone(), SECRETS_MAX_AGE).ports();
        let recorder = Recorder::start(&emulator.url, Units::Left).await.unwrap();
        settings.endpoint = Some(recorder.url.clone());
        let (twin, receiver) = start_twins(&clock).await;
        let notices = NoticeReceiver::start().await.unwrap();
        let tables = super::table::start(&clock).await;
        let source = super::scan::start(&clock).await;
        let loyalty = platforms(&clock).await;
        let rewrites = [
            (VENDOR.to_owned(), twin.api_url()),
            (RECEIVER.to_owned(), receiver.api_url().unwrap()),
            (NOTICES.to_owned(), notices.url.clone()),
        ];
        let hosts = tables.origins().chain(source.origins()).map(|(origin, at)| (origin.to_owned(), at));
        let hosts = hosts.chain(loyalty.rewrites());
        let rewrites: BTreeMap<String, String> = rewrites.into_iter().chain(hosts).collect();
        let wiring = Wiring {
            http: Http::new(HttpTimes::default(), rewrites).unwrap(),
            prefix: prefix.clone(),
            clock: clock.clone(),
            letters: Arc::default(),
            steps: Arc::default(),
            settings,
        };
        start_each_as_the_first(&wiring, &owner).await;
        let (api, token) = wiring.api().await;
        let mut engines = BTreeMap::new();
        for name in deliveries {
            let engine = wiring.engine(&name).await;
            engines.insert(name, engine);
        }
        Self {
            ingest: wiring.ingest().await,
            deliveries: engines,
            backfill: wiring.engine("backfill").await,
            letters: wiring.letters,
            steps: wiring.steps,
            mail_from: wiring.settings.mail_from.unwrap(),
            event_bus: wiring.settings.event_bus.unwrap(),
            asked: BTreeSet::new(),
            handled: BTreeSet::new(),
            swept_at: clock.now(),
            clock,
            twin,
            receiver,
            tables,
            source,
            loyalty,
            notices,
            prefix,
            vault: owner.vault,
            ledger: owner.ledger,
            recorder,
            api,
            token,
        }
    }

    /// What every function called so far.
    pub(super) fn calls(&self) -> Vec<Call> {
        self.recorder.take()
    }

    /// The steps of the protocol that nobody took.
    pub(super) fn steps_left(&self) -> Vec<Step> {
        let reached = self.steps.0.lock().unwrap();
        Step::ALL.into_iter().filter(|step| !reached.contains(step)).collect()
    }

    /// A request to the control API, which must succeed.
    pub(super) async fn call(&mut self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = call_api(&self.api, self.token.expose(), method, path, &body).await;
        assert!((200..300).contains(&status), "{method} {path} was answered {status}: {answer}");
        self.asked.insert((method.to_lowercase(), path.split('?').next().unwrap().to_owned()));
        answer
    }

    /// Changes from the source `shop`; answers what ingest says.
    pub(super) async fn ingest(&self, changes: &[Value]) -> Value {
        let lines: Vec<String> = changes.iter().map(Value::to_string).collect();
        let request = Request::post("/v1/ingest/shop")
            .header("x-secret", SECRET)
            .header("content-type", "application/x-ndjson")
            .body(Body::from(lines.join("\n")));
        send(&self.ingest, request.unwrap()).await.1
    }

    /// A webhook of Lytics to the source `lytics`, with a token that is fetched for it.
    pub(super) async fn ingest_with_token(&self, body: &Value) {
        let form = format!("grant_type=client_credentials&client_id=lytics&client_secret={SECRET}");
        let request = Request::post("/v1/oauth/lytics/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form));
        let (status, granted) = send(&self.ingest, request.unwrap()).await;
        assert_eq!(status, 200, "{granted}");
        let request = Request::put("/v1/ingest/lytics")
            .header("authorization", format!("Bearer {}", granted["access_token"].as_str().unwrap()))
            .body(Body::from(body.to_string()));
        let (status, answer) = send(&self.ingest, request.unwrap()).await;
        assert_eq!((status, &answer["accepted"]), (202, &json!(1)), "{answer}");
    }

    /// A webhook of the vendor, with user and password in Base64.
    pub(super) async fn signal(&self, basic: &str, body: &Value) {
        let request = Request::post("/v1/signals/act")
            .header("authorization", format!("Basic {basic}"))
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()));
        let (status, answer) = send(&self.ingest, request.unwrap()).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// What a schedule starts.
    pub(super) async fn task(&self, task: Task) {
        muster_backfill::handle(&self.backfill, Event::Task(task), Times::default().function_timeout).await.unwrap();
    }

    /// Loses every message that waits.
    pub(super) fn lose_messages(&self) {
        self.letters.0.lock().unwrap().clear();
    }

    /// Hands every message to the function of its queue, delayed ones when their time has come, until there are
    /// none left.
    pub(super) async fn run(&mut self) {
        while let Some(letter) = self.next_letter() {
            self.clock.advance_to(letter.due);
            if self.clock.now().duration_since(self.swept_at) >= SignedDuration::from_mins(1) {
                self.swept_at = self.clock.now();
                self.task(Task::Sweep).await;
            }
            self.handled.insert(kind(&Message::decode(&letter.body).unwrap()));
            let mut message = SqsMessage::default();
            message.message_id = Some("one".to_owned());
            message.body = Some(letter.body.clone());
            let mut event = SqsEvent::default();
            event.records = vec![message];
            let remaining = Times::default().function_timeout;
            let answer = match &letter.queue {
                QueueName::Jobs => muster_backfill::handle_jobs(&self.backfill, event, remaining).await,
                delivery @ QueueName::Destination(..) => {
                    muster_deliver::handle(&self.deliveries[&delivery.to_string()], event, remaining).await
                }
            };
            assert_eq!(answer.batch_item_failures.len(), 0, "{}", letter.body);
        }
    }

    fn next_letter(&self) -> Option<Letter> {
        let mut letters = self.letters.0.lock().unwrap();
        let (first, _) = letters.iter().enumerate().min_by_key(|(_, letter)| letter.due)?;
        Some(letters.remove(first))
    }

    /// Lets time pass.
    pub(super) fn pass(&self, time: SignedDuration) {
        self.clock.advance(time);
    }
}

/// The names of the functions that deliver, which are those of their queues.
fn deliveries() -> Vec<String> {
    let mut names = Vec::new();
    for destination in muster::destinations::all() {
        let provider = &destination.spec().provider;
        names.extend([Lane::Live, Lane::Bulk].map(|lane| QueueName::Destination(provider.clone(), lane).to_string()));
    }
    names
}

async fn start_twins(clock: &Arc<JumpClock>) -> (HeyloyaltyTwin, WebhookTwin) {
    let twin = HeyloyaltyTwin::start(Options { clock: twin_clock(clock), ..Options::default() }).await.unwrap();
    let receiver = webhook::Options {
        clock: twin_clock(clock),
        secrets: vec![RECEIVER_SECRET.parse().unwrap()],
        ..webhook::Options::default()
    };
    (twin, WebhookTwin::start(receiver).await.unwrap())
}

/// Whoever comes first makes the installation's key, and the API its token.
async fn start_each_as_the_first(wiring: &Wiring, owner: &Ports) {
    let forget = async || {
        owner.vault.delete("installation").await.unwrap();
        owner.vault.delete("api").await.unwrap();
    };
    let _ = wiring.ingest().await;
    forget().await;
    for function in deliveries().iter().map(String::as_str).chain(["backfill"]) {
        let _ = wiring.engine(function).await;
        forget().await;
    }
    let _ = wiring.api().await;
    forget().await;
}

fn kind(message: &Message) -> &'static str {
    match message {
        Message::Nudge(_) => "nudge",
        Message::Landed { .. } => "landed",
        Message::Signal { .. } => "signal",
        Message::SignalKey { .. } => "signal of a key",
        Message::Job { .. } => "job",
        Message::Scan { .. } => "scan",
        Message::Prepare { .. } => "prepare",
        Message::Tell { .. } => "tell",
    }
}

/// Every kind of message.
pub(super) const MESSAGES: [&str; 8] =
    ["job", "landed", "nudge", "prepare", "scan", "signal", "signal of a key", "tell"];
