//! A twin on a hand-set clock, and a client with its private key.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use muster_twins::bloomreach::{BloomreachTwin, EventView, Fault, FaultKind, NoAnswer, Options, Switches};
use muster_twins::clock::TwinClock;
use serde_json::{Value, json};
use tower::ServiceExt;

/// 1772360105 seconds.
pub(crate) const NOW: &str = "2026-03-01T10:15:05Z";
/// Of all commands here, unless they say otherwise.
pub(crate) const AT: i64 = 1_772_360_100;
pub(crate) const PROJECT: &str = "3f6a7c1e-0000-4000-8000-0123456789ab";

pub(crate) struct Bench {
    pub twin: BloomreachTwin,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
    pub lost: Option<NoAnswer>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Of each command, whether it succeeded.
    pub(crate) fn successes(&self) -> Vec<bool> {
        let body = self.json();
        let results = body["results"].as_array().unwrap();
        results.iter().map(|result| result["success"].as_bool().unwrap()).collect()
    }
}

pub(crate) fn options(switches: Switches) -> Options {
    Options {
        clock: TwinClock::hand(NOW.parse().unwrap()),
        project_token: PROJECT.to_owned(),
        switches,
        ..Options::default()
    }
}

pub(crate) fn bench_with(switches: Switches) -> Bench {
    Bench { twin: BloomreachTwin::new(options(switches)) }
}

pub(crate) fn bench() -> Bench {
    bench_with(Switches::default())
}

pub(crate) fn path(rest: &str) -> String {
    format!("/track/v2/projects/{PROJECT}/{rest}")
}

pub(crate) fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

pub(crate) fn request(path: &str, authorization: &str, body: &str) -> Request<Body> {
    Request::builder()
        .method("POST")
        .uri(path)
        .header("authorization", authorization)
        .header("content-type", "application/json")
        .body(Body::from(body.to_owned()))
        .unwrap()
}

/// Data of `customers`.
pub(crate) fn update(registered: &str, properties: Value) -> Value {
    update_at(registered, AT, properties)
}

pub(crate) fn update_at(registered: &str, at: i64, properties: Value) -> Value {
    json!({ "customer_ids": { "registered": registered }, "update_timestamp": at, "properties": properties })
}

/// Data of `customers/events`.
pub(crate) fn event(registered: &str, event_type: &str) -> Value {
    json!({ "customer_ids": { "registered": registered }, "event_type": event_type, "timestamp": AT,
            "properties": { "campaign_id": "100000002", "value": 2.0 } })
}

pub(crate) fn command(id: &str, data: Value) -> Value {
    let name = if data.get("event_type").is_some() { "customers/events" } else { "customers" };
    json!({ "name": name, "command_id": id, "data": data })
}

/// Commands with ids that say their place after `prefix`.
pub(crate) fn batch_of(prefix: &str, all: impl IntoIterator<Item = Value>) -> Value {
    let commands = all.into_iter().enumerate().map(|(place, data)| command(&format!("{prefix}:{place}"), data));
    json!({ "commands": commands.collect::<Vec<_>>() })
}

/// Events `e00`, `e01`, … of Anna.
pub(crate) fn events(count: usize) -> Value {
    batch_of("many", (0..count).map(|number| event("anna", &format!("e{number:02}"))))
}

pub(crate) fn types(events: &[EventView]) -> Vec<String> {
    events.iter().map(|event| event.event_type.clone()).collect()
}

impl Bench {
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.twin.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status.as_u16(),
            lost: parts.extensions.get().copied(),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    pub(crate) async fn post_text(&self, rest: &str, body: &str) -> Answer {
        self.send(request(&path(rest), &basic("KEY_ID", "KEY_SECRET"), body)).await
    }

    pub(crate) async fn post(&self, rest: &str, body: &Value) -> Answer {
        self.post_text(rest, &body.to_string()).await
    }

    pub(crate) async fn batch(&self, body: &Value) -> Answer {
        self.post("batch", body).await
    }

    pub(crate) async fn event(&self, data: &Value) -> Answer {
        self.post("customers/events", data).await
    }

    pub(crate) async fn update(&self, data: &Value) -> Answer {
        self.post("customers", data).await
    }

    /// Sends this batch after a fault was scripted.
    pub(crate) async fn struck(&self, kind: FaultKind, body: &Value) -> Answer {
        self.twin.push_fault(Fault::once(kind));
        self.batch(body).await
    }

    pub(crate) fn property(&self, registered: &str, name: &str) -> Option<Value> {
        self.twin.person(registered)?.properties.get(name).cloned()
    }

    pub(crate) fn wait(&self, ms: i64) {
        self.twin.clock().advance(SignedDuration::from_millis(ms));
    }

    #[track_caller]
    pub(crate) fn assert_expected(&self) {
        assert_eq!(self.twin.unexpected(), Vec::<String>::new());
    }
}
