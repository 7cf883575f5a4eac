//! A way in over ports in memory, whose rows can be made to refuse and whose queue remembers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Request, StatusCode};
use muster::catalog;
use muster::embedded::{Embedded, JumpClock};
use muster::installation::installation_key;
use muster::model::{
    Activation, ActivationId, Identifier, Message, Nudge, PersonKey, QueueName, Source, SourceId, Standing,
};
use muster::ports::{
    Doubted, Outgoing, People, PersonWrite, PortResult, Ports, Queue, Row, Secret, Segment, Settled, Settlement,
    Walked, Written,
};
use muster::steps::{Step, Steps};
use muster_ingest::{Ingest, router};
use serde_json::{Value, json};
use tower::ServiceExt;

pub(crate) const NOW: &str = "2026-01-01T12:00:00Z";

/// The rows, with trouble to come.
pub(crate) struct Rows {
    inner: Arc<dyn People>,
    pub(crate) reads: AtomicUsize,
    pub(crate) writes: AtomicUsize,
    pub(crate) conflicts: AtomicUsize,
    pub(crate) too_large: AtomicUsize,
}

fn take(trouble: &AtomicUsize) -> bool {
    trouble.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

#[async_trait]
impl People for Rows {
    async fn read(&self, keys: &[PersonKey], activation: Option<&ActivationId>) -> PortResult<Vec<Row>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.read(keys, activation).await
    }
    async fn standings(&self, person: PersonKey) -> PortResult<BTreeMap<ActivationId, Standing>> {
        self.inner.standings(person).await
    }
    async fn write(&self, writes: Vec<PersonWrite>) -> PortResult<Vec<(PersonKey, Written)>> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        if take(&self.conflicts) {
            return Ok(writes.iter().map(|write| (write.person.key, Written::Conflict)).collect());
        }
        if take(&self.too_large) {
            return Ok(writes.iter().map(|write| (write.person.key, Written::TooLarge)).collect());
        }
        self.inner.write(writes).await
    }
    async fn settle(&self, settlements: Vec<Settlement>) -> PortResult<Vec<(PersonKey, Settled)>> {
        self.inner.settle(settlements).await
    }
    async fn raise_doubt(&self, activation: &ActivationId, doubted: &[Doubted]) -> PortResult<()> {
        self.inner.raise_doubt(activation, doubted).await
    }
    async fn walk(
        &self,
        source: &SourceId,
        activation: Option<&ActivationId>,
        segment: Segment,
        after: Option<PersonKey>,
        limit: usize,
    ) -> PortResult<Walked> {
        self.inner.walk(source, activation, segment, after, limit).await
    }
    async fn count(&self, source: &SourceId) -> PortResult<u64> {
        self.inner.count(source).await
    }
}

/// A queue that remembers, one entry a send.
#[derive(Default)]
pub(crate) struct Sent(pub(crate) Mutex<Vec<(String, Vec<Message>)>>);

#[async_trait]
impl Queue for Sent {
    async fn send(&self, queue: &QueueName, messages: Vec<Outgoing>) -> PortResult<()> {
        let messages = messages.iter().map(|message| Message::decode(&message.body).unwrap()).collect();
        self.0.lock().unwrap().push((queue.to_string(), messages));
        Ok(())
    }
}

/// The steps reached.
#[derive(Default)]
pub(crate) struct Trail(pub(crate) Mutex<Vec<Step>>);

impl Steps for Trail {
    fn reached(&self, step: Step) {
        self.0.lock().unwrap().push(step);
    }
}

pub(crate) struct World {
    pub(crate) ports: Ports,
    pub(crate) rows: Arc<Rows>,
    pub(crate) sent: Arc<Sent>,
    pub(crate) trail: Arc<Trail>,
    pub(crate) clock: Arc<JumpClock>,
}

impl World {
    /// A source `shop` with a secret in the header `x-key`, and no activation.
    pub(crate) async fn new() -> Self {
        let clock = Arc::new(JumpClock::frozen_at(NOW.parse().unwrap()));
        let mut ports = Embedded::in_memory(clock.clone()).unwrap().ports();
        let rows = Arc::new(Rows {
            inner: ports.people.clone(),
            reads: AtomicUsize::new(0),
            writes: AtomicUsize::new(0),
            conflicts: AtomicUsize::new(0),
            too_large: AtomicUsize::new(0),
        });
        let sent = Arc::new(Sent::default());
        ports.people = rows.clone();
        ports.queue = sent.clone();
        let world = Self { ports, rows, sent, trail: Arc::default(), clock };
        world.put_source("shop", json!({"method": "header", "name": "x-key"}), json!({"current": "open"})).await;
        world
    }

    pub(crate) async fn put_source(&self, id: &str, authentication: Value, secret: Value) {
        self.put_source_as(id, authentication, json!({"kind": "muster"}), secret).await;
    }

    pub(crate) async fn put_source_as(&self, id: &str, authentication: Value, format: Value, secret: Value) {
        let source: Source = serde_json::from_value(json!({"id": id, "name": id, "keyed_by": "email",
            "authentication": authentication, "format": format, "created_at": NOW}))
        .unwrap();
        assert!(catalog::put(self.ports.catalog.as_ref(), &source, 0).await.unwrap());
        self.ports.vault.put(&format!("source/{id}"), &Secret(secret)).await.unwrap();
    }

    /// An activation of `shop` that links the audience `buyers` and the attribute `ltv`.
    pub(crate) async fn put_activation(&self, id: &str, status: &str) {
        let activation: Activation = serde_json::from_value(json!({"id": id, "name": id, "source": "shop",
            "audiences": [{"audience": "buyers"}], "attributes": [{"attribute": "ltv", "type": "decimal"}],
            "destination": "webhook", "authorization": "main", "settings": {}, "person_identifier": "ids.email",
            "retry_window_hours": 72, "status": status, "revision": 1, "layout": 1, "created_at": NOW}))
        .unwrap();
        assert!(catalog::put(self.ports.catalog.as_ref(), &activation, 0).await.unwrap());
    }

    pub(crate) async fn app(&self) -> Ingest {
        Ingest::open(self.ports.clone(), self.trail.clone()).await.unwrap()
    }

    pub(crate) async fn router(&self) -> Router {
        router(Arc::new(self.app().await))
    }

    /// Sends JSON to `shop`.
    pub(crate) async fn send(&self, body: Value) -> Answer {
        send(self.router().await, request("/v1/ingest/shop").body(Body::from(body.to_string())).unwrap()).await
    }

    pub(crate) async fn person(&self, email: &str) -> PersonKey {
        let (source, kind) = ("shop".parse().unwrap(), "email".parse().unwrap());
        let key = installation_key(self.ports.vault.as_ref()).await.unwrap();
        key.person(&source, &kind, &Identifier::normalise(&kind, email).unwrap())
    }

    pub(crate) async fn row(&self, email: &str) -> Option<muster::model::Person> {
        let key = self.person(email).await;
        self.ports.people.read(&[key], None).await.unwrap().pop().map(|row| row.person)
    }

    /// The nudges sent so far, and forgets them.
    pub(crate) fn nudges(&self) -> Vec<Nudge> {
        let sent = std::mem::take(&mut *self.sent.0.lock().unwrap());
        let nudge = |message| if let Message::Nudge(nudge) = message { Some(nudge) } else { None };
        sent.into_iter().flat_map(|(_, messages)| messages).filter_map(nudge).collect()
    }
}

/// An answer, with its body as JSON.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Value,
}

/// A POST of JSON with the secret of `shop`.
pub(crate) fn request(path: &str) -> http::request::Builder {
    Request::post(path).header("x-key", "open").header("content-type", "application/json")
}

pub(crate) async fn send(router: Router, request: Request<Body>) -> Answer {
    let (parts, body) = router.oneshot(request).await.unwrap().into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    Answer { status: parts.status, headers: parts.headers, body: serde_json::from_slice(&bytes).unwrap() }
}

pub(crate) fn entered(email: &str) -> Value {
    json!({"type": "audience.entered", "audience": "buyers", "person": {"email": email}})
}

pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}
