//! Items to fields and back: names, labels, formats, cells, and whether a member shows what it should.
//! Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::config::{DateTimes, Decimals, IdentifierField, NeverInside, Settings};
use super::parse::{Format, Member};
use crate::destination::said::{self, cut};
use crate::destination::{Action, Links, Shows};
use crate::model::value::Typed;
use crate::model::{AttributeId, AttributeType, AudienceId, Value};

/// Begins the name of every field of ours, so that a customer's own field is never touched.
pub(super) const OWN_PREFIX: &str = "cdp_";
/// The label of a removed audience's field.
pub(super) const REMOVED_LABEL: &str = "Audience Removed by Muster";
/// Longest text that a field takes, in characters.
const MAX_TEXT: usize = 255;
/// Longest label that is sent, in characters.
const MAX_LABEL: usize = 100;

/// What `prepare` leaves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Notes {
    /// The list's name at Heyloyalty.
    pub(super) list: String,
    /// The format of the identifier field.
    pub(super) identifier_format: Format,
    /// Whether two members may share an address, in the list's words.
    pub(super) duplicates: String,
    pub(super) fields: OwnFields,
    /// When the list was read.
    pub(super) read_at: Timestamp,
}

/// Our fields on the list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct OwnFields {
    pub(super) audiences: BTreeMap<AudienceId, OwnField>,
    pub(super) attributes: BTreeMap<AttributeId, OwnField>,
    /// By field name: of removed audiences and of links taken away. Written to only when a person is
    /// forgotten.
    pub(super) retired: BTreeMap<String, OwnField>,
}

/// A field of ours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct OwnField {
    pub(super) name: String,
    pub(super) id: Option<u64>,
    pub(super) format: Format,
}

impl OwnFields {
    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &OwnField> {
        self.audiences.values().chain(self.attributes.values()).chain(self.retired.values())
    }
}

/// The name of an audience's field: the same for every activation of the source, so that one that is made
/// again finds it.
pub(super) fn audience_field(source: &str, audience: &AudienceId) -> String {
    format!("{OWN_PREFIX}a_{}", short_hash(source, audience.as_str()))
}

/// The name of an attribute's field.
pub(super) fn attribute_field(source: &str, attribute: &AttributeId) -> String {
    format!("{OWN_PREFIX}c_{}", short_hash(source, attribute.as_str()))
}

fn short_hash(source: &str, id: &str) -> String {
    let digest = Sha256::digest([source.as_bytes(), &[0], id.as_bytes()].concat());
    hex::encode(&digest[..5])
}

/// A name as a label: without control characters, cut; the id where nothing is left of it.
pub(super) fn label(name: &str, id: &str) -> String {
    let clean = |text: &str| {
        let kept: String = text.chars().filter(|c| !c.is_control()).collect();
        cut(kept.trim(), MAX_LABEL).trim_end().to_owned()
    };
    let label = clean(name);
    if label.is_empty() { clean(id) } else { label }
}

/// The format of an attribute's field.
pub(super) fn format_of(kind: AttributeType, settings: &Settings) -> Format {
    match kind {
        AttributeType::Boolean => Format::Boolean,
        AttributeType::Integer => Format::Number,
        AttributeType::Decimal => match settings.decimals {
            Decimals::Text => Format::Text,
            Decimals::ScaledInteger { .. } => Format::Number,
        },
        AttributeType::Date => Format::Date,
        AttributeType::DateTime => match settings.date_time {
            DateTimes::Text => Format::Text,
            DateTimes::Date => Format::Date,
        },
        AttributeType::String | AttributeType::List => Format::Text,
    }
}

/// What a field is to hold. Personal: no `Debug`.
#[derive(Clone, PartialEq)]
pub(super) enum Cell {
    Empty,
    Flag(bool),
    Number(i64),
    Text(String),
    Day(Date),
}

impl Cell {
    /// As it is sent in a member's body. Never null: what that does is not documented.
    pub(super) fn json(&self) -> serde_json::Value {
        match self {
            Self::Flag(flag) => json!(u8::from(*flag)),
            Self::Number(number) => json!(number),
            Self::Empty | Self::Text(_) | Self::Day(_) => json!(self.text()),
        }
    }

    /// As it is sent in a file.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Flag(flag) => u8::from(*flag).to_string(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
            Self::Day(day) => day.to_string(),
        }
    }

    /// Whether a member's value (see [`Member::value`]) means the same.
    pub(super) fn is_shown_by(&self, value: Option<&str>) -> bool {
        let value = value.map(str::trim);
        match self {
            Self::Empty => value.is_none(),
            Self::Flag(flag) => match value.map(str::to_lowercase).as_deref() {
                Some("1" | "true") => *flag,
                Some("0" | "false") => !*flag,
                Some(_) | None => false,
            },
            Self::Number(number) => value.and_then(|text| text.parse().ok()) == Some(Decimal::from(*number)),
            Self::Text(text) => value == Some(text.trim()) || (text.trim().is_empty() && value.is_none()),
            Self::Day(day) => value.and_then(|text| text.get(..10)?.parse().ok()) == Some(*day),
        }
    }
}

/// The fields of one person as they are to be.
#[derive(Clone, Default)]
pub(super) struct Composed {
    pub(super) cells: BTreeMap<String, Cell>,
    /// What could not be written as it is, without values.
    pub(super) remarks: Vec<String>,
}

/// A linked fact has no field yet, or one of another format: the list has to be prepared first.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotPrepared;

impl Composed {
    /// The body of a PATCH.
    pub(super) fn body(&self) -> serde_json::Value {
        self.cells.iter().map(|(name, cell)| (name.clone(), cell.json())).collect()
    }

    /// Whether the member shows all of it.
    pub(super) fn is_shown_by(&self, member: &Member) -> bool {
        self.cells.iter().all(|(name, cell)| cell.is_shown_by(member.value(name)))
    }
}

/// What is to be so, as fields that `prepare` found on the list.
pub(super) fn compose(
    action: &Action,
    fields: &OwnFields,
    links: &Links,
    settings: &Settings,
) -> Result<Composed, NotPrepared> {
    let mut composed = Composed::default();
    match action {
        Action::Show(shown) => {
            for (audience, shows) in &shown.audiences {
                let field = fields.audiences.get(audience).ok_or(NotPrepared)?;
                composed.cells.insert(field.name.clone(), membership(shows, settings));
            }
            for linked in &links.attributes {
                let (id, kind) = (&linked.link.attribute, linked.link.kind);
                let field = fields.attributes.get(id).filter(|field| field.format == format_of(kind, settings));
                let field = field.ok_or(NotPrepared)?;
                match cell(kind, shown.attributes.get(id).unwrap_or(&Value::Null), settings) {
                    Ok(Fitted { cell, remark }) => {
                        composed.cells.insert(field.name.clone(), cell);
                        composed.remarks.extend(remark.map(|remark| format!("{id}: {remark}")));
                    }
                    Err(reason) => composed.remarks.push(format!("{id} not written: {reason}")),
                }
            }
        }
        Action::Leave => {
            let outside = fields.audiences.values().map(|field| (field.name.clone(), Cell::Flag(false)));
            let nothing = fields.attributes.values().map(|field| (field.name.clone(), Cell::Empty));
            composed.cells.extend(outside.chain(nothing));
        }
        Action::Forget => composed.cells.extend(fields.all().map(|field| (field.name.clone(), Cell::Empty))),
    }
    Ok(composed)
}

fn membership(shows: &Shows, settings: &Settings) -> Cell {
    match (shows, settings.never_inside) {
        (Shows::Inside(_), _) => Cell::Flag(true),
        (Shows::Left, _) | (Shows::Never, NeverInside::Zero) => Cell::Flag(false),
        (Shows::Never, NeverInside::Empty) => Cell::Empty,
    }
}

/// A value that fits its field, and what was lost on the way.
pub(super) struct Fitted {
    pub(super) cell: Cell,
    pub(super) remark: Option<&'static str>,
}

/// An attribute's value as its field takes it; the error names types, never the value.
pub(super) fn cell(kind: AttributeType, value: &Value, settings: &Settings) -> Result<Fitted, String> {
    let cell = match kind.read(value)? {
        Typed::Null => Cell::Empty,
        Typed::Boolean(flag) => Cell::Flag(flag),
        Typed::Integer(number) => Cell::Number(number),
        Typed::Decimal(number) => decimal(number, settings)?,
        Typed::String(text) => return Ok(fit(&text)),
        Typed::List(items) => return Ok(fit(&items.join(", "))),
        Typed::Date(day) => Cell::Day(day),
        Typed::DateTime(moment) => {
            let local = moment.to_zoned(settings.time_zone.zone().clone());
            match settings.date_time {
                DateTimes::Date => Cell::Day(local.date()),
                DateTimes::Text => Cell::Text(local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()),
            }
        }
    };
    Ok(Fitted { cell, remark: None })
}

fn decimal(number: Decimal, settings: &Settings) -> Result<Cell, String> {
    match settings.decimals {
        Decimals::Text => Ok(Cell::Text(number.normalize().to_string())),
        Decimals::ScaledInteger { digits } => Decimal::from(10_i64.pow(u32::from(digits)))
            .checked_mul(number)
            .and_then(|scaled| scaled.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero).to_i64())
            .map(Cell::Number)
            .ok_or_else(|| "the number is too large".to_owned()),
    }
}

/// A text cut to what a field takes.
pub(super) fn fit(text: &str) -> Fitted {
    let kept = cut(text, MAX_TEXT);
    let remark = (kept.len() < text.len()).then_some("cut to 255 characters");
    let cell = if kept.is_empty() { Cell::Empty } else { Cell::Text(kept.to_owned()) };
    Fitted { cell, remark }
}

/// A key as a member's field holds it and as both are compared: addresses in lower case, the digits of a
/// number (a `+` cannot stand in a number field), everything else trimmed.
pub(super) fn comparable(value: &str, identifier: &IdentifierField, format: &Format) -> String {
    let value = value.trim();
    if *format == Format::Number {
        value.trim_start_matches('+').to_owned()
    } else if identifier.is_email() {
        value.to_lowercase()
    } else {
        value.to_owned()
    }
}

/// What is left of Heyloyalty's error text: names of Muster's own fields are told.
pub(super) fn redact(message: &str, key: &str) -> String {
    said::redact(message, key, OWN_PREFIX)
}
