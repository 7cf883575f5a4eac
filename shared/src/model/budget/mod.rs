//! How often a vendor account may be asked, and when not at all: what is stored of an account
//! ([`Allowance`]) and what it grants at a time. Pure, and the same for every store.
//!
//! A limit of a second or a minute is paced: requests flow a little below it, so that no such time, however
//! counted, has more. A limit of an hour or a day is counted, so that a morning's work need not last all day.
//! A live request goes before bulk. An account that keeps failing is left alone, but for one request at a time.

mod allowance;
mod breaker;
mod counted;
mod paced;

#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use allowance::Allowance;

use super::{Lane, RunId};

/// So many requests in any span of this length.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// Requests, above 0.
    pub requests: f64,
    /// The length of the span.
    pub within: SignedDuration,
}

impl Limit {
    /// In a second.
    pub const fn per_second(requests: f64) -> Self {
        Self { requests, within: SignedDuration::from_secs(1) }
    }

    /// In a minute.
    pub const fn per_minute(requests: f64) -> Self {
        Self { requests, within: SignedDuration::from_mins(1) }
    }

    /// In an hour.
    pub const fn per_hour(requests: f64) -> Self {
        Self { requests, within: SignedDuration::from_hours(1) }
    }

    /// In a day.
    pub const fn per_day(requests: f64) -> Self {
        Self { requests, within: SignedDuration::from_hours(24) }
    }

    /// Requests a second that it comes to.
    pub fn rate(&self) -> f64 {
        self.requests.max(0.0) / self.within.as_secs_f64()
    }

    fn is_paced(&self) -> bool {
        self.within <= SignedDuration::from_mins(1)
    }
}

/// What an account allows: every limit holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// Requests by time; of each length at most one.
    pub limits: Vec<Limit>,
    /// Most requests under way at the same time, over all runs.
    pub at_once: Option<u32>,
}

impl Budget {
    /// So many requests a second, and nothing else.
    pub fn per_second(requests: f64) -> Self {
        Self { limits: vec![Limit::per_second(requests)], at_once: None }
    }

    /// Requests a second that can be kept up; without limits any number.
    pub fn rate(&self) -> f64 {
        self.limits.iter().map(Limit::rate).fold(f64::INFINITY, f64::min)
    }

    /// The limit of a second, or what the shortest other one comes to.
    pub fn quickest(&self) -> f64 {
        self.limits.iter().min_by_key(|limit| limit.within).map_or(f64::INFINITY, Limit::rate)
    }

    /// With `requests` in place of the limit of that length, if given.
    #[must_use]
    pub fn with(mut self, limit: Option<Limit>) -> Self {
        if let Some(limit) = limit {
            self.limits.retain(|one| one.within != limit.within);
            self.limits.push(limit);
            self.limits.sort_by_key(|limit| limit.within);
        }
        self
    }
}

/// What a run asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// What the account allows now: it may have been changed.
    pub budget: Budget,
    /// Live goes first.
    pub lane: Lane,
    /// So many requests are about to be sent, at least one.
    pub want: u32,
    /// Which run: for the requests at once.
    pub run: RunId,
    /// When the run must have ended.
    pub ends_at: Timestamp,
    /// Whoever must wait longer than this is told a time of their own, so that not all come back at once.
    pub patience: SignedDuration,
}

/// What is done to an allowance: one read and one conditional write, wherever it is stored.
#[derive(Debug, Clone, PartialEq)]
pub enum Spend {
    /// Tokens for requests.
    Take(Ask),
    /// A run has ended: what it did not use.
    Return {
        /// Tokens.
        tokens: u32,
        /// Which run.
        run: RunId,
        /// Whether they are the one that an open breaker let through.
        probe: Probe,
    },
    /// The vendor said to wait.
    Block {
        /// Until then.
        until: Timestamp,
    },
    /// The vendor said how many requests are left.
    Left {
        /// So many.
        requests: u32,
        /// Until its own count begins again.
        until: Timestamp,
    },
    /// What became of a request.
    Answered {
        /// Whether the vendor is well.
        health: Health,
        /// Whether the request was the one that an open breaker let through.
        probe: Probe,
    },
}

/// What an answer, or its absence, says of the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It answers: refusals are answers too.
    Well,
    /// No whole answer, or one that says that the fault is its own.
    Failing,
}

/// Whether a request is the one that an open breaker let through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Probe {
    /// An ordinary request.
    #[default]
    No,
    /// The one.
    Yes,
}

/// What an allowance grants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Grant {
    /// Requests may be sent.
    Tokens(Tokens),
    /// None now.
    NotBefore {
        /// One will be there then, if nobody comes first.
        until: Timestamp,
        /// Why.
        held: Held,
    },
    /// Nothing was asked for.
    Noted,
}

/// So many requests may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tokens {
    /// How many, at least one.
    pub count: u32,
    /// At most so many of them at the same time.
    pub at_once: u32,
    /// Whether it is the one request that an open breaker lets through.
    pub probe: Probe,
    /// Whether the next success is to be told: failures came before it.
    pub watched: Watched,
}

/// Whether a success is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watched {
    /// It says nothing new.
    No,
    /// Failures were noted before it.
    Yes,
}

/// Why nothing is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// The limits are used up for now.
    Spent,
    /// The vendor asked to wait.
    Blocked,
    /// As many requests as allowed are under way.
    Busy,
    /// The account keeps failing since this time: its breaker is open.
    Open {
        /// When it opened.
        since: Timestamp,
    },
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64().max(0.0)
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}
