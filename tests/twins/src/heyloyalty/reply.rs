//! What the twin answers, before it becomes HTTP.

use serde::Serialize;
use serde_json::{Value, json};

use super::switches::Switches;

const JSON: &str = "application/json";

#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub status: u16,
    pub content_type: &'static str,
    pub body: String,
    pub retry_after: Option<String>,
}

impl Reply {
    pub(super) fn empty(status: u16) -> Self {
        Self::text(status, JSON, String::new())
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

    /// A validation error.
    pub(super) fn refused(message: impl Into<String>) -> Self {
        Self::error(400, message)
    }

    pub(super) fn error(status: u16, message: impl Into<String>) -> Self {
        Self::json(status, &json!({ "error": message.into() }))
    }

    /// An error in the form `{"message": …, "code": …}`.
    pub(super) fn coded(status: u16, message: &str, switches: &Switches) -> Self {
        let code = if switches.code_as_string { Value::from(status.to_string()) } else { Value::from(status) };
        Self::json(status, &json!({ "message": message, "code": code }))
    }

    pub(super) fn not_found(switches: &Switches) -> Self {
        Self::coded(404, "Not Found", switches)
    }

    pub(super) fn list_not_found(switches: &Switches) -> Self {
        Self::coded(404, "List not found", switches)
    }

    fn text(status: u16, content_type: &'static str, body: String) -> Self {
        Self { status, content_type, body, retry_after: None }
    }
}
