//! One value out of what is held: the rule for several.

use std::borrow::Cow;

use super::error::Refusal;
use super::facts::Held;
use super::fit::{Found, Scalar, found};
use crate::model::{Identifier, Value};

/// What happens if there are several values.
#[derive(Debug)]
pub(super) enum Many {
    First,
    Join(String),
    Reject,
}

const SEVERAL: &str = "there are several values and the column takes one (`if_many` says which)";

impl<'a> Found<'a> {
    /// What a path gives.
    pub(super) fn of(held: Held<'a>, many: &Many) -> Result<Self, Refusal> {
        Ok(match held {
            Held::Missing => Self::Missing,
            Held::Identifiers(identifiers) => return of_identifiers(identifiers, many),
            Held::Value(Value::Null) => Self::Null,
            Held::Value(Value::Boolean(flag)) => Self::Value(Scalar::Boolean(*flag)),
            Held::Value(Value::Integer(number)) => Self::Value(Scalar::Integer(*number)),
            Held::Value(Value::Decimal(number)) => Self::Value(Scalar::Decimal(*number)),
            Held::Value(Value::Text(text)) => found(text),
            Held::Value(Value::List(items)) => return one_of(items, many),
            Held::Text(text) => found(text),
            Held::Flag(flag) => Self::Value(Scalar::Boolean(flag)),
            Held::Moment(at) => Self::Value(Scalar::Moment(at)),
        })
    }

    pub(super) fn into_owned(self) -> Found<'static> {
        match self {
            Self::Missing => Found::Missing,
            Self::Null => Found::Null,
            Self::Value(Scalar::Boolean(flag)) => Found::Value(Scalar::Boolean(flag)),
            Self::Value(Scalar::Integer(number)) => Found::Value(Scalar::Integer(number)),
            Self::Value(Scalar::Decimal(number)) => Found::Value(Scalar::Decimal(number)),
            Self::Value(Scalar::Text(text)) => Found::Value(Scalar::Text(Cow::Owned(text.into_owned()))),
            Self::Value(Scalar::Moment(at)) => Found::Value(Scalar::Moment(at)),
        }
    }
}

fn of_identifiers<'a>(identifiers: &'a [Identifier], many: &Many) -> Result<Found<'a>, Refusal> {
    match (identifiers, many) {
        ([], _) => Ok(Found::Missing),
        ([one], _) | ([one, ..], Many::First) => Ok(found(one.expose())),
        ([_, ..], Many::Join(between)) => {
            Ok(found(identifiers.iter().map(Identifier::expose).collect::<Vec<_>>().join(between)))
        }
        ([_, ..], Many::Reject) => Err(SEVERAL.into()),
    }
}

/// One value of a list. Nulls in it and blank texts are nothing.
pub(super) fn one_of<'a>(items: &'a [Value], many: &Many) -> Result<Found<'a>, Refusal> {
    let mut values = Vec::new();
    for item in items {
        match item {
            Value::List(_) => return Err("a list of lists fits no column".into()),
            Value::Null | Value::Boolean(_) | Value::Integer(_) | Value::Decimal(_) | Value::Text(_) => {}
        }
        if let Found::Value(value) = Found::of(Held::Value(item), many)? {
            values.push(value);
        }
    }
    if let (Many::Join(between), [_, _, ..]) = (many, &values[..]) {
        let texts: Vec<Cow<'_, str>> = values.into_iter().map(text_of).collect();
        return Ok(found(texts.join(between)));
    }
    match (many, values.len()) {
        (Many::Reject, 2..) => Err(SEVERAL.into()),
        (Many::First | Many::Join(_) | Many::Reject, _) => {
            Ok(values.into_iter().next().map_or(Found::Null, Found::Value))
        }
    }
}

fn text_of(value: Scalar<'_>) -> Cow<'_, str> {
    match value {
        Scalar::Boolean(flag) => Cow::Borrowed(if flag { "true" } else { "false" }),
        Scalar::Integer(number) => Cow::Owned(number.to_string()),
        Scalar::Decimal(number) => Cow::Owned(number.normalize().to_string()),
        Scalar::Text(text) => text,
        Scalar::Moment(at) => Cow::Owned(at.to_string()),
    }
}
