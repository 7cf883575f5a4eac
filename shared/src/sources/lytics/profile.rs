//! A profile: who it is, and its fields.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::{At, Flaw, Reading, SEGMENT_EVENTS};
use crate::model::{FieldName, Identifier, IdentifierType, LyticsFormat, PersonKey, Value};
use crate::sources::muster::item::{Members, moment, read_identifiers};

/// Members that are no fields: what happened, and the whole membership under both its names. A list of all audiences
/// says neither since when nor whether it is whole, and enters or exits that are guessed from it would undo real ones.
const NO_FIELDS: [&str; 3] = [SEGMENT_EVENTS, "segments_all", "segments"];

/// Most bytes of a profile's fields, names included: a profile at Lytics may have more than a row at Muster, and then
/// nobody must be kept from entering or leaving.
const MAX_FIELD_BYTES: usize = 128 * 1024;

/// The longest name that a field may have.
const MAX_NAME_BYTES: usize = 128;

/// A profile as far as it is taken.
pub(super) struct Profile {
    pub(super) person: PersonKey,
    pub(super) identifiers: BTreeMap<IdentifierType, Vec<Identifier>>,
    pub(super) fields: BTreeMap<FieldName, Value>,
    /// When it last changed at Lytics, where it says so.
    pub(super) modified_at: Option<Timestamp>,
    pub(super) skipped_fields: u64,
    pub(super) skipped_identifiers: u64,
}

impl Profile {
    pub(super) fn read(
        members: &Members,
        at: At<'_>,
        format: &LyticsFormat,
        reading: &Reading<'_>,
    ) -> Result<Self, Flaw> {
        let keyed_by = &reading.source.keyed_by;
        let (mut person, mut identifiers, mut skipped_identifiers) = (None, BTreeMap::new(), 0);
        for (kind, name) in &format.identifiers {
            let Some(json) = find(members, name) else { continue };
            let at = at.member(name);
            let read = read_identifiers(json, kind, at);
            if kind == keyed_by {
                let [value] = <[Identifier; 1]>::try_from(read?)
                    .map_err(|_| Flaw::new(at, "the source is keyed by it: exactly one value"))?;
                person = Some(reading.key.person(&reading.source.id, kind, &value));
                identifiers.insert(kind.clone(), vec![value]);
            } else if let Ok(values) = read {
                identifiers.insert(kind.clone(), values);
            } else {
                skipped_identifiers += 1;
            }
        }
        let Some(person) = person else {
            let name = format.identifiers.get(keyed_by).map_or(keyed_by.as_str(), String::as_str);
            return Err(Flaw::new(at.member(name), "missing: the source is keyed by it; select it in Export Fields"));
        };
        let Fields { taken, skipped, .. } = Fields::of(members, format);
        let modified_at = members.get("_modified").and_then(|time| moment(time.as_str(), at, reading).ok());
        Ok(Self { person, identifiers, fields: taken, modified_at, skipped_fields: skipped, skipped_identifiers })
    }
}

/// The member of this name, or the one to which its dots lead.
fn find<'a>(members: &'a Members, name: &str) -> Option<&'a Json> {
    members.get(name).or_else(|| {
        let (first, rest) = name.split_once('.')?;
        find(members.get(first)?.as_object()?, rest)
    })
}

struct Fields<'a> {
    format: &'a LyticsFormat,
    taken: BTreeMap<FieldName, Value>,
    skipped: u64,
    bytes: usize,
}

impl<'a> Fields<'a> {
    fn of(members: &Members, format: &'a LyticsFormat) -> Self {
        let mut fields = Self { format, taken: BTreeMap::new(), skipped: 0, bytes: 0 };
        for (name, json) in members {
            if !name.starts_with('_') && !NO_FIELDS.contains(&name.as_str()) {
                fields.take(name, json);
            }
        }
        fields
    }

    fn take(&mut self, name: &str, json: &Json) {
        if self.format.identifiers.values().any(|identifier| identifier == name) {
            return;
        }
        // What is within a name that is too long has a longer one.
        if name.len() > MAX_NAME_BYTES {
            self.skipped += 1;
        } else if let Json::Object(members) = json {
            for (within, json) in members {
                self.take(&format!("{name}.{within}"), json);
            }
        } else {
            self.keep(name, json);
        }
    }

    fn keep(&mut self, name: &str, json: &Json) {
        let (Ok(name), Ok(value)) = (name.parse::<FieldName>(), Value::from_json(json)) else {
            self.skipped += 1;
            return;
        };
        let bytes = name.as_str().len() + value.canonical().len();
        if self.bytes + bytes > MAX_FIELD_BYTES {
            self.skipped += 1;
            return;
        }
        self.bytes += bytes;
        self.taken.insert(name, value);
    }
}
