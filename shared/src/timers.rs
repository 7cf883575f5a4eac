//! What happens because a time has come that stands on somebody's row.

use crate::delivery::Engine;
use crate::ingest::accept;
use crate::model::{Person, Source, SourceFormat, Timer, TraceId};
use crate::ports::{PortError, PortResult};
use crate::sources::{Item, eagle_eye_air};

/// Most timers of one look; the next one comes in a minute.
const MOST: usize = 1_000;

/// Looks at whoever has a timer whose time has come; answers how many timers that were.
///
/// # Errors
/// Where a store fails: what was not looked at is looked at by the next.
pub async fn ring(engine: &Engine) -> PortResult<usize> {
    let now = engine.ports.clock.now();
    let due = engine.ports.ledger.due_timers(now, MOST).await?;
    for timer in &due {
        look_at(engine, timer).await?;
        engine.ports.ledger.clear_timer(timer).await?;
    }
    Ok(due.len())
}

async fn look_at(engine: &Engine, timer: &Timer) -> PortResult<()> {
    let snapshot = engine.catalog.snapshot().await?;
    let Some(source) = snapshot.sources.get(&timer.source) else { return Ok(()) };
    for row in engine.ports.people.read(&[timer.person], None).await? {
        let items = due_changes(engine, source, &row.person);
        if !items.is_empty() {
            let (ports, steps, trace) = (&engine.ports, engine.steps.as_ref(), TraceId::random());
            let accepted = accept(ports, &engine.catalog, steps, source, items, trace).await;
            accepted.map_err(|error| PortError::Unavailable { store: "people", what: error.to_string() })?;
        }
    }
    Ok(())
}

fn due_changes(engine: &Engine, source: &Source, person: &Person) -> Vec<Item> {
    let changes = match &source.format {
        SourceFormat::EagleEyeAir(_) => eagle_eye_air::expiry::expired(person, engine.ports.clock.now()),
        SourceFormat::Muster | SourceFormat::Lytics(_) => Vec::new(),
    };
    let item = |(index, change)| Item { index, path: "$".to_owned(), change };
    changes.into_iter().enumerate().map(item).collect()
}
