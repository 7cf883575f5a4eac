//! What sources send: proof of where it comes from, then changes in one of several forms. Everything is
//! pure: bytes in, changes and bad items out. An error names the place and the rule, never a value, since
//! answers and logs may show it.

pub mod authentication;
pub mod cloudevents;
mod documents;
pub mod eagle_eye_air;
pub mod ee_connect;
pub mod lytics;
pub mod muster;
pub mod oauth;
mod path;
mod unpack;

use std::collections::BTreeMap;
use std::io::BufRead;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::model::{Change, InstallationKey, PersonKey, Source, SourceFormat, SourceId};

pub(crate) use path::At;
pub use unpack::{Encoding, unpacked};

/// Most changes of one request.
pub const MAX_CHANGES: usize = 1_000;

/// What the names of counters begin with that say what was left out of what a source sent; the rest says what.
pub fn left_out_prefix(source: &SourceId) -> String {
    format!("{LEFT_OUT}{source}/")
}

/// The same of all sources.
pub const LEFT_OUT: &str = "ignored/";

/// Most bytes of one request as it is received: Lambda's event of 6 MB, less what base64 adds.
pub const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// Most bytes of one request once unpacked.
pub const MAX_UNPACKED_BYTES: u64 = 16 * 1024 * 1024;

/// How far ahead of Muster's clock a source's may be.
pub const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// What parsing needs to know besides the bytes.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// Whose request it is.
    pub source: &'a Source,
    /// Under which people are keyed.
    pub key: &'a InstallationKey,
    /// Muster's clock.
    pub now: Timestamp,
    /// The time of changes that name none: the request's own stamp, else when it was received.
    pub stamped_at: Timestamp,
}

/// How a body is laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// Muster's own: one object, or an array of them.
    Json,
    /// Muster's own, one object a line.
    Lines,
    /// One CloudEvent, structured mode.
    CloudEvent,
    /// An array of them, batched mode.
    CloudEventBatch,
    /// A CloudEvent's data; its attributes came as headers.
    CloudEventBinary(cloudevents::Headers),
}

/// A body, item by item: each is in exactly one of the first three.
#[derive(Debug, Default)]
pub struct Parsed {
    /// What can be merged.
    pub items: Vec<Item>,
    /// Events that are kept nowhere, counted by name: of types that mean nothing here, and sightings over IPv6.
    pub ignored: BTreeMap<String, u64>,
    /// What cannot be read.
    pub rejected: Vec<Rejection>,
    /// What the source's owner should hear of, counted by name: a sender that reads no answers cannot be told.
    pub noted: BTreeMap<String, u64>,
    /// Who must be looked at again, and when.
    pub timers: Vec<(PersonKey, Timestamp)>,
    /// References of effects of our own that a vendor tells of.
    pub echoes: Vec<String>,
}

/// A change with its place in the request.
#[derive(Debug, Clone)]
pub struct Item {
    /// Counted from 0.
    pub index: usize,
    /// The JSON path of the item.
    pub path: String,
    /// The change.
    pub change: Change,
}

/// A bad item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejection {
    /// Counted from 0; for lines, the line.
    pub index: usize,
    /// The JSON path of what is wrong.
    pub path: String,
    /// What is wrong, without any value.
    pub reason: String,
}

/// Why a whole body cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// No JSON.
    #[error("the body is no JSON: line {line}, column {column}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// JSON of another kind.
    #[error("{0}")]
    Shape(&'static str),
    /// The packed body cannot be unpacked.
    #[error("the body is no gzip, or is cut off")]
    Packing,
    /// More than [`MAX_CHANGES`].
    #[error("a request has at most 1,000 changes")]
    TooMany,
    /// More than [`MAX_UNPACKED_BYTES`].
    #[error("a request has at most 16 MB unpacked")]
    TooLong,
}

/// Reads a body item by item; what was read of it is never held as a whole.
///
/// # Errors
/// Where nothing of it can be taken.
pub fn parse(form: &Form, body: &mut dyn BufRead, reading: &Reading<'_>) -> Result<Parsed, Unreadable> {
    match &reading.source.format {
        SourceFormat::Muster => parse_own(form, body, reading),
        SourceFormat::Lytics(format) => lytics::parse(format, form, body, reading),
        SourceFormat::EagleEyeAir(format) => eagle_eye_air::changes::parse(format, body, reading),
        SourceFormat::EeConnect(format) => ee_connect::parse(format, body, reading),
    }
}

fn parse_own(form: &Form, body: &mut dyn BufRead, reading: &Reading<'_>) -> Result<Parsed, Unreadable> {
    match form {
        Form::Json => muster::parse(body, reading),
        Form::Lines => muster::parse_lines(body, reading),
        Form::CloudEvent | Form::CloudEventBatch => cloudevents::parse(form, body, reading),
        Form::CloudEventBinary(headers) => cloudevents::parse_binary(headers, body, reading),
    }
}

/// What one item says.
pub(crate) enum Told {
    /// A change.
    Change(Change),
    /// Something that means nothing here, by its name as it may be counted.
    Ignored(String),
}

/// What is wrong with one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flaw {
    path: String,
    reason: String,
}

impl Flaw {
    pub(crate) fn new(at: At<'_>, reason: impl Into<String>) -> Self {
        Self { path: at.to_string(), reason: reason.into() }
    }
}

impl Parsed {
    pub(crate) fn take(&mut self, index: usize, at: At<'_>, read: Result<Told, Flaw>) {
        match read {
            Ok(Told::Change(change)) => self.items.push(Item { index, path: at.to_string(), change }),
            Ok(Told::Ignored(name)) => *self.ignored.entry(name).or_default() += 1,
            Err(Flaw { path, reason }) => self.rejected.push(Rejection { index, path, reason }),
        }
    }

    pub(crate) fn note(&mut self, name: &str, by: u64) {
        if by > 0 {
            *self.noted.entry(name.to_owned()).or_default() += by;
        }
    }

    /// How many events were ignored.
    pub fn ignored_count(&self) -> u64 {
        self.ignored.values().sum()
    }
}

/// What the name of a count means and what can be done, where there is something to be said.
pub fn advice(name: &str) -> Option<&'static str> {
    let of_connectors = || ee_connect::advice(name);
    lytics::notes::advice(name).or_else(|| eagle_eye_air::advice::advice(name)).or_else(of_connectors)
}

/// The name under which all events are counted whose own cannot be.
pub const OTHER_EVENTS: &str = "other";

/// An unknown event's name as it may be counted and shown: what does not look like one may be a value.
pub(crate) fn event_name(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let is_name = name.len() <= 64 && name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(plain);
    if is_name { name.to_owned() } else { OTHER_EVENTS.to_owned() }
}

#[cfg(test)]
mod tests;
