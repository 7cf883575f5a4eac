//! Starts the twin; what tests look at and set up.

use std::collections::BTreeMap;
use std::io;
use std::ops::Deref;

use axum::Router;

use super::answers::Ruling;
use super::message::Record;
use super::model::{EventView, PersonView};
use super::routes::Paths;
use super::signature::SigningSecret;
use super::state::State;
use super::switches::Switches;
use crate::clock::TwinClock;
use crate::twin::{Ports, Twin};

/// A name that is kept for examples: where a receiver stands is set by whoever uses it.
const ORIGIN: &str = "https://receiver.example";

/// How to start a twin. The default has random ports, the machine's clock and no secret.
#[derive(Debug, Clone)]
pub struct Options {
    /// Port of the receiver; 0 lets the system choose, likewise in `door_port`.
    pub port: u16,
    /// Port of the side door.
    pub door_port: u16,
    /// What the twin takes for now.
    pub clock: TwinClock,
    /// Secrets that are accepted; two while they are rotated. Without any nothing is.
    pub secrets: Vec<SigningSecret>,
    /// Path of `POST`.
    pub path: String,
    /// What the path of an ask begins with; `None` where the receiver cannot be asked.
    pub ask_path: Option<String>,
    /// How the receiver behaves.
    pub switches: Switches,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            door_port: 0,
            clock: TwinClock::machine(),
            secrets: Vec::new(),
            path: "/muster".to_owned(),
            ask_path: Some("/ask".to_owned()),
            switches: Switches::default(),
        }
    }
}

/// A handle on a twin; its ports are closed when the last clone is dropped.
#[derive(Clone)]
pub struct WebhookTwin(Twin<State>);

impl Deref for WebhookTwin {
    type Target = Twin<State>;

    fn deref(&self) -> &Twin<State> {
        &self.0
    }
}

impl WebhookTwin {
    /// Without sockets: to be reached through [`Twin::router`]. The ports are not looked at.
    pub fn new(options: Options) -> Self {
        let Options { port: _, door_port: _, clock, secrets, path, ask_path, switches } = options;
        let state = State::new(Paths { post: path, ask: ask_path }, secrets, switches);
        Self(Twin::in_process(&[ORIGIN], clock, state))
    }

    /// Serves both ports from tasks of the current tokio runtime. `Err`: a port is not free.
    pub async fn start(options: Options) -> io::Result<Self> {
        let (api, door) = (options.port, options.door_port);
        let Self(twin) = Self::new(options);
        Ok(Self(twin.listen(Ports { apis: &[api], door }, Router::new()).await?))
    }

    /// `http://127.0.0.1:<port>`, in the place of the receiver's origin; `None` without sockets.
    pub fn api_url(&self) -> Option<String> {
        self.origins().next().map(|(_, url)| url)
    }

    /// Replaces the accepted secrets: they are rotated.
    pub fn set_secrets(&self, secrets: Vec<SigningSecret>) {
        self.lock().secrets = secrets;
    }

    /// What is made of the records of this id from here on.
    pub fn rule(&self, id: &str, ruling: Ruling) {
        self.lock().rulings.insert(id.to_owned(), ruling);
    }

    /// Records are taken again, whatever was ruled.
    pub fn clear_rulings(&self) {
        self.lock().rulings.clear();
    }

    /// What was last told of an id; `None` where nothing was, or the person was forgotten.
    pub fn person(&self, id: &str) -> Option<PersonView> {
        self.lock().people.get(id).cloned()
    }

    /// What was last told of everybody, by id.
    pub fn people(&self) -> BTreeMap<String, PersonView> {
        self.lock().people.clone()
    }

    /// Puts somebody there, in no audience and without attributes, as told by an activation.
    pub fn seed_person(&self, activation: &str, id: &str) {
        let (audiences, attributes) = (BTreeMap::new(), BTreeMap::new());
        let record = Record::Present { record: String::new(), id: id.to_owned(), audiences, attributes };
        self.lock().write(activation, &record);
    }

    /// Removes somebody without a trace; whether there was somebody.
    pub fn remove_person(&self, id: &str) -> bool {
        self.lock().people.remove(id).is_some()
    }

    /// All events that were taken, by `webhook-id`.
    pub fn events(&self) -> Vec<EventView> {
        self.lock().events.values().cloned().collect()
    }
}
