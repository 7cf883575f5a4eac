//! The wire: signed requests, and what a status means.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, RequestBuilder};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::config::{Credentials, Settings};
use crate::destination::said::redact;
use crate::destination::{Applied, Failure};
use crate::http::{Answer, Session};
use crate::model::Reason;

/// What needs no escape in a query or a segment, so that nobody between here and AIR writes it in another way than was hashed.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The wallet API of one unit in one run.
pub(super) struct WalletApi<'a> {
    session: &'a Session,
    settings: &'a Settings,
    credentials: Credentials,
}

/// What a look came to.
#[derive(Debug, PartialEq)]
pub(super) enum Looked {
    /// An answer that can be read.
    Found(Json),
    /// AIR takes the request and knows no such thing.
    NotThere,
    /// AIR refuses to look, or says something that cannot be read.
    Unclear(Reason),
}

impl<'a> WalletApi<'a> {
    pub(super) fn new(session: &'a Session, settings: &'a Settings, credentials: Credentials) -> Self {
        Self { session, settings, credentials }
    }

    /// Triggers what `body` says, whatever the answer.
    pub(super) async fn trigger(&self, body: Vec<u8>) -> Result<Answer, Failure> {
        let target = format!("{}/services/trigger", self.settings.path_prefix());
        let signed = self.signed(&target, body);
        self.session.send(Method::POST, self.settings.wallet_url.origin(), &target, signed).await
    }

    /// The wallet that has this identity.
    pub(super) async fn wallet(&self, identity: &str) -> Result<Looked, Failure> {
        self.look("/wallet", "identity-value", identity).await
    }

    /// The wallet transaction of this reference.
    pub(super) async fn transaction(&self, reference: &str) -> Result<Looked, Failure> {
        self.look("/wallet/transaction", "reference", reference).await
    }

    /// The identities of the wallet with this id.
    pub(super) async fn identities(&self, wallet: &str) -> Result<Looked, Failure> {
        let wallet_segment = utf8_percent_encode(wallet, PLAIN);
        let target = format!("{}/wallet/{wallet_segment}/identities", self.settings.path_prefix());
        self.get(&target, wallet).await
    }

    async fn look(&self, path: &str, name: &str, value: &str) -> Result<Looked, Failure> {
        let target = query(&format!("{}{path}", self.settings.path_prefix()), name, value);
        self.get(&target, value).await
    }

    async fn get(&self, target: &str, value: &str) -> Result<Looked, Failure> {
        let signed = self.signed(target, Vec::new());
        let answer = self.session.ask(Method::GET, self.settings.wallet_url.origin(), target, signed).await;
        looked(&answer.map_err(|failure| failure.with_applied(Applied::No))?, value)
    }

    /// The bytes that are hashed are those that are sent.
    fn signed(&self, target: &str, body: Vec<u8>) -> impl FnOnce(RequestBuilder) -> RequestBuilder + Send + use<> {
        let Credentials { client_id, secret } = &self.credentials;
        let (client_id, hash) = (client_id.clone(), hash(target, &body, secret));
        move |request| {
            let request = request.header("x-ees-auth-client-id", client_id).header("x-ees-auth-hash", hash);
            if body.is_empty() { request } else { request.header("content-type", "application/json").body(body) }
        }
    }
}

/// Path and query as they go over the wire.
pub(super) fn query(path: &str, name: &str, value: &str) -> String {
    format!("{path}?{name}={}", utf8_percent_encode(value, PLAIN))
}

/// What proves the client: a hash of path and query, body and secret, one behind the other.
/// <https://developer.eagleeye.com/eagleeye-developer/docs/api-authentication>.
pub(super) fn hash(target: &str, body: &[u8], secret: &str) -> String {
    hex::encode(Sha256::new().chain_update(target).chain_update(body).chain_update(secret).finalize())
}

/// What a status means that is not that of success, of a request about the person with this key. AIR's codes are not
/// documented, and are passed on to people only. A 409 may say that the reference is used: that the reward was issued.
pub(super) fn judge(answer: &Answer, key: &str) -> Failure {
    let status = answer.status.as_u16();
    let reason = |text: &str| Reason::new(format!("Eagle Eye AIR answered with status {status}{text}"));
    match status {
        300..=399 => Failure::Misconfigured { reason: reason(": redirects are not followed") },
        400 => Failure::Rejected { reason: reason(&said(answer, key)) },
        404 => {
            let said = said(answer, key);
            Failure::Rejected { reason: reason(&format!(", for an unknown identity or Action Reference{said}")) }
        }
        401 | 403 => Failure::Unauthorized { reason: reason(": it refuses the client id, the secret or the call") },
        429 => Failure::RateLimited { retry_after: answer.retry_after },
        402..=499 => Failure::Retryable { reason: reason(&said(answer, key)), applied: Applied::Open },
        // What this API does not say, and 5xx.
        _ => Failure::Retryable { reason: reason(""), applied: Applied::Open },
    }
}

/// AIR's own words, as far as they may be kept.
fn said(answer: &Answer, key: &str) -> String {
    let Some(json) = answer.json() else { return String::new() };
    let text = |name| json.get(name).and_then(Json::as_str).unwrap_or_default();
    let said = redact(format!("{} {}", text("errorCode"), text("errorMessage")).trim(), key, "");
    if said.is_empty() { said } else { format!(": {said}") }
}

/// What a look for this value came to.
pub(super) fn looked(answer: &Answer, value: &str) -> Result<Looked, Failure> {
    let status = answer.status.as_u16();
    let unclear =
        |text| Looked::Unclear(Reason::new(format!("Eagle Eye AIR answered a look with status {status}{text}")));
    match status {
        200..=299 => Ok(answer.json().map_or_else(|| unclear(" and nothing that can be read"), Looked::Found)),
        // Which of the two says that nobody has the identity is not documented.
        400 | 404 => Ok(Looked::NotThere),
        401 | 403 | 408 | 429 => Err(judge(answer, value).with_applied(Applied::No)),
        402..=499 => Ok(unclear("")),
        _ => Err(judge(answer, value).with_applied(Applied::No)),
    }
}
