//! A limit of an hour or a day as a count: whatever is allowed may be used at once.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Limit, later};
use crate::model::Lane;

/// Parts of a span that are counted apart. So much of the limit at least is used, and no span has more than it.
const PARTS: i64 = 50;
/// What bulk leaves to live.
const FOR_LIVE: f64 = 0.02;

/// Requests of the last span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Counted {
    /// The length of the limit's span: names it.
    pub(super) within: SignedDuration,
    /// By part since the epoch.
    used: BTreeMap<i64, u32>,
}

impl Counted {
    pub(super) fn empty(within: SignedDuration) -> Self {
        Self { within, used: BTreeMap::new() }
    }

    /// Forgets what no span that holds `now` can hold any more.
    pub(super) fn refill(&mut self, now: Timestamp) {
        let part = self.part(now);
        self.used.retain(|used, _| *used >= part - PARTS);
    }

    pub(super) fn open_to(&self, lane: Lane, limit: &Limit) -> u32 {
        let used: u32 = self.used.values().fold(0, |sum, used| sum.saturating_add(*used));
        // The cast cuts to whole requests.
        (most(lane, limit) - f64::from(used)).max(0.0) as u32
    }

    pub(super) fn take(&mut self, tokens: u32, now: Timestamp) {
        let part = self.part(now);
        let used = self.used.entry(part).or_default();
        *used = used.saturating_add(tokens);
    }

    pub(super) fn give_back(&mut self, mut tokens: u32) {
        for used in self.used.values_mut().rev() {
            let back = tokens.min(*used);
            *used -= back;
            tokens -= back;
        }
    }

    /// When a request is allowed again.
    pub(super) fn next(&self, lane: Lane, limit: &Limit, now: Timestamp) -> Timestamp {
        let most = most(lane, limit);
        let mut used: f64 = self.used.values().copied().map(f64::from).sum();
        if used + 1.0 <= most {
            return now;
        }
        for (part, count) in &self.used {
            used -= f64::from(*count);
            if used + 1.0 <= most {
                return self.begins(part + PARTS + 1).max(now);
            }
        }
        later(now, self.within)
    }

    fn length(&self) -> i64 {
        (self.within.as_secs() / PARTS).max(1)
    }

    fn part(&self, at: Timestamp) -> i64 {
        at.as_second().div_euclid(self.length())
    }

    fn begins(&self, part: i64) -> Timestamp {
        Timestamp::from_second(part.saturating_mul(self.length())).unwrap_or(Timestamp::MAX)
    }
}

fn most(lane: Lane, limit: &Limit) -> f64 {
    match lane {
        Lane::Live => limit.requests,
        Lane::Bulk => limit.requests * (1.0 - FOR_LIVE),
    }
}
