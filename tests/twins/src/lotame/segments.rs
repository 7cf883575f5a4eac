//! The segments of a row: R6 to R10.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::lotame::advice::{assumed, assumed_warning, strict, strict_warning};
use crate::lotame::feed::{BatchKind, Mode, RemoveEncoding, SegmentEncoding};
use crate::lotame::json::{self, Json, Member, Spot};
use crate::lotame::record::{Measure, Row, unknown_key};
use crate::lotame::report::{Note, Rule};
use crate::lotame::switches::{EmptySegments, SegmentForms};

/// A time may be so many seconds ahead.
pub(crate) const AHEAD: i64 = 86_400;

pub(crate) fn check(members: &[Member<'_>], measure: &Measure<'_>, row: &mut Row, notes: &mut Vec<Note>) {
    let remove = json::member(members, "remove");
    added(json::member(members, "segments"), remove.is_some(), measure, row, notes);
    let Some(remove) = remove else { return };
    removed(remove, measure, row, notes);
    if row.remove.iter().any(|name| row.segments.contains_key(name)) {
        notes.push(assumed(Rule::R9, remove.column, "Put a segment into `segments` or into `remove`, not into both."));
    }
}

fn added(member: Option<&Member<'_>>, removes: bool, measure: &Measure<'_>, row: &mut Row, notes: &mut Vec<Note>) {
    let Some(member) = member else {
        notes.push(strict(Rule::R6, 1, "Send `segments` in every row."));
        return;
    };
    let Some(elements) = member.value.json.array() else {
        notes.push(strict(Rule::R6, member.column, "Write `segments` as an array."));
        return;
    };
    let may_be_empty = match measure.switches.empty_segments {
        EmptySegments::Refuse => false,
        EmptySegments::WithRemove => removes,
        EmptySegments::Accept => true,
    };
    if elements.is_empty() && !may_be_empty {
        notes.push(assumed(Rule::R6, member.column, "Send rows with at least one segment, until Lotame answers Q2."));
    }
    let mut forms = Forms { objects: 0, strings: 0 };
    for element in elements {
        let found = match &element.json {
            Json::Object(members) => {
                forms.objects += 1;
                object(element, members, measure.now, notes)
            }
            Json::Text(name) => {
                forms.strings += 1;
                named(name, element.column, notes).then_some((name.as_str(), None))
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) => {
                notes.push(strict(Rule::R6, element.column, "Write each segment as an object with a `name`."));
                None
            }
        };
        let Some((name, time)) = found else { continue };
        if keep_latest(&mut row.segments, name, time) {
            notes.push(assumed_warning(Rule::R9, "Write each segment of a row once.").column(element.column));
        }
    }
    notes.extend(forms.fault(measure, member.column));
}

/// How many elements have which form.
struct Forms {
    objects: usize,
    strings: usize,
}

impl Forms {
    fn fault(&self, measure: &Measure<'_>, column: u64) -> Option<Note> {
        let Self { objects, strings } = *self;
        if objects > 0 && strings > 0 {
            return Some(assumed(Rule::R6, column, "Write the segments of a row all as objects or all as strings."));
        }
        match (measure.switches.segment_forms, measure.feed.segment_encoding) {
            (SegmentForms::AsAgreed, SegmentEncoding::Object) if strings > 0 => {
                Some(assumed(Rule::R6, column, "Write segments as objects with a `name`, as Lotame's table has them."))
            }
            (SegmentForms::AsAgreed, SegmentEncoding::String) if objects > 0 => {
                Some(assumed(Rule::R6, column, "Write segments as strings, as this feed is set."))
            }
            (SegmentForms::AsAgreed | SegmentForms::Either, SegmentEncoding::Object | SegmentEncoding::String) => None,
        }
    }
}

fn object<'m>(
    element: &Spot<'_>,
    members: &'m [Member<'_>],
    now: Timestamp,
    notes: &mut Vec<Note>,
) -> Option<(&'m str, Option<i64>)> {
    for member in members {
        if !["name", "timestamp"].contains(&member.key.as_str()) {
            notes.push(unknown_key(member.column));
        }
    }
    let time = json::member(members, "timestamp").and_then(|member| timestamp(member, now, notes));
    let Some(member) = json::member(members, "name") else {
        notes.push(strict(Rule::R6, element.column, "Give each segment a `name`."));
        return None;
    };
    let Some(name) = member.value.json.text() else {
        notes.push(strict(Rule::R6, member.column, "Write the `name` of a segment as a string."));
        return None;
    };
    named(name, member.column, notes).then_some((name, time))
}

fn named(name: &str, column: u64, notes: &mut Vec<Note>) -> bool {
    if name.trim().is_empty() {
        notes.push(strict(Rule::R6, column, "Give each segment a name that is not empty."));
        return false;
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_ -".contains(&byte)) {
        let message = "Name segments with ASCII letters, digits, underscores, spaces and hyphens.";
        notes.push(strict_warning(Rule::R8, message).column(column));
    }
    true
}

fn timestamp(member: &Member<'_>, now: Timestamp, notes: &mut Vec<Note>) -> Option<i64> {
    let written = match member.value.json {
        Json::Number(written) => written,
        Json::Null | Json::Bool(_) | Json::Text(_) | Json::Array(_) | Json::Object(_) => {
            notes.push(strict(Rule::R7, member.column, "Write `timestamp` as an integer, not as anything else."));
            return None;
        }
    };
    if written.bytes().any(|byte| b".eE".contains(&byte)) {
        notes.push(strict(Rule::R7, member.column, "Write `timestamp` as an integer, without fraction or exponent."));
        return None;
    }
    let time = written.parse().unwrap_or(i64::MAX);
    if written.trim_start_matches('-').len() >= 13 {
        notes.push(strict(Rule::R7, member.column, "Write `timestamp` in seconds, not in milliseconds."));
        return None;
    }
    if time <= 0 || time > now.as_second() + AHEAD {
        notes.push(assumed(Rule::R7, member.column, "Write a `timestamp` after 1970 and at most a day ahead."));
        return None;
    }
    Some(time)
}

/// Whether it was there already.
fn keep_latest(segments: &mut BTreeMap<String, Option<i64>>, name: &str, time: Option<i64>) -> bool {
    if let Some(known) = segments.get_mut(name) {
        *known = (*known).max(time);
        return true;
    }
    segments.insert(name.to_owned(), time);
    false
}

fn removed(member: &Member<'_>, measure: &Measure<'_>, row: &mut Row, notes: &mut Vec<Note>) {
    let encoding = match (measure.kind, measure.feed.mode) {
        (BatchKind::Delta, Mode::Delta { remove, .. }) => remove,
        (BatchKind::Comprehensive, Mode::Comprehensive | Mode::Delta { .. })
        | (BatchKind::Delta, Mode::Comprehensive) => {
            notes.push(strict(Rule::R10, member.column, "Send `remove` only in the delta batches of a delta feed."));
            return;
        }
    };
    let Some(names) = names(&member.value.json, encoding) else {
        let message = match encoding {
            RemoveEncoding::Array => "Write `remove` as an array of names, as this feed is set, or leave it out.",
            RemoveEncoding::Csv => "Write `remove` as names with commas between them, as this feed is set.",
            RemoveEncoding::Single => "Write `remove` as one name, as this feed is set.",
        };
        notes.push(assumed(Rule::R10, member.column, message));
        return;
    };
    let count = names.len();
    row.remove = names.into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
    if row.remove.len() < count {
        notes.push(assumed_warning(Rule::R9, "Write each segment of a row once.").column(member.column));
    }
}

/// At least one, none of them empty.
fn names<'j>(json: &'j Json<'_>, encoding: RemoveEncoding) -> Option<Vec<&'j str>> {
    let names: Vec<&str> = match encoding {
        RemoveEncoding::Array => json.array()?.iter().map(|element| element.json.text()).collect::<Option<_>>()?,
        RemoveEncoding::Csv => json.text()?.split(',').collect(),
        RemoveEncoding::Single => vec![json.text()?],
    };
    let good = !names.is_empty() && names.iter().all(|name| !name.trim().is_empty() && name.trim() == *name);
    good.then_some(names)
}
