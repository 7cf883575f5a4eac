//! What all twins have in common: a state behind one lock, driven by a clock, ports that serve it, and a handle
//! with the part of the side door that is the same for every vendor.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::DerefMut;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::http::header;
use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::clock::TwinClock;
use crate::deed::{self, Deed};
use crate::door;
use crate::faults::{Fault, Faults, RetryAfter, SeededFaults, Wording};
use crate::recording::{Recorded, Recording};
use crate::reply::Reply;
use crate::serve::{self, Answer, Call, Outcome};
use crate::traffic::{Gauge, Limits, Traffic};

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

    /// Called when faults are cleared: what one left behind is forgotten.
    fn forget_faults(&mut self) {}

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
    /// Taken and not applied, in the order of their arrival.
    pub(crate) late: VecDeque<Box<dyn Deed<V>>>,
    gauge: Gauge,
    /// Requests before this time disregard a `Retry-After`.
    quiet_until: Option<Timestamp>,
}

impl<V: Vendor> Desk<V> {
    pub(crate) fn new(switches: V::Switches) -> Self {
        Self {
            now: Timestamp::UNIX_EPOCH,
            switches,
            counters: V::Counters::default(),
            faults: Faults::default(),
            unexpected: Vec::new(),
            late: VecDeque::new(),
            gauge: Gauge::default(),
            quiet_until: None,
        }
    }

    pub(crate) fn count_request(&mut self, at_once: u64) {
        let [in_one_second, in_one_minute] = self.gauge.count(self.now);
        let too_early = self.quiet_until.is_some_and(|until| self.now < until);
        let traffic = &mut *self.counters;
        traffic.requests += 1;
        traffic.max_requests_in_one_second = traffic.max_requests_in_one_second.max(in_one_second);
        traffic.max_requests_in_one_minute = traffic.max_requests_in_one_minute.max(in_one_minute);
        traffic.before_retry_after += u64::from(too_early);
        traffic.max_requests_at_once = traffic.max_requests_at_once.max(at_once);
    }

    pub(crate) fn count_route(&mut self, template: impl Into<String>) {
        *self.counters.requests_by_route.entry(template.into()).or_default() += 1;
    }

    /// Whether the account may have one more request now.
    pub(crate) fn admits(&mut self, account: &str, limits: Limits) -> bool {
        self.gauge.admits(account, limits, self.now)
    }

    /// A 429 that a limit of the switches makes.
    pub(crate) fn limited(&mut self, retry_after: &RetryAfter, reply: Reply) -> Reply {
        self.counters.rate_limited += 1;
        self.slow_down(retry_after, reply)
    }

    /// Says on a 429 when to come back.
    pub(crate) fn slow_down(&mut self, retry_after: &RetryAfter, reply: Reply) -> Reply {
        self.quiet_until = self.quiet_until.max(retry_after.until(self.now));
        match retry_after.header(self.now) {
            Some(text) => reply.with_header(header::RETRY_AFTER, text),
            None => reply,
        }
    }

    /// Notes what no client may do.
    pub(crate) fn note_unexpected(&mut self, what: impl Into<String>) {
        self.counters.unexpected += 1;
        self.unexpected.push(what.into());
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
    pub(crate) recording: Recording,
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

/// A handle on a twin; what runs of it, its ports included, stops when the last clone is dropped.
pub struct Twin<V> {
    shared: Arc<Shared<V>>,
    /// The main one first.
    hosts: Arc<[Host]>,
    door: Option<SocketAddr>,
    /// Absent in the side door's own clone, which must not keep the twin running.
    running: Option<Arc<Running>>,
}

/// An origin of the vendor, and the port that stands in for it.
struct Host {
    origin: &'static str,
    address: Option<SocketAddr>,
}

impl<V> Clone for Twin<V> {
    fn clone(&self) -> Self {
        Self { running: self.running.clone(), ..self.without_tasks() }
    }
}

impl<V> Twin<V> {
    fn without_tasks(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), hosts: Arc::clone(&self.hosts), door: self.door, running: None }
    }
}

#[derive(Default)]
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
    /// In the order of the origins; 0 where there are fewer.
    pub apis: &'a [u16],
    pub door: u16,
}

impl<V: Vendor> Twin<V> {
    /// Without ports, to be reached through its routers. Origins of the vendor come with the main one first.
    pub(crate) fn in_process(origins: &[&'static str], clock: TwinClock, vendor: V) -> Self {
        let (recording, at_once) = (Recording::default(), AtomicU64::new(0));
        let shared = Arc::new(Shared { state: Mutex::new(vendor), clock, recording, at_once });
        let hosts = origins.iter().map(|origin| Host { origin, address: None }).collect();
        Self { shared, hosts, door: None, running: Some(Arc::default()) }
    }

    /// Serves from tasks of the current tokio runtime; to be called before the handle is cloned. `Err`: a port is
    /// not free.
    pub(crate) async fn listen(mut self, ports: Ports<'_>, own_door: Router<Self>) -> io::Result<Self> {
        let mut hosts = Vec::new();
        let mut served = Vec::new();
        let apis = ports.apis.iter().copied().chain(std::iter::repeat(0));
        for ((origin, router), port) in self.routers().zip(apis) {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
            hosts.push(Host { origin, address: Some(listener.local_addr()?) });
            served.push((router, listener));
        }
        let door_listener = TcpListener::bind((Ipv4Addr::LOCALHOST, ports.door)).await?;
        self.hosts = hosts.into();
        self.door = Some(door_listener.local_addr()?);
        for (router, listener) in served {
            self.run(serve::serve(router, listener));
        }
        let door = door::router(self.without_tasks(), own_door);
        self.run(async move {
            let _ = axum::serve(door_listener, door).await;
        });
        Ok(self)
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

    /// What stands in for the vendor's main origin, as a service in this process; see [`NoAnswer`].
    ///
    /// [`NoAnswer`]: crate::NoAnswer
    pub fn router(&self) -> Router {
        let main = self.hosts.first().map_or("", |host| host.origin);
        serve::router(Arc::clone(&self.shared), main)
    }

    /// From each origin of the vendor, the main one first, to what stands in for it as `router` does.
    pub fn routers(&self) -> impl Iterator<Item = (&'static str, Router)> {
        self.hosts.iter().map(|host| (host.origin, serve::router(Arc::clone(&self.shared), host.origin)))
    }

    /// `http://127.0.0.1:<port>`, in the place of the vendor's main origin; empty without ports.
    pub fn api_url(&self) -> String {
        self.origins().next().map(|(_, url)| url).unwrap_or_default()
    }

    /// From each origin of the vendor to where it is served instead; none without ports.
    pub fn origins(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.hosts.iter().filter_map(|host| Some((host.origin, format!("http://{}", host.address?))))
    }

    /// Where the side door's paths begin; empty without ports.
    pub fn door_url(&self) -> String {
        self.door.map(|door| format!("http://{door}{}", V::DOOR)).unwrap_or_default()
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

    /// Keeps every request to the API from now on, in the order of their coming; those kept before are forgotten.
    pub fn record(&self) {
        self.shared.recording.begin();
    }

    /// The requests since [`Twin::record`].
    pub fn recorded(&self) -> Vec<Recorded> {
        self.shared.recording.requests()
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

    /// Forgets scripted and seeded faults. What is late stays.
    pub fn clear_faults(&self) {
        let mut vendor = self.lock();
        vendor.desk_mut().faults.clear();
        vendor.forget_faults();
    }

    /// How many requests wait to be applied late.
    pub fn late(&self) -> usize {
        self.lock().desk().late.len()
    }

    /// Applies them, oldest first, over whatever came since. Answers how many they were.
    pub fn apply_late(&self) -> usize {
        deed::apply_late(&mut *self.lock())
    }
}
