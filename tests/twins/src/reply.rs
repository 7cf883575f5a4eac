//! What a twin answers, before it becomes HTTP.

use axum::http::HeaderName;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

const JSON: &str = "application/json";

/// An answer of a vendor.
#[derive(Debug, Clone)]
pub struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
    /// Besides `Content-Type` and `Date`; a name may come twice.
    pub(crate) headers: Vec<(HeaderName, String)>,
}

impl Reply {
    pub(crate) fn empty(status: u16) -> Self {
        Self::text(status, JSON, String::new())
    }

    pub(crate) fn json(status: u16, body: &impl Serialize) -> Self {
        match serde_json::to_string(body) {
            Ok(body) => Self::text(status, JSON, body),
            Err(error) => Self::text(500, JSON, json!({"error": error.to_string()}).to_string()),
        }
    }

    pub(crate) fn html(status: u16, title: &str) -> Self {
        let body = format!("<html><head><title>{title}</title></head><body>{title}</body></html>");
        Self::text(status, "text/html", body)
    }

    pub(crate) fn text(status: u16, content_type: &'static str, body: String) -> Self {
        Self { status, content_type, body, headers: Vec::new() }
    }

    #[must_use]
    pub(crate) fn with_header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// RFC 1123, for `Date` and `Retry-After`.
pub(crate) fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
