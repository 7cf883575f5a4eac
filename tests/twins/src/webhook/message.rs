//! Reads bodies as strictly as the contract is written.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::de::{DeserializeOwned, Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::model::AudienceView;
use super::routes::RouteKind;

/// What a posted request says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Message {
    People(People),
    Event(Event),
    Check,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct People {
    pub activation: String,
    pub records: Vec<Record>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    pub what: Happening,
    pub timestamp: Timestamp,
    pub told: Told,
}

/// The data of an event; of one that is passed on the event's name in the place of the audience's.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Told {
    pub activation: String,
    pub id: String,
    pub audience: String,
    #[serde(deserialize_with = "unique")]
    pub properties: BTreeMap<String, Value>,
}

/// The data of an event that is passed on.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct PassedOn {
    activation: String,
    id: String,
    event: String,
    #[serde(deserialize_with = "unique")]
    details: BTreeMap<String, Value>,
}

/// What an event says happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happening {
    /// `audience.entered`.
    Entered,
    /// `audience.left`.
    Left,
    /// `person.event`.
    PassedOn,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Record {
    Present {
        record: String,
        id: String,
        #[serde(deserialize_with = "unique")]
        audiences: BTreeMap<String, AudienceView>,
        #[serde(deserialize_with = "unique")]
        attributes: BTreeMap<String, Value>,
    },
    Left {
        record: String,
        id: String,
    },
    Forgotten {
        record: String,
        id: String,
    },
}

impl Record {
    /// Its name within the request.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Present { record, .. } | Self::Left { record, .. } | Self::Forgotten { record, .. } => record,
        }
    }

    pub(super) fn id(&self) -> &str {
        match self {
            Self::Present { id, .. } | Self::Left { id, .. } | Self::Forgotten { id, .. } => id,
        }
    }

    fn audiences(&self) -> Option<BTreeSet<&String>> {
        match self {
            Self::Present { audiences, .. } => Some(audiences.keys().collect()),
            Self::Left { .. } | Self::Forgotten { .. } => None,
        }
    }
}

#[derive(Deserialize)]
struct Typed {
    r#type: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<T> {
    #[serde(rename = "type")]
    _type: String,
    timestamp: String,
    data: T,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckData {
    activation: String,
}

impl Message {
    /// `Err`: a sentence about what the contract does not have.
    pub(super) fn read(body: &[u8], batch: usize) -> Result<Self, String> {
        let Typed { r#type } = parse(body)?;
        let event = |what| {
            let (timestamp, told) = open::<Told>(body)?;
            filled("activation", &told.activation)?;
            filled("id", &told.id)?;
            filled("audience", &told.audience)?;
            Ok(Self::Event(Event { what, timestamp, told }))
        };
        match r#type.as_str() {
            "people.state" => {
                let (_, people) = open::<People>(body)?;
                people.check(batch)?;
                Ok(Self::People(people))
            }
            "audience.entered" => event(Happening::Entered),
            "audience.left" => event(Happening::Left),
            "person.event" => {
                let (timestamp, PassedOn { activation, id, event, details }) = open(body)?;
                filled("activation", &activation)?;
                filled("id", &id)?;
                filled("event", &event)?;
                let told = Told { activation, id, audience: event, properties: details };
                Ok(Self::Event(Event { what: Happening::PassedOn, timestamp, told }))
            }
            "muster.check" => {
                let (_, CheckData { activation }) = open(body)?;
                filled("activation", &activation)?;
                Ok(Self::Check)
            }
            other => Err(format!("a request of type {other:?}")),
        }
    }

    pub(super) fn route(&self) -> RouteKind {
        match self {
            Self::People(_) => RouteKind::People,
            Self::Event(_) => RouteKind::Event,
            Self::Check => RouteKind::Check,
        }
    }
}

impl People {
    fn check(&self, batch: usize) -> Result<(), String> {
        let Self { activation, records } = self;
        filled("activation", activation)?;
        if records.is_empty() || records.len() > batch {
            return Err(format!("{} records of at most {batch}", records.len()));
        }
        let mut names = BTreeSet::new();
        for record in records {
            filled("record", record.name())?;
            filled("id", record.id())?;
            if !names.insert(record.name()) {
                return Err(format!("two records are named {:?}", record.name()));
            }
        }
        // Every linked audience is there, so all records have the same ones.
        let linked: BTreeSet<_> = records.iter().filter_map(Record::audiences).collect();
        match linked.len() {
            0 | 1 => Ok(()),
            _ => Err(format!("records of one request with different audiences: {linked:?}")),
        }
    }
}

fn open<T: DeserializeOwned>(body: &[u8]) -> Result<(Timestamp, T), String> {
    let Envelope { timestamp, data, .. } = parse::<Envelope<T>>(body)?;
    let read = timestamp.ends_with('Z').then(|| timestamp.parse().ok()).flatten();
    Ok((read.ok_or_else(|| format!("a timestamp of {timestamp:?}"))?, data))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("a body that the contract does not have: {error}"))
}

fn filled(name: &str, text: &str) -> Result<(), String> {
    if text.is_empty() { Err(format!("an empty {name}")) } else { Ok(()) }
}

/// A map in which no key comes twice: of two the reader would silently take one.
fn unique<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<BTreeMap<String, T>, D::Error> {
    struct Unique<T>(std::marker::PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Unique<T> {
        type Value = BTreeMap<String, T>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
            let mut all = BTreeMap::new();
            while let Some((key, value)) = entries.next_entry::<String, T>()? {
                if let Some(_former) = all.insert(key, value) {
                    return Err(A::Error::custom("a key comes twice"));
                }
            }
            Ok(all)
        }
    }

    from.deserialize_map(Unique(std::marker::PhantomData))
}
