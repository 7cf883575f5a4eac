//! `/services2/api/Import`, the Batch Import: a file that a Data Map leads into a table, applied later with the
//! values as they were, over whatever was written meanwhile (vendor file 6).

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::data::{Problem, message};
use super::load::{Deed, LoadSource, LoadView, Record};
use super::options::Rules;
use super::pages::{number, parameters};
use super::state::State;
use super::switches::ImportEnds;
use crate::reply::Reply;
use crate::serve::Call;

const MEMBERS: [&str; 8] =
    ["cust_id", "prop_map_id", "type_id", "import_file", "hierarchy_id", "ncoa_process_id", "task_priority", "obj"];

/// How the columns of a file become columns of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedDataMap {
    /// System name of the table.
    pub table: String,
    /// Name in the file's header → column. What the map does not name is left out.
    pub columns: BTreeMap<String, String>,
}

impl SeedDataMap {
    /// The file's header has the columns' own names.
    pub fn same_names(table: &str, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|name| ((*name).to_owned(), (*name).to_owned()));
        Self { table: table.to_owned(), columns: columns.collect() }
    }
}

/// Where an import stands; only `DONE` is documented, the other words are the twin's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ImportStatus {
    /// Accepted; the first half of the time until it is applied.
    Waiting,
    /// The second half.
    Running,
    /// Applied.
    Done,
    /// It ended without being applied.
    Failed,
}

/// An accepted import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportView {
    /// As the API answered it.
    pub id: u64,
    /// `obj.display_name`.
    pub name: String,
    /// The Data Map.
    pub data_map: u64,
    /// System name of the table.
    pub table: String,
    /// `task_priority`; a greater one is applied first of those due at the same time.
    pub priority: i64,
    /// `obj.parent_obj_id`.
    pub folder: Option<u64>,
    /// When it was accepted, on the twin's clock.
    pub accepted_at: Timestamp,
    /// When it is applied, or fails.
    pub due_at: Timestamp,
    /// How it ends.
    pub ends: ImportEnds,
    /// Data rows of the file.
    pub rows: u64,
    /// Bytes of the file, before Base64.
    pub bytes: u64,
}

impl ImportView {
    /// Where it stands at `now`; `applied` once its rows are in the table.
    fn status(&self, now: Timestamp, applied: bool) -> ImportStatus {
        let half = self.due_at.duration_since(self.accepted_at) / 2;
        let is_over = now >= self.due_at;
        match self.ends {
            ImportEnds::Done if applied => ImportStatus::Done,
            ImportEnds::Fails if is_over => ImportStatus::Failed,
            ImportEnds::Done | ImportEnds::Fails | ImportEnds::Never => {
                if now.duration_since(self.accepted_at) < half {
                    ImportStatus::Waiting
                } else {
                    ImportStatus::Running
                }
            }
        }
    }
}

impl State {
    pub(super) fn import_reply(&mut self, call: &Call, client_id: u64) -> Reply {
        let body = match self.json_body(call) {
            Ok(body) => body,
            Err(reply) => return reply,
        };
        let reply = self.read_import(&body, client_id).map(|(view, records)| self.accept_import(view, records));
        self.answered(call, reply)
    }

    fn accept_import(&mut self, view: ImportView, records: Vec<Record>) -> Reply {
        self.desk.counters.imports += 1;
        match view.ends {
            ImportEnds::Done => {
                let delay = view.due_at.duration_since(view.accepted_at);
                self.desk.counters.imported_rows += view.rows;
                self.schedule(LoadSource::Import(view.id), delay, view.priority, records, Rules::default());
            }
            ImportEnds::Fails | ImportEnds::Never => {}
        }
        let reply = Reply::json(200, &json!({ "import_id": view.id, "status_id": ImportStatus::Waiting }));
        self.imports.insert(view.id, view);
        reply
    }

    fn read_import(&mut self, body: &Map<String, Value>, client_id: u64) -> Result<(ImportView, Vec<Record>), Problem> {
        known(body, &MEMBERS)?;
        if body.get("cust_id").and_then(Value::as_u64) != Some(client_id) {
            return Err(refused("cust_id is not the customer of this key."));
        }
        if body.get("type_id").and_then(Value::as_str) != Some("FILE") {
            return Err(refused("type_id must be FILE."));
        }
        let data_map = body.get("prop_map_id").and_then(Value::as_u64);
        let found = data_map.and_then(|id| Some((id, self.data_maps.get(&id)?)));
        let (data_map, map) = found.ok_or_else(|| refused("prop_map_id is not a Data Map."))?;
        let obj = body.get("obj").and_then(Value::as_object).ok_or_else(|| refused("obj must be an object."))?;
        known(obj, &["display_name", "parent_obj_id"])?;
        let name = obj.get("display_name").and_then(Value::as_str).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| refused("obj.display_name is required."))?;
        let folder = obj.get("parent_obj_id").map(|id| {
            let known = id.as_u64().filter(|id| self.folders.contains(id));
            known.ok_or_else(|| refused("obj.parent_obj_id is not a folder."))
        });
        let folder = folder.transpose()?;
        let priority = body.get("task_priority").map_or(Some(0), Value::as_i64);
        let priority = priority.ok_or_else(|| refused("task_priority must be a number."))?;
        let file = file(body.get("import_file"))?;
        let records = records(&file, map)?;
        let now = self.desk.now;
        let delay = SignedDuration::from_secs(i64::from(self.desk.switches.import_delay_seconds));
        let (name, table) = (name.to_owned(), map.table.clone());
        let view = ImportView {
            id: self.ids.import(),
            name,
            data_map,
            table,
            priority,
            folder,
            accepted_at: now,
            due_at: now.saturating_add(delay).unwrap_or(now),
            ends: self.desk.switches.import_ends,
            rows: u64::try_from(records.len()).unwrap_or(u64::MAX),
            bytes: u64::try_from(file.len()).unwrap_or(u64::MAX),
        };
        Ok((view, records))
    }

    pub(super) fn import_status_reply(&mut self, call: &Call, client_id: u64) -> Reply {
        let name = self.desk.switches.import_id_parameter.clone();
        let reply = parameters(&call.query, &[&name]).and_then(|parameters| {
            let id = number(&parameters, &name)?.ok_or_else(|| refused(format!("{name} is required.")))?;
            Ok(match self.imports.get(&id) {
                Some(import) => self.import_json(import, client_id),
                None => message(404, "The import was not found."),
            })
        });
        self.answered(call, reply)
    }

    fn import_json(&self, import: &ImportView, client_id: u64) -> Reply {
        let load = self.loads.iter().find(|load| load.source == LoadSource::Import(import.id));
        let applied = load.is_some_and(|load| load.applied_at.is_some());
        let status = import.status(self.desk.now, applied);
        let parsed = if status == ImportStatus::Waiting { 0 } else { import.rows };
        Reply::json(
            200,
            &json!({
                "import_id": import.id,
                "import_name": import.name,
                "cust_id": client_id,
                "prop_map_id": import.data_map,
                "type_id": "FILE",
                "status_id": status,
                "import_file": format!("import_{}.txt", import.id),
                "hierarchy_id": null,
                "task_priority": import.priority,
                "importPreviewFlags": {
                    "import_id": import.id, "skip_loaded_preview": 0, "skip_parsed_preview": 0,
                },
                "parsed_rows": parsed,
                "cleansed_rows": load.map_or(0, loaded_rows),
            }),
        )
    }

    /// Where an import stands; absent where there is no such import.
    pub(super) fn import_status(&self, id: u64) -> Option<ImportStatus> {
        let import = self.imports.get(&id)?;
        let load = self.loads.iter().find(|load| load.source == LoadSource::Import(id));
        Some(import.status(self.desk.now, load.is_some_and(|load| load.applied_at.is_some())))
    }
}

fn loaded_rows(load: &LoadView) -> usize {
    load.records.iter().filter(|record| !matches!(record.deed, Deed::Dropped(_))).count()
}

fn known(object: &Map<String, Value>, members: &[&str]) -> Result<(), Problem> {
    match object.keys().find(|name| !members.contains(&name.as_str())) {
        Some(name) => Err(Problem::Unexpected(format!("the member {name}"))),
        None => Ok(()),
    }
}

/// The bytes of `import_file`; the twin reads CSV in UTF-8 only.
fn file(member: Option<&Value>) -> Result<Vec<u8>, Problem> {
    let member = member.and_then(Value::as_object).ok_or_else(|| refused("import_file must be an object."))?;
    known(member, &["encoding", "file"])?;
    let encoding = member.get("encoding").and_then(Value::as_str).unwrap_or_default();
    if !encoding.eq_ignore_ascii_case("utf-8") {
        return Err(Problem::Unexpected(format!("the encoding {encoding}, which this twin does not read")));
    }
    let text = member.get("file").and_then(Value::as_str).unwrap_or_default();
    let bytes = STANDARD.decode(text).map_err(|_| refused("import_file.file is not Base64."))?;
    if bytes.is_empty() { Err(refused("import_file.file is empty.")) } else { Ok(bytes) }
}

fn records(file: &[u8], map: &SeedDataMap) -> Result<Vec<Record>, Problem> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file);
    let unreadable = |error: csv::Error| refused(format!("The file cannot be read: {error}"));
    let header: Vec<Option<String>> =
        reader.headers().map_err(unreadable)?.iter().map(|name| map.columns.get(name).cloned()).collect();
    let mut records = Vec::new();
    for row in reader.records() {
        let row = row.map_err(unreadable)?;
        let mapped = header.iter().zip(row.iter());
        let cells = mapped.filter_map(|(name, cell)| Some((name.clone()?, cell.to_owned())));
        records.push(Record { table: map.table.clone(), cells: cells.collect(), ..Record::default() });
    }
    Ok(records)
}

fn refused(message: impl Into<String>) -> Problem {
    Problem::Refused(message.into())
}
