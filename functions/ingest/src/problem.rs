//! What went wrong, as RFC 9457 says it. A detail names the rule and the place, never what a request held.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use muster::ingest::AcceptError;
use muster::ports::PortError;
use muster::sources::Rejection;
use muster::sources::authentication::Refusal;
use serde::Serialize;

/// `application/problem+json`.
#[derive(Debug, Serialize)]
pub(crate) struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    #[serde(serialize_with = "code")]
    status: StatusCode,
    detail: String,
    #[serde(flatten)]
    members: Option<Members>,
    #[serde(skip)]
    header: Option<(HeaderName, &'static str)>,
}

fn code<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

/// What a problem says besides.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Members {
    Limit { limit: u64, unit: &'static str },
    Items { accepted: u64, ignored: u64, rejected: Vec<Rejection> },
}

/// The way for more than a request takes.
const SEVERAL: &str = "; send more in several requests";

impl Problem {
    fn new(status: StatusCode, kind: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self { kind, title, status, detail: detail.into(), members: None, header: None }
    }

    fn with_header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.header = Some((name, value));
        self
    }

    /// What it is, to whoever is answered in words of their own.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// What is wrong.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "urn:muster:problem:bad-request", "The request cannot be read", detail)
    }

    /// Every item was bad.
    pub(crate) fn nothing_accepted(rejected: Vec<Rejection>) -> Self {
        let detail = format!("none of the {} items can be taken", rejected.len());
        let members = Some(Members::Items { accepted: 0, ignored: 0, rejected });
        Self { members, ..Self::bad_request(detail) }
    }

    pub(crate) fn unauthorized(refusal: &Refusal) -> Self {
        let (kind, title) = ("urn:muster:problem:unauthorized", "The request does not prove where it comes from");
        let problem = Self::new(StatusCode::UNAUTHORIZED, kind, title, refusal.to_string());
        match refusal {
            Refusal::Token => problem.with_header(WWW_AUTHENTICATE, "Bearer realm=\"muster\", error=\"invalid_token\""),
            Refusal::Missing(_)
            | Refusal::Timestamp
            | Refusal::Stale
            | Refusal::Early
            | Refusal::Signature
            | Refusal::Secret(_)
            | Refusal::Unusable => problem,
        }
    }

    pub(crate) fn wrong_password() -> Self {
        let (kind, title) = ("urn:muster:problem:unauthorized", "The request does not prove where it comes from");
        Self::new(StatusCode::UNAUTHORIZED, kind, title, "user or password is missing or wrong")
            .with_header(WWW_AUTHENTICATE, "Basic realm=\"muster signals\", charset=\"UTF-8\"")
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "urn:muster:problem:not-found", "Not found", detail)
    }

    pub(crate) fn method_not_allowed() -> Self {
        let (kind, title) = ("urn:muster:problem:method-not-allowed", "Method not allowed");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, kind, title, "use POST").with_header(ALLOW, "POST")
    }

    pub(crate) fn timeout() -> Self {
        let (kind, title) = ("urn:muster:problem:timeout", "The body did not come in time");
        Self::new(StatusCode::REQUEST_TIMEOUT, kind, title, "the body must be there within 30 seconds")
    }

    pub(crate) fn too_large(what: &str, limit: u64, unit: &'static str) -> Self {
        let (kind, title) = ("urn:muster:problem:too-large", "More than a request takes");
        let members = Some(Members::Limit { limit, unit });
        Self { members, ..Self::new(StatusCode::PAYLOAD_TOO_LARGE, kind, title, format!("{what}{SEVERAL}")) }
    }

    pub(crate) fn unsupported(detail: impl Into<String>) -> Self {
        let (kind, title) = ("urn:muster:problem:unsupported", "Not a form that can be read");
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, kind, title, detail)
    }

    /// A row has no room for what must not be lost: whoever sends it again later finds room.
    pub(crate) fn no_room_now() -> Self {
        let detail = "a person's row has no room until what waits in it is told; send it again later";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "urn:muster:problem:no-room", "There is no room now", detail)
            .with_header(RETRY_AFTER, "60")
    }

    pub(crate) fn too_many_requests(limit: usize) -> Self {
        let (kind, title) = ("urn:muster:problem:too-many-requests", "Too many requests at a time");
        let detail = format!("at most {limit} requests at a time; put more changes into each");
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, kind, title, detail).with_header(RETRY_AFTER, "1");
        Self { members: Some(Members::Limit { limit: limit as u64, unit: "requests" }), ..problem }
    }

    /// Our own failure: the sender must come again.
    fn unavailable(detail: &str) -> Self {
        let (kind, title) = ("urn:muster:problem:unavailable", "Muster cannot take this now");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, kind, title, detail).with_header(RETRY_AFTER, "5")
    }

    /// A secret that the owner has to mend.
    pub(crate) fn unusable_secret(name: &str) -> Self {
        tracing::error!(secret = name, "the secret in the vault is missing or cannot be used");
        Self::unavailable("the secret for this is missing or cannot be used; its owner must set it")
    }
}

impl From<PortError> for Problem {
    fn from(error: PortError) -> Self {
        tracing::error!(%error, "a request could not be served");
        Self::unavailable("send the request again")
    }
}

impl From<AcceptError> for Problem {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::Port(error) => error.into(),
            AcceptError::Contended => {
                tracing::warn!(%error, "a request could not be served; its sender comes again");
                Self::unavailable("others write the same people; send the request again")
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, header) = (self.status, self.header.clone());
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some((name, value)) = header {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
