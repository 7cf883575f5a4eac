//! `POST …/import` (vendor file 5): accepted at once, applied later with the values as they were,
//! over whatever was written meanwhile.

use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::members::Unsent;
use super::model::{Field, FieldValue, Format, Standing, Values};
use super::payload::{Encoding, Params, Payload, text_of, truthy};
use super::reply;
use super::roster::Seat;
use super::state::{Mail, MailKind, OnList, State};
use super::values;
use crate::reply::Reply;

/// An accepted import before its time; `rows` counts data rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportView {
    /// Chosen by the twin; the API does not answer it.
    pub id: u64,
    /// The list it goes to.
    pub list_id: u64,
    /// When it was accepted, on the twin's clock.
    pub accepted_at: Timestamp,
    /// When it is applied: `Switches::import_delay_seconds` after `accepted_at`.
    pub due_at: Timestamp,
    /// Data rows, bad ones included.
    pub rows: usize,
    /// Where the bad rows are mailed to, if anywhere.
    pub send_errors_to: Option<String>,
    /// Absent means yes: the harmful reading.
    pub trigger_autoresponder: bool,
}

#[derive(Debug)]
pub(super) struct PendingImport {
    view: ImportView,
    /// The column whose value identifies the person.
    key: usize,
    /// Field ids in column order; `None` for names the list did not have.
    columns: Vec<Option<u64>>,
    /// A `strptime` pattern.
    date_pattern: String,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    line: u64,
    /// `Err` is what is wrong with the line.
    cells: Result<Vec<String>, String>,
}

impl PendingImport {
    pub(super) fn view(&self) -> ImportView {
        self.view.clone()
    }
}

impl State {
    pub(super) fn apply_imports_due(&mut self, now: Timestamp) {
        let due = self.imports.iter().any(|import| import.view.due_at <= now);
        if due {
            let (due, later) =
                std::mem::take(&mut self.imports).into_iter().partition(|import| import.view.due_at <= now);
            self.imports = later;
            self.apply_imports(due);
        }
    }

    /// All that are pending, whatever the clock says. Answers how many.
    pub(super) fn apply_imports_now(&mut self) -> usize {
        let all = std::mem::take(&mut self.imports);
        let count = all.len();
        self.apply_imports(all);
        count
    }

    fn apply_imports(&mut self, mut imports: Vec<PendingImport>) {
        imports.sort_by_key(|import| (import.view.due_at, import.view.id));
        for import in imports {
            // A deleted list takes its imports with it.
            let Some(mut on) = self.on_list(import.view.list_id) else {
                continue;
            };
            let lines = on.apply_import(&import);
            let view = import.view;
            if let Some(to) = view.send_errors_to.filter(|_| !lines.is_empty()) {
                self.mailbox.push(Mail {
                    to,
                    kind: MailKind::ImportErrors,
                    list_id: view.list_id,
                    sent_at: self.desk.now,
                    lines,
                });
            }
        }
    }

    pub(super) fn accept_import(&mut self, list: u64, payload: &Payload) -> Result<Reply, Reply> {
        let Some(mut on) = self.on_list(list) else {
            return Err(reply::not_found(&self.desk.switches));
        };
        let import = on.read_import(payload)?;
        self.desk.counters.imports += 1;
        self.imports.push(import);
        Ok(Reply::empty(204))
    }
}

impl OnList<'_> {
    fn read_import(&mut self, payload: &Payload) -> Result<PendingImport, Reply> {
        if payload.encoding != Encoding::Multipart {
            return Err(reply::refused("An import must be multipart/form-data"));
        }
        let params = &payload.params;
        let required = |name: &str| {
            let value = params.get(name).and_then(text_of).filter(|text| !text.is_empty());
            value.ok_or_else(|| reply::refused(format!("{name} is required")))
        };
        let missing_file = || reply::refused("file is required");
        let file = payload.files.get("file").ok_or_else(missing_file)?;
        let key_name = required("duplicate_field")?;
        if required("handle_existing")? != "update" {
            return Err(reply::refused("handle_existing must be update"));
        }
        let names = selected(params)?;
        let key = names.iter().position(|name| *name == key_name);
        let key = key.ok_or_else(|| reply::refused("duplicate_field is not selected"))?;
        if self.list.field(&key_name).is_none() {
            return Err(reply::refused("duplicate_field is not a field of the list"));
        }
        let date_format = params.get("date_format").and_then(text_of);
        let date_pattern = strptime_of(date_format.as_deref().unwrap_or("Y-m-d"));
        let date_pattern = date_pattern.ok_or_else(|| reply::refused("Unknown date_format"))?;
        let delimiter = delimiter(params)?;
        let mut columns = Vec::new();
        for name in &names {
            let id = self.list.field(name).map(|field| field.id);
            if id.is_none() {
                values::unknown(name, self.switches, self.counters)?;
            }
            columns.push(id);
        }
        let rows = rows(file, delimiter, truthy(params.get("skip_header_line")), names.len());
        let delay = SignedDuration::from_secs(i64::from(self.switches.import_delay_seconds));
        let autoresponder = params.get("trigger_autoresponder");
        let view = ImportView {
            id: self.ids.import(),
            list_id: self.list.id,
            accepted_at: self.now,
            due_at: self.now.saturating_add(delay).unwrap_or(self.now),
            rows: rows.len(),
            send_errors_to: params.get("sendErrorsTo").and_then(text_of).filter(|a| !a.is_empty()),
            trigger_autoresponder: autoresponder.is_none() || truthy(autoresponder),
        };
        Ok(PendingImport { view, key, columns, date_pattern, rows })
    }

    /// Answers a line for every bad row.
    fn apply_import(&mut self, import: &PendingImport) -> Vec<String> {
        let mut bad = Vec::new();
        for row in &import.rows {
            self.counters.imported_rows += 1;
            let applied = match &row.cells {
                Ok(cells) => self.apply_row(import, cells),
                Err(error) => Err(error.clone()),
            };
            if let Err(error) = applied {
                bad.push(format!("line {}: {error}", row.line));
            }
        }
        bad
    }

    fn apply_row(&mut self, import: &PendingImport, cells: &[String]) -> Result<(), String> {
        let key = import.columns.get(import.key).copied().flatten();
        let key = key.filter(|id| self.list.fields.contains_key(id));
        let key = key.ok_or("the identifying field is gone")?;
        let mut values = Values::new();
        for (column, cell) in import.columns.iter().zip(cells) {
            let field = column.and_then(|id| self.list.fields.get(&id));
            if let Some(field) = field {
                let value = self.cell(field, cell.trim(), &import.date_pattern)?;
                values.insert(field.id, value);
            }
        }
        let wanted = values.get(&key).and_then(FieldValue::text).unwrap_or("").to_owned();
        if wanted.is_empty() {
            return Err("the identifying field is empty".to_owned());
        }
        let seats = self.list.roster.with_value(key, &wanted);
        let standing_is = |on: &Self, seat: &Seat, standing| on.standing(*seat) == Some(standing);
        let of = |on: &Self, standing| -> Vec<Seat> {
            seats.iter().copied().filter(|seat| standing_is(on, seat, standing)).collect()
        };
        let active = of(self, Standing::Active);
        let left = of(self, Standing::Unsubscribed);
        let waiting = of(self, Standing::Temporary);
        if !active.is_empty() {
            self.update_all(&active, &values);
        } else if !left.is_empty() {
            if self.switches.import_resubscribes {
                // One person returns once, as the latest of his members.
                self.update_all(&left[left.len() - 1..], &values);
            }
        } else if !waiting.is_empty() {
            self.update_all(&waiting, &values);
        } else {
            let refusal = "a valid email or mobile is required";
            self.check(&values, None).map_err(|_| refusal.to_owned())?;
            self.counters.import_created += 1;
            self.create_member(values, Standing::Active);
        }
        Ok(())
    }

    fn update_all(&mut self, seats: &[Seat], values: &Values) {
        for seat in seats {
            self.update_member(*seat, values.clone(), Unsent::Keep);
        }
    }

    /// An empty cell clears. Choices are labels, several of them separated by commas.
    fn cell(&self, field: &Field, cell: &str, date_pattern: &str) -> Result<FieldValue, String> {
        if cell.is_empty() {
            return Ok(FieldValue::empty());
        }
        let option = |label: &str| {
            let of_label = |(_, known): &(&u64, &String)| known.as_str() == label.trim();
            let found = field.options.iter().find(of_label);
            let (id, _) = found.ok_or_else(|| format!("{label} is no option of {}", field.name))?;
            Ok::<Value, String>(Value::from(*id))
        };
        let raw = match field.format {
            Format::Choice | Format::Shop => option(cell)?,
            Format::Multi => Value::Array(cell.split(',').map(option).collect::<Result<_, _>>()?),
            Format::Date => Value::from(
                iso_date(cell, date_pattern)
                    .ok_or_else(|| format!("{} is not a date in the stated date_format", field.name))?,
            ),
            Format::Text | Format::Number | Format::Boolean | Format::Password => Value::from(cell),
        };
        values::read(field, &raw, self.switches.text_over_255)
    }
}

fn selected(params: &Params) -> Result<Vec<String>, Reply> {
    let names = params.get("fields_selected").and_then(Value::as_array);
    let names: Option<Vec<String>> = names.and_then(|names| names.iter().map(text_of).collect());
    names.ok_or_else(|| reply::refused("fields_selected must be a list of field names"))
}

fn delimiter(params: &Params) -> Result<u8, Reply> {
    let Some(given) = params.get("delimiter").and_then(text_of) else {
        return Ok(b';');
    };
    match given.as_bytes() {
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err(reply::refused("delimiter must be one character")),
    }
}

fn rows(file: &[u8], delimiter: u8, skip_header: bool, width: usize) -> Vec<Row> {
    // Excel writes a byte order mark.
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).has_headers(skip_header).flexible(true).from_reader(file);
    let mut rows = Vec::new();
    let mut record = csv::ByteRecord::new();
    loop {
        let line = reader.position().line();
        match reader.read_byte_record(&mut record) {
            Ok(false) => return rows,
            Ok(true) => rows
                .push(Row { line: record.position().map_or(line, csv::Position::line), cells: cells(&record, width) }),
            Err(error) => {
                let cells = Err(error.to_string());
                rows.push(Row { line, cells });
                return rows;
            }
        }
    }
}

fn cells(record: &csv::ByteRecord, width: usize) -> Result<Vec<String>, String> {
    if record.len() != width {
        return Err(format!("{} cells instead of {width}", record.len()));
    }
    let text = |cell: &[u8]| String::from_utf8(cell.to_vec());
    let cells: Result<Vec<String>, _> = record.iter().map(text).collect();
    cells.map_err(|_| "not UTF-8".to_owned())
}

/// The `strptime` form of a PHP date pattern.
fn strptime_of(php: &str) -> Option<String> {
    let mut pattern = String::new();
    for letter in php.chars() {
        match letter {
            'Y' => pattern.push_str("%Y"),
            'm' | 'n' => pattern.push_str("%m"),
            'd' | 'j' => pattern.push_str("%d"),
            'H' | 'G' => pattern.push_str("%H"),
            'i' => pattern.push_str("%M"),
            's' => pattern.push_str("%S"),
            '-' | '/' | '.' | ':' | ' ' => pattern.push(letter),
            _ => return None,
        }
    }
    Some(pattern)
}

fn iso_date(cell: &str, pattern: &str) -> Option<String> {
    let parsed = strtime::parse(pattern, cell).ok()?;
    if pattern.contains("%H") {
        let at: DateTime = parsed.to_datetime().ok()?;
        return Some(at.strftime("%Y-%m-%d %H:%M:%S").to_string());
    }
    Some(parsed.to_date().ok()?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn php_date_patterns() {
        let iso = |cell, php| iso_date(cell, &strptime_of(php)?);
        assert_eq!(iso("05-01-2026", "d-m-Y").as_deref(), Some("2026-01-05"));
        let with_time = iso("2026-01-05 07:08:09", "Y-m-d H:i:s");
        assert_eq!(with_time.as_deref(), Some("2026-01-05 07:08:09"));
        assert_eq!(iso("2026-01-05", "d-m-Y"), None);
        assert_eq!(strptime_of("D, d M Y"), None);
    }

    #[test]
    fn rows_carry_their_line_and_what_is_wrong_with_them() {
        let rows = rows(b"email;x\na@b.dk;1\n\"c;d\";2\nshort\n", b';', true, 2);
        let lines: Vec<u64> = rows.iter().map(|row| row.line).collect();
        assert_eq!(lines, [2, 3, 4]);
        assert_eq!(rows[1].cells, Ok(vec!["c;d".to_owned(), "2".to_owned()]));
        assert!(rows[2].cells.is_err());
    }
}
