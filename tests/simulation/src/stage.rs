//! What everything in one simulated world shares: the clock, the dice, the counts, the first broken promise.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use jiff::{SignedDuration, Timestamp};
use muster::ports::{Clock, PortError};
use muster_memory::VirtualClock;
use parking_lot::Mutex;

use crate::broken::Broken;
use crate::chance::Chance;
use crate::fault::{Fault, Tally};
use crate::invariant::{Invariant, Violation};
use crate::plan::{Odds, Plan};

/// What every name, address, value and secret of the world contains: nobody writes it by chance.
pub const CANARY: &str = "kanarie";

/// Most of a story that is kept.
const TOLD: usize = 400_000;

/// Whether the last steps are kept as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// For who looks into a seed.
    Story,
    /// Only its hash.
    Hash,
}

/// The run under way: a process, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acting {
    /// Its number.
    pub task: u64,
    /// When it began.
    pub since: Timestamp,
}

/// See the module.
pub struct Stage {
    /// The only clock.
    pub clock: Arc<VirtualClock>,
    /// What is left out of Muster.
    pub broken: Option<Broken>,
    plan: Arc<Plan>,
    telling: Telling,
    state: Mutex<State>,
}

struct State {
    chance: Chance,
    tally: Tally,
    healed: bool,
    violation: Option<Violation>,
    hash: u64,
    steps: u64,
    story: Vec<String>,
    acting: Acting,
    /// Runs that died, and whose hearing of a vendor's wish therefore counts for nothing.
    deaf: BTreeSet<u64>,
}

impl Stage {
    /// A new world.
    pub fn new(plan: Arc<Plan>, broken: Option<Broken>, telling: Telling) -> Self {
        let start = plan.start;
        let state = State {
            chance: Chance::of(plan.seed, 2),
            tally: Tally::default(),
            healed: false,
            violation: None,
            hash: 0xcbf2_9ce4_8422_2325,
            steps: 0,
            story: Vec::new(),
            acting: Acting { task: 0, since: start },
            deaf: BTreeSet::new(),
        };
        Self { clock: Arc::new(VirtualClock::at(start)), broken, plan, telling, state: Mutex::new(state) }
    }

    /// Whether this rule is left out.
    pub fn lacks(&self, broken: Broken) -> bool {
        self.broken == Some(broken)
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What may go wrong, how often.
    pub fn odds(&self) -> Odds {
        self.plan.odds(self.now())
    }

    /// Draws.
    pub fn draw<T>(&self, draw: impl FnOnce(&mut Chance) -> T) -> T {
        draw(&mut self.state.lock().chance)
    }

    /// Whether a fault strikes now, in so many of a thousand cases; it is counted if it does.
    pub fn strikes(&self, fault: Fault, permille: u32) -> bool {
        let mut state = self.state.lock();
        let strikes = !state.healed && permille > 0 && state.chance.permille(permille);
        if strikes {
            state.tally.count(fault);
        }
        strikes
    }

    /// A fault struck.
    pub fn struck(&self, fault: Fault) {
        self.state.lock().tally.count(fault);
        self.note(|| format!("fault: {fault}"), fault as u64);
    }

    /// From now on nothing goes wrong.
    pub fn heal(&self) {
        self.state.lock().healed = true;
    }

    /// Whether nothing goes wrong any more.
    pub fn is_healed(&self) -> bool {
        self.state.lock().healed
    }

    /// The counts.
    pub fn tally(&self) -> Tally {
        self.state.lock().tally.clone()
    }

    /// Notes that a promise was broken; the first one counts.
    pub fn broke(&self, invariant: Invariant, what: impl FnOnce() -> String) {
        let mut state = self.state.lock();
        if state.violation.is_none() {
            state.violation = Some(Violation { invariant, what: what() });
        }
    }

    /// The first broken promise.
    pub fn violation(&self) -> Option<Violation> {
        self.state.lock().violation.clone()
    }

    /// Whether a promise was broken.
    pub fn is_over(&self) -> bool {
        self.state.lock().violation.is_some()
    }

    /// A step: its numbers go into the hash, its text into the story. Neither may hold a random id.
    pub fn note(&self, text: impl FnOnce() -> String, number: u64) {
        let now = self.now();
        let mut state = self.state.lock();
        let nanosecond = u64::try_from(now.as_nanosecond()).unwrap_or_default();
        for number in [nanosecond, number] {
            state.hash = (state.hash ^ number).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(5);
        }
        if self.telling == Telling::Story {
            let mut line = String::new();
            let _ = write!(line, "{now} #{} {}", state.acting.task, text());
            if state.story.len() >= TOLD {
                state.story.drain(..TOLD / 2);
            }
            state.story.push(line);
        }
    }

    /// What happened, as a number.
    pub fn hash(&self) -> u64 {
        self.state.lock().hash
    }

    /// What happened last.
    pub fn story(&self) -> Vec<String> {
        self.state.lock().story.clone()
    }

    /// Who acts from now on.
    pub fn acts(&self, acting: Acting) {
        let mut state = self.state.lock();
        state.acting = acting;
        state.steps += 1;
    }

    /// Steps taken so far.
    pub fn steps(&self) -> u64 {
        self.state.lock().steps
    }

    /// Who acts.
    pub fn acting(&self) -> Acting {
        self.state.lock().acting
    }

    /// Nobody can expect that the run acts on what it last heard.
    pub fn deafen(&self, task: u64) {
        self.state.lock().deaf.insert(task);
    }

    /// What the run heard is known to all.
    pub fn hears(&self, task: u64) {
        self.state.lock().deaf.remove(&task);
    }

    /// Whether nobody can expect that the run acts on what it heard.
    pub fn is_deaf(&self, task: u64) -> bool {
        self.state.lock().deaf.contains(&task)
    }

    /// Nothing personal may be in `text`, which is shown at `place`.
    pub fn shown(&self, place: &str, text: &str) {
        if text.contains(CANARY) {
            self.broke(Invariant::NothingPersonal, || format!("{place}: {text}"));
        }
    }

    /// Others may come first, or the process may die here.
    pub async fn pause(&self) {
        Pause { paused: false }.await;
    }

    /// Before a port does anything.
    pub async fn before(&self, call: &'static str) -> Result<(), PortError> {
        self.pause().await;
        if self.strikes(Fault::StoreSlow, self.odds().store_slow) {
            // Now and then longer than a run may last.
            let most = if self.draw(|chance| chance.permille(15)) { 90_000 } else { 2_000 };
            let long = SignedDuration::from_millis(self.draw(|chance| chance.between(10, most)));
            self.clock.sleep(long).await;
        }
        if self.strikes(Fault::StoreFailedBefore, self.odds().store_fails) {
            return Err(self.failure(call, "did nothing"));
        }
        Ok(())
    }

    /// After a port did what it was asked for.
    pub async fn after(&self, call: &'static str) -> Result<(), PortError> {
        self.note(|| call.to_owned(), call.len() as u64);
        self.pause().await;
        if self.strikes(Fault::StoreFailedAfter, self.odds().store_fails) {
            return Err(self.failure(call, "did it"));
        }
        Ok(())
    }

    fn failure(&self, call: &'static str, what: &str) -> PortError {
        self.note(|| format!("{call} fails, {what}"), 1);
        let what =
            if self.lacks(Broken::AddressInError) { format!("someone@{CANARY}.example") } else { call.to_owned() };
        PortError::Unavailable { store: "simulation", what }
    }
}

struct Pause {
    paused: bool,
}

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.paused {
            return Poll::Ready(());
        }
        self.paused = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
