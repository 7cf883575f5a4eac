//! Flights, budgets, jobs, scans, erasures, counters and marks, and the claims of [`super::claims`]: one table with
//! a partition key `pk` and a sort key `sk`.
//!
//! | `pk` | `sk` | holds |
//! |---|---|---|
//! | `flight/<part>` | id | body `b`, spread over partitions by the id: every delivery writes and clears one |
//! | `erasure/<part>` | person | `at`, spread alike: somebody may erase many at once |
//! | `timer/<day>` | second, source and person | nothing more; the day is counted from the epoch |
//! | `timers` | day | that there are timers of that day |
//! | `claim/<activation>/<key>` | `-` | holder `h`, the last other who asked `c` |
//! | `allowance/<authorization>` | `-` | body `b`, revision `n` |
//! | `job` | id | body `b`, status and cursor `t`; `ttl` once it ended |
//! | `scan` | id | body `b`, revision `n`; `ttl` once it ended |
//! | `counter` | name | count `n` |
//! | `mark` | name | `at` |
//! | `mail/<key>` | `-` | see [`super::mailer`] |
//! | `notices` | activation | see [`super::notices`] |
//!
//! Expired items stay readable for days; they are left out when they are read.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;

use super::claims;
use super::stored;
use super::table::{Item, PARALLEL, ROUNDS, Table, Update, Updated, number, pause, text};
use crate::model::budget::{Allowance, Grant, Spend};
use crate::model::{
    ActivationId, AuthorizationId, Flight, FlightId, Job, JobId, JobStatus, KeyHash, PersonKey, Scan, ScanId,
    ScanStatus, SourceId, Timer,
};
use crate::ports::{Claim, Ledger, PortError, PortResult};

pub(super) const STORE: &str = "ledger";

/// Partitions of flights, and of erasures: each takes 1,000 writes a second, and listing asks them all.
const PARTS: u32 = 8;
/// In which timers lie together.
const SECONDS_A_DAY: i64 = 86_400;
/// The sort key of what stands alone in its partition.
pub(super) const ALONE: &str = "-";
/// How long a job that ended is kept.
const ENDED_JOBS: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Takers from one allowance overtake each other; one of them wins every round.
const ALLOWANCE_ROUNDS: u32 = 3 * ROUNDS;

pub(super) struct LedgerTable {
    pub(super) table: Table,
}

pub(super) fn key(partition: impl Into<String>, sort: impl Into<String>) -> Item {
    HashMap::from([("pk".to_owned(), text(partition)), ("sk".to_owned(), text(sort))])
}

/// The partition of an id: the same in every program that ever runs.
fn part(kind: &str, id: &str) -> String {
    let hash = id.bytes().fold(2_166_136_261_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619));
    format!("{kind}/{}", hash % PARTS)
}

fn flight_key(id: &FlightId) -> Item {
    key(part("flight", id.as_str()), id.as_str())
}

fn allowance_key(authorization: &AuthorizationId) -> Item {
    key(format!("allowance/{authorization}"), ALONE)
}

fn erasure_key(person: PersonKey) -> Item {
    let person = person.to_string();
    key(part("erasure", &person), person)
}

/// A day that has timers.
fn day_key(second: i64) -> Item {
    key("timers", format!("{:08}", second.div_euclid(SECONDS_A_DAY).max(0)))
}

fn timer_key(timer: &Timer) -> Item {
    let (second, day) = (timer.second().max(0), timer.second().div_euclid(SECONDS_A_DAY).max(0));
    key(format!("timer/{day:08}"), format!("{second:012}/{}/{}", timer.source, timer.person))
}

fn read_timer(sort: &str) -> Option<Timer> {
    let (second, rest) = sort.split_once('/')?;
    let (source, person) = rest.rsplit_once('/')?;
    Some(Timer::at_second(second.parse().ok()?, source.parse().ok()?, person.parse().ok()?))
}

/// What of a job its next advance is conditional on.
fn place(job: &Job) -> AttributeValue {
    let cursor = job.cursor.map_or_else(String::new, |cursor| cursor.to_string());
    text(format!("{:?} {cursor}", job.status))
}

/// The update that stores a job.
fn job_update(job: &Job) -> PortResult<Update> {
    let ended = job.ended_at.filter(|_| job.status != JobStatus::Running);
    let update = ending(key("job", job.id.as_str()), "SET b = :b, t = :t", ended);
    Ok(update.value(":b", stored::encode(STORE, job)?.value).value(":t", place(job)))
}

/// The update that stores a scan.
fn scan_update(scan: &Scan) -> PortResult<Update> {
    let ended = scan.ended_at.filter(|_| scan.status != ScanStatus::Running);
    let update = ending(key("scan", scan.id.as_str()), "SET b = :b, n = :n", ended);
    Ok(update.value(":b", stored::encode(STORE, scan)?.value).value(":n", number(scan.revision)))
}

/// An update of something that is forgotten some time after it ended.
fn ending(at: Item, set: &str, ended: Option<Timestamp>) -> Update {
    match ended.and_then(|ended| ended.saturating_add(ENDED_JOBS).ok()) {
        Some(expires) => {
            let seconds = number(u64::try_from(expires.as_second()).unwrap_or_default());
            Update::new(at, format!("{set}, #ttl = :ttl")).name("#ttl", "ttl").value(":ttl", seconds)
        }
        None => Update::new(at, format!("{set} REMOVE #ttl")).name("#ttl", "ttl"),
    }
}

impl LedgerTable {
    fn time_of(&self, item: &Item) -> PortResult<Timestamp> {
        let time = self.table.text_of(item, "at")?;
        time.parse().map_err(|_| PortError::Unreadable { store: STORE, what: "a time".to_owned() })
    }

    /// The items of all partitions of a kind.
    async fn spread(&self, kind: &str) -> PortResult<Vec<Item>> {
        let read = (0..PARTS).map(|part| {
            let part = format!("{kind}/{part}");
            async move { self.table.query(("pk", &part), "sk", "").await }
        });
        let found: Vec<Vec<Item>> = stream::iter(read).buffer_unordered(PARALLEL).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// The bodies of a partition that have not expired.
    async fn kept<T: DeserializeOwned>(&self, partition: &str) -> PortResult<Vec<T>> {
        let now = u64::try_from(self.table.clock.now().as_second()).unwrap_or_default();
        let mut kept = Vec::new();
        for item in self.table.query(("pk", partition), "sk", "").await? {
            if !item.contains_key("ttl") || self.table.number_of(&item, "ttl")? > now {
                kept.push(stored::decode(STORE, self.table.text_of(&item, "sk")?, self.table.of(&item, "b")?)?);
            }
        }
        Ok(kept)
    }

    /// Writes an allowance that was read at `revision` (0: there was none), or answers the item that came first.
    async fn put_allowance(&self, at: Item, allowance: &Allowance, revision: u64) -> PortResult<Updated> {
        let update = Update::new(at, "SET b = :b, n = :n")
            .value(":b", stored::encode(STORE, allowance)?.value)
            .value(":n", number(revision + 1));
        let update = match revision {
            0 => update.when("attribute_not_exists(pk)"),
            read => update.when("n = :read").value(":read", number(read)),
        };
        self.table.update_once(update).await
    }
}

#[async_trait]
impl Ledger for LedgerTable {
    async fn put_flight(&self, flight: &Flight) -> PortResult<()> {
        let update =
            Update::new(flight_key(&flight.id), "SET b = :b").value(":b", stored::encode(STORE, flight)?.value);
        self.table.update(update).await?;
        Ok(())
    }

    async fn clear_flight(&self, id: &FlightId) -> PortResult<()> {
        self.table.delete(flight_key(id), None).await?;
        Ok(())
    }

    async fn flight(&self, id: &FlightId) -> PortResult<Option<Flight>> {
        let item = self.table.get(flight_key(id)).await?;
        item.map(|item| stored::decode(STORE, id.as_str(), self.table.of(&item, "b")?)).transpose()
    }

    async fn flights(&self, activation: Option<&ActivationId>) -> PortResult<Vec<Flight>> {
        let mut flights = Vec::new();
        for item in self.spread("flight").await? {
            let what = self.table.text_of(&item, "sk")?;
            let flight: Flight = stored::decode(STORE, what, self.table.of(&item, "b")?)?;
            if activation.is_none_or(|activation| flight.activation == *activation) {
                flights.push(flight);
            }
        }
        flights.sort_by(|a, b| (a.started_at, &a.id).cmp(&(b.started_at, &b.id)));
        Ok(flights)
    }

    async fn claim(
        &self,
        activation: &ActivationId,
        claims: &[(KeyHash, PersonKey)],
    ) -> PortResult<Vec<(KeyHash, PersonKey, Claim)>> {
        claims::claim(&self.table, activation, claims).await
    }

    async fn offer(&self, activation: &ActivationId, key: KeyHash, person: PersonKey, by: &FlightId) -> PortResult<()> {
        claims::offer(&self.table, activation, key, person, by).await
    }

    async fn release(
        &self,
        activation: &ActivationId,
        key: KeyHash,
        _person: PersonKey,
        by: &FlightId,
    ) -> PortResult<Option<PersonKey>> {
        claims::release(&self.table, activation, key, by).await
    }

    async fn holder(&self, activation: &ActivationId, key: KeyHash) -> PortResult<Option<PersonKey>> {
        claims::holder(&self.table, activation, key).await
    }

    async fn spend(&self, account: &AuthorizationId, spend: &Spend, now: Timestamp) -> PortResult<Grant> {
        let mut item = self.table.get(allowance_key(account)).await?;
        for round in 0..ALLOWANCE_ROUNDS {
            let (stored, revision) = match &item {
                Some(item) => {
                    let body = self.table.of(item, "b")?;
                    (Some(stored::decode(STORE, "a budget", body)?), self.table.number_of(item, "n")?)
                }
                None => (None, 0),
            };
            let mut allowance: Allowance = stored.clone().unwrap_or_default();
            let grant = allowance.spend(spend, now);
            if stored.as_ref() == Some(&allowance) {
                return Ok(grant);
            }
            match self.put_allowance(allowance_key(account), &allowance, revision).await? {
                Updated::Done => return Ok(grant),
                Updated::Refused(now) => item = now,
            }
            pause(self.table.clock.as_ref(), round).await;
        }
        Err(self.table.broken("a budget was overtaken too often"))
    }

    async fn put_job(&self, job: &Job) -> PortResult<()> {
        self.table.update(job_update(job)?).await?;
        Ok(())
    }

    async fn job(&self, id: &JobId) -> PortResult<Option<Job>> {
        let item = self.table.get(key("job", id.as_str())).await?;
        item.map(|item| stored::decode(STORE, id.as_str(), self.table.of(&item, "b")?)).transpose()
    }

    async fn advance_job(&self, read: &Job, job: &Job) -> PortResult<bool> {
        let update = job_update(job)?.when("t = :read").value(":read", place(read));
        Ok(matches!(self.table.update_once(update).await?, Updated::Done))
    }

    async fn jobs(&self, activation: Option<&ActivationId>) -> PortResult<Vec<Job>> {
        let mut jobs: Vec<Job> = self.kept("job").await?;
        jobs.retain(|job| activation.is_none_or(|activation| job.activation == *activation));
        jobs.sort_by(|a, b| (b.started_at, &b.id).cmp(&(a.started_at, &a.id)));
        Ok(jobs)
    }

    async fn put_scan(&self, scan: &Scan, read_revision: u64) -> PortResult<bool> {
        let update = scan_update(scan)?;
        let update = match read_revision {
            0 => update.when("attribute_not_exists(pk)"),
            read => update.when("n = :read").value(":read", number(read)),
        };
        Ok(matches!(self.table.update_once(update).await?, Updated::Done))
    }

    async fn scan(&self, id: &ScanId) -> PortResult<Option<Scan>> {
        let item = self.table.get(key("scan", id.as_str())).await?;
        item.map(|item| stored::decode(STORE, id.as_str(), self.table.of(&item, "b")?)).transpose()
    }

    async fn scans(&self, source: Option<&SourceId>) -> PortResult<Vec<Scan>> {
        let mut scans: Vec<Scan> = self.kept("scan").await?;
        scans.retain(|scan| source.is_none_or(|source| scan.source == *source));
        scans.sort_by(|a, b| (b.started_at, &b.id).cmp(&(a.started_at, &a.id)));
        Ok(scans)
    }

    async fn note_erasure(&self, person: PersonKey, at: Timestamp) -> PortResult<()> {
        let update =
            Update::new(erasure_key(person), "SET #at = :at").name("#at", "at").value(":at", text(at.to_string()));
        self.table.update(update).await?;
        Ok(())
    }

    async fn erasures(&self) -> PortResult<Vec<(PersonKey, Timestamp)>> {
        let items = self.spread("erasure").await?;
        let read = items.iter().map(|item| {
            let person = self.table.text_of(item, "sk")?;
            let person = person.parse().map_err(|_| stored::damaged(STORE, "an erasure", "it names no person"))?;
            Ok((person, self.time_of(item)?))
        });
        read.collect()
    }

    async fn clear_erasure(&self, person: PersonKey, noted_at: Timestamp) -> PortResult<()> {
        self.table.delete(erasure_key(person), Some(("at", text(noted_at.to_string())))).await?;
        Ok(())
    }

    async fn set_timer(&self, timer: &Timer) -> PortResult<()> {
        // The day last, and as another one than before: whoever found it empty meanwhile does not take it away.
        let token = text(uuid::Uuid::new_v4().simple().to_string());
        let noted = |key| Update::new(key, "SET n = :n").value(":n", token.clone());
        self.table.update(noted(timer_key(timer))).await?;
        self.table.update(noted(day_key(timer.second()))).await?;
        Ok(())
    }

    async fn due_timers(&self, now: Timestamp, most: usize) -> PortResult<Vec<Timer>> {
        let today = now.as_second().div_euclid(SECONDS_A_DAY);
        let mut due = Vec::new();
        for item in self.table.query(("pk", "timers"), "sk", "").await? {
            let day = self.table.text_of(&item, "sk")?;
            if due.len() >= most || day.parse::<i64>().is_ok_and(|day| day > today) {
                break;
            }
            // Of today those whose second has come: what follows it sorts behind.
            let last = format!("{:012}0", now.as_second().max(0));
            let left = most - due.len();
            let items = self.table.query_until(("pk", &format!("timer/{day}")), ("sk", &last), left).await?;
            if items.is_empty() && day.parse::<i64>().is_ok_and(|day| day < today) {
                let seen = self.table.of(&item, "n")?.clone();
                self.table.delete(key("timers", day), Some(("n", seen))).await?;
            }
            for item in items {
                let timer = read_timer(self.table.text_of(&item, "sk")?);
                let timer = timer.ok_or_else(|| stored::damaged(STORE, "a timer", "it names nobody"))?;
                due.extend(Some(timer).filter(|timer| timer.is_due(now)));
            }
        }
        due.truncate(most);
        Ok(due)
    }

    async fn clear_timer(&self, timer: &Timer) -> PortResult<()> {
        self.table.delete(timer_key(timer), None).await?;
        Ok(())
    }

    async fn count(&self, name: &str, by: u64) -> PortResult<()> {
        let update = Update::new(key("counter", name), "ADD n :by").value(":by", number(by));
        self.table.update(update).await?;
        Ok(())
    }

    async fn counters(&self, prefix: &str) -> PortResult<BTreeMap<String, u64>> {
        let items = self.table.query(("pk", "counter"), "sk", prefix).await?;
        let read =
            items.iter().map(|item| Ok((self.table.text_of(item, "sk")?.to_owned(), self.table.number_of(item, "n")?)));
        read.collect()
    }

    async fn set_mark(&self, name: &str, at: Timestamp) -> PortResult<()> {
        let update =
            Update::new(key("mark", name), "SET #at = :at").name("#at", "at").value(":at", text(at.to_string()));
        self.table.update(update).await?;
        Ok(())
    }

    async fn mark(&self, name: &str) -> PortResult<Option<Timestamp>> {
        let item = self.table.get(key("mark", name)).await?;
        item.map(|item| self.time_of(&item)).transpose()
    }
}
