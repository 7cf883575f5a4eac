//! The accounts that an owner reads, worked out from the rows: every accepted change in exactly one
//! column, and per audience who is inside at the source, inside at the platform, and why the others are
//! not.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::activation::Activation;
use super::ids::{AudienceId, PersonKey};
use super::pending::{Due, RecordShape, due, records};
use super::person::Person;
use super::standing::{Outcome, Standing, Tally};

/// accepted = superseded + delivered + filtered + rejected + parked + in_flight + waiting.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Accounting {
    /// Changes accepted that concern the activation.
    pub accepted: u64,
    /// What came to an end.
    #[serde(flatten)]
    pub ended: Tally,
    /// Being sent right now, or open what the vendor applied.
    pub in_flight: u64,
    /// Not yet sent, or to be tried again.
    pub waiting: u64,
    /// Effects that were earned and are not at an end: to be sent, to be asked for, or parked for a person to
    /// settle. No part of the sum.
    pub effects_open: u64,
    /// By audience.
    pub audiences: BTreeMap<AudienceId, AudienceAccount>,
    /// People whose record was filtered, by reason.
    pub filtered_by_reason: BTreeMap<String, u64>,
    /// People whose record was rejected, by reason.
    pub rejected_by_reason: BTreeMap<String, u64>,
    /// People whose record is parked, by reason.
    pub parked_by_reason: BTreeMap<String, u64>,
}

/// The first question of every marketer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AudienceAccount {
    /// Inside at the source.
    pub members: u64,
    /// Of these, with a value by which the destination can know them.
    pub with_key: u64,
    /// Shown as inside at the platform by the last delivery.
    pub inside_at_platform: u64,
    /// Of the members, filtered, by reason.
    pub filtered: BTreeMap<String, u64>,
    /// Of the members, rejected.
    pub rejected: u64,
    /// Of the members, parked.
    pub parked: u64,
    /// Of the members, not yet sent or to be tried again.
    pub waiting: u64,
}

impl Accounting {
    /// Whether the columns sum up to what was accepted.
    pub fn adds_up(&self) -> bool {
        self.accepted == self.ended.sum() + self.in_flight + self.waiting
    }

    /// Adds one person. `flying` are the people of the activation's standing flights.
    pub fn add(
        &mut self,
        person: &Person,
        standing: &Standing,
        activation: &Activation,
        shape: RecordShape,
        flying: &BTreeSet<PersonKey>,
    ) {
        let accepted = person.accepted.get(&activation.id).copied().unwrap_or(0);
        let tally = standing.account.tally();
        let uncovered = accepted.saturating_sub(standing.account.covered);
        let records = records(person, standing, activation, shape);
        let unsettled = records
            .iter()
            .any(|record| matches!(due(person, standing, activation, record), Due::Pending | Due::Waiting(_)));
        self.accepted += accepted;
        self.effects_open += person.outbox.iter().filter(|earned| earned.activation == activation.id).count() as u64;
        self.ended.superseded += tally.superseded;
        self.ended.delivered += tally.delivered;
        self.ended.filtered += tally.filtered;
        self.ended.rejected += tally.rejected;
        self.ended.parked += tally.parked;
        match (unsettled, flying.contains(&person.key)) {
            // Nothing waits, so what no receipt covers was a repeat, or older than what was known.
            (false, _) => self.ended.superseded += uncovered,
            (true, true) => self.in_flight += uncovered,
            (true, false) => self.waiting += uncovered,
        }
        for record in &records {
            let column = match standing.receipt(record).map(|receipt| &receipt.outcome) {
                Some(Outcome::Filtered { .. }) => &mut self.filtered_by_reason,
                Some(Outcome::Rejected { .. }) => &mut self.rejected_by_reason,
                Some(Outcome::Parked { .. }) => &mut self.parked_by_reason,
                Some(Outcome::Delivered | Outcome::Waiting { .. }) | None => continue,
            };
            if let Some(reason) = standing.receipt(record).and_then(|receipt| receipt.outcome.reason()) {
                *column.entry(reason.to_string()).or_default() += 1;
            }
        }
        self.add_audiences(person, standing, activation, shape);
    }

    fn add_audiences(&mut self, person: &Person, standing: &Standing, activation: &Activation, shape: RecordShape) {
        for audience in activation.live_audiences() {
            let account = self.audiences.entry(audience.clone()).or_default();
            let record = match shape {
                RecordShape::PerPerson => super::RecordId::Person,
                RecordShape::PerPersonAndAudience => super::RecordId::Audience(audience.clone()),
            };
            let receipt = standing.receipt(&record);
            if receipt.is_some_and(|receipt| receipt.inside.contains(audience)) {
                account.inside_at_platform += 1;
            }
            if !person.is_inside(audience) {
                continue;
            }
            account.members += 1;
            account.with_key += u64::from(person.key_at(&activation.person_identifier).is_some());
            if matches!(due(person, standing, activation, &record), Due::Pending | Due::Waiting(_)) {
                account.waiting += 1;
                continue;
            }
            match receipt.map(|receipt| &receipt.outcome) {
                Some(Outcome::Filtered { reason, .. }) => {
                    *account.filtered.entry(reason.to_string()).or_default() += 1;
                }
                Some(Outcome::Rejected { .. }) => account.rejected += 1,
                Some(Outcome::Parked { .. }) => account.parked += 1,
                Some(Outcome::Delivered | Outcome::Waiting { .. }) | None => {}
            }
        }
    }
}
