//! Every minute: flights that still stand when their worker must have ended, erasures that may be done,
//! activations that may work again, owners who do not know yet.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::decide::{self, Sweep, is_told};
use super::{Engine, plain_nudge};
use crate::metrics::Metric;
use crate::model::{Activation, ActivationStatus, Flight, Message, PersonKey, QueueName};
use crate::ports::{Doubted, PersonWrite, PortResult, Row};
use crate::steps::Step;

/// How often a failing activation is tried.
const PROBE_EVERY: SignedDuration = SignedDuration::from_mins(5);
/// How often the vendor's side is compared with what was prepared.
const PREPARE_EVERY: SignedDuration = SignedDuration::from_hours(1);
/// A note of an erasure whose row never came is dropped after this time.
const LOST_NOTE: SignedDuration = SignedDuration::from_hours(1);

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Swept {
    /// Flights whose people were put in doubt.
    pub doubted: usize,
    /// Flights to be compared with the vendor.
    pub landed: usize,
    /// Erasures and merges seen through.
    pub erased: usize,
    /// Walks and scans that were told to go on.
    pub revived: usize,
    /// Activations to be tried or compared again.
    pub looked_at: usize,
    /// Activations whose owners are to be told something.
    pub to_tell: usize,
}

impl Engine {
    /// Sweeps once. Safe to run twice at once, and to die anywhere.
    pub async fn sweep(&self) -> PortResult<Swept> {
        let now = self.now();
        let mut swept = Swept::default();
        for flight in self.ports.ledger.flights(None).await? {
            match decide::sweep(&flight, self.times.sweep_age, now) {
                Sweep::Leave => {}
                Sweep::Doubt(people) => {
                    self.doubt_flight(&flight, &people).await?;
                    self.ports.meter.note(Metric::FlightsSwept, 1.0);
                    swept.doubted += 1;
                }
                Sweep::Compare => swept.landed += self.call_landed(&flight).await?,
            }
        }
        for (person, noted_at) in self.ports.ledger.erasures().await? {
            swept.erased += usize::from(self.finish_erasure(person, noted_at, now).await?);
        }
        swept.revived = self.revive_jobs(now).await?;
        swept.looked_at = self.look_again(now).await?;
        swept.to_tell = self.note_news(now).await?;
        Ok(swept)
    }

    /// Doubt, nudge, delete, in this order: a crash between any two leaves the flight to the next sweep.
    async fn doubt_flight(&self, flight: &Flight, people: &[PersonKey]) -> PortResult<()> {
        let snapshot = self.catalog.snapshot().await?;
        let activation = snapshot.activations.get(&flight.activation);
        let known = activation.and_then(|one| Some((one, self.destination(&one.destination).ok()?.spec().shape)));
        let doubted = match known {
            Some((activation, shape)) => {
                let rows = self.ports.people.read(people, Some(&activation.id)).await?;
                decide::doubts(people, &rows, activation, shape)
            }
            None => people.iter().copied().map(Doubted::Person).collect(),
        };
        self.ports.people.raise_doubt(&flight.activation, &doubted).await?;
        self.steps.reached(Step::SweepDoubted);
        if let Some(activation) = activation {
            let people: BTreeSet<PersonKey> = doubted.iter().map(Doubted::person).collect();
            let nudge = plain_nudge(activation, people.into_iter().collect(), flight.lane);
            self.send_nudge(&activation.destination, nudge, super::walk::BULK_NUDGE).await?;
        }
        self.steps.reached(Step::SweepNudged);
        self.ports.ledger.clear_flight(&flight.id).await?;
        self.steps.reached(Step::SweepCleared);
        Ok(())
    }

    async fn call_landed(&self, flight: &Flight) -> PortResult<usize> {
        let snapshot = self.catalog.snapshot().await?;
        let Some(activation) = snapshot.activations.get(&flight.activation) else {
            self.ports.ledger.clear_flight(&flight.id).await?;
            return Ok(0);
        };
        let message = Message::Landed { flight: flight.id.clone(), activation: activation.id.clone() };
        let queue = QueueName::Destination(activation.destination.clone(), crate::model::Lane::Bulk);
        self.send_message(&queue, &message, SignedDuration::ZERO).await?;
        Ok(1)
    }

    /// Reduces the row of an erased or merged person to key, time and version once every destination confirmed
    /// or was given up.
    async fn finish_erasure(&self, key: PersonKey, noted_at: Timestamp, now: Timestamp) -> PortResult<bool> {
        let row = self.ports.people.read(&[key], None).await?.pop();
        let waiting = row.as_ref().and_then(|row| row.person.gone.as_ref()).is_some_and(|gone| !gone.keys.is_empty());
        let Some(row) = row.filter(|_| waiting) else {
            if now.duration_since(noted_at) > LOST_NOTE {
                self.ports.ledger.clear_erasure(key, noted_at).await?;
            }
            return Ok(false);
        };
        if !self.is_forgotten_everywhere(&row, key).await? {
            return Ok(false);
        }
        let read_sequence = row.person.sequence;
        let mut person = row.person;
        person.sequence += 1;
        if let Some(gone) = &mut person.gone {
            gone.keys.clear();
        }
        let written = self.ports.people.write(vec![PersonWrite { person, read_sequence }]).await?;
        let stored = written.iter().all(|(_, written)| *written == crate::ports::Written::Stored);
        if stored {
            self.ports.ledger.clear_erasure(key, noted_at).await?;
        }
        Ok(stored)
    }

    async fn is_forgotten_everywhere(&self, row: &Row, key: PersonKey) -> PortResult<bool> {
        let snapshot = self.catalog.snapshot().await?;
        let flights = self.ports.ledger.flights(None).await?;
        if flights.iter().any(|flight| flight.people().contains(&key)) {
            return Ok(false);
        }
        for (id, standing) in self.ports.people.standings(key).await? {
            let Some(activation) = snapshot.activations.get(&id) else { continue };
            if matches!(activation.status, ActivationStatus::Draft | ActivationStatus::Removed) {
                continue;
            }
            let shape = self.destination(&activation.destination)?.spec().shape;
            if !is_told(&row.person, &standing, activation, shape) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Failing activations are tried every few minutes; the vendor's side of working ones is compared
    /// hourly, since people delete fields there.
    async fn look_again(&self, now: Timestamp) -> PortResult<usize> {
        let snapshot = self.catalog.snapshot().await?;
        let mut looked_at = 0;
        for activation in snapshot.activations.values() {
            let Some(every) = look_every(activation) else { continue };
            let mark = super::prepare::looked_mark(&activation.id);
            let last = self.ports.ledger.mark(&mark).await?.unwrap_or(activation.created_at);
            if now.duration_since(last) < every {
                continue;
            }
            self.ports.ledger.set_mark(&mark, now).await?;
            let message = Message::Prepare { activation: activation.id.clone(), attempts: 0 };
            self.send_message(&QueueName::Jobs, &message, SignedDuration::ZERO).await?;
            looked_at += 1;
        }
        Ok(looked_at)
    }
}

fn look_every(activation: &Activation) -> Option<SignedDuration> {
    match activation.status {
        ActivationStatus::Failing => Some(PROBE_EVERY),
        ActivationStatus::Active | ActivationStatus::Backfilling => Some(PREPARE_EVERY),
        ActivationStatus::Draft | ActivationStatus::Paused | ActivationStatus::Removed => None,
    }
}
