//! The delivery engine: brings destinations to the state of the rows, whatever is lost, doubled, late or
//! killed on the way. It knows no vendor.
//!
//! One nudge: flight, strong read, send what is pending, settle on version and standing, clear the flight
//! (`run.rs`). What stays open is put in doubt by the sweep; whoever is pending without a message is
//! found by a walk.

mod announce;
mod batch;
pub mod decide;
mod effects;
mod failing;
mod identities;
mod insiders;
mod landing;
mod notices;
mod plan;
mod prepare;
pub mod preview;
mod reconcile;
mod retry;
mod run;
mod send;
pub mod settle;
mod signal;
mod sweep;
mod times;
mod walk;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use rand::SeedableRng;
use rand::rngs::StdRng;

pub(crate) use identities::Inquiry;
pub use notices::receiver_secret;
pub use plan::{Arrival, Plan, plan};
pub(crate) use retry::backoff;
pub use times::{InvalidTimes, Times};
pub use walk::{is_wanted, start_insiders, start_job, start_reconciliation, start_replay};

use crate::catalog::{CachedCatalog, Snapshot};
use crate::destination::{Bulk, Context, Destination, Links, Spec};
use crate::http::{Account, Http, Session};
use crate::model::effect::EffectTimes;
use crate::model::{
    Activation, AuthorizationId, InstallationKey, Lane, Message, Nudge, PersonKey, Provider, QueueName, RunId, TraceId,
};
use crate::ports::{MAX_DELAY, Outgoing, PortError, PortResult, Ports, Secret};
use crate::steps::Steps;

/// Most people of one live message.
pub const LIVE_NUDGE: usize = 200;

/// What delivery works with.
pub struct Engine {
    /// The world.
    pub ports: Ports,
    /// The catalog as of a few seconds ago.
    pub catalog: Arc<CachedCatalog>,
    /// The way out.
    pub http: Http,
    /// For claims.
    pub installation: InstallationKey,
    /// How long things may take.
    pub times: Times,
    /// Who is told of each step.
    pub steps: Arc<dyn Steps>,
    /// Jitter.
    pub dice: Dice,
    /// The destinations there are.
    pub destinations: Arc<dyn Destinations>,
}

/// Where destinations are found; the registry, or a test's own.
pub trait Destinations: Send + Sync {
    /// The destination of a kind.
    fn find(&self, provider: &Provider) -> Option<&dyn Destination>;
}

/// The registry of [`crate::destinations`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Registry;

impl Destinations for Registry {
    fn find(&self, provider: &Provider) -> Option<&dyn Destination> {
        crate::destinations::find(provider)
    }
}

/// Randomness that a test can repeat.
pub struct Dice(Mutex<StdRng>);

impl Dice {
    /// A sequence of its own.
    pub fn seeded(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }

    /// Another sequence at every start.
    pub fn fresh() -> Self {
        Self(Mutex::new(StdRng::from_rng(&mut rand::rng())))
    }

    pub(crate) fn number(&self) -> u32 {
        use rand::RngExt;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).random()
    }

    pub(crate) fn roll(&self, below: SignedDuration) -> SignedDuration {
        use rand::RngExt;
        let mut rng = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        below.mul_f64(rng.random::<f64>())
    }
}

/// What a run is about.
#[derive(Debug, Clone, Copy)]
struct Errand {
    lane: Lane,
    deadline: Timestamp,
    trace: Option<TraceId>,
}

impl Errand {
    fn live(deadline: Timestamp) -> Self {
        Self { lane: Lane::Live, deadline, trace: None }
    }

    fn bulk(deadline: Timestamp) -> Self {
        Self { lane: Lane::Bulk, deadline, trace: None }
    }
}

/// Everything about one activation that a run needs.
struct Subject<'a> {
    activation: &'a Activation,
    links: Links,
    destination: &'a dyn Destination,
    credentials: Secret,
    session: Session,
}

impl Subject<'_> {
    fn context<'a>(&'a self, notes: &'a serde_json::Value, now: Timestamp) -> Context<'a> {
        Context {
            session: &self.session,
            credentials: &self.credentials,
            settings: &self.activation.settings,
            notes,
            links: &self.links,
            now,
        }
    }

    fn bulk(&self) -> Option<Bulk> {
        self.destination.bulk(&self.activation.settings)
    }

    /// Most people of a nudge that shall go by single calls, whatever its lane.
    fn most_by_single_calls(&self) -> usize {
        self.bulk().map_or(LIVE_NUDGE, |bulk| bulk.from.saturating_sub(1).clamp(1, LIVE_NUDGE))
    }

    fn notes(&self) -> &serde_json::Value {
        self.activation.prepared.as_ref().map_or(&serde_json::Value::Null, |prepared| &prepared.notes)
    }
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Correct the times.
    #[error(transparent)]
    Times(#[from] InvalidTimes),
    /// Look at the vault.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl Engine {
    /// An engine over these ports, with the registry's destinations and a catalog of its own.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(
        ports: Ports,
        http: Http,
        times: Times,
        steps: Arc<dyn Steps>,
        dice: Dice,
    ) -> Result<Self, OpenError> {
        times.check(http.times())?;
        let installation = crate::installation::installation_key(ports.vault.as_ref()).await?;
        let catalog = CachedCatalog::new(Arc::clone(&ports.catalog), Arc::clone(&ports.clock), times.cache_age);
        let catalog = Arc::new(catalog);
        Ok(Self { ports, catalog, http, installation, times, steps, dice, destinations: Arc::new(Registry) })
    }

    fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    fn destination(&self, provider: &Provider) -> PortResult<&dyn Destination> {
        self.destinations.find(provider).ok_or_else(|| PortError::Unreadable {
            store: "catalog",
            what: format!("activation of `{provider}`, which this program does not know"),
        })
    }

    /// The session, credentials and links of an activation. Absent credentials are an empty secret, which
    /// the destination refuses.
    async fn subject<'a>(
        &'a self,
        snapshot: &Snapshot,
        activation: &'a Activation,
        links: Links,
        errand: Errand,
    ) -> PortResult<Subject<'a>> {
        let destination = self.destination(&activation.destination)?;
        let origins = destination.origins(&activation.settings);
        let authorization = (&activation.authorization, destination.spec());
        let (session, credentials) = self.session(snapshot, authorization, origins, errand).await?;
        Ok(Subject { activation, links, destination, credentials, session })
    }

    /// A session of an authorization, and its credentials.
    async fn session(
        &self,
        snapshot: &Snapshot,
        (authorization, spec): (&AuthorizationId, &Spec),
        origins: Vec<String>,
        errand: Errand,
    ) -> PortResult<(Session, Secret)> {
        let credentials = self.ports.vault.get(&format!("authorization/{authorization}")).await?;
        let limits = snapshot.authorizations.get(authorization).map(|known| known.limits).unwrap_or_default();
        let account = Account {
            authorization: authorization.clone(),
            budget: limits.over(&spec.budget),
            lane: errand.lane,
            run: RunId(self.dice.number()),
            origins,
            ledger: Arc::clone(&self.ports.ledger),
            vault: Arc::clone(&self.ports.vault),
            clock: Arc::clone(&self.ports.clock),
            meter: Arc::clone(&self.ports.meter),
            trace: errand.trace,
        };
        let session = self.http.session(account, errand.deadline);
        Ok((session, credentials.unwrap_or(Secret(serde_json::Value::Null))))
    }

    fn effect_times(&self, activation: &Activation) -> EffectTimes {
        EffectTimes {
            settled_after: self.times.sweep_age,
            window: SignedDuration::from_hours(i64::from(activation.retry_window_hours)),
            again: activation.earning.again,
            events_earn: activation.earning.events_earn,
        }
    }

    async fn send_nudge(&self, provider: &Provider, mut nudge: Nudge, most: usize) -> PortResult<()> {
        let now = self.now();
        nudge.not_before = nudge.not_before.map(next_millisecond);
        let delay = nudge.not_before.map_or(SignedDuration::ZERO, |time| time.duration_since(now));
        let delay = delay.clamp(SignedDuration::ZERO, MAX_DELAY);
        let messages = nudge
            .people
            .chunks(most)
            .map(|people| Outgoing::later(&Message::Nudge(Nudge { people: people.to_vec(), ..nudge.clone() }), delay))
            .collect::<Vec<_>>();
        if messages.is_empty() {
            return Ok(());
        }
        self.ports.queue.send(&QueueName::Destination(provider.clone(), nudge.lane), messages).await
    }

    async fn send_message(&self, queue: &QueueName, message: &Message, delay: SignedDuration) -> PortResult<()> {
        let delay = delay.clamp(SignedDuration::ZERO, MAX_DELAY);
        self.ports.queue.send(queue, vec![Outgoing::later(message, delay)]).await
    }
}

/// Queues keep time more coarsely than clocks. A message that became visible a moment before its own time
/// would be put back, become visible at once, and so on until that moment has passed.
fn next_millisecond(at: Timestamp) -> Timestamp {
    let milliseconds = (at.as_nanosecond() + 999_999).div_euclid(1_000_000);
    Timestamp::from_nanosecond(milliseconds * 1_000_000).unwrap_or(at)
}

fn plain_nudge(activation: &Activation, people: Vec<PersonKey>, lane: Lane) -> Nudge {
    Nudge {
        activation: activation.id.clone(),
        people,
        lane,
        not_before: None,
        reopen: false,
        accepted_at: None,
        trace: None,
    }
}
