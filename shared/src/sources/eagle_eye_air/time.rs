//! AIR's times: `2026-03-01T10:15:00.123456` without a zone in headers, with one in objects.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;

use super::fields::Fields;
use super::notes::Notes;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// What AIR writes where something never ends, and what no timestamp can hold.
const NEVER: &str = "9999-";

/// Without a zone it is UTC: the dates of the objects beside it say so.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let zoned = text.parse::<Timestamp>().ok();
    zoned.or_else(|| TimeZone::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok())
}

/// A time, or nothing; what is no time is counted.
pub(super) fn read(fields: Fields<'_>, name: &str, notes: &mut Notes) -> Option<Timestamp> {
    let time = match fields.get(name)? {
        Json::Null => return None,
        Json::String(text) if text.trim().is_empty() => return None,
        Json::String(text) => parse(text),
        Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => None,
    };
    if time.is_none() {
        notes.odd_time();
    }
    time
}

/// When something ends, where it ever does.
pub(super) fn read_end(fields: Fields<'_>, name: &str, notes: &mut Notes) -> Option<Timestamp> {
    let never = fields.text(name).is_some_and(|text| text.trim_start().starts_with(NEVER));
    if never { None } else { read(fields, name, notes) }
}

/// The second of a fact with the id of what caused it as the nanoseconds: AIR's ids grow, its times are whole seconds.
pub(super) fn ordered(time: Timestamp, id: Option<&str>) -> Timestamp {
    let number = id.and_then(|id| id.parse::<u64>().ok()).unwrap_or_default() % NANOS_PER_SECOND;
    let nanos = SignedDuration::from_nanos(i64::try_from(number).unwrap_or_default());
    let second = Timestamp::from_second(time.as_second()).unwrap_or(time);
    second.checked_add(nanos).unwrap_or(second)
}
