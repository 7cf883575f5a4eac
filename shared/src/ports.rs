//! What Muster needs from the world: ten traits, implemented on SQLite (`embedded`) and, on AWS, on
//! DynamoDB, SQS, Secrets Manager, SES and EventBridge. One suite of promises runs on every implementation.

mod notices;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::metrics::Meter;
use crate::model::budget::{Grant, Spend};
use crate::model::{
    ActivationId, AuthorizationId, Effect, EffectId, Flight, FlightId, Job, JobId, KeyHash, Message, Person, PersonKey,
    QueueName, RecordId, Scan, ScanId, SourceId, Standing, Timer, Version,
};

pub use notices::{Event, Events, Notices};

/// Our own failure: table, queue or vault. The caller gives up its run; the queue brings the message back.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// The store did not answer, or not as it must.
    #[error("{store}: {what}")]
    Unavailable {
        /// Which store.
        store: &'static str,
        /// What happened; never personal.
        what: String,
    },
    /// What was stored cannot be read: written by a later version, or damaged.
    #[error("{store}: unreadable {what}")]
    Unreadable {
        /// Which store.
        store: &'static str,
        /// What cannot be read.
        what: String,
    },
}

/// What every port answers.
pub type PortResult<T> = Result<T, PortError>;

/// All ports together, as they are handed to the handlers.
#[derive(Clone)]
pub struct Ports {
    /// The rows.
    pub people: Arc<dyn People>,
    /// What the owner configures.
    pub catalog: Arc<dyn Catalog>,
    /// Flights, jobs, claims, budgets.
    pub ledger: Arc<dyn Ledger>,
    /// What must happen once.
    pub effects: Arc<dyn Effects>,
    /// Up to where owners were told.
    pub notices: Arc<dyn Notices>,
    /// Messages.
    pub queue: Arc<dyn Queue>,
    /// Secrets.
    pub vault: Arc<dyn Vault>,
    /// Mails to owners.
    pub mailer: Arc<dyn Mailer>,
    /// Events for whoever listens.
    pub events: Arc<dyn Events>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Measurements.
    pub meter: Arc<dyn Meter>,
}

/// A row with one activation's standing.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The person.
    pub person: Person,
    /// Where the person stands at the activation asked for; the default where it never stood anywhere.
    pub standing: Standing,
}

/// A conditional write of a row by ingest.
#[derive(Debug, Clone)]
pub struct PersonWrite {
    /// The row as it shall be, its `sequence` already one up.
    pub person: Person,
    /// The `sequence` as it was read; 0 for a row that must not exist yet.
    pub read_sequence: u64,
}

/// What became of a conditional write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It is stored.
    Stored,
    /// Somebody else wrote first: read again.
    Conflict,
    /// The row would grow beyond its limit; it stays as it was.
    TooLarge,
}

/// A conditional write of one activation's standing by delivery.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// Whose.
    pub person: PersonKey,
    /// At which activation.
    pub activation: ActivationId,
    /// The row's `version` as it was read.
    pub read_version: Version,
    /// The standing's `revision` as it was read; 0 for one that does not exist.
    pub read_revision: u64,
    /// The standing as it shall be, its `revision` already one up.
    pub standing: Standing,
}

/// What became of a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It is stored.
    Stored,
    /// The row, the doubt or another receipt came first: read again.
    Moved,
}

/// Whose doubt is raised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doubted {
    /// Every record of the person.
    Person(PersonKey),
    /// One record.
    Record(PersonKey, RecordId),
}

impl Doubted {
    /// Whose.
    pub fn person(&self) -> PersonKey {
        match self {
            Self::Person(person) | Self::Record(person, _) => *person,
        }
    }

    /// Raises the doubt, and with it the standing's revision.
    pub fn raise(&self, standing: &mut Standing) {
        standing.revision += 1;
        match self {
            Self::Person(_) => standing.doubt += 1,
            Self::Record(_, record) => standing.records.entry(record.clone()).or_default().doubt += 1,
        }
    }
}

/// A part of all rows, so that several can walk at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Which part, from 0.
    pub index: u32,
    /// Of how many, at least one. The same for every part of a walk.
    pub of: u32,
}

impl Segment {
    /// All rows.
    pub const WHOLE: Self = Self { index: 0, of: 1 };
}

/// A page of a walk.
#[derive(Debug, Clone, PartialEq)]
pub struct Walked {
    /// The rows. There may be none although more follow.
    pub rows: Vec<Row>,
    /// Where to go on; `None` where the segment is over.
    pub next: Option<PersonKey>,
}

/// The rows: one per person, with an attribute per activation that is written apart from it.
#[async_trait]
pub trait People: Send + Sync {
    /// The rows that exist among `keys`, strongly consistent, in any order, each with its standing at
    /// `activation` (the default where `None`).
    async fn read(&self, keys: &[PersonKey], activation: Option<&ActivationId>) -> PortResult<Vec<Row>>;

    /// Every standing of one person, strongly consistent.
    async fn standings(&self, person: PersonKey) -> PortResult<BTreeMap<ActivationId, Standing>>;

    /// Writes each row on condition that its `sequence` is still the one read. One answer per write.
    async fn write(&self, writes: Vec<PersonWrite>) -> PortResult<Vec<(PersonKey, Written)>>;

    /// Stores each standing on condition that row version and standing revision are still those read. One
    /// answer per settlement. A row that does not exist has moved.
    async fn settle(&self, settlements: Vec<Settlement>) -> PortResult<Vec<(PersonKey, Settled)>>;

    /// Raises doubts by one, and with each its standing's revision. People without a row are passed over.
    async fn raise_doubt(&self, activation: &ActivationId, doubted: &[Doubted]) -> PortResult<()>;

    /// At most `limit` rows of a source from one segment, with their standings at `activation`. Begins where
    /// `after` is `None`, goes on where it is a former page's [`Walked::next`] or any of its rows' keys; who
    /// walks to the end sees every row once that was there all the time. In an order of the store's own. May
    /// be eventually consistent.
    async fn walk(
        &self,
        source: &SourceId,
        activation: Option<&ActivationId>,
        segment: Segment,
        after: Option<PersonKey>,
        limit: usize,
    ) -> PortResult<Walked>;

    /// About how many rows a source has, to show the progress of a walk by: cheap rather than right. A store
    /// may answer a count that is hours old, or one of all sources together.
    async fn count(&self, source: &SourceId) -> PortResult<u64>;
}

/// What is configured, one document per kind and id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// [`crate::model::Source`], by its id.
    Source,
    /// [`crate::model::Audience`], by `source/id`.
    Audience,
    /// [`crate::model::Attribute`], by `source/id`.
    Attribute,
    /// [`crate::model::Authorization`], by its id.
    Authorization,
    /// [`crate::model::Activation`], by its id.
    Activation,
}

impl Kind {
    /// The name under which it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Audience => "audience",
            Self::Attribute => "attribute",
            Self::Authorization => "authorization",
            Self::Activation => "activation",
        }
    }
}

/// A stored document.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Its id within its kind.
    pub id: String,
    /// Its content.
    pub body: serde_json::Value,
    /// Rises with every write, from 1.
    pub version: u64,
}

/// What the owner configures. Typed access is in [`crate::catalog`].
#[async_trait]
pub trait Catalog: Send + Sync {
    /// One document, strongly consistent.
    async fn get(&self, kind: Kind, id: &str) -> PortResult<Option<Document>>;

    /// All documents of a kind in the order of their ids.
    async fn list(&self, kind: Kind) -> PortResult<Vec<Document>>;

    /// Writes a document on condition that its version is still `read_version` (0: must not exist). Keeps
    /// the former one as history. Answers whether it was written.
    async fn put(&self, kind: Kind, id: &str, body: serde_json::Value, read_version: u64) -> PortResult<bool>;

    /// Removes a document, keeping it as history. Answers whether it was there.
    async fn delete(&self, kind: Kind, id: &str) -> PortResult<bool>;
}

/// Who holds a destination's key within an activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The one who asked.
    Held,
    /// Somebody else.
    HeldBy(PersonKey),
}

/// Flights, jobs, claims, budgets, and people being erased.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Writes a flight, or replaces the one of the same id.
    async fn put_flight(&self, flight: &Flight) -> PortResult<()>;
    /// Removes a flight.
    async fn clear_flight(&self, id: &FlightId) -> PortResult<()>;
    /// One flight.
    async fn flight(&self, id: &FlightId) -> PortResult<Option<Flight>>;
    /// All standing flights, or one activation's, the oldest first.
    async fn flights(&self, activation: Option<&ActivationId>) -> PortResult<Vec<Flight>>;

    /// Claims `key` for `person` unless somebody else holds it; then `person` is remembered as the last who
    /// asked. Calls off what [`Ledger::offer`] noted.
    async fn claim(
        &self,
        activation: &ActivationId,
        claims: &[(KeyHash, PersonKey)],
    ) -> PortResult<Vec<(KeyHash, PersonKey, Claim)>>;
    /// Notes that the run of flight `by` is about to give `key` back, where `person` holds it. A later offer takes
    /// the place of an earlier one, and whoever claims the key for `person` calls it off.
    async fn offer(&self, activation: &ActivationId, key: KeyHash, person: PersonKey, by: &FlightId) -> PortResult<()>;
    /// Gives a key back if `person` holds it and the offer of `by` still stands; answers who else asked for it
    /// last.
    async fn release(
        &self,
        activation: &ActivationId,
        key: KeyHash,
        person: PersonKey,
        by: &FlightId,
    ) -> PortResult<Option<PersonKey>>;
    /// Who holds a key.
    async fn holder(&self, activation: &ActivationId, key: KeyHash) -> PortResult<Option<PersonKey>>;

    /// Changes what is stored of an account as [`Allowance::spend`] says, at once or not at all, and answers what
    /// it grants.
    ///
    /// [`Allowance::spend`]: crate::model::budget::Allowance::spend
    async fn spend(&self, account: &AuthorizationId, spend: &Spend, now: Timestamp) -> PortResult<Grant>;

    /// A new job.
    async fn put_job(&self, job: &Job) -> PortResult<()>;
    /// One job.
    async fn job(&self, id: &JobId) -> PortResult<Option<Job>>;
    /// Replaces a job on condition that its cursor and status are still those of `read`. Answers whether it did.
    async fn advance_job(&self, read: &Job, job: &Job) -> PortResult<bool>;
    /// An activation's jobs, the newest first; all jobs where `None`. A store may forget those that ended
    /// three months ago.
    async fn jobs(&self, activation: Option<&ActivationId>) -> PortResult<Vec<Job>>;

    /// Writes a scan on condition that its stored revision is still `read_revision` (0: there must be none of its
    /// id). Answers whether it did.
    async fn put_scan(&self, scan: &Scan, read_revision: u64) -> PortResult<bool>;
    /// One scan.
    async fn scan(&self, id: &ScanId) -> PortResult<Option<Scan>>;
    /// A source's scans, the newest first; all scans where `None`. A store may forget those that ended three months
    /// ago.
    async fn scans(&self, source: Option<&SourceId>) -> PortResult<Vec<Scan>>;

    /// Notes that a person's erasure must be seen through.
    async fn note_erasure(&self, person: PersonKey, at: Timestamp) -> PortResult<()>;
    /// Erasures not yet seen through, with the time of their note.
    async fn erasures(&self) -> PortResult<Vec<(PersonKey, Timestamp)>>;
    /// The erasure was seen through. Only the note of that time is removed: one that came after it stays.
    async fn clear_erasure(&self, person: PersonKey, noted_at: Timestamp) -> PortResult<()>;

    /// Sets a timer; the same one again changes nothing.
    async fn set_timer(&self, timer: &Timer) -> PortResult<()>;
    /// About `most` timers whose time has come, the oldest first.
    async fn due_timers(&self, now: Timestamp, most: usize) -> PortResult<Vec<Timer>>;
    /// Removes a timer.
    async fn clear_timer(&self, timer: &Timer) -> PortResult<()>;

    /// Adds to a counter (unknown events of a source, say).
    async fn count(&self, name: &str, by: u64) -> PortResult<()>;
    /// All counters whose name begins so.
    async fn counters(&self, prefix: &str) -> PortResult<BTreeMap<String, u64>>;

    /// Sets a small named value: when the last catch-up began, say.
    async fn set_mark(&self, name: &str, at: Timestamp) -> PortResult<()>;
    /// Reads it.
    async fn mark(&self, name: &str) -> PortResult<Option<Timestamp>>;
}

/// A page of effects.
#[derive(Debug, Clone, PartialEq)]
pub struct EffectPage {
    /// The effects. There may be none although more follow.
    pub effects: Vec<Effect>,
    /// Where to go on; `None` at the end.
    pub next: Option<(PersonKey, EffectId)>,
}

/// The ledger of effects: what must happen once.
#[async_trait]
pub trait Effects: Send + Sync {
    /// The rows of these effects, strongly consistent, in any order. One that was to be kept until a time before
    /// `now` counts as absent.
    async fn read(
        &self,
        activation: &ActivationId,
        effects: &[(PersonKey, EffectId)],
        now: Timestamp,
    ) -> PortResult<Vec<Effect>>;

    /// Every effect of a person at an activation that is still kept, in the order of their ids.
    async fn of_person(&self, activation: &ActivationId, person: PersonKey, now: Timestamp) -> PortResult<Vec<Effect>>;

    /// Writes a row on condition that its revision is still `read_revision` (0: it must be absent). Answers
    /// whether it was written.
    async fn put(&self, effect: &Effect, read_revision: u64, now: Timestamp) -> PortResult<bool>;

    /// About `limit` of an activation's effects that are ambiguous or parked, in the order of person and id, from
    /// behind `after`.
    async fn listed(
        &self,
        activation: &ActivationId,
        after: Option<&(PersonKey, EffectId)>,
        limit: usize,
    ) -> PortResult<EffectPage>;
}

/// A message to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Its body.
    pub body: String,
    /// How long it stays hidden, 15 minutes at most.
    pub delay: SignedDuration,
    /// Whose it is: one activation's messages keep another's waiting as little as the queue can.
    pub share: Option<ActivationId>,
}

impl Outgoing {
    /// A message that stays hidden so long.
    pub fn later(message: &Message, delay: SignedDuration) -> Self {
        Self { body: message.encode(), delay, share: message.activation().cloned() }
    }

    /// A message for now.
    pub fn now(message: &Message) -> Self {
        Self::later(message, SignedDuration::ZERO)
    }
}

/// The longest delay that a queue takes.
pub const MAX_DELAY: SignedDuration = SignedDuration::from_mins(15);

/// Queues: at least once, in any order.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Sends messages; all are accepted, or an error says that any of them may be missing.
    async fn send(&self, queue: &QueueName, messages: Vec<Outgoing>) -> PortResult<()>;
}

/// A secret: a JSON document that prints as `[redacted]`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub serde_json::Value);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret([redacted])")
    }
}

/// Secrets by name: `installation`, `source/<id>`, `access/<source>`, `authorization/<id>`, `token/<authorization>`,
/// `signal/<activation>`, `notices/<activation>`, `api`.
#[async_trait]
pub trait Vault: Send + Sync {
    /// One secret.
    async fn get(&self, name: &str) -> PortResult<Option<Secret>>;
    /// One secret as it is now, where others may have replaced it a moment ago: no copy is used.
    async fn get_anew(&self, name: &str) -> PortResult<Option<Secret>> {
        self.get(name).await
    }
    /// Writes or replaces one.
    async fn put(&self, name: &str, secret: &Secret) -> PortResult<()>;
    /// Writes one unless it exists; answers the one that is there now.
    async fn put_if_absent(&self, name: &str, secret: &Secret) -> PortResult<Secret>;
    /// Removes one.
    async fn delete(&self, name: &str) -> PortResult<()>;
}

/// A mail to an owner, without anything personal of customers in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// A mail of the same key is sent once.
    pub dedupe_key: String,
    /// The address.
    pub to: String,
    /// Subject line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// When it was written.
    pub at: Timestamp,
}

/// What became of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mailed {
    /// It is sent, or was before, or nothing is ever sent here.
    Sent,
    /// Somebody began to send it and may still be at it: to be asked again later.
    UnderWay,
}

/// Mails to owners.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Sends a mail unless one of its key was sent.
    async fn send(&self, mail: Mail) -> PortResult<Mailed>;
}

/// The time. Nothing else reads one.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
    /// Waits; for at most two seconds, and only for a token.
    async fn sleep(&self, duration: SignedDuration);
}
