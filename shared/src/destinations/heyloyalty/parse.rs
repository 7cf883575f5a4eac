//! What Heyloyalty answers, read tolerantly: ids and codes as numbers or text, `[]` for an empty map, two
//! shapes of a member, zero dates. No clock and no network.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value as Json;

use super::config::IdentifierField;

/// A list as `GET /lists/:id` shows it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct List {
    pub(super) name: String,
    /// Whether two members may share an address: `allow`, `allow_email`, `allow_mobile`, `disallow`; empty
    /// where the list does not say.
    pub(super) duplicates: String,
    pub(super) fields: Vec<ListField>,
}

/// A field of a list.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ListField {
    /// Where the vendor gave none the field cannot be told from others of its name.
    pub(super) id: Option<u64>,
    pub(super) name: String,
    pub(super) label: String,
    pub(super) format: Format,
}

/// The format of a field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub(super) enum Format {
    Boolean,
    Number,
    Text,
    Date,
    /// `choice`, `multi`, `shop`, …: never written.
    Other(String),
}

impl Format {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::Text => "text",
            Self::Date => "date",
            Self::Other(name) => name,
        }
    }
}

impl From<String> for Format {
    fn from(name: String) -> Self {
        match name.as_str() {
            "boolean" => Self::Boolean,
            "number" => Self::Number,
            "text" => Self::Text,
            "date" => Self::Date,
            _ => Self::Other(name),
        }
    }
}

impl From<Format> for String {
    fn from(format: Format) -> Self {
        format.as_str().to_owned()
    }
}

/// A map's entries with doubled keys kept, or a sequence's items under empty keys: a list that holds two
/// fields of one name would otherwise hide one of them.
#[derive(Default)]
struct Entries(Vec<(String, Json)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Entries;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map or a list of fields")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(item) = items.next_element()? {
                    entries.push((String::new(), item));
                }
                Ok(Entries(entries))
            }
            fn visit_unit<E>(self) -> Result<Entries, E> {
                Ok(Entries::default())
            }
        }
        deserializer.deserialize_any(Each)
    }
}

impl List {
    /// From a body; `None` where it is no list.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Raw {
            id: Json,
            #[serde(default)]
            name: Json,
            #[serde(default)]
            duplicates: Json,
            fields: Entries,
        }
        let raw: Raw = serde_json::from_slice(body).ok()?;
        text(&raw.id)?;
        let fields = raw.fields.0.iter().map(|(key, field)| ListField::read(key, field)).collect::<Option<_>>()?;
        Some(Self {
            name: text(&raw.name).unwrap_or_default(),
            duplicates: text(&raw.duplicates).unwrap_or_default(),
            fields,
        })
    }
}

impl ListField {
    fn read(key: &str, json: &Json) -> Option<Self> {
        let field = json.as_object()?;
        let part = |name: &str| field.get(name).and_then(text);
        let name = part("name").or_else(|| (!key.is_empty()).then(|| key.to_owned()))?;
        Some(Self {
            id: field.get("id").and_then(number),
            label: part("label").unwrap_or_default(),
            format: Format::from(part("format").unwrap_or_default()),
            name,
        })
    }
}

/// A line of `GET /lists`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListLine {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) members: Option<u64>,
}

impl ListLine {
    /// From a body; `None` where it is no array of lists.
    pub(super) fn read_all(body: &[u8]) -> Option<Vec<Self>> {
        let lines: Vec<Json> = serde_json::from_slice(body).ok()?;
        lines
            .iter()
            .map(|line| {
                let name = line.get("name").and_then(text).unwrap_or_default();
                Some(Self { id: number(line.get("id")?)?, name, members: line.get("members").and_then(number) })
            })
            .collect()
    }
}

/// A member's id: only what may stand in a path as it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct MemberId(String);

impl MemberId {
    pub(super) fn read(json: &Json) -> Option<Self> {
        Self::try_from(text(json)?).ok()
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for MemberId {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if text.is_empty() || text.len() > 64 || !text.bytes().all(plain) {
            return Err("not a member id");
        }
        Ok(Self(text))
    }
}

impl From<MemberId> for String {
    fn from(id: MemberId) -> Self {
        id.0
    }
}

/// A member with the values of its fields as text. Personal: no `Debug`.
#[derive(Clone)]
pub(super) struct Member {
    pub(super) id: MemberId,
    pub(super) contact: Contact,
    values: BTreeMap<String, String>,
}

/// Whether a member may be written to. Whoever is not active is never touched: Heyloyalty re-activates a
/// member that is updated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contact {
    Active,
    Unsubscribed,
    Complaint,
    HardBounce,
    /// A status that nobody documented, or none.
    NotActive,
}

impl Contact {
    /// The state in words; `None` for active.
    pub(super) fn obstacle(self) -> Option<&'static str> {
        match self {
            Self::Active => None,
            Self::Unsubscribed => Some("unsubscribed"),
            Self::Complaint => Some("complaint"),
            Self::HardBounce => Some("hard bounce"),
            Self::NotActive => Some("not active"),
        }
    }
}

impl Member {
    /// From JSON, in the current shape (`fields.<name>.value`) or the older flat one.
    pub(super) fn read(json: &Json, identifier: &IdentifierField) -> Option<Self> {
        let member = json.as_object()?;
        let id = MemberId::read(member.get("id")?)?;
        let shown = match member.get("fields") {
            Some(Json::Object(fields)) => fields,
            Some(Json::Array(_) | Json::Null) => &serde_json::Map::new(),
            Some(Json::String(_) | Json::Number(_) | Json::Bool(_)) | None => member,
        };
        let values = shown.iter().filter_map(|(name, value)| Some((name.clone(), field_text(value)?))).collect();
        Some(Self { id, contact: contact(member, identifier), values })
    }

    /// The value of a field; `None` for empty, null, absent and zero dates alike.
    pub(super) fn value(&self, field: &str) -> Option<&str> {
        self.values.get(field).map(String::as_str)
    }
}

fn contact(member: &serde_json::Map<String, Json>, identifier: &IdentifierField) -> Contact {
    if member.get("unsubscribed_at").and_then(field_text).is_some() {
        return Contact::Unsubscribed;
    }
    let status = member.get("status");
    let part = |name: &str| {
        let word = status.and_then(|status| status.get(name)).and_then(text).unwrap_or_default();
        word.trim().to_lowercase()
    };
    let whole = match status {
        Some(Json::String(word)) => word.trim().to_lowercase(),
        Some(_) | None => part("status"),
    };
    let channels =
        if identifier.as_str() == "mobile" { vec![part("email"), part("mobile")] } else { vec![part("email")] };
    let any = |word: &str| channels.iter().any(|channel| channel == word) || whole == word;
    if any("unsubscribed") {
        Contact::Unsubscribed
    } else if any("complaint") {
        Contact::Complaint
    } else if any("hard_bounce") {
        Contact::HardBounce
    } else if whole == "active" && channels.iter().all(|channel| matches!(channel.as_str(), "" | "active" | "null")) {
        Contact::Active
    } else {
        Contact::NotActive
    }
}

/// A field's value as text: choices by id, several ids joined by commas.
fn field_text(json: &Json) -> Option<String> {
    match json {
        Json::Object(parts) => field_text(parts.get("value").or_else(|| parts.get("id"))?),
        Json::Array(items) => {
            let ids: Vec<String> = items.iter().filter_map(field_text).collect();
            (!ids.is_empty()).then(|| ids.join(","))
        }
        Json::Null => None,
        Json::Bool(_) | Json::Number(_) | Json::String(_) => {
            text(json).filter(|text| !text.trim().is_empty() && !text.starts_with("0000-00-00"))
        }
    }
}

/// Walks `{"members": […]}` one member at a time, so that a page of thousands is never held whole.
pub(super) struct EachMember<'a, F: FnMut(Member)> {
    pub(super) identifier: &'a IdentifierField,
    pub(super) take: F,
    pub(super) seen: usize,
    pub(super) first: Option<MemberId>,
}

/// Why a page could not be read.
pub(super) struct Unreadable;

impl<F: FnMut(Member)> EachMember<'_, F> {
    /// Reads a body.
    pub(super) fn read(&mut self, body: &[u8]) -> Result<(), Unreadable> {
        let mut deserializer = serde_json::Deserializer::from_slice(body);
        (&mut *self).deserialize(&mut deserializer).map_err(|_| Unreadable)?;
        deserializer.end().map_err(|_| Unreadable)
    }
}

impl<'de, F: FnMut(Member)> DeserializeSeed<'de> for &mut EachMember<'_, F> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, F: FnMut(Member)> Visitor<'de> for &mut EachMember<'_, F> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with members")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut found = false;
        while let Some(key) = map.next_key::<String>()? {
            if key == "members" {
                found = true;
                map.next_value_seed(&mut *self)?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if found { Ok(()) } else { Err(serde::de::Error::missing_field("members")) }
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(json) = items.next_element::<Json>()? {
            let member = Member::read(&json, self.identifier)
                .ok_or_else(|| serde::de::Error::custom("a member without an id"))?;
            self.seen += 1;
            self.first.get_or_insert_with(|| member.id.clone());
            (self.take)(member);
        }
        Ok(())
    }
}

/// Text, or a number or truth value as text.
pub(super) fn text(json: &Json) -> Option<String> {
    match json {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(flag) => Some(u8::from(*flag).to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// A whole number, also as text.
pub(super) fn number(json: &Json) -> Option<u64> {
    text(json)?.trim().parse().ok()
}
