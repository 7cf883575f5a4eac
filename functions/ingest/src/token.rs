//! `POST /v1/oauth/{source}/token`: a source that proves itself by OAuth2 gets its token. Errors are those of
//! [RFC 6749](https://www.rfc-editor.org/rfc/rfc6749#section-5.2); a source that is not there, or that uses no tokens,
//! is a wrong client like any other.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CACHE_CONTROL, PRAGMA, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::SignedDuration;
use muster::model::{Source, SourceAuthentication, SourceId};
use muster::sources::authentication::SourceSecrets;
use muster::sources::oauth::{self, Denied, MAX_REQUEST_BYTES};
use serde::{Deserialize, Serialize};

use crate::problem::Problem;
use crate::{Ingest, body};

/// A token, or why there is none.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Answer {
    Granted { access_token: String, token_type: &'static str, expires_in: u32 },
    Denied { error: &'static str },
}

/// Why no token was granted.
enum Refused {
    Denied(Denied),
    Unusable,
}

/// Grants a token.
pub(crate) async fn grant(
    State(app): State<Arc<Ingest>>,
    source: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Some((source, token_seconds)) = find_source(&app, source).await? else {
        return Ok(denied(Denied::InvalidClient, &headers));
    };
    let _place = app.admit(format!("token/{}", source.id))?;
    let body = body::receive(&headers, body, MAX_REQUEST_BYTES).await?;
    let client = match oauth::read_request(&headers, &body) {
        Ok(client) => client,
        Err(reason) => return Ok(denied(reason, &headers)),
    };
    let now = app.ports.clock.now();
    let expires_at = now.saturating_add(SignedDuration::from_secs(token_seconds.into())).unwrap_or(now);
    let name = format!("source/{}", source.id);
    let judged = app.secrets.judge(&name, |secret| {
        let secrets = secret.and_then(|secret| SourceSecrets::deserialize(&secret.0).ok()).ok_or(Refused::Unusable)?;
        oauth::grant(&source, &app.key, &secrets, &client, expires_at).map_err(Refused::Denied)
    });
    match judged.await? {
        Ok(access_token) => {
            let granted = Answer::Granted { access_token, token_type: "Bearer", expires_in: token_seconds };
            Ok(unkept(StatusCode::OK, granted))
        }
        Err(Refused::Denied(reason)) => Ok(denied(reason, &headers)),
        Err(Refused::Unusable) => Err(Problem::unusable_secret(&name)),
    }
}

/// The source, and for how many seconds its tokens are good.
async fn find_source(app: &Ingest, id: Result<Path<String>, PathRejection>) -> Result<Option<(Source, u32)>, Problem> {
    let Some(id) = id.ok().and_then(|Path(id)| id.parse::<SourceId>().ok()) else { return Ok(None) };
    let found = app.catalog.snapshot().await?.sources.get(&id).cloned();
    Ok(found.and_then(|source| match source.authentication {
        SourceAuthentication::OAuth2 { token_seconds } => Some((source, token_seconds)),
        SourceAuthentication::StandardWebhooks | SourceAuthentication::Header { .. } => None,
    }))
}

fn denied(reason: Denied, headers: &HeaderMap) -> Response {
    let status = match reason {
        Denied::InvalidClient => StatusCode::UNAUTHORIZED,
        Denied::InvalidRequest | Denied::UnsupportedGrantType => StatusCode::BAD_REQUEST,
    };
    let mut response = unkept(status, Answer::Denied { error: reason.code() });
    if status == StatusCode::UNAUTHORIZED && headers.contains_key(AUTHORIZATION) {
        let challenge = HeaderValue::from_static("Basic realm=\"muster tokens\", charset=\"UTF-8\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

fn unkept(status: StatusCode, answer: Answer) -> Response {
    (status, [(CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")], Json(answer)).into_response()
}
