//! Values as a column takes them, or a sentence why it cannot.

use std::borrow::Cow;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::column::ColumnType;
use super::error::Refusal;
use super::settings::TooLong;

/// Most characters of any column.
pub(super) const MAX_LENGTH: u32 = 65_536;

/// What a source of a column gives.
pub(super) enum Found<'a> {
    Missing,
    Null,
    Value(Scalar<'a>),
}

/// One value.
pub(super) enum Scalar<'a> {
    Boolean(bool),
    Integer(i64),
    Decimal(Decimal),
    /// Trimmed, without control characters, not empty.
    Text(Cow<'a, str>),
    Moment(Timestamp),
}

/// What a text is worth: null where nothing is left of it.
pub(super) fn found<'a>(text: impl Into<Cow<'a, str>>) -> Found<'a> {
    let text = clean(text.into());
    if text.is_empty() { Found::Null } else { Found::Value(Scalar::Text(text)) }
}

/// Without control characters (a space for those that are white space), trimmed. Allocates only where there are some.
pub(super) fn clean(text: Cow<'_, str>) -> Cow<'_, str> {
    // Beyond ASCII the control characters are written as 0xC2 and 0x80 to 0x9F.
    if text.bytes().any(|byte| byte < 0x20 || byte == 0x7F || byte == 0xC2) && text.contains(char::is_control) {
        let kept: String = text
            .chars()
            .map(|c| if c.is_control() && c.is_whitespace() { ' ' } else { c })
            .filter(|c| !c.is_control())
            .collect();
        return Cow::Owned(kept.trim().to_owned());
    }
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) if text.trim().len() == text.len() => Cow::Owned(text),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

/// How a column wants its values.
#[derive(Debug)]
pub(super) struct Fit {
    pub(super) kind: Option<ColumnType>,
    /// Most characters.
    pub(super) max_length: u32,
    pub(super) too_long: TooLong,
    pub(super) dates: DateForm,
    pub(super) yes: String,
    pub(super) no: String,
}

impl Fit {
    /// The text for the column.
    pub(super) fn write<'a>(&'a self, value: Scalar<'a>) -> Result<Cow<'a, str>, Refusal> {
        let text = match self.kind {
            None | Some(ColumnType::Text | ColumnType::LongText) => self.as_it_is(value)?,
            Some(ColumnType::Integer) => whole(value, i64::from(i32::MIN), i64::from(i32::MAX))?,
            Some(ColumnType::BigInteger) => whole(value, i64::MIN, i64::MAX)?,
            Some(ColumnType::Decimal) => decimal(value)?,
            Some(ColumnType::Boolean) => self.truth(&value)?,
            Some(ColumnType::Date | ColumnType::DateTime) => Cow::Owned(self.dates.write(&When::of(&value)?)?),
            Some(ColumnType::Email) => email(value)?,
            Some(ColumnType::Phone) => phone(value)?,
        };
        self.cut(text)
    }

    fn as_it_is<'a>(&'a self, value: Scalar<'a>) -> Result<Cow<'a, str>, Refusal> {
        Ok(match value {
            Scalar::Boolean(true) => Cow::Borrowed(&self.yes),
            Scalar::Boolean(false) => Cow::Borrowed(&self.no),
            Scalar::Integer(number) => Cow::Owned(number.to_string()),
            Scalar::Decimal(number) => Cow::Owned(number.normalize().to_string()),
            Scalar::Text(text) => text,
            Scalar::Moment(at) => Cow::Owned(self.dates.write(&When::Moment(at))?),
        })
    }

    fn truth(&self, value: &Scalar<'_>) -> Result<Cow<'_, str>, Refusal> {
        let is = |text: &str, words: [&str; 4]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
        let flag = match value {
            Scalar::Boolean(flag) => Some(*flag),
            Scalar::Integer(0) => Some(false),
            Scalar::Integer(1) => Some(true),
            Scalar::Text(text) if is(text, ["true", "1", "yes", "y"]) => Some(true),
            Scalar::Text(text) if is(text, ["false", "0", "no", "n"]) => Some(false),
            Scalar::Integer(_) | Scalar::Decimal(_) | Scalar::Text(_) | Scalar::Moment(_) => None,
        };
        match flag {
            Some(true) => Ok(Cow::Borrowed(&self.yes)),
            Some(false) => Ok(Cow::Borrowed(&self.no)),
            None => Err("the value is neither yes nor no (true, false, 1, 0, yes, no, y or n)".into()),
        }
    }

    fn cut<'a>(&self, text: Cow<'a, str>) -> Result<Cow<'a, str>, Refusal> {
        let max = usize::try_from(self.max_length).unwrap_or(usize::MAX);
        // No text has more characters than bytes.
        if text.len() <= max {
            return Ok(text);
        }
        let Some((end, _)) = text.char_indices().nth(max) else { return Ok(text) };
        match self.too_long {
            TooLong::Reject => Err(format!("the value has more than {max} characters").into()),
            TooLong::Truncate => Ok(match text {
                Cow::Borrowed(text) => Cow::Borrowed(text[..end].trim_end()),
                Cow::Owned(mut text) => {
                    text.truncate(text[..end].trim_end().len());
                    Cow::Owned(text)
                }
            }),
        }
    }
}

fn whole(value: Scalar<'_>, least: i64, most: i64) -> Result<Cow<'_, str>, Refusal> {
    let not_whole = || Refusal::from("the value is no whole number");
    let number = match &value {
        Scalar::Integer(number) => *number,
        Scalar::Decimal(number) if number.is_integer() => number.to_i64().ok_or_else(not_whole)?,
        Scalar::Text(text) => text.parse().map_err(|_| not_whole())?,
        Scalar::Boolean(_) | Scalar::Decimal(_) | Scalar::Moment(_) => return Err(not_whole()),
    };
    if !(least..=most).contains(&number) {
        return Err(format!("the value is not within {least} and {most}").into());
    }
    match value {
        Scalar::Text(text) if is_plain_number(&text) => Ok(text),
        Scalar::Text(_) | Scalar::Boolean(_) | Scalar::Integer(_) | Scalar::Decimal(_) | Scalar::Moment(_) => {
            Ok(Cow::Owned(number.to_string()))
        }
    }
}

fn decimal(value: Scalar<'_>) -> Result<Cow<'_, str>, Refusal> {
    match value {
        Scalar::Integer(number) => Ok(Cow::Owned(number.to_string())),
        Scalar::Decimal(number) => Ok(Cow::Owned(number.normalize().to_string())),
        Scalar::Text(text) => match Decimal::from_str(&text) {
            Ok(_) if is_plain_number(&text) => Ok(text),
            Ok(number) => Ok(Cow::Owned(number.to_string())),
            Err(_) => Err("the value is no number (a decimal point, no thousands' separators)".into()),
        },
        Scalar::Boolean(_) | Scalar::Moment(_) => Err("the value is no number".into()),
    }
}

/// Whether a text that was read as a number is written as numbers are: no plus, no zeros before it, no underscores.
fn is_plain_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let padded = digits.len() > 1 && digits[0] == b'0' && digits[1] != b'.';
    !padded && digits.first().is_some_and(u8::is_ascii_digit) && !text.contains('_') && text != "-0"
}

fn email(value: Scalar<'_>) -> Result<Cow<'_, str>, Refusal> {
    match value {
        Scalar::Text(text) if is_email(&text) => Ok(text),
        Scalar::Text(_) | Scalar::Boolean(_) | Scalar::Integer(_) | Scalar::Decimal(_) | Scalar::Moment(_) => {
            Err("the value is no e-mail address".into())
        }
    }
}

fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, domain)| {
        let whole = !local.is_empty() && !domain.contains('@') && !text.contains(char::is_whitespace);
        whole && domain.split('.').all(|label| !label.is_empty())
    })
}

fn phone(value: Scalar<'_>) -> Result<Cow<'_, str>, Refusal> {
    let text = match value {
        Scalar::Text(text) => text,
        Scalar::Integer(number) => Cow::Owned(number.to_string()),
        Scalar::Boolean(_) | Scalar::Decimal(_) | Scalar::Moment(_) => return Err(NO_PHONE.into()),
    };
    let text = if text.contains(is_phone_separator) { Cow::Owned(text.replace(is_phone_separator, "")) } else { text };
    let digits = text.strip_prefix('+').unwrap_or(&text);
    if (4..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(text)
    } else {
        Err(NO_PHONE.into())
    }
}

/// Said of everything else than a telephone number.
pub(super) const NO_PHONE: &str = "the value is no telephone number";

/// What people write between the digits of a telephone number.
pub(super) fn is_phone_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, '.' | '-' | '/' | '(' | ')')
}

/// A day or a moment.
pub(super) enum When {
    Day(Date),
    Moment(Timestamp),
}

impl When {
    /// From `YYYY-MM-DD` or RFC 3339.
    pub(super) fn read(text: &str) -> Result<Self, Refusal> {
        let day = (text.len() == 10).then(|| Date::from_str(text).ok()).flatten();
        let moment = || Timestamp::from_str(text).ok().map(Self::Moment);
        day.map(Self::Day).or_else(moment).ok_or("the value is no date (YYYY-MM-DD, or RFC 3339 with an offset)".into())
    }

    fn of(value: &Scalar<'_>) -> Result<Self, Refusal> {
        match value {
            Scalar::Moment(at) => Ok(Self::Moment(*at)),
            Scalar::Text(text) => Self::read(text),
            Scalar::Boolean(_) | Scalar::Integer(_) | Scalar::Decimal(_) => Err("the value is no date".into()),
        }
    }
}

/// How dates are written.
#[derive(Debug)]
pub(super) struct DateForm {
    pub(super) format: String,
    pub(super) zone: TimeZone,
}

impl DateForm {
    /// A day is written as its first moment in the zone.
    pub(super) fn write(&self, when: &When) -> Result<String, Refusal> {
        let unwritable = || Refusal::from("the date cannot be written in the format and the time zone asked for");
        let zoned: Zoned = match when {
            When::Day(day) => day.to_zoned(self.zone.clone()).map_err(|_| unwritable())?,
            When::Moment(at) => at.to_zoned(self.zone.clone()),
        };
        strtime::format(&self.format, &zoned).map_err(|_| unwritable())
    }
}
