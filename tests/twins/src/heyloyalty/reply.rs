//! How Heyloyalty words what it does not do.

use serde_json::{Value, json};

use super::switches::Switches;
use crate::reply::Reply;

/// A validation error.
pub(super) fn refused(message: impl Into<String>) -> Reply {
    error(400, message)
}

pub(super) fn error(status: u16, message: impl Into<String>) -> Reply {
    Reply::json(status, &json!({ "error": message.into() }))
}

/// An error in the form `{"message": …, "code": …}`.
pub(super) fn coded(status: u16, message: &str, switches: &Switches) -> Reply {
    let code = if switches.code_as_string { Value::from(status.to_string()) } else { Value::from(status) };
    Reply::json(status, &json!({ "message": message, "code": code }))
}

pub(super) fn not_found(switches: &Switches) -> Reply {
    coded(404, "Not Found", switches)
}

pub(super) fn list_not_found(switches: &Switches) -> Reply {
    coded(404, "List not found", switches)
}
