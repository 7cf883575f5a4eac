//! The rules of attributes, properties and times (vendor file 3).

use jiff::{Timestamp, civil};
use serde_json::{Map, Number, Value};

use super::switches::{NullProperty, Switches};

/// Characters of a key or a text.
const LONGEST: usize = 255;

/// Bytes of properties that have arrays or objects.
const MOST_PROPERTIES: usize = 50_000;

/// What an attribute of an object asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Change {
    /// `null`.
    Delete,
    /// A value, or an array of them.
    Set(Value),
    /// `{"inc": …}`.
    Increment(Number),
    /// `{"add": […]}`, `{"remove": […]}`.
    Edit { add: Vec<Value>, remove: Vec<Value> },
    /// An object, or an array with more than values in it.
    Nest(Value),
    /// Likewise, with something invalid inside.
    Flawed,
}

impl Change {
    /// `Err`: a sentence about a rule that is broken, except inside a nested attribute.
    pub(super) fn read(name: &str, value: Value, switches: &Switches) -> Result<Self, String> {
        if let Some(wrong) = key_fault(name, Spaces::Fine) {
            return Err(format!("attribute {wrong}"));
        }
        match value {
            Value::Null => Ok(Self::Delete),
            Value::String(text) if is_long(&text) => Err(format!("'{name}' is too long")),
            Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(Self::Set(value)),
            Value::Array(items) if items.iter().all(is_plain) => match items.iter().any(is_long_text) {
                true => Err(format!("'{name}' has a text that is too long")),
                false => Ok(Self::Set(Value::Array(items))),
            },
            Value::Object(fields) if is_operation(&fields) => Self::operation(name, fields),
            Value::Array(_) | Value::Object(_) => Ok(match is_sound(&value, switches.nested_bytes) {
                true => Self::Nest(value),
                false => Self::Flawed,
            }),
        }
    }

    fn operation(name: &str, mut fields: Map<String, Value>) -> Result<Self, String> {
        let wrong = || format!("'{name}' is no update");
        if let Some(by) = fields.remove("inc") {
            return match by {
                Value::Number(by) => Ok(Self::Increment(by)),
                Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => Err(wrong()),
            };
        }
        let mut items = |key: &str| match fields.remove(key) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) if items.iter().all(|item| is_plain(item) && !is_long_text(item)) => Ok(items),
            Some(_) => Err(wrong()),
        };
        Ok(Self::Edit { add: items("add")?, remove: items("remove")? })
    }

    pub(super) fn is_nested(&self) -> bool {
        match self {
            Self::Nest(_) | Self::Flawed => true,
            Self::Delete | Self::Set(_) | Self::Increment(_) | Self::Edit { .. } => false,
        }
    }
}

fn is_operation(fields: &Map<String, Value>) -> bool {
    let alone = fields.len() == 1 && fields.contains_key("inc");
    alone || (!fields.is_empty() && fields.keys().all(|key| key == "add" || key == "remove"))
}

/// Neither nested nor `null`.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

fn is_long(text: &str) -> bool {
    text.chars().count() > LONGEST
}

fn is_long_text(value: &Value) -> bool {
    value.as_str().is_some_and(is_long)
}

/// Whether spaces may be in a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spaces {
    Fine,
    Wrong,
}

fn key_fault(key: &str, spaces: Spaces) -> Option<String> {
    let shown: String = key.chars().take(20).collect();
    if key.is_empty() {
        Some("names must not be empty".to_owned())
    } else if is_long(key) {
        Some(format!("name '{shown}…' is too long"))
    } else if key.starts_with('$') {
        Some(format!("name '{shown}' must not begin with '$'"))
    } else if spaces == Spaces::Wrong && key.contains(char::is_whitespace) {
        Some(format!("name '{shown}' must not contain spaces"))
    } else {
        None
    }
}

/// Whether a nested attribute is one that Braze takes.
pub(super) fn is_sound(value: &Value, most_bytes: usize) -> bool {
    value.to_string().len() <= most_bytes && is_sound_within(value)
}

fn is_sound_within(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => !is_long(text),
        Value::Array(items) => items.iter().all(is_sound_within),
        Value::Object(fields) => match time_of(fields) {
            Some(time) => time.as_str().is_some_and(is_date_or_time),
            None => fields.iter().all(|(key, value)| key_fault(key, Spaces::Wrong).is_none() && is_sound_within(value)),
        },
    }
}

/// What stands in `{"$time": …}`.
fn time_of(fields: &Map<String, Value>) -> Option<&Value> {
    fields.get("$time").filter(|_| fields.len() == 1)
}

/// Puts what a nested attribute has into one that is there.
pub(super) fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) if time_of(into).is_none() && time_of(from).is_none() => {
            for (key, value) in from {
                match into.get_mut(key) {
                    Some(known) => merge(known, value),
                    None => {
                        into.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        (into, from) => *into = from.clone(),
    }
}

/// The names of properties that break a rule, each with a sentence.
pub(super) fn property_faults(properties: &Map<String, Value>, switches: &Switches) -> Vec<(String, String)> {
    let faults = properties.iter().filter_map(|(name, value)| {
        let fault = key_fault(name, Spaces::Fine).or_else(|| property_fault(value, Place::Alone, switches))?;
        Some((name.clone(), format!("property {fault}")))
    });
    faults.collect()
}

/// Properties with arrays or objects have an end.
pub(super) fn are_too_large(properties: &Map<String, Value>) -> bool {
    let is_nested = |value: &Value| value.is_array() || value.is_object();
    properties.values().any(is_nested) && Value::Object(properties.clone()).to_string().len() > MOST_PROPERTIES
}

/// Whether a value is somewhere within an array.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Alone,
    InArray,
}

fn property_fault(value: &Value, place: Place, switches: &Switches) -> Option<String> {
    match value {
        Value::Null => match switches.null_property {
            NullProperty::Invalid => Some("values must not be null".to_owned()),
            NullProperty::Kept => None,
        },
        Value::Bool(_) | Value::Number(_) => None,
        Value::String(text) if is_long(text) => Some("values must have at most 255 characters".to_owned()),
        Value::String(text) if place == Place::InArray && is_date_or_time(text) => {
            Some("values must not have datetimes in arrays".to_owned())
        }
        Value::String(_) => None,
        Value::Array(items) => items.iter().find_map(|item| property_fault(item, Place::InArray, switches)),
        Value::Object(fields) => fields
            .iter()
            .find_map(|(key, value)| key_fault(key, Spaces::Fine).or_else(|| property_fault(value, place, switches))),
    }
}

/// In the extended form only: any eight digits are a date in the basic one.
fn is_date_or_time(text: &str) -> bool {
    let extended = text.as_bytes().get(4) == Some(&b'-');
    extended && (text.parse::<civil::DateTime>().is_ok() || parse_time(text).is_some())
}

/// ISO 8601 with an offset, or `yyyy-MM-dd'T'HH:mm:ss:SSSZ`.
pub(super) fn parse_time(text: &str) -> Option<Timestamp> {
    if text.as_bytes().get(10) != Some(&b'T') {
        return None;
    }
    if text.as_bytes().get(19) == Some(&b':') {
        let with_point = format!("{}.{}", text.get(..19)?, text.get(20..)?);
        return with_point.parse().ok();
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn reads(value: Value) -> Option<Change> {
        Change::read("a", value, &Switches::default()).ok()
    }

    #[test]
    fn times_have_an_offset() {
        let at = "2026-03-01T10:15:00.123Z".parse().ok();
        for text in [
            "2026-03-01T10:15:00.123Z",
            "2026-03-01T11:15:00.123+01:00",
            "2026-03-01T10:15:00:123Z",
            "2026-03-01T11:15:00:123+0100",
        ] {
            assert_eq!(parse_time(text), at, "{text}");
        }
        for text in ["2026-03-01", "2026-03-01T10:15:00", "2026-03-01 10:15:00Z", "1772360100", ""] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    #[test]
    fn attributes_are_values_updates_or_nested() {
        assert_eq!(reads(json!(null)), Some(Change::Delete));
        assert_eq!(reads(json!(["x", 1])), Some(Change::Set(json!(["x", 1]))));
        assert_eq!(reads(json!({"inc": 2})), Some(Change::Increment(2.into())));
        let edit = Change::Edit { add: vec![json!("x")], remove: Vec::new() };
        assert_eq!(reads(json!({"add": ["x"]})), Some(edit));
        assert_eq!(reads(json!({"b": {"c": 1}})), Some(Change::Nest(json!({"b": {"c": 1}}))));
        for wrong in [json!({"inc": "2"}), json!({"add": "x"}), json!("å".repeat(256))] {
            assert_eq!(reads(wrong.clone()), None, "{wrong}");
        }
    }

    #[test]
    fn nested_attributes_with_anything_invalid_are_flawed() {
        for flawed in [
            json!({"b": null}),
            json!({"b": {"c": [1, null]}}),
            json!({"b c": 1}),
            json!({"$b": 1}),
            json!({"": 1}),
            json!({"b": "å".repeat(256)}),
            json!({"b".repeat(256): 1}),
            json!({"b": {"$time": null}}),
            json!({"b": {"$time": "soon"}}),
            json!({"b": vec!["x".repeat(250); 200]}),
            json!([{"b": null}]),
            json!([null]),
        ] {
            assert_eq!(reads(flawed.clone()), Some(Change::Flawed), "{flawed}");
        }
        for sound in [json!({"b": {"$time": "2026-03-01"}}), json!({"b": "å".repeat(255)}), json!([{"b": 1}])] {
            assert_eq!(reads(sound.clone()), Some(Change::Nest(sound)));
        }
    }

    #[test]
    fn merging_goes_deep_and_replaces_arrays_and_times() {
        let mut into = json!({"a": {"b": 1, "c": [1, 2]}, "t": {"$time": "2026-01-01"}, "x": 1});
        merge(&mut into, &json!({"a": {"c": [3], "d": 4}, "t": {"$time": "2026-03-01"}, "x": {"y": 1}}));
        let merged = json!({"a": {"b": 1, "c": [3], "d": 4}, "t": {"$time": "2026-03-01"}, "x": {"y": 1}});
        assert_eq!(into, merged);
    }

    #[test]
    fn properties_have_rules_of_their_own() {
        let faults = |properties: Value, switches: &Switches| {
            let properties = properties.as_object().cloned().unwrap();
            property_faults(&properties, switches).into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        let properties = json!({
            "": 1, "$a": 1, "b": null, "c": ["2026-03-01T10:15:00Z"], "d": [{"e": "2026-03-01"}], "f": "x".repeat(256),
            "g": {"$h": 1}, "fine one": 1, "i": "2026-03-01T10:15:00Z", "j": ["20260301"],
        });
        assert_eq!(faults(properties.clone(), &Switches::default()), ["", "$a", "b", "c", "d", "f", "g"]);
        let kept = Switches { null_property: NullProperty::Kept, ..Switches::default() };
        assert_eq!(faults(properties, &kept), ["", "$a", "c", "d", "f", "g"]);
    }
}
