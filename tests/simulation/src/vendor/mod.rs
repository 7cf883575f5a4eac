//! The vendors of the world, behind the transport of Muster's own client: requests are applied when they arrive,
//! which may be at once, minutes after they were given up, or never.

mod fate;
mod receiver;
mod register;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use muster::http::{Broken, Carried, Transport};
use muster::ports::Clock;
use parking_lot::Mutex;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Request, StatusCode};
use serde_json::{Value as Json, json};

use crate::fault::Fault;
use crate::invariant::Invariant;
use crate::plan::{Link, Spell};
use crate::stage::Stage;
use crate::world::CACHE_AGE;

use fate::Fate;
pub use receiver::{Event, Held, Receiver};
pub use register::{LANDS_WITHIN, Register};

/// How long Muster waits for an answer.
pub const PATIENCE: SignedDuration = SignedDuration::from_secs(20);
/// How long after that a vendor may still apply what was given up.
pub const LATE: SignedDuration = SignedDuration::from_secs(300);
/// Until a run that hears a vendor's wish has written it down, and others can know.
const HEARD: SignedDuration = SignedDuration::from_secs(6);

/// The vendors.
pub struct Vendors {
    stage: Arc<Stage>,
    spells: Vec<Spell>,
    state: Mutex<State>,
}

struct State {
    /// What is on its way, by when it arrives.
    wire: BTreeMap<(Timestamp, u64), Wired>,
    wired: u64,
    receiver: Receiver,
    register: Register,
    wishes: Vec<Wish>,
    /// Since when an activation is paused.
    paused: [Option<Timestamp>; 2],
}

/// Something that arrives at a vendor.
#[derive(Clone)]
enum Wired {
    Call { call: Call, slot: Arc<Mutex<Option<Reply>>> },
    Import { rows: Json },
}

/// A request as a vendor sees it.
#[derive(Clone)]
struct Call {
    link: Link,
    path: String,
    /// The id of a webhook; empty where there is none.
    id: String,
    body: Json,
}

/// An answer.
#[derive(Clone)]
struct Reply {
    status: u16,
    body: Json,
}

/// A vendor's wish not to be called for a while.
struct Wish {
    link: Link,
    heard_at: Timestamp,
    until: Timestamp,
    /// Who heard it.
    task: u64,
}

impl Reply {
    fn of(status: u16, body: Json) -> Self {
        Self { status, body }
    }
}

impl Call {
    fn read(request: &Request) -> Self {
        let link = if request.url().host_str() == Some("register.example") { Link::List } else { Link::Hook };
        let id = request.headers().get("webhook-id").and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
        let body = request.body().and_then(|body| body.as_bytes()).unwrap_or_default();
        let body = serde_json::from_slice(body).unwrap_or(Json::Null);
        Self { link, path: request.url().path().to_owned(), id, body }
    }

    /// Whether it brings anything of people.
    fn tells(&self) -> bool {
        match self.link {
            Link::Hook => self.path == "/in" && self.body["type"] != "muster.check",
            Link::List => self.path == "/rows" || self.path == "/import",
        }
    }

    /// How many records it brings.
    fn records(&self) -> usize {
        let rows = match self.link {
            Link::Hook => &self.body["data"]["records"],
            Link::List => &self.body["rows"],
        };
        rows.as_array().map_or(0, Vec::len)
    }
}

impl Vendors {
    /// Empty.
    pub fn new(stage: Arc<Stage>, spells: Vec<Spell>, in_doubt: &'static str) -> Self {
        let state = State {
            wire: BTreeMap::new(),
            wired: 0,
            receiver: Receiver::new(in_doubt),
            register: Register::default(),
            wishes: Vec::new(),
            paused: [None; 2],
        };
        Self { stage, spells, state: Mutex::new(state) }
    }

    /// An activation was stopped by its owner, or goes on.
    pub fn pauses(&self, link: Link, since: Option<Timestamp>) {
        self.state.lock().paused[link.index()] = since;
    }

    /// Looks at what the receiver of webhooks holds.
    pub fn receiver<T>(&self, look: impl FnOnce(&Receiver) -> T) -> T {
        look(&self.state.lock().receiver)
    }

    /// Looks at what the register holds.
    pub fn register<T>(&self, look: impl FnOnce(&Register) -> T) -> T {
        look(&self.state.lock().register)
    }

    /// When the next thing arrives.
    pub fn next(&self) -> Option<Timestamp> {
        self.state.lock().wire.first_key_value().map(|((at, _), _)| *at)
    }

    /// Applies what has arrived by now.
    pub fn land(&self) {
        let now = self.stage.now();
        loop {
            let mut state = self.state.lock();
            let Some(((at, place), wired)) = state.wire.pop_first() else { return };
            if at > now {
                state.wire.insert((at, place), wired);
                return;
            }
            match wired {
                Wired::Call { call, slot } => {
                    let reply = self.apply(&mut state, &call, now);
                    *slot.lock() = Some(reply);
                }
                Wired::Import { rows } => {
                    self.stage.note(|| "an import lands".to_owned(), 7);
                    state.register.write(&self.stage, &rows);
                }
            }
        }
    }

    fn apply(&self, state: &mut State, call: &Call, now: Timestamp) -> Reply {
        self.stage.note(|| format!("{} applies {} of {}", call.link.id(), call.path, call.records()), 5);
        match (call.link, call.path.as_str()) {
            (Link::Hook, _) => state.receiver.take(&self.stage, &call.path, &call.id, &call.body),
            (Link::List, "/import") => {
                let rows = call.body["rows"].clone();
                let late = self.stage.strikes(Fault::ImportLate, self.stage.odds().import);
                if !self.stage.strikes(Fault::ImportLost, self.stage.odds().import / 2) {
                    let most = if late { LANDS_WITHIN.as_secs() } else { 10 };
                    let lands_at = now + SignedDuration::from_secs(self.stage.draw(|chance| chance.between(1, most)));
                    state.send(lands_at, Wired::Import { rows: rows.clone() });
                }
                Reply::of(202, register::all_later(&rows))
            }
            (Link::List, path) => state.register.take(&self.stage, path, &call.body),
        }
    }

    /// What a request must not be: sent although its vendor or its owner asked to wait.
    fn listen(&self, call: &Call) {
        let (now, acting) = (self.stage.now(), self.stage.acting());
        let state = self.state.lock();
        for wish in state.wishes.iter().filter(|wish| wish.link == call.link && !self.stage.is_deaf(wish.task)) {
            if now < wish.until && acting.since > wish.heard_at + HEARD {
                let Wish { heard_at, until, .. } = wish;
                self.stage.broke(Invariant::RetryAfterHonoured, || {
                    format!(
                        "{} is called at {now}, though it asked at {heard_at} to wait until {until}",
                        call.link.id()
                    )
                });
            }
        }
        if let Some(since) = state.paused[call.link.index()]
            && call.tells()
            && acting.since > since + CACHE_AGE + SignedDuration::from_secs(1)
        {
            self.stage.broke(Invariant::PausedIsSilent, || {
                format!("{} is told of people at {now}, though paused since {since}", call.link.id())
            });
        }
    }

    /// Sends a request and waits until it arrives.
    async fn arrive(&self, call: Call, after: SignedDuration) -> Option<Reply> {
        let slot = Arc::new(Mutex::new(None));
        self.send(call, after, &slot);
        self.stage.clock.sleep(after).await;
        self.land();
        slot.lock().take()
    }

    fn send(&self, call: Call, after: SignedDuration, slot: &Arc<Mutex<Option<Reply>>>) {
        let slot = Arc::clone(slot);
        self.state.lock().send(self.stage.now() + after, Wired::Call { call, slot });
    }

    async fn meet(&self, call: Call, fate: Fate) -> Result<Carried, Broken> {
        let stage = &self.stage;
        let there = SignedDuration::from_millis(stage.draw(|chance| chance.between(5, 150)));
        let back = SignedDuration::from_millis(stage.draw(|chance| chance.between(5, 150)));
        let nowhere = Arc::new(Mutex::new(None));
        match fate {
            Fate::Answers => {
                let reply = self.arrive(call, there).await;
                stage.clock.sleep(back).await;
                reply.map_or(Err(Broken::Reset), |reply| Ok(carried(&reply, None)))
            }
            Fate::Error { applied, status } => {
                if applied {
                    self.send(call, there, &nowhere);
                }
                stage.clock.sleep(there + back).await;
                Ok(carried(&Reply::of(status, fate::tempting()), None))
            }
            Fate::Timeout { arrives } => {
                if let Some(after) = arrives {
                    self.send(call, after, &nowhere);
                }
                stage.clock.sleep(PATIENCE).await;
                Err(Broken::TimedOut)
            }
            Fate::Reset { applied } => {
                if applied {
                    self.send(call, there, &nowhere);
                }
                stage.clock.sleep(there + back).await;
                Err(Broken::Reset)
            }
            Fate::Unreachable => {
                stage.clock.sleep(there).await;
                Err(Broken::Unreachable)
            }
            Fate::Truncated => {
                let reply = self.arrive(call, there).await;
                stage.clock.sleep(back).await;
                let mut carried = carried(&reply.unwrap_or_else(|| Reply::of(200, Json::Null)), None);
                carried.body.truncate(carried.body.len() / 2);
                Ok(carried)
            }
            Fate::Slowed { retry_after } => {
                stage.clock.sleep(there + back).await;
                self.wishes(call.link, retry_after.as_deref());
                Ok(carried(&Reply::of(429, fate::tempting()), retry_after.as_deref()))
            }
            Fate::Refused { status } => {
                stage.clock.sleep(there + back).await;
                Ok(carried(&Reply::of(status, fate::tempting()), None))
            }
        }
    }

    fn wishes(&self, link: Link, retry_after: Option<&str>) {
        let (heard_at, task) = (self.stage.now(), self.stage.acting().task);
        let until = fate::meant(retry_after, heard_at);
        self.state.lock().wishes.push(Wish { link, heard_at, until, task });
    }
}

impl State {
    fn send(&mut self, at: Timestamp, wired: Wired) {
        self.wired += 1;
        self.wire.insert((at, self.wired), wired);
    }
}

fn carried(reply: &Reply, retry_after: Option<&str>) -> Carried {
    let mut headers = HeaderMap::new();
    if let Some(value) = retry_after.and_then(|text| HeaderValue::from_str(text).ok()) {
        headers.insert("retry-after", value);
    }
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = if reply.body.is_null() { Vec::new() } else { reply.body.to_string().into_bytes() };
    Carried { status, headers, body }
}

#[async_trait]
impl Transport for Vendors {
    async fn carry(&self, request: Request) -> Result<Carried, Broken> {
        let call = Call::read(&request);
        self.stage.note(|| format!("{} is sent {} of {}", call.link.id(), call.path, call.records()), 3);
        self.listen(&call);
        let fate = fate::draw(&self.stage, &self.spells, &call);
        self.stage.note(|| format!("{fate:?}"), fate.number());
        let mut answer = self.meet(call, fate).await;
        if let Ok(carried) = &mut answer
            && self.stage.lacks(crate::broken::Broken::RetryAfterIgnored)
        {
            carried.headers.remove("retry-after");
        }
        answer
    }
}

/// The attributes that have a value.
pub fn known(attributes: &Json) -> BTreeMap<String, Json> {
    receiver::attributes(attributes)
}

/// An answer record by record.
fn results(results: BTreeMap<String, Json>) -> Json {
    json!({ "results": results })
}
