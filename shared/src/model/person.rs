//! A person: one row, a last-write-wins map of what its source said.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::change::Origin;
use super::effect::Earned;
use super::identifier::Identifier;
use super::ids::{ActivationId, AttributeId, AudienceId, FieldName, IdentifierType, PersonKey, SourceId};
use super::sighting::Sightings;
use super::value::Value;

/// Counts the changes of a row's content, from 1. An entry carries the version at which it last changed.
pub type Version = u64;

/// The stored format of rows; a reader refuses a greater one.
pub const ROW_FORMAT: u32 = 1;

/// A row is refused growth beyond this, in bytes of its stored form.
pub const MAX_ROW_BYTES: usize = 300 * 1024;

/// One row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Person {
    /// See [`ROW_FORMAT`].
    pub format: u32,
    /// The row's key.
    pub key: PersonKey,
    /// Whose person it is.
    pub source: SourceId,
    /// Rises with every change of content; what settles a receipt is conditional on it.
    pub version: Version,
    /// Rises with every write, a repeat's too; what writes the row is conditional on it.
    pub sequence: u64,
    /// When the row's content last changed, by Muster's clock.
    pub changed_at: Timestamp,
    /// The values by type, the preferred one first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub identifiers: BTreeMap<IdentifierType, Entry<Vec<Identifier>>>,
    /// Profile fields.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<FieldName, Entry<Value>>,
    /// Memberships, of audiences that nobody has linked yet too.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub memberships: BTreeMap<AudienceId, Entry<Membership>>,
    /// Calculated attributes, unlinked ones too.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<AttributeId, Entry<Value>>,
    /// Where the person's devices were seen.
    #[serde(default, skip_serializing_if = "Sightings::is_empty")]
    pub sightings: Sightings,
    /// Former keys, told to leave at every delivery until their time is over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<Former>,
    /// Set once the person was erased or merged away: facts up to then are void.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<Gone>,
    /// Changes accepted, counted per activation that they concern.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub accepted: BTreeMap<ActivationId, u64>,
    /// Effects that were earned and are not at an end. What is added or removed here moves no version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outbox: Vec<Earned>,
    /// Whether the person must not be targeted, whatever audiences say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppression: Option<Entry<Suppression>>,
}

/// A value with the time that decides between it and others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry<T> {
    /// The value.
    pub value: T,
    /// When it became so at the source.
    pub occurred_at: Timestamp,
    /// The row's version at which this entry last changed.
    pub version: Version,
    /// How it came about.
    #[serde(default, skip_serializing_if = "is_live")]
    pub origin: Origin,
}

fn is_live(origin: &Origin) -> bool {
    *origin == Origin::Live
}

/// Inside or outside an audience.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Membership {
    /// Inside.
    Inside {
        /// What the source added.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        properties: BTreeMap<FieldName, Value>,
    },
    /// Was inside, or was said not to be.
    Left,
}

impl Membership {
    /// Whether the person is in the audience.
    pub fn is_inside(&self) -> bool {
        matches!(self, Self::Inside { .. })
    }
}

/// Whether a person may be targeted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Suppression {
    /// As audiences say.
    Lifted,
    /// Never.
    Suppressed,
}

/// A value that was once a key of this person, and may still be known somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Former {
    /// Where it stood.
    pub path: Path,
    /// What it was.
    pub value: Identifier,
    /// When it was replaced, by Muster's clock.
    pub replaced_at: Timestamp,
}

/// The end of a person, until a newer fact begins it again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gone {
    /// Facts up to this time are void.
    pub at: Timestamp,
    /// The row's version at which this was set.
    pub version: Version,
    /// Why.
    pub reason: GoneReason,
    /// Keys to be forgotten at the destinations; emptied once all have confirmed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<(Path, Identifier)>,
}

/// Why a person is gone. Erasure is the stronger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum GoneReason {
    /// Lives on as another person.
    Merged {
        /// The survivor.
        survivor: PersonKey,
    },
    /// To be forgotten.
    Erased,
}

/// Where in a person a key or a value is found: `ids.email`, `fields.plan`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub enum Path {
    /// The preferred identifier of a type.
    Identifier(IdentifierType),
    /// A profile field.
    Field(FieldName),
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identifier(kind) => write!(f, "ids.{kind}"),
            Self::Field(name) => write!(f, "fields.{name}"),
        }
    }
}

impl FromStr for Path {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = |error: super::ids::InvalidId| error.to_string();
        if let Some(kind) = text.strip_prefix("ids.") {
            kind.parse().map(Self::Identifier).map_err(invalid)
        } else if let Some(name) = text.strip_prefix("fields.") {
            name.parse().map(Self::Field).map_err(invalid)
        } else {
            Err(format!("`{text}` is no path: write `ids.email` for an identifier, `fields.plan` for a field"))
        }
    }
}

impl TryFrom<String> for Path {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Path> for String {
    fn from(path: Path) -> String {
        path.to_string()
    }
}

impl Person {
    /// A row that does not exist yet: version 0, nothing known.
    pub fn new(key: PersonKey, source: SourceId) -> Self {
        Self {
            format: ROW_FORMAT,
            key,
            source,
            version: 0,
            sequence: 0,
            changed_at: Timestamp::UNIX_EPOCH,
            identifiers: BTreeMap::new(),
            fields: BTreeMap::new(),
            memberships: BTreeMap::new(),
            attributes: BTreeMap::new(),
            sightings: Sightings::default(),
            former: Vec::new(),
            gone: None,
            accepted: BTreeMap::new(),
            outbox: Vec::new(),
            suppression: None,
        }
    }

    /// Whether they are in the audience.
    pub fn is_inside(&self, audience: &AudienceId) -> bool {
        self.memberships.get(audience).is_some_and(|entry| entry.value.is_inside())
    }

    /// The key value at `path` now, `None` where there is none or it is unusable.
    pub fn key_at(&self, path: &Path) -> Option<Identifier> {
        match path {
            Path::Identifier(kind) => self.identifiers.get(kind)?.value.first().cloned(),
            Path::Field(name) => key_of_field(name, &self.fields.get(name)?.value),
        }
    }

    /// Whether nothing may be sent but that the person leaves.
    pub fn is_suppressed(&self) -> bool {
        self.suppression.as_ref().is_some_and(|entry| entry.value == Suppression::Suppressed)
    }

    /// The version at which the value at `path` last changed; 0 where there never was one.
    pub fn version_at(&self, path: &Path) -> Version {
        match path {
            Path::Identifier(kind) => self.identifiers.get(kind).map_or(0, |entry| entry.version),
            Path::Field(name) => self.fields.get(name).map_or(0, |entry| entry.version),
        }
    }
}

/// A field used as a key: texts and whole numbers only, normalised like an identifier of the field's name.
pub fn key_of_field(name: &FieldName, value: &Value) -> Option<Identifier> {
    let text = match value {
        Value::Text(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Null | Value::Boolean(_) | Value::Decimal(_) | Value::List(_) => return None,
    };
    // A field name that is no identifier type (it has a space, say) is normalised like any other text.
    let kind = name.as_str().parse().or_else(|_| "field".parse::<IdentifierType>()).ok()?;
    Identifier::normalise(&kind, &text).ok()
}
