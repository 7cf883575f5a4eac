//! One row of a batch (12.2), but for what concerns several rows (R4).

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::lotame::advice::{assumed, assumed_warning, strict, strict_failure};
use crate::lotame::feed::{BatchKind, Feed, UseCase};
use crate::lotame::json::{self, Member};
use crate::lotame::report::{Basis, Note, Rule, Severity};
use crate::lotame::state::Id;
use crate::lotame::switches::{CarriageReturns, Switches};
use crate::lotame::{consent, ids, segments, sightings};

/// What a row is held against.
pub(crate) struct Measure<'a> {
    pub(crate) feed: &'a Feed,
    pub(crate) switches: &'a Switches,
    pub(crate) kind: BatchKind,
    pub(crate) now: Timestamp,
    /// Hashes of known addresses that were not normalised first.
    pub(crate) unnormalised: &'a HashSet<[u8; 32]>,
}

/// What an accepted row says of its ID.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Row {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) segments: BTreeMap<String, Option<i64>>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) remove: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) sightings: BTreeMap<Ipv4Addr, BTreeSet<i64>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tpid: Option<String>,
}

/// What becomes of a row.
#[derive(Debug)]
pub(crate) enum Outcome {
    Accepted(Row),
    Skipped,
    Rejected,
}

/// A row that was looked at.
#[derive(Debug)]
pub(crate) struct Checked {
    /// Whatever became of it, where it can be read; it counts for R4. With the column of the `userid`.
    pub(crate) id: Option<(Id, u64)>,
    pub(crate) outcome: Outcome,
    pub(crate) notes: Vec<Note>,
}

/// Checks the `number`th line of a file, without its newline.
pub(crate) fn check(line: &[u8], number: u64, measure: &Measure<'_>) -> Checked {
    let text = match text(line, number, measure.switches.carriage_returns) {
        Ok(text) => text,
        Err(note) => return unreadable(note),
    };
    let spot = match json::parse(text) {
        Ok(spot) => spot,
        Err(broken) => return unreadable(broken.note(Rule::R1)),
    };
    match spot.json.object() {
        Some(members) => members_of(members, measure),
        None => unreadable(strict(Rule::R1, spot.column, "Write one JSON object on the line.")),
    }
}

/// Of a row that is no JSON object.
pub(crate) fn unreadable(note: Note) -> Checked {
    Checked { id: None, outcome: Outcome::Rejected, notes: vec![note] }
}

fn text(line: &[u8], number: u64, carriage_returns: CarriageReturns) -> Result<&str, Note> {
    if number == 1 && line.starts_with(b"\xEF\xBB\xBF") {
        return Err(assumed(Rule::R1, 1, "Write the file without a byte-order mark."));
    }
    let text = match str::from_utf8(line) {
        Ok(text) => text,
        Err(error) => {
            let column = error.valid_up_to() as u64 + 1;
            return Err(assumed(Rule::R1, column, "Write the file in UTF-8."));
        }
    };
    match carriage_returns {
        CarriageReturns::Refuse if text.ends_with('\r') => {
            return Err(assumed(Rule::R1, text.len() as u64, "End the line with a newline alone."));
        }
        CarriageReturns::Refuse | CarriageReturns::Accept => {}
    }
    if text.trim().is_empty() {
        return Err(assumed(Rule::R1, 1, "Leave no blank lines."));
    }
    Ok(text)
}

fn members_of(members: &[Member<'_>], measure: &Measure<'_>) -> Checked {
    let id = ids::readable(members, &measure.feed.id_types);
    if let Some(note) = consent::missing(members, measure) {
        return Checked { id, outcome: Outcome::Skipped, notes: vec![note] };
    }
    let mut notes = Vec::new();
    ids::check(members, measure, &mut notes);
    emails(members, measure, &mut notes);
    let mut row = Row::default();
    match measure.feed.use_case {
        UseCase::Behaviors | UseCase::Ldx | UseCase::Emails { .. } | UseCase::Onboarding { .. } => {
            segments::check(members, measure, &mut row, &mut notes);
            sightings::check(members, measure.now, &mut row, &mut notes);
        }
        UseCase::Sightings => {
            if json::member(members, "ips").is_none() {
                notes.push(strict(Rule::R12, 1, "Send `ips` in every row of a feed of sightings."));
            }
            sightings::check(members, measure.now, &mut row, &mut notes);
        }
        UseCase::IdMapping => row.tpid = tpid(members, &mut notes),
    }
    unknown_keys(members, measure.feed.use_case, &mut notes);
    country(members, &mut notes);
    let rejected = notes.iter().any(|note| match note.severity {
        Severity::Batch | Severity::Record => true,
        Severity::Warning => false,
    });
    Checked { id, outcome: if rejected { Outcome::Rejected } else { Outcome::Accepted(row) }, notes }
}

/// B13, as far as a row shows it.
fn emails(members: &[Member<'_>], measure: &Measure<'_>, notes: &mut Vec<Note>) {
    let Some(member) = json::member(members, "idtype") else { return };
    let Some(code) = member.value.json.text() else { return };
    if !measure.feed.takes_emails() && code.to_ascii_uppercase().starts_with("EMAIL") {
        let message = "Send emails and their hashes only through Lotame-hosted S3, into the bucket of their region.";
        notes.push(strict_failure(Rule::B13, message).column(member.column));
    }
}

fn tpid(members: &[Member<'_>], notes: &mut Vec<Note>) -> Option<String> {
    let Some(member) = json::member(members, "tpid") else {
        notes.push(strict(Rule::R13, 1, "Send `tpid` in every row of a feed of mappings."));
        return None;
    };
    let tpid = member.value.json.text().filter(|tpid| !tpid.is_empty());
    if tpid.is_none() {
        notes.push(strict(Rule::R13, member.column, "Write `tpid` as a string that is not empty."));
    }
    tpid.map(str::to_owned)
}

fn unknown_keys(members: &[Member<'_>], use_case: UseCase, notes: &mut Vec<Note>) {
    let own: &[&str] = match use_case {
        UseCase::Behaviors | UseCase::Ldx | UseCase::Emails { .. } | UseCase::Onboarding { .. } => {
            &["segments", "ips", "remove"]
        }
        UseCase::Sightings => &["ips"],
        UseCase::IdMapping => &["tpid"],
    };
    for member in members {
        let key = member.key.as_str();
        if !["userid", "idtype", "consent", "tcfconsent", "country"].contains(&key) && !own.contains(&key) {
            notes.push(unknown_key(member.column));
        }
    }
}

/// The key is not named: it could be anything.
pub(crate) fn unknown_key(column: u64) -> Note {
    assumed_warning(Rule::R16, "Leave out the key at this column: nobody at Lotame documents it here.").column(column)
}

fn country(members: &[Member<'_>], notes: &mut Vec<Note>) {
    let Some(member) = json::member(members, "country") else { return };
    let code = member.value.json.text().unwrap_or_default();
    if code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_uppercase()) {
        let message = "Write `country` as two capital letters, or leave it out.";
        notes.push(Note::new(Rule::R17, Basis::Assumed, Severity::Warning, message).column(member.column));
    }
}
