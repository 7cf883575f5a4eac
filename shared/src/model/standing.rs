//! Where one person stands at one activation: per record what became of it, the doubt about what the
//! vendor applied, and the account of the changes that were accepted.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::{AudienceId, RecordId};
use super::person::Version;

/// Rises whenever it became unclear what the vendor applied last. A receipt settles the doubt it was
/// read with; a greater one makes the record pending again.
pub type Doubt = u64;

/// One activation's attribute on a person's row.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Rises with every write of this attribute; settling is conditional on it, and with it on the doubt.
    pub revision: u64,
    /// Doubt about every record of the person.
    #[serde(default)]
    pub doubt: Doubt,
    /// The records.
    #[serde(default)]
    pub records: BTreeMap<RecordId, RecordStanding>,
    /// What became of the changes.
    #[serde(default)]
    pub account: Account,
}

/// One record.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RecordStanding {
    /// Doubt about this record alone.
    #[serde(default)]
    pub doubt: Doubt,
    /// What became of it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    /// What the destination wants to be told again next time (the vendor's id of a member, say).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memo: Option<serde_json::Value>,
}

/// What became of one record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// What became of it.
    pub outcome: Outcome,
    /// The row's version that was sent or judged.
    pub version: Version,
    /// The activation's revision under which.
    pub revision: u64,
    /// The doubt that this receipt settles.
    pub doubt: Doubt,
    /// When.
    pub at: Timestamp,
    /// What the vendor said, redacted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub said: String,
    /// The audiences that the record showed the person inside, as delivered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inside: Vec<AudienceId>,
    /// Set while tries fail: the first failure and the tries so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trying: Option<Trying>,
}

/// How long a record has been tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trying {
    /// When the first try failed; the retry window is counted from here.
    pub since: Timestamp,
    /// Failed tries, from 1.
    pub attempts: u32,
}

/// The five ends of a record and its waiting room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Outcome {
    /// The vendor has it.
    Delivered,
    /// It must not or cannot be sent; `open` where the vendor's side can change that.
    Filtered {
        /// Why.
        reason: Reason,
        /// Whether the catch-up tries again.
        open: bool,
    },
    /// The vendor, or a rule of ours, refused it.
    Rejected {
        /// Why.
        reason: Reason,
        /// Whether the catch-up tries again.
        open: bool,
    },
    /// Given up for now, kept for a replay.
    Parked {
        /// The last failure.
        reason: Reason,
    },
    /// To be tried again.
    Waiting {
        /// The last failure.
        reason: Reason,
        /// Not before this time.
        not_before: Timestamp,
    },
}

impl Receipt {
    /// Whether it says that the record was given up for now.
    pub fn is_parked(&self) -> bool {
        matches!(self.outcome, Outcome::Parked { .. })
    }
}

impl Outcome {
    /// As what it is counted; `None` while it waits.
    pub fn ending(&self) -> Option<Ending> {
        match self {
            Self::Delivered => Some(Ending::Delivered),
            Self::Filtered { .. } => Some(Ending::Filtered),
            Self::Rejected { .. } => Some(Ending::Rejected),
            Self::Parked { .. } => Some(Ending::Parked),
            Self::Waiting { .. } => None,
        }
    }

    /// The reason, where there is one.
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Delivered => None,
            Self::Filtered { reason, .. }
            | Self::Rejected { reason, .. }
            | Self::Parked { reason }
            | Self::Waiting { reason, .. } => Some(reason),
        }
    }
}

/// A short sentence for people, the same for all whom it concerns, without anything personal in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Reason(String);

impl Reason {
    /// At most 200 characters are kept.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self(text.as_ref().chars().filter(|c| !c.is_control()).take(200).collect())
    }

    /// The sentence.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The account of accepted changes of one person at one activation.
///
/// Changes are numbered from 1 in the order of acceptance. Those up to `closed_to` are in `closed`;
/// those after it up to `covered` share the outcome `current`: one has it, the others were superseded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Final counts.
    pub closed: Tally,
    /// The last change in `closed`.
    pub closed_to: u64,
    /// The last change that a complete set of receipts covers.
    pub covered: u64,
    /// The outcome of that set.
    pub current: Option<Ending>,
}

/// The kinds of end, the worst last: of several records of a person the worst counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// [`Outcome::Delivered`]
    Delivered,
    /// [`Outcome::Filtered`]
    Filtered,
    /// [`Outcome::Rejected`]
    Rejected,
    /// [`Outcome::Parked`]
    Parked,
}

/// Counts by end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tally {
    /// Overtaken by a newer change before or while it was sent, or a repeat.
    pub superseded: u64,
    /// The vendor has it.
    pub delivered: u64,
    /// Not to be sent.
    pub filtered: u64,
    /// Refused.
    pub rejected: u64,
    /// Given up for now.
    pub parked: u64,
}

impl Tally {
    /// Adds one change of this end.
    pub fn add(&mut self, ending: Ending) {
        match ending {
            Ending::Delivered => self.delivered += 1,
            Ending::Filtered => self.filtered += 1,
            Ending::Rejected => self.rejected += 1,
            Ending::Parked => self.parked += 1,
        }
    }

    /// All of them.
    pub fn sum(&self) -> u64 {
        let Self { superseded, delivered, filtered, rejected, parked } = self;
        superseded + delivered + filtered + rejected + parked
    }
}

impl Account {
    /// A complete set of receipts with this end covers everything accepted up to `accepted`.
    pub fn cover(&mut self, accepted: u64, ending: Ending) {
        if accepted > self.covered {
            self.closed = self.tally();
            self.closed_to = self.covered;
            self.covered = accepted;
        }
        self.current = Some(ending);
    }

    /// The counts of everything covered.
    pub fn tally(&self) -> Tally {
        let mut tally = self.closed;
        if let Some(ending) = self.current
            && self.covered > self.closed_to
        {
            tally.add(ending);
            tally.superseded += self.covered - self.closed_to - 1;
        }
        tally
    }
}

impl Standing {
    /// The doubt about one record.
    pub fn doubt_of(&self, record: &RecordId) -> Doubt {
        self.doubt + self.records.get(record).map_or(0, |standing| standing.doubt)
    }

    /// The receipt of one record.
    pub fn receipt(&self, record: &RecordId) -> Option<&Receipt> {
        self.records.get(record)?.receipt.as_ref()
    }

    /// Where all records came to an end, the worst of these; `None` while one of `records` waits.
    pub fn ending<'a>(&self, records: impl IntoIterator<Item = &'a RecordId>) -> Option<Ending> {
        let mut worst = None;
        for record in records {
            worst = worst.max(Some(self.receipt(record)?.outcome.ending()?));
        }
        worst
    }
}
