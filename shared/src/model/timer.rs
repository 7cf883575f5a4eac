//! Timers: who must be looked at when a time has come that stands on their row. What the row says then decides; a timer
//! too many does nothing.

use jiff::Timestamp;

use super::ids::{PersonKey, SourceId};

/// A time at which somebody must be looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timer {
    /// In whole seconds, rounded up: never before the time that is meant.
    second: i64,
    /// Whose person it is.
    pub source: SourceId,
    /// Who.
    pub person: PersonKey,
}

impl Timer {
    /// Of somebody, at this time.
    pub fn new(at: Timestamp, source: SourceId, person: PersonKey) -> Self {
        let second = at.as_second() + i64::from(at.subsec_nanosecond() > 0);
        Self { second, source, person }
    }

    /// As it was stored.
    pub fn at_second(second: i64, source: SourceId, person: PersonKey) -> Self {
        Self { second, source, person }
    }

    /// In seconds since the epoch.
    pub fn second(&self) -> i64 {
        self.second
    }

    /// Whether its time has come.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.second <= now.as_second()
    }
}
