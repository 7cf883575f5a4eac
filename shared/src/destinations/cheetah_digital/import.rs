//! Many people at once by Batch Import: which rows a file can say safely, the files, and what became of them.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::client::{Api, Imported, Progress};
use super::config::{BatchImport, Settings};
use super::mapping::Record;
use super::read_back::Reader;
use super::{Load, halts};
use crate::destination::{
    Action, Confirmed, Context, Failure, Item, ItemId, Landed, Landing, ReadBack, Seen, Taken, Time, Verdict, Verdicts,
};
use crate::model::Reason;

/// People who are looked up where an import says that everything was loaded: a Data Map that leaves a column out leaves
/// it out of every row.
const SAMPLE: usize = 3;

/// What an import is asked for by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Handle {
    /// Its number; none where the answer that took it could not be read.
    import: Option<u64>,
    /// Rows that it had.
    rows: u64,
}

/// Loads that go by file, those of the same columns together.
type Files<'l, 'i> = Vec<Vec<&'l Load<'i>>>;

/// Sorts out what goes by file. An empty cell may empty its column or leave it, so a file has rows of the same columns
/// only, and rows whose columns few others have go by single calls.
pub(super) fn sort_out<'l, 'i>(
    loads: &'l [Load<'i>],
    settings: &Settings,
    batch_import: &BatchImport,
) -> (Files<'l, 'i>, Vec<&'l Load<'i>>) {
    let (fit, mut singly): (Vec<&Load<'_>>, Vec<&Load<'_>>) = loads.iter().partition(|load| fits(load, settings));
    let mut by_columns: BTreeMap<Vec<&str>, Vec<&Load<'_>>> = BTreeMap::new();
    for load in fit {
        by_columns.entry(load.record.values.keys().map(String::as_str).collect()).or_default().push(load);
    }
    let mut files = Vec::new();
    for loads in by_columns.into_values() {
        if loads.len() >= usize::from(batch_import.from) { files.push(loads) } else { singly.extend(loads) }
    }
    (files, singly)
}

/// Whether a file says the row as a single call does, to whatever reads it: there are no options in a file, no nulls, and
/// readers of CSV differ over backslashes and line breaks.
fn fits(load: &Load<'_>, settings: &Settings) -> bool {
    let Record { values, emptied } = &load.record;
    let is_plain = |text: &str| !text.contains(['\\', '\r', '\n', '\0']) && text.trim() == text && !text.is_empty();
    matches!(load.item.action, Action::Show(_))
        && !load.follows
        && emptied.is_empty()
        && values.iter().all(|(column, text)| is_plain(text) && !settings.options.speak_of(column))
}

/// Imports for one delivery.
pub(super) struct Importer<'a> {
    pub(super) api: &'a Api<'a>,
    pub(super) context: &'a Context<'a>,
    pub(super) batch_import: &'a BatchImport,
}

/// What became of a file.
enum Sent {
    Taken(Handle),
    Refused(Reason),
}

impl Importer<'_> {
    /// Answers the loads that no file took, to go by single calls.
    pub(super) async fn import<'l, 'i>(&self, files: Files<'l, 'i>, verdicts: &mut Verdicts) -> Vec<&'l Load<'i>> {
        let mut refused = Vec::new();
        let mut taken_before = false;
        let mut halted: Option<Failure> = None;
        for file in files.iter().flat_map(|loads| self.cut(loads)) {
            if let Some(failure) = &halted {
                fail(file, failure, verdicts);
                continue;
            }
            let halves = match self.send(file).await {
                Ok(Sent::Taken(handle)) => {
                    taken_before = true;
                    self.land(file, &handle, verdicts);
                    continue;
                }
                Ok(Sent::Refused(_)) if file.len() > 1 => file.split_at(file.len() / 2),
                Ok(Sent::Refused(_)) => {
                    refused.extend(file);
                    continue;
                }
                Err(failure) => {
                    halted = Some(failure.clone()).filter(halts);
                    fail(file, &failure, verdicts);
                    continue;
                }
            };
            // One row may be to blame, or all: the Data Map.
            let mut reasons = Vec::new();
            for half in [halves.0, halves.1] {
                match self.send(half).await {
                    Ok(Sent::Taken(handle)) => {
                        taken_before = true;
                        self.land(half, &handle, verdicts);
                    }
                    Ok(Sent::Refused(reason)) => {
                        reasons.push(reason);
                        refused.extend(half);
                    }
                    Err(failure) => {
                        halted = Some(failure.clone()).filter(halts);
                        fail(half, &failure, verdicts);
                    }
                }
            }
            if let (Some(reason), 2, false) = (reasons.pop(), reasons.len() + 1, taken_before) {
                let failure = Failure::Misconfigured { reason };
                fail(&refused, &failure, verdicts);
                refused.clear();
                halted = Some(failure);
            }
        }
        refused
    }

    /// Slices whose files are not too large.
    fn cut<'f, 'l, 'i>(&self, loads: &'f [&'l Load<'i>]) -> Vec<&'f [&'l Load<'i>]> {
        let most = self.batch_import.most_bytes();
        let mut files = Vec::new();
        let (mut start, mut bytes) = (0, 0);
        for (at, load) in loads.iter().enumerate() {
            let row = row_bytes(&load.record);
            // The header has about as much as a row of long values.
            let header = load.record.values.keys().map(|name| name.len() + 3).sum::<usize>() + 2;
            if at > start && header + bytes + row > most {
                files.push(&loads[start..at]);
                (start, bytes) = (at, 0);
            }
            bytes += row;
        }
        if start < loads.len() {
            files.push(&loads[start..]);
        }
        files
    }

    fn land(&self, file: &[&Load<'_>], handle: &Handle, verdicts: &mut Verdicts) {
        let handle = serde_json::to_value(handle).ok();
        for load in file {
            let within = self.batch_import.longest();
            let landing = Landing { within, handle: handle.clone(), memo: load.memo.kept() };
            verdicts.insert(load.item.id.clone(), Verdict::Landing(landing));
        }
    }

    async fn send(&self, file: &[&Load<'_>]) -> Result<Sent, Failure> {
        let csv = csv(file);
        let BatchImport { customer_id, data_map_id, folder_id, priority, .. } = self.batch_import;
        let mut obj = json!({ "display_name": self.name(&csv) });
        if let Some(folder) = folder_id {
            obj["parent_obj_id"] = json!(folder);
        }
        let mut body = json!({
            "cust_id": customer_id, "prop_map_id": data_map_id, "type_id": "FILE",
            "import_file": { "encoding": "utf-8", "file": STANDARD.encode(&csv) },
            "obj": obj,
        });
        if let Some(priority) = priority {
            body["task_priority"] = json!(priority);
        }
        Ok(match self.api.import(&body).await? {
            Imported::Taken { id } => {
                Sent::Taken(Handle { import: id, rows: u64::try_from(file.len()).unwrap_or(u64::MAX) })
            }
            Imported::Refused { status, said } => {
                tracing::warn!(status, rows = file.len(), "an import was refused as a whole");
                let reason = format!(
                    "Cheetah Digital refuses every import with status {status}: {said}; look at `batch_import`: the \
                     numbers of customer, Data Map and folder, and the size of a file"
                );
                Sent::Refused(Reason::new(reason))
            }
        })
    }

    /// Other objects of the vendor must not have the same name.
    fn name(&self, csv: &[u8]) -> String {
        let content = hex::encode(&Sha256::digest(csv)[..4]);
        format!("muster {} {} {content}", self.context.links.activation, self.context.now)
    }
}

fn fail(file: &[&Load<'_>], failure: &Failure, verdicts: &mut Verdicts) {
    verdicts.extend(file.iter().map(|load| (load.item.id.clone(), Verdict::Failed(failure.clone()))));
}

/// Quotes are doubled, and every cell has two and a comma.
fn row_bytes(record: &Record) -> usize {
    let cell = |text: &String| text.len() + text.matches('"').count() + 3;
    record.values.values().map(cell).sum::<usize>() + 2
}

/// The file: a header of the columns' own names, every value in quotes.
pub(super) fn csv(file: &[&Load<'_>]) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new()
        .quote_style(csv::QuoteStyle::Always)
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    let written = "memory takes every row, and all rows have the same columns";
    if let Some(first) = file.first() {
        writer.write_record(first.record.values.keys()).expect(written);
    }
    for load in file {
        writer.write_record(load.record.values.values()).expect(written);
    }
    writer.into_inner().expect(written)
}

/// Asks for imports, and looks people up where their answers are not enough.
pub(super) async fn confirm(
    api: &Api<'_>,
    reader: &Reader<'_>,
    batch_import: Option<&BatchImport>,
    taken: &Taken<'_>,
    items: &[Item],
) -> Result<Confirmed, Failure> {
    let parameter = batch_import.map_or("import_id", |batch_import| &batch_import.id_parameter);
    let mut whole = !taken.handles.is_empty();
    for handle in taken.handles {
        let progress = match Handle::deserialize(handle) {
            Ok(Handle { import: Some(id), rows }) => (api.progress(parameter, id).await?, rows),
            Ok(Handle { import: None, .. }) | Err(_) => (Progress::Running, 0),
        };
        match progress {
            (Progress::Running, _) if taken.time == Time::Left => return Ok(Confirmed::NotYet),
            (Progress::Running, _) => whole = false,
            (Progress::Done { rows: loaded }, rows) => whole &= loaded.is_some_and(|loaded| loaded >= rows),
        }
    }
    if whole {
        let step = items.len().div_ceil(SAMPLE).max(1);
        let sample: Vec<Item> = items.iter().step_by(step).cloned().collect();
        let ReadBack { seen, halted } = reader.read_back(&sample).await;
        if let Some(failure) = halted {
            return Err(failure);
        }
        if seen.values().all(|seen| *seen == Seen::Same) {
            let landed = items.iter().map(|item| (item.id.clone(), Landed::Yes)).collect();
            return Ok(Confirmed::Looked { landed, halted: None });
        }
    }
    let ReadBack { seen, halted } = reader.read_back(items).await;
    let landed: BTreeMap<ItemId, Landed> = seen
        .into_iter()
        .map(|(id, seen)| match seen {
            Seen::Same => (id, Landed::Yes),
            Seen::Differs(_) => (id, Landed::No),
        })
        .collect();
    Ok(Confirmed::Looked { landed, halted })
}
