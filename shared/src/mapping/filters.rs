//! The filters of expressions. What is missing stays missing through all of them but `default`.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::str::FromStr;

use jiff::tz::TimeZone;
use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind};
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};
use sha2::{Digest, Sha256};

use super::error::Refusal;
use super::fit::{DateForm, NO_PHONE, When};
use super::phone::{Home, e164};

/// What an expression may call.
pub(super) struct Filter {
    pub(super) name: &'static str,
    pub(super) arguments: RangeInclusive<usize>,
    pub(super) usage: &'static str,
}

const fn filter(name: &'static str, arguments: RangeInclusive<usize>, usage: &'static str) -> Filter {
    Filter { name, arguments, usage }
}

pub(super) const FILTERS: [Filter; 16] = [
    filter("date", 1..=2, "date(\"%d/%m/%Y\")` or `date(\"%d/%m/%Y\", \"Europe/Copenhagen\")"),
    filter("default", 1..=1, "default(\"instead\")"),
    filter("e164", 1..=1, "e164(\"DK\")"),
    filter("first", 0..=0, "first"),
    filter("float", 0..=0, "float"),
    filter("int", 0..=0, "int"),
    filter("join", 0..=1, "join(\", \")"),
    filter("last", 0..=0, "last"),
    filter("length", 0..=0, "length"),
    filter("lower", 0..=0, "lower"),
    filter("replace", 2..=2, "replace(\"this\", \"by this\")"),
    filter("round", 0..=1, "round` or `round(2)"),
    filter("sha256", 0..=0, "sha256"),
    filter("split", 0..=1, "split(\",\")"),
    filter("trim", 0..=0, "trim"),
    filter("upper", 0..=0, "upper"),
];

pub(super) const TESTS: [&str; 2] = ["defined", "undefined"];

/// Most bytes of what a filter makes.
const MAX_BYTES: usize = 64 * 1024;
/// Most items of what `split` makes.
const MAX_ITEMS: usize = 1_000;

/// Adds all of them.
pub(super) fn add_to(engine: &mut Environment<'static>) {
    engine.add_filter("date", date);
    engine.add_filter("default", default);
    engine.add_filter("e164", phone);
    engine.add_filter("first", first);
    engine.add_filter("float", float);
    engine.add_filter("int", int);
    engine.add_filter("join", join);
    engine.add_filter("last", last);
    engine.add_filter("length", length);
    engine.add_filter("lower", |value: &Value| of_text(value, |text| Ok(text.to_lowercase().into())));
    engine.add_filter("replace", replace);
    engine.add_filter("round", round);
    engine.add_filter("sha256", |value: &Value| of_text(value, |text| Ok(sha256(text).into())));
    engine.add_filter("split", split);
    engine.add_filter("trim", |value: &Value| of_text(value, |text| Ok(text.trim().into())));
    engine.add_filter("upper", |value: &Value| of_text(value, |text| Ok(text.to_uppercase().into())));
    engine.add_test("defined", |value: &Value| !is_nothing(value));
    engine.add_test("undefined", is_nothing);
}

/// Whether a text is good as an argument of a filter, as far as that can be said before it runs.
///
/// # Errors
/// A sentence that says what is wrong.
pub(super) fn check_argument(filter: &str, position: usize, text: &str) -> Result<(), String> {
    match (filter, position) {
        ("date", 0) => check_format(text),
        ("date", 1) => zone(text).map(drop),
        ("e164", 0) => Home::read(text).map(drop),
        _ => Ok(()),
    }
}

/// Whether dates can be written in this format.
///
/// # Errors
/// A sentence that says what is wrong.
pub(super) fn check_format(format: &str) -> Result<(), String> {
    let sample = jiff::Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
    match jiff::fmt::strtime::format(format, &sample) {
        Ok(_) if format.contains('%') => Ok(()),
        Ok(_) => Err(format!("`{format}` has no directives: write a day as `%Y-%m-%d`, a time as `%H:%M:%S`")),
        Err(error) => Err(format!("`{format}` is no format: {error}")),
    }
}

/// A time zone by its IANA name.
///
/// # Errors
/// A sentence that names the one that may have been meant.
pub(super) fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| {
        let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
        let near = super::suggest::did_you_mean(name, names.iter().map(String::as_str));
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        format!("there is no time zone `{name}`{near}")
    })
}

/// An error that carries a sentence for people.
fn refuse(sentence: impl Into<Refusal>) -> Error {
    Error::from(ErrorKind::InvalidOperation).with_source(sentence.into())
}

/// What an error of a filter says to people.
pub(super) fn refusal_of(error: &Error) -> Option<&Refusal> {
    std::error::Error::source(error)?.downcast_ref()
}

pub(super) fn is_nothing(value: &Value) -> bool {
    value.is_undefined() || value.is_none()
}

fn text_of(value: &Value) -> Result<Cow<'_, str>, Error> {
    if let Some(text) = value.as_str() {
        return Ok(Cow::Borrowed(text));
    }
    match value.kind() == ValueKind::Bool {
        true => Ok(Cow::Borrowed(if value.is_true() { "true" } else { "false" })),
        false if value.is_number() => Ok(Cow::Owned(value.to_string())),
        false => Err(refuse("the value is a list where a text is needed: take `first`, `last` or `join`")),
    }
}

fn of_text(value: &Value, change: impl Fn(&str) -> Result<Value, Error>) -> Result<Value, Error> {
    if is_nothing(value) { Ok(Value::UNDEFINED) } else { change(&text_of(value)?) }
}

fn sha256(text: &str) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text) {
        for digit in [byte >> 4, byte & 15] {
            hex.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
    }
    hex
}

fn default(value: &Value, instead: &Value) -> Value {
    let blank = value.as_str().is_some_and(|text| text.trim().is_empty());
    if is_nothing(value) || blank { instead.clone() } else { value.clone() }
}

fn date(value: &Value, format: &str, in_zone: Option<&str>) -> Result<Value, Error> {
    of_text(value, |text| {
        let zone = in_zone.map_or(Ok(TimeZone::UTC), zone).map_err(refuse)?;
        let when = When::read(text.trim()).map_err(refuse)?;
        Ok(DateForm { format: format.to_owned(), zone }.write(&when).map_err(refuse)?.into())
    })
}

fn phone(value: &Value, country: &Value) -> Result<Value, Error> {
    let home = Home::read(&text_of(country)?).map_err(|_| refuse("the country of `e164` is not known"))?;
    of_text(value, |text| e164(text, home).map(Value::from).ok_or_else(|| refuse(NO_PHONE)))
}

fn items(value: &Value) -> Option<Result<Vec<Value>, Error>> {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable).then(|| {
        let items: Vec<Value> = value.try_iter()?.take(MAX_ITEMS + 1).collect();
        if items.len() > MAX_ITEMS { Err(refuse(TOO_MUCH)) } else { Ok(items) }
    })
}

const TOO_MUCH: &str = "the expression makes too much of the value";

fn first(value: &Value) -> Result<Value, Error> {
    match items(value) {
        Some(items) => Ok(items?.into_iter().next().unwrap_or_default()),
        None => of_text(value, |text| Ok(text.chars().next().map_or(Value::UNDEFINED, Value::from))),
    }
}

fn last(value: &Value) -> Result<Value, Error> {
    match items(value) {
        Some(items) => Ok(items?.into_iter().next_back().unwrap_or_default()),
        None => of_text(value, |text| Ok(text.chars().next_back().map_or(Value::UNDEFINED, Value::from))),
    }
}

fn length(value: &Value) -> Result<Value, Error> {
    match items(value) {
        Some(items) => Ok(Value::from(items?.len())),
        None => of_text(value, |text| Ok(Value::from(text.chars().count()))),
    }
}

fn join(value: &Value, between: Option<&str>) -> Result<Value, Error> {
    let Some(items) = items(value) else { return Ok(value.clone()) };
    let items = items?;
    if items.is_empty() {
        return Ok(Value::UNDEFINED);
    }
    let mut joined = String::new();
    for (index, item) in items.iter().filter(|item| !is_nothing(item)).enumerate() {
        if index > 0 {
            joined.push_str(between.unwrap_or_default());
        }
        joined.push_str(&text_of(item)?);
        if joined.len() > MAX_BYTES {
            return Err(refuse(TOO_MUCH));
        }
    }
    Ok(joined.into())
}

fn split(value: &Value, at: Option<&str>) -> Result<Value, Error> {
    of_text(value, |text| {
        let parts: Vec<Value> = match at {
            Some("") => return Err(refuse("`split` needs a text at which it splits")),
            Some(at) => text.split(at).take(MAX_ITEMS + 1).map(|part| Value::from(part.trim())).collect(),
            None => text.split_whitespace().take(MAX_ITEMS + 1).map(Value::from).collect(),
        };
        if parts.len() > MAX_ITEMS { Err(refuse(TOO_MUCH)) } else { Ok(parts.into_iter().collect()) }
    })
}

fn replace(value: &Value, this: &str, by: &str) -> Result<Value, Error> {
    of_text(value, |text| {
        let most = text.len().saturating_add(text.matches(this).count().saturating_mul(by.len()));
        if most > MAX_BYTES { Err(refuse(TOO_MUCH)) } else { Ok(text.replace(this, by).into()) }
    })
}

/// A number as it is written: 2.675 is not 2.67499.
fn number(value: &Value) -> Result<Decimal, Error> {
    let text = text_of(value)?;
    Decimal::from_str(text.trim()).map_err(|_| refuse("the value is no number"))
}

/// As whole numbers where they are, so that 5 is not written as 5.0.
pub(super) fn of_decimal(number: Decimal) -> Value {
    let whole = number.is_integer().then(|| number.to_i64()).flatten();
    whole.map_or_else(|| Value::from(number.to_f64().unwrap_or_default()), Value::from)
}

fn of_number(value: &Value, change: impl Fn(Decimal) -> Value) -> Result<Value, Error> {
    if is_nothing(value) {
        Ok(Value::UNDEFINED)
    } else if value.kind() == ValueKind::Bool {
        Ok(Value::from(i64::from(value.is_true())))
    } else {
        Ok(change(number(value)?))
    }
}

fn int(value: &Value) -> Result<Value, Error> {
    of_number(value, |number| of_decimal(number.trunc()))
}

fn float(value: &Value) -> Result<Value, Error> {
    of_number(value, |number| Value::from(number.to_f64().unwrap_or_default()))
}

fn round(value: &Value, digits: Option<u32>) -> Result<Value, Error> {
    let digits = digits.unwrap_or_default().min(28);
    of_number(value, |number| of_decimal(number.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero)))
}
