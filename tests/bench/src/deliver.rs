//! Read, map, deliver, settle: nudges handed to the engine one after another, without a queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use muster::delivery::{Destinations, Engine, Registry};
use muster::destination::{
    Checked, Context, Destination, Discovered, Failure, Item, Links, Mode, Preparation, Resend, Spec, Verdict, Verdicts,
};
use muster::destinations::heyloyalty::Heyloyalty;
use muster::http::Session;
use muster::ingest::PEOPLE_PER_NUDGE;
use muster::model::{ActivationId, Provider};
use muster::ports::Secret;

use crate::measure::{Cost, Stopwatch};
use crate::world::{Facts, Outcome, REQUEST, World, deadline, entered, twin, worth};

/// No vendor sets the pace.
const NO_LIMIT: f64 = 1e6;

/// People delivered at the destination that answers at once.
const PEOPLE: usize = 10_000;
/// People delivered at the twin.
const PEOPLE_AT_THE_TWIN: usize = 2_000;

pub(crate) async fn to_an_instant_destination() -> Outcome<Cost> {
    let world = World::new(None).await?;
    fill(&world, PEOPLE).await?;
    let activation = world.link("instant", NO_LIMIT, &Facts::of_people()).await?;
    let instant = Arc::new(Instant::new()?);
    let engine = world.engine_with(Arc::clone(&instant) as Arc<dyn Destinations>);
    world.start(&engine, &activation).await?;

    let watch = Stopwatch::start();
    deliver(&world, &engine, &activation, PEOPLE).await?;
    let cost = watch.stop(PEOPLE as u64);
    all_of(instant.delivered.load(Ordering::Relaxed), PEOPLE)?;
    Ok(cost)
}

/// The first delivery looks everybody up, the second knows them.
pub(crate) async fn to_heyloyalty() -> Outcome<[Cost; 2]> {
    let twin = twin(PEOPLE_AT_THE_TWIN, 0).await?;
    let world = World::new(Some(&twin)).await?;
    fill(&world, PEOPLE_AT_THE_TWIN).await?;
    let activation = world.link("heyloyalty", NO_LIMIT, &Facts::of_people()).await?;
    let engine = world.engine_with(Arc::new(Registry));
    world.start(&engine, &activation).await?;

    let watch = Stopwatch::start();
    deliver(&world, &engine, &activation, PEOPLE_AT_THE_TWIN).await?;
    let first = watch.stop(PEOPLE_AT_THE_TWIN as u64);
    all_of(written(&twin), PEOPLE_AT_THE_TWIN)?;

    let changes: Vec<String> = (0..PEOPLE_AT_THE_TWIN).map(|number| worth(number, 2)).collect();
    for lines in changes.chunks(REQUEST) {
        world.ingest(lines).await?;
    }
    let watch = Stopwatch::start();
    deliver(&world, &engine, &activation, PEOPLE_AT_THE_TWIN).await?;
    let again = watch.stop(PEOPLE_AT_THE_TWIN as u64);
    all_of(written(&twin), 2 * PEOPLE_AT_THE_TWIN)?;
    Ok([first, again])
}

fn written(twin: &muster_twins::heyloyalty::HeyloyaltyTwin) -> u64 {
    let by_route = twin.counters().traffic.requests_by_route;
    by_route.get("PATCH /v1/lists/:id/members/:mid").copied().unwrap_or_default()
}

fn all_of(delivered: u64, expected: usize) -> Outcome<()> {
    if delivered == expected as u64 {
        return Ok(());
    }
    Err(format!("{delivered} of {expected} were delivered").into())
}

/// Everybody inside the audience, with an attribute.
async fn fill(world: &World, people: usize) -> Outcome<()> {
    let changes: Vec<String> = (0..people).flat_map(|number| [entered(number), worth(number, 1)]).collect();
    for lines in changes.chunks(REQUEST) {
        world.ingest(lines).await?;
    }
    Ok(())
}

async fn deliver(world: &World, engine: &Engine, activation: &ActivationId, people: usize) -> Outcome<()> {
    let people: Vec<usize> = (0..people).collect();
    for people in people.chunks(PEOPLE_PER_NUDGE) {
        engine.deliver(world.nudge(activation, people)?, deadline()).await?;
    }
    Ok(())
}

/// A destination that answers at once, and counts.
struct Instant {
    spec: Spec,
    delivered: AtomicU64,
}

impl Instant {
    fn new() -> Outcome<Self> {
        let spec =
            Spec { provider: "instant".parse()?, batch: PEOPLE_PER_NUDGE, bulk: None, ..Heyloyalty.spec().clone() };
        Ok(Self { spec, delivered: AtomicU64::new(0) })
    }
}

impl Destinations for Instant {
    fn find(&self, provider: &Provider) -> Option<&dyn Destination> {
        (*provider == self.spec.provider).then_some(self)
    }
}

#[async_trait]
impl Destination for Instant {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn check_settings(&self, _settings: &serde_json::Value) -> Result<(), String> {
        Ok(())
    }

    fn check_credentials(&self, _credentials: &Secret) -> Result<(), String> {
        Ok(())
    }

    async fn check(&self, _context: &Context<'_>) -> Result<Checked, Failure> {
        Ok(Checked::default())
    }

    async fn discover(&self, _session: &Session, _credentials: &Secret) -> Result<Discovered, Failure> {
        Ok(Discovered::default())
    }

    async fn prepare(&self, _context: &Context<'_>, _links: &Links) -> Result<Preparation, Failure> {
        Ok(Preparation { notes: serde_json::Value::Null, resend: Resend::Nobody, warnings: Vec::new() })
    }

    async fn deliver(&self, _context: &Context<'_>, _lane: Mode, items: &[Item]) -> Result<Verdicts, Failure> {
        self.delivered.fetch_add(items.len() as u64, Ordering::Relaxed);
        let delivered = || Verdict::Delivered { said: String::new(), memo: None };
        Ok(items.iter().map(|item| (item.id.clone(), delivered())).collect())
    }
}
