//! Amounts: AIR counts in the currency's minor unit, and does not say which currency.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Number, Value as Json};

/// ISO 4217, list one: currencies without minor units.
const WHOLE: [&str; 17] = [
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF",
    "XPF",
];
/// With a thousand of them.
const THOUSANDTHS: [&str; 7] = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];
/// With ten thousand.
const TEN_THOUSANDTHS: [&str; 2] = ["CLF", "UYW"];

/// An amount of minor units in major ones, as a JSON number: 6300 of GBP is 63, 199 is 1.99. Without a currency a
/// major unit has a hundred minor ones, as most have.
#[must_use]
pub fn in_major_units(amount: i64, currency: Option<&str>) -> Json {
    let exact = Decimal::new(amount, digits(currency)).normalize();
    let whole = if exact.scale() == 0 { exact.to_i64() } else { None };
    let number = whole.map(Number::from).or_else(|| exact.to_string().parse().ok().and_then(Number::from_f64));
    Json::Number(number.unwrap_or_else(|| Number::from(amount)))
}

fn digits(currency: Option<&str>) -> u32 {
    let is_in = |list: &[&str]| currency.is_some_and(|code| list.iter().any(|one| one.eq_ignore_ascii_case(code)));
    if is_in(&WHOLE) {
        0
    } else if is_in(&THOUSANDTHS) {
        3
    } else if is_in(&TEN_THOUSANDTHS) {
        4
    } else {
        2
    }
}
