//! Reads bodies as strictly as vendor file 2 is written.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Map, Value};

use super::auth::Permission;
use super::model::{Ids, seconds};
use super::routes::RouteKind;

pub(super) const NO_ID: &str = "At least one id should be specified.";
const NO_EVENT_TYPE: &str = "Event type should be specified.";

/// Why a body is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Problem {
    InvalidJson,
    /// Nothing documents it.
    Unexpected(String),
}

/// What to do to a customer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Command {
    /// `command_id`; a request of one command has none.
    pub id: Option<String>,
    /// At least one.
    pub ids: Ids,
    /// `timestamp` or `update_timestamp`, in seconds.
    pub at: Option<f64>,
    pub deed: Deed,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Deed {
    Update { properties: Map<String, Value> },
    Event { event_type: String, properties: Map<String, Value> },
}

/// A command, or the sentence with which it fails.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub needs: Permission,
    pub read: Result<Command, String>,
}

/// A body that was read.
#[derive(Debug)]
pub(super) struct Message {
    /// Exactly one where the request is no batch.
    pub slots: Vec<Slot>,
    /// What no good client does and has a documented answer.
    pub notes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchBody {
    commands: Vec<CommandBody>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CommandBody {
    name: CommandName,
    data: Value,
    #[serde(default)]
    command_id: Option<String>,
}

#[derive(Deserialize, Clone, Copy)]
enum CommandName {
    #[serde(rename = "customers")]
    Customers,
    #[serde(rename = "customers/events")]
    Events,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CustomersBody {
    #[serde(default)]
    customer_ids: BTreeMap<String, Option<String>>,
    #[serde(default)]
    update_timestamp: Option<Time>,
    properties: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventBody {
    #[serde(default)]
    customer_ids: BTreeMap<String, Option<String>>,
    #[serde(default)]
    event_type: String,
    #[serde(default)]
    timestamp: Option<Time>,
    #[serde(default)]
    properties: Map<String, Value>,
}

/// A number is seconds, however large it is.
#[derive(Deserialize)]
#[serde(untagged)]
enum Time {
    Seconds(f64),
    Iso(Timestamp),
}

impl Time {
    fn seconds(self) -> f64 {
        match self {
            Self::Seconds(seconds) => seconds,
            Self::Iso(at) => seconds(at),
        }
    }
}

impl Message {
    pub(super) fn read(route: RouteKind, body: &[u8]) -> Result<Self, Problem> {
        let mut message = Self { slots: Vec::new(), notes: Vec::new() };
        match route {
            RouteKind::Customers => message.update(parse(body)?, None),
            RouteKind::Events => message.event(parse(body)?, None),
            RouteKind::Batch => message.batch(parse(body)?)?,
        }
        Ok(message)
    }

    fn batch(&mut self, BatchBody { commands }: BatchBody) -> Result<(), Problem> {
        if commands.is_empty() {
            return Err(Problem::Unexpected("a batch without a command".to_owned()));
        }
        let mut ids = BTreeSet::new();
        for CommandBody { name, data, command_id } in commands {
            if let Some(id) = command_id.clone().filter(|id| !ids.insert(id.clone())) {
                return Err(Problem::Unexpected(format!("command_id {id} twice in a batch")));
            }
            match name {
                CommandName::Customers => self.update(typed(data)?, command_id),
                CommandName::Events => self.event(typed(data)?, command_id),
            }
        }
        Ok(())
    }

    fn update(&mut self, body: CustomersBody, id: Option<String>) {
        let CustomersBody { customer_ids, update_timestamp, properties } = body;
        let at = self.time("update_timestamp", update_timestamp);
        let ids = self.ids(customer_ids);
        let read = ids.map(|ids| Command { id, ids, at, deed: Deed::Update { properties } });
        self.slots.push(Slot { needs: Permission::CustomerPropertiesSet, read });
    }

    fn event(&mut self, body: EventBody, id: Option<String>) {
        let EventBody { customer_ids, event_type, timestamp, properties } = body;
        let at = self.time("timestamp", timestamp);
        let ids = self.ids(customer_ids);
        let read = match ids {
            Ok(_) if event_type.is_empty() => {
                self.notes.push("an event without event_type".to_owned());
                Err(NO_EVENT_TYPE.to_owned())
            }
            Ok(ids) => Ok(Command { id, ids, at, deed: Deed::Event { event_type, properties } }),
            Err(sentence) => Err(sentence),
        };
        self.slots.push(Slot { needs: Permission::EventsSet, read });
    }

    fn time(&mut self, name: &str, time: Option<Time>) -> Option<f64> {
        if time.is_none() {
            self.notes.push(format!("a command without {name}"));
        }
        time.map(Time::seconds)
    }

    /// An id without a value is none; that is what a person's data may make of it.
    fn ids(&mut self, all: BTreeMap<String, Option<String>>) -> Result<Ids, String> {
        if all.is_empty() {
            self.notes.push("a command without customer_ids".to_owned());
        }
        let given = all.into_iter().filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?)));
        let ids: Ids = given.collect();
        if ids.is_empty() { Err(NO_ID.to_owned()) } else { Ok(ids) }
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // How `serde_json` classes an error of a typed reader does not tell the two apart.
    serde_json::from_slice::<IgnoredAny>(body).map_err(|_| Problem::InvalidJson)?;
    serde_json::from_slice(body).map_err(|error| Problem::Unexpected(format!("a body that nothing documents: {error}")))
}

fn typed<T: DeserializeOwned>(data: Value) -> Result<T, Problem> {
    serde_json::from_value(data)
        .map_err(|error| Problem::Unexpected(format!("a command that nothing documents: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(text: &str) -> Option<f64> {
        let body = format!(r#"{{"customer_ids":{{"registered":"a"}},"event_type":"e","timestamp":{text}}}"#);
        let message = Message::read(RouteKind::Events, body.as_bytes()).unwrap();
        message.slots.into_iter().find_map(|slot| slot.read.unwrap().at)
    }

    #[test]
    fn a_number_is_seconds_and_a_text_is_iso() {
        assert_eq!(times("1772360100"), Some(1_772_360_100.0));
        assert_eq!(times("1772360100.5"), Some(1_772_360_100.5));
        assert_eq!(times("1772360100000"), Some(1_772_360_100_000.0));
        assert_eq!(times(r#""2026-03-01T10:15:00Z""#), Some(1_772_360_100.0));
        assert_eq!(times(r#""2026-03-01T11:15:00+01:00""#), Some(1_772_360_100.0));
        assert_eq!(times("null"), None);
    }

    #[test]
    fn broken_json_is_told_from_what_nothing_documents() {
        for body in ["", "{", "text", r#"{"commands":[}"#] {
            assert_eq!(Message::read(RouteKind::Batch, body.as_bytes()).unwrap_err(), Problem::InvalidJson, "{body}");
        }
        for body in ["[]", "null", "{}", r#"{"commands":[]}"#, r#"{"commands":[],"more":1}"#] {
            let problem = Message::read(RouteKind::Batch, body.as_bytes()).unwrap_err();
            assert!(matches!(problem, Problem::Unexpected(_)), "{body}");
        }
    }
}
