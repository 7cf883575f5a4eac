//! The wire: batches of commands, and what their answers mean.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::config::{Credentials, Pass, Settings};
use crate::destination::parcels::Object;
use crate::destination::{Applied, Failure, status};
use crate::http::{Answer, Session};
use crate::model::Endpoint;

/// One project in one run.
pub(super) struct Project<'a> {
    session: &'a Session,
    base: Endpoint,
    path: String,
    credentials: Credentials,
}

/// What became of each command, in their order.
pub(super) struct Taken {
    pub(super) results: Vec<CommandResult>,
}

/// What became of one command.
#[derive(Deserialize)]
pub(super) struct CommandResult {
    pub(super) success: bool,
    #[serde(default)]
    pub(super) errors: Vec<Json>,
}

#[derive(Deserialize)]
struct Said {
    success: bool,
    #[serde(default)]
    results: Vec<CommandResult>,
}

impl<'a> Project<'a> {
    pub(super) fn new(session: &'a Session, settings: &Settings, credentials: Credentials) -> Self {
        let path = format!("/track/v2/projects/{}/batch", settings.project_token);
        Self { session, base: settings.base_url.clone(), path, credentials }
    }

    /// Sends commands. What is refused as a whole is an `Err`.
    pub(super) async fn batch(&self, commands: &[&Object]) -> Result<Taken, Failure> {
        let body = serde_json::to_vec(&json!({ "commands": commands })).unwrap_or_default();
        let build = |request: RequestBuilder| {
            let request = match self.credentials.pass() {
                Some(Pass::Private { key_id, secret }) => request.basic_auth(key_id, Some(secret)),
                Some(Pass::Public { token }) => request.header("authorization", format!("Token {token}")),
                None => request,
            };
            request.header("content-type", "application/json").body(body)
        };
        let answer = self.session.send(Method::POST, self.base.origin(), &self.path, build).await?;
        judge(&answer)
    }
}

/// What an answer means.
pub(super) fn judge(answer: &Answer) -> Result<Taken, Failure> {
    let reason = |more: &str| status::reason("Bloomreach", answer, more);
    let open = |text| Failure::Retryable { reason: reason(text), applied: Applied::Open };
    match answer.status {
        status if status.is_success() => match answer.json().and_then(|json| Said::deserialize(json).ok()) {
            Some(Said { success: true, results }) => Ok(Taken { results }),
            // Of single commands it says so one by one: nobody knows what this is about.
            Some(Said { success: false, .. }) => Err(open(" and refused the batch")),
            None => Err(open(" and with nothing that can be read")),
        },
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Failure::Unauthorized {
            reason: reason(": the key is unknown, belongs to another project or lacks a permission"),
        }),
        StatusCode::NOT_FOUND => Err(Failure::Misconfigured { reason: reason(": is this the API host?") }),
        _ => Err(status::failure("Bloomreach", answer)),
    }
}
