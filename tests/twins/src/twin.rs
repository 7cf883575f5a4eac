//! What all twins have in common: a state behind one lock, driven by a clock, ports that serve it, and a handle
//! with the part of the side door that is the same for every vendor.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::DerefMut;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::clock::TwinClock;
use crate::door;
use crate::faults::{Effect, Fault, Faults, Moment, SeededFaults, Target, Wording};
use crate::reply::Reply;
use crate::serve::{self, Answer, Call, Outcome};
use crate::traffic::{Gauge, Traffic};

/// A vendor's own state and behaviour. What is the same for all stands on its desk.
pub trait Vendor: Wording + Sized + Send + 'static {
    /// What the paths of the side door begin with.
    const DOOR: &'static str;
    /// How the twin reads what the documentation leaves open.
    type Switches: Clone + Serialize + DeserializeOwned + Send;
    /// What the twin counts, the traffic included.
    type Counters: Clone + Default + Serialize + DerefMut<Target = Traffic> + Send;
    /// A route without its ids.
    type Route: Copy + PartialEq + Serialize + DeserializeOwned + Send;

    /// The part that is the same for all twins.
    fn desk(&self) -> &Desk<Self>;

    /// The part that is the same for all twins, to be changed.
    fn desk_mut(&mut self) -> &mut Desk<Self>;

    /// Called whenever the state is locked: what is due by the desk's `now` is done.
    fn wake(&mut self);

    /// For how long an answer is held that never comes.
    fn hold_ms(&self) -> u64;

    /// Answers a request; `shared` is not locked.
    fn answer(shared: &Arc<Shared<Self>>, call: Call) -> impl Future<Output = Answer> + Send;

    /// What `Answer` says of an outcome now.
    fn settle(&self, outcome: Outcome) -> Answer {
        Answer { outcome, at: self.desk().now, hold_ms: self.hold_ms() }
    }
}

/// What stands in front of every vendor's own behaviour.
pub struct Desk<V: Vendor> {
    /// The instant of the current lock.
    pub(crate) now: Timestamp,
    pub(crate) switches: V::Switches,
    pub(crate) counters: V::Counters,
    pub(crate) faults: Faults<V::Route>,
    pub(crate) unexpected: Vec<String>,
    gauge: Gauge,
}

impl<V: Vendor> Desk<V> {
    pub(crate) fn new(switches: V::Switches) -> Self {
        Self {
            now: Timestamp::UNIX_EPOCH,
            switches,
            counters: V::Counters::default(),
            faults: Faults::default(),
            unexpected: Vec::new(),
            gauge: Gauge::default(),
        }
    }

    pub(crate) fn count_request(&mut self, at_once: u64) {
        let in_one_second = self.gauge.count(self.now);
        let traffic = &mut *self.counters;
        traffic.requests += 1;
        traffic.max_requests_in_one_second = traffic.max_requests_in_one_second.max(in_one_second);
        traffic.max_requests_at_once = traffic.max_requests_at_once.max(at_once);
    }

    pub(crate) fn count_route(&mut self, template: impl Into<String>) {
        *self.counters.requests_by_route.entry(template.into()).or_default() += 1;
    }

    /// Whether the account may have one more request within this second; without a limit it may.
    pub(crate) fn admits(&mut self, account: &str, limit: Option<u32>) -> bool {
        limit.is_none_or(|limit| self.gauge.admits(account, limit, self.now))
    }

    /// Notes what no client may do.
    pub(crate) fn note_unexpected(&mut self, what: impl Into<String>) {
        self.counters.unexpected += 1;
        self.unexpected.push(what.into());
    }
}

/// Lets a fault strike the request, or `apply` it.
pub(crate) fn strike_or_apply<V: Vendor>(
    vendor: &mut V,
    request: &Target<'_, V::Route>,
    apply: impl FnOnce(&mut V) -> Reply,
) -> Outcome {
    let desk = vendor.desk_mut();
    let Some(kind) = desk.faults.strike(request) else {
        return Outcome::Send(apply(vendor));
    };
    desk.counters.faults += 1;
    let now = desk.now;
    match kind.effect(vendor, now) {
        Effect::Instead(reply) => Outcome::Send(reply),
        Effect::Altered(alter) => Outcome::Send(alter(apply(vendor))),
        Effect::EmptyBody(status) => {
            apply(vendor);
            Outcome::Send(Reply::empty(status))
        }
        Effect::Reset(Moment::Before) => Outcome::Reset,
        Effect::Hold(Moment::Before) => Outcome::Hold,
        Effect::Reset(Moment::After) => {
            apply(vendor);
            Outcome::Reset
        }
        Effect::Hold(Moment::After) => {
            apply(vendor);
            Outcome::Hold
        }
    }
}

/// The next of the ids that are counted.
pub(crate) fn take(next: &mut u64) -> u64 {
    let id = *next;
    *next += 1;
    id
}

/// The state and the clock that drives it.
pub struct Shared<V> {
    state: Mutex<V>,
    pub(crate) clock: TwinClock,
    at_once: AtomicU64,
}

impl<V> Shared<V> {
    /// A request came; it is gone when the answer is dropped.
    pub(crate) fn enter(&self) -> Presence<'_> {
        let at_once = self.at_once.fetch_add(1, Ordering::AcqRel) + 1;
        Presence { at_once, all: &self.at_once }
    }
}

impl<V: Vendor> Shared<V> {
    /// The state as of now: what is due was done.
    pub(crate) fn lock(&self) -> MutexGuard<'_, V> {
        // Before locking: a given clock is foreign code.
        let now = self.clock.now();
        let mut state = self.state.lock();
        state.desk_mut().now = now;
        state.wake();
        state
    }
}

/// An open request.
pub(crate) struct Presence<'a> {
    /// How many are open, this one included.
    pub(crate) at_once: u64,
    all: &'a AtomicU64,
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        self.all.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Why the side door did not do something; a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(String);

impl Refused {
    pub(crate) fn because(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// A handle on a running twin; it stops when the last clone is dropped.
pub struct Twin<V> {
    shared: Arc<Shared<V>>,
    /// Origins and where they are served instead, the main one first.
    apis: Arc<[(&'static str, SocketAddr)]>,
    door: SocketAddr,
    /// Absent in the side door's own clone, which must not keep the twin running.
    running: Option<Arc<Running>>,
}

impl<V> Clone for Twin<V> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            apis: Arc::clone(&self.apis),
            door: self.door,
            running: self.running.clone(),
        }
    }
}

struct Running(Vec<AbortHandle>);

impl Drop for Running {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

/// Ports of a twin; 0 lets the system choose.
pub(crate) struct Ports<'a> {
    /// Origins of the vendor, the main one first.
    pub apis: &'a [(&'static str, u16)],
    pub door: u16,
}

impl<V: Vendor> Twin<V> {
    /// Serves from tasks of the current tokio runtime. `Err`: a port is not free.
    pub(crate) async fn launch(
        ports: Ports<'_>,
        clock: TwinClock,
        vendor: V,
        own_door: Router<Self>,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::new(vendor), clock, at_once: AtomicU64::new(0) });
        let mut apis = Vec::new();
        let mut listeners = Vec::new();
        for (origin, port) in ports.apis {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).await?;
            apis.push((*origin, listener.local_addr()?));
            listeners.push((*origin, listener));
        }
        let door_listener = TcpListener::bind((Ipv4Addr::LOCALHOST, ports.door)).await?;
        let door = door_listener.local_addr()?;
        let mut twin = Self { shared, apis: apis.into(), door, running: None };
        let mut tasks = Vec::new();
        for (origin, listener) in listeners {
            tasks.push(tokio::spawn(serve::serve(Arc::clone(&twin.shared), origin, listener)).abort_handle());
        }
        let door_service = door::router(twin.clone(), own_door);
        let serving = async move {
            let _ = axum::serve(door_listener, door_service).await;
        };
        tasks.push(tokio::spawn(serving).abort_handle());
        twin.running = Some(Arc::new(Running(tasks)));
        Ok(twin)
    }

    /// Runs a task for as long as the twin; to be called before the handle is cloned.
    pub(crate) fn run(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        let task = tokio::spawn(task).abort_handle();
        match self.running.as_mut().and_then(Arc::get_mut) {
            Some(running) => running.0.push(task),
            None => task.abort(),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, V> {
        self.shared.lock()
    }

    pub(crate) fn shared(&self) -> &Arc<Shared<V>> {
        &self.shared
    }

    /// `http://127.0.0.1:<port>`, in the place of the vendor's main origin.
    pub fn api_url(&self) -> String {
        self.apis.first().map(|(_, address)| format!("http://{address}")).unwrap_or_default()
    }

    /// From each origin of the vendor to where it is served instead.
    pub fn origins(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.apis.iter().map(|(origin, address)| (*origin, format!("http://{address}")))
    }

    /// Where the side door's paths begin.
    pub fn door_url(&self) -> String {
        format!("http://{}{}", self.door, V::DOOR)
    }

    /// The twin's clock itself: setting it moves the twin.
    pub fn clock(&self) -> TwinClock {
        self.shared.clock.clone()
    }

    /// The switches as they stand.
    pub fn switches(&self) -> V::Switches {
        self.lock().desk().switches.clone()
    }

    /// Replaces all switches.
    pub fn set_switches(&self, switches: V::Switches) {
        self.lock().desk_mut().switches = switches;
    }

    /// Changes some switches and leaves the others.
    pub fn with_switches(&self, change: impl FnOnce(&mut V::Switches)) {
        change(&mut self.lock().desk_mut().switches);
    }

    /// The counts since the start or the last reset.
    pub fn counters(&self) -> V::Counters {
        self.lock().desk().counters.clone()
    }

    /// Sets all counts to zero.
    pub fn reset_counters(&self) {
        self.lock().desk_mut().counters = V::Counters::default();
    }

    /// What no client may do and one did: authorised requests to routes the twin does not have, as
    /// `METHOD /path`, and whatever else the vendor's module documents. Empty at the end of a good test.
    pub fn unexpected(&self) -> Vec<String> {
        self.lock().desk().unexpected.clone()
    }

    /// Forgets the unexpected requests so far; the counter stays.
    pub fn clear_unexpected(&self) {
        self.lock().desk_mut().unexpected.clear();
    }

    /// Queues a fault behind those already scripted.
    pub fn push_fault(&self, fault: Fault<V::Route>) {
        self.lock().desk_mut().faults.scripted.push_back(fault);
    }

    /// The scripted faults that have not struck.
    pub fn scripted_faults(&self) -> Vec<Fault<V::Route>> {
        self.lock().desk().faults.scripted.iter().cloned().collect()
    }

    /// Replaces the seeded faults and forgets which requests came before.
    pub fn seed_faults(&self, seeded: SeededFaults<V::Route>) {
        self.seed_faults_by_route(vec![seeded]);
    }

    /// As `seed_faults`, several: a request is struck by the first whose `on` it matches.
    pub fn seed_faults_by_route(&self, seeded: Vec<SeededFaults<V::Route>>) {
        self.lock().desk_mut().faults.seed(seeded);
    }

    /// Forgets scripted and seeded faults.
    pub fn clear_faults(&self) {
        self.lock().desk_mut().faults.clear();
    }
}
