//! The receiver over HTTP, with and without sockets.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State as Given};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use jiff::Timestamp;

use super::receive::{Call, Outcome};
use super::reply::{Reply, http_date};
use super::signature;
use super::state::Shared;
use crate::wire::ResetSwitch;

/// Far above 500 records.
const BODY_LIMIT: usize = 64 * 1024 * 1024;

/// Without sockets a connection cannot break: there a response with this extension stands for it, and
/// whoever carries it to a client makes it the client's error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAnswer {
    /// The connection is reset.
    Reset,
    /// Nothing comes for longer than anybody waits.
    Timeout,
}

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(answer).with_state(shared)
}

async fn answer(Given(shared): Given<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let switch = parts.extensions.get::<ConnectInfo<ResetSwitch>>().map(|ConnectInfo(switch)| switch.clone());
    let call = Call {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or("").to_owned(),
        headers: parts.headers,
        body: to_bytes(body, BODY_LIMIT).await.map_err(|error| error.to_string()),
    };
    if let Some(sent_at) = signature::sent_at(&call.headers) {
        shared.clock.hear(sent_at);
    }
    let (outcome, now, hold_ms) = {
        let mut state = shared.lock();
        (state.receive(&call), state.now, state.switches.hold_ms)
    };
    match (outcome, switch) {
        (Outcome::Send(reply), _) => respond(reply, now),
        (Outcome::Reset, Some(switch)) => {
            switch.pull();
            respond(Reply::empty(500), now)
        }
        (Outcome::Hold, Some(_)) => {
            pause(hold_ms).await;
            respond(Reply::html(504, "Gateway Timeout"), now)
        }
        (Outcome::Reset, None) => lost(NoAnswer::Reset, now),
        (Outcome::Hold, None) => lost(NoAnswer::Timeout, now),
    }
}

#[expect(clippy::disallowed_methods, reason = "a twin holds its answers; no function waits here")]
async fn pause(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

fn lost(why: NoAnswer, now: Timestamp) -> Response {
    let mut response = respond(Reply::html(504, "Gateway Timeout"), now);
    response.extensions_mut().insert(why);
    response
}

fn respond(reply: Reply, now: Timestamp) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    // The twin's time, not the machine's: a client may compare it with its own.
    if let Ok(date) = HeaderValue::from_str(&http_date(now)) {
        headers.insert(header::DATE, date);
    }
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    response
}
