//! Counts the rows of a batch, finds IDs that are in several (R4) and makes the next state.

use std::io;
use std::path::Path;

use crate::lotame::feed::UseCase;
use crate::lotame::record::{Checked, Outcome, Row};
use crate::lotame::report::{Basis, Note, Report, Rule, Severity};
use crate::lotame::sorter::{Arrangement, At, First, Sortable, Sorter};
use crate::lotame::state::{Change, Id, Merge, State};
use crate::lotame::switches::Switches;

/// The rows so far.
pub(crate) struct Ledger<'a> {
    report: &'a mut Report,
    files: Vec<String>,
    sorter: Sorter,
    arrangement: Arrangement,
    use_case: UseCase,
}

impl<'a> Ledger<'a> {
    /// Keeps what does not fit into memory in `directory`.
    pub(crate) fn new(report: &'a mut Report, directory: &Path, use_case: UseCase, switches: &Switches) -> Self {
        let arrangement = arrangement(use_case, switches);
        let sorter = Sorter::new(directory, arrangement, switches.sort_memory_bytes);
        Self { report, files: Vec::new(), sorter, arrangement, use_case }
    }

    pub(crate) fn report(&mut self) -> &mut Report {
        self.report
    }

    /// The rows that follow are of this file.
    pub(crate) fn begin_file(&mut self, path: &str) {
        self.files.push(path.to_owned());
    }

    pub(crate) fn add(&mut self, checked: Checked, line: u64) -> io::Result<()> {
        let Checked { id, outcome, notes } = checked;
        let mut broken: Vec<Rule> = notes.iter().filter(|note| counts(note)).map(|note| note.rule).collect();
        broken.sort_unstable();
        broken.dedup();
        let file = self.files.last().map(String::as_str);
        for note in notes {
            self.report.add(note.at(file, Some(line)));
        }
        let rows = &mut self.report.rows;
        rows.read += 1;
        let row = match outcome {
            Outcome::Accepted(row) => {
                rows.accepted += 1;
                Some(row)
            }
            Outcome::Skipped => {
                rows.skipped += 1;
                None
            }
            Outcome::Rejected => {
                rows.rejected += 1;
                for rule in broken {
                    *self.report.rejected_by_rule.entry(rule).or_default() += 1;
                }
                None
            }
        };
        if let Some(Row { segments, remove, .. }) = &row {
            for name in segments.keys().chain(remove) {
                if !self.report.segment_names.contains(name) {
                    self.report.segment_names.insert(name.clone());
                }
            }
        }
        let Some((id, column)) = id else { return Ok(()) };
        self.sorter.push(Sortable { id, at: At { part: self.files.len().saturating_sub(1), line, column }, row })
    }

    /// The state with these rows. It holds only where the report has not failed.
    pub(crate) fn settle(self, state: &State, directory: &Path, change: Change<'_>) -> io::Result<State> {
        let Self { report, files, sorter, arrangement, use_case } = self;
        let mut merge = Merge::new(state, directory, arrangement, change)?;
        let mut before: Option<Sortable> = None;
        let mut mapped: Option<Id> = None;
        for row in sorter.finish()? {
            let mut row = row?;
            let file = files.get(row.at.part).map(String::as_str);
            let twice = before.as_ref().filter(|before| arrangement.same(&before.id, &row.id));
            if let Some(before) = twice {
                let first = before.at.min(row.at);
                let second = before.at.max(row.at);
                let file = files.get(second.part).map(String::as_str);
                let note = twice_note(use_case, before, &row, first).column(second.column);
                report.add(note.at(file, Some(second.line)));
            } else if mapped.as_ref().is_some_and(|id| row.row.is_some() && arrangement.same_userid(id, &row.id)) {
                report.rows.accepted -= 1;
                report.rows.rejected += 1;
                *report.rejected_by_rule.entry(Rule::R13).or_default() += 1;
                report.add(mapped_twice().column(row.at.column).at(file, Some(row.at.line)));
            } else if let Some(told) = row.row.take() {
                merge.apply(&row.id, told)?;
                mapped = (use_case == UseCase::IdMapping).then(|| row.id.clone());
            }
            row.row = None;
            before = Some(row);
        }
        merge.finish()
    }
}

/// The order in which the rows of a feed are sorted, and its state.
pub(crate) fn arrangement(use_case: UseCase, switches: &Switches) -> Arrangement {
    let first = match use_case {
        UseCase::IdMapping => First::Userid,
        UseCase::Behaviors
        | UseCase::Sightings
        | UseCase::Ldx
        | UseCase::Emails { .. }
        | UseCase::Onboarding { .. } => First::Idtype,
    };
    Arrangement { same_id: switches.same_id, first }
}

fn counts(note: &Note) -> bool {
    match note.severity {
        Severity::Batch | Severity::Record => true,
        Severity::Warning => false,
    }
}

/// R4, or O5 in onboarding.
fn twice_note(use_case: UseCase, a: &Sortable, b: &Sortable, first: At) -> Note {
    let rule = match use_case {
        UseCase::Onboarding { .. } => Rule::O5,
        UseCase::Behaviors | UseCase::Sightings | UseCase::IdMapping | UseCase::Ldx | UseCase::Emails { .. } => {
            Rule::R4
        }
    };
    let line = first.line;
    if a.at.part != b.at.part {
        let part = first.part + 1;
        let message = format!("Write each ID in one row of one part: line {line} of part {part} has it too.");
        return Note::new(rule, Basis::Assumed, Severity::Batch, message);
    }
    if a.id.userid != b.id.userid {
        let message = format!("Put IDs into one case and merge their rows: but for case, line {line} has it too.");
        return Note::new(rule, Basis::Assumed, Severity::Batch, message);
    }
    let message = format!("Write each ID in one row of a file: line {line} has it too.");
    Note::new(rule, Basis::Strict, Severity::Batch, message)
}

fn mapped_twice() -> Note {
    let message = "Map each `userid` once in a file, whatever its type: it is there with another `idtype`.";
    Note::new(Rule::R13, Basis::Assumed, Severity::Record, message)
}
