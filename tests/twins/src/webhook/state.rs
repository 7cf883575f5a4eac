//! What the twin holds behind one lock.

use std::collections::{BTreeMap, HashMap, VecDeque};

use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};

use super::answers::Ruling;
use super::counters::{Counters, Gauge};
use super::faults::Faults;
use super::message::Message;
use super::model::{EventView, PersonView};
use super::reply::Reply;
use super::routes::Paths;
use super::signature::SigningSecret;
use super::switches::Switches;
use crate::clock::TwinClock;

pub(super) struct State {
    /// The instant of the current lock.
    pub now: Timestamp,
    pub paths: Paths,
    pub secrets: Vec<SigningSecret>,
    pub switches: Switches,
    pub counters: Counters,
    pub faults: Faults,
    pub unexpected: Vec<String>,
    pub people: BTreeMap<String, PersonView>,
    /// By `webhook-id`.
    pub events: BTreeMap<String, EventView>,
    /// What verified requests said under their `webhook-id`, lost ones too.
    pub told: HashMap<String, Told>,
    /// How many records were written, seeded ones too.
    pub writes: u64,
    /// By the id of a person.
    pub rulings: BTreeMap<String, Ruling>,
    /// By the id of a person: the sentence with which the record is refused until that was alone.
    pub refused: BTreeMap<String, String>,
    /// In the order of their arrival.
    pub late: VecDeque<Late>,
    pub all: Gauge,
    pub admitted: Gauge,
    /// Requests before this time disregard a `Retry-After`.
    pub quiet_until: Option<Timestamp>,
}

/// What a `webhook-id` stands for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Told {
    Message(Message),
    Ask,
}

/// A request that was taken and not applied.
pub(super) struct Late {
    pub webhook_id: String,
    pub message: Message,
}

impl State {
    pub(super) fn new(paths: Paths, secrets: Vec<SigningSecret>, switches: Switches) -> Self {
        Self {
            now: Timestamp::UNIX_EPOCH,
            paths,
            secrets,
            switches,
            counters: Counters::default(),
            faults: Faults::default(),
            unexpected: Vec::new(),
            people: BTreeMap::new(),
            events: BTreeMap::new(),
            told: HashMap::new(),
            writes: 0,
            rulings: BTreeMap::new(),
            refused: BTreeMap::new(),
            late: VecDeque::new(),
            all: Gauge::default(),
            admitted: Gauge::default(),
            quiet_until: None,
        }
    }

    /// Notes what the contract does not have.
    pub(super) fn note_unexpected(&mut self, what: impl Into<String>) {
        self.counters.unexpected += 1;
        self.unexpected.push(what.into());
    }

    /// Notes and refuses what the contract does not have.
    pub(super) fn refuse_unexpected(&mut self, what: impl Into<String>) -> Reply {
        let what = what.into();
        let reply = Reply::error(500, what.clone());
        self.note_unexpected(what);
        reply
    }
}

/// The state and the clock that drives it.
pub(super) struct Shared {
    state: Mutex<State>,
    pub clock: TwinClock,
}

impl Shared {
    pub(super) fn new(state: State, clock: TwinClock) -> Self {
        Self { state: Mutex::new(state), clock }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Before locking: a given clock is foreign code.
        let now = self.clock.now();
        let mut state = self.state.lock();
        state.now = now;
        state
    }
}
