//! The envelope of every answer (vendor file 4.1).

use serde_json::{Map, Value, json};

use super::state::State;
use super::switches::StatusType;
use crate::reply::Reply;

impl State {
    /// `status` in the type that it has this time.
    fn status(&self, status: u16) -> Value {
        match self.desk.switches.status_type {
            StatusType::Number => Value::from(status),
            StatusType::Text => Value::from(status.to_string()),
            StatusType::Alternating if self.desk.counters.requests.is_multiple_of(2) => Value::from(status),
            StatusType::Alternating => Value::from(status.to_string()),
        }
    }

    /// 200, with more members than `data` where there are any.
    pub(super) fn success(&self, data: Value, more: Map<String, Value>) -> Reply {
        let mut body = json!({ "status": self.status(200), "message": "success" });
        if let Some(body) = body.as_object_mut() {
            body.extend(more);
            body.insert("data".to_owned(), data);
        }
        Reply::json(200, &body)
    }

    pub(super) fn not_authorized(&self) -> Reply {
        Reply::json(401, &json!({ "data": null, "message": "Not authorized", "status": self.status(401) }))
    }

    pub(super) fn failure(&self, status: u16, message: &str) -> Reply {
        let request_id = format!("request-{}", self.desk.counters.requests);
        Reply::json(status, &json!({ "status": self.status(status), "message": message, "request_id": request_id }))
    }
}
