//! Parse, merge and store: the example through the ingest handler.

use std::time::{Duration, Instant};

use muster_local::demo::events::Events;
use serde::Serialize;

use crate::measure::{Cost, Stopwatch};
use crate::world::{Facts, Outcome, REQUEST, World};

static EXAMPLE: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/cdnow.ndjson.gz"));

#[derive(Serialize)]
pub(crate) struct Measured {
    pub(crate) cost: Cost,
    pub(crate) slowest_request_ms: f64,
}

/// The activation is paused: changes are counted for it and nobody is nudged.
pub(crate) async fn measure() -> Outcome<Measured> {
    let events = Events::parse(EXAMPLE)?;
    let expected = events.fold()?;
    let world = World::new(None).await?;
    let facts = Facts { audiences: expected.audiences.into_iter().collect(), attributes: expected.attributes };
    world.link("heyloyalty", 1.0, &facts).await?;

    let watch = Stopwatch::start();
    let (mut accepted, mut slowest) = (0, Duration::ZERO);
    for lines in events.lines.chunks(REQUEST) {
        let started = Instant::now();
        accepted += world.ingest(lines).await?;
        slowest = slowest.max(started.elapsed());
    }
    let cost = watch.stop(accepted);
    if accepted != events.lines.len() as u64 {
        return Err(format!("{accepted} of {} changes were accepted", events.lines.len()).into());
    }
    Ok(Measured { cost, slowest_request_ms: slowest.as_secs_f64() * 1e3 })
}
