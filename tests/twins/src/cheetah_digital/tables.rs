//! `GET /services2/api/Table`: tables and their columns, without types and keys (vendor file 5.1).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::data::{Problem, message};
use super::model::{Column, Table, View};
use super::pages::{number, page, parameters, size};
use super::state::State;
use super::switches::{Switches, TableIndex};
use crate::reply::Reply;
use crate::serve::Call;

impl State {
    pub(super) fn tables_reply(&mut self, call: &Call) -> Reply {
        let Switches { table_id_parameter: id, table_name_parameter: name, .. } = self.desk.switches.clone();
        let read = parameters(&call.query, &[&id, &name, "count", "page", "index"]);
        let reply = read.and_then(|parameters| match (parameters.get(&id), parameters.get(&name)) {
            (None, None) => self.all_tables(&parameters),
            (Some(id), None) => self.columns(Wanted::id(id)?, &parameters),
            (None, Some(name)) => self.columns(Wanted::Name(name), &parameters),
            (Some(_), Some(_)) => Err(Problem::Unexpected("a table named twice".to_owned())),
        });
        self.answered(call, reply)
    }

    fn all_tables(&self, parameters: &BTreeMap<String, String>) -> Result<Reply, Problem> {
        if parameters.contains_key("page") {
            return Err(Problem::Unexpected("page, where tables are paged by index".to_owned()));
        }
        let mut all = Vec::new();
        for table in self.tables.values() {
            all.extend(table.views.iter().map(|view| (view, table)));
        }
        all.sort_by_key(|(view, _)| view.view_id);
        let (index, size) = (number(parameters, "index")?, size(parameters, &self.desk.switches)?);
        let shown = match self.desk.switches.table_index {
            TableIndex::Page => page(&all, index, size, &self.desk.switches)?,
            TableIndex::Offset => {
                let rest = all.get(usize::try_from(index.unwrap_or(0)).unwrap_or(usize::MAX)..).unwrap_or_default();
                rest.get(..size).unwrap_or(rest)
            }
        };
        let shown: Vec<Value> = shown
            .iter()
            .map(|(view, table)| {
                json!({
                    "viewId": view.view_id,
                    "viewName": view.name,
                    "entityId": table.entity_id,
                    "tableName": table.name,
                })
            })
            .collect();
        Ok(self.listed(shown))
    }

    fn listed(&self, rows: Vec<Value>) -> Reply {
        match &self.desk.switches.table_wrapper {
            Some(wrapper) => Reply::json(200, &json!({ wrapper: rows })),
            None => Reply::json(200, &rows),
        }
    }

    fn columns(&self, wanted: Wanted<'_>, parameters: &BTreeMap<String, String>) -> Result<Reply, Problem> {
        if parameters.contains_key("index") {
            return Err(Problem::Unexpected("index, where columns are paged by page".to_owned()));
        }
        let Some((view_id, table)) = self.view(wanted) else {
            return Ok(message(404, "The table was not found."));
        };
        let (number, size) = (number(parameters, "page")?, size(parameters, &self.desk.switches)?);
        let shown = page(&table.columns, number, size, &self.desk.switches)?;
        Ok(self.listed(shown.iter().map(|column| self.column_json(view_id, table, column)).collect()))
    }

    fn column_json(&self, view_id: u64, table: &Table, column: &Column) -> Value {
        let mut shown = json!({
            "viewId": view_id,
            "entityId": table.entity_id,
            "displayName": column.display_name,
            "propId": column.prop_id,
            "columnName": column.name,
        });
        if self.desk.switches.table_reveals_types {
            shown["dataType"] = json!(column.data_type);
            shown["isUniqueIdentifier"] = json!(column.identifier);
        }
        shown
    }

    /// The table of a view, and the view's id.
    pub(super) fn view(&self, wanted: Wanted<'_>) -> Option<(u64, &Table)> {
        let is_wanted = |view: &&View| match wanted {
            Wanted::Id(id) => view.view_id == id,
            Wanted::Name(name) => view.name == name,
        };
        self.tables.values().find_map(|table| table.views.iter().find(is_wanted).map(|view| (view.view_id, table)))
    }
}

/// How a view is named.
#[derive(Clone, Copy)]
pub(super) enum Wanted<'a> {
    Id(u64),
    /// The display name, exact and whole.
    Name(&'a str),
}

impl Wanted<'_> {
    pub(super) fn id(text: &str) -> Result<Self, Problem> {
        text.parse().map(Self::Id).map_err(|_| Problem::Refused("The id of a table is a number.".to_owned()))
    }
}
