//! `_importOptions` (vendor file 4.4).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::data::Problem;
use super::state::State;
use super::switches::LateOptions;

/// The rules of one call, by table.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules(BTreeMap<String, TableRules>);

#[derive(Debug, Clone, Default)]
struct TableRules {
    do_not_update_existing: bool,
    all: FieldRules,
    fields: BTreeMap<String, FieldRules>,
}

/// What holds for one column.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FieldRules {
    pub preserve_data: bool,
    pub insert_null: bool,
    pub case_sensitive: bool,
    pub ignore_ban_list: bool,
    pub preserve_opt_out: bool,
    pub append_multi_value: bool,
}

impl Rules {
    pub(super) fn do_not_update_existing(&self, table: &str) -> bool {
        self.0.get(table).is_some_and(|rules| rules.do_not_update_existing)
    }

    pub(super) fn of(&self, table: &str, column: &str) -> FieldRules {
        let Some(rules) = self.0.get(table) else {
            return FieldRules::default();
        };
        rules.fields.get(column).map_or(rules.all, |field| field.with(rules.all))
    }
}

impl FieldRules {
    fn with(self, other: Self) -> Self {
        Self {
            preserve_data: self.preserve_data || other.preserve_data,
            insert_null: self.insert_null || other.insert_null,
            case_sensitive: self.case_sensitive || other.case_sensitive,
            ignore_ban_list: self.ignore_ban_list || other.ignore_ban_list,
            preserve_opt_out: self.preserve_opt_out || other.preserve_opt_out,
            append_multi_value: self.append_multi_value || other.append_multi_value,
        }
    }

    /// The flag of an option that belongs among the field options.
    fn flag(&mut self, name: &str) -> Option<&mut bool> {
        match name {
            "_preserveData" => Some(&mut self.preserve_data),
            "_insertNull" => Some(&mut self.insert_null),
            "_caseSensitive" => Some(&mut self.case_sensitive),
            _ => None,
        }
    }

    /// The flag of an option whose place is not documented.
    fn late_flag(&mut self, name: &str) -> Option<&mut bool> {
        match name {
            "_ignoreBanList" => Some(&mut self.ignore_ban_list),
            "_preserveOptOut" => Some(&mut self.preserve_opt_out),
            "_appendMultiValue" => Some(&mut self.append_multi_value),
            _ => None,
        }
    }
}

/// Options as they are read, for the tables and joins of a payload.
pub(super) struct Reading<'a> {
    pub state: &'a State,
    /// System names of the tables in the payload.
    pub tables: &'a [String],
    /// Names of the joins in the payload.
    pub joins: &'a [String],
}

impl Reading<'_> {
    pub(super) fn read(&self, options: Option<&Value>) -> Result<Rules, Problem> {
        let mut rules = Rules::default();
        let Some(options) = options else {
            return Ok(rules);
        };
        let entries = options.as_array().ok_or_else(|| refused("_importOptions must be an array."))?;
        for entry in entries {
            let entry = entry.as_object().ok_or_else(|| refused("_importOptions must contain objects."))?;
            let table = entry.get("_table").and_then(Value::as_str);
            let table = table.ok_or_else(|| refused("_table is missing in _importOptions."))?;
            if !self.tables.iter().any(|known| known == table) {
                return Err(refused(format!("_table {table} is not in the payload.")));
            }
            let read = self.table(table, entry)?;
            rules.0.insert(table.to_owned(), read);
        }
        Ok(rules)
    }

    fn table(&self, table: &str, entry: &Map<String, Value>) -> Result<TableRules, Problem> {
        let mut rules = TableRules::default();
        let beside = self.state.desk.switches.late_field_options == LateOptions::Beside;
        for (name, value) in entry {
            match name.as_str() {
                "_table" => {}
                "_join" => self.join(value)?,
                "_doNotUpdateExisting" => rules.do_not_update_existing = flag(name, value)?,
                "_fieldOptions" => rules.fields = self.fields(table, value)?,
                "_minimalImport" => {
                    return Err(Problem::Unexpected("_minimalImport, whose meaning is not documented".to_owned()));
                }
                other => match rules.all.late_flag(other).filter(|_| beside) {
                    Some(slot) => *slot = flag(name, value)?,
                    None => return Err(unknown(name)),
                },
            }
        }
        Ok(rules)
    }

    fn join(&self, value: &Value) -> Result<(), Problem> {
        let known = value.as_str().is_some_and(|name| self.joins.iter().any(|join| join == name));
        if known { Ok(()) } else { Err(refused(format!("_join {value} is not in the payload."))) }
    }

    fn fields(&self, table: &str, value: &Value) -> Result<BTreeMap<String, FieldRules>, Problem> {
        let entries = value.as_array().ok_or_else(|| refused("_fieldOptions must be an array."))?;
        let mut fields: BTreeMap<String, FieldRules> = BTreeMap::new();
        for entry in entries {
            let entry = entry.as_object().ok_or_else(|| refused("_fieldOptions must contain objects."))?;
            let columns = self.columns(table, entry.get("_applyToFields"))?;
            let rules = self.field_rules(entry)?;
            for column in columns {
                let slot = fields.entry(column).or_default();
                *slot = slot.with(rules);
            }
        }
        Ok(fields)
    }

    fn columns(&self, table: &str, value: Option<&Value>) -> Result<Vec<String>, Problem> {
        let names = value.and_then(Value::as_array).ok_or_else(|| refused("_applyToFields must be an array."))?;
        let table = self.state.tables.get(table);
        let column = |name: &Value| {
            let known = name.as_str().filter(|name| table.is_some_and(|table| table.column(name).is_some()));
            known.map(str::to_owned).ok_or_else(|| refused(format!("_applyToFields has an unknown column {name}.")))
        };
        names.iter().map(column).collect()
    }

    fn field_rules(&self, entry: &Map<String, Value>) -> Result<FieldRules, Problem> {
        let inside = self.state.desk.switches.late_field_options == LateOptions::Inside;
        let mut rules = FieldRules::default();
        for (name, value) in entry.iter().filter(|(name, _)| *name != "_applyToFields") {
            let set = flag(name, value);
            if let Some(slot) = rules.flag(name) {
                *slot = set?;
            } else if let Some(slot) = rules.late_flag(name).filter(|_| inside) {
                *slot = set?;
            } else {
                return Err(unknown(name));
            }
        }
        Ok(rules)
    }
}

fn flag(name: &str, value: &Value) -> Result<bool, Problem> {
    value.as_bool().ok_or_else(|| refused(format!("{name} must be a boolean.")))
}

fn unknown(name: &str) -> Problem {
    refused(format!("Unknown member {name}."))
}

fn refused(message: impl Into<String>) -> Problem {
    Problem::Refused(message.into())
}
