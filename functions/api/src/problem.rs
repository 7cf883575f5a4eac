//! Errors as RFC 9457 problem documents.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use muster::control::ControlError;
use muster::destination::Failure;
use muster::ports::PortError;
use schemars::JsonSchema;
use serde::Serialize;

/// A problem document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Problem {
    /// `about:blank`: the status says what kind of problem it is.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong, for a person; never a part of a secret.
    pub detail: String,
    /// Where in the request, as a JSON path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Seconds after which it may go better.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl Problem {
    /// A problem of this status.
    pub fn of(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            path: None,
            retry_after: None,
        }
    }

    /// With the place in the request.
    #[must_use]
    pub fn at(self, path: impl Into<String>) -> Self {
        Self { path: Some(path.into()), ..self }
    }

    fn after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds.max(1)), ..self }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = self.retry_after;
        let mut response = (status, Json(self)).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::NotFound { what } => Self::of(StatusCode::NOT_FOUND, format!("there is no such {what}")),
            ControlError::Conflict { reason } => Self::of(StatusCode::CONFLICT, reason),
            ControlError::Invalid { path, reason } => Self::of(StatusCode::UNPROCESSABLE_ENTITY, reason).at(path),
            ControlError::Vendor(failure) => of_vendor(failure),
            ControlError::Port(error) => of_port(&error),
        }
    }
}

fn of_vendor(failure: Failure) -> Problem {
    match failure {
        Failure::Retryable { reason, applied: _ } => {
            Problem::of(StatusCode::BAD_GATEWAY, format!("the vendor: {reason}"))
        }
        Failure::RateLimited { retry_after } => {
            let seconds = retry_after.map_or(1, |wait| wait.as_secs().unsigned_abs());
            Problem::of(StatusCode::SERVICE_UNAVAILABLE, "the vendor asks to slow down").after(seconds)
        }
        Failure::PutOff { until: _ } => {
            Problem::of(StatusCode::SERVICE_UNAVAILABLE, "the account's requests are used up for now").after(5)
        }
        Failure::Rejected { reason } => Problem::of(StatusCode::UNPROCESSABLE_ENTITY, reason.to_string()),
        Failure::Unauthorized { reason } => {
            Problem::of(StatusCode::UNPROCESSABLE_ENTITY, reason.to_string()).at("authorization")
        }
        Failure::Misconfigured { reason } => {
            Problem::of(StatusCode::UNPROCESSABLE_ENTITY, reason.to_string()).at("settings")
        }
    }
}

fn of_port(error: &PortError) -> Problem {
    tracing::error!(%error, "a request to the control plane failed on our side");
    match error {
        PortError::Unavailable { .. } => {
            Problem::of(StatusCode::SERVICE_UNAVAILABLE, "a store did not answer: try again").after(1)
        }
        PortError::Unreadable { .. } => {
            Problem::of(StatusCode::INTERNAL_SERVER_ERROR, "something stored cannot be read: see the log")
        }
    }
}
