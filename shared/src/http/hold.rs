//! A session that holds back whatever writes: it keeps the requests as they would have been sent, and answers each as
//! if the vendor had taken it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::{RequestBuilder, StatusCode};

use super::{Answer, Session, unbuildable};
use crate::destination::Failure;

/// Headers that are shown as they are. Any other may prove who is asking.
const OPEN_HEADERS: [&str; 5] = ["accept", "content-type", "webhook-id", "webhook-timestamp", "x-request-timestamp"];
const REDACTED: &str = "[redacted]";

/// A request that was not sent. Its `Debug` shows nothing of whom it speaks of.
#[derive(Clone, PartialEq, Eq)]
pub struct HeldRequest {
    /// The HTTP method.
    pub method: String,
    /// The vendor's own, whatever stands in for it.
    pub url: String,
    /// By name; those that may be credentials are redacted.
    pub headers: BTreeMap<String, String>,
    /// As it would have been sent; `None` for one that is made while it is sent.
    pub body: Option<Vec<u8>>,
}

impl fmt::Debug for HeldRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeldRequest({}, {} bytes)", self.method, self.body.as_ref().map_or(0, Vec::len))
    }
}

/// What a session held back.
#[derive(Clone, Default)]
pub(super) struct Held(Arc<Mutex<Vec<HeldRequest>>>);

impl Held {
    /// Keeps a request, and answers it with an empty object.
    pub(super) fn keep(&self, request: RequestBuilder) -> Result<Answer, Failure> {
        let request = request.build().map_err(|_| unbuildable())?;
        let header = |name: &reqwest::header::HeaderName| {
            let open = OPEN_HEADERS.contains(&name.as_str());
            let text = request.headers().get(name).and_then(|value| value.to_str().ok());
            text.filter(|_| open).unwrap_or(REDACTED).to_owned()
        };
        let kept = HeldRequest {
            method: request.method().to_string(),
            url: request.url().to_string(),
            headers: request.headers().keys().map(|name| (name.to_string(), header(name))).collect(),
            body: match request.body() {
                Some(body) => body.as_bytes().map(<[u8]>::to_vec),
                None => Some(Vec::new()),
            },
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(kept);
        Ok(Answer { status: StatusCode::OK, retry_after: None, date: None, body: b"{}".to_vec() })
    }
}

impl Session {
    /// A session for the same account that keeps every [`Session::send`] to itself. What is asked by
    /// [`Session::ask`] is asked.
    #[must_use]
    pub fn holding_back(&self) -> Self {
        Self { held: Some(Held::default()), ..self.clone() }
    }

    /// What was held back, in its order; nothing of a session that sends.
    pub fn held_back(&self) -> Vec<HeldRequest> {
        self.held.as_ref().map_or_else(Vec::new, |held| held.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}
