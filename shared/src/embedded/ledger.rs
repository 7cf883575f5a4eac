//! Flights, claims, budgets, jobs, scans, erasures, counters and marks.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde::de::DeserializeOwned;

use super::database::{Database, Failure, at, decode, encode, signed, time, unsigned};
use crate::model::budget::{Allowance, Grant, Spend};
use crate::model::{
    ActivationId, AuthorizationId, Flight, FlightId, Job, JobId, KeyHash, PersonKey, Scan, ScanId, SourceId, Timer,
};
use crate::ports::{Claim, Ledger, PortResult};

const STORE: &str = "ledger";

pub(super) struct LedgerTables {
    pub(super) database: Arc<Database>,
}

/// The body in the row that `sql` finds by `id`.
fn body_of<T: DeserializeOwned>(transaction: &Connection, sql: &str, id: &str) -> Result<Option<T>, Failure> {
    let body: Option<Vec<u8>> = transaction.prepare_cached(sql)?.query_row([id], |row| row.get(0)).optional()?;
    body.map(|body| decode(&body, || id.to_owned())).transpose()
}

/// The bodies of the rows of one activation or source, or of all, found by `sql` with its id as `?1`.
async fn bodies_of<T: DeserializeOwned>(
    database: &Database,
    sql: &'static str,
    of: Option<&str>,
) -> PortResult<Vec<T>> {
    let of = of.map(str::to_owned);
    let raw: Vec<(String, Vec<u8>)> = database
        .read(STORE, move |transaction| {
            let mut statement = transaction.prepare_cached(sql)?;
            let rows = statement.query_map([of], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await?;
    raw.into_iter().map(|(id, body)| decode(&body, || id)).collect::<Result<_, _>>().map_err(at(STORE))
}

fn holder_of(transaction: &Connection, activation: &str, key: KeyHash) -> Result<Option<PersonKey>, Failure> {
    let mut statement = transaction.prepare_cached("SELECT holder FROM claims WHERE activation = ?1 AND key = ?2")?;
    Ok(statement.query_row(params![activation, key.0], |row| row.get(0).map(PersonKey)).optional()?)
}

fn claim(
    transaction: &Connection,
    activation: &str,
    key: KeyHash,
    person: PersonKey,
) -> Result<(KeyHash, PersonKey, Claim), Failure> {
    match holder_of(transaction, activation, key)? {
        None => {
            transaction
                .prepare_cached("INSERT INTO claims (activation, key, holder) VALUES (?1, ?2, ?3)")?
                .execute(params![activation, key.0, person.0])?;
            Ok((key, person, Claim::Held))
        }
        Some(holder) if holder == person => {
            transaction
                .prepare_cached(
                    "UPDATE claims SET offered = NULL WHERE activation = ?1 AND key = ?2 AND offered IS NOT NULL",
                )?
                .execute(params![activation, key.0])?;
            Ok((key, person, Claim::Held))
        }
        Some(holder) => {
            transaction
                .prepare_cached("UPDATE claims SET contender = ?3 WHERE activation = ?1 AND key = ?2")?
                .execute(params![activation, key.0, person.0])?;
            Ok((key, person, Claim::HeldBy(holder)))
        }
    }
}

const SELECT_ALLOWANCE: &str = "SELECT body FROM allowances WHERE authorization = ?1";

fn put_allowance(transaction: &Connection, account: &str, allowance: &Allowance) -> Result<(), Failure> {
    transaction
        .prepare_cached("INSERT OR REPLACE INTO allowances (authorization, body) VALUES (?1, ?2)")?
        .execute(params![account, encode(allowance)?])?;
    Ok(())
}

const SELECT_JOB: &str = "SELECT body FROM jobs WHERE id = ?1";

fn put_job(transaction: &Connection, job: &Job, body: &[u8]) -> Result<(), Failure> {
    transaction
        .prepare_cached("INSERT OR REPLACE INTO jobs (id, activation, body) VALUES (?1, ?2, ?3)")?
        .execute(params![job.id.as_str(), job.activation.as_str(), body])?;
    Ok(())
}

#[async_trait]
impl Ledger for LedgerTables {
    async fn put_flight(&self, flight: &Flight) -> PortResult<()> {
        let flight = flight.clone();
        let body = encode(&flight).map_err(at(STORE))?;
        self.database
            .write(STORE, move |transaction| {
                transaction
                    .prepare_cached("INSERT OR REPLACE INTO flights (id, activation, body) VALUES (?1, ?2, ?3)")?
                    .execute(params![flight.id.as_str(), flight.activation.as_str(), body])?;
                Ok(())
            })
            .await
    }

    async fn clear_flight(&self, id: &FlightId) -> PortResult<()> {
        let id = id.to_string();
        self.database
            .write(STORE, move |transaction| {
                transaction.prepare_cached("DELETE FROM flights WHERE id = ?1")?.execute([&id])?;
                Ok(())
            })
            .await
    }

    async fn flight(&self, id: &FlightId) -> PortResult<Option<Flight>> {
        let id = id.to_string();
        self.database
            .read(STORE, move |transaction| body_of(transaction, "SELECT body FROM flights WHERE id = ?1", &id))
            .await
    }

    async fn flights(&self, activation: Option<&ActivationId>) -> PortResult<Vec<Flight>> {
        let sql = "SELECT id, body FROM flights WHERE ?1 IS NULL OR activation = ?1";
        let mut flights: Vec<Flight> = bodies_of(&self.database, sql, activation.map(ActivationId::as_str)).await?;
        flights.sort_by(|a, b| (a.started_at, &a.id).cmp(&(b.started_at, &b.id)));
        Ok(flights)
    }

    async fn claim(
        &self,
        activation: &ActivationId,
        claims: &[(KeyHash, PersonKey)],
    ) -> PortResult<Vec<(KeyHash, PersonKey, Claim)>> {
        let activation = activation.to_string();
        let claims = claims.to_vec();
        self.database
            .write(STORE, move |transaction| {
                claims.iter().map(|(key, person)| claim(transaction, &activation, *key, *person)).collect()
            })
            .await
    }

    async fn offer(&self, activation: &ActivationId, key: KeyHash, person: PersonKey, by: &FlightId) -> PortResult<()> {
        let (activation, by) = (activation.to_string(), by.to_string());
        self.database
            .write(STORE, move |transaction| {
                transaction
                    .prepare_cached(
                        "UPDATE claims SET offered = ?4 WHERE activation = ?1 AND key = ?2 AND holder = ?3",
                    )?
                    .execute(params![activation, key.0, person.0, by])?;
                Ok(())
            })
            .await
    }

    async fn release(
        &self,
        activation: &ActivationId,
        key: KeyHash,
        person: PersonKey,
        by: &FlightId,
    ) -> PortResult<Option<PersonKey>> {
        let (activation, by) = (activation.to_string(), by.to_string());
        self.database
            .write(STORE, move |transaction| {
                let mut statement = transaction.prepare_cached(
                    "DELETE FROM claims WHERE activation = ?1 AND key = ?2 AND holder = ?3 AND offered = ?4
                     RETURNING contender",
                )?;
                let contender: Option<Option<[u8; 16]>> =
                    statement.query_row(params![activation, key.0, person.0, by], |row| row.get(0)).optional()?;
                Ok(contender.flatten().map(PersonKey))
            })
            .await
    }

    async fn holder(&self, activation: &ActivationId, key: KeyHash) -> PortResult<Option<PersonKey>> {
        let activation = activation.to_string();
        self.database.read(STORE, move |transaction| holder_of(transaction, &activation, key)).await
    }

    async fn spend(&self, account: &AuthorizationId, spend: &Spend, now: Timestamp) -> PortResult<Grant> {
        let (account, spend) = (account.to_string(), spend.clone());
        self.database
            .write(STORE, move |transaction| {
                let stored: Option<Allowance> = body_of(transaction, SELECT_ALLOWANCE, &account)?;
                let mut allowance = stored.clone().unwrap_or_default();
                let grant = allowance.spend(&spend, now);
                if stored.as_ref() != Some(&allowance) {
                    put_allowance(transaction, &account, &allowance)?;
                }
                Ok(grant)
            })
            .await
    }

    async fn put_job(&self, job: &Job) -> PortResult<()> {
        let job = job.clone();
        let body = encode(&job).map_err(at(STORE))?;
        self.database.write(STORE, move |transaction| put_job(transaction, &job, &body)).await
    }

    async fn job(&self, id: &JobId) -> PortResult<Option<Job>> {
        let id = id.to_string();
        self.database.read(STORE, move |transaction| body_of(transaction, SELECT_JOB, &id)).await
    }

    async fn advance_job(&self, read: &Job, job: &Job) -> PortResult<bool> {
        let (id, cursor, status) = (read.id.to_string(), read.cursor, read.status);
        let job = job.clone();
        let body = encode(&job).map_err(at(STORE))?;
        self.database
            .write(STORE, move |transaction| {
                let stored: Option<Job> = body_of(transaction, SELECT_JOB, &id)?;
                if stored.is_none_or(|stored| stored.cursor != cursor || stored.status != status) {
                    return Ok(false);
                }
                put_job(transaction, &job, &body)?;
                Ok(true)
            })
            .await
    }

    async fn jobs(&self, activation: Option<&ActivationId>) -> PortResult<Vec<Job>> {
        let sql = "SELECT id, body FROM jobs WHERE ?1 IS NULL OR activation = ?1";
        let mut jobs: Vec<Job> = bodies_of(&self.database, sql, activation.map(ActivationId::as_str)).await?;
        jobs.sort_by(|a, b| (b.started_at, &b.id).cmp(&(a.started_at, &a.id)));
        Ok(jobs)
    }

    async fn put_scan(&self, scan: &Scan, read_revision: u64) -> PortResult<bool> {
        let (id, source) = (scan.id.to_string(), scan.source.to_string());
        let (revision, body) = (signed(scan.revision), encode(scan).map_err(at(STORE))?);
        self.database
            .write(STORE, move |transaction| {
                let mut statement = transaction.prepare_cached("SELECT revision FROM scans WHERE id = ?1")?;
                let stored: Option<i64> = statement.query_row([&id], |row| row.get(0)).optional()?;
                if unsigned(stored.unwrap_or(0)) != read_revision {
                    return Ok(false);
                }
                transaction
                    .prepare_cached(
                        "INSERT OR REPLACE INTO scans (id, source, revision, body) VALUES (?1, ?2, ?3, ?4)",
                    )?
                    .execute(params![id, source, revision, body])?;
                Ok(true)
            })
            .await
    }

    async fn scan(&self, id: &ScanId) -> PortResult<Option<Scan>> {
        let id = id.to_string();
        self.database
            .read(STORE, move |transaction| body_of(transaction, "SELECT body FROM scans WHERE id = ?1", &id))
            .await
    }

    async fn scans(&self, source: Option<&SourceId>) -> PortResult<Vec<Scan>> {
        let sql = "SELECT id, body FROM scans WHERE ?1 IS NULL OR source = ?1";
        let mut scans: Vec<Scan> = bodies_of(&self.database, sql, source.map(SourceId::as_str)).await?;
        scans.sort_by(|a, b| (b.started_at, &b.id).cmp(&(a.started_at, &a.id)));
        Ok(scans)
    }

    async fn note_erasure(&self, person: PersonKey, at: Timestamp) -> PortResult<()> {
        self.database
            .write(STORE, move |transaction| {
                transaction
                    .prepare_cached("INSERT OR REPLACE INTO erasures (person, noted_at) VALUES (?1, ?2)")?
                    .execute(params![person.0, at.to_string()])?;
                Ok(())
            })
            .await
    }

    async fn erasures(&self) -> PortResult<Vec<(PersonKey, Timestamp)>> {
        let raw: Vec<([u8; 16], String)> = self
            .database
            .read(STORE, move |transaction| {
                let mut statement = transaction.prepare_cached("SELECT person, noted_at FROM erasures")?;
                let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await?;
        let noted = raw.into_iter().map(|(person, noted_at)| Ok((PersonKey(person), time(&noted_at)?)));
        noted.collect::<Result<_, _>>().map_err(at(STORE))
    }

    async fn clear_erasure(&self, person: PersonKey, noted_at: Timestamp) -> PortResult<()> {
        self.database
            .write(STORE, move |transaction| {
                transaction
                    .prepare_cached("DELETE FROM erasures WHERE person = ?1 AND noted_at = ?2")?
                    .execute(params![person.0, noted_at.to_string()])?;
                Ok(())
            })
            .await
    }

    async fn set_timer(&self, timer: &Timer) -> PortResult<()> {
        let timer = timer.clone();
        self.database
            .write(STORE, move |transaction| {
                transaction
                    .prepare_cached("INSERT OR IGNORE INTO timers (at, source, person) VALUES (?1, ?2, ?3)")?
                    .execute(params![timer.second(), timer.source.as_str(), timer.person.0])?;
                Ok(())
            })
            .await
    }

    async fn due_timers(&self, now: Timestamp, most: usize) -> PortResult<Vec<Timer>> {
        let raw: Vec<(i64, String, [u8; 16])> = self
            .database
            .read(STORE, move |transaction| {
                let mut statement = transaction
                    .prepare_cached("SELECT at, source, person FROM timers WHERE at <= ?1 ORDER BY at LIMIT ?2")?;
                let rows = statement.query_map(params![now.as_second(), signed(most as u64)], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await?;
        let timers = raw.into_iter().map(|(second, source, person)| {
            let source = source.parse().map_err(|_| Failure::Unreadable("a timer names no source".to_owned()))?;
            Ok(Timer::at_second(second, source, PersonKey(person)))
        });
        timers.collect::<Result<_, _>>().map_err(at(STORE))
    }

    async fn clear_timer(&self, timer: &Timer) -> PortResult<()> {
        let timer = timer.clone();
        self.database
            .write(STORE, move |transaction| {
                transaction
                    .prepare_cached("DELETE FROM timers WHERE at = ?1 AND source = ?2 AND person = ?3")?
                    .execute(params![timer.second(), timer.source.as_str(), timer.person.0])?;
                Ok(())
            })
            .await
    }

    async fn count(&self, name: &str, by: u64) -> PortResult<()> {
        let name = name.to_owned();
        self.database
            .write(STORE, move |transaction| {
                transaction
                    .prepare_cached(
                        "INSERT INTO counters (name, count) VALUES (?1, ?2)
                         ON CONFLICT (name) DO UPDATE SET count = count + excluded.count",
                    )?
                    .execute(params![name, signed(by)])?;
                Ok(())
            })
            .await
    }

    async fn counters(&self, prefix: &str) -> PortResult<BTreeMap<String, u64>> {
        let prefix = prefix.to_owned();
        self.database
            .read(STORE, move |transaction| {
                let mut statement = transaction
                    .prepare_cached("SELECT name, count FROM counters WHERE substr(name, 1, length(?1)) = ?1")?;
                let rows = statement.query_map([&prefix], |row| Ok((row.get(0)?, unsigned(row.get(1)?))))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    async fn set_mark(&self, name: &str, at: Timestamp) -> PortResult<()> {
        let name = name.to_owned();
        self.database
            .write(STORE, move |transaction| {
                transaction
                    .prepare_cached("INSERT OR REPLACE INTO marks (name, at) VALUES (?1, ?2)")?
                    .execute(params![name, at.to_string()])?;
                Ok(())
            })
            .await
    }

    async fn mark(&self, name: &str) -> PortResult<Option<Timestamp>> {
        let name = name.to_owned();
        let text: Option<String> = self
            .database
            .read(STORE, move |transaction| {
                let mut statement = transaction.prepare_cached("SELECT at FROM marks WHERE name = ?1")?;
                Ok(statement.query_row([&name], |row| row.get(0)).optional()?)
            })
            .await?;
        text.map(|text| time(&text)).transpose().map_err(at(STORE))
    }
}
