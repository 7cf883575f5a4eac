//! `POST /services2/api/Data`, the Advanced Data Load: from a body to a load (vendor file 4 and 10.1).

use serde_json::{Map, Value, json};

use super::load::{LoadSource, Record};
use super::model::{SeedJoin, Table};
use super::options::{Reading, Rules};
use super::state::State;
use super::switches::{BadRecord, SuccessBody};
use super::values;
use crate::reply::Reply;
use crate::serve::Call;

/// Why a payload is not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// 400; the sentence names the offender.
    Refused(String),
    /// No client may send this.
    Unexpected(String),
}

/// All that a data load is made of.
const MEMBERS: [&str; 2] = ["_data", "_importOptions"];

/// How far joins may lead from the root.
const DEEPEST: usize = 4;

struct Payload {
    records: Vec<Record>,
    rules: Rules,
    /// Sentences on the records that are not among `records`.
    bad: Vec<String>,
}

impl State {
    pub(super) fn data_reply(&mut self, call: &Call) -> Reply {
        if call.method != "POST" {
            return message(405, "The requested resource does not support this method.");
        }
        let body = match self.json_body(call) {
            Ok(body) => body,
            Err(reply) => return reply,
        };
        let payload = match self.read_payload(&body) {
            Ok(payload) => payload,
            Err(Problem::Refused(sentence)) => return message(400, &sentence),
            Err(Problem::Unexpected(what)) => return self.unexpected(call, &what),
        };
        self.desk.counters.bad_records += u64::try_from(payload.bad.len()).unwrap_or(u64::MAX);
        if !payload.records.is_empty() {
            self.accept_load(LoadSource::AdvancedDataLoad, payload.records, payload.rules);
        }
        match (payload.bad.first(), self.desk.switches.bad_record) {
            (Some(sentence), BadRecord::RefusesAll | BadRecord::OthersLoad) => message(400, sentence),
            (Some(_), BadRecord::PassesSilently) | (None, _) => self.success(),
        }
    }

    fn success(&self) -> Reply {
        match self.desk.switches.success_body {
            SuccessBody::Json => Reply::json(200, &json!({ "status": "accepted" })),
            SuccessBody::Empty => Reply::empty(200),
            SuccessBody::Text => Reply::text(200, "text/html", "Data saved and pending processing.".to_owned()),
        }
    }

    /// The JSON object of a body that is not too large.
    pub(super) fn json_body(&mut self, call: &Call) -> Result<Map<String, Value>, Reply> {
        let media = call.media_type();
        if media.ends_with("/xml") {
            return Err(self.unexpected(call, "XML, which this twin does not read"));
        }
        if media != "application/json" {
            return Err(message(400, "The content type is not supported."));
        }
        let body = call.body.as_ref().map_err(|error| message(400, error))?;
        if body.len() > self.desk.switches.max_body_mib.saturating_mul(1024 * 1024) {
            return Err(message(413, "The request is too large."));
        }
        serde_json::from_slice(body).map_err(|error| message(400, &format!("The body is not a JSON object: {error}")))
    }

    fn read_payload(&self, body: &Map<String, Value>) -> Result<Payload, Problem> {
        let foreign = |name: &&String| !name.starts_with('_') || *name == "_campaignMetadata";
        if let Some(name) = body.keys().find(foreign) {
            return Err(Problem::Unexpected(format!("the member {name}, which is not of a data load")));
        }
        let data = body.get("_data").and_then(Value::as_object);
        let data = data.ok_or_else(|| refused("_data must be an object."))?;
        let mut roots = data.iter();
        let (Some((name, rows)), None) = (roots.next(), roots.next()) else {
            return Err(refused("_data must have exactly one table."));
        };
        let table = self.tables.get(name).ok_or_else(|| refused(format!("Unknown table {name}.")))?;
        if table.read_only {
            return Err(refused(format!("Table {name} cannot be loaded.")));
        }
        let rows = rows.as_array().ok_or_else(|| refused(format!("Table {name} must be an array.")))?;
        if rows.is_empty() {
            return Err(refused(format!("Table {name} has no records.")));
        }
        if rows.len() > self.desk.switches.max_root_records {
            return Err(refused(format!("Table {name} has too many records in one request.")));
        }
        let mut bad = Vec::new();
        let mut records = Vec::new();
        for row in rows {
            match self.record(table, row, &[], 0) {
                Ok(record) => records.push(record),
                Err(sentence) if self.desk.switches.bad_record == BadRecord::RefusesAll => {
                    return Err(refused(sentence));
                }
                Err(sentence) => bad.push(sentence),
            }
        }
        let (mut tables, mut joins) = (vec![name.clone()], Vec::new());
        for record in &records {
            record.name_all(&mut tables, &mut joins);
        }
        let reading = Reading { state: self, tables: &tables, joins: &joins };
        let rules = reading.read(body.get("_importOptions"))?;
        match body.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
            Some(name) => Err(refused(format!("Unknown member {name}."))),
            None => Ok(Payload { records, rules, bad }),
        }
    }

    /// `supplied` columns get their values through the join that led here. `Err` is the sentence for a 400.
    fn record(&self, table: &Table, row: &Value, supplied: &[&str], depth: usize) -> Result<Record, String> {
        let members = row.as_object().ok_or_else(|| format!("A record of table {} is not an object.", table.name))?;
        if depth > DEEPEST {
            return Err(format!("Table {} is joined too deeply.", table.name));
        }
        let mut record = Record { table: table.name.clone(), ..Record::default() };
        for (name, _) in members.iter().filter(|(_, value)| !is_joined(value)) {
            table.column(name).ok_or_else(|| format!("Unknown column {name}."))?;
        }
        let from_parents =
            self.joins.iter().filter(|join| join.child == table.name && members.contains_key(&join.name));
        let joined: Vec<&str> =
            from_parents.map(|join| join.child_column.as_str()).chain(supplied.iter().copied()).collect();
        require_identifiers(table, members, &joined)?;
        for (name, value) in members.iter().filter(|(_, value)| is_joined(value)) {
            self.join(table, name, value, depth, &mut record)?;
        }
        for (name, value) in members {
            if let Some(column) = table.column(name) {
                let text = values::text_of(name, value, &self.desk.switches)?;
                values::check(column, &text, &self.desk.switches)?;
                record.cells.insert(name.clone(), text);
            }
        }
        Ok(record)
    }

    /// An object is the record's parent, an array its children.
    fn join(&self, table: &Table, name: &str, value: &Value, depth: usize, record: &mut Record) -> Result<(), String> {
        let unknown = || format!("Unknown join {name}.");
        if let Value::Array(rows) = value {
            let leads = |join: &&SeedJoin| join.parent == table.name && format!("{}.{}", join.child, join.name) == name;
            let join = self.joins.iter().find(leads).ok_or_else(unknown)?;
            let child = self.tables.get(&join.child).ok_or_else(unknown)?;
            for row in rows {
                let read = self.record(child, row, &[&join.child_column], depth + 1)?;
                record.children.push((join.name.clone(), read));
            }
            return Ok(());
        }
        let leads = |join: &&SeedJoin| join.child == table.name && join.name == name;
        let join = self.joins.iter().find(leads).ok_or_else(unknown)?;
        let parent = self.tables.get(&join.parent).ok_or_else(unknown)?;
        record.parents.push((join.name.clone(), self.record(parent, value, &[], depth + 1)?));
        Ok(())
    }
}

fn is_joined(value: &Value) -> bool {
    value.is_object() || value.is_array()
}

fn require_identifiers(table: &Table, members: &Map<String, Value>, joined: &[&str]) -> Result<(), String> {
    if table.identifiers().next().is_none() {
        return Err(format!("Table {} has no unique identifier.", table.name));
    }
    let missing = table.identifiers().find(|column| {
        let value = members.get(&column.name).filter(|value| !value.is_null());
        let given = value.is_some_and(|value| value.as_str().is_none_or(|text| !text.trim().is_empty()));
        !given && !joined.contains(&column.name.as_str())
    });
    match missing {
        Some(column) => Err(format!("Unique identifier {} is missing.", column.name)),
        None => Ok(()),
    }
}

/// An error of every resource but the token's.
pub(super) fn message(status: u16, text: &str) -> Reply {
    Reply::json(status, &json!({ "message": text }))
}

fn refused(message: impl Into<String>) -> Problem {
    Problem::Refused(message.into())
}
