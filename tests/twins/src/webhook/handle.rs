//! Starts the twin; what tests look at and set up.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use super::answers::Ruling;
use super::api;
use super::counters::Counters;
use super::faults::{Fault, Faults};
use super::message::Record;
use super::model::{EventView, PersonView};
use super::routes::Paths;
use super::signature::SigningSecret;
use super::state::{Shared, State};
use super::switches::Switches;
use crate::clock::TwinClock;
use crate::wire::{ResetSwitch, ResettableListener};

/// How to start a twin. The default has a random port, the machine's clock and no secret.
#[derive(Debug, Clone)]
pub struct Options {
    /// Port of the receiver; 0 lets the system choose.
    pub port: u16,
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
            clock: TwinClock::machine(),
            secrets: Vec::new(),
            path: "/muster".to_owned(),
            ask_path: Some("/ask".to_owned()),
            switches: Switches::default(),
        }
    }
}

/// A handle on a twin; a socket is closed when the last clone is dropped.
#[derive(Clone)]
pub struct WebhookTwin {
    shared: Arc<Shared>,
    /// Absent where there is no socket.
    running: Option<Arc<Running>>,
}

struct Running {
    address: SocketAddr,
    task: AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl WebhookTwin {
    /// Without sockets: to be reached through [`Self::router`]. The port is not looked at.
    pub fn new(options: Options) -> Self {
        let Options { port: _, clock, secrets, path, ask_path, switches } = options;
        let state = State::new(Paths { post: path, ask: ask_path }, secrets, switches);
        Self { shared: Arc::new(Shared::new(state, clock)), running: None }
    }

    /// Serves the port from a task of the current tokio runtime. `Err`: it is not free.
    pub async fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
        let address = listener.local_addr()?;
        let mut twin = Self::new(options);
        let service = twin.router().into_make_service_with_connect_info::<ResetSwitch>();
        let serving = async move {
            // Serving ends with the task only.
            let _ = axum::serve(ResettableListener(listener), service).await;
        };
        twin.running = Some(Arc::new(Running { address, task: tokio::spawn(serving).abort_handle() }));
        Ok(twin)
    }

    /// `http://127.0.0.1:<port>`, in the place of the receiver's origin; `None` without sockets.
    pub fn api_url(&self) -> Option<String> {
        self.running.as_ref().map(|running| format!("http://{}", running.address))
    }

    /// The receiver as a service in this process; see [`NoAnswer`](super::NoAnswer).
    pub fn router(&self) -> Router {
        api::router(Arc::clone(&self.shared))
    }

    /// The twin's clock itself: setting it moves the twin.
    pub fn clock(&self) -> TwinClock {
        self.shared.clock.clone()
    }

    /// Replaces the accepted secrets: they are rotated.
    pub fn set_secrets(&self, secrets: Vec<SigningSecret>) {
        self.shared.lock().secrets = secrets;
    }

    /// The switches as they stand.
    pub fn switches(&self) -> Switches {
        self.shared.lock().switches.clone()
    }

    /// Replaces all switches.
    pub fn set_switches(&self, switches: Switches) {
        self.shared.lock().switches = switches;
    }

    /// Changes some switches and leaves the others.
    pub fn with_switches(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.shared.lock().switches);
    }

    /// What is made of the records of this id from here on.
    pub fn rule(&self, id: &str, ruling: Ruling) {
        self.shared.lock().rulings.insert(id.to_owned(), ruling);
    }

    /// Records are taken again, whatever was ruled.
    pub fn clear_rulings(&self) {
        self.shared.lock().rulings.clear();
    }

    /// What was last told of an id; `None` where nothing was, or the person was forgotten.
    pub fn person(&self, id: &str) -> Option<PersonView> {
        self.shared.lock().people.get(id).cloned()
    }

    /// What was last told of everybody, by id.
    pub fn people(&self) -> BTreeMap<String, PersonView> {
        self.shared.lock().people.clone()
    }

    /// Puts somebody there, in no audience and without attributes, as told by an activation.
    pub fn seed_person(&self, activation: &str, id: &str) {
        let (audiences, attributes) = (BTreeMap::new(), BTreeMap::new());
        let record = Record::Present { record: String::new(), id: id.to_owned(), audiences, attributes };
        self.shared.lock().write(activation, &record);
    }

    /// Removes somebody without a trace; whether there was somebody.
    pub fn remove_person(&self, id: &str) -> bool {
        self.shared.lock().people.remove(id).is_some()
    }

    /// All events that were taken, by `webhook-id`.
    pub fn events(&self) -> Vec<EventView> {
        self.shared.lock().events.values().cloned().collect()
    }

    /// How many requests wait to be applied late.
    pub fn late(&self) -> usize {
        self.shared.lock().late.len()
    }

    /// Applies them, oldest first, over whatever came since. Answers how many they were.
    pub fn apply_late(&self) -> usize {
        self.shared.lock().apply_late()
    }

    /// The counts since the start or the last reset.
    pub fn counters(&self) -> Counters {
        self.shared.lock().counters.clone()
    }

    /// Sets all counts to zero.
    pub fn reset_counters(&self) {
        self.shared.lock().counters = Counters::default();
    }

    /// What the contract does not have and a client did, a sentence each. Empty at the end of a good test.
    pub fn unexpected(&self) -> Vec<String> {
        self.shared.lock().unexpected.clone()
    }

    /// Forgets the unexpected so far; the counter stays.
    pub fn clear_unexpected(&self) {
        self.shared.lock().unexpected.clear();
    }

    /// Queues a fault behind those already scripted.
    pub fn push_fault(&self, fault: Fault) {
        self.shared.lock().faults.scripted.push_back(fault);
    }

    /// The scripted faults that have not struck.
    pub fn scripted_faults(&self) -> Vec<Fault> {
        self.shared.lock().faults.scripted.iter().cloned().collect()
    }

    /// Forgets the scripted faults, and the records that one refuses. What is late stays.
    pub fn clear_faults(&self) {
        let mut state = self.shared.lock();
        state.faults = Faults::default();
        state.refused.clear();
    }
}
