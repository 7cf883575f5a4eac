//! Profiles and segments as the twin keeps and shows them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// A profile to be made; nothing is sent for it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedProfile {
    /// The side door's name of it; the API does not show it.
    pub key: String,
    /// Its fields, identifiers included.
    #[serde(default)]
    pub fields: Map<String, Value>,
    /// Ids or slugs of the segments it is in.
    #[serde(default)]
    pub segments: Vec<String>,
}

impl SeedProfile {
    /// In no segment, with the field `email`.
    pub fn with_email(key: &str, email: &str) -> Self {
        let fields = Map::from_iter([("email".to_owned(), Value::from(email))]);
        Self { key: key.to_owned(), fields, segments: Vec::new() }
    }

    /// Puts it in a segment.
    #[must_use]
    pub fn within(mut self, segment: &str) -> Self {
        self.segments.push(segment.to_owned());
        self
    }

    /// Gives it one more field.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }
}

/// A segment to be made, of the table `user`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedSegment {
    /// 32 hex digits; made from the slug where it is absent.
    #[serde(default)]
    pub id: Option<String>,
    /// `slug_name`.
    pub slug: String,
    /// The name that people read.
    pub name: String,
    /// Shown where only valid segments are asked for.
    #[serde(default = "yes")]
    pub valid: bool,
    /// Whether moves are told to jobs; absent means yes.
    #[serde(default)]
    pub emit_trigger: Option<bool>,
    /// Whether members who leave by the passing of time are told of; absent means no.
    #[serde(default)]
    pub schedule_exit: Option<bool>,
}

fn yes() -> bool {
    true
}

impl SeedSegment {
    /// Valid, without flags.
    pub fn new(slug: &str, name: &str) -> Self {
        let (slug, name) = (slug.to_owned(), name.to_owned());
        Self { id: None, slug, name, valid: true, emit_trigger: None, schedule_exit: None }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub id: String,
    pub slug: String,
    pub name: String,
    pub valid: bool,
    pub emit_trigger: Option<bool>,
    pub schedule_exit: Option<bool>,
    pub created: Timestamp,
    /// Number of the profile → when it entered.
    pub members: BTreeMap<u64, Timestamp>,
}

impl Segment {
    pub(super) fn new(seed: &SeedSegment, created: Timestamp) -> Self {
        Self {
            id: seed.id.clone().unwrap_or_else(|| hex_id(&seed.slug)),
            slug: seed.slug.clone(),
            name: seed.name.clone(),
            valid: seed.valid,
            emit_trigger: seed.emit_trigger,
            schedule_exit: seed.schedule_exit,
            created,
            members: BTreeMap::new(),
        }
    }

    pub(super) fn is(&self, id_or_slug: &str) -> bool {
        self.id == id_or_slug || self.slug == id_or_slug
    }

    pub(super) fn json(&self) -> Value {
        let mut shown = json!({
            "id": self.id,
            "name": self.name,
            "slug_name": self.slug,
            "kind": "segment",
            "table": "user",
            "is_public": true,
            "segment_ql": format!("FILTER EXISTS {} FROM user", self.slug),
            "tags": [],
            "created": self.created,
            "updated": self.created,
        });
        for (name, flag) in [("emit_trigger", self.emit_trigger), ("schedule_exit", self.schedule_exit)] {
            if let Some(flag) = flag {
                shown[name] = Value::from(flag);
            }
        }
        shown
    }

    pub(super) fn size_json(&self) -> Value {
        json!({ "id": self.id, "name": self.name, "slug_name": self.slug, "size": self.members.len() })
    }
}

fn hex_id(slug: &str) -> String {
    use std::fmt::Write;
    let digest = Sha256::digest(slug);
    digest.iter().take(16).fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[derive(Debug, Clone)]
pub(super) struct Profile {
    pub key: String,
    pub fields: Map<String, Value>,
    pub created: Timestamp,
    pub modified: Timestamp,
    /// How much ever happened to it.
    pub events: u64,
}

impl Profile {
    /// 0 to 99.
    pub(super) fn split(&self) -> u64 {
        let digest = Sha256::digest(&self.key);
        digest.iter().take(4).fold(0, |sum, byte| (sum << 8) | u64::from(*byte)) % 100
    }

    /// What webhooks show of it, internal fields included.
    pub(super) fn data(&self) -> Map<String, Value> {
        let mut data = self.fields.clone();
        let internal = json!({
            "_created": self.created,
            "_modified": self.modified,
            "_num_events": self.events,
            "_split": self.split(),
            "_streamnames": ["default"],
        });
        data.extend(internal.as_object().cloned().unwrap_or_default());
        data
    }
}

/// A profile as the side door shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProfileView {
    /// The side door's name of it.
    pub key: String,
    /// Its fields, without the internal ones.
    pub fields: Map<String, Value>,
    /// Slug → when it entered.
    pub segments: BTreeMap<String, Timestamp>,
}

/// Into a segment or out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// `"event": "enter"`.
    Enter,
    /// `"event": "exit"`.
    Exit,
}

impl Direction {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Enter => "enter",
            Self::Exit => "exit",
        }
    }
}

/// One of the things that happen to a profile at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Move {
    /// Id or slug.
    pub segment: String,
    /// Into it or out of it.
    pub direction: Direction,
}

impl Move {
    /// Into a segment.
    pub fn enter(segment: &str) -> Self {
        Self { segment: segment.to_owned(), direction: Direction::Enter }
    }

    /// Out of a segment.
    pub fn exit(segment: &str) -> Self {
        Self { segment: segment.to_owned(), direction: Direction::Exit }
    }
}
