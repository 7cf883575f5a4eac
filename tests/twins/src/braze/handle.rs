//! Starts the twin; the side door in process.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use super::door;
use super::model::{EventView, ProfileView, PurchaseView, SeedProfile};
use super::sender::send_all;
use super::state::State;
use super::switches::Switches;
use super::webhooks::{Attempt, SeedWebhook, Webhooks};
use crate::clock::TwinClock;
use crate::outbox::Outbox;
use crate::twin::{Ports, Refused, Twin};

const ORIGIN: &str = "https://rest.fra-01.braze.eu";

/// How to start a twin. The default has random ports, the machine's clock, nobody, and the one key `REST_API_KEY`
/// with the permission `users.track`.
#[derive(Debug, Clone)]
pub struct Options {
    /// Port of the API; 0 lets the system choose, likewise in `door_port`.
    pub port: u16,
    /// Port of the side door.
    pub door_port: u16,
    /// What the twin takes for now.
    pub clock: TwinClock,
    /// REST API key → its permissions, such as `users.track`. All keys are of the one workspace.
    pub keys: BTreeMap<String, BTreeSet<String>>,
    /// How the twin reads what the documentation leaves open.
    pub switches: Switches,
}

impl Default for Options {
    fn default() -> Self {
        let permissions = BTreeSet::from(["users.track".to_owned()]);
        Self {
            port: 0,
            door_port: 0,
            clock: TwinClock::machine(),
            keys: BTreeMap::from([("REST_API_KEY".to_owned(), permissions)]),
            switches: Switches::default(),
        }
    }
}

/// A handle on a twin; its ports are closed when the last clone is dropped.
pub type BrazeTwin = Twin<State>;

impl BrazeTwin {
    /// Without sockets: to be reached through [`Twin::router`]. The ports are not looked at. Webhooks are called by a
    /// task of the current tokio runtime.
    pub fn new(options: Options) -> Self {
        let Options { port: _, door_port: _, clock, keys, switches } = options;
        let (outbox, deliveries) = Outbox::new();
        let mut twin = Self::in_process(&[ORIGIN], clock, State::new(keys, switches, Webhooks::new(outbox)));
        twin.run(send_all(Arc::clone(twin.shared()), deliveries));
        twin
    }

    /// Serves both ports from tasks of the current tokio runtime. `Err`: a port is not free.
    pub async fn start(options: Options) -> io::Result<Self> {
        let (api, door) = (options.port, options.door_port);
        Self::new(options).listen(Ports { apis: &[api], door }, door::routes()).await
    }

    /// Adds a REST API key, or gives it other permissions.
    pub fn add_key(&self, key: &str, permissions: &[&str]) {
        let permissions = permissions.iter().map(|permission| (*permission).to_owned()).collect();
        self.lock().keys.insert(key.to_owned(), permissions);
    }

    /// Revokes a key: its requests get 401. Whether there was one.
    pub fn revoke_key(&self, key: &str) -> bool {
        self.lock().keys.remove(key).is_some()
    }

    /// The profile of that external id.
    pub fn person(&self, external_id: &str) -> Option<ProfileView> {
        self.lock().profiles.person(external_id)
    }

    /// All profiles that have an external id, by that.
    pub fn people(&self) -> BTreeMap<String, ProfileView> {
        let state = self.lock();
        state.profiles.views().filter_map(|view| Some((view.external_id.clone()?, view))).collect()
    }

    /// All profiles, those known by something else too, in the order of their making.
    pub fn profiles(&self) -> Vec<ProfileView> {
        self.lock().profiles.views().collect()
    }

    /// Puts somebody there without attributes, if nobody has that external id.
    pub fn seed_person(&self, external_id: &str) {
        let seed = SeedProfile { external_id: Some(external_id.to_owned()), ..SeedProfile::default() };
        self.lock().profiles.seed(seed);
    }

    /// The `braze_id` of the new profile. Refused when external id or alias are taken.
    pub fn seed_profile(&self, seed: SeedProfile) -> Result<String, Refused> {
        let id = self.lock().profiles.seed(seed);
        id.ok_or_else(|| Refused::because("a profile has that external id or alias"))
    }

    /// Removes a profile; its events and purchases stay. Whether it was there.
    pub fn remove_person(&self, external_id: &str) -> bool {
        self.lock().profiles.remove(external_id)
    }

    /// Objects with this external id are refused from now on: Braze takes it for a dummy.
    pub fn ban(&self, external_id: &str) {
        self.lock().banned.insert(external_id.to_owned());
    }

    /// Objects with this external id are taken again. Whether it was banned.
    pub fn unban(&self, external_id: &str) -> bool {
        self.lock().banned.remove(external_id)
    }

    /// All events in the order in which they were applied; one that came twice is there twice.
    pub fn events(&self) -> Vec<EventView> {
        self.lock().events.clone()
    }

    /// All purchases in the order in which they were applied; one that came twice is there twice.
    pub fn purchases(&self) -> Vec<PurchaseView> {
        self.lock().purchases.clone()
    }

    /// How many requests were taken and not applied; what [`Twin::late`] counts is not among them.
    pub fn queued(&self) -> usize {
        self.lock().queue.len()
    }

    /// Applies all that are queued at once. How many there were.
    pub fn apply_queued(&self) -> usize {
        self.lock().apply_queue()
    }

    /// Refused when the id is taken, the URL is none, or the body has other Liquid than `SeedWebhook` names.
    pub fn seed_webhook(&self, seed: SeedWebhook) -> Result<(), Refused> {
        let mut state = self.lock();
        if let Some(fault) = seed.fault() {
            return Err(Refused::because(fault));
        }
        if state.hooks.configured.contains_key(&seed.id) {
            return Err(Refused::because("a webhook has that id"));
        }
        state.hooks.configured.insert(seed.id.clone(), seed);
        Ok(())
    }

    /// Sends a webhook for each of these people, by external id or `braze_id`. Whether it and all of them are there;
    /// else nothing is sent.
    pub fn fire(&self, webhook: &str, people: &[&str]) -> bool {
        self.lock().fire(webhook, people)
    }

    /// Tries to call webhooks that ended, oldest first.
    pub fn attempts(&self) -> Vec<Attempt> {
        self.lock().hooks.attempts.clone()
    }

    /// Waits until every call that is due by the twin's clock has ended. What waits to be tried again needs the
    /// clock to be moved.
    pub async fn webhooks_settled(&self) {
        loop {
            let mut open = self.lock().hooks.outbox.open();
            if *open.borrow_and_update() == 0 {
                return;
            }
            // The sender lives in the state, which this handle keeps.
            let _ = open.wait_for(|open| *open == 0).await;
        }
    }
}
