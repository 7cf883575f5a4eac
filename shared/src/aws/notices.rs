//! Up to where owners were told, in the table of the ledger.
//!
//! | `pk` | `sk` | holds |
//! |---|---|---|
//! | `notices` | activation | body `b`, revision `n` |

use async_trait::async_trait;

use super::ledger::{STORE, key};
use super::stored;
use super::table::{Item, Table, Update, Updated, number};
use crate::model::{ActivationId, NoticeBook};
use crate::ports::{Notices, PortResult};

const PARTITION: &str = "notices";

pub(super) struct NoticesTable {
    pub(super) table: Table,
}

impl NoticesTable {
    fn decode(&self, item: &Item) -> PortResult<NoticeBook> {
        stored::decode(STORE, "a book of notices", self.table.of(item, "b")?)
    }
}

#[async_trait]
impl Notices for NoticesTable {
    async fn book(&self, activation: &ActivationId) -> PortResult<Option<NoticeBook>> {
        let item = self.table.get(key(PARTITION, activation.as_str())).await?;
        item.map(|item| self.decode(&item)).transpose()
    }

    async fn books(&self) -> PortResult<Vec<NoticeBook>> {
        let items = self.table.query(("pk", PARTITION), "sk", "").await?;
        items.iter().map(|item| self.decode(item)).collect()
    }

    async fn put_book(&self, book: &NoticeBook, read_revision: u64) -> PortResult<bool> {
        let update = Update::new(key(PARTITION, book.activation.as_str()), "SET b = :b, n = :n")
            .value(":b", stored::encode(STORE, book)?.value)
            .value(":n", number(book.revision));
        let update = match read_revision {
            0 => update.when("attribute_not_exists(pk)"),
            read => update.when("n = :read").value(":read", number(read)),
        };
        Ok(matches!(self.table.update_once(update).await?, Updated::Done))
    }
}
