//! Telephone numbers as E.164 has them: a `+`, the country's calling code, the number without what is dialled before it
//! inside the country only.

use super::fit::is_phone_separator;

/// A country: its code by ISO 3166, its calling code, and its trunk prefix: what is dialled before a number inside
/// the country only.
struct Country(&'static str, &'static str, &'static str);

const COUNTRIES: &[Country] = &[
    Country("AE", "971", "0"),
    Country("AL", "355", "0"),
    Country("AR", "54", "0"),
    Country("AT", "43", "0"),
    Country("AU", "61", "0"),
    Country("BA", "387", "0"),
    Country("BD", "880", "0"),
    Country("BE", "32", "0"),
    Country("BG", "359", "0"),
    Country("BR", "55", "0"),
    Country("CA", "1", "1"),
    Country("CH", "41", "0"),
    Country("CL", "56", ""),
    Country("CN", "86", "0"),
    Country("CO", "57", ""),
    Country("CY", "357", ""),
    Country("CZ", "420", ""),
    Country("DE", "49", "0"),
    Country("DK", "45", ""),
    Country("EE", "372", ""),
    Country("EG", "20", "0"),
    Country("ES", "34", ""),
    Country("FI", "358", "0"),
    Country("FO", "298", ""),
    Country("FR", "33", "0"),
    Country("GB", "44", "0"),
    Country("GL", "299", ""),
    Country("GR", "30", ""),
    Country("HK", "852", ""),
    Country("HR", "385", "0"),
    Country("HU", "36", "06"),
    Country("ID", "62", "0"),
    Country("IE", "353", "0"),
    Country("IL", "972", "0"),
    Country("IN", "91", "0"),
    Country("IS", "354", ""),
    // A zero at the begin is dialled from abroad too.
    Country("IT", "39", ""),
    Country("JP", "81", "0"),
    Country("KE", "254", "0"),
    Country("KR", "82", "0"),
    Country("LI", "423", ""),
    Country("LT", "370", "0"),
    Country("LU", "352", ""),
    Country("LV", "371", ""),
    Country("MA", "212", "0"),
    Country("MC", "377", ""),
    Country("ME", "382", "0"),
    Country("MK", "389", "0"),
    Country("MT", "356", ""),
    Country("MX", "52", ""),
    Country("MY", "60", "0"),
    Country("NG", "234", "0"),
    Country("NL", "31", "0"),
    Country("NO", "47", ""),
    Country("NZ", "64", "0"),
    Country("PE", "51", "0"),
    Country("PH", "63", "0"),
    Country("PK", "92", "0"),
    Country("PL", "48", ""),
    Country("PT", "351", ""),
    Country("RO", "40", "0"),
    Country("RS", "381", "0"),
    Country("SA", "966", "0"),
    Country("SE", "46", "0"),
    Country("SG", "65", ""),
    Country("SI", "386", "0"),
    Country("SK", "421", "0"),
    Country("SM", "378", ""),
    Country("TH", "66", "0"),
    Country("TR", "90", "0"),
    Country("TW", "886", "0"),
    Country("UA", "380", "0"),
    Country("US", "1", "1"),
    Country("VN", "84", "0"),
    Country("ZA", "27", "0"),
];

/// Where numbers without a country's calling code are from.
#[derive(Clone, Copy)]
pub(super) struct Home {
    calling_code: &'static str,
    trunk: &'static str,
}

impl Home {
    /// From a country's code (`DK`) or its calling code (`45`, `+45`).
    ///
    /// # Errors
    /// A sentence, for countries that are not known.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let wanted = text.trim().trim_start_matches('+');
        let is = |Country(region, code, _): &&Country| region.eq_ignore_ascii_case(wanted) || *code == wanted;
        match COUNTRIES.iter().find(is) {
            Some(Country(_, calling_code, trunk)) => Ok(Self { calling_code, trunk }),
            None => Err(format!("`{text}` is no known country: write its code (`DK`) or its calling code (`45`)")),
        }
    }
}

/// The number with its `+`. A number that begins with `+` or `00` says its country itself. `None` for what is no
/// telephone number.
pub(super) fn e164(text: &str, home: Home) -> Option<String> {
    let plain: String = text.chars().filter(|c| !is_phone_separator(*c)).collect();
    let international = match plain.strip_prefix('+').or_else(|| plain.strip_prefix("00")) {
        // "+44 (0)20 …": the zero in brackets is not dialled from abroad.
        Some(_) if text.contains("(0)") => without_bracketed_zero(text),
        Some(digits) => digits.to_owned(),
        None => format!("{}{}", home.calling_code, plain.strip_prefix(home.trunk).unwrap_or(&plain)),
    };
    let is_number = (7..=15).contains(&international.len())
        && international.bytes().all(|byte| byte.is_ascii_digit())
        && !international.starts_with('0');
    is_number.then(|| format!("+{international}"))
}

fn without_bracketed_zero(text: &str) -> String {
    let plain: String = text.replacen("(0)", "", 1).chars().filter(|c| !is_phone_separator(*c)).collect();
    plain.strip_prefix('+').or_else(|| plain.strip_prefix("00")).unwrap_or(&plain).to_owned()
}
