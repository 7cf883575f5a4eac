//! What a vendor was to apply later must have been applied by now: whoever's row moved meanwhile may have
//! been overwritten, and a sample of the others is looked at.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::plan::{Arrival, plan};
use super::{Engine, Subject, plain_nudge};
use crate::destination::{Action, Failure, Item, ItemId, Landed};
use crate::model::pending::{Due, due, records};
use crate::model::{Activation, Flight, FlightId, FlightKind, PersonKey, Version};
use crate::ports::{Doubted, PortResult, Row};

/// So many of those whose row did not move are looked at.
const SAMPLE: usize = 5;

impl Engine {
    /// Compares a landed flight. A vendor that cannot be asked now is asked at the next sweep.
    pub async fn compare_landed(&self, id: &FlightId, deadline: Timestamp) -> PortResult<()> {
        let Some(flight) = self.ports.ledger.flight(id).await? else {
            return Ok(());
        };
        let FlightKind::Landing { sent, until } = &flight.kind else {
            return Ok(());
        };
        let snapshot = self.catalog.snapshot().await?;
        let Some(activation) = snapshot.activations.get(&flight.activation) else {
            return self.ports.ledger.clear_flight(id).await;
        };
        if *until > self.now() {
            return Ok(());
        }
        let links = snapshot.links.get(&activation.id).cloned().unwrap_or_default();
        let subject = self.subject(&snapshot, activation, links, deadline).await?;
        let result = self.judge(&subject, sent).await;
        subject.session.end().await;
        match result? {
            Ok(doubted) => self.doubt_landed(activation, &flight, doubted).await,
            Err(failure @ (Failure::Unauthorized { .. } | Failure::Misconfigured { .. })) => {
                self.stop(activation, &failure).await
            }
            Err(failure) => {
                tracing::warn!(activation = %activation.id, %failure, "what was imported could not be compared yet");
                Ok(())
            }
        }
    }

    async fn judge(
        &self,
        subject: &Subject<'_>,
        sent: &BTreeMap<PersonKey, Version>,
    ) -> PortResult<Result<Vec<PersonKey>, Failure>> {
        let keys: Vec<PersonKey> = sent.keys().copied().collect();
        let rows = self.ports.people.read(&keys, Some(&subject.activation.id)).await?;
        let shape = subject.destination.spec().shape;
        let (still, mut doubted): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| {
            let version = sent.get(&row.person.key);
            let of_version = |row: &Row| {
                row.standing
                    .records
                    .values()
                    .all(|record| record.receipt.as_ref().is_none_or(|receipt| Some(&receipt.version) == version))
            };
            let settled = records(&row.person, &row.standing, subject.activation, shape)
                .iter()
                .all(|record| due(&row.person, &row.standing, subject.activation, record) == Due::Settled);
            Some(&row.person.version) == version && of_version(row) && settled
        });
        let sample: Vec<Item> = still
            .iter()
            .step_by((still.len() / SAMPLE).max(1))
            .take(SAMPLE)
            .flat_map(|row| items(row, subject.activation, shape))
            .collect();
        let context = subject.context(subject.notes(), self.now());
        if !sample.is_empty() {
            match subject.destination.confirm(&context, &sample).await {
                Ok(landed) if landed.values().any(|landed| *landed == Landed::No) => {
                    tracing::warn!(activation = %subject.activation.id, "an import did not land; its people are sent again");
                    doubted.extend(still);
                }
                Ok(_) => {}
                Err(failure) => return Ok(Err(failure)),
            }
        }
        Ok(Ok(doubted.into_iter().map(|row| row.person.key).collect()))
    }

    async fn doubt_landed(&self, activation: &Activation, flight: &Flight, people: Vec<PersonKey>) -> PortResult<()> {
        let doubted: Vec<Doubted> = people.iter().copied().map(Doubted::Person).collect();
        self.ports.people.raise_doubt(&activation.id, &doubted).await?;
        let nudge = plain_nudge(activation, people, flight.lane);
        self.send_nudge(&activation.destination, nudge, super::walk::BULK_NUDGE).await?;
        self.ports.ledger.clear_flight(&flight.id).await
    }
}

fn items(row: &Row, activation: &Activation, shape: crate::model::pending::RecordShape) -> Vec<Item> {
    records(&row.person, &row.standing, activation, shape)
        .into_iter()
        .filter_map(|record| match plan(&row.person, activation, &record).arrival {
            Arrival::Show { key, shown } => {
                let id = ItemId { person: row.person.key, record, step: 0 };
                Some(Item { id, key, action: Action::Show(shown), memo: None })
            }
            Arrival::NoKey | Arrival::Nobody => None,
        })
        .collect()
}
