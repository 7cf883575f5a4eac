//! The demo's input, and what a naive reading of it says must stand at the end: the newest fact per
//! person and audience or attribute, worked out without any of Muster's own code.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde_json::Value;

/// The input, a line a change.
#[derive(Debug, Clone, Default)]
pub struct Events {
    /// The lines, as they are sent.
    pub lines: Vec<String>,
}

/// What must stand at the end.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// By address.
    pub people: BTreeMap<String, Truth>,
    /// Audiences met.
    pub audiences: BTreeSet<String>,
    /// Attributes met, with the type that their values have.
    pub attributes: BTreeMap<String, &'static str>,
}

/// What must stand of one person. An absent key was never said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Truth {
    /// Inside or left.
    pub audiences: BTreeMap<String, bool>,
    /// The newest values.
    pub attributes: BTreeMap<String, Value>,
}

impl Events {
    /// Reads NDJSON, gzipped or not.
    ///
    /// # Errors
    /// With the file and the reason.
    pub fn read(path: &Path) -> Result<Self, String> {
        let say = |error: std::io::Error| format!("{}: {error}", path.display());
        let mut bytes = Vec::new();
        std::fs::File::open(path).map_err(say)?.read_to_end(&mut bytes).map_err(say)?;
        Self::parse(&bytes).map_err(say)
    }

    /// The same from memory.
    ///
    /// # Errors
    /// Where it is not text, or a damaged archive.
    pub fn parse(bytes: &[u8]) -> Result<Self, std::io::Error> {
        let reader: Box<dyn Read + '_> =
            if bytes.starts_with(&[0x1f, 0x8b]) { Box::new(MultiGzDecoder::new(bytes)) } else { Box::new(bytes) };
        let lines = BufReader::new(reader).lines().collect::<Result<Vec<_>, _>>()?;
        Ok(Self { lines: lines.into_iter().filter(|line| !line.trim().is_empty()).collect() })
    }

    /// What is sent: every line `repeat` times, in an order that `shuffle` decides.
    pub fn order(&self, repeat: usize, shuffle: Option<u64>) -> Vec<&str> {
        let mut order: Vec<&str> = Vec::with_capacity(self.lines.len() * repeat);
        for _ in 0..repeat {
            order.extend(self.lines.iter().map(String::as_str));
        }
        if let Some(seed) = shuffle {
            order.shuffle(&mut StdRng::seed_from_u64(seed));
        }
        order
    }

    /// The naive fold.
    ///
    /// # Errors
    /// With the number of a line that is no change.
    pub fn fold(&self) -> Result<Expected, String> {
        let mut expected = Expected::default();
        let mut newest: BTreeMap<(String, String), (String, u8)> = BTreeMap::new();
        for (number, line) in self.lines.iter().enumerate() {
            let change: Value = serde_json::from_str(line).map_err(|error| format!("line {}: {error}", number + 1))?;
            expected.fold(&change, &mut newest).ok_or_else(|| format!("line {} is no change", number + 1))?;
        }
        Ok(expected)
    }
}

impl Expected {
    /// RFC 3339 in UTC with whole seconds sorts as text; at a tie leaving counts.
    fn fold(&mut self, change: &Value, newest: &mut BTreeMap<(String, String), (String, u8)>) -> Option<()> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let email = text(&change["person"]["email"])?.trim().to_lowercase();
        let kind = change["type"].as_str()?;
        let person = self.people.entry(email.clone()).or_default();
        let name = text(&change["audience"]).or_else(|| text(&change["attribute"]));
        let Some(name) = name else { return Some(()) };
        let rank = (text(&change["occurred_at"])?, u8::from(kind == "audience.exited"));
        let key = (email, name.clone());
        if newest.get(&key).is_some_and(|known| *known > rank) {
            return Some(());
        }
        newest.insert(key, rank);
        if kind == "attribute.changed" {
            let value = change.get("value")?.clone();
            widen(self.attributes.entry(name.clone()).or_insert(type_of(&value)), type_of(&value));
            person.attributes.insert(name, value);
        } else {
            self.audiences.insert(name.clone());
            person.audiences.insert(name, kind == "audience.entered");
        }
        Some(())
    }
}

fn widen(known: &mut &'static str, seen: &'static str) {
    if *known == "integer" && seen == "decimal" {
        *known = "decimal";
    } else if !(*known == "decimal" && seen == "integer") && *known != seen {
        *known = "string";
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() => "integer",
        Value::Number(_) => "decimal",
        Value::String(text) if text.parse::<jiff::civil::Date>().is_ok() && text.len() == 10 => "date",
        Value::Array(_) => "list",
        Value::String(_) | Value::Null | Value::Object(_) => "string",
    }
}
