//! One entry of `segment_events`: into an audience or out of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::{At, Flaw, Reading};
use crate::model::ids::InvalidId;
use crate::model::{AudienceId, AudienceNaming, Fact, FieldName, LyticsFormat, Value};
use crate::sources::event_name;
use crate::sources::muster::item::{Members, moment, object, text};

/// What an entry says.
pub(super) enum Read {
    /// Somebody entered or left.
    Move(Move),
    /// Of an audience that is not taken.
    Untaken,
    /// Something else than entering and leaving, by its name as it may be counted.
    Unknown(String),
}

/// Into an audience or out of it.
pub(super) struct Move {
    pub(super) fact: Fact,
    /// Absent where the entry does not say it.
    pub(super) occurred_at: Option<Timestamp>,
}

pub(super) fn read(json: &Json, at: At<'_>, format: &LyticsFormat, reading: &Reading<'_>) -> Result<Read, Flaw> {
    let members = object(json, at)?;
    if !is_taken(members, format) {
        return Ok(Read::Untaken);
    }
    let event = text(members, "event", at)?;
    let fact = match event {
        "enter" => {
            Fact::Entered { audience: audience(members, at, format.named_by)?, properties: other_name(members, format) }
        }
        "exit" => Fact::Left { audience: audience(members, at, format.named_by)? },
        _ => return Ok(Read::Unknown(event_name(event))),
    };
    let occurred_at = match members.get(event) {
        None | Some(Json::Null) => None,
        Some(time) => Some(moment(time.as_str(), at.member(event), reading)?),
    };
    Ok(Read::Move(Move { fact, occurred_at }))
}

fn is_taken(members: &Members, format: &LyticsFormat) -> bool {
    let Some(taken) = &format.audiences else { return true };
    let names = ["slug", "id"].map(|name| members.get(name).and_then(Json::as_str));
    names.into_iter().flatten().any(|name| taken.iter().any(|one| one.as_str() == name))
}

const fn member_of(naming: AudienceNaming) -> &'static str {
    match naming {
        AudienceNaming::Slug => "slug",
        AudienceNaming::Id => "id",
    }
}

fn audience(members: &Members, at: At<'_>, naming: AudienceNaming) -> Result<AudienceId, Flaw> {
    let name = member_of(naming);
    text(members, name, at)?.parse().map_err(|error: InvalidId| Flaw::new(at.member(name), error.to_string()))
}

/// The name that is not the audience's id here, kept with the membership: two audiences of one such name are one that
/// was renamed.
fn other_name(members: &Members, format: &LyticsFormat) -> BTreeMap<FieldName, Value> {
    properties_of(members.get(member_of(format.named_by.other())).and_then(Json::as_str), format.named_by)
}

/// What is kept with the membership of an audience that has this other name.
pub(super) fn properties_of(other_name: Option<&str>, naming: AudienceNaming) -> BTreeMap<FieldName, Value> {
    let value = other_name.and_then(|value| Value::from_json(&value.into()).ok());
    let property = |value| Some((member_of(naming.other()).parse().ok()?, value));
    value.and_then(property).into_iter().collect()
}
