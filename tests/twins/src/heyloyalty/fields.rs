//! The fields of a list: the fixed ones, and what a write makes of its `fields` (vendor file 3.3,
//! 3.4).

use serde_json::Value;

use super::model::{Field, FieldKind, Format, List};
use super::payload::{id_of, text_of};
use super::reply;
use super::state::Ids;
use super::switches::{PatchMatch, Switches};
use crate::reply::Reply;

/// Name, `type_id`, format; only 1, 2 and 3 are documented as `type_id`.
const FIXED: [(&str, u64, Format); 12] = [
    ("firstname", 1, Format::Text),
    ("lastname", 2, Format::Text),
    ("email", 3, Format::Text),
    ("mobile", 4, Format::Number),
    ("sex", 5, Format::Choice),
    ("birthdate", 6, Format::Date),
    ("address", 7, Format::Text),
    ("postalcode", 8, Format::Number),
    ("city", 9, Format::Text),
    ("country", 10, Format::Choice),
    ("password", 11, Format::Text),
    ("reference", 12, Format::Text),
];

const SEXES: [(u64, &str); 2] = [(1, "Male"), (2, "Female")];

const COUNTRIES: [(u64, &str); 6] = [
    (53, "Denmark"),
    (165, "Norway"),
    (215, "Sweden"),
    (237, "Germany"),
    (211, "United Kingdom"),
    (242, "United States"),
];

fn fixed_field(name: &str, ids: &mut Ids) -> Option<Field> {
    let (name, type_id, format) = FIXED.into_iter().find(|fixed| fixed.0 == name)?;
    let options: &[(u64, &str)] = match name {
        "sex" => &SEXES,
        "country" => &COUNTRIES,
        _ => &[],
    };
    Some(Field {
        id: ids.field(),
        kind: FieldKind::Fixed,
        type_id,
        format,
        name: name.to_owned(),
        label: name.to_owned(),
        fallback: String::new(),
        options: options.iter().map(|&(id, label)| (id, label.to_owned())).collect(),
    })
}

pub(super) fn custom_field(name: &str, label: &str, format: Format, labels: &[String], ids: &mut Ids) -> Field {
    Field {
        id: ids.field(),
        kind: FieldKind::Custom,
        type_id: format.custom_type_id(),
        format,
        name: name.to_owned(),
        label: label.to_owned(),
        fallback: String::new(),
        options: labels.iter().map(|label| (ids.option(), label.clone())).collect(),
    }
}

/// All twelve.
pub(super) fn fixed_fields(ids: &mut Ids) -> Vec<Field> {
    FIXED.iter().filter_map(|fixed| fixed_field(fixed.0, ids)).collect()
}

/// What one entry of `fields` asks for, already checked.
enum FieldEdit {
    CreateFixed(String),
    Create {
        name: String,
        label: Option<String>,
        fallback: Option<String>,
        format: Format,
        options: Vec<FieldOption>,
    },
    /// Fixed fields cannot be altered; naming one keeps it.
    Keep(u64),
    Change {
        id: u64,
        label: Option<String>,
        fallback: Option<String>,
        options: Vec<FieldOption>,
    },
}

struct FieldOption {
    id: Option<u64>,
    label: String,
}

/// All entries or none. Answers the ids of the fields that were named, new ones included.
pub(super) fn apply_fields(
    list: &mut List,
    raw: &Value,
    ids: &mut Ids,
    switches: &Switches,
) -> Result<Vec<u64>, Reply> {
    let Some(entries) = raw.as_array() else {
        return Err(reply::refused("fields must be a list"));
    };
    let mut edits = Vec::new();
    for entry in entries {
        edits.push(FieldEdit::read(entry, list, switches).map_err(reply::refused)?);
    }
    let is_new = |edit: &&FieldEdit| matches!(edit, FieldEdit::CreateFixed(_) | FieldEdit::Create { .. });
    let total = list.fields.len() + edits.iter().filter(is_new).count();
    if switches.max_fields.is_some_and(|most| total > most && total > list.fields.len()) {
        return Err(reply::refused("The list has too many fields"));
    }
    let match_names = switches.patch_match == PatchMatch::IdOrName;
    let named = edits.into_iter().filter_map(|edit| edit.apply(list, match_names, ids));
    let named = named.collect();
    list.reindex();
    Ok(named)
}

impl FieldEdit {
    fn read(raw: &Value, list: &List, switches: &Switches) -> Result<Self, String> {
        let text = |key: &str| raw.get(key).and_then(text_of);
        let name = text("name");
        match text("type").as_deref() {
            Some("fixed") => Self::read_fixed(&name.ok_or("A fixed field needs a name")?, list),
            Some("custom") => {
                let id = raw.get("id").map(|id| id_of(id).ok_or("A field id must be a number"));
                Self::read_custom(raw, id.transpose()?, name, list, switches)
            }
            _ => Err("A field's type must be fixed or custom".to_owned()),
        }
    }

    fn read_fixed(name: &str, list: &List) -> Result<Self, String> {
        if let Some(id) = list.fixed_id(name) {
            return Ok(Self::Keep(id));
        }
        if FIXED.iter().any(|fixed| fixed.0 == name) {
            return Ok(Self::CreateFixed(name.to_owned()));
        }
        Err(format!("{name} is not a fixed field"))
    }

    fn read_custom(
        raw: &Value,
        id: Option<u64>,
        name: Option<String>,
        list: &List,
        switches: &Switches,
    ) -> Result<Self, String> {
        let format = match raw.get("format").map(|format| format.as_str().unwrap_or_default()) {
            None => None,
            Some(text) => Some(Format::from_api(text).ok_or_else(|| format!("{text:?} is not a format"))?),
        };
        let label = raw.get("label").and_then(text_of);
        let fallback = raw.get("fallback").and_then(text_of);
        let options = options_of(raw.get("options"))?;
        let customs = || list.fields.values().filter(|field| field.kind == FieldKind::Custom);
        let by_name = || match switches.patch_match {
            PatchMatch::IdOrName => customs().find(|field| Some(&field.name) == name.as_ref()),
            PatchMatch::IdOnly => None,
        };
        let found = id.and_then(|id| customs().find(|field| field.id == id)).or_else(by_name);
        if let Some(field) = found {
            if format.is_some_and(|format| format != field.format) {
                return Err(format!("The format of {} cannot be changed", field.name));
            }
            return Ok(Self::Change { id: field.id, label, fallback, options });
        }
        if let Some(id) = id {
            return Err(format!("The list has no custom field {id}"));
        }
        let name = name.ok_or("A new field needs a name")?;
        if !is_field_name(&name) {
            return Err(format!("{name:?} is not a field name"));
        }
        Ok(Self::Create {
            format: format.ok_or_else(|| format!("The new field {name} needs a format"))?,
            name,
            label,
            fallback,
            options,
        })
    }

    fn apply(self, list: &mut List, match_names: bool, ids: &mut Ids) -> Option<u64> {
        let (id, label, fallback, options) = match self {
            Self::Keep(id) => return Some(id),
            Self::CreateFixed(name) => {
                let field = match list.fixed_id(&name) {
                    Some(id) => return Some(id),
                    None => fixed_field(&name, ids)?,
                };
                let id = field.id;
                list.fields.insert(id, field);
                return Some(id);
            }
            Self::Create { name, label, fallback, format, options } => {
                // An earlier entry of the same body may have created it.
                let twice = match_names.then(|| list.field(&name).map(|field| field.id)).flatten();
                let id = twice.unwrap_or_else(|| {
                    let field = custom_field(&name, &name, format, &[], ids);
                    let id = field.id;
                    list.fields.insert(id, field);
                    id
                });
                (id, label, fallback, options)
            }
            Self::Change { id, label, fallback, options } => (id, label, fallback, options),
        };
        let field = list.fields.get_mut(&id)?;
        field.label = label.unwrap_or_else(|| field.label.clone());
        field.fallback = fallback.unwrap_or_else(|| field.fallback.clone());
        if field.format.has_options() {
            for option in options {
                option.apply(field, ids);
            }
        }
        Some(id)
    }
}

impl FieldOption {
    /// Relabels the option of that id, else adds the label unless it is there. Options not named
    /// stay.
    fn apply(self, field: &mut Field, ids: &mut Ids) {
        if let Some(label) = self.id.and_then(|id| field.options.get_mut(&id)) {
            *label = self.label;
        } else if !field.options.values().any(|label| *label == self.label) {
            field.options.insert(ids.option(), self.label);
        }
    }
}

fn options_of(raw: Option<&Value>) -> Result<Vec<FieldOption>, String> {
    let entries = match raw {
        None => return Ok(Vec::new()),
        Some(Value::Array(entries)) => entries,
        Some(_) => return Err("options must be a list".to_owned()),
    };
    let read = |entry: &Value| {
        let label = entry.get("label").and_then(text_of).ok_or("An option needs a label")?;
        let id = entry.get("id").and_then(id_of);
        Ok(FieldOption { id, label })
    };
    entries.iter().map(read).collect()
}

/// The rule is not documented (Q7): letters, digits, underscore, 50 characters cover all that
/// occurs. The fixed names are taken.
fn is_field_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.len() <= 50
        && !FIXED.iter().any(|fixed| fixed.0 == name)
}
