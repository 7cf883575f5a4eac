//! The other product path (7.2, 12.3): files of addresses without done file and checksum.

use std::collections::BTreeMap;
use std::io::Read;

use jiff::Timestamp;

use crate::lotame::advice::{assumed, assumed_failure, strict, strict_failure};
use crate::lotame::feed::BatchKind;
use crate::lotame::gzip::Unzipped;
use crate::lotame::ids;
use crate::lotame::intake::{Ending, Failure, Intake};
use crate::lotame::json;
use crate::lotame::judge::{empty, not_gzip, read_rows};
use crate::lotame::lines::Lines;
use crate::lotame::place::{Entry, Place};
use crate::lotame::record::{Checked, Outcome, Row, unknown_key, unreadable};
use crate::lotame::report::{Note, Report, Rule};
use crate::lotame::rows::Ledger;
use crate::lotame::state::{Change, Id};
use crate::lotame::switches::{Comprehensive, Letters, OnboardingJsonGz, OptoutBody, Switches};

/// What a file's name and path say.
#[derive(Debug, Clone, Copy)]
struct Said {
    marker: Marker,
    format: Format,
    zipped: Zipped,
    body: Body,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marker {
    Email,
    EmailSha256,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zipped {
    Gzip,
    No,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    Members,
    Optouts,
}

/// The address of a row and its segments, each with its column.
struct Written {
    address: String,
    column: u64,
    segments: Vec<(String, u64)>,
}

impl<P: Place> Intake<P> {
    pub(crate) fn look_for_onboarding(&mut self, client_id: u64, now: Timestamp) -> Result<Vec<Report>, Failure> {
        let base = self.feed.directories.base_prefix.clone();
        let entries = match self.list(&base) {
            Ok(entries) => entries,
            Err(failure) => {
                let mut report = Report::new(&base, None);
                self.denied(failure, &mut report)?;
                return Ok(vec![report]);
            }
        };
        let mut reports = Vec::new();
        for entry in entries {
            let left = vec![entry.clone()];
            if self.spent.get(&entry.path).is_some_and(|spent| spent.left == left) {
                continue;
            }
            let mut report = Report::new(&entry.path, None);
            if let Err(failure) = self.judge_onboarding(&entry, client_id, now, &mut report) {
                self.denied(failure, &mut report)?;
            }
            let ending = if report.failed() { Ending::Failed } else { Ending::Taken };
            self.spend(&entry.path, ending, left);
            reports.push(report);
        }
        Ok(reports)
    }

    fn judge_onboarding(
        &mut self,
        entry: &Entry,
        client_id: u64,
        now: Timestamp,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let path = entry.path.as_str();
        let Some(said) = said(entry, client_id, &self.switches, report) else { return Ok(()) };
        let mut switches = self.switches.clone();
        let kind = match said.body {
            Body::Members => self.kind(None),
            Body::Optouts => {
                switches.comprehensive = Comprehensive::ReplacesId;
                BatchKind::Comprehensive
            }
        };
        let mut ledger = Ledger::new(report, self.scratch.path(), self.feed.use_case, &switches);
        ledger.begin_file(path);
        let unzips = self.read_onboarding(path, said, &switches, &mut ledger)?;
        let so_far = ledger.report();
        if !unzips {
            so_far.note(not_gzip(), Some(path));
        }
        if so_far.rows.read == 0 && !so_far.failed() {
            empty(switches.empty_batch, so_far);
        }
        let change = Change { kind, now: now.as_second(), switches: &switches };
        let state = ledger.settle(&self.state, self.scratch.path(), change).map_err(Failure::Scratch)?;
        if !report.failed() {
            self.state = state;
        }
        Ok(())
    }

    fn read_onboarding(
        &self,
        path: &str,
        said: Said,
        switches: &Switches,
        ledger: &mut Ledger<'_>,
    ) -> Result<bool, Failure> {
        let check = |line: &[u8], _| check(line, said, switches);
        let longest = switches.longest_line_bytes;
        let failed = |source| Failure::Place { path: path.to_owned(), source };
        match said.zipped {
            Zipped::Gzip => {
                let mut lines = Lines::new(Unzipped::new(self.open(path)?), longest);
                let unzips = read_rows(&mut lines, ledger, check)?;
                lines.into_inner().finish().map_err(failed)?;
                Ok(unzips)
            }
            Zipped::No => {
                let mut kept = Kept { inner: self.open(path)?, broken: None };
                read_rows(&mut Lines::new(&mut kept, longest), ledger, check)?;
                kept.broken.map_or(Ok(true), |error| Err(failed(error)))
            }
        }
    }
}

/// Keeps the error of a file that cannot be read.
struct Kept<R> {
    inner: R,
    broken: Option<std::io::Error>,
}

impl<R: Read> Read for Kept<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        self.inner.read(out).map_err(|error| {
            let kind = error.kind();
            self.broken = (kind != std::io::ErrorKind::Interrupted).then_some(error);
            kind.into()
        })
    }
}

fn said(entry: &Entry, client_id: u64, switches: &Switches, report: &mut Report) -> Option<Said> {
    let path = Some(entry.path.as_str());
    let Some((marker, format, zipped)) = name(entry.name()) else {
        let message = "Name the file <custom>_EMAIL or <custom>_EMAIL_SHA256, then .csv or .json, zipped also .gz.";
        report.note(strict_failure(Rule::O1, message), path);
        return None;
    };
    match (format, zipped, switches.onboarding_json_gz) {
        (Format::Json, Zipped::Gzip, OnboardingJsonGz::Refuse) => {
            let message = "Send JSON unzipped; whether Lotame takes .json.gz, nobody knows (Q17).";
            report.note(assumed_failure(Rule::O1, message), path);
            return None;
        }
        (
            Format::Json | Format::Csv,
            Zipped::Gzip | Zipped::No,
            OnboardingJsonGz::Refuse | OnboardingJsonGz::Accept,
        ) => {}
    }
    let client = format!("client_id={client_id}");
    let mut parts = entry.directory().rsplit('/');
    let body = match (parts.next(), parts.next()) {
        (Some("type=DATA"), Some(id)) if id == client => Body::Members,
        (Some("type=OPTOUT"), Some(id)) if id == client => Body::Optouts,
        (Some(_) | None, Some(_) | None) => {
            let message =
                "Write the file to client_id=<number>/type=DATA/ or type=OPTOUT/, with the number you were given.";
            report.note(strict_failure(Rule::O2, message), path);
            return None;
        }
    };
    match (body, switches.optout_body) {
        (Body::Optouts, OptoutBody::Refuse) => {
            let message = "Send no opt-outs until Lotame says how such a file is written (Q17).";
            report.note(assumed_failure(Rule::O2, message), path);
            None
        }
        (Body::Optouts, OptoutBody::AddressAlone) | (Body::Members, OptoutBody::Refuse | OptoutBody::AddressAlone) => {
            Some(Said { marker, format, zipped, body })
        }
    }
}

fn name(name: &str) -> Option<(Marker, Format, Zipped)> {
    let (name, zipped) = match name.strip_suffix(".gz") {
        Some(name) => (name, Zipped::Gzip),
        None => (name, Zipped::No),
    };
    let (name, format) = match (name.strip_suffix(".csv"), name.strip_suffix(".json")) {
        (Some(name), _) => (name, Format::Csv),
        (None, Some(name)) => (name, Format::Json),
        (None, None) => return None,
    };
    let (custom, marker) = match (name.strip_suffix("_EMAIL"), name.strip_suffix("_EMAIL_SHA256")) {
        (Some(custom), _) => (custom, Marker::Email),
        (None, Some(custom)) => (custom, Marker::EmailSha256),
        (None, None) => return None,
    };
    (!custom.is_empty()).then_some((marker, format, zipped))
}

fn check(line: &[u8], said: Said, switches: &Switches) -> Checked {
    let Ok(text) = str::from_utf8(line) else {
        return unreadable(assumed(Rule::O6, 1, "Write the file in UTF-8."));
    };
    if text.ends_with('\r') || text.trim().is_empty() {
        return unreadable(assumed(Rule::O6, 1, "End lines with a newline alone, and leave no blank ones."));
    }
    let mut notes = Vec::new();
    let written = match said.format {
        Format::Csv => csv(text),
        Format::Json => json_row(text, said.body, &mut notes),
    };
    match written {
        Ok(written) => written_row(written, said, switches, notes),
        Err(note) => unreadable(note),
    }
}

fn written_row(written: Written, said: Said, switches: &Switches, mut notes: Vec<Note>) -> Checked {
    let Written { address, column, segments } = written;
    let (idtype, good) = match said.marker {
        Marker::Email => ("EMAIL", ids::is_email(&address)),
        Marker::EmailSha256 => ("EMAIL_SHA256", ids::is_hash(&address)),
    };
    let capital = match switches.id_letters {
        Letters::LowerOnly => address != ids::normalise(&address),
        Letters::Any => false,
    };
    let mut faults = Vec::new();
    if !good {
        let message = "Write what the file's name says first in each row: an address, or 64 hexadecimal digits.";
        faults.push(strict(Rule::O3, column, message));
    } else if capital {
        faults.push(assumed(Rule::O3, column, "Write addresses and hashes in small letters."));
    }
    match said.body {
        Body::Members if segments.is_empty() => {
            faults.push(strict(Rule::O4, column, "Write at least one segment in each row."));
        }
        Body::Optouts if !segments.is_empty() => {
            faults.push(assumed(Rule::O6, column, "Write addresses alone into a file of opt-outs."));
        }
        Body::Members | Body::Optouts => {}
    }
    for (name, column) in &segments {
        if name.trim().is_empty() {
            faults.push(strict(Rule::O4, *column, "Leave out segments without a name."));
        } else if name.contains([',', '"', '\n', '\r']) {
            faults.push(assumed(Rule::O6, *column, "Name segments without commas, quotes and line breaks (Q17)."));
        }
    }
    let rejected = !faults.is_empty();
    notes.extend(faults);
    let id = good.then(|| (Id { idtype: idtype.to_owned(), userid: address }, column));
    let segments: BTreeMap<_, _> = segments.into_iter().map(|(name, _)| (name, None)).collect();
    let row = Row { segments, ..Row::default() };
    Checked { id, outcome: if rejected { Outcome::Rejected } else { Outcome::Accepted(row) }, notes }
}

fn csv(text: &str) -> Result<Written, Note> {
    if let Some(at) = text.find('"') {
        return Err(assumed(Rule::O6, at as u64 + 1, "Write no quotes: how Lotame reads them, nobody knows (Q17)."));
    }
    let mut fields = text.split(',').scan(1, |column, field| {
        let begins = *column;
        *column += field.len() as u64 + 1;
        Some((field.to_owned(), begins))
    });
    let (address, column) = fields.next().unwrap_or_default();
    Ok(Written { address, column, segments: fields.collect() })
}

fn json_row(text: &str, body: Body, notes: &mut Vec<Note>) -> Result<Written, Note> {
    let spot = json::parse(text).map_err(|broken| broken.note(Rule::O6))?;
    let Some(members) = spot.json.object() else {
        return Err(strict(Rule::O6, spot.column, "Write one JSON object on the line."));
    };
    for member in members.iter().filter(|member| !["userid", "segments"].contains(&member.key.as_str())) {
        notes.push(unknown_key(member.column));
    }
    let userid = json::member(members, "userid");
    let Some((address, column)) = userid.and_then(|member| Some((member.value.json.text()?, member.column))) else {
        return Err(strict(Rule::O3, 1, "Write the address as the string `userid`."));
    };
    let segments = match (json::member(members, "segments"), body) {
        (Some(member), Body::Members | Body::Optouts) => {
            let names = member.value.json.array().and_then(|elements| {
                elements.iter().map(|element| Some((element.json.text()?.to_owned(), element.column))).collect()
            });
            names.ok_or_else(|| strict(Rule::O6, member.column, "Write `segments` as an array of strings."))?
        }
        (None, Body::Members) => return Err(strict(Rule::O4, 1, "Send `segments` in every row.")),
        (None, Body::Optouts) => Vec::new(),
    };
    Ok(Written { address: address.to_owned(), column, segments })
}
