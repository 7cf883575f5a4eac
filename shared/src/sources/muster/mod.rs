//! Muster's own change format:
//!
//! ```json
//! {"id": "8-3", "type": "audience.entered", "audience": "buyers", "person": {"email": "ann@example.com"},
//!  "fields": {"plan": "gold"}, "occurred_at": "2026-01-02T03:04:05Z"}
//! ```
//!
//! One object, an array of them, or one a line.

pub(crate) mod item;

use std::io::BufRead;

use super::documents::{Place, each_in_json, each_line};
use super::{At, Flaw, Parsed, Reading, Unreadable};

/// Reads an object or an array.
///
/// # Errors
/// Where the body is no JSON: of an array that breaks off nothing is taken.
pub fn parse(body: &mut dyn BufRead, reading: &Reading<'_>) -> Result<Parsed, Unreadable> {
    let mut parsed = Parsed::default();
    each_in_json(body, &mut |place, document| match place {
        Place::Whole => parsed.take(0, At::Root, item::read(&document, At::Root, reading)),
        Place::Item(index) => {
            let at = At::Item(&At::Root, index);
            parsed.take(index, at, item::read(&document, at, reading));
        }
    })?;
    Ok(parsed)
}

/// Reads lines; one that is no JSON is a bad item.
///
/// # Errors
/// Where there is too much of it, or it cannot be unpacked.
pub fn parse_lines(body: &mut dyn BufRead, reading: &Reading<'_>) -> Result<Parsed, Unreadable> {
    let mut parsed = Parsed::default();
    each_line(body, &mut |line, document| {
        let at = At::Item(&At::Root, line);
        let read = match document {
            Ok(document) => item::read(&document, at, reading),
            Err(column) => Err(Flaw::new(at, format!("the line is no JSON: column {column}"))),
        };
        parsed.take(line, at, read);
    })?;
    Ok(parsed)
}
