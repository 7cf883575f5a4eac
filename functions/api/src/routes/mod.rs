//! The routes, a file for each kind of thing. Handlers read, call the control plane and answer; what is
//! decided is decided there.

mod activations;
mod authorizations;
mod connectors;
mod destinations;
mod effects;
mod evidence;
mod notices;
mod scans;
mod sources;

use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::LOCATION;
use muster::control::SourceSecret;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{Api, Problem};

pub(crate) use activations::Reconcile;
pub(crate) use destinations::DestinationView;
pub(crate) use scans::OfferedAudiences;

/// What handlers answer.
type Answer<T> = Result<Json<T>, Problem>;

/// Another name.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Renaming {
    /// For people.
    pub(crate) name: String,
}

/// A source's next secret.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSecret {
    /// The secret that requests are proved with from now on, 16 to 512 characters. Never returned.
    pub(crate) secret: SourceSecret,
}

/// All routes under `/v1` with their operations.
pub(crate) fn all() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .merge(sources::routes())
        .merge(scans::routes())
        .merge(authorizations::routes())
        .merge(connectors::routes())
        .merge(activations::routes())
        .merge(notices::routes())
        .merge(effects::routes())
        .merge(evidence::routes())
        .merge(destinations::routes())
        .routes(routes!(openapi))
}

/// This document.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "description", responses((status = 200, description = "OpenAPI 3.1")))]
async fn openapi() -> Json<&'static Value> {
    Json(crate::document())
}

/// Everything that would end a segment of a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

fn created<T: Serialize>(segments: &[&str], body: T) -> Response {
    let path: String = segments.iter().map(|segment| format!("/{}", utf8_percent_encode(segment, SEGMENT))).collect();
    (StatusCode::CREATED, [(LOCATION, format!("/v1{path}"))], Json(body)).into_response()
}
