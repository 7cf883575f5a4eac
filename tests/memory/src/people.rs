//! The rows, each with its standings.

use std::collections::BTreeMap;
use std::ops::Bound;

use async_trait::async_trait;
use muster::model::person::MAX_ROW_BYTES;
use muster::model::{ActivationId, Membership, Person, PersonKey, SourceId, Standing, Value};
use muster::ports::{Doubted, People, PersonWrite, PortResult, Row, Segment, Settled, Settlement, Walked, Written};
use parking_lot::Mutex;

/// About what an entry takes besides its name and value: its time, its version, and what JSON puts around them.
const ENTRY_BYTES: usize = 96;
/// About what a sighting takes.
const SIGHTING_BYTES: usize = 12;

#[derive(Debug, Default)]
pub(crate) struct Rows {
    rows: Mutex<BTreeMap<PersonKey, Kept>>,
}

#[derive(Debug)]
struct Kept {
    person: Person,
    bytes: usize,
    standings: BTreeMap<ActivationId, Standing>,
}

impl Kept {
    fn row(&self, activation: Option<&ActivationId>) -> Row {
        let standing = activation.and_then(|activation| self.standings.get(activation)).cloned().unwrap_or_default();
        Row { person: self.person.clone(), standing }
    }
}

/// About how many bytes a row would take as JSON: counted, not written.
fn bytes(person: &Person) -> usize {
    let fields = person.fields.iter().map(|(name, entry)| name.as_str().len() + value_bytes(&entry.value));
    let attributes = person.attributes.iter().map(|(name, entry)| name.as_str().len() + value_bytes(&entry.value));
    let identifiers = person.identifiers.values().map(|entry| entry.value.iter().map(|one| one.expose().len()).sum());
    let memberships = person.memberships.iter().map(|(name, entry)| name.as_str().len() + membership(&entry.value));
    let former = person.former.iter().map(|former| former.value.expose().len());
    let gone = person.gone.iter().flat_map(|gone| &gone.keys).map(|(_, value)| value.expose().len());
    let entries = fields.chain(attributes).chain(identifiers).chain(memberships).chain(former).chain(gone);
    let sightings = person.sightings.iter().count() * SIGHTING_BYTES;
    entries.map(|bytes| bytes + ENTRY_BYTES).sum::<usize>() + sightings + ENTRY_BYTES
}

fn value_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Boolean(_) | Value::Integer(_) | Value::Decimal(_) => 8,
        Value::Text(text) => text.len(),
        Value::List(items) => items.iter().map(value_bytes).sum(),
    }
}

fn membership(membership: &Membership) -> usize {
    match membership {
        Membership::Inside { properties } => {
            properties.iter().map(|(name, value)| name.as_str().len() + value_bytes(value)).sum()
        }
        Membership::Left => 0,
    }
}

fn store(rows: &mut BTreeMap<PersonKey, Kept>, PersonWrite { person, read_sequence }: PersonWrite) -> Written {
    let bytes = bytes(&person);
    let stored = rows.get_mut(&person.key);
    if stored.as_ref().map_or(0, |kept| kept.person.sequence) != read_sequence {
        return Written::Conflict;
    }
    if bytes > MAX_ROW_BYTES && stored.as_ref().is_none_or(|kept| bytes > kept.bytes) {
        return Written::TooLarge;
    }
    match stored {
        Some(kept) => {
            kept.person = person;
            kept.bytes = bytes;
        }
        None => {
            rows.insert(person.key, Kept { person, bytes, standings: BTreeMap::new() });
        }
    }
    Written::Stored
}

fn settle(rows: &mut BTreeMap<PersonKey, Kept>, settlement: Settlement) -> Settled {
    let Settlement { person, activation, read_version, read_revision, standing } = settlement;
    let Some(kept) = rows.get_mut(&person).filter(|kept| kept.person.version == read_version) else {
        return Settled::Moved;
    };
    if kept.standings.get(&activation).map_or(0, |standing| standing.revision) != read_revision {
        return Settled::Moved;
    }
    kept.standings.insert(activation, standing);
    Settled::Stored
}

/// Whether a key lies in a segment, by its leading bytes.
fn is_in(Segment { index, of }: Segment, key: PersonKey) -> bool {
    let [a, b, c, d, ..] = key.0;
    (u64::from(u32::from_be_bytes([a, b, c, d])) * u64::from(of.max(1))) >> 32 == u64::from(index)
}

#[async_trait]
impl People for Rows {
    async fn read(&self, keys: &[PersonKey], activation: Option<&ActivationId>) -> PortResult<Vec<Row>> {
        let rows = self.rows.lock();
        Ok(keys.iter().filter_map(|key| rows.get(key)).map(|kept| kept.row(activation)).collect())
    }

    async fn standings(&self, person: PersonKey) -> PortResult<BTreeMap<ActivationId, Standing>> {
        Ok(self.rows.lock().get(&person).map(|kept| kept.standings.clone()).unwrap_or_default())
    }

    async fn write(&self, writes: Vec<PersonWrite>) -> PortResult<Vec<(PersonKey, Written)>> {
        let mut rows = self.rows.lock();
        Ok(writes.into_iter().map(|write| (write.person.key, store(&mut rows, write))).collect())
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> PortResult<Vec<(PersonKey, Settled)>> {
        let mut rows = self.rows.lock();
        Ok(settlements.into_iter().map(|one| (one.person, settle(&mut rows, one))).collect())
    }

    async fn raise_doubt(&self, activation: &ActivationId, doubted: &[Doubted]) -> PortResult<()> {
        let mut rows = self.rows.lock();
        for one in doubted {
            let Some(kept) = rows.get_mut(&one.person()) else { continue };
            one.raise(kept.standings.entry(activation.clone()).or_default());
        }
        Ok(())
    }

    async fn walk(
        &self,
        source: &SourceId,
        activation: Option<&ActivationId>,
        segment: Segment,
        after: Option<PersonKey>,
        limit: usize,
    ) -> PortResult<Walked> {
        let rows = self.rows.lock();
        let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
        let further = rows.range((begin, Bound::Unbounded));
        let wanted = further.filter(|(key, kept)| kept.person.source == *source && is_in(segment, **key));
        let rows: Vec<Row> = wanted.take(limit).map(|(_, kept)| kept.row(activation)).collect();
        let next = rows.last().filter(|_| rows.len() == limit).map(|row| row.person.key);
        Ok(Walked { rows, next })
    }

    async fn count(&self, source: &SourceId) -> PortResult<u64> {
        Ok(self.rows.lock().values().filter(|kept| kept.person.source == *source).count() as u64)
    }
}
