//! The rows. A person's row and its standings are apart, so that ingest and delivery never overwrite each
//! other; each write is one statement or two under the conditions that the port promises.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::database::{Database, Failure, at, decode, encode, signed, unsigned};
use crate::model::person::{MAX_ROW_BYTES, ROW_FORMAT};
use crate::model::{ActivationId, Person, PersonKey, SourceId, Standing};
use crate::ports::{Doubted, People, PersonWrite, PortResult, Row, Segment, Settled, Settlement, Walked, Written};

const STORE: &str = "people";

pub(super) struct PeopleTable {
    pub(super) database: Arc<Database>,
}

/// A row as it is stored.
struct RawRow {
    key: [u8; 16],
    person: Vec<u8>,
    standing: Option<Vec<u8>>,
}

impl RawRow {
    fn from_columns(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { key: row.get(0)?, person: row.get(1)?, standing: row.get(2)? })
    }

    fn decode(self) -> Result<Row, Failure> {
        let key = PersonKey(self.key);
        let person: Person = decode(&self.person, || format!("row {key}"))?;
        if person.format > ROW_FORMAT {
            let found = person.format;
            return Err(Failure::Unreadable(format!(
                "row {key}: format {found} is newer than the {ROW_FORMAT} that this program reads"
            )));
        }
        let standing = self.standing.map_or_else(|| Ok(Standing::default()), |body| standing_of(key, &body))?;
        Ok(Row { person, standing })
    }
}

fn standing_of(person: PersonKey, body: &[u8]) -> Result<Standing, Failure> {
    decode(body, || format!("standing of {person}"))
}

/// A write as it will be stored.
struct RawWrite {
    key: PersonKey,
    source: String,
    version: i64,
    sequence: i64,
    read_sequence: i64,
    body: Vec<u8>,
}

impl RawWrite {
    fn encode(write: &PersonWrite) -> Result<Self, Failure> {
        let PersonWrite { person, read_sequence } = write;
        Ok(Self {
            key: person.key,
            source: person.source.to_string(),
            version: signed(person.version),
            sequence: signed(person.sequence),
            read_sequence: signed(*read_sequence),
            body: encode(person)?,
        })
    }

    fn store(&self, transaction: &Connection) -> Result<Written, Failure> {
        let Self { key, source, version, sequence, read_sequence, body } = self;
        let stored: Option<(i64, i64)> = transaction
            .prepare_cached("SELECT sequence, length(body) FROM people WHERE key = ?1")?
            .query_row([key.0], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let (stored_sequence, stored_bytes) = stored.unwrap_or_default();
        if stored_sequence != *read_sequence {
            return Ok(Written::Conflict);
        }
        if body.len() > MAX_ROW_BYTES && signed(body.len() as u64) > stored_bytes {
            return Ok(Written::TooLarge);
        }
        transaction
            .prepare_cached(
                "INSERT INTO people (key, source, version, sequence, body) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (key) DO UPDATE SET source = excluded.source, version = excluded.version,
                     sequence = excluded.sequence, body = excluded.body",
            )?
            .execute(params![key.0, source, version, sequence, body])?;
        Ok(Written::Stored)
    }
}

/// A settlement as it will be stored.
struct RawSettlement {
    settlement: Settlement,
    body: Vec<u8>,
}

impl RawSettlement {
    fn encode(settlement: Settlement) -> Result<Self, Failure> {
        let body = encode(&settlement.standing)?;
        Ok(Self { settlement, body })
    }

    fn store(&self, transaction: &Connection) -> Result<Settled, Failure> {
        let Settlement { person, activation, read_version, read_revision, standing } = &self.settlement;
        let stored = transaction
            .prepare_cached(
                "INSERT INTO standings (person, activation, revision, body) SELECT ?1, ?2, ?3, ?4
                 WHERE (SELECT version FROM people WHERE key = ?1) = ?5
                     AND coalesce((SELECT revision FROM standings WHERE person = ?1 AND activation = ?2), 0) = ?6
                 ON CONFLICT (person, activation) DO UPDATE SET revision = excluded.revision, body = excluded.body",
            )?
            .execute(params![
                person.0,
                activation.as_str(),
                signed(standing.revision),
                self.body,
                signed(*read_version),
                signed(*read_revision)
            ])?;
        Ok(if stored == 1 { Settled::Stored } else { Settled::Moved })
    }
}

fn raise(transaction: &Connection, activation: &ActivationId, doubted: &Doubted) -> Result<(), Failure> {
    let person = doubted.person();
    let stored: Option<Option<Vec<u8>>> = transaction
        .prepare_cached(
            "SELECT standings.body FROM people
             LEFT JOIN standings ON standings.person = people.key AND standings.activation = ?2
             WHERE people.key = ?1",
        )?
        .query_row(params![person.0, activation.as_str()], |row| row.get(0))
        .optional()?;
    let Some(body) = stored else {
        return Ok(());
    };
    let mut standing = body.map_or_else(|| Ok(Standing::default()), |body| standing_of(person, &body))?;
    doubted.raise(&mut standing);
    transaction
        .prepare_cached(
            "INSERT INTO standings (person, activation, revision, body) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (person, activation) DO UPDATE SET revision = excluded.revision, body = excluded.body",
        )?
        .execute(params![person.0, activation.as_str(), signed(standing.revision), encode(&standing)?])?;
    Ok(())
}

/// No activation has the empty id: with it, nobody stands anywhere.
fn or_none(activation: Option<&ActivationId>) -> String {
    activation.map_or_else(String::new, ActivationId::to_string)
}

/// Between what the keys of a segment lie, by their leading bytes. A part of a key sorts before the keys that
/// begin with it, the empty one before all, and seventeen bytes of the highest value after all.
fn bounds(Segment { index, of }: Segment) -> (Vec<u8>, Vec<u8>) {
    let bound = |index: u32| {
        let bound = (u64::from(index) << 32) / u64::from(of.max(1));
        u32::try_from(bound).map_or_else(|_| vec![u8::MAX; 17], |bound| bound.to_be_bytes().to_vec())
    };
    (bound(index), bound(index.saturating_add(1)))
}

#[async_trait]
impl People for PeopleTable {
    async fn read(&self, keys: &[PersonKey], activation: Option<&ActivationId>) -> PortResult<Vec<Row>> {
        let keys = keys.to_vec();
        let activation = or_none(activation);
        let raw = self
            .database
            .read(STORE, move |transaction| {
                let mut statement = transaction.prepare_cached(
                    "SELECT people.key, people.body, standings.body FROM people
                     LEFT JOIN standings ON standings.person = people.key AND standings.activation = ?2
                     WHERE people.key = ?1",
                )?;
                let mut raw = Vec::with_capacity(keys.len());
                for key in &keys {
                    raw.extend(statement.query_row(params![key.0, activation], RawRow::from_columns).optional()?);
                }
                Ok(raw)
            })
            .await?;
        raw.into_iter().map(RawRow::decode).collect::<Result<_, _>>().map_err(at(STORE))
    }

    async fn standings(&self, person: PersonKey) -> PortResult<BTreeMap<ActivationId, Standing>> {
        let raw: Vec<(String, Vec<u8>)> = self
            .database
            .read(STORE, move |transaction| {
                let mut statement =
                    transaction.prepare_cached("SELECT activation, body FROM standings WHERE person = ?1")?;
                let rows = statement.query_map([person.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await?;
        let decoded = raw.into_iter().map(|(activation, body)| {
            let activation = activation
                .parse::<ActivationId>()
                .map_err(|error| Failure::Unreadable(format!("standing of {person}: {error}")))?;
            Ok((activation, standing_of(person, &body)?))
        });
        decoded.collect::<Result<_, _>>().map_err(at(STORE))
    }

    async fn write(&self, writes: Vec<PersonWrite>) -> PortResult<Vec<(PersonKey, Written)>> {
        let writes = writes.iter().map(RawWrite::encode).collect::<Result<Vec<_>, _>>().map_err(at(STORE))?;
        self.database
            .write(STORE, move |transaction| {
                writes.iter().map(|write| Ok((write.key, write.store(transaction)?))).collect()
            })
            .await
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> PortResult<Vec<(PersonKey, Settled)>> {
        let raw =
            settlements.into_iter().map(RawSettlement::encode).collect::<Result<Vec<_>, _>>().map_err(at(STORE))?;
        self.database
            .write(STORE, move |transaction| {
                raw.iter().map(|one| Ok((one.settlement.person, one.store(transaction)?))).collect()
            })
            .await
    }

    async fn raise_doubt(&self, activation: &ActivationId, doubted: &[Doubted]) -> PortResult<()> {
        let activation = activation.clone();
        let doubted = doubted.to_vec();
        self.database
            .write(STORE, move |transaction| doubted.iter().try_for_each(|one| raise(transaction, &activation, one)))
            .await
    }

    async fn walk(
        &self,
        source: &SourceId,
        activation: Option<&ActivationId>,
        segment: Segment,
        after: Option<PersonKey>,
        limit: usize,
    ) -> PortResult<Walked> {
        let source = source.to_string();
        let activation = or_none(activation);
        let (begin, end) = bounds(segment);
        let after = after.map_or(begin, |key| key.0.to_vec());
        let raw: Vec<RawRow> = self
            .database
            .read(STORE, move |transaction| {
                let mut statement = transaction.prepare_cached(
                    "SELECT people.key, people.body, standings.body FROM people
                     LEFT JOIN standings ON standings.person = people.key AND standings.activation = ?2
                     WHERE people.source = ?1 AND people.key > ?3 AND people.key < ?4 ORDER BY people.key LIMIT ?5",
                )?;
                let most = signed(limit as u64);
                let rows = statement.query_map(params![source, activation, after, end, most], RawRow::from_columns)?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await?;
        let rows = raw.into_iter().map(RawRow::decode).collect::<Result<Vec<_>, _>>().map_err(at(STORE))?;
        let next = rows.last().filter(|_| rows.len() == limit).map(|row| row.person.key);
        Ok(Walked { rows, next })
    }

    async fn count(&self, source: &SourceId) -> PortResult<u64> {
        let source = source.to_string();
        let count: i64 = self
            .database
            .read(STORE, move |transaction| {
                let mut statement = transaction.prepare_cached("SELECT count(*) FROM people WHERE source = ?1")?;
                Ok(statement.query_row([&source], |row| row.get(0))?)
            })
            .await?;
        Ok(unsigned(count))
    }
}
