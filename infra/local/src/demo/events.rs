//! The demo's input, and what a naive reading of it says must stand at the end: the newest fact per
//! person and audience or attribute, worked out without any of Muster's own code.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
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
        let mut newest = Newest::new();
        for (number, line) in self.lines.iter().enumerate() {
            let at = |reason: String| format!("line {} of the events: {reason}", number + 1);
            let change: Value = serde_json::from_str(line).map_err(|error| at(error.to_string()))?;
            expected.fold(&change, &mut newest).map_err(at)?;
        }
        if expected.audiences.is_empty() && expected.attributes.is_empty() {
            return Err("the events speak of no audience and no attribute: there is nothing to link".to_owned());
        }
        Ok(expected)
    }
}

/// The time of the newest fact by person and audience or attribute, and what decides at a tie.
type Newest = BTreeMap<(String, String), (Timestamp, u8)>;

impl Expected {
    /// At a tie leaving counts. What this naive reading cannot judge it refuses, so that it never blames the
    /// platform for its own simplicity.
    fn fold(&mut self, change: &Value, newest: &mut Newest) -> Result<(), String> {
        let text = |name: &str| change[name].as_str().map(str::to_owned);
        let email = change["person"]["email"].as_str().ok_or("`person.email` must be one address")?;
        let email = email.trim().to_lowercase();
        let kind = text("type").ok_or("`type` is missing")?;
        let name = match kind.as_str() {
            "audience.entered" | "audience.exited" | "audience.left" => text("audience"),
            "attribute.changed" => text("attribute"),
            "profile.updated" => {
                self.people.entry(email).or_default();
                return Ok(());
            }
            other => return Err(format!("the demo's comparison cannot judge changes of type `{other}`")),
        };
        let name = name.ok_or("which audience or attribute is missing")?;
        let at = text("occurred_at").and_then(|text| text.parse().ok());
        let at: Timestamp = at.ok_or("the demo's comparison needs `occurred_at`, a time in RFC 3339")?;
        let person = self.people.entry(email.clone()).or_default();
        let rank = (at, u8::from(kind == "audience.exited" || kind == "audience.left"));
        let key = (email, name.clone());
        if newest.get(&key).is_some_and(|known| *known > rank) {
            return Ok(());
        }
        let tied = newest.insert(key, rank) == Some(rank);
        if kind == "attribute.changed" {
            let value = change.get("value").cloned().ok_or("`value` is missing")?;
            widen(self.attributes.entry(name.clone()).or_insert(type_of(&value)), type_of(&value));
            if person.attributes.insert(name, value.clone()).is_some_and(|known| tied && known != value) {
                return Err("the demo's comparison cannot judge two values of one time".to_owned());
            }
        } else {
            self.audiences.insert(name.clone());
            person.audiences.insert(name, kind == "audience.entered");
        }
        Ok(())
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
