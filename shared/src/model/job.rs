//! A walk over a source's people for one activation.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::{ActivationId, JobId, PersonKey};
use super::standing::Reason;

/// A job with its progress.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// For which activation.
    pub activation: ActivationId,
    /// What for.
    pub kind: JobKind,
    /// How far it is.
    pub status: JobStatus,
    /// Where the walk goes on, in the order of the store.
    #[schemars(with = "Option<String>")]
    pub cursor: Option<PersonKey>,
    /// People walked so far.
    pub walked: u64,
    /// People nudged so far.
    pub nudged: u64,
    /// About how many people there were when it began; some stores count seldom, and all sources together.
    pub of: u64,
    /// When it was asked for.
    #[schemars(with = "String")]
    pub started_at: Timestamp,
    /// When it last went on, or was last told to.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub moved_at: Option<Timestamp>,
    /// When it ended.
    #[schemars(with = "Option<String>")]
    pub ended_at: Option<Timestamp>,
    /// Why it ended early.
    pub why: Option<Reason>,
}

impl Job {
    /// When nothing can be under way any more that would go on with it, if nothing does within `patience`;
    /// `None` once it ended.
    pub fn stalls_at(&self, patience: SignedDuration) -> Option<Timestamp> {
        let moved_at = self.moved_at.unwrap_or(self.started_at);
        (self.status == JobStatus::Running).then(|| moved_at.saturating_add(patience).unwrap_or(Timestamp::MAX))
    }
}

/// What a walk is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// The first activation: everybody already there.
    Backfill,
    /// After a pause, a failure or an edit: whoever is pending.
    Resume,
    /// Daily, and by hand: whoever is pending, and reasons that may have changed at the vendor.
    CatchUp,
    /// By hand: everybody again, whatever the receipts say.
    Resync,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// Walking.
    Running,
    /// Everybody was walked.
    Done,
    /// The activation stopped first.
    Stopped,
}
