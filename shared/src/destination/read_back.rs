//! What comes of reading back what a vendor shows.

use std::collections::BTreeMap;

use super::{Failure, ItemId};
use crate::model::DifferenceKind;

/// How an item stands at the vendor, against what it should show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// It shows that, or nothing may be written to it.
    Same,
    /// It does not.
    Differs(DifferenceKind),
}

/// What was read back.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReadBack {
    /// By item. One that is not here was not looked at.
    pub seen: BTreeMap<ItemId, Seen>,
    /// Why not everything was.
    pub halted: Option<Failure>,
}
