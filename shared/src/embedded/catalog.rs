//! What the owner configures. Versions go on rising over a removal, so that an edit begun before it does
//! not pass for one of the document that came after.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::database::{Database, Failure, at, decode, encode, signed, unsigned};
use crate::ports::{Catalog, Document, Kind, PortResult};

const STORE: &str = "catalog";

pub(super) struct CatalogTable {
    pub(super) database: Arc<Database>,
}

struct RawDocument {
    id: String,
    version: i64,
    body: Vec<u8>,
}

impl RawDocument {
    fn from_columns(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { id: row.get(0)?, version: row.get(1)?, body: row.get(2)? })
    }

    fn decode(self) -> Result<Document, Failure> {
        let body = decode(&self.body, || self.id.clone())?;
        Ok(Document { id: self.id, body, version: unsigned(self.version) })
    }
}

/// Keeps the present document, if there is one, as history.
fn keep(transaction: &Connection, kind: Kind, id: &str) -> Result<(), Failure> {
    transaction
        .prepare_cached(
            "INSERT INTO document_history (kind, id, version, body)
             SELECT kind, id, version, body FROM documents WHERE kind = ?1 AND id = ?2",
        )?
        .execute(params![kind.name(), id])?;
    Ok(())
}

/// The present version, 0 where there is no document.
fn version(transaction: &Connection, kind: Kind, id: &str) -> Result<i64, Failure> {
    let version = transaction
        .prepare_cached("SELECT version FROM documents WHERE kind = ?1 AND id = ?2")?
        .query_row(params![kind.name(), id], |row| row.get(0))
        .optional()?;
    Ok(version.unwrap_or_default())
}

fn last_kept(transaction: &Connection, kind: Kind, id: &str) -> Result<i64, Failure> {
    let version: Option<i64> = transaction
        .prepare_cached("SELECT max(version) FROM document_history WHERE kind = ?1 AND id = ?2")?
        .query_row(params![kind.name(), id], |row| row.get(0))?;
    Ok(version.unwrap_or_default())
}

fn replace(transaction: &Connection, kind: Kind, id: &str, body: &[u8], read_version: i64) -> Result<bool, Failure> {
    if version(transaction, kind, id)? != read_version {
        return Ok(false);
    }
    keep(transaction, kind, id)?;
    let next = last_kept(transaction, kind, id)? + 1;
    transaction
        .prepare_cached("INSERT OR REPLACE INTO documents (kind, id, version, body) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![kind.name(), id, next, body])?;
    Ok(true)
}

impl CatalogTable {
    /// The former versions of a document, the oldest first; a removed one's last version is among them.
    pub(super) async fn history(&self, kind: Kind, id: &str) -> PortResult<Vec<Document>> {
        let id = id.to_owned();
        let raw: Vec<RawDocument> = self
            .database
            .read(STORE, move |transaction| {
                let mut statement = transaction.prepare_cached(
                    "SELECT id, version, body FROM document_history WHERE kind = ?1 AND id = ?2 ORDER BY version",
                )?;
                let rows = statement.query_map(params![kind.name(), id], RawDocument::from_columns)?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await?;
        raw.into_iter().map(RawDocument::decode).collect::<Result<_, _>>().map_err(at(STORE))
    }
}

#[async_trait]
impl Catalog for CatalogTable {
    async fn get(&self, kind: Kind, id: &str) -> PortResult<Option<Document>> {
        let id = id.to_owned();
        let raw = self
            .database
            .read(STORE, move |transaction| {
                let mut statement = transaction
                    .prepare_cached("SELECT id, version, body FROM documents WHERE kind = ?1 AND id = ?2")?;
                Ok(statement.query_row(params![kind.name(), id], RawDocument::from_columns).optional()?)
            })
            .await?;
        raw.map(RawDocument::decode).transpose().map_err(at(STORE))
    }

    async fn list(&self, kind: Kind) -> PortResult<Vec<Document>> {
        let raw: Vec<RawDocument> = self
            .database
            .read(STORE, move |transaction| {
                let mut statement = transaction
                    .prepare_cached("SELECT id, version, body FROM documents WHERE kind = ?1 ORDER BY id")?;
                let rows = statement.query_map([kind.name()], RawDocument::from_columns)?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await?;
        raw.into_iter().map(RawDocument::decode).collect::<Result<_, _>>().map_err(at(STORE))
    }

    async fn put(&self, kind: Kind, id: &str, body: serde_json::Value, read_version: u64) -> PortResult<bool> {
        let id = id.to_owned();
        let body = encode(&body).map_err(at(STORE))?;
        self.database
            .write(STORE, move |transaction| replace(transaction, kind, &id, &body, signed(read_version)))
            .await
    }

    async fn delete(&self, kind: Kind, id: &str) -> PortResult<bool> {
        let id = id.to_owned();
        self.database
            .write(STORE, move |transaction| {
                keep(transaction, kind, &id)?;
                let removed = transaction
                    .prepare_cached("DELETE FROM documents WHERE kind = ?1 AND id = ?2")?
                    .execute(params![kind.name(), id])?;
                Ok(removed == 1)
            })
            .await
    }
}
