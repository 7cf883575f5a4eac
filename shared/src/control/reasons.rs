//! Why records were not delivered: counts by end and reason, with a few people each. Counted from the rows, in parts of
//! so many people and so much time that a request always ends; the parts are added up by whoever asks.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use super::evidence::OutcomeView;
use super::{Control, ControlError, ControlResult};
use crate::model::{Activation, ActivationId, PersonKey, Receipt};
use crate::ports::{Row, Segment, Walked};

/// Most people looked at for one part.
pub const MOST_PEOPLE: usize = 20_000;
/// Most people named for a reason.
pub const MOST_SAMPLES: usize = 100;
/// Samples where nobody says how many.
pub const DEFAULT_SAMPLES: usize = 10;
/// Rows read at a time.
const WALK_PAGE: usize = 1000;
/// A part ends after this time: well before an HTTP API gives up a request, 29 seconds on AWS.
const TIME_FOR_A_PART: SignedDuration = SignedDuration::from_secs(12);

/// Which part of the count, and how much of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReasonsPart {
    /// The `next` of the part before.
    pub after: Option<String>,
    /// Most people to look at, from 1.
    pub people: usize,
    /// Most people to name for a reason.
    pub samples: usize,
}

/// A part of the count.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Reasons")]
pub struct ReasonsView {
    /// When this part began; changes since may be in it.
    #[schemars(with = "String")]
    pub as_of: Timestamp,
    /// People looked at for this part.
    pub people: u64,
    /// Reasons of these people's records, in the order of end and reason.
    pub reasons: Vec<ReasonView>,
    /// The cursor of the next part; absent where everybody was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Records that were not delivered for one reason.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "ReasonCount")]
pub struct ReasonView {
    /// How they ended.
    pub outcome: OutcomeView,
    /// Why.
    pub reason: String,
    /// How many.
    pub records: u64,
    /// The oldest receipt.
    #[schemars(with = "String")]
    pub oldest: Timestamp,
    /// The newest receipt.
    #[schemars(with = "String")]
    pub newest: Timestamp,
    /// Some of whom they concern, by the keys that stand in queues and logs.
    #[schemars(with = "Vec<String>")]
    pub samples: Vec<PersonKey>,
}

/// Reasons as they are counted.
type Counted = BTreeMap<(OutcomeView, String), ReasonView>;

fn count(counted: &mut Counted, rows: &[Row], activation: &Activation, samples: usize, now: Timestamp) {
    for Row { person, standing } in rows {
        for receipt in standing.records.values().filter_map(|record| record.receipt.as_ref()) {
            add(counted, person.key, receipt, OutcomeView::of(receipt, activation, now), samples);
        }
    }
}

fn add(counted: &mut Counted, person: PersonKey, receipt: &Receipt, outcome: OutcomeView, samples: usize) {
    let Some(reason) = receipt.outcome.reason().map(ToString::to_string) else { return };
    let entry = counted.entry((outcome, reason.clone())).or_insert_with(|| ReasonView {
        outcome,
        reason,
        records: 0,
        oldest: receipt.at,
        newest: receipt.at,
        samples: Vec::new(),
    });
    entry.records += 1;
    entry.oldest = entry.oldest.min(receipt.at);
    entry.newest = entry.newest.max(receipt.at);
    if entry.samples.len() < samples && entry.samples.last() != Some(&person) {
        entry.samples.push(person);
    }
}

impl Control {
    /// Counts why an activation's records were not delivered, for a part of its people.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for a cursor that is none.
    pub async fn reasons(&self, id: &ActivationId, part: &ReasonsPart) -> ControlResult<ReasonsView> {
        let activation = self.activation(id).await?;
        let after = part.after.as_deref().map(str::parse::<PersonKey>).transpose();
        let mut after = after.map_err(|error| ControlError::invalid("cursor", error.to_string()))?;
        let as_of = self.now();
        let samples = part.samples.min(MOST_SAMPLES);
        let mut left = part.people.clamp(1, MOST_PEOPLE);
        let mut counted = Counted::new();
        let mut people = 0;
        loop {
            let page = left.min(WALK_PAGE);
            let walked = self.ports.people.walk(&activation.source, Some(id), Segment::WHOLE, after, page).await?;
            let Walked { rows, next } = walked;
            count(&mut counted, &rows, &activation, samples, as_of);
            people += rows.len() as u64;
            after = next;
            // An empty page counts too: a walk of another source's rows must end as well.
            left = left.saturating_sub(page);
            if after.is_none() || left == 0 || self.now().duration_since(as_of) >= TIME_FOR_A_PART {
                break;
            }
        }
        let reasons = counted.into_values().collect();
        Ok(ReasonsView { as_of, people, reasons, next: after.map(|key| key.to_string()) })
    }
}
