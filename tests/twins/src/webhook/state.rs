//! What the twin holds behind one lock.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::json;

use super::answers::Ruling;
use super::counters::Counters;
use super::message::Message;
use super::model::{EventView, PersonView};
use super::receive;
use super::routes::{Paths, RouteKind};
use super::signature::SigningSecret;
use super::switches::Switches;
use crate::faults::Wording;
use crate::reply::Reply;
use crate::serve::{Answer, Call};
use crate::twin::{Desk, Shared, Vendor};

/// What the twin holds.
pub struct State {
    pub(super) desk: Desk<State>,
    pub(super) paths: Paths,
    pub(super) secrets: Vec<SigningSecret>,
    pub(super) people: BTreeMap<String, PersonView>,
    /// By `webhook-id`.
    pub(super) events: BTreeMap<String, EventView>,
    /// What verified requests said under their `webhook-id`, lost ones too.
    pub(super) told: HashMap<String, Told>,
    /// How many records were written, seeded ones too.
    pub(super) writes: u64,
    /// By the id of a person.
    pub(super) rulings: BTreeMap<String, Ruling>,
    /// By the id of a person: the sentence with which the record is refused until that was alone.
    pub(super) refused: BTreeMap<String, String>,
}

/// What a `webhook-id` stands for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Told {
    Message(Message),
    Ask,
}

impl Vendor for State {
    const DOOR: &'static str = "/__mock";
    type Switches = Switches;
    type Counters = Counters;
    type Route = RouteKind;

    fn desk(&self) -> &Desk<Self> {
        &self.desk
    }

    fn desk_mut(&mut self) -> &mut Desk<Self> {
        &mut self.desk
    }

    /// A receiver does nothing by itself.
    fn wake(&mut self) {}

    fn forget_faults(&mut self) {
        self.refused.clear();
    }

    fn hold_ms(&self) -> u64 {
        self.desk.switches.hold_ms
    }

    async fn answer(shared: &Arc<Shared<Self>>, call: Call) -> Answer {
        receive::answer(shared, &call)
    }
}

/// The contract has no body of errors: this is one that quotes what it likes.
impl Wording for State {
    fn refusal(&self, status: u16, text: &str) -> Reply {
        self.error(status, text)
    }

    fn error(&self, status: u16, text: &str) -> Reply {
        Reply::json(status, &json!({ "error": text }))
    }
}

impl State {
    pub(super) fn new(paths: Paths, secrets: Vec<SigningSecret>, switches: Switches) -> Self {
        Self {
            desk: Desk::new(switches),
            paths,
            secrets,
            people: BTreeMap::new(),
            events: BTreeMap::new(),
            told: HashMap::new(),
            writes: 0,
            rulings: BTreeMap::new(),
            refused: BTreeMap::new(),
        }
    }

    /// Notes and refuses what the contract does not have.
    pub(super) fn refuse_unexpected(&mut self, what: impl Into<String>) -> Reply {
        let what = what.into();
        let reply = self.error(500, &what);
        self.desk.note_unexpected(what);
        reply
    }
}
