//! Values of fields and calculated attributes, as they came (JSON's own kinds, numbers exact), and the
//! types that an activation gives to attributes.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// A value as the source sent it. Personal: its `Debug` says the kind only.
#[derive(Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// JSON `null`: the value was cleared.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number, kept to the 15 significant digits that JSON readers agree on; 100.50 is 100.5.
    #[serde(with = "rust_decimal::serde::float")]
    Decimal(Decimal),
    /// Text, dates included: JSON has no dates.
    Text(String),
    /// A list of values.
    List(Vec<Value>),
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Null => "Null",
            Self::Boolean(_) => "Boolean([redacted])",
            Self::Integer(_) => "Integer([redacted])",
            Self::Decimal(_) => "Decimal([redacted])",
            Self::Text(_) => "Text([redacted])",
            Self::List(_) => "List([redacted])",
        })
    }
}

impl<'de> Deserialize<'de> for Value {
    /// By the kind of what is there: a text of digits stays a text.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a number, a string, a boolean, null or a list of these")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Boolean(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value, E> {
        from_number(&number.into()).map_err(E::custom)
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Value, E> {
        decimal(number).map(Value::Decimal).map_err(E::custom)
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }
}

/// Why a JSON value is not one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidValue {
    /// Objects have no meaning as an attribute.
    #[error("a value is a number, a string, a boolean, null or a list of these, not an object")]
    Object,
    /// Beyond 28 digits.
    #[error("the number has more digits than can be kept exactly")]
    Number,
    /// Longer than the row may grow.
    #[error("a text has at most 8192 bytes")]
    TooLong,
    /// More items than a row should carry.
    #[error("a list has at most 256 items, none of them a list")]
    List,
}

const MAX_TEXT_BYTES: usize = 8192;
const MAX_ITEMS: usize = 256;
/// JSON readers agree on so many significant ones.
const DIGITS: u32 = 15;

impl Value {
    /// From JSON.
    ///
    /// # Errors
    /// For objects, nested lists, numbers that cannot be kept exactly, texts over 8,192 bytes.
    pub fn from_json(json: &serde_json::Value) -> Result<Self, InvalidValue> {
        match json {
            serde_json::Value::Null => Ok(Self::Null),
            serde_json::Value::Bool(flag) => Ok(Self::Boolean(*flag)),
            serde_json::Value::Number(number) => from_number(number),
            serde_json::Value::String(text) if text.len() > MAX_TEXT_BYTES => Err(InvalidValue::TooLong),
            serde_json::Value::String(text) => Ok(Self::Text(text.clone())),
            serde_json::Value::Array(items) if items.len() > MAX_ITEMS => Err(InvalidValue::List),
            serde_json::Value::Array(items) => items
                .iter()
                .map(|item| if item.is_array() { Err(InvalidValue::List) } else { Self::from_json(item) })
                .collect::<Result<_, _>>()
                .map(Self::List),
            serde_json::Value::Object(_) => Err(InvalidValue::Object),
        }
    }

    /// Bytes that are equal for equal values and decide ties: the greater wins.
    pub fn canonical(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The type that this value looks like, `None` for null.
    pub fn observed_type(&self) -> Option<AttributeType> {
        match self {
            Self::Null => None,
            Self::Boolean(_) => Some(AttributeType::Boolean),
            Self::Integer(_) => Some(AttributeType::Integer),
            Self::Decimal(_) => Some(AttributeType::Decimal),
            Self::Text(text) if Date::from_str(text).is_ok() && text.len() == 10 => Some(AttributeType::Date),
            Self::Text(text) if Timestamp::from_str(text).is_ok() => Some(AttributeType::DateTime),
            Self::Text(_) => Some(AttributeType::String),
            Self::List(_) => Some(AttributeType::List),
        }
    }
}

fn from_number(number: &serde_json::Number) -> Result<Value, InvalidValue> {
    if let Some(integer) = number.as_i64() {
        return Ok(Value::Integer(integer));
    }
    let decimal = decimal(number.as_f64().ok_or(InvalidValue::Number)?)?;
    if decimal.is_integer()
        && let Ok(integer) = i64::try_from(decimal)
    {
        return Ok(Value::Integer(integer));
    }
    Ok(Value::Decimal(decimal))
}

/// By way of the shortest text that means it: a decimal of the float itself would show its rounding. Of more digits a
/// store may give other ones back.
fn decimal(number: f64) -> Result<Decimal, InvalidValue> {
    let decimal = Decimal::from_str(&number.to_string()).map_err(|_| InvalidValue::Number)?;
    Ok(decimal.round_sf(DIGITS).ok_or(InvalidValue::Number)?.normalize())
}

/// The type of a calculated attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttributeType {
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer,
    /// A number with decimals.
    Decimal,
    /// Text.
    String,
    /// `YYYY-MM-DD`.
    Date,
    /// RFC 3339.
    DateTime,
    /// Several values.
    List,
}

/// A value under its attribute's type.
#[derive(Debug, Clone, PartialEq)]
pub enum Typed {
    /// Nothing: the attribute was cleared.
    Null,
    /// A truth value.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number with decimals.
    Decimal(Decimal),
    /// Text.
    String(String),
    /// A day.
    Date(Date),
    /// A moment.
    DateTime(Timestamp),
    /// Texts of the items, in their order.
    List(Vec<String>),
}

impl Typed {
    /// As JSON, null where it was cleared; of days and moments every API has a form of its own.
    pub(crate) fn into_json(
        self,
        day: impl FnOnce(Date) -> serde_json::Value,
        moment: impl FnOnce(Timestamp) -> serde_json::Value,
    ) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Boolean(flag) => flag.into(),
            Self::Integer(number) => number.into(),
            Self::Decimal(number) => {
                number.to_string().parse().map_or(serde_json::Value::Null, serde_json::Value::Number)
            }
            Self::String(text) => text.into(),
            Self::Date(date) => day(date),
            Self::DateTime(at) => moment(at),
            Self::List(items) => items.into(),
        }
    }
}

impl AttributeType {
    /// Reads `value` as this type; whole numbers are decimals too, and a moment may be cut to no day.
    ///
    /// # Errors
    /// A sentence that names both types and never the value.
    pub fn read(self, value: &Value) -> Result<Typed, String> {
        let mismatch = || Err(format!("the value is {} where the attribute is {}", kind_of(value), self.name()));
        match (self, value) {
            (_, Value::Null) => Ok(Typed::Null),
            (Self::Boolean, Value::Boolean(flag)) => Ok(Typed::Boolean(*flag)),
            (Self::Integer, Value::Integer(number)) => Ok(Typed::Integer(*number)),
            (Self::Decimal, Value::Integer(number)) => Ok(Typed::Decimal(Decimal::from(*number))),
            (Self::Decimal, Value::Decimal(number)) => Ok(Typed::Decimal(*number)),
            (Self::String, Value::Text(text)) => Ok(Typed::String(text.clone())),
            (Self::String, Value::Integer(_) | Value::Decimal(_) | Value::Boolean(_)) => {
                Ok(Typed::String(text_of(value)))
            }
            (Self::Date, Value::Text(text)) => Date::from_str(text).map(Typed::Date).or_else(|_| mismatch()),
            (Self::DateTime, Value::Text(text)) => {
                Timestamp::from_str(text).map(Typed::DateTime).or_else(|_| mismatch())
            }
            (Self::List, Value::List(items)) => Ok(Typed::List(items.iter().map(text_of).collect())),
            _ => mismatch(),
        }
    }

    /// The type's name as it is written in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Decimal => "decimal",
            Self::String => "string",
            Self::Date => "date",
            Self::DateTime => "date_time",
            Self::List => "list",
        }
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Boolean(_) => "a boolean",
        Value::Integer(_) => "a whole number",
        Value::Decimal(_) => "a decimal number",
        Value::Text(_) => "a text",
        Value::List(_) => "a list",
    }
}

/// A value as plain text; lists are joined by commas, null is empty.
pub fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Boolean(flag) => flag.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Decimal(number) => number.normalize().to_string(),
        Value::Text(text) => text.clone(),
        Value::List(items) => items.iter().map(text_of).collect::<Vec<_>>().join(","),
    }
}
