//! `POST /v1/ingest/{source}`: changes come in. Of vendors who choose the method, `PUT` too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;
use muster::ingest::accept;
use muster::model::{Source, SourceFormat, SourceId, Timer, TraceId, effect};
use muster::ports::PortResult;
use muster::sources::authentication::{Judge, Proven, Refusal, SourceSecrets, verify};
use muster::sources::{
    MAX_BODY_BYTES, MAX_CHANGES, MAX_UNPACKED_BYTES, OTHER_EVENTS, Parsed, Reading, Rejection, Unreadable,
    left_out_prefix, parse, unpacked,
};
use muster::sources::{eagle_eye_air, ee_connect, lytics};
use serde::{Deserialize, Serialize};
use tracing::Instrument;

use crate::problem::Problem;
use crate::{Ingest, body};

/// Most names of unknown events counted apart for one source.
const MAX_EVENT_NAMES: usize = 50;

/// The answer of success.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    accepted: u64,
    ignored: u64,
    pub(crate) rejected: Vec<Rejection>,
}

/// Takes a request: who sends, is it them, what do they say, and only then is anything stored.
pub(crate) async fn take(
    State(app): State<Arc<Ingest>>,
    source: Result<Path<String>, PathRejection>,
    method: Method,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Answer>), Problem> {
    let now = app.ports.clock.now();
    let source = find_source(&app, source).await?;
    if source.format == SourceFormat::Muster && method != Method::POST {
        return Err(Problem::method_not_allowed());
    }
    if let SourceFormat::EeConnect(format) = &source.format {
        return Err(Problem::not_found(format!("requests of this source go to /in/{}/{}", format.platform, source.id)));
    }
    let _place = app.admit(format!("source/{}", source.id))?;
    let body = body::receive(&headers, body, MAX_BODY_BYTES).await?;
    let proven = authenticate(&app, &source, &headers, &body, now).await?;
    let stamped_at = proven.stamped_at.unwrap_or(now);
    let (status, answer) = read(&app, &source, &headers, body, stamped_at).await?;
    Ok((status, Json(answer)))
}

/// Reads a body that is known to come from its source, and stores what it says.
pub(crate) async fn read(
    app: &Ingest,
    source: &Source,
    headers: &HeaderMap,
    body: Vec<u8>,
    stamped_at: Timestamp,
) -> Result<(StatusCode, Answer), Problem> {
    let form = body::form(headers, source)?;
    let encoding = body::encoding(headers)?;
    let reading = Reading { source, key: &app.key, now: app.ports.clock.now(), stamped_at };
    let parsed = parse(&form, &mut unpacked(&body, encoding), &reading).map_err(unreadable)?;
    drop(body);
    let trace = trace(headers);
    let span = tracing::info_span!("ingest", source = %source.id, trace_id = %trace);
    store(app, source, parsed, trace).instrument(span).await
}

/// The sender's trace, or a new one.
fn trace(headers: &HeaderMap) -> TraceId {
    let header = headers.get("traceparent").and_then(|value| value.to_str().ok());
    header.and_then(TraceId::of_header).unwrap_or_else(TraceId::random)
}

async fn find_source(app: &Ingest, id: Result<Path<String>, PathRejection>) -> Result<Source, Problem> {
    let unknown = || Problem::not_found("no such source");
    let id: SourceId = id.ok().and_then(|Path(id)| id.parse().ok()).ok_or_else(unknown)?;
    app.catalog.snapshot().await?.sources.get(&id).cloned().ok_or_else(unknown)
}

pub(crate) async fn authenticate(
    app: &Ingest,
    source: &Source,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<Proven, Problem> {
    let name = format!("source/{}", source.id);
    let judged = app.secrets.judge(&name, |secret| {
        let secrets = secret.and_then(|secret| SourceSecrets::deserialize(&secret.0).ok());
        let secrets = secrets.ok_or(Refusal::Unusable)?;
        verify(&Judge { source, key: &app.key, secrets: &secrets, now }, headers, body)
    });
    match judged.await? {
        Ok(proven) => Ok(proven),
        Err(Refusal::Unusable) => Err(Problem::unusable_secret(&name)),
        Err(refusal) => Err(Problem::unauthorized(&refusal)),
    }
}

fn unreadable(error: Unreadable) -> Problem {
    match error {
        Unreadable::Syntax { .. } | Unreadable::Shape(_) | Unreadable::Packing => {
            Problem::bad_request(error.to_string())
        }
        Unreadable::TooMany => Problem::too_large(&error.to_string(), MAX_CHANGES as u64, "changes"),
        Unreadable::TooLong => Problem::too_large(&error.to_string(), MAX_UNPACKED_BYTES, "bytes"),
    }
}

async fn store(app: &Ingest, source: &Source, parsed: Parsed, trace: TraceId) -> Result<(StatusCode, Answer), Problem> {
    let sender = Sender::of(&source.format);
    let ignored = parsed.ignored_count();
    let Parsed { items, ignored: by_name, mut rejected, mut noted, timers, echoes } = parsed;
    for reference in echoes {
        app.ports.ledger.set_mark(&effect::echo(&reference), app.ports.clock.now()).await?;
    }
    let accepted = if items.is_empty() {
        0
    } else {
        let done = accept(&app.ports, &app.catalog, app.steps.as_ref(), source, items, trace).await?;
        match &sender.refusals {
            Refusals::SentAgain { counted_as } if !done.rejected.is_empty() => {
                count_left_out(app, &source.id, BTreeMap::from([((*counted_as).to_owned(), 1)])).await?;
                return Err(Problem::no_room_now());
            }
            Refusals::Unread { counted_as } if !done.rejected.is_empty() => {
                *noted.entry((*counted_as).to_owned()).or_default() += done.rejected.len() as u64;
            }
            Refusals::Read | Refusals::Unread { .. } | Refusals::SentAgain { .. } => {}
        }
        rejected.extend(done.rejected);
        rejected.sort_by_key(|one| one.index);
        done.accepted
    };
    // A timer looks at what is on the row by now.
    for (person, at) in timers {
        app.ports.ledger.set_timer(&Timer::new(at, source.id.clone(), person)).await?;
    }
    noted.extend(by_name);
    count_left_out(app, &source.id, noted).await?;
    if accepted == 0 && ignored == 0 && !rejected.is_empty() && sender.refusals == Refusals::Read {
        return Err(Problem::nothing_accepted(rejected));
    }
    Ok((sender.success, Answer { accepted, ignored, rejected }))
}

/// What a sender makes of answers.
struct Sender {
    /// The status of success.
    success: StatusCode,
    refusals: Refusals,
}

/// What a sender makes of what an answer says of single items.
#[derive(PartialEq, Eq)]
enum Refusals {
    /// Somebody reads it.
    Read,
    /// Nobody does, and refusals may end a job: a body that can be read is never refused, and the source's owner is told
    /// by a count of this name. <https://docs.lytics.com/docs/using-the-javascript-library>
    Unread { counted_as: &'static str },
    /// The same, but a 429 is sent again, and nothing else is. What was taken of it is known as a repeat.
    SentAgain { counted_as: &'static str },
}

impl Sender {
    fn of(format: &SourceFormat) -> Self {
        match format {
            SourceFormat::Muster => Self { success: StatusCode::ACCEPTED, refusals: Refusals::Read },
            SourceFormat::Lytics(_) => {
                let refusals = Refusals::Unread { counted_as: lytics::notes::ROW_TOO_LARGE };
                Self { success: StatusCode::ACCEPTED, refusals }
            }
            // It takes nothing but 200 and 201 for success.
            SourceFormat::EagleEyeAir(_) => {
                let refusals = Refusals::SentAgain { counted_as: eagle_eye_air::advice::ROW_TOO_LARGE };
                Self { success: StatusCode::OK, refusals }
            }
            SourceFormat::EeConnect(_) => {
                let refusals = Refusals::SentAgain { counted_as: ee_connect::ROW_TOO_LARGE };
                Self { success: StatusCode::OK, refusals }
            }
        }
    }
}

pub(crate) async fn count_left_out(app: &Ingest, source: &SourceId, by_name: BTreeMap<String, u64>) -> PortResult<()> {
    if by_name.is_empty() {
        return Ok(());
    }
    let prefix = left_out_prefix(source);
    let known = app.ports.ledger.counters(&prefix).await?;
    let known = known.keys().filter_map(|name| name.strip_prefix(&prefix)).map(str::to_owned).collect();
    for (name, by) in within_names(known, by_name) {
        app.ports.ledger.count(&format!("{prefix}{name}"), by).await?;
    }
    Ok(())
}

/// The counts under names of which there will never be more than [`MAX_EVENT_NAMES`] and one for the rest.
fn within_names(mut known: BTreeSet<String>, by_name: BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for (name, by) in by_name {
        let fits = known.contains(&name) || known.len() < MAX_EVENT_NAMES;
        let name = if fits { name } else { OTHER_EVENTS.to_owned() };
        known.insert(name.clone());
        *counts.entry(name).or_default() += by;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_unknown_events_are_bounded() {
        let by_name = (0..200).map(|number| (format!("event-{number}"), 2)).collect();
        let counts = within_names(BTreeSet::from(["clicked".to_owned()]), by_name);
        assert_eq!(counts.len(), MAX_EVENT_NAMES);
        assert_eq!(counts.values().sum::<u64>(), 400);
        let again = within_names(counts.into_keys().collect(), BTreeMap::from([("opened".to_owned(), 1)]));
        assert_eq!(again, BTreeMap::from([(OTHER_EVENTS.to_owned(), 1)]));
    }
}
