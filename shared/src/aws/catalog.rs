//! What the owner configures: one item per kind and id, with its version `v` and its body `b` as JSON that
//! can be read in AWS's console. Former versions lie in partitions of their own, `history/<kind>/<id>`.
//!
//! A put reads the item, then writes the new one and the former one's copy in one transaction, on condition
//! that the version is still the one read: there is no moment at which a crash leaves one without the other.
//! A removal keeps the item as an empty one, so that versions go on rising over it and an edit begun before
//! it does not pass for one of the document that came after.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};

use super::failure::unavailable;
use super::stored::{damaged, place_of};
use super::table::{Item, ROUNDS, Table, number, pause, text};
use crate::ports::{Catalog, Document, Kind, PortError, PortResult};

pub(super) const STORE: &str = "catalog";

pub(super) struct CatalogTable {
    pub(super) table: Table,
}

/// The item as it was read, a removed document's too.
struct Stored {
    version: u64,
    /// The body; `None` once it was removed.
    body: Option<AttributeValue>,
}

fn key(kind: &str, id: &str) -> Item {
    HashMap::from([("kind".to_owned(), text(kind)), ("id".to_owned(), text(id))])
}

fn item(kind: &str, id: &str, version: u64, body: Option<AttributeValue>) -> Item {
    let mut item = key(kind, id);
    item.insert("v".to_owned(), number(version));
    item.extend(body.map(|body| ("b".to_owned(), body)));
    item
}

fn history_of(kind: Kind, id: &str) -> String {
    format!("history/{}/{id}", kind.name())
}

impl CatalogTable {
    /// The former versions of a document, the oldest first; a removed one's last version is among them.
    pub(super) async fn history(&self, kind: Kind, id: &str) -> PortResult<Vec<Document>> {
        let items = self.table.query(("kind", &history_of(kind, id)), "id", "").await?;
        let documents = items
            .iter()
            .map(|item| Ok(self.document(item)?.map(|document| Document { id: id.to_owned(), ..document })));
        documents.filter_map(PortResult::transpose).collect()
    }

    /// The document in an item, `None` where it was removed.
    fn document(&self, item: &Item) -> PortResult<Option<Document>> {
        let id = self.table.text_of(item, "id")?;
        let version = self.table.number_of(item, "v")?;
        if !item.contains_key("b") {
            return Ok(None);
        }
        let body = serde_json::from_str(self.table.text_of(item, "b")?)
            .map_err(|error| damaged(STORE, id, &place_of(&error)))?;
        Ok(Some(Document { id: id.to_owned(), body, version }))
    }

    async fn stored(&self, kind: Kind, id: &str) -> PortResult<Option<Stored>> {
        let Some(mut item) = self.table.get(key(kind.name(), id)).await? else { return Ok(None) };
        Ok(Some(Stored { version: self.table.number_of(&item, "v")?, body: item.remove("b") }))
    }

    /// Puts `body` in the place of what was read, or nothing where it is removed; answers whether it was
    /// still there.
    async fn replace(
        &self,
        kind: Kind,
        id: &str,
        read: Option<Stored>,
        body: Option<AttributeValue>,
    ) -> PortResult<bool> {
        let read_version = read.as_ref().map(|read| read.version);
        // A removal keeps the version: the next document takes the one above.
        let version =
            if body.is_some() { read_version.unwrap_or_default() + 1 } else { read_version.unwrap_or_default() };
        let put = Put::builder().table_name(&self.table.name).set_item(Some(item(kind.name(), id, version, body)));
        let put = match (&read, read_version) {
            (Some(Stored { body: Some(_), .. }), Some(read)) => put
                .condition_expression("v = :v AND attribute_exists(b)")
                .expression_attribute_values(":v", number(read)),
            (_, Some(read)) => put
                .condition_expression("v = :v AND attribute_not_exists(b)")
                .expression_attribute_values(":v", number(read)),
            (_, None) => put.condition_expression("attribute_not_exists(id)"),
        };
        let former = read.and_then(|Stored { version, body }| {
            let former = item(&history_of(kind, id), &format!("{version:020}"), version, Some(body?));
            Some(Put::builder().table_name(&self.table.name).set_item(Some(former)))
        });
        let mut writes = Vec::with_capacity(2);
        for put in [Some(put), former].into_iter().flatten() {
            let put = put.build().map_err(|error| self.table.broken(&error.to_string()))?;
            writes.push(TransactWriteItem::builder().put(put).build());
        }
        // The SDK sends a token along, by which a repeated request is known again.
        match self.table.client.transact_write_items().set_transact_items(Some(writes)).send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                // Overtaken, before or during; the caller looks again.
                Some(TransactWriteItemsError::TransactionCanceledException(canceled))
                    if canceled.cancellation_reasons().iter().all(|reason| {
                        matches!(reason.code(), None | Some("None" | "ConditionalCheckFailed" | "TransactionConflict"))
                    }) =>
                {
                    Ok(false)
                }
                _ => Err(unavailable(STORE, &error)),
            },
        }
    }

    fn overtaken(&self) -> PortError {
        self.table.broken("a document was overtaken too often")
    }
}

#[async_trait]
impl Catalog for CatalogTable {
    async fn get(&self, kind: Kind, id: &str) -> PortResult<Option<Document>> {
        let item = self.table.get(key(kind.name(), id)).await?;
        item.map_or(Ok(None), |item| self.document(&item))
    }

    async fn list(&self, kind: Kind) -> PortResult<Vec<Document>> {
        let items = self.table.query(("kind", kind.name()), "id", "").await?;
        items.iter().filter_map(|item| self.document(item).transpose()).collect()
    }

    async fn put(&self, kind: Kind, id: &str, body: serde_json::Value, read_version: u64) -> PortResult<bool> {
        let body = text(body.to_string());
        for round in 0..ROUNDS {
            let stored = self.stored(kind, id).await?;
            let version = stored.as_ref().filter(|stored| stored.body.is_some()).map_or(0, |stored| stored.version);
            if version != read_version {
                return Ok(false);
            }
            if self.replace(kind, id, stored, Some(body.clone())).await? {
                return Ok(true);
            }
            // Another write may have been under way and come to nothing.
            pause(self.table.clock.as_ref(), round).await;
        }
        Err(self.overtaken())
    }

    async fn delete(&self, kind: Kind, id: &str) -> PortResult<bool> {
        for round in 0..ROUNDS {
            let Some(stored) = self.stored(kind, id).await?.filter(|stored| stored.body.is_some()) else {
                return Ok(false);
            };
            if self.replace(kind, id, Some(stored), None).await? {
                return Ok(true);
            }
            pause(self.table.clock.as_ref(), round).await;
        }
        Err(self.overtaken())
    }
}
