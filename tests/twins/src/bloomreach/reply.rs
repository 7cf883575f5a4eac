//! How errors are worded (vendor file 2): a batch has `message`, other requests have `errors`.

use serde_json::json;

use super::routes::RouteKind;
use super::state::State;
use crate::faults::Wording;
use crate::reply::Reply;

impl State {
    pub(super) fn failure(&self, status: u16, sentence: &str) -> Reply {
        let body = match self.answering {
            Some(RouteKind::Batch) => json!({ "success": false, "message": sentence }),
            Some(RouteKind::Customers | RouteKind::Events) | None => {
                json!({ "success": false, "errors": [sentence] })
            }
        };
        Reply::json(status, &body)
    }
}

impl Wording for State {
    fn refusal(&self, status: u16, text: &str) -> Reply {
        self.failure(status, text)
    }

    fn error(&self, status: u16, text: &str) -> Reply {
        self.failure(status, text)
    }
}
