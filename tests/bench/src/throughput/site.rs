//! An installation, on the disk or in memory: the ingest handler, the queue, and eight workers whose runs send eight
//! requests each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::SignedDuration;
use muster::catalog::{CachedCatalog, Cataloged, put};
use muster::clock::SystemClock;
use muster::delivery::{Dice, Engine, Registry, Times};
use muster::embedded::LocalQueue;
use muster::http::{Http, HttpTimes};
use muster::installation::installation_key;
use muster::model::{Activation, Authorization, Lane, Message, Outcome as Ending, QueueName, Source};
use muster::ports::{Clock, Secret, Segment};
use muster::steps::Unwatched;
use muster_ingest::Ingest;
use muster_local::system::{System, Wiring};
use muster_memory::{Memory, MemoryQueue};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::Outcome;
use crate::measure::{Cost, Stopwatch};
use crate::receiver::Receiver;

const ORIGIN: &str = "https://receiver.example";
const WORKERS: usize = 8;
const BATCH: usize = 10;
/// 24 bytes.
const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
const NO_LIMIT: f64 = 1e6;
/// How soon a worker looks again at an empty queue.
const IDLE: SignedDuration = SignedDuration::from_millis(1);

/// Signed requests of a source, made before anything is measured.
pub(crate) struct Changes {
    requests: Vec<Signed>,
    pub(crate) count: usize,
}

#[derive(Clone)]
struct Signed {
    id: String,
    stamp: String,
    signature: String,
    body: String,
}

impl Changes {
    pub(crate) fn signed(lines: &[String], per_request: usize) -> Outcome<Self> {
        let key = BASE64_STANDARD.decode(SECRET.trim_start_matches("whsec_"))?;
        let stamp = SystemClock.now().as_second().to_string();
        let sign = |(number, lines): (usize, &[String])| -> Outcome<Signed> {
            let (id, body) = (format!("msg_{number}"), lines.join("\n"));
            let mut mac = Hmac::<Sha256>::new_from_slice(&key)?;
            mac.update(format!("{id}.{stamp}.{body}").as_bytes());
            let signature = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
            Ok(Signed { id, stamp: stamp.clone(), signature, body })
        };
        let requests = lines.chunks(per_request).enumerate().map(sign).collect::<Outcome<_>>()?;
        Ok(Self { requests, count: lines.len() })
    }

    /// How many people they speak of.
    pub(crate) fn people(&self) -> Outcome<usize> {
        let mut people = BTreeSet::new();
        for line in self.requests.iter().flat_map(|request| request.body.lines()) {
            let change: Value = serde_json::from_str(line)?;
            people.insert(change["person"]["user_id"].to_string());
        }
        Ok(people.len())
    }
}

/// Changes of 500 bytes: everybody enters, with a property.
pub(crate) fn entering(people: usize) -> Vec<String> {
    let change = |number: usize| {
        let change = |note: &str| {
            json!({"id": format!("e{number:06}"), "type": "audience.entered", "audience": "buyers",
                   "person": {"email": format!("c{number:06}@example.com"), "user_id": format!("{number:06}")},
                   "audience_properties": {"note": note}, "occurred_at": "2026-01-05T07:00:00Z"})
            .to_string()
        };
        change(&"n".repeat(500_usize.saturating_sub(change("").len())))
    };
    (0..people).map(change).collect()
}

#[derive(Clone)]
enum Queue {
    Memory(Arc<MemoryQueue>),
    Disk(Arc<LocalQueue>),
}

enum Receipt {
    Memory(muster_memory::ReceiptHandle),
    Disk(muster::embedded::ReceiptHandle),
}

impl Queue {
    async fn receive(&self, name: &QueueName, visibility: SignedDuration) -> Outcome<Vec<(Receipt, Message)>> {
        let received: Vec<(Receipt, String)> = match self {
            Self::Memory(queue) => {
                let received = queue.receive(name, BATCH, visibility);
                received.into_iter().map(|one| (Receipt::Memory(one.receipt), one.body)).collect()
            }
            Self::Disk(queue) => {
                let received = queue.receive(name, BATCH, visibility).await?;
                received.into_iter().map(|one| (Receipt::Disk(one.receipt), one.body)).collect()
            }
        };
        received.into_iter().map(|(receipt, body)| Ok((receipt, Message::decode(&body)?))).collect()
    }

    /// Something may have been sent.
    async fn changed(&self) {
        match self {
            Self::Memory(_) => SystemClock.sleep(IDLE).await,
            Self::Disk(queue) => {
                // A message may have come between the look and the wait.
                tokio::select! {
                    () = queue.changed() => {}
                    () = SystemClock.sleep(20 * IDLE) => {}
                }
            }
        }
    }

    async fn delete(&self, receipts: Vec<Receipt>) -> Outcome<()> {
        let (mut of_memory, mut of_disk) = (Vec::new(), Vec::new());
        for receipt in receipts {
            match receipt {
                Receipt::Memory(receipt) => of_memory.push(receipt),
                Receipt::Disk(receipt) => of_disk.push(receipt),
            }
        }
        match self {
            Self::Memory(queue) => queue.delete(&of_memory),
            Self::Disk(queue) => queue.delete(&of_disk).await?,
        }
        Ok(())
    }
}

pub(crate) struct Site {
    engine: Arc<Engine>,
    router: Router,
    queue: Queue,
    /// Keeps the disk's files open.
    _system: Option<Arc<System>>,
}

impl Site {
    pub(crate) async fn in_memory(receiver: &Receiver) -> Outcome<Self> {
        let clock = Arc::new(SystemClock);
        let memory = Memory::new(clock.clone());
        let (ports, times) = (memory.ports(), Times::default());
        let rewrites = BTreeMap::from([(ORIGIN.to_owned(), receiver.origin.clone())]);
        let engine = Engine {
            installation: installation_key(ports.vault.as_ref()).await?,
            catalog: Arc::new(CachedCatalog::new(Arc::clone(&ports.catalog), clock, times.cache_age)),
            http: Http::new(HttpTimes::default(), rewrites)?,
            times,
            steps: Arc::new(Unwatched),
            dice: Dice::fresh(),
            destinations: Arc::new(Registry),
            ports: ports.clone(),
        };
        let ingest = Ingest::open(ports, Arc::new(Unwatched)).await?;
        let router = muster_ingest::router(Arc::new(ingest));
        Self::with_source(Arc::new(engine), router, Queue::Memory(memory.queue()), None).await
    }

    pub(crate) async fn on_disk(receiver: &Receiver, folder: &Path) -> Outcome<Self> {
        let rewrites = [(ORIGIN.to_owned(), receiver.origin.clone())].into_iter().collect();
        let wiring = Wiring { data: Some(folder.to_owned()), rewrites, ..Wiring::new(Arc::new(SystemClock)) };
        let system = Arc::new(System::open(wiring).await?);
        let (engine, router) = (Arc::clone(&system.engine), system.router.clone());
        let queue = Queue::Disk(system.embedded.queue());
        Self::with_source(engine, router, queue, Some(system)).await
    }

    async fn with_source(
        engine: Arc<Engine>,
        router: Router,
        queue: Queue,
        system: Option<Arc<System>>,
    ) -> Outcome<Self> {
        let site = Self { engine, router, queue, _system: system };
        site.store::<Source>(json!({
            "id": "shop", "name": "Shop", "keyed_by": "user_id", "created_at": SystemClock.now(),
            "authentication": {"method": "standard_webhooks"},
        }))
        .await?;
        site.keep("source/shop", json!({"current": SECRET})).await?;
        Ok(site)
    }

    async fn store<T: Cataloged + serde::de::DeserializeOwned>(&self, value: Value) -> Outcome<()> {
        let value: T = serde_json::from_value(value)?;
        put(self.engine.ports.catalog.as_ref(), &value, 0).await?;
        Ok(())
    }

    async fn keep(&self, name: &str, secret: Value) -> Outcome<()> {
        Ok(self.engine.ports.vault.put(name, &Secret(secret)).await?)
    }

    /// An active activation at the receiver, without the walk over everybody.
    pub(crate) async fn link(
        &self,
        batch: usize,
        audiences: &[String],
        attributes: &[(String, &'static str)],
    ) -> Outcome<()> {
        let now = SystemClock.now();
        self.store::<Authorization>(json!({
            "id": "account", "provider": "webhook", "label": "Bench", "requests_per_second": NO_LIMIT,
            "created_at": now, "secret_changed_at": now,
        }))
        .await?;
        self.keep("authorization/account", json!({"secret": SECRET})).await?;
        let audiences: Vec<Value> = audiences.iter().map(|audience| json!({ "audience": audience })).collect();
        let attributes: Vec<Value> =
            attributes.iter().map(|(name, kind)| json!({"attribute": name, "type": kind})).collect();
        self.store::<Activation>(json!({
            "id": "bench", "name": "Bench", "source": "shop", "destination": "webhook", "authorization": "account",
            "audiences": audiences, "attributes": attributes,
            "settings": {"url": format!("{ORIGIN}/in"), "batch": batch, "answers": "status"},
            "person_identifier": "ids.email", "retry_window_hours": 72, "status": "active", "revision": 1,
            "layout": 1, "created_at": now, "prepared": {"layout": 1, "notes": null, "at": now},
        }))
        .await
    }

    /// What it costs to send all requests, as many at a time as ingest takes, and to work until the queue is empty. Then
    /// everybody was told of, and everybody's receipt says so.
    pub(crate) async fn measure(&self, changes: &Changes, receiver: &Receiver) -> Outcome<Cost> {
        let watch = Stopwatch::start();
        self.run(changes).await?;
        let cost = watch.stop(changes.count as u64);
        self.check(changes.people()?, receiver).await?;
        Ok(cost)
    }

    async fn run(&self, changes: &Changes) -> Outcome<()> {
        let is_sent = Arc::new(AtomicBool::new(false));
        let mut workers = JoinSet::new();
        for _ in 0..WORKERS {
            workers.spawn(work(Arc::clone(&self.engine), self.queue.clone(), Arc::clone(&is_sent)));
        }
        let next = Arc::new(AtomicUsize::new(0));
        let requests = Arc::new(changes.requests.clone());
        let mut senders = JoinSet::new();
        for _ in 0..muster_ingest::MAX_IN_FLIGHT {
            let (router, requests, next) = (self.router.clone(), Arc::clone(&requests), Arc::clone(&next));
            senders.spawn(async move {
                while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                    send(&router, request).await?;
                }
                Outcome::Ok(())
            });
        }
        while let Some(sent) = senders.join_next().await {
            sent??;
        }
        is_sent.store(true, Ordering::Release);
        while let Some(worked) = workers.join_next().await {
            worked??;
        }
        Ok(())
    }

    async fn check(&self, people: usize, receiver: &Receiver) -> Outcome<()> {
        let (source, activation) = ("shop".parse()?, "bench".parse()?);
        let (mut from, mut delivered) = (None, 0);
        loop {
            let page = self.engine.ports.people.walk(&source, Some(&activation), Segment::WHOLE, from, 1_000).await?;
            for row in &page.rows {
                let mut receipts = row.standing.records.values().filter_map(|record| record.receipt.as_ref());
                delivered += usize::from(receipts.any(|receipt| receipt.outcome == Ending::Delivered));
            }
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        let told = receiver.people().await?;
        if (told, delivered) == (people, people) {
            return Ok(());
        }
        Err(format!("of {people} people the receiver was told of {told}, and {delivered} have a receipt").into())
    }
}

async fn send(router: &Router, signed: &Signed) -> Outcome<()> {
    let request = Request::post("/v1/ingest/shop")
        .header("content-type", "application/x-ndjson")
        .header("webhook-id", &signed.id)
        .header("webhook-timestamp", &signed.stamp)
        .header("webhook-signature", &signed.signature)
        .body(Body::from(signed.body.clone()))?;
    let (parts, body) = router.clone().oneshot(request).await?.into_parts();
    let body = to_bytes(body, usize::MAX).await?;
    if parts.status == StatusCode::ACCEPTED {
        return Ok(());
    }
    let said: String = String::from_utf8_lossy(&body).chars().take(300).collect();
    Err(format!("ingest answered {}: {said}", parts.status).into())
}

async fn work(engine: Arc<Engine>, queue: Queue, is_sent: Arc<AtomicBool>) -> Outcome<()> {
    let name = QueueName::Destination("webhook".parse()?, Lane::Live);
    loop {
        // Before the look: what was sent is in the queue by then.
        let is_last = is_sent.load(Ordering::Acquire);
        let received = queue.receive(&name, engine.times.visibility).await?;
        if received.is_empty() {
            if is_last {
                return Ok(());
            }
            queue.changed().await;
            continue;
        }
        let (receipts, messages): (Vec<Receipt>, Vec<Message>) = received.into_iter().unzip();
        let batch = messages.into_iter().enumerate().collect();
        let deadline = SystemClock.now().saturating_add(engine.times.function_timeout)?;
        let failed = engine.handle(batch, deadline).await;
        if !failed.is_empty() {
            return Err(format!("{} messages failed", failed.len()).into());
        }
        queue.delete(receipts).await?;
    }
}
