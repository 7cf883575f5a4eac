//! One change, member by member. A member without a meaning is refused: a slip of the pen in a name must
//! be seen, not lost.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use crate::model::{
    Change, Details, Fact, FieldName, Identifier, IdentifierType, Origin, PersonKey, Suppression, Value,
    ids::{AttributeId, AudienceId, InvalidId},
};
use crate::sources::{At, CLOCK_TOLERANCE, Flaw, Reading, Told, event_name};

/// Under which sightings are counted that no platform takes.
const SIGHTED_OVER_IPV6: &str = "person.sighted-over-ipv6";

/// Most values of one identifier type.
const MAX_IDENTIFIERS: usize = 32;

/// The types of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Entered,
    Exited,
    Attribute,
    Sighted,
    Event,
    Profile,
    Suppressed,
    Unsuppressed,
    Merged,
    Erased,
}

impl Kind {
    const NAMES: [(&'static str, Self); 11] = [
        ("audience.entered", Self::Entered),
        ("audience.exited", Self::Exited),
        ("audience.left", Self::Exited),
        ("attribute.changed", Self::Attribute),
        ("person.sighted", Self::Sighted),
        ("person.event", Self::Event),
        ("profile.updated", Self::Profile),
        ("person.suppressed", Self::Suppressed),
        ("person.unsuppressed", Self::Unsuppressed),
        ("person.merged", Self::Merged),
        ("person.erased", Self::Erased),
    ];

    fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }

    /// The type that `name` is, or ends with after a prefix in reverse-DNS form: `com.example.audience.left`.
    pub(crate) fn ending(name: &str) -> Option<Self> {
        let ends =
            |known: &str| name.strip_suffix(known).is_some_and(|prefix| prefix.is_empty() || prefix.ends_with('.'));
        Self::NAMES.iter().find(|(known, _)| ends(known)).map(|(_, kind)| *kind)
    }
}

/// Reads a change that stands on its own.
pub(crate) fn read(document: &Json, at: At<'_>, reading: &Reading<'_>) -> Result<Told, Flaw> {
    let members = object(document, at)?;
    let name = text(members, "type", at)?;
    let Some(kind) = Kind::named(name) else {
        return Ok(Told::Ignored(event_name(name)));
    };
    refuse_strangers(members, kind, &["type"], at)?;
    read_members(members, kind, at, reading)
}

/// Reads the data of an event, whose envelope says type and, in `reading.stamped_at`, time.
pub(crate) fn read_data(data: &Json, kind: Kind, at: At<'_>, reading: &Reading<'_>) -> Result<Told, Flaw> {
    let members = object(data, at)?;
    refuse_strangers(members, kind, &[], at)?;
    read_members(members, kind, at, reading)
}

pub(crate) type Members = Map<String, Json>;

pub(crate) fn object<'a>(json: &'a Json, at: At<'_>) -> Result<&'a Members, Flaw> {
    json.as_object().ok_or_else(|| Flaw::new(at, "must be an object"))
}

pub(crate) fn member<'a>(members: &'a Members, name: &str, at: At<'_>) -> Result<&'a Json, Flaw> {
    members.get(name).ok_or_else(|| Flaw::new(at.member(name), "missing"))
}

pub(crate) fn text<'a>(members: &'a Members, name: &str, at: At<'_>) -> Result<&'a str, Flaw> {
    member(members, name, at)?.as_str().ok_or_else(|| Flaw::new(at.member(name), "must be a text"))
}

fn refuse_strangers(members: &Members, kind: Kind, more: &[&str], at: At<'_>) -> Result<(), Flaw> {
    let own: &[&str] = match kind {
        Kind::Entered => &["audience", "audience_properties"],
        Kind::Exited => &["audience"],
        Kind::Attribute => &["attribute", "value"],
        Kind::Sighted => &["address"],
        Kind::Event => &["event", "event_id", "details"],
        Kind::Merged => &["into"],
        Kind::Profile | Kind::Suppressed | Kind::Unsuppressed | Kind::Erased => &[],
    };
    let common = ["id", "person", "fields", "origin", "occurred_at"];
    let others = [
        "type",
        "audience",
        "audience_properties",
        "attribute",
        "value",
        "address",
        "event",
        "event_id",
        "details",
        "into",
    ];
    for name in members.keys().map(String::as_str) {
        if common.contains(&name) || own.contains(&name) || more.contains(&name) {
            continue;
        }
        let known = others.contains(&name);
        let reason = if known { "has no meaning in this type of change" } else { "unknown member" };
        return Err(Flaw::new(at.member(name), reason));
    }
    Ok(())
}

fn read_members(members: &Members, kind: Kind, at: At<'_>, reading: &Reading<'_>) -> Result<Told, Flaw> {
    if let Some(id) = members.get("id")
        && !id.is_string()
        && !id.is_number()
    {
        return Err(Flaw::new(at.member("id"), "must be a text or a number"));
    }
    let who = read_person(member(members, "person", at)?, at.member("person"), reading)?;
    let fact = read_fact(members, kind, who.key, at, reading)?;
    let fields = read_values(members, "fields", at)?;
    let origin = read_origin(members, at)?;
    let occurred_at = read_time(members, at, reading)?;
    let Some(fact) = fact else {
        return Ok(Told::Ignored(SIGHTED_OVER_IPV6.to_owned()));
    };
    Ok(Told::Change(Change { person: who.key, identifiers: who.identifiers, fields, fact, occurred_at, origin }))
}

struct Who {
    key: PersonKey,
    identifiers: BTreeMap<IdentifierType, Vec<Identifier>>,
}

fn read_person(json: &Json, at: At<'_>, reading: &Reading<'_>) -> Result<Who, Flaw> {
    let mut identifiers = BTreeMap::new();
    for (name, json) in object(json, at)? {
        let at = at.member(name);
        let kind: IdentifierType = name.parse().map_err(|error: InvalidId| Flaw::new(at, error.to_string()))?;
        let values = read_identifiers(json, &kind, at)?;
        identifiers.insert(kind, values);
    }
    let keyed_by = &reading.source.keyed_by;
    match identifiers.get(keyed_by).map(Vec::as_slice) {
        Some([value]) => Ok(Who { key: reading.key.person(&reading.source.id, keyed_by, value), identifiers }),
        Some(_) => Err(Flaw::new(at.member(keyed_by.as_str()), "the source is keyed by it: exactly one value")),
        None => Err(Flaw::new(at.member(keyed_by.as_str()), "missing: the source is keyed by it")),
    }
}

/// The preferred value first, without repeats. Null and an empty list say that there is none any more.
pub(crate) fn read_identifiers(json: &Json, kind: &IdentifierType, at: At<'_>) -> Result<Vec<Identifier>, Flaw> {
    let Json::Array(items) = json else {
        return if json.is_null() { Ok(Vec::new()) } else { Ok(vec![read_identifier(json, kind, at)?]) };
    };
    if items.len() > MAX_IDENTIFIERS {
        return Err(Flaw::new(at, "at most 32 values of a type"));
    }
    let mut values = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let value = read_identifier(item, kind, at.item(index))?;
        if !values.contains(&value) {
            values.push(value);
        }
    }
    Ok(values)
}

fn read_identifier(json: &Json, kind: &IdentifierType, at: At<'_>) -> Result<Identifier, Flaw> {
    let read = match json {
        Json::String(text) => Identifier::normalise(kind, text),
        Json::Number(number) if !number.is_f64() => Identifier::normalise(kind, &number.to_string()),
        Json::Number(_) | Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => {
            return Err(Flaw::new(at, "an identifier is a text or a whole number"));
        }
    };
    read.map_err(|error| Flaw::new(at, error.to_string()))
}

/// The fact; `None` for a sighting that is kept nowhere.
fn read_fact(
    members: &Members,
    kind: Kind,
    person: PersonKey,
    at: At<'_>,
    reading: &Reading<'_>,
) -> Result<Option<Fact>, Flaw> {
    Ok(Some(match kind {
        Kind::Entered => Fact::Entered {
            audience: read_audience(members, at)?,
            properties: read_values(members, "audience_properties", at)?,
        },
        Kind::Exited => Fact::Left { audience: read_audience(members, at)? },
        Kind::Attribute => {
            let attribute: AttributeId = text(members, "attribute", at)?
                .parse()
                .map_err(|error: InvalidId| Flaw::new(at.member("attribute"), error.to_string()))?;
            let value = read_value(member(members, "value", at)?, at.member("value"))?;
            Fact::Attribute { attribute, value }
        }
        Kind::Sighted => {
            let address = text(members, "address", at)?.parse();
            match address.map_err(|_| Flaw::new(at.member("address"), "must be an IP address without a port"))? {
                IpAddr::V4(address) => Fact::Sighted { address: address.into() },
                IpAddr::V6(address) => match address.to_ipv4_mapped() {
                    Some(address) => Fact::Sighted { address: address.into() },
                    None => return Ok(None),
                },
            }
        }
        Kind::Event => {
            let invalid = |name| move |error: InvalidId| Flaw::new(at.member(name), error.to_string());
            let details = match members.get("details") {
                Some(json) => Details(object(json, at.member("details"))?.clone()),
                None => Details::default(),
            };
            Fact::Happened {
                event: text(members, "event", at)?.parse().map_err(invalid("event"))?,
                id: text(members, "event_id", at)?.parse().map_err(invalid("event_id"))?,
                details,
            }
        }
        Kind::Profile => Fact::Profile,
        Kind::Suppressed => Fact::Suppression(Suppression::Suppressed),
        Kind::Unsuppressed => Fact::Suppression(Suppression::Lifted),
        Kind::Merged => {
            // Only the survivor's key is of use: its identifiers come with changes of its own.
            let survivor = read_person(member(members, "into", at)?, at.member("into"), reading)?.key;
            if survivor == person {
                return Err(Flaw::new(at.member("into"), "a person cannot be merged into itself"));
            }
            Fact::MergedInto { survivor }
        }
        Kind::Erased => Fact::Erased,
    }))
}

fn read_audience(members: &Members, at: At<'_>) -> Result<AudienceId, Flaw> {
    let audience = text(members, "audience", at)?;
    audience.parse().map_err(|error: InvalidId| Flaw::new(at.member("audience"), error.to_string()))
}

fn read_values(members: &Members, name: &str, at: At<'_>) -> Result<BTreeMap<FieldName, Value>, Flaw> {
    let Some(json) = members.get(name) else {
        return Ok(BTreeMap::new());
    };
    let at = at.member(name);
    let mut values = BTreeMap::new();
    for (name, json) in object(json, at)? {
        let at = at.member(name);
        let name: FieldName = name.parse().map_err(|error: InvalidId| Flaw::new(at, error.to_string()))?;
        values.insert(name, read_value(json, at)?);
    }
    Ok(values)
}

fn read_value(json: &Json, at: At<'_>) -> Result<Value, Flaw> {
    Value::from_json(json).map_err(|error| Flaw::new(at, error.to_string()))
}

fn read_origin(members: &Members, at: At<'_>) -> Result<Origin, Flaw> {
    match members.get("origin").map(Json::as_str) {
        None | Some(Some("live")) => Ok(Origin::Live),
        Some(Some("backfill")) => Ok(Origin::Backfill),
        Some(Some("import")) => Ok(Origin::Import),
        Some(Some("reconcile")) => Ok(Origin::Reconcile),
        Some(Some(_) | None) => Err(Flaw::new(at.member("origin"), "must be live, backfill, import or reconcile")),
    }
}

fn read_time(members: &Members, at: At<'_>, reading: &Reading<'_>) -> Result<Timestamp, Flaw> {
    let at = at.member("occurred_at");
    match members.get("occurred_at") {
        Some(json) => moment(json.as_str(), at, reading),
        None => Ok(reading.stamped_at),
    }
}

/// A time in RFC 3339, at most the tolerance ahead of Muster's clock.
pub(crate) fn moment(text: Option<&str>, at: At<'_>, reading: &Reading<'_>) -> Result<Timestamp, Flaw> {
    let time: Timestamp = text
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Flaw::new(at, "must be a time in RFC 3339, such as 2026-01-02T03:04:05Z"))?;
    if time.duration_since(reading.now) > CLOCK_TOLERANCE {
        return Err(Flaw::new(at, "more than five minutes in the future"));
    }
    Ok(time)
}
