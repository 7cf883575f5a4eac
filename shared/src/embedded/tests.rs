use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, params};

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
    let inserted = embedded.people.database.write(|transaction| {
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
