//! JSON whose values know where in their line they are, and which shows keys that come twice.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::lotame::report::{Basis, Note, Rule, Severity};

/// Deeper than any record; each level is read once more.
const DEEPEST: u32 = 8;

/// A value and where it begins, in bytes from 1.
#[derive(Debug)]
pub(crate) struct Spot<'a> {
    pub(crate) column: u64,
    pub(crate) json: Json<'a>,
}

/// A value. Numbers stay as they are written.
#[derive(Debug)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Number(&'a str),
    Text(String),
    Array(Vec<Spot<'a>>),
    Object(Vec<Member<'a>>),
}

impl<'a> Json<'a> {
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }

    pub(crate) fn array(&self) -> Option<&[Spot<'a>]> {
        match self {
            Self::Array(elements) => Some(elements),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::Object(_) => None,
        }
    }

    pub(crate) fn object(&self) -> Option<&[Member<'a>]> {
        match self {
            Self::Object(members) => Some(members),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::Array(_) => None,
        }
    }
}

/// A member of an object and where its key begins.
#[derive(Debug)]
pub(crate) struct Member<'a> {
    pub(crate) column: u64,
    pub(crate) key: String,
    pub(crate) value: Spot<'a>,
}

/// Why a line is no JSON, and where.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) basis: Basis,
    pub(crate) column: u64,
    pub(crate) message: &'static str,
}

impl Broken {
    pub(crate) fn note(self, rule: Rule) -> Note {
        let Self { basis, column, message } = self;
        Note::new(rule, basis, Severity::Record, message).column(column)
    }
}

/// The one value of `line`.
pub(crate) fn parse(line: &str) -> Result<Spot<'_>, Broken> {
    let raw = serde_json::from_str::<&RawValue>(line).map_err(|error| Broken {
        basis: Basis::Strict,
        column: error.column().max(1) as u64,
        message: "Write one JSON object on the line, and nothing after it.",
    })?;
    Origin { start: line.as_ptr().addr() }.spot(raw, 0)
}

/// The first member with that key.
pub(crate) fn member<'m, 'a>(members: &'m [Member<'a>], key: &str) -> Option<&'m Member<'a>> {
    members.iter().find(|member| member.key == key)
}

/// Raw values are parts of the line, so that where they are is the distance from its start.
struct Origin {
    start: usize,
}

impl Origin {
    fn column(&self, raw: &RawValue) -> u64 {
        (raw.get().as_ptr().addr() - self.start) as u64 + 1
    }

    fn spot<'a>(&self, raw: &'a RawValue, depth: u32) -> Result<Spot<'a>, Broken> {
        let column = self.column(raw);
        if depth > DEEPEST {
            return Err(Broken { basis: Basis::Assumed, column, message: "Write no value that is nested so deep." });
        }
        let broken = |_| Broken {
            basis: Basis::Strict,
            column,
            message: "Write a value that is valid JSON, escapes of strings too.",
        };
        let text = raw.get();
        let json = match text.as_bytes().first() {
            Some(b'{') => self.object(serde_json::from_str::<Members<'_>>(text).map_err(broken)?, depth)?,
            Some(b'[') => {
                let elements = serde_json::from_str::<Vec<&RawValue>>(text).map_err(broken)?;
                Json::Array(elements.into_iter().map(|raw| self.spot(raw, depth + 1)).collect::<Result<_, _>>()?)
            }
            Some(b'"') => Json::Text(serde_json::from_str(text).map_err(broken)?),
            Some(b't') => Json::Bool(true),
            Some(b'f') => Json::Bool(false),
            Some(b'n') => Json::Null,
            Some(_) | None => Json::Number(text),
        };
        Ok(Spot { column, json })
    }

    fn object<'a>(&self, Members(raw): Members<'a>, depth: u32) -> Result<Json<'a>, Broken> {
        let mut members: Vec<Member<'a>> = Vec::with_capacity(raw.len());
        for (key, value) in raw {
            let column = self.column(key);
            let key: String = serde_json::from_str(key.get()).map_err(|_| Broken {
                basis: Basis::Strict,
                column,
                message: "Write a key that is valid JSON.",
            })?;
            if member(&members, &key).is_some() {
                return Err(Broken { basis: Basis::Assumed, column, message: "Write each key of an object once." });
            }
            members.push(Member { column, key, value: self.spot(value, depth + 1)? });
        }
        Ok(Json::Object(members))
    }
}

/// All members in their order, also those whose keys are the same.
struct Members<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Vec<(&'de RawValue, &'de RawValue)>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(InOrder).map(Members)
    }
}
