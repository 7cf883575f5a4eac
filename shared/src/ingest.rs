//! From changes to rows to nudges. What is answered with success is on the rows, and whoever must hear of
//! it was told; a process that dies in between has answered nothing, and the sender's repeat does it again.

mod discovery;
pub mod merging;

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;
use jiff::Timestamp;

use crate::catalog::CachedCatalog;
use crate::metrics::Metric;
use crate::model::merge::MergeContext;
use crate::model::{
    Activation, ActivationId, Fact, Lane, Message, Nudge, Person, PersonKey, QueueName, Source, TraceId,
};
use crate::ports::{Outgoing, PortError, PortResult, Ports, Written};
use crate::sources::{Item, Rejection};
use crate::steps::{Step, Steps};

/// Most people of one nudge.
pub const PEOPLE_PER_NUDGE: usize = 200;

/// How often rows that somebody else wrote first are read again. In each round somebody's write succeeds,
/// so as many requests must meet at one person before one of them gives up.
const MAX_ROUNDS: usize = 32;

/// Why a row refuses to grow.
const TOO_LARGE: &str = "the person's row would grow beyond 300 KB";

/// What became of the items.
#[derive(Debug, Default)]
pub struct Accepted {
    /// Changes that are on their rows now, repeats too.
    pub accepted: u64,
    /// Changes whose row would not take them.
    pub rejected: Vec<Rejection>,
}

/// Why nothing may be answered: the sender must send again.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// Our own failure.
    #[error(transparent)]
    Port(#[from] PortError),
    /// Rows kept moving under us.
    #[error("rows were written by others {MAX_ROUNDS} times in a row")]
    Contended,
}

/// Merges changes of one source into their people's rows and nudges every activation that they concern, as
/// a part of `trace`.
///
/// # Errors
/// Where any of it may not have happened; doing all of it again is harmless.
pub async fn accept(
    ports: &Ports,
    catalog: &CachedCatalog,
    steps: &dyn Steps,
    source: &Source,
    items: Vec<Item>,
    trace: TraceId,
) -> Result<Accepted, AcceptError> {
    take(ports, catalog, steps, source, items, Telling::Nudge(trace)).await
}

/// The same without nudging anybody: whoever calls has the source's people walked afterwards.
///
/// # Errors
/// As [`accept`].
pub async fn store(
    ports: &Ports,
    catalog: &CachedCatalog,
    steps: &dyn Steps,
    source: &Source,
    items: Vec<Item>,
) -> Result<Accepted, AcceptError> {
    take(ports, catalog, steps, source, items, Telling::Nobody).await
}

/// Whether activations are told of what was stored.
#[derive(Clone, Copy)]
enum Telling {
    /// At once, as a part of this trace.
    Nudge(TraceId),
    /// By a walk that comes later.
    Nobody,
}

async fn take(
    ports: &Ports,
    catalog: &CachedCatalog,
    steps: &dyn Steps,
    source: &Source,
    items: Vec<Item>,
    telling: Telling,
) -> Result<Accepted, AcceptError> {
    let now = ports.clock.now();
    let snapshot = catalog.snapshot().await?;
    discovery::note(ports.catalog.as_ref(), catalog, &snapshot, source, &items, now).await?;
    note_erasures(ports, &items, now).await?;
    let unlinked = discovery::unlinked(&snapshot, source, &items);
    let mut run = Run {
        ports,
        steps,
        source,
        activations: snapshot.activations_of(&source.id).collect(),
        context: MergeContext {
            now,
            key_fields: snapshot.key_fields(&source.id),
            former_for: snapshot.former_for(&source.id),
            sightings_for: source.sightings_for(),
        },
        concerned: BTreeMap::new(),
        survivors: BTreeSet::new(),
        existing: BTreeSet::new(),
        accepted: Accepted::default(),
    };
    let written = run.write(by_person(items)).await;
    match telling {
        // Whoever was written is nudged even where others could not be: nobody may come again for them.
        Telling::Nudge(trace) => {
            run.nudge(trace).await?;
            written?;
            steps.reached(Step::PeopleNudged);
        }
        Telling::Nobody => written?,
    }
    let accepted = run.accepted;
    #[expect(clippy::cast_precision_loss, reason = "a request has a thousand changes")]
    ports.meter.note(Metric::Accepted(&source.id), accepted.accepted as f64);
    discovery::count(ports.ledger.as_ref(), source, &unlinked).await?;
    Ok(accepted)
}

/// Before the row is written: an erasure of which only the row knew would be seen through by nobody. A person
/// who was merged into another leaves the platforms alike.
async fn note_erasures(ports: &Ports, items: &[Item], now: Timestamp) -> PortResult<()> {
    let ends = |fact: &Fact| matches!(fact, Fact::Erased | Fact::MergedInto { .. });
    let erased = items.iter().filter(|item| ends(&item.change.fact)).map(|item| item.change.person);
    for person in erased.collect::<BTreeSet<_>>() {
        ports.ledger.note_erasure(person, now).await?;
    }
    Ok(())
}

type Waiting = BTreeMap<PersonKey, Vec<Item>>;

fn by_person(items: Vec<Item>) -> Waiting {
    let mut waiting = Waiting::new();
    for item in items {
        waiting.entry(item.change.person).or_default().push(item);
    }
    waiting
}

struct Run<'a> {
    ports: &'a Ports,
    steps: &'a dyn Steps,
    source: &'a Source,
    /// The source's, those for which changes are counted.
    activations: Vec<&'a Activation>,
    context: MergeContext,
    /// Whom each activation must look at.
    concerned: BTreeMap<ActivationId, BTreeSet<PersonKey>>,
    /// As whom merged people live on.
    survivors: BTreeSet<PersonKey>,
    /// Who is known to have a row.
    existing: BTreeSet<PersonKey>,
    accepted: Accepted,
}

impl Run<'_> {
    async fn write(&mut self, mut waiting: Waiting) -> Result<(), AcceptError> {
        for _ in 0..MAX_ROUNDS {
            if waiting.is_empty() {
                return Ok(());
            }
            waiting = self.round(waiting).await?;
        }
        if waiting.is_empty() { Ok(()) } else { Err(AcceptError::Contended) }
    }

    /// Reads, merges and writes; answers whose row was written by somebody else in between.
    async fn round(&mut self, waiting: Waiting) -> PortResult<Waiting> {
        let mut rows = self.read(&waiting).await?;
        let mut writes = Vec::with_capacity(waiting.len());
        let mut concerned = BTreeMap::new();
        let mut outcomes = BTreeMap::new();
        for (person, items) in &waiting {
            let read = rows.remove(person).unwrap_or_else(|| Person::new(*person, self.source.id.clone()));
            let changes = items.iter().map(|item| &item.change);
            let merged = merging::merge_all(read, changes, &self.activations, &self.context);
            concerned.insert(*person, merged.concerned);
            match merged.write {
                Some(write) => writes.push(write),
                None => {
                    outcomes.insert(*person, Written::Stored);
                }
            }
        }
        self.steps.reached(Step::RowsMerged);
        if !writes.is_empty() {
            outcomes.extend(self.ports.people.write(writes).await?);
        }
        self.steps.reached(Step::RowsWritten);
        let mut again = Waiting::new();
        for (person, items) in waiting {
            match outcomes.get(&person).copied().unwrap_or(Written::Conflict) {
                Written::Stored => self.stored(person, &items, concerned.remove(&person).unwrap_or_default()),
                Written::Conflict => {
                    again.insert(person, items);
                }
                Written::TooLarge => self.accepted.rejected.extend(items.into_iter().map(too_large)),
            }
        }
        Ok(again)
    }

    async fn read(&mut self, waiting: &Waiting) -> PortResult<BTreeMap<PersonKey, Person>> {
        let survivors = waiting.values().flatten().filter_map(|item| survivor(&item.change.fact));
        let keys: BTreeSet<PersonKey> = waiting.keys().copied().chain(survivors).collect();
        let keys: Vec<PersonKey> = keys.into_iter().collect();
        let rows = self.ports.people.read(&keys, None).await?;
        self.existing.extend(rows.iter().map(|row| row.person.key));
        Ok(rows.into_iter().map(|row| (row.person.key, row.person)).collect())
    }

    fn stored(&mut self, person: PersonKey, items: &[Item], concerned: BTreeSet<ActivationId>) {
        self.accepted.accepted += items.len() as u64;
        self.existing.insert(person);
        self.survivors.extend(items.iter().filter_map(|item| survivor(&item.change.fact)));
        for activation in concerned {
            self.concerned.entry(activation).or_default().insert(person);
        }
    }

    async fn nudge(&self, trace: TraceId) -> PortResult<()> {
        let sends =
            self.activations.iter().filter(|activation| activation.status.delivers()).filter_map(|activation| {
                let survivors = self.survivors.intersection(&self.existing);
                let concerned = self.concerned.get(&activation.id).into_iter().flatten();
                let people: BTreeSet<PersonKey> = concerned.chain(survivors).copied().collect();
                let messages = nudges(activation, &people, self.context.now, trace);
                let queue = QueueName::Destination(activation.destination.clone(), Lane::Live);
                (!messages.is_empty()).then_some(async move { self.ports.queue.send(&queue, messages).await })
            });
        try_join_all(sends).await.map(drop)
    }
}

fn survivor(fact: &Fact) -> Option<PersonKey> {
    match fact {
        Fact::MergedInto { survivor } => Some(*survivor),
        Fact::Entered { .. }
        | Fact::Left { .. }
        | Fact::Attribute { .. }
        | Fact::Sighted { .. }
        | Fact::Happened { .. }
        | Fact::Profile
        | Fact::Suppression(_)
        | Fact::Erased => None,
    }
}

fn too_large(item: Item) -> Rejection {
    Rejection { index: item.index, path: item.path, reason: TOO_LARGE.to_owned() }
}

fn nudges(activation: &Activation, people: &BTreeSet<PersonKey>, now: Timestamp, trace: TraceId) -> Vec<Outgoing> {
    let people: Vec<PersonKey> = people.iter().copied().collect();
    let nudge = |people: &[PersonKey]| {
        Message::Nudge(Nudge {
            activation: activation.id.clone(),
            people: people.to_vec(),
            lane: Lane::Live,
            not_before: None,
            reopen: false,
            accepted_at: Some(now),
            trace: Some(trace),
        })
    };
    people.chunks(PEOPLE_PER_NUDGE).map(|people| Outgoing::now(&nudge(people))).collect()
}

#[cfg(test)]
mod tests;
