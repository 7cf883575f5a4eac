//! What happens at the retailer, each as the call that AIR would tell of (vendor file 8.5).

use serde_json::Value;

use super::envelope::{Entity, Operation};

pub(super) mod join;
pub(super) mod leave;
pub(super) mod orders;
pub(super) mod plan;
pub(super) mod pos;
pub(super) mod refund;
pub(super) mod spend;
pub(super) mod tier;

/// Something happened to an account as part of a transaction.
fn entry_updated(entry: &Value) -> Operation {
    Operation::update(Entity::AccountTransaction, entry.clone())
}

/// Something happened to an account because it was made.
fn entry_created(entry: Value) -> Operation {
    Operation::create(Entity::AccountTransaction, entry)
}
