//! Which destinations an installation has.

use std::collections::BTreeSet;

use super::Provider;

/// The destinations that are deployed: those that have queues, and somebody who takes messages from them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deployed {
    /// All that the program knows.
    All,
    /// These.
    Only(BTreeSet<Provider>),
}

impl Deployed {
    /// Whether this one is.
    pub fn has(&self, provider: &Provider) -> bool {
        match self {
            Self::All => true,
            Self::Only(providers) => providers.contains(provider),
        }
    }
}
