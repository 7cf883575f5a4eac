//! The mapping's rules, each by name.

mod applying;
mod compiling;
mod expressions;
mod properties;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::{AudienceFacts, Cell, Column, ColumnMapping, ColumnType, CompiledMapping, MappingError, Need, PersonFacts};
use crate::model::{AttributeId, AttributeType, Entry, Identifier, Origin, Person, PersonKey, Value};

/// A person of whom something is known.
struct Somebody {
    person: Person,
    kinds: BTreeMap<AttributeId, AttributeType>,
    audience: Option<AudienceFacts<'static>>,
    changed_at: Option<Timestamp>,
}

fn entry<T>(value: T) -> Entry<T> {
    Entry { value, occurred_at: Timestamp::UNIX_EPOCH, version: 1, origin: Origin::Live }
}

impl Somebody {
    fn unknown() -> Self {
        let person = Person::new(PersonKey([7; 16]), "shop".parse().unwrap());
        Self { person, kinds: BTreeMap::new(), audience: None, changed_at: None }
    }

    fn known() -> Self {
        Self::unknown()
            .ids("email", &["anna@example.com", "anna@work.example"])
            .ids("phone", &["+4520123456"])
            .field("first", json!("  Anna "))
            .field("last", json!("Øst"))
            .field("user_attributes.tier", json!("gold"))
            .field("birthday", json!("1980-02-29"))
            .field("visited", json!("2026-01-05T23:30:00Z"))
            .field("cleared", json!(null))
            .field("blank", json!(" \t "))
            .field("tags", json!(["cats", null, "dogs"]))
            .field("one tag", json!(["cats"]))
            .field("no_tags", json!([]))
            .field("price", json!(12.675))
            .field("age", json!(45))
            .field("member", json!(true))
            .attribute("ltv", AttributeType::Decimal, json!(1234.5))
            .attribute("visits", AttributeType::Integer, json!("many"))
            .in_audience()
    }

    fn ids(mut self, kind: &str, values: &[&str]) -> Self {
        let kind = kind.parse().unwrap();
        let values = values.iter().map(|value| Identifier::normalise(&kind, value).unwrap()).collect();
        self.person.identifiers.insert(kind, entry(values));
        self
    }

    fn field(mut self, name: &str, value: Json) -> Self {
        self.person.fields.insert(name.parse().unwrap(), entry(Value::from_json(&value).unwrap()));
        self
    }

    fn attribute(mut self, id: &str, kind: AttributeType, value: Json) -> Self {
        let id: AttributeId = id.parse().unwrap();
        self.person.attributes.insert(id.clone(), entry(Value::from_json(&value).unwrap()));
        self.kinds.insert(id, kind);
        self
    }

    fn in_audience(mut self) -> Self {
        self.audience = Some(AudienceFacts { id: "aud-1", name: "Cat people", slug: "cat-people", inside: true });
        self.changed_at = Some("2026-01-05T23:30:00Z".parse().unwrap());
        self
    }

    fn facts(&self) -> PersonFacts<'_> {
        let Self { person, kinds, audience, changed_at } = self;
        PersonFacts { person, kinds, audience: *audience, changed_at: *changed_at }
    }
}

fn columns() -> Vec<Column> {
    let column = |name: &str, label: &str, kind, need| Column {
        name: name.to_owned(),
        label: label.to_owned(),
        kind: Some(kind),
        max_length: None,
        need,
    };
    vec![
        column("EMAIL", "E-mail address", ColumnType::Email, Need::Key),
        column("NAME", "Name", ColumnType::Text, Need::Optional),
        column("COUNTRY", "Country", ColumnType::Text, Need::Required),
        column("BIRTHDAY", "Date of birth", ColumnType::Date, Need::Optional),
        column("VISITS", "Visits", ColumnType::Integer, Need::Optional),
    ]
}

fn mappings(json: Json) -> Vec<ColumnMapping> {
    serde_json::from_value(json).unwrap()
}

fn one(mut json: Json) -> Result<CompiledMapping, Vec<MappingError>> {
    json["column"] = json!("C");
    CompiledMapping::compile(&mappings(json!([json])), None)
}

/// The text, `∅` for an emptied column, `-` for one left out, or the refusal with a `!`.
fn said(mapping: Json, somebody: &Somebody) -> String {
    let mapping = one(mapping).unwrap_or_else(|errors| panic!("{}", listed(&errors)));
    match mapping.apply(&somebody.facts()) {
        Err(unmappable) => format!("!{}", unmappable.reason),
        Ok(row) => match row.get("C") {
            Cell::Omitted => "-".to_owned(),
            Cell::Null => "∅".to_owned(),
            Cell::Text(text) => text.to_string(),
        },
    }
}

fn of_known(mapping: Json) -> String {
    said(mapping, &Somebody::known())
}

fn listed(errors: &[MappingError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// What is wrong with a mapping of one column, one mistake a line.
fn wrong(mapping: Json) -> String {
    one(mapping).map_or_else(|errors| listed(&errors), |_| "nothing".to_owned())
}
