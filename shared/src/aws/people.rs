//! The rows: one item per person.
//!
//! | attribute | holds |
//! |---|---|
//! | `k` | the person's key, 16 bytes |
//! | `s` | the source, for walks to filter by |
//! | `v`, `q` | version and sequence, for conditions |
//! | `p` | the person, see [`super::stored`] |
//! | `w` | who wrote the state last, see [`Table::update_once`] |
//! | `r#<activation>` | a standing: its revision `n` and its body `b` |
//!
//! Every write is an update of the writer's own attributes, so that ingest and delivery erase nothing of each
//! other's; only ingest's first makes an item. Names are short because every one is billed with every write.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use futures::stream::{self, StreamExt, TryStreamExt};

use super::stored;
use super::table::{
    Item, PARALLEL, Projection, ROUNDS, Scan, Scanned, Table, Update, Updated, binary, number, pause, text,
};
use crate::model::person::{MAX_ROW_BYTES, ROW_FORMAT};
use crate::model::{ActivationId, Person, PersonKey, SourceId, Standing};
use crate::ports::{Doubted, People, PersonWrite, PortResult, Row, Segment, Settled, Settlement, Walked, Written};

pub(super) const STORE: &str = "people";

/// Before the activation's id in the name of a standing's attribute.
const STANDING: &str = "r#";

pub(super) struct PeopleTable {
    pub(super) table: Table,
}

fn key(person: PersonKey) -> Item {
    HashMap::from([("k".to_owned(), binary(person.0))])
}

fn attribute(activation: &ActivationId) -> String {
    format!("{STANDING}{activation}")
}

/// The row with one activation's standing.
fn projection(activation: Option<&ActivationId>) -> Projection {
    let Some(activation) = activation else {
        return Projection { expression: "k, p".to_owned(), names: HashMap::new() };
    };
    let names = HashMap::from([("#r".to_owned(), attribute(activation))]);
    Projection { expression: "k, p, #r".to_owned(), names }
}

fn standing_of(person: PersonKey, value: &AttributeValue) -> PortResult<Standing> {
    let what = format!("standing of {person}");
    let body = value.as_m().ok().and_then(|map| map.get("b"));
    stored::decode(STORE, &what, body.ok_or_else(|| stored::damaged(STORE, &what, "it has no body"))?)
}

fn standing_value(standing: &Standing) -> PortResult<AttributeValue> {
    let body = stored::encode(STORE, standing)?.value;
    Ok(AttributeValue::M(HashMap::from([("n".to_owned(), number(standing.revision)), ("b".to_owned(), body)])))
}

/// The condition that a standing is still at the revision that was read.
fn still_at(revision: u64) -> &'static str {
    if revision == 0 { "attribute_not_exists(#r)" } else { "#r.n = :read" }
}

/// Sets a standing on that condition and `also`.
fn standing_update(
    person: PersonKey,
    activation: &ActivationId,
    read_revision: u64,
    standing: &Standing,
    also: &str,
) -> PortResult<Update> {
    let update = Update::new(key(person), "SET #r = :r")
        .when(format!("{also} AND {}", still_at(read_revision)))
        .name("#r", attribute(activation))
        .value(":r", standing_value(standing)?);
    Ok(if read_revision == 0 { update } else { update.value(":read", number(read_revision)) })
}

impl PeopleTable {
    fn person(&self, item: &Item) -> PortResult<Person> {
        let key = PersonKey(self.table.key_of(item, "k")?);
        let what = format!("row {key}");
        let person: Person = stored::decode(STORE, &what, self.table.of(item, "p")?)?;
        if person.format > ROW_FORMAT {
            let found = person.format;
            let why = format!("format {found} is newer than the {ROW_FORMAT} that this program reads");
            return Err(stored::damaged(STORE, &what, &why));
        }
        Ok(person)
    }

    fn row(&self, item: &Item, activation: Option<&ActivationId>) -> PortResult<Row> {
        let person = self.person(item)?;
        let standing = activation.and_then(|activation| item.get(&attribute(activation)));
        let standing = standing.map_or_else(|| Ok(Standing::default()), |value| standing_of(person.key, value))?;
        Ok(Row { person, standing })
    }

    async fn write_one(&self, write: PersonWrite) -> PortResult<(PersonKey, Written)> {
        let PersonWrite { person, read_sequence } = write;
        let body = stored::encode(STORE, &person)?;
        if body.json_bytes > MAX_ROW_BYTES
            && let Some(refusal) = self.refuse_growth(&person, read_sequence, body.json_bytes).await?
        {
            return Ok((person.key, refusal));
        }
        let update = Update::new(key(person.key), "SET p = :p, s = :s, v = :v, q = :q")
            .value(":p", body.value)
            .value(":s", text(person.source.to_string()))
            .value(":v", number(person.version))
            .value(":q", number(person.sequence));
        let update = match read_sequence {
            0 => update.when("attribute_not_exists(k)"),
            read => update.when("q = :read").value(":read", number(read)),
        };
        let written = match self.table.update_once(update).await? {
            Updated::Done => Written::Stored,
            Updated::Refused(_) => Written::Conflict,
        };
        Ok((person.key, written))
    }

    /// A row beyond its limit, written by a version with another one, may shrink; no other may get there.
    async fn refuse_growth(&self, person: &Person, read_sequence: u64, bytes: usize) -> PortResult<Option<Written>> {
        let item = self.table.get(key(person.key)).await?;
        let (sequence, stored_bytes) = match &item {
            Some(item) => {
                let json = stored::inflate(STORE, &format!("row {}", person.key), self.table.of(item, "p")?)?;
                (self.table.number_of(item, "q")?, json.len())
            }
            None => (0, 0),
        };
        Ok(if sequence != read_sequence {
            Some(Written::Conflict)
        } else if bytes > stored_bytes {
            Some(Written::TooLarge)
        } else {
            None
        })
    }

    async fn settle_one(&self, settlement: Settlement) -> PortResult<(PersonKey, Settled)> {
        let Settlement { person, activation, read_version, read_revision, standing } = settlement;
        let update = standing_update(person, &activation, read_revision, &standing, "v = :v")?;
        // Not `update_once`: a success that passes for a move costs a second look at the row, and a token in
        // every standing would cost bytes of every write.
        Ok(match self.table.update(update.value(":v", number(read_version))).await? {
            Updated::Done => (person, Settled::Stored),
            Updated::Refused(_) => (person, Settled::Moved),
        })
    }

    /// Raises the doubts of one person, again on what somebody else wrote meanwhile. A lost answer may
    /// raise them twice, which is as good.
    async fn doubt_one(
        &self,
        activation: &ActivationId,
        person: PersonKey,
        doubted: Vec<&Doubted>,
        mut item: Item,
    ) -> PortResult<()> {
        for round in 0..ROUNDS {
            let stored = item.get(&attribute(activation));
            let read = stored.map_or_else(|| Ok(Standing::default()), |value| standing_of(person, value))?;
            let mut standing = read.clone();
            doubted.iter().for_each(|one| one.raise(&mut standing));
            let update = standing_update(person, activation, read.revision, &standing, "attribute_exists(k)")?;
            match self.table.update(update).await? {
                Updated::Done | Updated::Refused(None) => return Ok(()),
                Updated::Refused(Some(now)) => item = now,
            }
            pause(self.table.clock.as_ref(), round).await;
        }
        Err(self.table.broken("a standing was overtaken too often"))
    }
}

#[async_trait]
impl People for PeopleTable {
    async fn read(&self, keys: &[PersonKey], activation: Option<&ActivationId>) -> PortResult<Vec<Row>> {
        let keys: BTreeSet<PersonKey> = keys.iter().copied().collect();
        let keys = keys.into_iter().map(key).collect();
        let items = self.table.get_all(keys, &projection(activation)).await?;
        items.iter().map(|item| self.row(item, activation)).collect()
    }

    async fn standings(&self, person: PersonKey) -> PortResult<BTreeMap<ActivationId, Standing>> {
        let item = self.table.get(key(person)).await?.unwrap_or_default();
        let standings = item.iter().filter_map(|(name, value)| Some((name.strip_prefix(STANDING)?, value)));
        let read = standings.map(|(id, value)| {
            let id = id.parse().map_err(|_| stored::damaged(STORE, &format!("standing of {person}"), "no activation"));
            Ok((id?, standing_of(person, value)?))
        });
        read.collect()
    }

    async fn write(&self, writes: Vec<PersonWrite>) -> PortResult<Vec<(PersonKey, Written)>> {
        let written = writes.into_iter().map(|write| self.write_one(write));
        stream::iter(written).buffer_unordered(PARALLEL).try_collect().await
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> PortResult<Vec<(PersonKey, Settled)>> {
        let settled = settlements.into_iter().map(|settlement| self.settle_one(settlement));
        stream::iter(settled).buffer_unordered(PARALLEL).try_collect().await
    }

    async fn raise_doubt(&self, activation: &ActivationId, doubted: &[Doubted]) -> PortResult<()> {
        let mut people: BTreeMap<PersonKey, Vec<&Doubted>> = BTreeMap::new();
        for one in doubted {
            people.entry(one.person()).or_default().push(one);
        }
        let names = HashMap::from([("#r".to_owned(), attribute(activation))]);
        let projection = Projection { expression: "k, #r".to_owned(), names };
        let items = self.table.get_all(people.keys().copied().map(key).collect(), &projection).await?;
        let mut raised = Vec::with_capacity(items.len());
        for item in items {
            let person = PersonKey(self.table.key_of(&item, "k")?);
            let doubted = people.remove(&person).unwrap_or_default();
            raised.push(self.doubt_one(activation, person, doubted, item));
        }
        stream::iter(raised).buffer_unordered(PARALLEL).try_collect().await
    }

    async fn walk(
        &self,
        source: &SourceId,
        activation: Option<&ActivationId>,
        segment: Segment,
        after: Option<PersonKey>,
        limit: usize,
    ) -> PortResult<Walked> {
        let scan = Scan {
            segment: segment.index,
            of: segment.of,
            filter: "s = :s".to_owned(),
            values: HashMap::from([(":s".to_owned(), text(source.to_string()))]),
            projection: projection(activation),
            after: after.map(key),
            limit,
        };
        let Scanned { items, next } = self.table.scan(scan).await?;
        let rows = items.iter().map(|item| self.row(item, activation)).collect::<PortResult<_>>()?;
        let next = next.map(|next| self.table.key_of(&next, "k").map(PersonKey)).transpose()?;
        Ok(Walked { rows, next })
    }

    /// DynamoDB's own count of the table: free, up to six hours old, of all sources together. A counter per
    /// source would cost a write for every new person, to show the progress of a walk by.
    async fn count(&self, _source: &SourceId) -> PortResult<u64> {
        self.table.count().await
    }
}
