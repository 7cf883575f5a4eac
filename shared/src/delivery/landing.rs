//! What a vendor was to apply later must have been applied by now: whoever's row moved meanwhile may have
//! been overwritten, and of the others it is asked whether the vendor shows what was sent. A sample would
//! not do: a file that was lost looks well wherever most of its people had been right before.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::plan::{Arrival, plan};
use super::{Engine, Errand, LIVE_NUDGE, Subject, plain_nudge};
use crate::destination::{Action, Failure, Item, ItemId, Landed};
use crate::model::pending::{Due, RecordShape, due, records};
use crate::model::{Activation, Flight, FlightId, FlightKind, Nudge, PersonKey, Version};
use crate::ports::{Doubted, PortResult, Row};

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
        let subject = self.subject(&snapshot, activation, links, Errand::bulk(deadline)).await?;
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
    ) -> PortResult<Result<Vec<Row>, Failure>> {
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
        let items: Vec<Item> = still.iter().flat_map(|row| items(row, subject.activation, shape)).collect();
        let context = subject.context(subject.notes(), self.now());
        if !items.is_empty() {
            match subject.destination.confirm(&context, &items).await {
                Ok(landed) => doubted.extend(missing(still, &landed)),
                Err(failure) => return Ok(Err(failure)),
            }
        }
        Ok(Ok(doubted.into_iter().cloned().collect()))
    }

    /// Whoever leaves a former key is sent by single calls: another import would leave a flight that keeps the key
    /// from being given back, the doubt about that would be found here again, and so on without an end.
    async fn doubt_landed(&self, activation: &Activation, flight: &Flight, rows: Vec<Row>) -> PortResult<()> {
        let spec = self.destination(&activation.destination)?.spec();
        let doubted: Vec<Doubted> = rows.iter().map(|row| Doubted::Person(row.person.key)).collect();
        self.ports.people.raise_doubt(&activation.id, &doubted).await?;
        let (leaving, others): (Vec<&Row>, Vec<&Row>) =
            rows.iter().partition(|row| leaves(row, activation, spec.shape));
        let keys = |rows: Vec<&Row>| rows.into_iter().map(|row| row.person.key).collect();
        let apart = Nudge { not_before: Some(self.now()), ..plain_nudge(activation, keys(leaving), flight.lane) };
        let most = spec.bulk.map_or(LIVE_NUDGE, |bulk| bulk.from.saturating_sub(1).clamp(1, LIVE_NUDGE));
        self.send_nudge(&activation.destination, apart, most).await?;
        let nudge = plain_nudge(activation, keys(others), flight.lane);
        self.send_nudge(&activation.destination, nudge, super::walk::BULK_NUDGE).await?;
        self.ports.ledger.clear_flight(&flight.id).await
    }
}

/// Whether a former key is told to leave with the person.
fn leaves(row: &Row, activation: &Activation, shape: RecordShape) -> bool {
    let Row { person, standing } = row;
    let leaves = |record| !plan(person, standing, activation, record).departures.is_empty();
    records(person, standing, activation, shape).iter().any(leaves)
}

/// Who is not there. Where others are missing, no answer is no comfort.
fn missing<'r>(still: Vec<&'r Row>, landed: &BTreeMap<ItemId, Landed>) -> Vec<&'r Row> {
    let lost = |landed: Landed| landed == Landed::No;
    let any_lost = landed.values().any(|landed| lost(*landed));
    let mut by_person: BTreeMap<PersonKey, bool> = BTreeMap::new();
    for (id, landed) in landed {
        *by_person.entry(id.person).or_default() |= lost(*landed);
    }
    still.into_iter().filter(|row| by_person.get(&row.person.key).copied().unwrap_or(any_lost)).collect()
}

/// What the current key of each record shall show.
pub(super) fn items(row: &Row, activation: &Activation, shape: RecordShape) -> Vec<Item> {
    records(&row.person, &row.standing, activation, shape)
        .into_iter()
        .filter_map(|record| match plan(&row.person, &row.standing, activation, &record).arrival {
            Arrival::Show { key, shown } => {
                let id = ItemId { person: row.person.key, record, step: 0 };
                Some(Item { id, key, action: Action::Show(shown), memo: None })
            }
            Arrival::NoKey | Arrival::Nobody | Arrival::Withheld => None,
        })
        .collect()
}
