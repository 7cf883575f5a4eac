//! What one batch came to.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// How many findings of one rule are kept; the others are counted.
const KEPT: u64 = 20;

/// What one batch came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Its directory; of onboarding, its file.
    pub directory: String,
    /// Of the directory, where it has one.
    pub date: Option<Date>,
    /// Whether it was taken.
    pub verdict: Verdict,
    /// How many rows had which outcome.
    pub rows: Rows,
    /// Rows that were rejected, by every rule they broke; a row may be counted in several.
    pub rejected_by_rule: BTreeMap<Rule, u64>,
    /// The segments of accepted rows, added or removed.
    pub segment_names: BTreeSet<String>,
    /// How often each rule was broken, warnings included.
    pub counts: BTreeMap<Rule, u64>,
    /// The first twenty of each rule, in the order found.
    pub findings: Vec<Finding>,
}

impl Report {
    pub(crate) fn new(directory: &str, date: Option<Date>) -> Self {
        Self {
            directory: directory.to_owned(),
            date,
            verdict: Verdict::Accepted,
            rows: Rows::default(),
            rejected_by_rule: BTreeMap::new(),
            segment_names: BTreeSet::new(),
            counts: BTreeMap::new(),
            findings: Vec::new(),
        }
    }

    /// The rules that something broke, warnings included.
    #[must_use]
    pub fn rules(&self) -> BTreeSet<Rule> {
        self.counts.keys().copied().collect()
    }

    pub(crate) fn add(&mut self, finding: Finding) {
        let count = self.counts.entry(finding.rule).or_default();
        *count += 1;
        match finding.severity {
            Severity::Batch if self.verdict == Verdict::Accepted => self.verdict = Verdict::Failed,
            Severity::Batch | Severity::Record | Severity::Warning => {}
        }
        if *count <= KEPT {
            self.findings.push(finding);
        }
    }

    /// One that is about a file, or about the batch.
    pub(crate) fn note(&mut self, note: Note, file: Option<&str>) {
        self.add(note.at(file, None));
    }

    pub(crate) fn failed(&self) -> bool {
        match self.verdict {
            Verdict::Failed | Verdict::MovedToError => true,
            Verdict::Accepted | Verdict::Waiting => false,
        }
    }
}

/// Whether a batch was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// No done file yet: nothing was read (B1).
    Waiting,
    /// The accepted rows are in the state, the files in `archive`.
    Accepted,
    /// Nothing of it is in the state, its files are where they were.
    Failed,
    /// As failed, its files are in `error`.
    MovedToError,
}

/// How many rows had which outcome; `read` is the sum of the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    /// Lines, blank ones too.
    pub read: u64,
    /// Without a fault, warnings aside.
    pub accepted: u64,
    /// Without consent (R5).
    pub skipped: u64,
    /// With a fault.
    pub rejected: u64,
}

/// One place where a rule is broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Of section 12.
    pub rule: Rule,
    /// Whose rule this is.
    pub basis: Basis,
    /// What it does.
    pub severity: Severity,
    /// The path of the file.
    pub file: Option<String>,
    /// From 1.
    pub line: Option<u64>,
    /// Of the member in its line: the byte where it begins, from 1.
    pub column: Option<u64>,
    /// What to do. Never holds an ID or an email.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, basis, severity, file, line, column, message } = self;
        write!(out, "{rule} ({basis}, {severity})")?;
        if let Some(file) = file {
            write!(out, " {file}")?;
        }
        if let Some(line) = line {
            write!(out, " line {line}")?;
        }
        if let Some(column) = column {
            write!(out, " column {column}")?;
        }
        write!(out, ": {message}")
    }
}

/// Whose rule it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Lotame documents it.
    Strict,
    /// Our reading; Lotame may do otherwise.
    Assumed,
}

impl fmt::Display for Basis {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Strict => "strict",
            Self::Assumed => "assumed",
        })
    }
}

/// What a finding does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// F: the batch fails.
    Batch,
    /// R: the record is left out.
    Record,
    /// W: nothing, but somebody should look.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Batch => "F",
            Self::Record => "R",
            Self::Warning => "W",
        })
    }
}

/// A rule of section 12: B of 12.1, R of 12.2, O of 12.3 in the order in which that names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the vendor file's numbers; the README lists them")]
pub enum Rule {
    B1,
    B2,
    B3,
    B4,
    B5,
    B6,
    B7,
    B8,
    B9,
    B10,
    B11,
    B12,
    B13,
    B14,
    B15,
    B16,
    R1,
    R2,
    R3,
    R4,
    R5,
    R6,
    R7,
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15,
    R16,
    R17,
    /// The file's name.
    O1,
    /// The file's path.
    O2,
    /// The address of a row.
    O3,
    /// At least one segment.
    O4,
    /// Each address once.
    O5,
    /// How a row is written.
    O6,
}

impl fmt::Display for Rule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, out)
    }
}

/// A finding before it has a place. Its sentence is put together from ours and numbers alone, so that no ID gets in.
#[derive(Debug, Clone)]
pub(crate) struct Note {
    pub(crate) rule: Rule,
    pub(crate) basis: Basis,
    pub(crate) severity: Severity,
    pub(crate) column: Option<u64>,
    pub(crate) message: Cow<'static, str>,
}

impl Note {
    pub(crate) fn new(rule: Rule, basis: Basis, severity: Severity, message: impl Into<Cow<'static, str>>) -> Self {
        Self { rule, basis, severity, column: None, message: message.into() }
    }

    pub(crate) fn column(mut self, column: u64) -> Self {
        self.column = Some(column);
        self
    }

    pub(crate) fn at(self, file: Option<&str>, line: Option<u64>) -> Finding {
        let Self { rule, basis, severity, column, message } = self;
        let (file, message) = (file.map(str::to_owned), message.into_owned());
        Finding { rule, basis, severity, file, line, column, message }
    }
}
