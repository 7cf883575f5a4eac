//! The ports of a twin's API: from a request to its answer, or to its end without one.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use jiff::Timestamp;
use tokio::net::TcpListener;

use crate::reply::{Reply, http_date};
use crate::twin::{Shared, Vendor};
use crate::wire::{ResetSwitch, ResettableListener};

/// Far above any import worth testing.
const BODY_LIMIT: usize = 256 * 1024 * 1024;

/// A request before a vendor looked at it.
pub struct Call {
    /// What the port stands in for, such as `https://api.example.com`.
    pub(crate) origin: &'static str,
    pub(crate) method: String,
    pub(crate) path: String,
    /// Without the question mark.
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    /// `Err` says why it could not be read.
    pub(crate) body: Result<Bytes, String>,
    /// How many requests are open, this one included.
    pub(crate) at_once: u64,
}

impl Call {
    /// The text of a header that came once, readable.
    pub(crate) fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// `Content-Type` without its parameters, in lower case; empty where there is none.
    pub(crate) fn media_type(&self) -> String {
        let full = self.header(header::CONTENT_TYPE).unwrap_or_default();
        full.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }
}

/// What becomes of the connection.
pub enum Outcome {
    /// The answer is sent.
    Send(Reply),
    /// The connection is reset.
    Reset,
    /// Nothing is answered for as long as the twin holds.
    Hold,
}

/// An outcome at an instant of the twin's clock.
pub struct Answer {
    pub(crate) outcome: Outcome,
    pub(crate) at: Timestamp,
    pub(crate) hold_ms: u64,
}

/// Without sockets a connection cannot break: there a response with this extension stands for it, and
/// whoever carries it to a client makes it the client's error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAnswer {
    /// The connection is reset.
    Reset,
    /// Nothing comes for longer than anybody waits.
    Timeout,
}

/// What stands in for the origin, as a service in this process.
pub(crate) fn router<V: Vendor>(shared: Arc<Shared<V>>, origin: &'static str) -> Router {
    Router::new().fallback(answer::<V>).with_state(Port { shared, origin })
}

/// Serves a router on a port until its task ends.
pub(crate) async fn serve(router: Router, listener: TcpListener) {
    let service = router.into_make_service_with_connect_info::<ResetSwitch>();
    // Serving ends with the task only.
    let _ = axum::serve(ResettableListener(listener), service).await;
}

struct Port<V> {
    shared: Arc<Shared<V>>,
    origin: &'static str,
}

impl<V> Clone for Port<V> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), origin: self.origin }
    }
}

async fn answer<V: Vendor>(State(port): State<Port<V>>, request: Request) -> Response {
    let presence = port.shared.enter();
    let (parts, body) = request.into_parts();
    let switch = parts.extensions.get::<ConnectInfo<ResetSwitch>>().map(|ConnectInfo(switch)| switch.clone());
    let call = Call {
        origin: port.origin,
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or("").to_owned(),
        headers: parts.headers,
        body: to_bytes(body, BODY_LIMIT).await.map_err(|error| error.to_string()),
        at_once: presence.at_once,
    };
    port.shared.recording.note(&call);
    let Answer { outcome, at, hold_ms } = V::answer(&port.shared, call).await;
    match (outcome, switch) {
        (Outcome::Send(reply), _) => respond(reply, at),
        (Outcome::Reset, Some(switch)) => {
            switch.pull();
            respond(Reply::empty(500), at)
        }
        (Outcome::Hold, Some(_)) => {
            pause(hold_ms).await;
            respond(timed_out(), at)
        }
        (Outcome::Reset, None) => lost(NoAnswer::Reset, at),
        (Outcome::Hold, None) => lost(NoAnswer::Timeout, at),
    }
}

fn timed_out() -> Reply {
    Reply::html(504, "Gateway Timeout")
}

fn lost(why: NoAnswer, at: Timestamp) -> Response {
    let mut response = respond(timed_out(), at);
    response.extensions_mut().insert(why);
    response
}

/// A vendor takes its time.
#[expect(clippy::disallowed_methods, reason = "a twin holds its answers; no function waits here")]
pub(crate) async fn pause(ms: u64) {
    if ms > 0 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

fn respond(reply: Reply, at: Timestamp) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    // The twin's time, not the machine's: a client may compare it with its own.
    if let Ok(date) = HeaderValue::from_str(&http_date(at)) {
        headers.insert(header::DATE, date);
    }
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.append(name, value);
        }
    }
    response
}
