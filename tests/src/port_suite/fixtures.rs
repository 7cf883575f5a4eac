//! Small values that the promises are tried with.

use std::future::Future;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use muster::model::{
    ActivationId, AuthorizationId, Entry, FieldName, Job, JobKind, JobStatus, Origin, Person, PersonKey, Scan,
    ScanCounts, ScanPurpose, ScanStage, ScanStatus, SourceId, Standing, Value,
};
use muster::ports::{PersonWrite, Ports, Row, Settlement, Written};

/// Where frozen clocks stand.
pub fn start() -> Timestamp {
    "2026-11-22T06:00:00.123456789Z".parse().unwrap()
}

pub fn after(seconds: i64) -> Timestamp {
    start() + SignedDuration::from_secs(seconds)
}

pub fn key(number: u8) -> PersonKey {
    PersonKey([number; 16])
}

pub fn source() -> SourceId {
    "cdp".parse().unwrap()
}

pub fn activation() -> ActivationId {
    "crm".parse().unwrap()
}

pub fn another_activation() -> ActivationId {
    "mailings".parse().unwrap()
}

pub fn authorization() -> AuthorizationId {
    "account".parse().unwrap()
}

/// A person as its first write has it.
pub fn person(key: PersonKey) -> Person {
    let mut person = Person::new(key, source());
    person.sequence = 1;
    person.version = 1;
    person.changed_at = start();
    person
}

pub fn with_field(mut person: Person, name: &str, text: &str) -> Person {
    let entry = Entry {
        value: Value::Text(text.to_owned()),
        occurred_at: start(),
        version: person.version,
        origin: Origin::Live,
    };
    person.fields.insert(name.parse::<FieldName>().unwrap(), entry);
    person
}

/// The next write of a row with a change of its content.
pub fn next(mut person: Person) -> Person {
    person.sequence += 1;
    person.version += 1;
    person
}

/// Writes one row that was read as its predecessor.
pub async fn write(ports: &Ports, person: Person) -> Written {
    let write = PersonWrite { read_sequence: person.sequence - 1, person };
    ports.people.write(vec![write]).await.unwrap()[0].1
}

pub async fn read(ports: &Ports, key: PersonKey) -> Row {
    ports.people.read(&[key], Some(&activation())).await.unwrap().remove(0)
}

/// A settlement of a row as it was read, with the revision one up.
pub fn settlement(row: &Row) -> Settlement {
    Settlement {
        person: row.person.key,
        activation: activation(),
        read_version: row.person.version,
        read_revision: row.standing.revision,
        standing: Standing { revision: row.standing.revision + 1, ..row.standing.clone() },
    }
}

pub fn job(id: &str, started_at: Timestamp) -> Job {
    Job {
        id: id.parse().unwrap(),
        activation: activation(),
        kind: JobKind::Backfill,
        status: JobStatus::Running,
        cursor: None,
        walked: 0,
        nudged: 0,
        of: 10,
        started_at,
        moved_at: None,
        ended_at: None,
        why: None,
        replay: None,
        insiders: None,
        reconciliation: None,
    }
}

pub fn scan(id: &str, started_at: Timestamp) -> Scan {
    Scan {
        id: id.parse().unwrap(),
        source: "shop".parse().unwrap(),
        purpose: ScanPurpose::Backfill,
        audiences: Vec::new(),
        stage: ScanStage::first_page(0),
        status: ScanStatus::Running,
        counts: ScanCounts::default(),
        failures: 0,
        most_exits_percent: 20,
        as_of: started_at,
        started_at,
        moved_at: started_at,
        paged_at: started_at,
        ended_at: None,
        why: None,
        revision: 1,
    }
}

/// Eight at once, each on a task of its own.
pub async fn eight<F>(work: impl Fn(u8) -> F) -> Vec<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let tasks = (0..8).map(|number| tokio::spawn(work(number)));
    join_all(tasks.collect::<Vec<_>>()).await.into_iter().map(Result::unwrap).collect()
}
