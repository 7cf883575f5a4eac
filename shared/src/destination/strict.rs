//! Settings and credentials read strictly: what is unknown or does not fit is refused with its JSON path.

use serde::de::DeserializeOwned;

use crate::ports::Secret;

/// Of a choice that was named without what belongs to it.
const NEEDS_SETTINGS: &str = "needs settings of its own, in an object";

/// Settings.
///
/// # Errors
/// With the JSON path and the reason.
pub(crate) fn settings<T: DeserializeOwned>(json: &serde_json::Value) -> Result<T, String> {
    serde_path_to_error::deserialize(json).map_err(|error| at(&error, &error.inner().to_string()))
}

/// Credentials.
///
/// # Errors
/// With the JSON path and the reason, never a value.
pub(crate) fn credentials<T: DeserializeOwned>(secret: &Secret) -> Result<T, String> {
    serde_path_to_error::deserialize(&secret.0).map_err(|error| {
        // Serde quotes the value that did not fit, so only the messages that name fields are passed on.
        let message = error.inner().to_string();
        let names_fields = ["unknown field", "missing field"].iter().any(|start| message.starts_with(start));
        at(&error, if names_fields { &message } else { "must be as the schema says" })
    })
}

fn at(error: &serde_path_to_error::Error<serde_json::Error>, message: &str) -> String {
    let message = if message.starts_with("invalid type: unit variant") { NEEDS_SETTINGS } else { message };
    match error.path().to_string().as_str() {
        "." => format!("$: {message}"),
        path => format!("$.{path}: {message}"),
    }
}
