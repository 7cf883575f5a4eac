//! Everything the twin remembers.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::api;
use super::auth::Keyring;
use super::counters::Counters;
use super::message::Command;
use super::model::{Customer, EventView};
use super::routes::RouteKind;
use super::switches::Switches;
use super::webhooks::Webhooks;
use crate::serve::{Answer, Call};
use crate::twin::{Desk, Shared, Vendor};

/// Everything the twin remembers.
pub struct State {
    pub(super) desk: Desk<State>,
    /// The token of the one project.
    pub(super) project: String,
    pub(super) keyring: Keyring,
    /// By number, in the order of their making.
    pub(super) customers: BTreeMap<u64, Customer>,
    /// Name and value of an id → the number of whoever has it.
    pub(super) numbers: HashMap<(String, String), u64>,
    pub(super) next_customer: u64,
    /// In the order in which they were applied.
    pub(super) events: Vec<EventView>,
    /// What makes an event what it is, of each that was taken.
    pub(super) known_events: HashSet<String>,
    /// What commands with a `command_id` said, lost ones too.
    pub(super) told: HashMap<String, Command>,
    /// The `command_id`s that were executed.
    pub(super) executed: HashSet<String>,
    /// Hard id → the sentence with which its commands fail.
    pub(super) refusals: BTreeMap<String, String>,
    /// The route of the request that is being answered; `None` where there is no such route.
    pub(super) answering: Option<RouteKind>,
    pub(super) hooks: Webhooks,
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

    fn wake(&mut self) {
        self.send_due();
    }

    fn hold_ms(&self) -> u64 {
        self.desk.switches.hold_ms
    }

    async fn answer(shared: &Arc<Shared<Self>>, call: Call) -> Answer {
        api::answer(shared, call).await
    }
}

impl State {
    pub(super) fn new(project: String, keyring: Keyring, switches: Switches, hooks: Webhooks) -> Self {
        Self {
            desk: Desk::new(switches),
            project,
            keyring,
            customers: BTreeMap::new(),
            numbers: HashMap::new(),
            next_customer: 1,
            events: Vec::new(),
            known_events: HashSet::new(),
            told: HashMap::new(),
            executed: HashSet::new(),
            refusals: BTreeMap::new(),
            answering: None,
            hooks,
        }
    }
}
