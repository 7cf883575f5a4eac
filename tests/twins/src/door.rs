//! The side door over HTTP, as far as it is the same for every twin; see the table of the crate.

use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::faults::{Fault, SeededFaults};
use crate::twin::{Refused, Twin, Vendor};

/// A hundred thousand members in one body.
const BODY_LIMIT: usize = 256 * 1024 * 1024;

/// The common routes and the vendor's `own` below its door.
pub(crate) fn router<V: Vendor>(twin: Twin<V>, own: Router<Twin<V>>) -> Router {
    let routes = Router::new()
        .route("/switches", get(switches).put(set_switches).patch(patch_switches))
        .route("/clock", get(clock).put(set_clock))
        .route("/counters", get(counters).delete(reset_counters))
        .route("/unexpected", get(unexpected).delete(clear_unexpected))
        .route("/faults", get(faults).post(push_fault).delete(clear_faults))
        .route("/faults/seeded", put(seed_faults))
        .route("/late", get(late).post(apply_late))
        .merge(own)
        .layer(DefaultBodyLimit::max(BODY_LIMIT));
    let whole = if V::DOOR.is_empty() { routes } else { Router::new().nest(V::DOOR, routes) };
    whole.with_state(twin)
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        refused(&self)
    }
}

fn refused(reason: &impl ToString) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": reason.to_string() }))).into_response()
}

/// 204, or 404 for what is not there.
pub(crate) fn done(there: bool) -> StatusCode {
    if there { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

/// What was found, or 404.
pub(crate) fn shown<T: Serialize>(found: Option<T>) -> Response {
    match found {
        Some(found) => Json(found).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn switches<V: Vendor>(State(twin): State<Twin<V>>) -> Response {
    Json(twin.switches()).into_response()
}

async fn set_switches<V: Vendor>(State(twin): State<Twin<V>>, Json(switches): Json<V::Switches>) -> StatusCode {
    twin.set_switches(switches);
    done(true)
}

async fn patch_switches<V: Vendor>(State(twin): State<Twin<V>>, Json(part): Json<Map<String, Value>>) -> Response {
    let mut whole = json!(twin.switches());
    if let Some(whole) = whole.as_object_mut() {
        whole.extend(part);
    }
    match serde_json::from_value(whole) {
        Ok(switches) => {
            twin.set_switches(switches);
            done(true).into_response()
        }
        Err(error) => refused(&error),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ClockChange {
    Now(Timestamp),
    AdvanceSeconds(i64),
    Machine,
}

async fn clock<V: Vendor>(State(twin): State<Twin<V>>) -> Response {
    Json(json!({ "now": twin.clock().now() })).into_response()
}

async fn set_clock<V: Vendor>(State(twin): State<Twin<V>>, Json(change): Json<ClockChange>) -> StatusCode {
    match change {
        ClockChange::Now(now) => twin.clock().set(now),
        ClockChange::AdvanceSeconds(by) => twin.clock().advance(SignedDuration::from_secs(by)),
        ClockChange::Machine => twin.clock().follow_machine(),
    }
    done(true)
}

async fn counters<V: Vendor>(State(twin): State<Twin<V>>) -> Response {
    Json(twin.counters()).into_response()
}

async fn reset_counters<V: Vendor>(State(twin): State<Twin<V>>) -> StatusCode {
    twin.reset_counters();
    done(true)
}

async fn unexpected<V: Vendor>(State(twin): State<Twin<V>>) -> Response {
    Json(twin.unexpected()).into_response()
}

async fn clear_unexpected<V: Vendor>(State(twin): State<Twin<V>>) -> StatusCode {
    twin.clear_unexpected();
    done(true)
}

async fn faults<V: Vendor>(State(twin): State<Twin<V>>) -> Response {
    Json(twin.scripted_faults()).into_response()
}

async fn push_fault<V: Vendor>(State(twin): State<Twin<V>>, Json(fault): Json<Fault<V::Route>>) -> StatusCode {
    twin.push_fault(fault);
    done(true)
}

async fn clear_faults<V: Vendor>(State(twin): State<Twin<V>>) -> StatusCode {
    twin.clear_faults();
    done(true)
}

#[derive(Deserialize)]
#[serde(untagged, bound = "R: serde::de::DeserializeOwned")]
enum Seeded<R> {
    Everywhere(SeededFaults<R>),
    ByRoute(Vec<SeededFaults<R>>),
}

async fn seed_faults<V: Vendor>(State(twin): State<Twin<V>>, Json(seeded): Json<Seeded<V::Route>>) -> StatusCode {
    match seeded {
        Seeded::Everywhere(seeded) => twin.seed_faults(seeded),
        Seeded::ByRoute(seeded) => twin.seed_faults_by_route(seeded),
    }
    done(true)
}

async fn late<V: Vendor>(State(twin): State<Twin<V>>) -> Response {
    Json(twin.late()).into_response()
}

async fn apply_late<V: Vendor>(State(twin): State<Twin<V>>) -> Response {
    Json(twin.apply_late()).into_response()
}
