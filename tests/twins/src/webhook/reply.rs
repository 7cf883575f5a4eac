//! What the twin answers, before it becomes HTTP.

use axum::http::{HeaderName, header};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

const JSON: &str = "application/json";

#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub status: u16,
    pub content_type: &'static str,
    pub body: String,
    /// Besides `Content-Type` and `Date`.
    pub headers: Vec<(HeaderName, String)>,
}

impl Reply {
    pub(super) fn empty(status: u16) -> Self {
        Self::text(status, "text/plain", String::new())
    }

    pub(super) fn json(status: u16, body: &impl Serialize) -> Self {
        match serde_json::to_string(body) {
            Ok(body) => Self::text(status, JSON, body),
            Err(error) => Self::text(500, JSON, json!({"error": error.to_string()}).to_string()),
        }
    }

    pub(super) fn html(status: u16, title: &str) -> Self {
        let body = format!("<html><head><title>{title}</title></head><body>{title}</body></html>");
        Self::text(status, "text/html", body)
    }

    /// The contract has no body of errors: this is one that quotes what it likes.
    pub(super) fn error(status: u16, message: impl Into<String>) -> Self {
        Self::json(status, &json!({ "error": message.into() }))
    }

    pub(super) fn too_many_requests(retry_after: Option<String>) -> Self {
        let reply = Self::error(429, "Too Many Requests");
        match retry_after {
            Some(text) => reply.with_header(header::RETRY_AFTER, text),
            None => reply,
        }
    }

    pub(super) fn text(status: u16, content_type: &'static str, body: String) -> Self {
        Self { status, content_type, body, headers: Vec::new() }
    }

    #[must_use]
    pub(super) fn with_header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// RFC 1123, for `Date` and `Retry-After`.
pub(super) fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
