//! JSON documents out of a body, one at a time: an object, an array's items, or lines.

use std::fmt;
use std::io::BufRead;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value as Json;

use super::{MAX_CHANGES, Unreadable};

/// Where a document stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is the whole body.
    Whole,
    /// In an array.
    Item(usize),
}

/// Hands over the body's object, or each item of its array.
pub(crate) fn each_in_json(body: &mut dyn BufRead, take: &mut dyn FnMut(Place, Json)) -> Result<(), Unreadable> {
    let mut stopped = None;
    let mut deserializer = serde_json::Deserializer::from_reader(body);
    Body { take, stopped: &mut stopped }
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(|error| stopped.unwrap_or_else(|| unreadable(error)))
}

fn unreadable(error: serde_json::Error) -> Unreadable {
    let (line, column) = (error.line(), error.column());
    match error.classify() {
        serde_json::error::Category::Io => std::io::Error::from(error).into(),
        serde_json::error::Category::Data => Unreadable::Shape("the body must be an object or an array"),
        serde_json::error::Category::Syntax | serde_json::error::Category::Eof => Unreadable::Syntax { line, column },
    }
}

struct Body<'a> {
    take: &'a mut dyn FnMut(Place, Json),
    stopped: &'a mut Option<Unreadable>,
}

impl<'de> DeserializeSeed<'de> for Body<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Body<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let document = serde::Deserialize::deserialize(MapAccessDeserializer::new(map))?;
        (self.take)(Place::Whole, document);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let mut index = 0;
        while let Some(document) = items.next_element()? {
            if index == MAX_CHANGES {
                *self.stopped = Some(Unreadable::TooMany);
                return Err(A::Error::custom("too many"));
            }
            (self.take)(Place::Item(index), document);
            index += 1;
        }
        Ok(())
    }
}

/// Hands over each line that is not blank with its number from 0; `Err` holds the column at which a line
/// stops being JSON.
pub(crate) fn each_line(
    body: &mut dyn BufRead,
    take: &mut dyn FnMut(usize, Result<Json, usize>),
) -> Result<(), Unreadable> {
    let (mut line, mut number, mut documents) = (Vec::new(), 0, 0);
    while body.read_until(b'\n', &mut line)? > 0 {
        if !line.iter().all(u8::is_ascii_whitespace) {
            documents += 1;
            if documents > MAX_CHANGES {
                return Err(Unreadable::TooMany);
            }
            take(number, serde_json::from_slice(&line).map_err(|error| error.column()));
        }
        number += 1;
        line.clear();
    }
    Ok(())
}
