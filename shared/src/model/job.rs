//! A walk over a source's people for one activation.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::{ActivationId, AudienceId, JobId, PersonKey, RecordId};
use super::insiders::Insiders;
use super::person::Person;
use super::reconcile::Reconciliation;
use super::retention::{OfGivenUp, Parking};
use super::standing::{Ending, Reason, Receipt};

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
    /// Whom a replay sends again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<Replay>,
    /// Which insiders earn something, and how far that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub insiders: Option<Insiders>,
    /// What a comparison is for and found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconciliation: Option<Reconciliation>,
}

/// Which records a replay sends again, and how fast. What is absent picks everything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// Records that ended so.
    pub ended: BTreeSet<Ending>,
    /// Only records of this audience; where a person is one record, people who were ever said to be in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<AudienceId>,
    /// Only records that ended for exactly this reason, as the lists show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Only records that ended at this time or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub since: Option<Timestamp>,
    /// Only records that ended before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub until: Option<Timestamp>,
    /// Whether records are sent too that were parked for longer than the activation keeps such.
    #[serde(default, skip_serializing_if = "OfGivenUp::is_default")]
    pub given_up: OfGivenUp,
    /// Only this person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub person: Option<PersonKey>,
    /// At most so many people a second, 0.1 or more; as fast as the budget allows where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people_per_second: Option<f64>,
}

impl Replay {
    /// Whether it sends a record of this person again.
    pub fn picks(&self, person: &Person, record: &RecordId, receipt: &Receipt, parking: Option<Parking>) -> bool {
        let Self { ended, audience, reason, since, until, given_up, person: only, people_per_second: _ } = self;
        let of_audience = |audience: &AudienceId| match record {
            RecordId::Person => person.memberships.contains_key(audience),
            RecordId::Audience(one) => one == audience,
        };
        receipt.outcome.ending().is_some_and(|ending| ended.contains(&ending))
            && given_up.admits(parking)
            && audience.as_ref().is_none_or(of_audience)
            && reason.as_ref().is_none_or(|reason| receipt.outcome.reason().is_some_and(|told| told.as_str() == reason))
            && since.is_none_or(|since| receipt.at >= since)
            && until.is_none_or(|until| receipt.at < until)
            && only.is_none_or(|only| person.key == only)
    }
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
    /// After a pause, a failure, an edit or a scan: whoever is pending.
    Resume,
    /// Daily, and by hand: whoever is pending, and reasons that may have changed at the vendor.
    CatchUp,
    /// By hand: everybody again, whatever the receipts say.
    Resync,
    /// By hand: whoever a filter picks, again.
    Replay,
    /// By hand: whoever is inside an audience is counted, or earns what entering it earns.
    Insiders,
    /// By hand: people at rest are compared with what the vendor shows; where it is asked for, whoever differs again.
    Reconcile,
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
