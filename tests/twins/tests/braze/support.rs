//! A twin on a hand-set clock, and a client with its key.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use jiff::SignedDuration;
use muster_twins::braze::{BrazeTwin, Fault, FaultKind, NoAnswer, Options, Switches};
use muster_twins::clock::TwinClock;
use serde_json::{Value, json};
use tower::ServiceExt;

/// A multiple of three seconds since 1970.
pub(crate) const NOW: &str = "2026-01-05T07:08:09Z";
pub(crate) const TRACK: &str = "/users/track";

pub(crate) struct Bench {
    pub twin: BrazeTwin,
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

    /// Limit, remaining, and the seconds until the reset after [`NOW`].
    pub(crate) fn rate(&self) -> (i64, i64, i64) {
        let number = |name| self.header(name).unwrap().parse::<i64>().unwrap();
        let now: jiff::Timestamp = NOW.parse().unwrap();
        let reset = number("x-ratelimit-reset") - now.as_second();
        (number("x-ratelimit-limit"), number("x-ratelimit-remaining"), reset)
    }
}

pub(crate) fn options(switches: Switches) -> Options {
    Options { clock: TwinClock::hand(NOW.parse().unwrap()), switches, ..Options::default() }
}

pub(crate) fn bench_with(switches: Switches) -> Bench {
    Bench { twin: BrazeTwin::new(options(switches)) }
}

/// Nobody is there.
pub(crate) fn bench() -> Bench {
    bench_with(Switches::default())
}

/// An object of `anna` with these fields.
pub(crate) fn of_anna(fields: Value) -> Value {
    with(json!({ "external_id": "anna" }), fields)
}

pub(crate) fn with(mut object: Value, fields: Value) -> Value {
    let fields = fields.as_object().cloned().unwrap();
    object.as_object_mut().unwrap().extend(fields);
    object
}

/// An event of `anna` so many seconds after [`NOW`].
pub(crate) fn event(name: &str, seconds: i64) -> Value {
    let now: jiff::Timestamp = NOW.parse().unwrap();
    of_anna(json!({ "name": name, "time": (now + SignedDuration::from_secs(seconds)).to_string() }))
}

pub(crate) fn purchase() -> Value {
    of_anna(json!({ "product_id": "sku-1", "currency": "EUR", "price": 9.5, "time": NOW }))
}

impl Bench {
    pub(crate) fn request(&self, method: &str, path: &str, body: &str) -> Request<Body> {
        Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", "Bearer REST_API_KEY")
            .header("content-type", "application/json")
            .body(Body::from(body.to_owned()))
            .unwrap()
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

    pub(crate) async fn track_text(&self, body: &str) -> Answer {
        self.send(self.request("POST", TRACK, body)).await
    }

    pub(crate) async fn track(&self, body: Value) -> Answer {
        self.track_text(&body.to_string()).await
    }

    /// Tracks this and lets it be applied; everything is taken.
    pub(crate) async fn apply(&self, body: Value) {
        let answer = self.track(body).await;
        assert_eq!((answer.status, &answer.json()["errors"]), (201, &Value::Null), "{}", answer.body);
        self.twin.apply_queued();
    }

    /// Applies attributes of `anna`, and answers what she has then.
    pub(crate) async fn write(&self, fields: Value) -> Value {
        self.apply(json!({ "attributes": [of_anna(fields)] })).await;
        self.anna()
    }

    /// The attributes of `anna`.
    pub(crate) fn anna(&self) -> Value {
        Value::Object(self.twin.person("anna").unwrap().attributes)
    }

    /// The sentence about a faulty object.
    pub(crate) async fn fault(&self, array: &str, object: Value) -> String {
        let answer = self.track(json!({ array: [object] })).await.json();
        assert_eq!(answer["errors"][0]["input_array"], array, "{answer}");
        answer["errors"][0]["type"].as_str().unwrap().to_owned()
    }

    /// Tracks this after a fault was scripted.
    pub(crate) async fn struck(&self, kind: FaultKind, body: Value) -> Answer {
        self.twin.push_fault(Fault::once(kind));
        self.track(body).await
    }

    pub(crate) fn wait(&self, ms: i64) {
        self.twin.clock().advance(SignedDuration::from_millis(ms));
    }

    pub(crate) fn event_names(&self) -> Vec<String> {
        self.twin.events().into_iter().map(|event| event.name).collect()
    }

    #[track_caller]
    pub(crate) fn assert_expected(&self) {
        assert_eq!(self.twin.unexpected(), Vec::<String>::new());
    }
}
