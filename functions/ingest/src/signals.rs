//! `POST /v1/signals/{activation}`: a vendor says that somebody's state changed on its side.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use muster::destination::Signal;
use muster::model::{Activation, ActivationId, Lane, Message, QueueName};
use muster::ports::{Outgoing, Secret};
use muster::sources::authentication::same;
use serde::{Deserialize, Serialize};
use subtle::Choice;

use crate::problem::Problem;
use crate::{Ingest, body};

/// A vendor's webhook speaks of one person.
const MAX_SIGNAL_BYTES: usize = 1024 * 1024;

/// The answer.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    taken: bool,
}

/// `signal/<activation>` in the vault.
#[derive(Deserialize)]
struct Login {
    user: String,
    password: String,
}

/// Why a request is not believed.
enum Refused {
    Wrong,
    Unusable,
}

/// Takes a signal and passes it on; the delivery looks whom it means.
pub(crate) async fn take(
    State(app): State<Arc<Ingest>>,
    activation: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Answer>, Problem> {
    let activation = find_activation(&app, activation).await?;
    let _place = app.admit(format!("signal/{}", activation.id))?;
    authenticate(&app, &activation, &headers).await?;
    let read = (app.signals)(&activation.destination)
        .ok_or_else(|| Problem::not_found("the activation's destination sends no signals"))?;
    let body = body::receive(&headers, body, MAX_SIGNAL_BYTES).await?;
    let signal = read(&body).map_err(Problem::bad_request)?;
    // A paused activation looks at everybody's state when it goes on.
    let Some(signal) = signal.filter(|_| activation.status.delivers()) else {
        return Ok(Json(Answer { taken: false }));
    };
    let message = match signal {
        Signal::VendorId(vendor_id) => Message::Signal { activation: activation.id.clone(), vendor_id },
        Signal::Key(value) => {
            Message::SignalKey { key: app.key.claim(&activation.id, &value), activation: activation.id.clone() }
        }
    };
    let queue = QueueName::Destination(activation.destination, Lane::Live);
    app.ports.queue.send(&queue, vec![Outgoing::now(&message)]).await?;
    Ok(Json(Answer { taken: true }))
}

async fn find_activation(app: &Ingest, id: Result<Path<String>, PathRejection>) -> Result<Activation, Problem> {
    let unknown = || Problem::not_found("no such activation");
    let id: ActivationId = id.ok().and_then(|Path(id)| id.parse().ok()).ok_or_else(unknown)?;
    app.catalog.snapshot().await?.activations.get(&id).cloned().ok_or_else(unknown)
}

async fn authenticate(app: &Ingest, activation: &Activation, headers: &HeaderMap) -> Result<(), Problem> {
    let name = format!("signal/{}", activation.id);
    let judged = app.secrets.judge(&name, |secret| judge(secret, headers)).await?;
    judged.map_err(|refused| match refused {
        Refused::Wrong => Problem::wrong_password(),
        Refused::Unusable => Problem::unusable_secret(&name),
    })
}

fn judge(secret: Option<&Secret>, headers: &HeaderMap) -> Result<(), Refused> {
    let login = secret.and_then(|secret| Login::deserialize(&secret.0).ok()).ok_or(Refused::Unusable)?;
    if login.password.is_empty() {
        return Err(Refused::Unusable);
    }
    let (user, password) = credentials(headers).ok_or(Refused::Wrong)?;
    let good: Choice = same(&user, login.user.as_bytes()) & same(&password, login.password.as_bytes());
    if bool::from(good) { Ok(()) } else { Err(Refused::Wrong) }
}

/// User and password of HTTP Basic authentication.
pub(crate) fn credentials(headers: &HeaderMap) -> Option<(Vec<u8>, Vec<u8>)> {
    let (scheme, encoded) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    Some((decoded[..colon].to_vec(), decoded[colon + 1..].to_vec()))
}
