//! Tables and columns as the vendor lists them, with whatever else it says of them.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value as Json;

use super::client::unreadable;
use crate::destination::Failure;
use crate::http::Answer;

/// A table; one table may be listed under several display names.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Table {
    /// Of this display name.
    #[serde(rename = "viewId")]
    pub(super) id: u64,
    #[serde(rename = "viewName")]
    pub(super) display_name: String,
    #[serde(rename = "tableName")]
    pub(super) name: String,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TableColumn {
    #[serde(rename = "propId")]
    id: u64,
    pub(super) display_name: String,
    #[serde(rename = "columnName")]
    pub(super) name: String,
    /// Documented nowhere, and used where it is there.
    #[serde(default)]
    pub(super) data_type: Option<String>,
    /// Documented nowhere, and used where it is there.
    #[serde(default)]
    pub(super) is_unique_identifier: Option<bool>,
}

pub(super) trait Numbered {
    fn number(&self) -> u64;
}

impl Numbered for Table {
    fn number(&self) -> u64 {
        self.id
    }
}

impl Numbered for TableColumn {
    fn number(&self) -> u64 {
        self.id
    }
}

/// What pages came to so far, nothing twice.
pub(super) struct Listing<T> {
    pub(super) items: Vec<T>,
    seen: BTreeSet<u64>,
}

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Self { items: Vec::new(), seen: BTreeSet::new() }
    }
}

/// What of a page was new.
pub(super) struct Added {
    pub(super) new: usize,
    pub(super) known: usize,
}

impl<T: Numbered + for<'de> Deserialize<'de>> Listing<T> {
    pub(super) fn add(&mut self, page: &Answer) -> Result<Added, Failure> {
        let listed = page.json().and_then(array).ok_or_else(|| unreadable("the answer is no list"))?;
        let mut added = Added { new: 0, known: 0 };
        for item in listed {
            let item = T::deserialize(item).map_err(|_| unreadable("the answer is no list of tables or columns"))?;
            if self.seen.insert(item.number()) {
                self.items.push(item);
                added.new += 1;
            } else {
                added.known += 1;
            }
        }
        Ok(added)
    }
}

/// The list itself, or the only one within an object.
pub(super) fn array(json: Json) -> Option<Vec<Json>> {
    match json {
        Json::Array(items) => Some(items),
        Json::Object(members) => {
            let mut lists = members.into_iter().filter_map(|(_, member)| match member {
                Json::Array(items) => Some(items),
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => None,
            });
            lists.next().filter(|_| lists.next().is_none())
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => None,
    }
}
