//! A twin on a hand-set clock, and a sender that signs.

use std::cell::Cell;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::SignedDuration;
use muster_twins::clock::TwinClock;
use muster_twins::webhook::{
    Answers, Fault, FaultKind, NoAnswer, Options, PersonView, RouteKind, Switches, WebhookTwin,
};
use serde_json::{Value, json};
use sha2::Sha256;
use tower::ServiceExt;

pub(crate) const NOW: &str = "2026-01-05T07:08:09Z";
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub(crate) const NEXT_SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

pub(crate) struct Bench {
    pub twin: WebhookTwin,
    sent: Cell<u32>,
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
}

pub(crate) fn options(switches: Switches) -> Options {
    Options {
        clock: TwinClock::hand(NOW.parse().unwrap()),
        secrets: vec![SECRET.parse().unwrap()],
        switches,
        ..Options::default()
    }
}

pub(crate) fn bench_with(switches: Switches) -> Bench {
    Bench { twin: WebhookTwin::new(options(switches)), sent: Cell::new(0) }
}

pub(crate) fn bench() -> Bench {
    bench_with(Switches::default())
}

pub(crate) fn with_results() -> Bench {
    bench_with(Switches { answers: Answers::Results, ..Switches::default() })
}

pub(crate) fn signature(secret: &str, id: &str, seconds: i64, body: &str) -> String {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

pub(crate) fn message(kind: &str, data: Value) -> Value {
    json!({ "type": kind, "timestamp": NOW, "data": data })
}

pub(crate) fn people(records: Value) -> Value {
    message("people.state", json!({ "activation": "crm", "records": records }))
}

/// Anna's record with this state in the audience of cats.
pub(crate) fn anna(cats: &str) -> Value {
    present("anna.0", "anna@example.com", cats)
}

pub(crate) fn present(record: &str, id: &str, cats: &str) -> Value {
    let cats = match cats {
        "inside" => json!({ "state": "inside", "properties": { "plan": "gold" } }),
        other => json!({ "state": other }),
    };
    json!({ "record": record, "id": id, "state": "present", "audiences": { "cats": cats },
            "attributes": { "visits": 12, "city": null } })
}

/// Anna and Bea inside.
pub(crate) fn two() -> Value {
    people(json!([anna("inside"), present("bea.0", "bea@example.com", "inside")]))
}

pub(crate) fn entered() -> Value {
    let data = json!({ "activation": "crm", "id": "anna@example.com", "audience": "cats",
                       "properties": { "plan": "gold" } });
    message("audience.entered", data)
}

pub(crate) fn check() -> Value {
    message("muster.check", json!({ "activation": "crm" }))
}

impl Bench {
    /// Another `webhook-id` each time.
    pub(crate) fn next_id(&self) -> String {
        self.sent.set(self.sent.get() + 1);
        format!("msg_{}", self.sent.get())
    }

    /// Signed with the secret as of the twin's now.
    pub(crate) fn signed(&self, method: &str, path: &str, id: &str, body: &str) -> Request<Body> {
        let seconds = self.twin.clock().now().as_second();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signature(SECRET, id, seconds, body));
        let request = if body.is_empty() { request } else { request.header("content-type", "application/json") };
        request.body(Body::from(body.to_owned())).unwrap()
    }

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

    pub(crate) async fn tell_as(&self, id: &str, message: &Value) -> Answer {
        self.send(self.signed("POST", "/muster", id, &message.to_string())).await
    }

    pub(crate) async fn tell(&self, message: &Value) -> Answer {
        self.tell_as(&self.next_id(), message).await
    }

    pub(crate) async fn tell_text(&self, body: &str) -> Answer {
        self.send(self.signed("POST", "/muster", &self.next_id(), body)).await
    }

    pub(crate) async fn ask(&self, about: &str) -> Answer {
        self.send(self.signed("GET", &format!("/ask/{about}"), &self.next_id(), "")).await
    }

    /// Tells this after a fault was scripted for records.
    pub(crate) async fn struck(&self, kind: FaultKind, message: &Value) -> Answer {
        self.twin.push_fault(Fault::once(kind).on_route(RouteKind::People));
        self.tell(message).await
    }

    pub(crate) fn anna(&self) -> Option<PersonView> {
        self.twin.person("anna@example.com")
    }

    pub(crate) fn wait(&self, ms: i64) {
        self.twin.clock().advance(SignedDuration::from_millis(ms));
    }

    #[track_caller]
    pub(crate) fn assert_expected(&self) {
        assert_eq!(self.twin.unexpected(), Vec::<String>::new());
    }
}
