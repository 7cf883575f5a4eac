//! The wire: signed requests, and what a status means.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Serialize;

use super::config::Credentials;
use crate::destination::{Applied, Failure, status};
use crate::http::{Answer, Session};
use crate::model::Endpoint;
use crate::standard_webhooks;

/// One receiver in one run.
pub(super) struct Receiver<'a> {
    session: &'a Session,
    credentials: Credentials,
}

impl<'a> Receiver<'a> {
    pub(super) fn new(session: &'a Session, credentials: Credentials) -> Self {
        Self { session, credentials }
    }

    /// Posts a message. Everything but a 2xx is a failure.
    pub(super) async fn post(&self, to: &Endpoint, id: &str, message: &impl Serialize) -> Result<Answer, Failure> {
        let body = serde_json::to_vec(message).unwrap_or_default();
        let answer = self.session.send(Method::POST, to.origin(), to.rest(), self.signed(id, body)).await?;
        judge(&answer).map_or(Ok(answer), Err)
    }

    /// Whether the receiver has the event of this id.
    pub(super) async fn has(&self, at: &Endpoint, id: &str) -> Result<Known, Failure> {
        let path = format!("{}/{id}", at.rest().trim_end_matches('/'));
        let answer = self.session.ask(Method::GET, at.origin(), &path, self.signed(id, Vec::new())).await?;
        match (answer.status, judge(&answer)) {
            (StatusCode::NOT_FOUND, _) => Ok(Known::No),
            (_, None) => Ok(Known::Yes),
            // What refuses the question says nothing of the event.
            (_, Some(Failure::Rejected { reason })) => Err(Failure::Retryable { reason, applied: Applied::No }),
            (_, Some(failure)) => Err(failure),
        }
    }

    fn signed(&self, id: &str, body: Vec<u8>) -> impl FnOnce(RequestBuilder) -> RequestBuilder + Send + use<> {
        let headers = standard_webhooks::headers(self.credentials.all(), id, self.session.now(), &body);
        move |request| {
            let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
            if body.is_empty() { request } else { request.header("content-type", "application/json").body(body) }
        }
    }
}

/// Whether a receiver knows an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Yes,
    No,
}

/// What a status means; `None` for success.
pub(super) fn judge(answer: &Answer) -> Option<Failure> {
    let reason = |more: &str| status::reason("the receiver", answer, more);
    match answer.status.as_u16() {
        200..=299 => None,
        401 | 403 => Some(Failure::Unauthorized { reason: reason(": it refuses the signature") }),
        410 => Some(Failure::Misconfigured { reason: reason(": it wants no more requests") }),
        425 => Some(Failure::Retryable { reason: reason(""), applied: Applied::Open }),
        _ => Some(status::failure("the receiver", answer)),
    }
}
