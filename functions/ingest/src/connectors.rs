//! `POST /in/{platform}/{connector}` and `POST /out/{platform}/{connector}`: the addresses, the header and the answers of
//! Eagle Eye's own connectors, so that AIR and platforms that were set up for those can be pointed here.
//!
//! What a status does is up to who is answered: Braze takes 400 for final and stops calling a host that answers many 429
//! or 503; Bloomreach stops the campaign at a 400; AIR takes 200 and 201 only, and tries 429 again.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use muster::model::{Activation, EagleEyeAirFormat, EeConnectFormat, Source, SourceFormat, SourceId};
use muster::sources::ee_connect::{KEY_HEADER, NOT_ISSUED, REWARD_REQUESTED};
use muster::sources::{MAX_BODY_BYTES, Rejection};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::problem::Problem;
use crate::signals::credentials;
use crate::{Ingest, body, changes};

/// Names the request at whoever sent it.
const TRACE: HeaderName = HeaderName::from_static("x-ees-connector-trace-id");
/// Longest name that is taken over.
const MOST_TRACE: usize = 128;
/// The platform that is answered in its own way.
const BLOOMREACH: &str = "bloomreach";

type Named = Result<Path<(String, String)>, PathRejection>;

/// Why a request is not taken.
enum Refused {
    /// It has no key.
    NoKey,
    /// The connector or the key is wrong; which of both is not told.
    WrongKey,
    /// It asks for nothing that could be issued.
    Invalid(Vec<Mistake>),
    /// Whatever comes of it, it is the sender's to change.
    Final(StatusCode, String),
    /// It may be sent again.
    Later { is_busy: bool },
}

/// A mistake in a request.
#[derive(Serialize)]
struct Mistake {
    path: String,
    message: String,
}

impl From<Rejection> for Mistake {
    fn from(Rejection { path, reason, .. }: Rejection) -> Self {
        Self { path, message: reason }
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        match problem.status() {
            StatusCode::UNAUTHORIZED => Self::WrongKey,
            StatusCode::TOO_MANY_REQUESTS => Self::Later { is_busy: true },
            StatusCode::REQUEST_TIMEOUT => Self::Later { is_busy: false },
            status if status.is_server_error() => Self::Later { is_busy: false },
            status => Self::Final(status, problem.detail().to_owned()),
        }
    }
}

/// A platform asks for a reward.
pub(crate) async fn take_in(State(app): State<Arc<Ingest>>, named: Named, headers: HeaderMap, body: Body) -> Response {
    let trace = given_trace(&headers).unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let platform = named.as_ref().map(|Path((platform, _))| platform.clone()).unwrap_or_default();
    let taken = reward(&app, named, headers, body).await;
    let answer = if platform == BLOOMREACH { to_bloomreach(taken) } else { to_platform(taken) };
    traced(answer, &trace)
}

/// AIR tells of an event.
pub(crate) async fn take_out(State(app): State<Arc<Ingest>>, named: Named, headers: HeaderMap, body: Body) -> Response {
    let (taken, event) = match event(&app, named, headers, body).await {
        Ok(event) => (Ok(()), event),
        Err(refused) => (Err(refused), None),
    };
    let answer = match taken {
        Err(Refused::Later { is_busy: true }) => plain(StatusCode::TOO_MANY_REQUESTS, "send it again later"),
        taken => to_platform(taken),
    };
    traced(answer, &event.unwrap_or_else(|| uuid::Uuid::new_v4().to_string()))
}

/// That it is there.
pub(crate) async fn status() -> Json<Value> {
    Json(json!({"api": "muster", "version": env!("CARGO_PKG_VERSION"), "tagline": "audience activation"}))
}

async fn reward(app: &Ingest, named: Named, headers: HeaderMap, body: Body) -> Result<(), Refused> {
    let headers = with_key(headers)?;
    let source = find(app, named, |format| match format {
        SourceFormat::EeConnect(EeConnectFormat { platform, .. }) => Some(platform.as_str()),
        SourceFormat::EagleEyeAir(_) | SourceFormat::Muster | SourceFormat::Lytics(_) => None,
    });
    let source = source.await?;
    let answer = take(app, &source, &headers, body).await?.1;
    if answer.rejected.is_empty() && !is_issued(app, &source).await? {
        // Nobody would ever issue it: who asks must not believe that somebody will.
        changes::count_left_out(app, &source.id, [(NOT_ISSUED.to_owned(), 1)].into()).await.map_err(Problem::from)?;
        return Err(Refused::Later { is_busy: false });
    }
    if answer.rejected.is_empty() {
        return Ok(());
    }
    Err(Refused::Invalid(answer.rejected.into_iter().map(Mistake::from).collect()))
}

/// Whether there is an activation that issues what is asked for, now or when it goes on.
async fn is_issued(app: &Ingest, source: &Source) -> Result<bool, Problem> {
    let snapshot = app.catalog.snapshot().await?;
    let event = REWARD_REQUESTED.parse().ok();
    let issues = |activation: &Activation| event.as_ref().is_some_and(|event| activation.earning.events.include(event));
    Ok(snapshot.activations_of(&source.id).any(issues))
}

/// The event's id, where one can be read.
async fn event(app: &Ingest, named: Named, headers: HeaderMap, body: Body) -> Result<Option<String>, Refused> {
    let headers = with_key(headers)?;
    let source = find(app, named, |format| match format {
        SourceFormat::EagleEyeAir(EagleEyeAirFormat { platform, .. }) => Some(platform.as_ref()?.as_str()),
        SourceFormat::EeConnect(_) | SourceFormat::Muster | SourceFormat::Lytics(_) => None,
    });
    let event = take(app, &source.await?, &headers, body).await?.0;
    Ok(event)
}

/// Who sends is looked at first, then what; answers the event's id too, where there is one.
async fn take(
    app: &Ingest,
    source: &Source,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Option<String>, changes::Answer), Refused> {
    let now = app.ports.clock.now();
    let _place = app.admit(format!("source/{}", source.id))?;
    changes::authenticate(app, source, headers, &[], now).await?;
    let body = body::receive(headers, body, MAX_BODY_BYTES).await?;
    let event = event_id(&body);
    let (_, answer) = changes::read(app, source, headers, body, now).await?;
    Ok((event, answer))
}

/// The connector of this platform and direction.
async fn find(
    app: &Ingest,
    named: Named,
    platform_of: impl Fn(&SourceFormat) -> Option<&str>,
) -> Result<Source, Refused> {
    let Path((platform, id)) = named.map_err(|_| Refused::WrongKey)?;
    let id: SourceId = id.parse().map_err(|_| Refused::WrongKey)?;
    let snapshot = app.catalog.snapshot().await.map_err(Problem::from)?;
    let source = snapshot.sources.get(&id).filter(|source| platform_of(&source.format) == Some(&platform));
    source.cloned().ok_or(Refused::WrongKey)
}

/// The headers with the key in its own one; the password of HTTP Basic is a key, too.
fn with_key(mut headers: HeaderMap) -> Result<HeaderMap, Refused> {
    if headers.get(KEY_HEADER).is_some_and(|key| !key.is_empty()) {
        return Ok(headers);
    }
    let (_, password) = credentials(&headers).ok_or(Refused::NoKey)?;
    let key = HeaderValue::from_bytes(&password).ok().filter(|key| !key.is_empty()).ok_or(Refused::NoKey)?;
    headers.insert(KEY_HEADER, key);
    Ok(headers)
}

/// `headers.eesEventId` of a body.
fn event_id(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Event {
        headers: Headers,
    }
    #[derive(Deserialize)]
    struct Headers {
        #[serde(rename = "eesEventId")]
        event_id: String,
    }
    let event = serde_json::from_slice::<Event>(body).ok()?.headers.event_id;
    (1..=MOST_TRACE).contains(&event.len()).then_some(event)
}

fn given_trace(headers: &HeaderMap) -> Option<String> {
    headers.get(TRACE)?.to_str().ok().filter(|trace| (1..=MOST_TRACE).contains(&trace.len())).map(str::to_owned)
}

fn traced(mut answer: Response, trace: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(trace) {
        answer.headers_mut().insert(TRACE, value);
    }
    answer
}

/// As Eagle Eye's own connectors answer. Nothing that says "later" is a 429 or 503: a platform that hears it from many
/// requests at once stops calling.
fn to_platform(taken: Result<(), Refused>) -> Response {
    match taken {
        Ok(()) => Json(json!({"status": "OK"})).into_response(),
        Err(Refused::NoKey) => {
            let mut answer = plain(StatusCode::UNAUTHORIZED, "the header X-Auth-Token is missing");
            answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"muster\""));
            answer
        }
        Err(Refused::WrongKey) => plain(StatusCode::FORBIDDEN, "no such connector, or its key is wrong"),
        Err(Refused::Invalid(errors)) => (StatusCode::BAD_REQUEST, Json(invalid(&errors))).into_response(),
        Err(Refused::Final(status, message)) => plain(status, &message),
        Err(Refused::Later { .. }) => plain(StatusCode::INTERNAL_SERVER_ERROR, "it could not be taken now"),
    }
}

/// One bad request of many is told in the body: 400 would stop them all.
/// <https://documentation.bloomreach.com/engagement/docs/creating-api-endpoint-for-webhooks>.
fn to_bloomreach(taken: Result<(), Refused>) -> Response {
    match taken {
        Ok(()) => Json(json!({"success": true, "result": {"status": "OK"}})).into_response(),
        Err(Refused::Invalid(errors)) => Json(json!({"success": false, "result": invalid(&errors)})).into_response(),
        Err(Refused::Final(StatusCode::BAD_REQUEST, message)) => {
            Json(json!({"success": false, "result": {"message": message}})).into_response()
        }
        taken => to_platform(taken),
    }
}

fn invalid(errors: &[Mistake]) -> Value {
    json!({"message": "Validation error", "errors": errors})
}

fn plain(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}
