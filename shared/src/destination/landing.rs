//! What a vendor takes to apply later, and how it is asked for.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::{Failure, ItemId};

/// What was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Landing {
    /// The longest that the vendor may take to apply it.
    pub within: SignedDuration,
    /// By what the vendor can be asked before that time is over; the same for all items of a call. `None`: it can only
    /// be looked afterwards. Nothing personal.
    pub handle: Option<serde_json::Value>,
    /// To be told again at the next delivery; without it what was left before stays.
    pub memo: Option<serde_json::Value>,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Taken<'a> {
    /// What the calls left, each once.
    pub handles: &'a [serde_json::Value],
    /// Whether it may still be applied.
    pub time: Time,
}

/// How the time stands that a vendor may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// Some of it is left.
    Left,
    /// It must have been applied by now.
    Over,
}

/// What came of asking.
#[derive(Debug, Clone, PartialEq)]
pub enum Confirmed {
    /// It may still be applied. No answer once the time is over.
    NotYet,
    /// Nothing of it is applied any more.
    Looked {
        /// What was found. Where everything could be looked at and others are missing, no answer is no comfort.
        landed: BTreeMap<ItemId, Landed>,
        /// Why not everything could be looked at: whoever has no answer is asked for again.
        halted: Option<Failure>,
    },
}

impl Default for Confirmed {
    fn default() -> Self {
        Self::Looked { landed: BTreeMap::new(), halted: None }
    }
}

/// What came of looking whether something landed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landed {
    /// It shows what was sent.
    Yes,
    /// It shows something else.
    No,
}
