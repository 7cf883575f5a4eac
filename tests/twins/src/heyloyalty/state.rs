//! Everything the twin remembers, behind one lock.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::counters::{Counters, SecondWindow};
use super::faults::Faults;
use super::import::PendingImport;
use super::model::List;
use super::switches::Switches;
use super::webhooks::Webhooks;
use crate::clock::TwinClock;

/// The state and the clock that drives it.
pub(super) struct Shared {
    state: Mutex<State>,
    pub clock: TwinClock,
}

impl Shared {
    pub(super) fn new(state: State, clock: TwinClock) -> Self {
        Self { state: Mutex::new(state), clock }
    }

    /// The state as of now: imports whose time has come are applied first.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Before locking: a given clock is foreign code.
        let now = self.clock.now();
        let mut state = self.state.lock();
        state.now = now;
        state.apply_imports_due(now);
        state
    }
}

pub(super) struct State {
    /// The instant of the current lock.
    pub now: Timestamp,
    /// API key → secret.
    pub accounts: BTreeMap<String, String>,
    pub switches: Switches,
    pub counters: Counters,
    /// All requests of the last second.
    pub window: SecondWindow,
    /// Requests of the last second within the rate limit, by API key.
    pub allowed: HashMap<String, SecondWindow>,
    pub lists: BTreeMap<u64, List>,
    pub imports: Vec<PendingImport>,
    pub mailbox: Vec<Mail>,
    pub unexpected: Vec<String>,
    pub faults: Faults,
    pub hooks: Webhooks,
    pub ids: Ids,
}

impl State {
    pub(super) fn new(seed: u64, switches: Switches, hooks: Webhooks) -> Self {
        Self {
            now: Timestamp::UNIX_EPOCH,
            accounts: BTreeMap::new(),
            switches,
            counters: Counters::default(),
            window: SecondWindow::default(),
            allowed: HashMap::new(),
            lists: BTreeMap::new(),
            imports: Vec::new(),
            mailbox: Vec::new(),
            unexpected: Vec::new(),
            faults: Faults::default(),
            hooks,
            ids: Ids::new(seed),
        }
    }

    /// One list with all that a write to it touches.
    pub(super) fn on_list(&mut self, list: u64) -> Option<OnList<'_>> {
        Some(OnList {
            list: self.lists.get_mut(&list)?,
            switches: &self.switches,
            counters: &mut self.counters,
            hooks: &mut self.hooks,
            ids: &mut self.ids,
            now: self.now,
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

fn take(next: &mut u64) -> u64 {
    let id = *next;
    *next += 1;
    id
}
