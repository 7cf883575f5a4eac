//! A scan: the members of audiences, asked of the source itself, page by page.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::{AudienceId, PersonKey, ScanId, SourceId};
use super::standing::Reason;

/// A scan with its progress.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scan {
    /// Its id.
    pub id: ScanId,
    /// Of which source.
    pub source: SourceId,
    /// What for.
    pub purpose: ScanPurpose,
    /// Which audiences, in this order.
    pub audiences: Vec<ScannedAudience>,
    /// Where it is.
    pub stage: ScanStage,
    /// How far it is.
    pub status: ScanStatus,
    /// What it came to so far.
    pub counts: ScanCounts,
    /// Failures since the last page that came.
    pub failures: u32,
    /// A comparison that would take out more than this share of an audience stops and asks.
    pub most_exits_percent: u8,
    /// Whoever it sees was inside at this time at the latest: facts that are newer win over what it says.
    pub as_of: Timestamp,
    /// When it was asked for.
    pub started_at: Timestamp,
    /// When it last went on, or was last told to.
    pub moved_at: Timestamp,
    /// When the last page came.
    pub paged_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why it stopped.
    pub why: Option<Reason>,
    /// Rises with every write, from 1.
    pub revision: u64,
}

/// An audience with the names that its source has for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScannedAudience {
    /// Its id at Muster.
    pub id: AudienceId,
    /// The name that is not its id.
    pub other_name: Option<String>,
    /// About how many members it has, where the source says so.
    #[serde(default)]
    pub members: Option<u64>,
    /// Rows of it that could not be stored.
    #[serde(default)]
    pub unstored: u64,
}

/// What a scan is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScanPurpose {
    /// Whoever is inside enters.
    Backfill,
    /// The same, and whoever is inside at Muster and was not seen leaves.
    Reconcile,
}

/// How far a scan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScanStatus {
    /// Under way.
    Running,
    /// Over.
    Done,
    /// It could not go on; it can be resumed where it stopped.
    Stopped,
}

/// Where a scan is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum ScanStage {
    /// Pages of members come in. Each audience is read at least twice, until nobody new is seen.
    Pages {
        /// Which audience, by its place among them.
        audience: usize,
        /// Which reading, from 1.
        pass: u32,
        /// What the source named as the next page; `None` before the first.
        next: Option<String>,
        /// Whoever was seen for the first time in this reading.
        new: u64,
        /// How often this audience had to be begun again because the source had forgotten the place.
        restarts: u32,
    },
    /// Rows are walked for whoever was not seen, and counted.
    Missing {
        /// Which audience.
        audience: usize,
        /// Where the walk goes on.
        cursor: Option<PersonKey>,
        /// Whoever is inside.
        members: u64,
        /// Whoever of them was not seen.
        missing: u64,
    },
    /// Rows are walked again, and whoever was not seen leaves.
    Leaves {
        /// Which audience.
        audience: usize,
        /// Where the walk goes on.
        cursor: Option<PersonKey>,
    },
}

impl ScanStage {
    /// The first page of an audience.
    pub fn first_page(audience: usize) -> Self {
        Self::Pages { audience, pass: 1, next: None, new: 0, restarts: 0 }
    }

    /// Which audience it is about, by its place among them.
    pub fn audience(&self) -> usize {
        match self {
            Self::Pages { audience, .. } | Self::Missing { audience, .. } | Self::Leaves { audience, .. } => *audience,
        }
    }
}

/// What a scan came to so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScanCounts {
    /// Pages that came.
    pub pages: u64,
    /// Rows on them.
    pub rows: u64,
    /// Memberships that were stored; who is on a later page again is not counted again.
    pub members: u64,
    /// Rows of whom nobody can tell who they are, or that were too large.
    pub left_out: u64,
    /// Whoever was found to have left.
    pub exits: u64,
    /// How often an audience was begun again.
    pub restarts: u64,
}

impl Scan {
    /// When nothing can be under way any more that would go on with it, if nothing does within `patience`;
    /// `None` once it ended.
    pub fn stalls_at(&self, patience: SignedDuration) -> Option<Timestamp> {
        let at = self.moved_at.saturating_add(patience).unwrap_or(Timestamp::MAX);
        (self.status == ScanStatus::Running).then_some(at)
    }

    /// The audience that is read now.
    pub fn audience(&self) -> Option<&ScannedAudience> {
        self.audiences.get(self.stage.audience())
    }
}
