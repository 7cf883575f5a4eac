//! Events on their way (vendor file 8.1): made, twisted by switches, and kept until they are due.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::envelope::{ApiCall, Emitted, Stamp, write};
use super::state::State;
use super::switches::{Duplicates, RefundName, TriggerEcho};
use crate::outbox::Outbox;
use crate::twin::take;

/// Who is told of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// Where events are posted.
    pub url: String,
    /// The static header that goes with them.
    #[serde(default = "default_header")]
    pub header: String,
    /// What that header says.
    pub token: String,
}

fn default_header() -> String {
    "X-Auth-Token".to_owned()
}

impl Subscription {
    /// With this value of `X-Auth-Token`.
    pub fn new(url: &str, token: &str) -> Self {
        Self { url: url.to_owned(), header: default_header(), token: token.to_owned() }
    }
}

/// A request to a subscriber that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The subscription.
    pub subscription: u64,
    /// `eesEventId`.
    pub event_id: String,
    /// 1 for the first; a 429 does not count.
    pub number: u32,
    /// On the twin's clock, when it ended.
    pub at: Timestamp,
    /// How.
    pub outcome: AttemptOutcome,
}

/// How a request to a subscriber ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// With this status; 200 and 201 are the only good ones.
    Answered(u16),
    /// No answer came.
    NoAnswer,
}

/// An event that no try brought home.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The subscription.
    pub subscription: u64,
    /// What was not taken.
    pub event: Emitted,
    /// How often it was tried.
    pub tries: u32,
    /// How the last try ended.
    pub last: AttemptOutcome,
    /// On the twin's clock.
    pub at: Timestamp,
}

/// An event for one subscriber.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    pub subscription: u64,
    pub event: Arc<Emitted>,
    /// 1 for the first.
    pub number: u32,
}

/// Letters that are sent together.
#[derive(Debug)]
pub(super) struct Parcel {
    pub letters: Vec<Letter>,
    pub pace: Pace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    OneByOne,
    AtOnce,
}

pub(super) struct Post {
    pub subscriptions: BTreeMap<u64, Subscription>,
    /// All that were made.
    pub events: Vec<Arc<Emitted>>,
    pub attempts: Vec<Attempt>,
    pub dead: Vec<DeadLetter>,
    pub outbox: Outbox<Parcel>,
    /// Set while a trigger's answer waits for its event.
    pub echo_first: Option<watch::Receiver<usize>>,
    waiting: Vec<(Timestamp, Stage, Letter)>,
    /// To be overtaken, by subscription.
    held: BTreeMap<u64, Letter>,
    burst: Vec<Letter>,
}

/// How far a letter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It was not twisted.
    New,
    /// It goes as it is.
    Twisted,
}

/// When an event goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Release {
    Now,
    /// When the twin is next touched.
    Later,
}

impl Post {
    pub(super) fn new(outbox: Outbox<Parcel>) -> Self {
        Self {
            subscriptions: BTreeMap::new(),
            events: Vec::new(),
            attempts: Vec::new(),
            dead: Vec::new(),
            outbox,
            echo_first: None,
            waiting: Vec::new(),
            held: BTreeMap::new(),
            burst: Vec::new(),
        }
    }

    /// Events that wait for a time, and those that wait for others.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len() + self.held.len() + self.burst.len()
    }

    /// What was to be overtaken goes as it is, and so does a burst that is not full.
    pub(super) fn release_held(&mut self) {
        for letter in std::mem::take(&mut self.held).into_values() {
            self.outbox.send(Parcel { letters: vec![letter], pace: Pace::OneByOne });
        }
        let letters = std::mem::take(&mut self.burst);
        if !letters.is_empty() {
            self.outbox.send(Parcel { letters, pace: Pace::AtOnce });
        }
    }
}

impl State {
    /// Makes the event of a call and sends it.
    pub(super) fn publish(&mut self, call: ApiCall) -> Emitted {
        self.emit(call, Release::Now)
    }

    /// Makes the event of a trigger, which is sent as the switch has it.
    pub(super) fn echo(&mut self, call: ApiCall) {
        match self.desk.switches.trigger_echo {
            TriggerEcho::BeforeAnswer => {
                self.emit(call, Release::Now);
                self.post.echo_first = Some(self.post.outbox.open());
            }
            TriggerEcho::AfterAnswer => {
                self.emit(call, Release::Later);
            }
            TriggerEcho::Never => {}
        }
    }

    fn emit(&mut self, mut call: ApiCall, release: Release) -> Emitted {
        if call.event == "POSCONNECT.WALLET.REFUND" && self.desk.switches.refund_name == RefundName::Return {
            call.event = "POSCONNECT.WALLET.RETURN";
        }
        let stamp = Stamp {
            event_id: self.unit.ids.event(),
            master_id: self.unit.ids.master(),
            enrichment: self.unit.enrichment(&call.wallets),
            at: self.desk.now,
        };
        let event = write(&call, stamp, &self.desk.switches);
        self.send(event.clone(), release);
        event
    }

    /// Sends what tests wrote themselves.
    pub(super) fn publish_as_is(&mut self, event: Emitted) {
        self.send(event, Release::Now);
    }

    fn send(&mut self, event: Emitted, release: Release) {
        self.desk.counters.events += 1;
        let event = Arc::new(event);
        self.post.events.push(Arc::clone(&event));
        let delay = i64::from(self.desk.switches.delay_seconds);
        let subscribers: Vec<u64> = self.post.subscriptions.keys().copied().collect();
        for subscription in subscribers {
            let letter = Letter { subscription, event: Arc::clone(&event), number: 1 };
            if release == Release::Later || delay > 0 {
                self.wait(delay, Stage::New, letter);
            } else {
                self.twist(letter);
            }
        }
    }

    pub(super) fn subscribe(&mut self, subscription: Subscription) -> u64 {
        let id = take(&mut self.unit.ids.subscription);
        self.post.subscriptions.insert(id, subscription);
        id
    }

    fn twist(&mut self, letter: Letter) {
        let mut letters = vec![letter.clone()];
        match self.desk.switches.duplicates {
            Duplicates::None => {}
            Duplicates::SameEventId => letters.push(letter),
        }
        if let Some(size) = self.desk.switches.burst {
            self.post.burst.extend(letters);
            if self.post.burst.len() >= size {
                let letters = std::mem::take(&mut self.post.burst);
                self.post.outbox.send(Parcel { letters, pace: Pace::AtOnce });
            }
            return;
        }
        if !self.desk.switches.out_of_order {
            return self.post.outbox.send(Parcel { letters, pace: Pace::OneByOne });
        }
        for letter in letters {
            match self.post.held.remove(&letter.subscription) {
                Some(earlier) => {
                    self.post.outbox.send(Parcel { letters: vec![letter, earlier], pace: Pace::OneByOne });
                }
                None => {
                    self.post.held.insert(letter.subscription, letter);
                }
            }
        }
    }

    fn wait(&mut self, seconds: i64, stage: Stage, letter: Letter) {
        let due_at = self.desk.now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(self.desk.now);
        self.post.waiting.push((due_at, stage, letter));
    }

    /// Sends what is due by the desk's now.
    pub(super) fn send_due(&mut self) {
        let now = self.desk.now;
        if self.post.waiting.iter().all(|(due_at, ..)| *due_at > now) {
            return;
        }
        let all = std::mem::take(&mut self.post.waiting);
        let (mut due, later): (Vec<_>, Vec<_>) = all.into_iter().partition(|(due_at, ..)| *due_at <= now);
        self.post.waiting = later;
        due.sort_by_key(|(due_at, ..)| *due_at);
        for (_, stage, letter) in due {
            match stage {
                Stage::New => self.twist(letter),
                Stage::Twisted => self.post.outbox.send(Parcel { letters: vec![letter], pace: Pace::OneByOne }),
            }
        }
    }

    /// A try ended.
    pub(super) fn ended(&mut self, letter: Letter, outcome: AttemptOutcome) {
        let Letter { subscription, ref event, number } = letter;
        let at = self.desk.now;
        self.post.attempts.push(Attempt { subscription, event_id: event.event_id.clone(), number, at, outcome });
        let counters = &mut self.desk.counters;
        counters.event_requests += 1;
        counters.event_retries += u64::from(number > 1);
        match outcome {
            AttemptOutcome::Answered(200 | 201) => counters.events_accepted += 1,
            AttemptOutcome::Answered(429) => {
                counters.events_postponed += 1;
                self.wait(i64::from(self.desk.switches.too_many_wait_seconds), Stage::Twisted, letter);
            }
            AttemptOutcome::Answered(_) | AttemptOutcome::NoAnswer if number <= self.desk.switches.retries => {
                let again = Letter { number: number + 1, ..letter };
                self.wait(i64::from(self.desk.switches.retry_spacing_seconds), Stage::Twisted, again);
            }
            AttemptOutcome::Answered(_) | AttemptOutcome::NoAnswer => {
                counters.events_dead += 1;
                let event = Emitted::clone(event);
                self.post.dead.push(DeadLetter { subscription, event, tries: number, last: outcome, at });
            }
        }
    }
}
