//! Starts the twin; the side door in process.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use serde_json::Value;
use tokio::runtime;

use super::auth::{Keyring, Permission, PrivateKey};
use super::door;
use super::model::{Customer, CustomerView, EventView, HARD_ID, Ids, Property, seconds};
use super::sender::send_all;
use super::state::State;
use super::switches::Switches;
use super::webhooks::{Attempt, Parcel, SeedWebhook, WebhookCall, WebhookStatus, WebhookView, Webhooks};
use crate::clock::TwinClock;
use crate::twin::{Ports, Twin, take};

const ORIGIN: &str = "https://api.exponea.com";

/// How to start a twin. The default has random ports, the machine's clock, the project `PROJECT_TOKEN`, the one
/// private key `KEY_ID` with the secret `KEY_SECRET`, and the public token `PUBLIC_TOKEN`; both may do everything.
#[derive(Debug, Clone)]
pub struct Options {
    /// Port of the API; 0 lets the system choose, likewise in `door_port`.
    pub port: u16,
    /// Port of the side door.
    pub door_port: u16,
    /// What the twin takes for now.
    pub clock: TwinClock,
    /// The project in the paths; any other is answered 403.
    pub project_token: String,
    /// Private keys by id.
    pub keys: BTreeMap<String, PrivateKey>,
    /// Public token → what it may do.
    pub public_tokens: BTreeMap<String, BTreeSet<Permission>>,
    /// How the twin reads what the documentation leaves open.
    pub switches: Switches,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            door_port: 0,
            clock: TwinClock::machine(),
            project_token: "PROJECT_TOKEN".to_owned(),
            keys: BTreeMap::from([("KEY_ID".to_owned(), PrivateKey::new("KEY_SECRET"))]),
            public_tokens: BTreeMap::from([("PUBLIC_TOKEN".to_owned(), Permission::all())]),
            switches: Switches::default(),
        }
    }
}

/// A handle on a running twin; it stops when the last clone is dropped.
pub type BloomreachTwin = Twin<State>;

impl BloomreachTwin {
    /// Without sockets: to be reached through [`Twin::router`]. Webhooks are called from a task of the current
    /// tokio runtime, and never where there is none.
    pub fn new(options: Options) -> Self {
        let Options { port: _, door_port: _, clock, project_token, keys, public_tokens, switches } = options;
        let (hooks, parcels) = Webhooks::new();
        let keyring = Keyring { keys, tokens: public_tokens };
        let mut twin = Self::in_process(&[ORIGIN], clock, State::new(project_token, keyring, switches, hooks));
        if runtime::Handle::try_current().is_ok() {
            twin.run(send_all(Arc::clone(twin.shared()), parcels));
        }
        twin
    }

    /// Serves both ports and calls webhooks from tasks of the current tokio runtime. `Err`: a port is not free.
    pub async fn start(options: Options) -> io::Result<Self> {
        let (api, door) = (options.port, options.door_port);
        Self::new(options).listen(Ports { apis: &[api], door }, door::routes()).await
    }

    /// Adds a private key, or replaces the one of that id: its secret was rotated, its permissions changed.
    pub fn set_key(&self, id: &str, key: PrivateKey) {
        self.lock().keyring.keys.insert(id.to_owned(), key);
    }

    /// Removes a private key. Whether there was one.
    pub fn remove_key(&self, id: &str) -> bool {
        self.lock().keyring.keys.remove(id).is_some()
    }

    /// Adds a public token, or changes what it may do.
    pub fn set_token(&self, token: &str, permissions: BTreeSet<Permission>) {
        self.lock().keyring.tokens.insert(token.to_owned(), permissions);
    }

    /// Removes a public token. Whether there was one.
    pub fn remove_token(&self, token: &str) -> bool {
        self.lock().keyring.tokens.remove(token).is_some()
    }

    /// Whoever has all of these ids, names with values; `None` too where there are none.
    pub fn customer(&self, ids: &[(&str, &str)]) -> Option<CustomerView> {
        let state = self.lock();
        let mut numbers = ids.iter().map(|(name, value)| state.number(name, value));
        let first = numbers.next()??;
        if numbers.any(|number| number != Some(first)) {
            return None;
        }
        state.customers.get(&first).map(Customer::view)
    }

    /// Whoever has this hard id.
    pub fn person(&self, registered: &str) -> Option<CustomerView> {
        self.customer(&[(HARD_ID, registered)])
    }

    /// Everybody who has a hard id, by it.
    pub fn people(&self) -> BTreeMap<String, CustomerView> {
        let state = self.lock();
        let views = state.customers.values().map(Customer::view);
        views.filter_map(|view| Some((view.registered.clone()?, view))).collect()
    }

    /// How many customers there are, those known by soft ids alone included.
    pub fn customers(&self) -> usize {
        self.lock().customers.len()
    }

    /// Puts somebody there, without properties; whoever is there stays as he is.
    pub fn seed_person(&self, registered: &str) {
        let mut state = self.lock();
        if state.number(HARD_ID, registered).is_some() {
            return;
        }
        let number = take(&mut state.next_customer);
        let customer =
            Customer { registered: Some(registered.to_owned()), written_at: state.desk.now, ..Customer::default() };
        state.customers.insert(number, customer);
        state.numbers.insert((HARD_ID.to_owned(), registered.to_owned()), number);
    }

    /// Removes somebody without a trace, but for the events; whether there was somebody.
    pub fn remove_person(&self, registered: &str) -> bool {
        self.lock().remove(registered)
    }

    /// Somebody else writes a property, as of the twin's now. Whether there is such a person.
    pub fn set_property(&self, registered: &str, name: &str, value: Value) -> bool {
        let mut state = self.lock();
        let Some(number) = state.number(HARD_ID, registered) else { return false };
        let (written_at, updated) = (state.desk.now, seconds(state.desk.now));
        let Some(customer) = state.customers.get_mut(&number) else { return false };
        customer.properties.insert(name.to_owned(), Property { value, updated });
        customer.written_at = written_at;
        true
    }

    /// From here on commands for this hard id fail with this sentence: in the results of a batch, or as a 400.
    pub fn refuse(&self, registered: &str, sentence: &str) {
        self.lock().refusals.insert(registered.to_owned(), sentence.to_owned());
    }

    /// Commands are taken again, whatever was refused.
    pub fn clear_refusals(&self) {
        self.lock().refusals.clear();
    }

    /// All events in the order in which they were applied, doubles included.
    pub fn events(&self) -> Vec<EventView> {
        self.lock().events.clone()
    }

    /// Those that were sent with this hard id.
    pub fn events_of(&self, registered: &str) -> Vec<EventView> {
        let state = self.lock();
        let of_it = |event: &&EventView| event.customer_ids.get(HARD_ID).is_some_and(|value| value == registered);
        state.events.iter().filter(of_it).cloned().collect()
    }

    /// Forgets the events so far; a repeat of one is still counted as one.
    pub fn clear_events(&self) {
        self.lock().events.clear();
    }

    /// The id of the new webhook.
    pub fn add_webhook(&self, seed: SeedWebhook) -> u64 {
        self.lock().hooks.add(seed)
    }

    /// Calls a webhook for these customers. Whether there is one; a halted one calls nobody.
    pub fn call_webhook(&self, id: u64, calls: Vec<WebhookCall>) -> bool {
        let state = self.lock();
        if !state.hooks.configured.contains_key(&id) {
            return false;
        }
        for call in calls {
            state.hooks.outbox.send(Parcel { webhook: id, attempt: 1, call });
        }
        true
    }

    /// It is called again after a halt. Whether there is such a webhook.
    pub fn resume_webhook(&self, id: u64) -> bool {
        let mut state = self.lock();
        let Some(hook) = state.hooks.configured.get_mut(&id) else { return false };
        hook.status = WebhookStatus::Running;
        true
    }

    /// All webhooks, by id.
    pub fn webhooks(&self) -> Vec<WebhookView> {
        self.lock().hooks.views()
    }

    /// Requests to webhooks that ended, oldest first.
    pub fn attempts(&self) -> Vec<Attempt> {
        self.lock().hooks.attempts.clone()
    }

    /// Forgets the requests so far.
    pub fn clear_attempts(&self) {
        self.lock().hooks.attempts.clear();
    }

    /// Waits until everything that is due by the twin's clock has been sent. What is to be tried again needs the
    /// clock to be moved.
    pub async fn webhooks_settled(&self) {
        let mut open = self.lock().hooks.open();
        // The sender lives in the state, which this handle keeps.
        let _ = open.wait_for(|open| *open == 0).await;
    }

    /// As `customer`, of a map.
    pub(super) fn customer_of_ids(&self, ids: &Ids) -> Option<CustomerView> {
        let ids: Vec<(&str, &str)> = ids.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.customer(&ids)
    }
}
