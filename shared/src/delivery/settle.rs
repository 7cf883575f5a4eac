//! From verdicts to receipts, by record: pure.

use jiff::{SignedDuration, Timestamp};

use super::plan::{Arrival, Plan, SUPPRESSED};
use super::retry;
use crate::destination::{Applied, Failure, ItemId, Landing, Shows, Verdict, Verdicts};
use crate::model::pending::{Due, RecordShape, due, records};
use crate::model::standing::Trying;
use crate::model::{
    Activation, AudienceId, Doubt, KeyHash, Outcome, Person, Reason, Receipt, RecordId, RecordStanding, Standing,
};

/// Why a second claimant of a key is refused.
pub const KEY_HELD: &str = "key held by another person";
/// Why somebody without a value to be known by is not sent.
pub const NO_KEY: &str = "no usable person identifier";

/// What became of one record in one round.
#[derive(Debug, Clone, PartialEq)]
pub enum Conclusion {
    /// It gets this receipt.
    Ended(Ended),
    /// A try failed: to be tried again, or parked at the end of the window.
    Failed {
        /// Why.
        reason: Reason,
        /// The tries so far.
        trying: Trying,
        /// The vendor's own wish.
        retry_after: Option<SignedDuration>,
    },
    /// Nothing was sent.
    PutOff {
        /// Not before this time.
        until: Timestamp,
    },
    /// The activation must stop.
    Stop(Failure),
}

/// What becomes of what the destination left for the record.
#[derive(Debug, Clone, PartialEq)]
pub enum Memo {
    /// It stays.
    Kept,
    /// This takes its place.
    Left(Option<serde_json::Value>),
}

/// A record that came to an end for now.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// What became of it.
    pub outcome: Outcome,
    /// What the vendor said, redacted.
    pub said: String,
    /// What becomes of what the destination left.
    pub memo: Memo,
    /// Audiences shown inside; `None` where the vendor's side did not change.
    pub inside: Option<Vec<AudienceId>>,
    /// What the vendor took to apply later.
    pub landing: Option<Box<Landing>>,
}

/// Concludes a plan by the first step that failed; whether anything of it is open is asked apart. `departed` are the steps whose key was really told to leave; `held` says whether the
/// current key is somebody else's.
pub fn conclude(
    plan: &Plan,
    departed: &[u16],
    held: bool,
    verdicts: &Verdicts,
    former: Option<&Receipt>,
    now: Timestamp,
) -> Conclusion {
    for step in departed {
        match verdict(plan, *step, verdicts) {
            Some(Verdict::Failed(failure)) => return conclude_failure(failure, former, now),
            Some(Verdict::Delivered { .. } | Verdict::Landing(_) | Verdict::Filtered { .. }) | None => {}
        }
    }
    match &plan.arrival {
        Arrival::Nobody => {
            let left = Ended::told(Outcome::Delivered, "left", Some(Vec::new()));
            Conclusion::Ended(Ended { memo: Memo::Left(None), ..left })
        }
        Arrival::Withheld => {
            let outcome = Outcome::Filtered { reason: Reason::new(SUPPRESSED), open: false };
            let left = Ended::told(outcome, "", (!departed.is_empty()).then(Vec::new));
            Conclusion::Ended(Ended { memo: Memo::Left(None), ..left })
        }
        Arrival::NoKey => {
            let outcome = Outcome::Filtered { reason: Reason::new(NO_KEY), open: false };
            Conclusion::Ended(Ended::told(outcome, "", (!departed.is_empty()).then(Vec::new)))
        }
        Arrival::Show { .. } if held => {
            let outcome = Outcome::Rejected { reason: Reason::new(KEY_HELD), open: true };
            Conclusion::Ended(Ended::told(outcome, "", (!departed.is_empty()).then(Vec::new)))
        }
        Arrival::Show { shown, .. } => {
            let inside = shown
                .audiences
                .iter()
                .filter(|(_, shows)| matches!(shows, Shows::Inside(_)))
                .map(|(audience, _)| audience.clone())
                .collect();
            conclude_arrival(verdict(plan, 0, verdicts), inside, former, now)
        }
    }
}

fn verdict<'a>(plan: &Plan, step: u16, verdicts: &'a Verdicts) -> Option<&'a Verdict> {
    verdicts.get(&ItemId { person: plan.person, record: plan.record.clone(), step })
}

fn conclude_arrival(
    verdict: Option<&Verdict>,
    inside: Vec<AudienceId>,
    former: Option<&Receipt>,
    now: Timestamp,
) -> Conclusion {
    match verdict {
        Some(Verdict::Delivered { said, memo }) => Conclusion::Ended(Ended {
            outcome: Outcome::Delivered,
            said: said.clone(),
            memo: Memo::Left(memo.clone()),
            inside: Some(inside),
            landing: None,
        }),
        Some(Verdict::Landing(landing)) => Conclusion::Ended(Ended {
            memo: landing.memo.as_ref().map_or(Memo::Kept, |memo| Memo::Left(Some(memo.clone()))),
            landing: Some(Box::new(landing.clone())),
            ..Ended::told(Outcome::Delivered, "taken, to be applied later", Some(inside))
        }),
        Some(Verdict::Filtered { reason, open, memo }) => {
            let outcome = Outcome::Filtered { reason: reason.clone(), open: *open };
            let memo = memo.as_ref().map_or(Memo::Kept, |memo| Memo::Left(Some(memo.clone())));
            Conclusion::Ended(Ended { memo, ..Ended::told(outcome, "", None) })
        }
        Some(Verdict::Failed(failure)) => conclude_failure(failure, former, now),
        None => {
            let reason = Reason::new("the record was not sent");
            conclude_failure(&Failure::Retryable { reason, applied: Applied::No }, former, now)
        }
    }
}

fn conclude_failure(failure: &Failure, former: Option<&Receipt>, now: Timestamp) -> Conclusion {
    let trying = retry::one_more(former, now);
    match failure {
        Failure::Retryable { reason, applied: _ } => {
            Conclusion::Failed { reason: reason.clone(), trying, retry_after: None }
        }
        Failure::RateLimited { retry_after } => {
            Conclusion::Failed { reason: Reason::new(failure.to_string()), trying, retry_after: *retry_after }
        }
        Failure::PutOff { until } => Conclusion::PutOff { until: *until },
        Failure::Rejected { reason } => {
            let outcome = Outcome::Rejected { reason: reason.clone(), open: false };
            Conclusion::Ended(Ended::told(outcome, "", None))
        }
        Failure::Unauthorized { .. } | Failure::Misconfigured { .. } => Conclusion::Stop(failure.clone()),
    }
}

impl Ended {
    fn told(outcome: Outcome, said: &str, inside: Option<Vec<AudienceId>>) -> Self {
        Self { outcome, said: said.to_owned(), memo: Memo::Kept, inside, landing: None }
    }
}

/// The receipt of an ended record, for the row and standing as they were read.
pub fn receipt(
    ended: &Ended,
    person: &Person,
    standing: &Standing,
    activation: &Activation,
    record: &RecordId,
    now: Timestamp,
) -> Receipt {
    let former = standing.receipt(record);
    let doubt: Doubt = standing.doubt_of(record);
    Receipt {
        outcome: ended.outcome.clone(),
        version: person.version,
        revision: activation.revision,
        doubt,
        at: now,
        said: ended.said.clone(),
        inside: ended.inside.clone().or_else(|| former.map(|receipt| receipt.inside.clone())).unwrap_or_default(),
        trying: None,
    }
}

/// The receipt of a failed try.
pub fn waiting(
    outcome: Outcome,
    trying: Trying,
    person: &Person,
    standing: &Standing,
    activation: &Activation,
    record: &RecordId,
    now: Timestamp,
) -> Receipt {
    let ended = Ended::told(outcome, "", None);
    Receipt { trying: Some(trying), ..receipt(&ended, person, standing, activation, record, now) }
}

/// The standing after these receipts; covers the person's changes where nothing of theirs is pending now.
pub fn settle(
    person: &Person,
    standing: &Standing,
    activation: &Activation,
    shape: RecordShape,
    receipts: Vec<(RecordId, Receipt, Memo)>,
) -> Standing {
    let mut settled = standing.clone();
    settled.revision += 1;
    for (record, receipt, memo) in receipts {
        let entry: &mut RecordStanding = settled.records.entry(record).or_default();
        if let Memo::Left(memo) = memo {
            entry.memo = memo;
        }
        entry.receipt = Some(receipt);
    }
    let all = records(person, &settled, activation, shape);
    let unsettled =
        all.iter().any(|record| matches!(due(person, &settled, activation, record), Due::Pending | Due::Waiting(_)));
    if !unsettled && let Some(ending) = settled.ending(&all) {
        let accepted = person.accepted.get(&activation.id).copied().unwrap_or(0);
        settled.account.cover(accepted, ending);
    }
    settled
}

/// Keys claimed by a plan: its departures by step from 1, its arrival at step 0.
pub type Keys = Vec<(u16, KeyHash)>;
