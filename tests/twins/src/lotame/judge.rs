//! Judges one batch: reads its files, and takes it or not.

use std::io::{self, Read};

use jiff::Timestamp;

use crate::lotame::advice::{assumed, assumed_failure, assumed_warning, strict_failure, strict_warning};
use crate::lotame::batch::{self, Group, Part, Plan, Whereabouts};
use crate::lotame::checksum;
use crate::lotame::feed::{BatchKind, Mode, UseCase};
use crate::lotame::gzip::Unzipped;
use crate::lotame::intake::{Ending, Failure, Intake, Spent};
use crate::lotame::lines::{Line, Lines};
use crate::lotame::place::{Entry, Place};
use crate::lotame::record::{self, Measure};
use crate::lotame::report::{Note, Report, Rule, Verdict};
use crate::lotame::rows::Ledger;
use crate::lotame::state::{Change, State};
use crate::lotame::switches::{AfterFailure, Archive, Archived, EmptyBatch, Members, SecondBatch};

impl<P: Place> Intake<P> {
    /// `None` where it was judged before and nothing changed.
    pub(crate) fn judge(&mut self, group: &Group, now: Timestamp) -> Result<Option<Report>, Failure> {
        let mut report = Report::new(&group.directory, group.date());
        let spent = self.spent.get(&group.directory);
        if spent.is_some_and(|spent| spent.left == group.entries) {
            return Ok(None);
        }
        let again = spent.map(|spent| spent.ending);
        if group.dones().is_empty() {
            return Ok(waiting(group, report));
        }
        if let Some(note) = again.and_then(|ending| self.refusal(ending)) {
            report.note(note, Some(&group.directory));
            self.spend(&group.directory, again.unwrap_or(Ending::Failed), group.entries.clone());
            return Ok(Some(report));
        }
        let left = match self.judge_files(group, now, &mut report) {
            Ok(left) => left,
            Err(failure) => {
                self.denied(failure, &mut report)?;
                group.entries.clone()
            }
        };
        let ending = if report.failed() { Ending::Failed } else { Ending::Taken };
        self.spend(&group.directory, ending, left);
        Ok(Some(report))
    }

    pub(crate) fn spend(&mut self, directory: &str, ending: Ending, left: Vec<Entry>) {
        self.spent.insert(directory.to_owned(), Spent { ending, left });
    }

    /// B12.
    fn refusal(&self, ending: Ending) -> Option<Note> {
        match (ending, self.switches.second_batch, self.switches.after_failure) {
            (Ending::Taken, SecondBatch::Refuse, AfterFailure::Refuse | AfterFailure::Read) => Some(assumed_failure(
                Rule::B12,
                "Send one batch a date: the one of this date was taken. Wait for the next day, or number the files.",
            )),
            (Ending::Failed, SecondBatch::Refuse | SecondBatch::Accept, AfterFailure::Refuse) => Some(assumed_failure(
                Rule::B12,
                "Never reopen a directory whose done file was written: send what failed with another date.",
            )),
            (Ending::Taken, SecondBatch::Accept, AfterFailure::Refuse | AfterFailure::Read)
            | (Ending::Failed, SecondBatch::Refuse | SecondBatch::Accept, AfterFailure::Read) => None,
        }
    }

    /// Makes B14 of a lacking right, where the profile is one of S3.
    pub(crate) fn denied(&self, failure: Failure, report: &mut Report) -> Result<(), Failure> {
        match failure {
            Failure::Place { path, source }
                if source.kind() == io::ErrorKind::PermissionDenied && self.feed.profile.is_s3() =>
            {
                let message = "Grant Lotame's role list, get, put and delete on the agreed directories.";
                report.note(strict_failure(Rule::B14, message), Some(&path));
                Ok(())
            }
            failure @ (Failure::Place { .. } | Failure::Scratch(_)) => Err(failure),
        }
    }

    /// The files that are left in the directory.
    fn judge_files(&mut self, group: &Group, now: Timestamp, report: &mut Report) -> Result<Vec<Entry>, Failure> {
        let digits = match &group.place {
            Whereabouts::Dated(digits) => digits,
            Whereabouts::Stray => {
                let message = "Write the files into the agreed directories, below one of eight digits: DIR/YYYYMMDD/.";
                report.note(strict_failure(Rule::B3, message), Some(&group.directory));
                return Ok(group.entries.clone());
            }
        };
        self.profile(report);
        let plan = batch::plan(group, digits, &self.feed, &self.switches, report);
        let Some(plan) = plan.filter(|_| !report.failed()) else { return self.set_aside(group, digits, report) };
        let kind = self.kind(report.date);
        self.recency(kind, report);
        let state = self.read(&plan, kind, now, report)?;
        self.unchanged(group, report)?;
        if report.failed() {
            return Ok(group.entries.clone());
        }
        let moved: Vec<&Entry> = match self.switches.archived {
            Archived::Everything => plan.files().collect(),
            Archived::DataAlone => plan.parts.iter().map(|part| &part.data).collect(),
        };
        let left = self.move_files(group, digits, "archive", &moved)?;
        self.state = state;
        match kind {
            BatchKind::Comprehensive => self.last_comprehensive = self.last_comprehensive.max(report.date),
            BatchKind::Delta => {}
        }
        Ok(left)
    }

    /// B13, as far as the feed shows it.
    fn profile(&self, report: &mut Report) {
        match self.feed.use_case {
            UseCase::Emails { .. } if !self.feed.takes_emails() => {
                let message = "Set up a feed of emails with Lotame-hosted S3 and a bucket of the emails' own region.";
                report.note(strict_failure(Rule::B13, message), None);
            }
            UseCase::Emails { .. }
            | UseCase::Behaviors
            | UseCase::Sightings
            | UseCase::IdMapping
            | UseCase::Ldx
            | UseCase::Onboarding { .. } => {}
        }
    }

    /// Emails over the limit go to `error` (B7); Lotame documents nothing of the kind for anything else.
    fn set_aside(&self, group: &Group, digits: &str, report: &mut Report) -> Result<Vec<Entry>, Failure> {
        match self.feed.use_case {
            UseCase::Emails { .. } if report.counts.contains_key(&Rule::B7) => {
                let left = self.move_files(group, digits, "error", &group.entries.iter().collect::<Vec<_>>())?;
                report.verdict = Verdict::MovedToError;
                Ok(left)
            }
            UseCase::Emails { .. } | UseCase::Behaviors | UseCase::Sightings | UseCase::IdMapping => {
                Ok(group.entries.clone())
            }
            UseCase::Ldx | UseCase::Onboarding { .. } => Ok(group.entries.clone()),
        }
    }

    /// B15.
    fn recency(&self, kind: BatchKind, report: &mut Report) {
        let (BatchKind::Delta, Mode::Delta { comprehensive_every_days: most, .. }) = (kind, self.feed.mode) else {
            return;
        };
        let days = match (self.last_comprehensive, report.date) {
            (Some(last), Some(date)) => (date - last).get_days(),
            (None, _) | (_, None) => i32::MAX,
        };
        if i64::from(days) > i64::from(most) {
            let message =
                format!("Send a comprehensive batch: the last one is more than {most} days ago, or never was.");
            report.note(strict_warning(Rule::B15, message), None);
        }
    }

    /// B10, as far as it happens while the files are read.
    fn unchanged(&self, group: &Group, report: &mut Report) -> Result<(), Failure> {
        let directory = format!("{}/", group.directory);
        let mut now = self.list(&directory)?;
        now.retain(|entry| entry.directory() == group.directory);
        if now != group.entries {
            let message = "Change no file after the done file is written: one changed while the batch was read.";
            report.note(assumed_failure(Rule::B10, message), Some(&group.directory));
        }
        Ok(())
    }

    fn move_files(&self, group: &Group, digits: &str, to: &str, files: &[&Entry]) -> Result<Vec<Entry>, Failure> {
        let base = self.feed.directories.path();
        for Entry { path, .. } in files {
            let name = path.rsplit('/').next().unwrap_or_default();
            let to = match self.switches.archive {
                Archive::DatedDirectory => format!("{base}/{to}/{digits}/{name}"),
                Archive::DatedName => format!("{base}/{to}/{digits}_{name}"),
            };
            self.place.rename(path, &to).map_err(|source| Failure::Place { path: path.clone(), source })?;
        }
        Ok(group.entries.iter().filter(|entry| !files.contains(entry)).cloned().collect())
    }

    /// The state with the rows of the batch, which holds only where the report has not failed.
    fn read(&self, plan: &Plan, kind: BatchKind, now: Timestamp, report: &mut Report) -> Result<State, Failure> {
        let Self { feed, switches, scratch, state, unnormalised, .. } = self;
        let measure = Measure { feed, switches, kind, now, unnormalised };
        let mut ledger = Ledger::new(report, scratch.path(), feed.use_case, switches);
        for part in &plan.parts {
            self.read_part(part, &measure, &mut ledger)?;
        }
        let report = ledger.report();
        if report.rows.read == 0 && !report.failed() {
            empty(switches.empty_batch, report);
        }
        let change = Change { kind, now: now.as_second(), switches };
        ledger.settle(state, scratch.path(), change).map_err(Failure::Scratch)
    }

    fn read_part(&self, part: &Part, measure: &Measure<'_>, ledger: &mut Ledger<'_>) -> Result<(), Failure> {
        let Part { data, md5 } = part;
        let promised = self.checksum(part, ledger.report())?;
        ledger.begin_file(&data.path);
        let mut lines = Lines::new(Unzipped::new(self.open(&data.path)?), self.switches.longest_line_bytes);
        let unzips = read_rows(&mut lines, ledger, |line, number| record::check(line, number, measure))?;
        let zipped =
            lines.into_inner().finish().map_err(|source| Failure::Place { path: data.path.clone(), source })?;
        let (report, path) = (ledger.report(), Some(data.path.as_str()));
        if !unzips {
            report.note(not_gzip(), path);
        }
        if zipped.members > 1 && unzips {
            report.note(members(self.switches.members), path);
        }
        if promised.is_some_and(|promised| !promised.eq_ignore_ascii_case(&zipped.md5)) {
            let message = "Write the MD5 of the zipped bytes, as they were sent.";
            report.note(strict_failure(Rule::B5, message), Some(&md5.path));
        }
        if zipped.bytes != data.size {
            let message = "Change no file after the done file is written: its size is not that of the listing.";
            report.note(assumed_failure(Rule::B10, message), path);
        }
        Ok(())
    }

    /// What the checksum file promises, where it can be read.
    fn checksum(&self, part: &Part, report: &mut Report) -> Result<Option<String>, Failure> {
        let path = &part.md5.path;
        let mut bytes = Vec::new();
        let read = self.open(path)?.take(checksum::LONGEST).read_to_end(&mut bytes);
        read.map_err(|source| Failure::Place { path: path.clone(), source })?;
        match checksum::digits(&bytes, part.data.name(), &self.switches) {
            Ok(digits) => Ok(Some(digits.to_owned())),
            Err(note) => {
                report.note(note, Some(path));
                Ok(None)
            }
        }
    }

    pub(crate) fn open(&self, path: &str) -> Result<Box<dyn Read + '_>, Failure> {
        self.place.open(path).map_err(|source| Failure::Place { path: path.to_owned(), source })
    }
}

/// Whether all could be read to its end.
pub(crate) fn read_rows<R: Read>(
    lines: &mut Lines<R>,
    ledger: &mut Ledger<'_>,
    check: impl Fn(&[u8], u64) -> record::Checked,
) -> Result<bool, Failure> {
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        let found = match lines.next(&mut line) {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(true),
            Err(_) => return Ok(false),
        };
        number += 1;
        let checked = match found {
            Line::Whole => check(&line, number),
            Line::TooLong => record::unreadable(too_long()),
        };
        ledger.add(checked, number).map_err(Failure::Scratch)?;
    }
}

fn too_long() -> Note {
    assumed(Rule::R1, 1, "Write shorter rows; how long one may be, nobody knows (Q13).")
}

pub(crate) fn not_gzip() -> Note {
    strict_failure(Rule::B6, "Send one whole gzip member, with its checksum and length right and nothing after it.")
}

fn members(switch: Members) -> Note {
    let message = "Write one gzip member; whether Lotame reads several, nobody knows (Q10).";
    match switch {
        Members::Warn => assumed_warning(Rule::B6, message),
        Members::Fail => assumed_failure(Rule::B6, message),
    }
}

pub(crate) fn empty(switch: EmptyBatch, report: &mut Report) {
    let message = "Send nothing on a day without rows; what an empty file does, nobody knows (Q10).";
    let note = match switch {
        EmptyBatch::Warn => assumed_warning(Rule::B16, message),
        EmptyBatch::Fail => assumed_failure(Rule::B16, message),
    };
    report.note(note, None);
}

/// B1. What is in no agreed directory is no batch before its done file is there.
fn waiting(group: &Group, mut report: Report) -> Option<Report> {
    match &group.place {
        Whereabouts::Stray => None,
        Whereabouts::Dated(_) => {
            report.verdict = Verdict::Waiting;
            let message = "Write the done file when all else is there: until then nothing is read.";
            report.note(strict_failure(Rule::B1, message), Some(&group.directory));
            Some(report)
        }
    }
}
