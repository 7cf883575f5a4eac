//! `GET /services2/api/SearchRecords`: the way to read back (vendor file 5.2).

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::data::{Problem, message};
use super::model::{Cell, Column, DataType, Row, Table};
use super::pages::{number, page, parameters, size};
use super::state::State;
use super::tables::Wanted;
use crate::reply::Reply;
use crate::serve::Call;

const KNOWN: [&str; 9] =
    ["recordId", "viewId", "viewName", "prop", "columnName", "operation", "param", "count", "page"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Operation {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "=" | "eq" => Some(Self::Equal),
            "lt" => Some(Self::Less),
            "lte" => Some(Self::LessOrEqual),
            "gt" => Some(Self::Greater),
            "gte" => Some(Self::GreaterOrEqual),
            _ => None,
        }
    }

    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

impl State {
    pub(super) fn search_reply(&mut self, call: &Call) -> Reply {
        let reply = parameters(&call.query, &KNOWN).and_then(|parameters| self.search(&parameters));
        self.answered(call, reply)
    }

    fn search(&self, parameters: &BTreeMap<String, String>) -> Result<Reply, Problem> {
        let view = match (parameters.get("viewId"), parameters.get("viewName")) {
            (Some(id), None) => Wanted::id(id)?,
            (None, Some(name)) => Wanted::Name(name),
            (Some(_), Some(_)) | (None, None) => {
                return Err(Problem::Unexpected("not exactly one of viewId and viewName".to_owned()));
            }
        };
        let Some((_, table)) = self.view(view) else {
            return Ok(message(404, "The table was not found."));
        };
        let wanted = wanted(table, required(parameters, "prop")?)?;
        let hits = hits(table, parameters)?;
        if hits.is_empty() {
            return Ok(message(self.desk.switches.search_no_match_status, "No results for input"));
        }
        let (number, size) = (number(parameters, "page")?, size(parameters, &self.desk.switches)?);
        let shown = page(&hits, number, size, &self.desk.switches)?;
        let shown: Vec<Value> = shown.iter().map(|(id, row)| record_json(**id, row, &wanted)).collect();
        Ok(Reply::json(200, &shown))
    }
}

fn required<'a>(parameters: &'a BTreeMap<String, String>, name: &str) -> Result<&'a str, Problem> {
    let value = parameters.get(name).filter(|value| !value.is_empty());
    value.map(String::as_str).ok_or_else(|| Problem::Refused(format!("{name} is required.")))
}

fn column<'a>(table: &'a Table, name: &str) -> Result<&'a Column, Problem> {
    table.column(name).ok_or_else(|| Problem::Refused(format!("Unknown column {name}.")))
}

fn wanted<'a>(table: &'a Table, names: &str) -> Result<Vec<&'a Column>, Problem> {
    names.split(',').map(|name| column(table, name)).collect()
}

fn hits<'a>(table: &'a Table, parameters: &BTreeMap<String, String>) -> Result<Vec<(&'a u64, &'a Row)>, Problem> {
    if let Some(id) = number(parameters, "recordId")? {
        if ["columnName", "operation", "param"].iter().any(|name| parameters.contains_key(*name)) {
            return Err(Problem::Unexpected("a condition beside recordId".to_owned()));
        }
        return Ok(table.rows.get_key_value(&id).into_iter().collect());
    }
    let column = column(table, required(parameters, "columnName")?)?;
    let operation = required(parameters, "operation")?;
    let operation = Operation::parse(operation);
    let operation = operation.ok_or_else(|| Problem::Refused("Unknown operation.".to_owned()))?;
    let param = required(parameters, "param")?;
    let matches = |row: &Row| {
        let cell = row.cells.get(&column.name);
        cell.is_some_and(|cell| texts(cell).iter().any(|text| operation.holds(compare(column.data_type, text, param))))
    };
    Ok(table.rows.iter().filter(|(_, row)| matches(row)).collect())
}

fn texts(cell: &Cell) -> &[String] {
    match cell {
        Cell::One(text) => std::slice::from_ref(text),
        Cell::Many(texts) => texts,
    }
}

/// Numbers by value, all else as text without its case; dates are kept in a form whose order is theirs.
fn compare(data_type: DataType, kept: &str, asked: &str) -> Ordering {
    let as_text = || kept.to_lowercase().cmp(&asked.to_lowercase());
    match data_type {
        DataType::Decimal | DataType::Integer | DataType::BigInteger | DataType::Preference => {
            match (kept.parse::<f64>(), asked.parse::<f64>()) {
                (Ok(kept), Ok(asked)) => kept.total_cmp(&asked),
                (Ok(_) | Err(_), Err(_)) | (Err(_), Ok(_)) => as_text(),
            }
        }
        DataType::String
        | DataType::LongString
        | DataType::DateTime
        | DataType::Email
        | DataType::Phone
        | DataType::ChannelId => as_text(),
    }
}

/// An empty column is `null`: a client that expects text everywhere is seen.
fn record_json(id: u64, row: &Row, wanted: &[&Column]) -> Value {
    let property = |column: &&Column| {
        let value = row.cells.get(&column.name).map(Cell::text);
        json!({ "propName": column.name, "value": value })
    };
    json!({ "id": id, "properties": wanted.iter().map(property).collect::<Vec<_>>() })
}
