//! What the owner configures.

use std::collections::BTreeMap;

use async_trait::async_trait;
use muster::ports::{Catalog, Document, Kind, PortResult};
use parking_lot::Mutex;

#[derive(Debug, Default)]
pub(crate) struct Documents {
    kinds: Mutex<BTreeMap<Kind, BTreeMap<String, Versions>>>,
}

/// A document with those it replaced. Versions go on rising over a removal.
#[derive(Debug, Default)]
struct Versions {
    present: Option<Document>,
    former: Vec<Document>,
}

impl Documents {
    pub(crate) fn history(&self, kind: Kind, id: &str) -> Vec<Document> {
        let kinds = self.kinds.lock();
        kinds.get(&kind).and_then(|of_kind| of_kind.get(id)).map(|one| one.former.clone()).unwrap_or_default()
    }
}

#[async_trait]
impl Catalog for Documents {
    async fn get(&self, kind: Kind, id: &str) -> PortResult<Option<Document>> {
        let kinds = self.kinds.lock();
        Ok(kinds.get(&kind).and_then(|of_kind| of_kind.get(id)?.present.clone()))
    }

    async fn list(&self, kind: Kind) -> PortResult<Vec<Document>> {
        let kinds = self.kinds.lock();
        let of_kind = kinds.get(&kind).into_iter().flat_map(BTreeMap::values);
        Ok(of_kind.filter_map(|one| one.present.clone()).collect())
    }

    async fn put(&self, kind: Kind, id: &str, body: serde_json::Value, read_version: u64) -> PortResult<bool> {
        let mut kinds = self.kinds.lock();
        let one = kinds.entry(kind).or_default().entry(id.to_owned()).or_default();
        if one.present.as_ref().map_or(0, |document| document.version) != read_version {
            return Ok(false);
        }
        one.former.extend(one.present.take());
        let version = one.former.last().map_or(0, |former| former.version) + 1;
        one.present = Some(Document { id: id.to_owned(), body, version });
        Ok(true)
    }

    async fn delete(&self, kind: Kind, id: &str) -> PortResult<bool> {
        let mut kinds = self.kinds.lock();
        let Some(one) = kinds.get_mut(&kind).and_then(|of_kind| of_kind.get_mut(id)) else { return Ok(false) };
        let removed = one.present.take();
        let was_there = removed.is_some();
        one.former.extend(removed);
        Ok(was_there)
    }
}
