//! Lists and members as JSON (vendor file 3.1, 3.2, 4.3).

use jiff::Timestamp;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::{Map, Value, json};

use super::model::{Field, FieldValue, Format, List, Member, Standing};
use super::switches::Switches;

pub(super) fn id(id: u64, switches: &Switches) -> Value {
    if switches.ids_as_strings { Value::from(id.to_string()) } else { Value::from(id) }
}

/// In UTC; the vendor's zone is not documented (Q5).
pub(super) fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

pub(super) fn list_summary(list: &List, switches: &Switches) -> Value {
    json!({
        "id": id(list.id, switches),
        "name": list.name,
        "created_at": stamp(list.created_at),
        "members": list.active_members(),
        "open_rate": 0,
        "click_rate": 0,
    })
}

pub(super) fn list(list: &List, switches: &Switches) -> Value {
    let mut fields = Map::new();
    for field in list.fields.values() {
        // The documented object can hold one field per name; a second one still has to show.
        let key =
            if fields.contains_key(&field.name) { format!("{}_{}", field.name, field.id) } else { field.name.clone() };
        fields.insert(key, field_json(field, switches));
    }
    json!({
        "id": id(list.id, switches),
        "name": list.name,
        "country_id": id(list.country_id, switches),
        "date_format": "dd-mm-yyyy",
        "duplicates": list.duplicates,
        "fields": map_or_array(fields, switches),
    })
}

fn field_json(field: &Field, switches: &Switches) -> Value {
    let mut shown = json!({
        "id": id(field.id, switches),
        "type": field.kind,
        "type_id": id(field.type_id, switches),
        "format": field.format,
        "name": field.name,
        "label": field.label,
        "fallback": field.fallback,
        "required_in_shop": 0,
    });
    if field.format.has_options() {
        let options = field.options.iter();
        let options = options.map(|(id, label)| (id.to_string(), Value::from(label.as_str())));
        shown["options"] = map_or_array(options.collect(), switches);
    }
    shown
}

fn map_or_array(map: Map<String, Value>, switches: &Switches) -> Value {
    if map.is_empty() && switches.empty_map_as_array {
        return json!([]);
    }
    Value::Object(map)
}

/// A member in either shape. Written straight into the answer: a page holds up to 5,000.
pub(super) struct MemberJson<'a> {
    list: &'a List,
    member: &'a Member,
    switches: &'a Switches,
    flat: bool,
}

#[derive(Serialize)]
struct Status<'a> {
    status: &'a str,
    email: &'static str,
    mobile: &'static str,
}

impl<'a> MemberJson<'a> {
    pub(super) fn nested(list: &'a List, member: &'a Member, switches: &'a Switches) -> Self {
        Self { list, member, switches, flat: false }
    }

    pub(super) fn flat(list: &'a List, member: &'a Member, switches: &'a Switches) -> Self {
        Self { flat: true, ..Self::nested(list, member, switches) }
    }

    fn status(&self) -> Status<'_> {
        let status = match self.member.standing {
            Standing::Active => "active",
            Standing::Temporary => "temporary",
            Standing::Unsubscribed => &self.switches.unsubscribed_status,
        };
        Status { status, email: self.member.email_status.text(), mobile: "active" }
    }

    fn flat_value(&self, field: &Field) -> Value {
        let value = self.member.values.get(&field.id);
        let texts = value.map(FieldValue::texts).unwrap_or_default();
        let option = |text: &String| {
            let number: u64 = text.parse().unwrap_or_default();
            let label = field.options.get(&number);
            json!({ "id": id(number, self.switches), "label": label })
        };
        match field.format {
            Format::Multi => Value::Array(texts.iter().map(option).collect()),
            Format::Choice | Format::Shop => texts.first().map_or(Value::from(""), option),
            Format::Date if texts.is_empty() => Value::from("0000-00-00"),
            Format::Text | Format::Number | Format::Date | Format::Boolean | Format::Password => {
                Value::from(texts.first().map_or("", String::as_str))
            }
        }
    }
}

impl Serialize for MemberJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let member = self.member;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &member.id)?;
        map.serialize_entry("status", &self.status())?;
        map.serialize_entry("created_at", &stamp(member.created_at))?;
        map.serialize_entry("updated_at", &stamp(member.updated_at))?;
        let unsubscribed_at = member.unsubscribed_at.map(stamp);
        if self.flat {
            let never = || "0000-00-00 00:00:00".to_owned();
            map.serialize_entry("unsubscribed_at", &unsubscribed_at.unwrap_or_else(never))?;
            for field in self.list.fields.values().rev() {
                map.serialize_entry(&field.name, &self.flat_value(field))?;
            }
        } else {
            map.serialize_entry("unsubscribed_at", &unsubscribed_at)?;
            if self.list.fields.is_empty() && self.switches.empty_map_as_array {
                map.serialize_entry("fields", &[(); 0])?;
            } else {
                map.serialize_entry("fields", &NestedFields(self))?;
            }
        }
        map.end()
    }
}

struct NestedFields<'a>(&'a MemberJson<'a>);

impl Serialize for NestedFields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let MemberJson { list, member, .. } = self.0;
        let mut map = serializer.serialize_map(None)?;
        for field in list.fields.values() {
            if !list.seconds.contains(&field.id) {
                let value = member.values.get(&field.id);
                map.serialize_entry(&field.name, &NestedValue { field, value, of: self.0 })?;
            }
        }
        map.end()
    }
}

struct NestedValue<'a> {
    field: &'a Field,
    value: Option<&'a FieldValue>,
    of: &'a MemberJson<'a>,
}

impl Serialize for NestedValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.value {
            Some(value) => map.serialize_entry("value", value)?,
            None if self.field.format == Format::Multi => {
                map.serialize_entry("value", &[(); 0])?;
            }
            None => map.serialize_entry("value", "")?,
        }
        if self.field.format.has_options() {
            let chosen = self.value.map(FieldValue::texts).unwrap_or_default();
            let label = |text: &String| {
                let label = self.field.options.get(&text.parse().ok()?)?;
                Some((text.clone(), Value::from(label.as_str())))
            };
            let options: Map<String, Value> = chosen.iter().filter_map(label).collect();
            map.serialize_entry("options", &map_or_array(options, self.of.switches))?;
        }
        map.end()
    }
}
