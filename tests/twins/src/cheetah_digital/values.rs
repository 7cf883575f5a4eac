//! Which values a column takes (vendor file 7).

use jiff::civil::DateTime;
use jiff::fmt::strtime;
use serde_json::Value;

use super::model::{Column, DataType};
use super::switches::{NonStrings, Overlong, Profile, SlashDates, Switches};
use crate::address::is_address;

/// The documented values of a preference.
pub(super) const OPTED_IN: &str = "100";
pub(super) const OPTED_OUT: &str = "1500";

/// The text of a value in JSON; `Err` is the sentence for a 400.
pub(super) fn text_of(column: &str, raw: &Value, switches: &Switches) -> Result<String, String> {
    let text = match raw {
        Value::String(text) => return Ok(text.clone()),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Null => String::new(),
        Value::Array(_) | Value::Object(_) => return Err(format!("Value of column {column} is not valid.")),
    };
    match switches.non_string_values {
        NonStrings::Coerce => Ok(text),
        NonStrings::Reject => Err(format!("Value of column {column} must be a string.")),
    }
}

/// What can be said when the value arrives. `Err` is the sentence for a 400.
pub(super) fn check(column: &Column, text: &str, switches: &Switches) -> Result<(), String> {
    if text.trim().is_empty() {
        return Ok(());
    }
    if !fits(column, text) && switches.overlong_values == Overlong::Reject {
        return Err(format!("Value of column {} is too long.", column.name));
    }
    let formatted_later = match column.data_type {
        DataType::Email | DataType::Phone => true,
        DataType::String
        | DataType::LongString
        | DataType::DateTime
        | DataType::Decimal
        | DataType::Integer
        | DataType::BigInteger
        | DataType::Preference
        | DataType::ChannelId => switches.profile == Profile::Lenient,
    };
    if formatted_later || read(column, text, switches).is_some() {
        return Ok(());
    }
    Err(format!("Value of column {} is not valid.", column.name))
}

/// What is kept of a value that is not blank; `None` drops it.
pub(super) fn read(column: &Column, text: &str, switches: &Switches) -> Option<String> {
    let text = text.trim();
    match column.data_type {
        DataType::String | DataType::LongString | DataType::ChannelId => {
            Some(text.chars().take(limit(column.data_type)?).collect())
        }
        DataType::DateTime => date(text, switches.slash_dates),
        DataType::Decimal => is_decimal(text).then(|| text.to_owned()),
        DataType::Integer => text.parse::<i32>().ok().map(|number| number.to_string()),
        DataType::BigInteger => text.parse::<i64>().ok().map(|number| number.to_string()),
        DataType::Email => (fits(column, text) && is_address(text)).then(|| text.to_owned()),
        DataType::Phone => phone(text),
        DataType::Preference => matches!(text, OPTED_IN | OPTED_OUT).then(|| text.to_owned()),
    }
}

fn fits(column: &Column, text: &str) -> bool {
    limit(column.data_type).is_none_or(|limit| text.chars().count() <= limit)
}

fn limit(data_type: DataType) -> Option<usize> {
    match data_type {
        DataType::String | DataType::Email | DataType::ChannelId => Some(255),
        DataType::LongString => Some(8_000),
        DataType::DateTime
        | DataType::Decimal
        | DataType::Integer
        | DataType::BigInteger
        | DataType::Phone
        | DataType::Preference => None,
    }
}

/// Kept as `YYYY-MM-DD HH:MM:SS`, so that a day taken for a month shows. ISO with `T` is no date here.
fn date(text: &str, slashes: SlashDates) -> Option<String> {
    let day = match (text.contains('/'), slashes) {
        (false, _) => "%Y-%m-%d",
        (true, SlashDates::MonthFirst) => "%m/%d/%Y",
        (true, SlashDates::DayFirst) => "%d/%m/%Y",
    };
    let with_time = [" %H:%M:%S", " %H:%M"].into_iter().find_map(|time| {
        let parsed = strtime::parse(format!("{day}{time}"), text).ok()?;
        parsed.to_datetime().ok()
    });
    let at: DateTime =
        with_time.or_else(|| Some(strtime::parse(day, text).ok()?.to_date().ok()?.to_datetime(Default::default())))?;
    Some(at.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

fn is_decimal(text: &str) -> bool {
    let number = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole) && digits(fraction)
}

/// Cleaned of the marks that people write.
fn phone(text: &str) -> Option<String> {
    let cleaned: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '.')).collect();
    let digits = cleaned.strip_prefix('+').unwrap_or(&cleaned);
    let valid = (6..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    valid.then_some(cleaned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(data_type: DataType) -> Column {
        Column {
            prop_id: 1,
            display_name: "C".to_owned(),
            name: "c".to_owned(),
            data_type,
            identifier: false,
            multi_value: false,
        }
    }

    fn reads(data_type: DataType, text: &str) -> Option<String> {
        read(&column(data_type), text, &Switches::default())
    }

    #[test]
    fn dates_are_kept_in_one_form() {
        for (text, kept) in [
            ("2026-03-01 14:05:09", "2026-03-01 14:05:09"),
            ("2026-03-01 14:05", "2026-03-01 14:05:00"),
            ("2026-03-01", "2026-03-01 00:00:00"),
            ("03/01/2026 14:05:09", "2026-03-01 14:05:09"),
            ("3/1/2026", "2026-03-01 00:00:00"),
        ] {
            assert_eq!(reads(DataType::DateTime, text).as_deref(), Some(kept), "{text}");
        }
        for text in ["2026-03-01T14:05:09Z", "31/12/2026", "yesterday"] {
            assert_eq!(reads(DataType::DateTime, text), None, "{text}");
        }
    }

    #[test]
    fn the_locale_decides_what_slashes_mean() {
        let switches = Switches { slash_dates: SlashDates::DayFirst, ..Switches::default() };
        let kept = read(&column(DataType::DateTime), "01/02/2026", &switches);
        assert_eq!(kept.as_deref(), Some("2026-02-01 00:00:00"));
        assert_eq!(reads(DataType::DateTime, "01/02/2026").as_deref(), Some("2026-01-02 00:00:00"));
    }

    #[test]
    fn numbers() {
        assert!(reads(DataType::Integer, "2147483647").is_some());
        assert_eq!(reads(DataType::Integer, "2147483648"), None);
        assert!(reads(DataType::BigInteger, "2147483648").is_some());
        assert!(reads(DataType::Decimal, "-129.99").is_some());
        for text in ["1,5", "1e3", ".5", "abc"] {
            assert_eq!(reads(DataType::Decimal, text), None, "{text}");
        }
    }

    #[test]
    fn a_preference_is_one_of_two_numbers() {
        assert!(reads(DataType::Preference, "100").is_some());
        assert!(reads(DataType::Preference, "1500").is_some());
        assert_eq!(reads(DataType::Preference, "true"), None);
    }

    #[test]
    fn phones_are_cleaned() {
        assert_eq!(reads(DataType::Phone, "+45 (12) 34-56.78").as_deref(), Some("+4512345678"));
        assert_eq!(reads(DataType::Phone, "call me"), None);
    }

    #[test]
    fn an_invalid_address_is_no_reason_to_refuse() {
        assert_eq!(check(&column(DataType::Email), "ada", &Switches::default()), Ok(()));
        assert_eq!(reads(DataType::Email, "ada"), None);
    }
}
