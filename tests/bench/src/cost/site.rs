//! An installation on the emulator, with the functions' handlers in this process and every call recorded.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use jiff::{SignedDuration, Timestamp};
use muster::aws::{AwsPorts, SECRETS_MAX_AGE, Settings, config};
use muster::catalog::{Cataloged, Edit, edit_activation, put};
use muster::clock::SystemClock;
use muster::delivery::{Dice, Engine, Times};
use muster::http::{Http, HttpTimes};
use muster::metrics::EmbeddedMetrics;
use muster::model::{Activation, ActivationStatus, Authorization, Source};
use muster::ports::{Clock, Ports, Secret};
use muster::steps::Unwatched;
use muster_local::demo::events::Events;
use muster_runtime::emulator::Emulator;
use muster_runtime::recorder::{Call, Recorder, Units};
use muster_twins::heyloyalty::{HeyloyaltyTwin, Options, SeedList, SeedMember};
use serde_json::{Value, json};
use tower::ServiceExt;

pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

/// How long the vendor holds each answer back.
pub(crate) const VENDOR_MS: u64 = 50;
/// The memory of the functions, as the templates have it.
pub(crate) const MEMORY_MB: u32 = 256;
/// A line of the HTTP API's access log, in the template's format.
const ACCESS_LOG_BYTES: f64 = 230.0;
/// People of the example that play along; as many changes are billed.
const PEOPLE: usize = 100;
const LISTS: [u64; 2] = [4711, 4712];
const SECRET: &str = "the bench's own secret";
const VENDOR: &str = "https://api.heyloyalty.com";

/// How changes come and go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) per_webhook: usize,
    /// Messages of one run of delivery.
    pub(crate) per_run: usize,
    pub(crate) activations: usize,
    /// Bytes that are added to each row.
    pub(crate) filler: usize,
}

/// What was used for the changes of a scenario.
#[derive(Debug, Default)]
pub(crate) struct Used {
    pub(crate) changes: f64,
    pub(crate) webhooks: f64,
    pub(crate) runs: f64,
    pub(crate) ingest: Amount,
    pub(crate) deliver: Amount,
    pub(crate) log_bytes: f64,
    /// Of one run, the median.
    pub(crate) ingest_ms: f64,
    pub(crate) deliver_ms: f64,
}

#[derive(Debug, Default)]
pub(crate) struct Amount {
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
    pub(crate) queue: f64,
    pub(crate) secrets: f64,
}

impl Amount {
    fn add(&mut self, call: &Call) {
        self.read_units += call.read_units;
        self.write_units += call.write_units;
        self.queue += count(call.queue_requests);
        let is_secret = call.actions.iter().any(|action| action.starts_with("secretsmanager:"));
        self.secrets += f64::from(u8::from(is_secret));
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn count(number: impl TryInto<u64>) -> f64 {
    number.try_into().unwrap_or_default() as f64
}

/// Bytes that the functions would have logged.
static LOGGED: LazyLock<Arc<AtomicU64>> = LazyLock::new(Arc::default);

struct CountingLog;

impl Write for CountingLog {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOGGED.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// One function's ports and what it measures.
struct Function {
    ports: Ports,
    metrics: Arc<EmbeddedMetrics>,
}

impl Function {
    fn new(name: &str, settings: &Settings, url: &str) -> Self {
        let endpoint = Some(url.to_owned());
        let settings = Settings { function_name: name.to_owned(), endpoint, ..settings.clone() };
        let metrics = Arc::new(EmbeddedMetrics::new(name));
        let ports = AwsPorts::open(&settings, Arc::new(SystemClock), SECRETS_MAX_AGE).ports();
        Self { ports: Ports { meter: metrics.clone(), ..ports }, metrics }
    }

    fn log_measurements(&self) {
        let lines = self.metrics.take_lines(self.ports.clock.now());
        let bytes: usize = lines.iter().map(|line| line.len() + 1).sum();
        LOGGED.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// Both functions, by one way to AWS.
struct Functions {
    ingest: Function,
    router: Router,
    deliver: Function,
    engine: Engine,
}

impl Functions {
    async fn start(settings: &Settings, url: &str, twin: &HeyloyaltyTwin) -> Outcome<Self> {
        let ingest = Function::new("muster-ingest", settings, url);
        let app = muster_ingest::Ingest::open(ingest.ports.clone(), Arc::new(Unwatched)).await?;
        let deliver = Function::new("muster-heyloyalty-live", settings, url);
        let http = Http::new(HttpTimes::default(), BTreeMap::from([(VENDOR.to_owned(), twin.api_url())]))?;
        let steps = Arc::new(Unwatched);
        let engine = Engine::open(deliver.ports.clone(), http, Times::default(), steps, Dice::fresh()).await?;
        Ok(Self { router: muster_ingest::router(Arc::new(app)), ingest, deliver, engine })
    }
}

pub(crate) struct Site {
    scenario: Scenario,
    settings: Settings,
    recorder: Recorder,
    recorded: Functions,
    /// Straight to the emulator: counting takes time.
    timed: Functions,
    events: Vec<String>,
    people: Vec<Value>,
    twin: HeyloyaltyTwin,
    queue: aws_sdk_sqs::Client,
}

impl Site {
    pub(crate) async fn open(scenario: Scenario) -> Outcome<Self> {
        let log = || CountingLog;
        // A second site finds it set.
        let _ = tracing_subscriber::fmt().json().with_max_level(tracing::Level::INFO).with_writer(log).try_init();
        let emulator = Emulator::get()?;
        let settings = emulator.site(&["heyloyalty-live", "heyloyalty-bulk", "jobs"]).await?;
        let recorder = Recorder::start(&emulator.url, Units::Counted).await?;
        let (events, people) = example(scenario.filler)?;
        let twin = twin(&people).await?;
        let recorded = Functions::start(&settings, &recorder.url, &twin).await?;
        set_up(&recorded, scenario.activations).await?;
        let timed = Functions::start(&settings, &emulator.url, &twin).await?;
        let queue = aws_sdk_sqs::Client::new(&config(&settings, settings.endpoint.as_deref()));
        Ok(Self { scenario, settings, recorder, recorded, timed, events, people, twin, queue })
    }

    /// Everything that the people did, delivered; answers how large their rows are, the median.
    pub(crate) async fn warm_up(&self) -> Outcome<usize> {
        for lines in self.events.chunks(1_000) {
            post(&self.timed.router, lines).await?;
        }
        self.deliver(&self.timed, 10).await?;
        // What every process asks for once, and the vendor's side of it, is not billed to a change.
        self.round(&self.recorded, 0).await?;
        self.round(&self.timed, 1).await?;
        self.recorder.take();
        LOGGED.store(0, Ordering::Relaxed);
        self.row_bytes().await
    }

    /// A change for each person, counted, and one more, timed.
    pub(crate) async fn play(&self) -> Outcome<Used> {
        let mut used = self.round(&self.recorded, 2).await?;
        for call in self.recorder.take() {
            match call.function.as_str() {
                "muster-ingest" => used.ingest.add(&call),
                _ => used.deliver.add(&call),
            }
        }
        used.log_bytes = count(LOGGED.swap(0, Ordering::Relaxed)) + used.webhooks * ACCESS_LOG_BYTES;
        let timed = self.round(&self.timed, 3).await?;
        Ok(Used { ingest_ms: timed.ingest_ms, deliver_ms: timed.deliver_ms, ..used })
    }

    /// Every person leaves or enters an audience, and the platform shows it.
    async fn round(&self, functions: &Functions, number: usize) -> Outcome<Used> {
        let changes: Vec<String> = self.people.iter().map(|person| change(person, number)).collect();
        let mut ingest_times = Vec::new();
        for webhook in changes.chunks(self.scenario.per_webhook) {
            let began = Instant::now();
            post(&functions.router, webhook).await?;
            ingest_times.push(began.elapsed());
            functions.ingest.log_measurements();
        }
        let deliver_times = self.deliver(functions, self.scenario.per_run).await?;
        self.assert_shown(number)?;
        Ok(Used {
            changes: count(changes.len()) * count(self.scenario.activations),
            webhooks: count(ingest_times.len()),
            runs: count(deliver_times.len()),
            ingest_ms: median(ingest_times),
            deliver_ms: median(deliver_times),
            ..Used::default()
        })
    }

    /// Hands out what waits in the queue, so many messages a run, as an event source mapping does.
    async fn deliver(&self, functions: &Functions, per_run: usize) -> Outcome<Vec<Duration>> {
        let url = format!("{}heyloyalty-live", self.settings.queue_url_prefix);
        let mut waiting = Vec::new();
        loop {
            let received = self.queue.receive_message().queue_url(&url).max_number_of_messages(10).send().await?;
            let Some(messages) = received.messages.filter(|messages| !messages.is_empty()) else { break };
            for message in messages {
                let handle = message.receipt_handle.unwrap_or_default();
                self.queue.delete_message().queue_url(&url).receipt_handle(handle).send().await?;
                waiting.push(message.body.unwrap_or_default());
            }
        }
        let mut times = Vec::new();
        for bodies in waiting.chunks(per_run) {
            let mut event = SqsEvent::default();
            event.records = bodies.iter().map(|body| message(body)).collect();
            let began = Instant::now();
            let answer = muster_deliver::handle(&functions.engine, event, SignedDuration::from_secs(60)).await;
            times.push(began.elapsed());
            functions.deliver.log_measurements();
            if !answer.batch_item_failures.is_empty() {
                return Err("a run failed".into());
            }
        }
        Ok(times)
    }

    fn assert_shown(&self, number: usize) -> Outcome<()> {
        let must = if number.is_multiple_of(2) { "0" } else { "1" };
        for list in LISTS.iter().take(self.scenario.activations) {
            let fields = self.twin.list(*list).ok_or("no list")?.fields;
            let field = fields.iter().find(|field| field.label == "active-30d").ok_or("no field")?;
            let right = self.twin.members(*list).iter().filter(|member| member.text(&field.name) == must).count();
            if right != PEOPLE {
                return Err(format!("{right} of {PEOPLE} people show the change").into());
            }
        }
        Ok(())
    }

    async fn row_bytes(&self) -> Outcome<usize> {
        let client = aws_sdk_dynamodb::Client::new(&config(&self.settings, self.settings.endpoint.as_deref()));
        let items = client.scan().table_name(&self.settings.people_table).send().await?.items.unwrap_or_default();
        let mut sizes: Vec<usize> = items.iter().map(muster_runtime::recorder::item_bytes).collect();
        sizes.sort_unstable();
        sizes.get(sizes.len() / 2).copied().ok_or_else(|| "there are no rows".into())
    }
}

/// The lines of the first people of the example, with `filler` more bytes of profile, and who they are.
fn example(filler: usize) -> Outcome<(Vec<String>, Vec<Value>)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/cdnow.ndjson.gz");
    let mut people: BTreeMap<String, Value> = BTreeMap::new();
    let mut lines = Vec::new();
    for line in Events::read(std::path::Path::new(path))?.lines {
        let mut change: Value = serde_json::from_str(&line)?;
        let person = change["person"].clone();
        let key = person["user_id"].as_str().ok_or("nobody")?.to_owned();
        if people.len() >= PEOPLE && !people.contains_key(&key) {
            continue;
        }
        if filler > 0 {
            change["fields"] = json!({ "story": noise(&key, filler) });
        }
        people.insert(key, person);
        lines.push(change.to_string());
    }
    Ok((lines, people.into_values().collect()))
}

/// Text that no compression makes shorter than its randomness.
fn noise(seed: &str, bytes: usize) -> String {
    let mut state = seed
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mut text = String::new();
    while text.len() < bytes * 4 / 3 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push(char::from(
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
                [usize::try_from(state >> 58).unwrap_or_default()],
        ));
    }
    text
}

fn change(person: &Value, number: usize) -> String {
    let kind = if number.is_multiple_of(2) { "audience.exited" } else { "audience.entered" };
    let day = number + 1;
    json!({"id": format!("r{number}"), "type": kind, "audience": "active-30d", "person": person,
           "occurred_at": format!("2026-01-{day:02}T00:00:00Z")})
    .to_string()
}

fn message(body: &str) -> SqsMessage {
    let mut message = SqsMessage::default();
    message.message_id = Some("m".to_owned());
    message.body = Some(body.to_owned());
    message
}

async fn post(router: &Router, lines: &[String]) -> Outcome<()> {
    let request = Request::post("/v1/ingest/shop")
        .header("content-type", "application/x-ndjson")
        .header("x-key", SECRET)
        .body(Body::from(lines.join("\n")))?;
    let (parts, body) = router.clone().oneshot(request).await?.into_parts();
    let body = to_bytes(body, usize::MAX).await?;
    if parts.status != StatusCode::ACCEPTED {
        return Err(format!("ingest answered {}: {}", parts.status, String::from_utf8_lossy(&body)).into());
    }
    Ok(())
}

async fn twin(people: &[Value]) -> Outcome<HeyloyaltyTwin> {
    let accounts = BTreeMap::from([("key".to_owned(), "secret".to_owned())]);
    let twin = HeyloyaltyTwin::start(Options { accounts, ..Options::default() }).await?;
    for list in LISTS {
        twin.seed_list(&SeedList { id: Some(list), name: format!("List {list}"), ..SeedList::default() })?;
        let members: Vec<SeedMember> =
            people.iter().filter_map(|person| person["email"].as_str()).map(SeedMember::active).collect();
        twin.seed_members(list, &members)?;
    }
    twin.with_switches(|switches| switches.latency_ms = VENDOR_MS);
    Ok(twin)
}

/// Source, authorization and active activations over the five audiences and three attributes of the example.
async fn set_up(functions: &Functions, activations: usize) -> Outcome<()> {
    let now = SystemClock.now();
    let ports = &functions.deliver.ports;
    let source = json!({"id": "shop", "name": "Shop", "keyed_by": "user_id", "created_at": now,
        "authentication": {"method": "header", "name": "x-key"}});
    store::<Source>(ports, source).await?;
    ports.vault.put("source/shop", &Secret(json!({ "current": SECRET }))).await?;
    let authorization = json!({"id": "account", "provider": "heyloyalty", "label": "Bench",
        "requests_per_second": 1000.0, "created_at": now, "secret_changed_at": now});
    store::<Authorization>(ports, authorization).await?;
    ports.vault.put("authorization/account", &Secret(json!({"api_key": "key", "api_secret": "secret"}))).await?;
    let audiences = ["buyers", "repeat-buyers", "high-value", "active-30d", "lapsed-90d"];
    let audiences = audiences.map(|audience| json!({ "audience": audience }));
    let attributes = [("orders", "integer"), ("lifetime_value", "decimal"), ("last_order", "date")];
    let attributes = attributes.map(|(attribute, kind)| json!({ "attribute": attribute, "type": kind }));
    for list in LISTS.iter().take(activations) {
        let id = format!("list-{list}");
        let activation = json!({"id": id, "name": id, "source": "shop", "destination": "heyloyalty",
            "authorization": "account", "audiences": audiences, "attributes": attributes,
            "settings": {"list_id": list}, "person_identifier": "ids.email", "retry_window_hours": 72,
            "status": "paused", "revision": 1, "layout": 1, "created_at": now});
        store::<Activation>(ports, activation).await?;
        let id = id.parse()?;
        functions.engine.prepare(&id, 0, Timestamp::MAX).await?;
        edit_activation(ports.catalog.as_ref(), &id, |activation| {
            activation.set_status(ActivationStatus::Active, None);
            Edit::Write
        })
        .await?;
        functions.engine.catalog.forget().await;
    }
    Ok(())
}

async fn store<T: Cataloged>(ports: &Ports, value: Value) -> Outcome<()> {
    let value: T = serde_json::from_value(value)?;
    let written = put(ports.catalog.as_ref(), &value, 0).await?;
    written.then_some(()).ok_or_else(|| format!("{} is there already", value.catalog_id()).into())
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1e3)
}
