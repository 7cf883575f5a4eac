//! Everything the twin remembers.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::api;
use super::counters::Counters;
use super::emit::{Parcel, Waiting};
use super::jobs::{Attempt, Job};
use super::model::{Profile, Segment};
use super::routes::RouteKind;
use super::scan::Position;
use super::switches::Switches;
use crate::faults::Wording;
use crate::outbox::Outbox;
use crate::reply::Reply;
use crate::serve::{Answer, Call};
use crate::twin::{Desk, Shared, Vendor, take};

/// Everything the twin remembers.
pub struct State {
    pub(super) desk: Desk<State>,
    /// Token → when it expires, if ever.
    pub(super) tokens: BTreeMap<String, Option<Timestamp>>,
    /// By id.
    pub(super) segments: BTreeMap<String, Segment>,
    /// By number, in the order of their making.
    pub(super) profiles: BTreeMap<u64, Profile>,
    /// Key of a profile → its number.
    pub(super) numbers: BTreeMap<String, u64>,
    /// `_next` → where it leads.
    pub(super) positions: BTreeMap<String, Position>,
    pub(super) last_ad_hoc_size: Option<Timestamp>,
    /// By work id.
    pub(super) jobs: BTreeMap<String, Job>,
    pub(super) waiting: Vec<(Timestamp, Waiting)>,
    pub(super) outbox: Outbox<Parcel>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) last_stamp: Timestamp,
    pub(super) ids: Ids,
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

impl Wording for State {
    fn refusal(&self, status: u16, text: &str) -> Reply {
        if status == 401 { self.not_authorized() } else { self.failure(status, text) }
    }

    fn error(&self, status: u16, text: &str) -> Reply {
        self.failure(status, text)
    }
}

impl State {
    pub(super) fn new(tokens: BTreeMap<String, Option<Timestamp>>, switches: Switches, outbox: Outbox<Parcel>) -> Self {
        Self {
            desk: Desk::new(switches),
            tokens,
            segments: BTreeMap::new(),
            profiles: BTreeMap::new(),
            numbers: BTreeMap::new(),
            positions: BTreeMap::new(),
            last_ad_hoc_size: None,
            jobs: BTreeMap::new(),
            waiting: Vec::new(),
            outbox,
            attempts: Vec::new(),
            last_stamp: Timestamp::UNIX_EPOCH,
            ids: Ids::default(),
        }
    }
}

/// Deterministic ids of everything.
#[derive(Debug)]
pub(super) struct Ids {
    profile: u64,
    event: u64,
    scan: u64,
    job: u64,
}

impl Default for Ids {
    fn default() -> Self {
        Self { profile: 1, event: 7_076_027_172_059_065_053, scan: 1, job: 1 }
    }
}

impl Ids {
    pub(super) fn profile(&mut self) -> u64 {
        take(&mut self.profile)
    }

    pub(super) fn event(&mut self) -> String {
        take(&mut self.event).to_string()
    }

    pub(super) fn scan(&mut self) -> u64 {
        take(&mut self.scan)
    }

    pub(super) fn job(&mut self) -> String {
        format!("{:032x}", take(&mut self.job))
    }
}
