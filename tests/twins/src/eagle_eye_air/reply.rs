//! How AIR words what it does not do (vendor file 6). The code says nothing: a client looks at the status.

use serde_json::json;

use crate::reply::Reply;

pub(super) fn error(status: u16, message: &str) -> Reply {
    Reply::json(status, &json!({ "errorCode": "XXXX", "errorMessage": message }))
}
