//! CloudEvents 1.0 around Muster's changes: structured, batched and, where headers are to be trusted,
//! binary mode. The event's `data` is a change without `type`; `time` stands in for `occurred_at`. See
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>.

use std::io::BufRead;

use serde_json::{Map, Value as Json};

use super::documents::{Place, each_in_json};
use super::muster::item::{Kind, member, moment, read_data, text};
use super::{At, Flaw, Form, Parsed, Reading, Told, Unreadable, event_name};

/// The attributes of an event in binary mode, as the `ce-` headers say them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headers {
    /// `ce-specversion`.
    pub specversion: String,
    /// `ce-id`.
    pub id: Option<String>,
    /// `ce-source`.
    pub source: Option<String>,
    /// `ce-type`.
    pub kind: Option<String>,
    /// `ce-time`.
    pub time: Option<String>,
}

/// Reads one event, or a batch, whichever `form` says.
///
/// # Errors
/// Where the body is no JSON, or of the other of the two forms.
pub fn parse(form: &Form, body: &mut dyn BufRead, reading: &Reading<'_>) -> Result<Parsed, Unreadable> {
    let batch = *form == Form::CloudEventBatch;
    let (mut parsed, mut mixed) = (Parsed::default(), false);
    each_in_json(body, &mut |place, document| match place {
        Place::Whole if !batch => parsed.take(0, At::Root, read(&document, At::Root, reading)),
        Place::Item(index) if batch => {
            let at = At::Item(&At::Root, index);
            parsed.take(index, at, read(&document, at, reading));
        }
        Place::Whole | Place::Item(_) => mixed = true,
    })?;
    match (mixed, batch) {
        (false, _) => Ok(parsed),
        (true, true) => Err(Unreadable::Shape("a batch of events is an array")),
        (true, false) => Err(Unreadable::Shape("one event is an object; several are a batch, which has its own type")),
    }
}

/// Reads the data of one event whose attributes came as headers.
///
/// # Errors
/// Where the body is no JSON object.
pub fn parse_binary(headers: &Headers, body: &mut dyn BufRead, reading: &Reading<'_>) -> Result<Parsed, Unreadable> {
    let (mut parsed, mut several) = (Parsed::default(), false);
    each_in_json(body, &mut |place, document| match place {
        Place::Whole => parsed.take(0, At::Root, read_binary(headers, &document, reading)),
        Place::Item(_) => several = true,
    })?;
    if several { Err(Unreadable::Shape("an event in binary mode carries one change")) } else { Ok(parsed) }
}

fn read_binary(headers: &Headers, data: &Json, reading: &Reading<'_>) -> Result<Told, Flaw> {
    let missing = |name: &str| Flaw::new(At::Root, format!("the header {name} is missing"));
    check_version(&headers.specversion, At::Root)?;
    headers.id.as_deref().ok_or_else(|| missing("ce-id"))?;
    headers.source.as_deref().ok_or_else(|| missing("ce-source"))?;
    let name = headers.kind.as_deref().ok_or_else(|| missing("ce-type"))?;
    let Some(kind) = Kind::ending(name) else {
        return Ok(Told::Ignored(event_name(name)));
    };
    let stamped_at = match &headers.time {
        Some(time) => moment(Some(time), At::Root, reading)
            .map_err(|flaw| Flaw::new(At::Root, format!("the header ce-time: {}", flaw.reason)))?,
        None => reading.stamped_at,
    };
    read_data(data, kind, At::Root, &Reading { stamped_at, ..*reading })
}

fn read(event: &Json, at: At<'_>, reading: &Reading<'_>) -> Result<Told, Flaw> {
    let members = event.as_object().ok_or_else(|| Flaw::new(at, "must be an object"))?;
    check_version(text(members, "specversion", at)?, at.member("specversion"))?;
    text(members, "id", at)?;
    text(members, "source", at)?;
    let name = text(members, "type", at)?;
    let Some(kind) = Kind::ending(name) else {
        return Ok(Told::Ignored(event_name(name)));
    };
    refuse_strangers(members, at)?;
    let stamped_at = match members.get("time") {
        Some(time) => moment(time.as_str(), at.member("time"), reading)?,
        None => reading.stamped_at,
    };
    let data = member(members, "data", at)?;
    read_data(data, kind, at.member("data"), &Reading { stamped_at, ..*reading })
}

fn check_version(version: &str, at: At<'_>) -> Result<(), Flaw> {
    if version == "1.0" { Ok(()) } else { Err(Flaw::new(at, "must be 1.0")) }
}

/// Extension attributes are the sender's own business; by the specification their names are small letters
/// and digits.
fn refuse_strangers(members: &Map<String, Json>, at: At<'_>) -> Result<(), Flaw> {
    for (name, value) in members {
        match name.as_str() {
            "data_base64" => return Err(Flaw::new(at.member(name), "not read: the change stands in `data`, as JSON")),
            "datacontenttype" if !value.as_str().is_some_and(is_json) => {
                return Err(Flaw::new(at.member(name), "must be application/json"));
            }
            name if name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) => {}
            _ => return Err(Flaw::new(at.member(name), "unknown member")),
        }
    }
    Ok(())
}

fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence.ends_with("+json")
}
