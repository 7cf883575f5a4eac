//! What becomes of accepted records, at their time (vendor file 4.5, 7 and 10.1).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::counters::Counters;
use super::model::{Cell, Column, DataType, Row, Table};
use super::options::{FieldRules, Rules};
use super::state::State;
use super::switches::{Blanks, IdentifierCase, Switches};
use super::values::{self, OPTED_IN, OPTED_OUT};

/// A record of a table, with what it reaches through joins.
#[derive(Debug, Clone, Default)]
pub(super) struct Record {
    /// The system name.
    pub table: String,
    /// Column → text, blanks included.
    pub cells: BTreeMap<String, String>,
    /// Join → the record it refers to.
    pub parents: Vec<(String, Record)>,
    /// Join → a record that refers to it.
    pub children: Vec<(String, Record)>,
}

impl Record {
    /// Adds the names of all tables and joins that it reaches.
    pub(super) fn name_all(&self, tables: &mut Vec<String>, joins: &mut Vec<String>) {
        for (join, record) in self.parents.iter().chain(&self.children) {
            tables.push(record.table.clone());
            joins.push(join.clone());
            record.name_all(tables, joins);
        }
    }

    fn joined(&self) -> u64 {
        self.parents.iter().chain(&self.children).map(|(_, record)| 1 + record.joined()).sum()
    }

    fn blanks(&self) -> u64 {
        let here = self.cells.values().filter(|text| text.trim().is_empty()).count();
        let beyond: u64 = self.parents.iter().chain(&self.children).map(|(_, record)| record.blanks()).sum();
        beyond + u64::try_from(here).unwrap_or(u64::MAX)
    }
}

/// Where a load came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadSource {
    /// A call of the Advanced Data Load.
    AdvancedDataLoad,
    /// The batch import of this id.
    Import(u64),
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// A new row.
    Inserted,
    /// A row that was there.
    Updated,
    /// No row; the sentence says why. Nobody outside is told.
    Dropped(String),
}

/// A record after its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadedRecord {
    /// System name of its table.
    pub table: String,
    /// The row's record id, unless it was dropped.
    pub row: Option<u64>,
    /// What became of it.
    pub deed: Deed,
    /// Columns whose value was dropped for what it is.
    pub dropped: Vec<String>,
}

/// An accepted load, before or after its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadView {
    /// Chosen by the twin; no answer says it.
    pub id: u64,
    /// Where it came from.
    pub source: LoadSource,
    /// On the twin's clock.
    pub accepted_at: Timestamp,
    /// When it is applied.
    pub due_at: Timestamp,
    /// When it was applied; absent before.
    pub applied_at: Option<Timestamp>,
    /// What became of its records, those of joins included; empty before its time.
    pub records: Vec<LoadedRecord>,
}

#[derive(Debug)]
pub(super) struct Pending {
    id: u64,
    due_at: Timestamp,
    /// A greater one is applied first of those due at the same time.
    priority: i64,
    records: Vec<Record>,
    rules: Rules,
}

impl State {
    pub(super) fn accept_load(&mut self, source: LoadSource, records: Vec<Record>, rules: Rules) {
        let counters = &mut self.desk.counters;
        counters.loads += 1;
        counters.root_records += u64::try_from(records.len()).unwrap_or(u64::MAX);
        counters.joined_records += records.iter().map(Record::joined).sum::<u64>();
        counters.blanks += records.iter().map(Record::blanks).sum::<u64>();
        let delay = SignedDuration::from_millis(i64::from(self.desk.switches.load_delay_ms));
        self.schedule(source, delay, 0, records, rules);
    }

    pub(super) fn schedule(
        &mut self,
        source: LoadSource,
        delay: SignedDuration,
        priority: i64,
        records: Vec<Record>,
        rules: Rules,
    ) {
        let accepted_at = self.desk.now;
        let due_at = accepted_at.saturating_add(delay).unwrap_or(accepted_at);
        let id = self.ids.load();
        self.loads.push(LoadView { id, source, accepted_at, due_at, applied_at: None, records: Vec::new() });
        self.pending.push(Pending { id, due_at, priority, records, rules });
    }

    pub(super) fn apply_loads_due(&mut self) {
        let now = self.desk.now;
        if self.pending.iter().any(|load| load.due_at <= now) {
            let all = std::mem::take(&mut self.pending);
            let (due, later) = all.into_iter().partition(|load| load.due_at <= now);
            self.pending = later;
            self.apply_all(due);
        }
    }

    /// All that are pending, whatever the clock says. Answers how many.
    pub(super) fn apply_loads_now(&mut self) -> usize {
        let all = std::mem::take(&mut self.pending);
        let count = all.len();
        self.apply_all(all);
        count
    }

    fn apply_all(&mut self, mut loads: Vec<Pending>) {
        loads.sort_by_key(|load| (load.due_at, Reverse(load.priority), load.id));
        for load in loads {
            let mut loaded = Vec::new();
            for record in &load.records {
                self.load_record(record, &load.rules, BTreeMap::new(), &mut loaded);
            }
            let now = self.desk.now;
            let log = self.loads.iter_mut().rev().find(|log| log.id == load.id);
            if let Some(log) = log {
                log.applied_at = Some(now);
                log.records = loaded;
            }
        }
    }

    /// Parents come first, so that the row can refer to them; answers the row.
    fn load_record(
        &mut self,
        record: &Record,
        rules: &Rules,
        supplied: BTreeMap<String, String>,
        loaded: &mut Vec<LoadedRecord>,
    ) -> Option<u64> {
        let mut sent = record.cells.clone();
        sent.extend(supplied);
        for (name, parent) in &record.parents {
            let row = self.load_record(parent, rules, BTreeMap::new(), loaded);
            let join = self.joins.iter().find(|join| join.name == *name).cloned();
            if let (Some(join), Some(row)) = (join, row) {
                sent.insert(join.child_column, self.cell(&join.parent, row, &join.parent_column));
            }
        }
        let this = self.load_row(&record.table, &sent, rules);
        let row = this.row;
        loaded.push(this);
        for (name, child) in &record.children {
            let join = self.joins.iter().find(|join| join.name == *name).cloned();
            if let (Some(join), Some(row)) = (join, row) {
                let value = self.cell(&join.parent, row, &join.parent_column);
                self.load_record(child, rules, BTreeMap::from([(join.child_column, value)]), loaded);
            }
        }
        row
    }

    fn cell(&self, table: &str, row: u64, column: &str) -> String {
        let row = self.tables.get(table).and_then(|table| table.rows.get(&row));
        row.and_then(|row| row.cells.get(column)).map(Cell::text).unwrap_or_default()
    }

    fn load_row(&mut self, name: &str, sent: &BTreeMap<String, String>, rules: &Rules) -> LoadedRecord {
        let mut loaded = LoadedRecord { table: name.to_owned(), row: None, deed: Deed::Inserted, dropped: Vec::new() };
        let Some(table) = self.tables.get_mut(name) else {
            return dropped(loaded, "the table is gone");
        };
        let mut writing = Writing {
            table,
            rules,
            switches: &self.desk.switches,
            counters: &mut self.desk.counters,
            banned: &self.banned,
            now: self.desk.now,
        };
        let values = match writing.cleanse(sent, &mut loaded.dropped) {
            Ok(values) => values,
            Err(reason) => {
                writing.counters.rows_dropped += 1;
                return dropped(loaded, reason);
            }
        };
        match writing.existing(&values) {
            Some(_) if rules.do_not_update_existing(name) => {
                writing.counters.rows_dropped += 1;
                dropped(loaded, "the row exists and is not to be updated")
            }
            Some(row) => {
                writing.update(row, &values);
                LoadedRecord { row: Some(row), deed: Deed::Updated, ..loaded }
            }
            None => {
                let row = self.ids.record();
                writing.insert(row, &values);
                LoadedRecord { row: Some(row), ..loaded }
            }
        }
    }
}

fn dropped(loaded: LoadedRecord, reason: &str) -> LoadedRecord {
    LoadedRecord { deed: Deed::Dropped(reason.to_owned()), ..loaded }
}

/// One table with all that a write to it touches.
struct Writing<'a> {
    table: &'a mut Table,
    rules: &'a Rules,
    switches: &'a Switches,
    counters: &'a mut Counters,
    banned: &'a BTreeSet<String>,
    now: Timestamp,
}

impl Writing<'_> {
    /// Column → value, empty to clear it. What cannot be kept is left out and named. `Err` says why there is no row.
    fn cleanse(
        &mut self,
        sent: &BTreeMap<String, String>,
        dropped: &mut Vec<String>,
    ) -> Result<BTreeMap<String, String>, &'static str> {
        let mut kept = BTreeMap::new();
        for (name, text) in sent {
            // A column may be gone by now.
            let Some(column) = self.table.column(name) else { continue };
            let rules = self.rules.of(&self.table.name, name);
            if text.trim().is_empty() {
                if rules.insert_null || self.switches.blanks == Blanks::Clear {
                    kept.insert(name.clone(), String::new());
                }
                continue;
            }
            let Some(value) = values::read(column, text, self.switches) else {
                self.counters.values_dropped += 1;
                dropped.push(name.clone());
                continue;
            };
            if column.data_type == DataType::Email && self.banned.contains(&value.to_lowercase()) {
                if !rules.ignore_ban_list {
                    return Err("the address is banned");
                }
                self.counters.banned_loaded += 1;
            }
            kept.insert(name.clone(), value);
        }
        let complete =
            self.table.identifiers().all(|column| kept.get(&column.name).is_some_and(|text| !text.is_empty()));
        if complete { Ok(kept) } else { Err("Missing Unique ID Columns") }
    }

    fn existing(&self, values: &BTreeMap<String, String>) -> Option<u64> {
        let mut rows = self.table.with_identifier(values).iter().copied();
        rows.find(|row| {
            let cells = self.table.rows.get(row).map(|row| &row.cells);
            self.table.identifiers().all(|column| {
                let kept = cells.and_then(|cells| cells.get(&column.name)).map(Cell::text);
                let exact = self.rules.of(&self.table.name, &column.name).case_sensitive
                    || self.switches.identifier_case == IdentifierCase::Significant;
                !exact || kept.as_ref() == values.get(&column.name)
            })
        })
    }

    fn insert(&mut self, id: u64, values: &BTreeMap<String, String>) {
        let mut cells = BTreeMap::new();
        self.write(&mut cells, values);
        self.table.insert(id, Row { created_at: self.now, updated_at: self.now, cells });
        self.counters.rows_inserted += 1;
    }

    fn update(&mut self, id: u64, values: &BTreeMap<String, String>) {
        let Some(row) = self.table.rows.get_mut(&id) else { return };
        let mut cells = std::mem::take(&mut row.cells);
        self.write(&mut cells, values);
        if let Some(row) = self.table.rows.get_mut(&id) {
            row.cells = cells;
            row.updated_at = self.now;
        }
        self.counters.rows_updated += 1;
    }

    fn write(&mut self, cells: &mut BTreeMap<String, Cell>, values: &BTreeMap<String, String>) {
        for (name, value) in values {
            let Some(column) = self.table.column(name) else { continue };
            let rules = self.rules.of(&self.table.name, name);
            if column.data_type == DataType::Preference {
                self.counters.preference_writes += 1;
            }
            if let Some(cell) = written(column, cells.get(name), value, rules) {
                let was_out = cells.get(name).is_some_and(|cell| cell.text() == OPTED_OUT);
                if column.data_type == DataType::Preference && was_out && cell.text() == OPTED_IN {
                    self.counters.opted_in_again += 1;
                }
                cells.insert(name.clone(), cell);
            }
            if value.is_empty() && !rules.preserve_data {
                cells.remove(name);
            }
        }
    }
}

/// What the column holds afterwards; `None` where it stays as it is, or is emptied.
fn written(column: &Column, before: Option<&Cell>, value: &str, rules: FieldRules) -> Option<Cell> {
    let opts_in_again = before.is_some_and(|cell| cell.text() == OPTED_OUT) && value == OPTED_IN;
    let preserved = before.is_some() && rules.preserve_data;
    let stays_out = column.data_type == DataType::Preference && opts_in_again && rules.preserve_opt_out;
    if value.is_empty() || preserved || stays_out {
        return None;
    }
    if !column.multi_value {
        return Some(Cell::One(value.to_owned()));
    }
    let mut texts = match before {
        Some(Cell::Many(texts)) if rules.append_multi_value => texts.clone(),
        Some(Cell::One(text)) if rules.append_multi_value => vec![text.clone()],
        Some(Cell::Many(_) | Cell::One(_)) | None => Vec::new(),
    };
    if !texts.iter().any(|text| text == value) {
        texts.push(value.to_owned());
    }
    Some(Cell::Many(texts))
}
