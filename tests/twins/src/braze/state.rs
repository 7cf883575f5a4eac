//! Everything the twin remembers, behind one lock.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::api;
use super::counters::Counters;
use super::limits::Windows;
use super::model::{EventView, PurchaseView};
use super::objects::{InputArray, Object};
use super::profiles::Profiles;
use super::routes::RouteKind;
use super::switches::Switches;
use super::webhooks::Webhooks;
use crate::faults::Wording;
use crate::reply::Reply;
use crate::serve::{Answer, Call};
use crate::twin::{Desk, Shared, Vendor};

/// Everything the twin remembers: one workspace.
pub struct State {
    pub(super) desk: Desk<State>,
    /// REST API key → its permissions.
    pub(super) keys: BTreeMap<String, BTreeSet<String>>,
    pub(super) windows: Windows,
    /// The latest reset that a 429 told of.
    pub(super) told_reset: Option<Timestamp>,
    pub(super) profiles: Profiles,
    /// External ids that Braze takes for dummies.
    pub(super) banned: BTreeSet<String>,
    /// Taken and not applied, in the order of their arrival.
    pub(super) queue: VecDeque<Queued>,
    pub(super) next_request: u64,
    pub(super) events: Vec<EventView>,
    pub(super) purchases: Vec<PurchaseView>,
    /// All that makes an event or a purchase, as text.
    pub(super) seen: HashSet<String>,
    pub(super) hooks: Webhooks,
}

/// A request that was taken, without its faulty objects.
#[derive(Debug)]
pub(super) struct Queued {
    pub due_at: Timestamp,
    pub request: u64,
    pub objects: Vec<(InputArray, Object)>,
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
        self.apply_due();
        self.send_due();
    }

    fn hold_ms(&self) -> u64 {
        self.desk.switches.hold_ms
    }

    async fn answer(shared: &Arc<Shared<Self>>, call: Call) -> Answer {
        api::answer(shared, call).await
    }
}

impl Wording for State {
    fn refusal(&self, status: u16, text: &str) -> Reply {
        Reply::json(status, &json!({ "message": text }))
    }

    fn error(&self, status: u16, text: &str) -> Reply {
        Reply::json(status, &json!({ "message": text, "errors": [] }))
    }
}

impl State {
    pub(super) fn new(keys: BTreeMap<String, BTreeSet<String>>, switches: Switches, hooks: Webhooks) -> Self {
        Self {
            desk: Desk::new(switches),
            keys,
            windows: Windows::new(),
            told_reset: None,
            profiles: Profiles::default(),
            banned: BTreeSet::new(),
            queue: VecDeque::new(),
            next_request: 1,
            events: Vec::new(),
            purchases: Vec::new(),
            seen: HashSet::new(),
            hooks,
        }
    }
}
