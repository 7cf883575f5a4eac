//! Up to where owners were told, and events as lines of the log.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{OptionalExtension, params};

use super::database::{Database, decode, encode, signed};
use crate::model::{ActivationId, NoticeBook};
use crate::ports::{Event, Events, Notices, PortResult};

const STORE: &str = "notices";

pub(super) struct NoticesTable {
    pub(super) database: Arc<Database>,
}

#[async_trait]
impl Notices for NoticesTable {
    async fn book(&self, activation: &ActivationId) -> PortResult<Option<NoticeBook>> {
        let activation = activation.to_string();
        let read = move |database: &Database| {
            let body: Option<Vec<u8>> = database.read(|transaction| {
                let mut statement = transaction.prepare_cached("SELECT body FROM notices WHERE activation = ?1")?;
                Ok(statement.query_row([&activation], |row| row.get(0)).optional()?)
            })?;
            body.map(|body| decode(&body, || format!("the notices of {activation}"))).transpose()
        };
        self.database.run(STORE, read).await
    }

    async fn books(&self) -> PortResult<Vec<NoticeBook>> {
        let read = |database: &Database| {
            let raw: Vec<(String, Vec<u8>)> = database.read(|transaction| {
                let mut statement =
                    transaction.prepare_cached("SELECT activation, body FROM notices ORDER BY activation")?;
                let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })?;
            raw.into_iter().map(|(activation, body)| decode(&body, || format!("the notices of {activation}"))).collect()
        };
        self.database.run(STORE, read).await
    }

    async fn put_book(&self, book: &NoticeBook, read_revision: u64) -> PortResult<bool> {
        let book = book.clone();
        let write = move |database: &Database| {
            let body = encode(&book)?;
            database.write(|transaction| {
                let stored: Option<i64> = transaction
                    .prepare_cached("SELECT revision FROM notices WHERE activation = ?1")?
                    .query_row([book.activation.as_str()], |row| row.get(0))
                    .optional()?;
                if stored.unwrap_or(0) != signed(read_revision) {
                    return Ok(false);
                }
                transaction
                    .prepare_cached("INSERT OR REPLACE INTO notices (activation, revision, body) VALUES (?1, ?2, ?3)")?
                    .execute(params![book.activation.as_str(), signed(book.revision), body])?;
                Ok(true)
            })
        };
        self.database.run(STORE, write).await
    }
}

/// One machine has no bus: an event is a line of its log.
pub(super) struct Logged;

#[async_trait]
impl Events for Logged {
    async fn publish(&self, event: &Event) -> PortResult<()> {
        let Event { id, kind, at, data } = event;
        tracing::info!(id, kind, %at, %data, "an event");
        Ok(())
    }
}
