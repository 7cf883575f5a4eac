//! Reads single objects of the three arrays (vendor file 3).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::model::Alias;
use super::switches::{Invalid, Switches};
use super::values::{Change, are_too_large, parse_time, property_faults};

/// An array of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputArray {
    /// `attributes`.
    Attributes,
    /// `events`.
    Events,
    /// `purchases`.
    Purchases,
}

impl InputArray {
    pub(super) const ALL: [Self; 3] = [Self::Attributes, Self::Events, Self::Purchases];

    /// As it is written in a body.
    pub fn name(self) -> &'static str {
        match self {
            Self::Attributes => "attributes",
            Self::Events => "events",
            Self::Purchases => "purchases",
        }
    }
}

/// Why an object is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Problem {
    /// Told among the errors of the answer.
    Faulty(String),
    /// No client sends it.
    Unexpected(String),
}

fn faulty(sentence: impl Into<String>) -> Problem {
    Problem::Faulty(sentence.into())
}

/// Whose an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whom {
    ExternalId(String),
    Alias(Alias),
    BrazeId(String),
    Email(String),
    Phone(String),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Object {
    pub whom: Whom,
    pub unknown: Unknown,
    pub what: What,
    /// Attributes or properties that were silently dropped.
    pub dropped: u64,
}

/// What is done for somebody who is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    Created,
    Ignored,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    Attributes(Attributes),
    Event(Event),
    Purchase(Purchase),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Attributes {
    pub objects: Objects,
    pub changes: Vec<(String, Change)>,
}

/// What becomes of a nested attribute that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Objects {
    Merged,
    Overwritten,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    pub name: String,
    pub time: Timestamp,
    pub app_id: Option<String>,
    pub properties: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Purchase {
    pub product_id: String,
    pub currency: String,
    pub price: f64,
    pub quantity: u64,
    pub time: Timestamp,
    pub app_id: Option<String>,
    pub properties: Map<String, Value>,
}

impl Object {
    pub(super) fn read(array: InputArray, raw: Value, switches: &Switches) -> Result<Self, Problem> {
        let Value::Object(mut fields) = raw else {
            return Err(faulty("an object is required"));
        };
        let whom = whom(array, &mut fields)?;
        let update_only = flag(&mut fields, "_update_existing_only")?;
        let by_alias = matches!(whom, Whom::Alias(_));
        let unknown = if update_only.unwrap_or(by_alias) { Unknown::Ignored } else { Unknown::Created };
        let (what, dropped) = match array {
            InputArray::Attributes => read_attributes(fields, switches)?,
            InputArray::Events => read_event(fields, switches)?,
            InputArray::Purchases => read_purchase(fields, switches)?,
        };
        Ok(Self { whom, unknown, what, dropped })
    }
}

/// E-mail and phone identify only where nothing else does; beside it they are attributes.
fn whom(array: InputArray, fields: &mut Map<String, Value>) -> Result<Whom, Problem> {
    let external_id = fields.remove("external_id");
    let alias = fields.remove("user_alias");
    let braze_id = fields.remove("braze_id");
    let whom = match (external_id, alias, braze_id) {
        (Some(id), None, None) => Whom::ExternalId(filled("external_id", id)?),
        (None, Some(alias), None) => Whom::Alias(read_alias(alias)?),
        (None, None, Some(id)) => Whom::BrazeId(filled("braze_id", id)?),
        (None, None, None) => return by_address(array, fields),
        (Some(_), _, _) | (_, Some(_), _) => {
            return Err(faulty("only one of 'external_id', 'user_alias' and 'braze_id' is allowed"));
        }
    };
    match array {
        InputArray::Attributes => Ok(whom),
        InputArray::Events | InputArray::Purchases if fields.contains_key("email") || fields.contains_key("phone") => {
            Err(faulty("only one identifier is allowed"))
        }
        InputArray::Events | InputArray::Purchases => Ok(whom),
    }
}

fn by_address(array: InputArray, fields: &mut Map<String, Value>) -> Result<Whom, Problem> {
    if let Some(email) = fields.remove("email") {
        match array {
            InputArray::Attributes => {}
            InputArray::Events | InputArray::Purchases => {
                fields.remove("phone");
            }
        }
        return Ok(Whom::Email(filled("email", email)?));
    }
    match fields.remove("phone") {
        Some(phone) => Ok(Whom::Phone(filled("phone", phone)?)),
        None => Err(faulty("'external_id', 'braze_id', 'user_alias', 'email' or 'phone' is required")),
    }
}

fn read_alias(raw: Value) -> Result<Alias, Problem> {
    let Value::Object(mut fields) = raw else {
        return Err(faulty("'user_alias' must be an object"));
    };
    let label = required_text(&mut fields, "alias_label")?;
    let name = required_text(&mut fields, "alias_name")?;
    all_read("user_alias", &fields)?;
    Ok(Alias { label, name })
}

fn read_attributes(mut fields: Map<String, Value>, switches: &Switches) -> Result<(What, u64), Problem> {
    let objects = match flag(&mut fields, "_merge_objects")? {
        Some(true) => Objects::Merged,
        Some(false) | None => Objects::Overwritten,
    };
    if fields.contains_key("push_token_import") {
        return Err(Problem::Unexpected("push_token_import".to_owned()));
    }
    let (mut changes, mut dropped) = (Vec::new(), 0);
    for (name, value) in fields {
        match (Change::read(&name, value, switches), switches.invalid_attribute) {
            (Ok(change), _) => changes.push((name, change)),
            (Err(sentence), Invalid::ObjectRefused) => return Err(Problem::Faulty(sentence)),
            (Err(_), Invalid::Dropped) => dropped += 1,
        }
    }
    Ok((What::Attributes(Attributes { objects, changes }), dropped))
}

fn read_event(mut fields: Map<String, Value>, switches: &Switches) -> Result<(What, u64), Problem> {
    let name = required_text(&mut fields, "name")?;
    let time = time(&mut fields)?;
    let app_id = app_id(&mut fields)?;
    let (properties, dropped) = properties(&mut fields, switches)?;
    all_read("events", &fields)?;
    Ok((What::Event(Event { name, time, app_id, properties }), dropped))
}

fn read_purchase(mut fields: Map<String, Value>, switches: &Switches) -> Result<(What, u64), Problem> {
    let product_id = required_text(&mut fields, "product_id")?;
    let currency = required_text(&mut fields, "currency")?;
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Err(faulty("'currency' is not valid"));
    }
    let price = required(&mut fields, "price")?.as_f64().ok_or_else(|| faulty("'price' must be a number"))?;
    let quantity = match fields.remove("quantity") {
        None => 1,
        Some(raw) => raw.as_u64().filter(|n| *n > 0).ok_or_else(|| faulty("'quantity' is not valid"))?,
    };
    let time = time(&mut fields)?;
    let app_id = app_id(&mut fields)?;
    let (properties, dropped) = properties(&mut fields, switches)?;
    all_read("purchases", &fields)?;
    Ok((What::Purchase(Purchase { product_id, currency, price, quantity, time, app_id, properties }), dropped))
}

fn properties(fields: &mut Map<String, Value>, switches: &Switches) -> Result<(Map<String, Value>, u64), Problem> {
    let mut properties = match fields.remove("properties") {
        None => Map::new(),
        Some(Value::Object(properties)) => properties,
        Some(_) => return Err(faulty("'properties' must be an object")),
    };
    let mut dropped = 0;
    for (name, sentence) in property_faults(&properties, switches) {
        match switches.invalid_property {
            Invalid::ObjectRefused => return Err(Problem::Faulty(sentence)),
            Invalid::Dropped => {
                properties.remove(&name);
                dropped += 1;
            }
        }
    }
    if are_too_large(&properties) {
        return Err(faulty("'properties' are too large"));
    }
    Ok((properties, dropped))
}

fn time(fields: &mut Map<String, Value>) -> Result<Timestamp, Problem> {
    let raw = required_text(fields, "time")?;
    parse_time(&raw).ok_or_else(|| faulty("'time' is not a valid time"))
}

fn app_id(fields: &mut Map<String, Value>) -> Result<Option<String>, Problem> {
    fields.remove("app_id").map(|id| filled("app_id", id)).transpose()
}

fn flag(fields: &mut Map<String, Value>, name: &str) -> Result<Option<bool>, Problem> {
    let raw = fields.remove(name);
    raw.map(|raw| raw.as_bool().ok_or_else(|| faulty(format!("'{name}' must be true or false")))).transpose()
}

fn required(fields: &mut Map<String, Value>, name: &str) -> Result<Value, Problem> {
    fields.remove(name).ok_or_else(|| faulty(format!("'{name}' is required")))
}

fn required_text(fields: &mut Map<String, Value>, name: &str) -> Result<String, Problem> {
    filled(name, required(fields, name)?)
}

fn filled(name: &str, raw: Value) -> Result<String, Problem> {
    match raw {
        Value::String(text) if !text.is_empty() => Ok(text),
        Value::String(_) => Err(faulty(format!("'{name}' is required"))),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(faulty(format!("'{name}' must be a string")))
        }
    }
}

/// What is left has no meaning.
fn all_read(of: &str, fields: &Map<String, Value>) -> Result<(), Problem> {
    match fields.keys().next() {
        Some(key) => Err(Problem::Unexpected(format!("{key:?} in {of}"))),
        None => Ok(()),
    }
}
