//! Everything the twin remembers, behind one lock.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::counters::Counters;
use super::import::PendingImport;
use super::model::List;
use super::routes::RouteKind;
use super::switches::Switches;
use super::webhooks::Webhooks;
use super::{api, reply};
use crate::faults::Wording;
use crate::reply::Reply;
use crate::serve::{Answer, Call};
use crate::twin::{Desk, Shared, Vendor, take};

/// Everything the twin remembers.
pub struct State {
    pub(super) desk: Desk<State>,
    /// API key → secret.
    pub(super) accounts: BTreeMap<String, String>,
    pub(super) lists: BTreeMap<u64, List>,
    pub(super) imports: Vec<PendingImport>,
    pub(super) mailbox: Vec<Mail>,
    pub(super) hooks: Webhooks,
    pub(super) ids: Ids,
}

impl Vendor for State {
    const DOOR: &'static str = "";
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
        self.apply_imports_due(self.desk.now);
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
        reply::coded(status, text, &self.desk.switches)
    }

    fn error(&self, status: u16, text: &str) -> Reply {
        reply::error(status, text)
    }
}

impl State {
    pub(super) fn new(seed: u64, switches: Switches, hooks: Webhooks) -> Self {
        Self {
            desk: Desk::new(switches),
            accounts: BTreeMap::new(),
            lists: BTreeMap::new(),
            imports: Vec::new(),
            mailbox: Vec::new(),
            hooks,
            ids: Ids::new(seed),
        }
    }

    /// One list with all that a write to it touches.
    pub(super) fn on_list(&mut self, list: u64) -> Option<OnList<'_>> {
        Some(OnList {
            list: self.lists.get_mut(&list)?,
            switches: &self.desk.switches,
            counters: &mut self.desk.counters,
            hooks: &mut self.hooks,
            ids: &mut self.ids,
            now: self.desk.now,
        })
    }
}

/// One list with all that a write to it touches.
pub(super) struct OnList<'a> {
    pub list: &'a mut List,
    pub switches: &'a Switches,
    pub counters: &'a mut Counters,
    pub hooks: &'a mut Webhooks,
    pub ids: &'a mut Ids,
    pub now: Timestamp,
}

/// What a mail is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailKind {
    /// Bad rows of an import, to its `sendErrorsTo`.
    ImportErrors,
    /// A webhook failed three times, to its `contact_email`.
    WebhookFailed,
}

/// A mail that the vendor would have sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// The address it goes to.
    pub to: String,
    /// What it is about.
    pub kind: MailKind,
    /// The list of the import or the webhook.
    pub list_id: u64,
    /// On the twin's clock.
    pub sent_at: Timestamp,
    /// One per bad row or failure.
    pub lines: Vec<String>,
}

/// Deterministic ids of everything.
#[derive(Debug)]
pub(super) struct Ids {
    random: StdRng,
    list: u64,
    field: u64,
    option: u64,
    webhook: u64,
    import: u64,
}

impl Ids {
    fn new(seed: u64) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed),
            list: 4_711,
            field: 90_001,
            option: 31_995,
            webhook: 501,
            import: 1,
        }
    }

    pub(super) fn member(&mut self) -> Uuid {
        uuid::Builder::from_random_bytes(self.random.random()).into_uuid()
    }

    pub(super) fn list(&mut self) -> u64 {
        take(&mut self.list)
    }

    pub(super) fn field(&mut self) -> u64 {
        take(&mut self.field)
    }

    pub(super) fn option(&mut self) -> u64 {
        take(&mut self.option)
    }

    pub(super) fn webhook(&mut self) -> u64 {
        take(&mut self.webhook)
    }

    pub(super) fn import(&mut self) -> u64 {
        take(&mut self.import)
    }
}
