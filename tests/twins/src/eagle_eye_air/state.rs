//! Everything the twin remembers.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::counters::Counters;
use super::post::{Parcel, Post};
use super::routes::RouteKind;
use super::switches::Switches;
use super::unit::Unit;
use super::{api, reply};
use crate::faults::Wording;
use crate::outbox::Outbox;
use crate::reply::Reply;
use crate::serve::{Answer, Call};
use crate::twin::{Desk, Shared, Vendor};

/// Everything the twin remembers.
pub struct State {
    pub(super) desk: Desk<State>,
    /// Client id → secret.
    pub(super) clients: BTreeMap<String, String>,
    pub(super) unit: Unit,
    pub(super) post: Post,
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
        self.unit.now = self.desk.now;
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
        reply::error(status, text)
    }

    fn error(&self, status: u16, text: &str) -> Reply {
        reply::error(status, text)
    }
}

impl State {
    pub(super) fn new(
        clients: BTreeMap<String, String>,
        seed: u64,
        switches: Switches,
        outbox: Outbox<Parcel>,
    ) -> Self {
        Self { desk: Desk::new(switches), clients, unit: Unit::new(seed), post: Post::new(outbox) }
    }
}
