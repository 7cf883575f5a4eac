//! The wire: `POST /users/track`, and what its answers mean.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Deserialize;
use serde_json::Value as Json;

use super::config::Credentials;
use crate::destination::{Applied, Failure, status};
use crate::http::{Answer, Session};
use crate::model::Endpoint;

const PATH: &str = "/users/track";

/// One workspace in one run.
pub(super) struct Workspace<'a> {
    session: &'a Session,
    endpoint: Endpoint,
    credentials: Credentials,
}

/// What was taken: Braze applies it later, without the objects that are named.
pub(super) struct Taken {
    pub(super) faults: Vec<Fault>,
}

/// An object that Braze left out.
pub(super) struct Fault {
    /// Its array and its place there; `None` where the answer does not say.
    pub(super) place: Option<(String, usize)>,
    /// Braze's words, as they came.
    pub(super) said: String,
}

/// An answer that was understood, as far as it matters.
#[derive(Deserialize)]
struct Said {
    message: String,
    #[serde(default)]
    errors: Vec<Json>,
}

impl<'a> Workspace<'a> {
    pub(super) fn new(session: &'a Session, endpoint: Endpoint, credentials: Credentials) -> Self {
        Self { session, endpoint, credentials }
    }

    /// Sends objects. What is refused as a whole is an `Err`.
    pub(super) async fn track(&self, body: Vec<u8>) -> Result<Taken, Failure> {
        let build = |request: RequestBuilder| {
            let request = request.bearer_auth(&self.credentials.rest_api_key);
            request.header("content-type", "application/json").body(body)
        };
        let answer = self.session.send(Method::POST, self.endpoint.origin(), PATH, build).await?;
        judge(&answer)
    }
}

/// What an answer means.
pub(super) fn judge(answer: &Answer) -> Result<Taken, Failure> {
    let reason = |more: &str| status::reason("Braze", answer, more);
    let open = |text| Failure::Retryable { reason: reason(text), applied: Applied::Open };
    match answer.status {
        StatusCode::OK | StatusCode::CREATED | StatusCode::ACCEPTED => {
            let said = answer.json().and_then(|json| Said::deserialize(json).ok());
            match said {
                Some(Said { message, errors }) if matches!(message.as_str(), "success" | "queued") => {
                    Ok(Taken { faults: errors.iter().map(fault).collect() })
                }
                Some(_) => Err(open(" and with an error")),
                None => Err(open(" and with nothing that can be read")),
            }
        }
        StatusCode::UNAUTHORIZED => {
            Err(Failure::Unauthorized { reason: reason(": the key is unknown, or belongs to another instance") })
        }
        StatusCode::FORBIDDEN => Err(Failure::Unauthorized { reason: reason(": the key lacks `users.track`") }),
        StatusCode::NOT_FOUND => Err(Failure::Misconfigured { reason: reason(": is this the REST endpoint?") }),
        _ => Err(status::failure("Braze", answer)),
    }
}

/// A member of `errors`: its form is not documented by Braze, so any JSON is one.
fn fault(json: &Json) -> Fault {
    let array = json.get("input_array").and_then(Json::as_str);
    let index = json.get("index").and_then(Json::as_u64).and_then(|index| usize::try_from(index).ok());
    let said = json.get("type").and_then(Json::as_str).or_else(|| json.as_str()).unwrap_or_default();
    Fault { place: array.map(str::to_owned).zip(index), said: said.to_owned() }
}
