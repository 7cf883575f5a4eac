use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::join_all;
use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::commits::Access;
use super::database::{Database, Failure};
use super::{Embedded, JumpClock, OpenError, database};
use crate::model::person::{MAX_ROW_BYTES, ROW_FORMAT};
use crate::model::{Entry, Origin, Person, PersonKey, Value};
use crate::ports::{PersonWrite, PortError, Written};

const KEY: PersonKey = PersonKey([1; 16]);

fn embedded() -> Embedded {
    Embedded::in_memory(Arc::new(JumpClock::frozen_at(Timestamp::UNIX_EPOCH))).unwrap()
}

fn person(text_bytes: usize) -> Person {
    let mut person = Person::new(KEY, "cdp".parse().unwrap());
    person.sequence = 1;
    let value = Value::Text("x".repeat(text_bytes));
    let entry = Entry { value, occurred_at: Timestamp::UNIX_EPOCH, version: 1, origin: Origin::Live };
    person.fields.insert("story".parse().unwrap(), entry);
    person
}

/// Past the port, as a version with another limit or format would have written it.
fn insert(embedded: &Embedded, body: &[u8]) {
    let body = body.to_owned();
    let inserted = embedded.people.database.wait(Access::Write, move |transaction| {
        let sql = "INSERT INTO people (key, source, version, sequence, body) VALUES (?1, 'cdp', 1, 1, ?2)";
        Ok(transaction.execute(sql, params![KEY.0, body])?)
    });
    assert_eq!(inserted.unwrap(), 1);
}

async fn read(embedded: &Embedded) -> PortError {
    embedded.ports().people.read(&[KEY], None).await.unwrap_err()
}

#[tokio::test]
async fn a_row_beyond_the_limit_may_shrink_and_not_grow() {
    let embedded = embedded();
    insert(&embedded, &serde_json::to_vec(&person(MAX_ROW_BYTES + 100)).unwrap());
    let people = embedded.ports().people;
    let written = async |text_bytes| {
        let person = Person { sequence: 2, ..person(text_bytes) };
        people.write(vec![PersonWrite { person, read_sequence: 1 }]).await.unwrap()[0].1
    };
    assert_eq!(written(MAX_ROW_BYTES + 101).await, Written::TooLarge);
    assert_eq!(written(MAX_ROW_BYTES + 99).await, Written::Stored);
}

#[tokio::test]
async fn a_count_is_exact_and_of_one_source() {
    let embedded = embedded();
    let people = embedded.ports().people;
    let of = |number: u8, source: &str| {
        let (key, source) = (PersonKey([number; 16]), source.parse().unwrap());
        PersonWrite { person: Person { key, source, ..person(1) }, read_sequence: 0 }
    };
    people.write(vec![of(1, "cdp"), of(2, "cdp"), of(3, "shop")]).await.unwrap();
    assert_eq!(people.count(&"cdp".parse().unwrap()).await.unwrap(), 2);
}

#[tokio::test]
async fn a_row_of_a_newer_format_is_refused() {
    let embedded = embedded();
    let newer = Person { format: ROW_FORMAT + 1, ..person(1) };
    insert(&embedded, &serde_json::to_vec(&newer).unwrap());
    let error = read(&embedded).await;
    assert!(matches!(&error, PortError::Unreadable { .. }), "{error}");
    assert!(error.to_string().contains("is newer"), "{error}");
}

#[tokio::test]
async fn an_unreadable_row_is_named_and_not_quoted() {
    let embedded = embedded();
    insert(&embedded, br#"{"format": "anna@example.test"}"#);
    let error = read(&embedded).await.to_string();
    assert!(error.contains(&KEY.to_string()) && !error.contains("anna"), "{error}");
}

#[test]
fn a_database_of_a_newer_format_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("muster.db");
    let newer = database::FORMAT + 1;
    let connection = Connection::open(&file).unwrap();
    connection.pragma_update(None, "user_version", newer).unwrap();
    drop(connection);
    let before = std::fs::read(&file).unwrap();
    let refused = Embedded::open(folder.path(), Arc::new(JumpClock::new())).err().unwrap();
    assert!(matches!(refused, OpenError::NewerFormat { found, known: database::FORMAT } if found == newer));
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

/// What became of calls that share a commit, one that does nothing before the rest: whether each was done, `None` of one
/// that panicked.
async fn together(database: &Database, calls: Vec<(&'static str, Work)>) -> Vec<Option<bool>> {
    let (free, freed) = std::sync::mpsc::channel::<()>();
    // All others come while this one is at work.
    let first = async {
        let held = database.write("test", move |_| {
            freed.recv().unwrap();
            Ok(())
        });
        Some(held.await.is_ok())
    };
    let calls = calls.into_iter().map(|(name, then)| {
        let insert = database.write("test", move |connection| {
            connection.execute("INSERT INTO counters (name, count) VALUES (?1, 1)", [name])?;
            then(connection)
        });
        AssertUnwindSafe(insert).catch_unwind()
    });
    let (first, outcomes, sent) = futures::join!(first, join_all(calls), async { free.send(()) });
    sent.unwrap();
    let outcomes = outcomes.into_iter().map(|outcome| outcome.ok().map(|done| done.is_ok()));
    std::iter::once(first).chain(outcomes).collect()
}

type Work = fn(&Connection) -> Result<(), Failure>;

async fn counters(embedded: &Embedded) -> Vec<String> {
    embedded.ports().ledger.counters("").await.unwrap().into_keys().collect()
}

#[tokio::test]
async fn calls_that_share_a_commit_fail_each_for_itself() {
    let folder = tempfile::tempdir().unwrap();
    let embedded = Embedded::open(folder.path(), Arc::new(JumpClock::new())).unwrap();
    let calls: Vec<(&str, Work)> = vec![
        ("a", |_| Ok(())),
        ("b", |_| Err(Failure::Unavailable("as it should".to_owned()))),
        ("c", |_| panic!("as it should")),
        ("d", |_| Ok(())),
    ];
    assert_eq!(
        together(&embedded.people.database, calls).await,
        [Some(true), Some(true), Some(false), None, Some(true)]
    );
    assert_eq!(counters(&embedded).await, ["a", "d"]);
}

#[tokio::test]
async fn where_the_disk_is_full_nobody_hears_that_it_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let embedded = Embedded::open(folder.path(), Arc::new(JumpClock::new())).unwrap();
    let full: Work = |connection| {
        // No page more than there are.
        connection.query_row("PRAGMA max_page_count = 1", [], |row| row.get::<_, i64>(0))?;
        connection.execute("INSERT INTO counters (name, count) VALUES (hex(randomblob(100000)), 1)", [])?;
        Ok(())
    };
    let calls: Vec<(&str, Work)> = vec![("a", |_| Ok(())), ("b", full), ("c", |_| Ok(()))];
    assert_eq!(together(&embedded.people.database, calls).await, [Some(false); 4]);
    assert!(counters(&embedded).await.is_empty());
    // The next transaction is as good as any.
    assert_eq!(together(&embedded.people.database, vec![("d", |_| Ok(()))]).await, [Some(true); 2]);
    assert_eq!(counters(&embedded).await, ["d"]);
}
