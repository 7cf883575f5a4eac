//! Up to where owners were told, and events as lines of the log.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{OptionalExtension, params};

use super::database::{Database, at, decode, encode, signed};
use crate::model::{ActivationId, NoticeBook};
use crate::ports::{Event, Events, Notices, PortResult};

const STORE: &str = "notices";

pub(super) struct NoticesTable {
    pub(super) database: Arc<Database>,
}

#[async_trait]
impl Notices for NoticesTable {
    async fn book(&self, activation: &ActivationId) -> PortResult<Option<NoticeBook>> {
        let asked = activation.to_string();
        let body: Option<Vec<u8>> = self
            .database
            .read(STORE, move |transaction| {
                let mut statement = transaction.prepare_cached("SELECT body FROM notices WHERE activation = ?1")?;
                Ok(statement.query_row([&asked], |row| row.get(0)).optional()?)
            })
            .await?;
        body.map(|body| decode(&body, || format!("the notices of {activation}"))).transpose().map_err(at(STORE))
    }

    async fn books(&self) -> PortResult<Vec<NoticeBook>> {
        let raw: Vec<(String, Vec<u8>)> = self
            .database
            .read(STORE, move |transaction| {
                let mut statement =
                    transaction.prepare_cached("SELECT activation, body FROM notices ORDER BY activation")?;
                let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await?;
        raw.into_iter()
            .map(|(activation, body)| decode(&body, || format!("the notices of {activation}")))
            .collect::<Result<_, _>>()
            .map_err(at(STORE))
    }

    async fn put_book(&self, book: &NoticeBook, read_revision: u64) -> PortResult<bool> {
        let book = book.clone();
        let body = encode(&book).map_err(at(STORE))?;
        self.database
            .write(STORE, move |transaction| {
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
            .await
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
