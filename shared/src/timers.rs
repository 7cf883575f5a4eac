//! What happens because a time has come that stands on somebody's row.

use futures::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::delivery::{Engine, Inquiry};
use crate::ingest::accept;
use crate::model::source_format::EagleEyeAirFormat;
use crate::model::{Change, Person, Source, SourceFormat, Timer, TraceId};
use crate::ports::{PortError, PortResult};
use crate::sources::Item;
use crate::sources::eagle_eye_air::due::{self, Farewell};
use crate::sources::eagle_eye_air::expiry;

/// Most timers of one look; the next one comes in a minute.
const MOST: usize = 1_000;
/// Looks at the same time.
const AT_ONCE: usize = 16;
/// The next look takes what is left when less than this is left of a run.
const TIME_FOR_A_LOOK: SignedDuration = SignedDuration::from_secs(25);
/// How long somebody waits whom a vendor could not be asked for, or whose row has no room.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// Looks at whoever has a timer whose time has come; answers how many timers that were.
///
/// # Errors
/// Where a store fails: what was not looked at is looked at by the next.
pub async fn ring(engine: &Engine, deadline: Timestamp) -> PortResult<usize> {
    let due = engine.ports.ledger.due_timers(engine.ports.clock.now(), MOST).await?;
    let looks: Vec<_> = due.iter().map(|timer| look(engine, timer, deadline)).collect();
    // Apart: nobody waits for a row that somebody else keeps writing.
    let looks: Vec<PortResult<usize>> = stream::iter(looks).buffer_unordered(AT_ONCE).collect().await;
    looks.into_iter().sum()
}

/// Looks at one, where there is time; answers how many that was.
async fn look(engine: &Engine, timer: &Timer, deadline: Timestamp) -> PortResult<usize> {
    if deadline.duration_since(engine.ports.clock.now()) < TIME_FOR_A_LOOK {
        return Ok(0);
    }
    if let Some(again) = look_at(engine, timer, deadline).await? {
        engine.ports.ledger.set_timer(&Timer::new(again, timer.source.clone(), timer.person)).await?;
    }
    engine.ports.ledger.clear_timer(timer).await?;
    Ok(1)
}

/// Does what is due; answers when to look again.
async fn look_at(engine: &Engine, timer: &Timer, deadline: Timestamp) -> PortResult<Option<Timestamp>> {
    let snapshot = engine.catalog.snapshot().await?;
    let Some(source) = snapshot.sources.get(&timer.source) else { return Ok(None) };
    let rows = engine.ports.people.read(&[timer.person], None).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let Due { changes, mut again } = match &source.format {
        SourceFormat::EagleEyeAir(format) => due_of_wallet(engine, (source, format), &row.person, deadline).await?,
        SourceFormat::Muster | SourceFormat::Lytics(_) | SourceFormat::EeConnect(_) => Due::default(),
    };
    if !changes.is_empty() {
        let item = |(index, change)| Item { index, path: "$".to_owned(), change };
        let items = changes.into_iter().enumerate().map(item).collect();
        let (ports, steps, trace) = (&engine.ports, engine.steps.as_ref(), TraceId::random());
        let accepted = accept(ports, &engine.catalog, steps, source, items, trace).await;
        let accepted = accepted.map_err(|error| PortError::Unavailable { store: "people", what: error.to_string() })?;
        if !accepted.rejected.is_empty() {
            tracing::warn!(source = %source.id, "a row has no room for what became due; it is tried again");
            let soon = engine.ports.clock.now().saturating_add(AGAIN_AFTER).unwrap_or(Timestamp::MAX);
            again = Some(again.map_or(soon, |again| again.min(soon)));
        }
    }
    Ok(again)
}

/// What a look at a row comes to.
#[derive(Default)]
struct Due {
    changes: Vec<Change>,
    again: Option<Timestamp>,
}

async fn due_of_wallet(
    engine: &Engine,
    (source, format): (&Source, &EagleEyeAirFormat),
    person: &Person,
    deadline: Timestamp,
) -> PortResult<Due> {
    let now = engine.ports.clock.now();
    let mut due = Due { changes: expiry::expired(person, now), again: None };
    match due::farewell(format, person, now) {
        Farewell::None => {}
        Farewell::Later(at) => due.again = Some(at),
        Farewell::Now(erased) => due.changes.push(erased),
    }
    let Some(look_up) = &format.look_up else { return Ok(due) };
    let Some(wallet) = due::unidentified(format, &source.keyed_by, person) else { return Ok(due) };
    let settings = json!({ "wallet_url": look_up.wallet_url });
    let provider = "eagle-eye-air".parse().expect("a valid provider");
    let inquiry = Inquiry { provider: &provider, authorization: &look_up.authorization, settings: &settings };
    match engine.identities(inquiry, wallet, deadline).await? {
        Ok(listed) => due.changes.extend(due::identified(format, &source.keyed_by, person, &listed, now)),
        Err(failure) => {
            tracing::warn!(source = %source.id, %failure, "a wallet's identities could not be asked for; it is tried again");
            due.again = Some(now.saturating_add(AGAIN_AFTER).unwrap_or(now));
        }
    }
    Ok(due)
}
