//! Which values a field takes (vendor file 9.2, last paragraph).

use jiff::civil;
use serde_json::{Map, Value};

use super::counters::Counters;
use super::model::{Field, FieldKind, FieldValue, Format, List, Values};
use super::payload::text_of;
use super::reply;
use super::switches::{LongText, Switches, UnknownField};
use crate::address::is_address;
use crate::reply::Reply;

const TEXT_LIMIT: usize = 255;

/// Reads a body's fields into values by field id, apart from the `control` parameters among them.
pub(super) fn read_all(
    list: &List,
    body: &Map<String, Value>,
    control: &[&str],
    switches: &Switches,
    counters: &mut Counters,
) -> Result<Values, Reply> {
    let mut values = Values::new();
    for (name, raw) in body {
        if control.contains(&name.as_str()) {
            continue;
        }
        match list.field(name) {
            Some(field) => {
                let value = read(field, raw, switches.text_over_255).map_err(reply::refused)?;
                values.insert(field.id, value);
            }
            None => unknown(name, switches, counters)?,
        }
    }
    Ok(values)
}

/// Accounts for a field name that the list does not have.
pub(super) fn unknown(name: &str, switches: &Switches, counters: &mut Counters) -> Result<(), Reply> {
    counters.unknown_fields += 1;
    match switches.unknown_field {
        UnknownField::IgnoreAndCount => Ok(()),
        UnknownField::Refuse => Err(reply::refused(format!("Unknown field {name}"))),
    }
}

/// `Err` is the sentence for a 400. `null` is refused: whether it clears is not documented (Q24).
pub(super) fn read(field: &Field, raw: &Value, long_text: LongText) -> Result<FieldValue, String> {
    if raw.as_str() == Some("") {
        return Ok(FieldValue::empty());
    }
    let value = match field.format {
        Format::Boolean => boolean(raw).map(one),
        Format::Number => text_of(raw).filter(|text| is_integer(text)).map(one),
        Format::Date => raw.as_str().filter(|text| is_date(text)).map(one),
        Format::Text | Format::Password => return text(field, raw, long_text),
        Format::Choice | Format::Shop => option(field, raw).map(one),
        Format::Multi => raw.as_array().and_then(|ids| {
            let ids: Option<Vec<_>> = ids.iter().map(|id| option(field, id)).collect();
            ids.map(FieldValue::Many)
        }),
    };
    value.ok_or_else(|| {
        let format = format!("{:?}", field.format).to_lowercase();
        format!("{} is not a valid {format}", field.name)
    })
}

fn one(text: impl Into<String>) -> FieldValue {
    FieldValue::One(text.into())
}

fn boolean(raw: &Value) -> Option<&'static str> {
    match raw {
        Value::Bool(true) => Some("1"),
        Value::Bool(false) => Some("0"),
        Value::Number(_) | Value::String(_) => match text_of(raw)?.as_str() {
            "1" | "true" => Some("1"),
            "0" | "false" => Some("0"),
            _ => None,
        },
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<i64>().is_ok()
}

/// `YYYY-MM-DD`, or that with a space and `HH:MM:SS`.
fn is_date(text: &str) -> bool {
    let (date, time) = match text.split_once(' ') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let time_is_fine = time.is_none_or(|time| time.len() == 8 && civil::Time::strptime("%H:%M:%S", time).is_ok());
    date.len() == 10 && civil::Date::strptime("%Y-%m-%d", date).is_ok() && time_is_fine
}

fn text(field: &Field, raw: &Value, long_text: LongText) -> Result<FieldValue, String> {
    let Some(mut text) = text_of(raw) else {
        return Err(format!("{} is not a valid text", field.name));
    };
    if text.chars().count() > TEXT_LIMIT {
        match long_text {
            LongText::Refuse => return Err(format!("{} exceeds 255 characters", field.name)),
            LongText::Cut => text = text.chars().take(TEXT_LIMIT).collect(),
        }
    }
    let is_email = field.kind == FieldKind::Fixed && field.name == "email";
    if is_email && !is_address(&text) {
        return Err("email is not a valid email address".to_owned());
    }
    Ok(FieldValue::One(text))
}

fn option(field: &Field, raw: &Value) -> Option<String> {
    let id: u64 = text_of(raw)?.parse().ok()?;
    field.options.contains_key(&id).then(|| id.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::BTreeMap;

    fn field(format: Format) -> Field {
        Field {
            id: 1,
            kind: FieldKind::Custom,
            type_id: format.custom_type_id(),
            format,
            name: "f".to_owned(),
            label: "F".to_owned(),
            fallback: String::new(),
            options: BTreeMap::from([(7, "Dog".to_owned()), (8, "Cat".to_owned())]),
        }
    }

    fn reads(format: Format, raw: Value) -> Option<FieldValue> {
        read(&field(format), &raw, LongText::Refuse).ok()
    }

    #[test]
    fn booleans_are_0_1_true_false_and_their_texts() {
        for raw in [json!(1), json!(true), json!("1"), json!("true")] {
            assert_eq!(reads(Format::Boolean, raw), Some(one("1")));
        }
        for raw in [json!(0), json!(false), json!("0"), json!("false")] {
            assert_eq!(reads(Format::Boolean, raw), Some(one("0")));
        }
        for raw in [json!(2), json!("yes"), json!(null), json!(1.0), json!("TRUE")] {
            assert_eq!(reads(Format::Boolean, raw), None);
        }
    }

    #[test]
    fn numbers_are_integers() {
        assert_eq!(reads(Format::Number, json!(-12)), Some(one("-12")));
        assert_eq!(reads(Format::Number, json!("1290")), Some(one("1290")));
        for raw in [json!(1.5), json!("1.5"), json!("+45"), json!("12a"), json!(true)] {
            assert_eq!(reads(Format::Number, raw), None);
        }
    }

    #[test]
    fn dates_may_carry_a_time() {
        for good in ["2026-02-28", "2026-02-28 23:59:59"] {
            assert!(reads(Format::Date, json!(good)).is_some(), "{good}");
        }
        for bad in ["2026-02-30", "28-02-2026", "2026-02-28T10:00:00Z", "2026-2-8", "2026-02-28 "] {
            assert_eq!(reads(Format::Date, json!(bad)), None, "{bad}");
        }
    }

    #[test]
    fn choices_take_existing_option_ids_only() {
        assert_eq!(reads(Format::Choice, json!("7")), Some(one("7")));
        assert_eq!(reads(Format::Choice, json!(9)), None);
        assert_eq!(reads(Format::Choice, json!("Dog")), None);
        let both = FieldValue::Many(vec!["7".to_owned(), "8".to_owned()]);
        assert_eq!(reads(Format::Multi, json!([7, "8"])), Some(both));
        assert_eq!(reads(Format::Multi, json!([7, 9])), None);
        assert_eq!(reads(Format::Multi, json!(7)), None);
    }

    #[test]
    fn the_empty_string_clears_every_format() {
        for format in [Format::Boolean, Format::Number, Format::Date, Format::Multi] {
            assert!(reads(format, json!("")).is_some_and(|value| value.is_empty()));
        }
    }

    #[test]
    fn long_text_is_refused_or_cut_on_a_character() {
        let raw = json!("å".repeat(256));
        assert_eq!(reads(Format::Text, raw.clone()), None);
        let cut = read(&field(Format::Text), &raw, LongText::Cut);
        assert_eq!(cut, Ok(one("å".repeat(255))));
        assert!(reads(Format::Text, json!("å".repeat(255))).is_some());
    }
}
