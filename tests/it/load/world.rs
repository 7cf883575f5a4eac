//! An installation in memory whose time jumps: what AWS does around the handlers, as tasks of one thread.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use futures::executor::LocalPool;
use futures::future::select;
use futures::task::LocalSpawnExt;
use jiff::{SignedDuration, Timestamp};
use muster::catalog::{CachedCatalog, Cataloged, put};
use muster::delivery::{Dice, Engine, Times};
use muster::http::{Http, HttpTimes};
use muster::installation::installation_key;
use muster::model::{Activation, Authorization, Lane, Message, QueueName, Source};
use muster::ports::{Clock, Outgoing, PortResult, Queue, Secret};
use muster::steps::Unwatched;
use muster_backfill::{Event, Task};
use muster_ingest::Ingest;
use muster_memory::{Memory, Received, VirtualClock};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tower::ServiceExt;

use super::platforms::{PATIENCE, Plain, Platforms};

/// Handlers at a time, as a small stack has them.
const LIVE_RUNS: usize = 5;
const BULK_RUNS: usize = 2;
/// What is due and not taken is another handler's; it is looked at again after this time.
const GLANCE: SignedDuration = SignedDuration::from_millis(1);
/// Whoever finds nothing waits for a message, and at most so long.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(1);
const SECRET: &str = "the source's own secret";

pub(super) struct World {
    pub(super) clock: Arc<VirtualClock>,
    pub(super) memory: Memory,
    pub(super) platforms: Arc<Platforms>,
    pub(super) engine: Arc<Engine>,
    ingest: Router,
    start: Timestamp,
    bell: Arc<Notify>,
    /// Whoever sets a timer in real time needs one; none of these ever ends.
    runtime: Runtime,
    pool: LocalPool,
}

/// Wakes the handlers when something was sent.
struct Rung {
    queue: Arc<dyn Queue>,
    bell: Arc<Notify>,
}

#[async_trait]
impl Queue for Rung {
    async fn send(&self, queue: &QueueName, messages: Vec<Outgoing>) -> PortResult<()> {
        self.queue.send(queue, messages).await?;
        self.bell.notify_waiters();
        Ok(())
    }
}

/// Where an activation goes.
pub(super) struct Link<'a> {
    pub(super) activation: &'a str,
    pub(super) destination: &'a str,
    pub(super) platform: &'a str,
}

impl World {
    /// With a handler for each destination's queues, and the sweep.
    pub(super) fn new(platforms: Platforms, clock: Arc<VirtualClock>, destinations: (&[&str], Plain)) -> Self {
        let memory = Memory::new(clock.clone());
        let platforms = Arc::new(platforms);
        let mut pool = LocalPool::new();
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        let start = clock.now();
        let times = HttpTimes { request: PATIENCE.unsigned_abs(), ..HttpTimes::default() };
        let http = Http::new(times, BTreeMap::new()).unwrap().over(platforms.clone());
        let (mut ports, names) = (memory.ports(), destinations.0);
        let bell = Arc::new(Notify::new());
        ports.queue = Arc::new(Rung { queue: ports.queue, bell: bell.clone() });
        let times = Times::default();
        let engine = pool.run_until(async {
            let installation = installation_key(ports.vault.as_ref()).await.unwrap();
            let catalog = CachedCatalog::new(ports.catalog.clone(), clock.clone(), times.cache_age);
            Engine {
                ports: ports.clone(),
                catalog: Arc::new(catalog),
                http,
                installation,
                times,
                steps: Arc::new(Unwatched),
                dice: Dice::seeded(7),
                destinations: Arc::new(destinations.1),
            }
        });
        let ingest = pool.run_until(Ingest::open(ports, Arc::new(Unwatched))).unwrap();
        let ingest = muster_ingest::router(Arc::new(ingest));
        let mut world = Self { clock, memory, platforms, engine: Arc::new(engine), ingest, start, bell, runtime, pool };
        world.store::<Source>(json!({"id": "shop", "name": "Shop", "keyed_by": "user_id", "created_at": start,
                                     "authentication": {"method": "header", "name": "x-secret"}}));
        world.keep("source/shop", json!({ "current": SECRET }));
        for name in names {
            let queue = |lane| QueueName::Destination(name.parse().unwrap(), lane);
            (0..LIVE_RUNS).for_each(|_| world.serve(queue(Lane::Live), 10));
            (0..BULK_RUNS).for_each(|_| world.serve(queue(Lane::Bulk), 1));
        }
        world.serve(QueueName::Jobs, 1);
        world.sweep();
        world
    }

    fn store<T: Cataloged + serde::de::DeserializeOwned>(&mut self, body: Value) {
        let value: T = serde_json::from_value(body).unwrap();
        let stored = self.pool.run_until(put(self.engine.ports.catalog.as_ref(), &value, 0)).unwrap();
        assert!(stored, "it is stored once");
    }

    fn keep(&mut self, name: &str, secret: Value) {
        self.pool.run_until(self.engine.ports.vault.put(name, &Secret(secret))).unwrap();
    }

    /// An active activation of everybody's `at`, with an account of its own.
    pub(super) fn link(&mut self, link: &Link<'_>) {
        let Link { activation, destination, platform } = link;
        let host = format!("https://{platform}.example");
        self.store::<Authorization>(json!({
            "id": activation, "provider": destination, "label": "Account", "created_at": self.start,
            "secret_changed_at": self.start,
        }));
        self.keep(&format!("authorization/{activation}"), json!({}));
        self.store::<Activation>(json!({
            "id": activation, "name": "Load", "source": "shop", "destination": destination,
            "authorization": activation, "audiences": [{"audience": "customers"}],
            "attributes": [{"attribute": "at", "type": "integer"}], "settings": {"host": host},
            "person_identifier": "ids.email", "retry_window_hours": 72, "status": "active", "revision": 1, "layout": 1,
            "created_at": self.start, "prepared": {"layout": 1, "notes": null, "at": self.start},
        }));
    }

    fn serve(&self, queue: QueueName, batch: usize) {
        let (clock, waiting, engine) = (self.clock.clone(), self.memory.queue(), self.engine.clone());
        let bell = self.bell.clone();
        let task = async move {
            loop {
                let mut rung = pin!(bell.notified());
                rung.as_mut().enable();
                let received = waiting.receive(&queue, batch, engine.times.visibility);
                if received.is_empty() {
                    let due = waiting.next_due_in(&queue).map_or(LONGEST_WAIT, |due| due.duration_since(clock.now()));
                    select(rung, clock.sleep(due.clamp(GLANCE, LONGEST_WAIT))).await;
                    continue;
                }
                let mut done: Vec<_> = received.iter().map(|message| message.receipt).collect();
                let read = |message: Received| (message.receipt, Message::decode(&message.body).unwrap());
                let batch = received.into_iter().map(read).collect();
                let failed = engine.handle(batch, clock.now() + engine.times.function_timeout).await;
                done.retain(|receipt| !failed.contains(receipt));
                waiting.delete(&done);
            }
        };
        self.pool.spawner().spawn_local(task).unwrap();
    }

    fn sweep(&self) {
        let (clock, engine) = (self.clock.clone(), self.engine.clone());
        let task = async move {
            loop {
                let task = Event::Task(Task::Sweep);
                muster_backfill::handle(&engine, task, engine.times.function_timeout).await.unwrap();
                clock.sleep(SignedDuration::from_mins(1)).await;
            }
        };
        self.pool.spawner().spawn_local(task).unwrap();
    }

    /// Microseconds since the start.
    pub(super) fn micros(&self) -> i64 {
        i64::try_from(self.clock.now().duration_since(self.start).as_micros()).unwrap()
    }

    pub(super) fn at(&self, micros: i64) -> Timestamp {
        self.start + SignedDuration::from_micros(micros)
    }

    /// These people's attribute says now.
    pub(super) fn ingest(&mut self, people: impl IntoIterator<Item = usize>) {
        let at = self.micros();
        let change = |person: usize| {
            json!({"type": "attribute.changed", "attribute": "at", "value": at, "occurred_at": self.clock.now(),
                   "person": {"user_id": person.to_string(), "email": format!("p{person}@example.com")}})
            .to_string()
        };
        let lines: Vec<String> = people.into_iter().map(change).collect();
        for lines in lines.chunks(1_000) {
            let request = Request::post("/v1/ingest/shop")
                .header("x-secret", SECRET)
                .header("content-type", "application/x-ndjson")
                .body(Body::from(lines.join("\n")))
                .unwrap();
            let _entered = self.runtime.enter();
            let response = self.pool.run_until(self.ingest.clone().oneshot(request)).unwrap();
            assert_eq!(response.status(), StatusCode::ACCEPTED);
        }
    }

    /// Lets happen what happens until `to`.
    pub(super) fn run_to(&mut self, to: Timestamp) {
        loop {
            self.pool.run_until_stalled();
            match self.clock.next_wake().filter(|next| *next <= to) {
                Some(next) => self.clock.advance_to(next),
                None => break,
            }
        }
        self.clock.advance_to(to);
        self.pool.run_until_stalled();
    }

    pub(super) fn run_for(&mut self, duration: SignedDuration) {
        self.run_to(self.clock.now() + duration);
    }

    /// Runs a future of the handlers' to its end, which must not wait.
    pub(super) fn now<T>(&mut self, future: impl std::future::Future<Output = T>) -> T {
        self.pool.run_until(future)
    }

    /// Microseconds from acceptance to each value's first arrival at a platform, the shortest first.
    pub(super) fn lags(&self, platform: &str) -> Vec<i64> {
        self.lags_since(platform, 0)
    }

    /// The same of what was accepted from this microsecond on.
    pub(super) fn lags_since(&self, platform: &str, from: i64) -> Vec<i64> {
        let told = self.platforms.look(platform, |platform| platform.told.clone());
        let mut first = BTreeMap::new();
        for (value, at) in told.into_iter().filter(|(value, _)| *value >= from) {
            let lag = i64::try_from(at.duration_since(self.at(value)).as_micros()).unwrap();
            first.entry(value).or_insert(lag);
        }
        let mut lags: Vec<i64> = first.into_values().collect();
        lags.sort_unstable();
        lags
    }
}

/// 99 of 100 are no greater.
pub(super) fn p99(sorted: &[i64]) -> i64 {
    sorted[(sorted.len() * 99).div_ceil(100) - 1]
}
