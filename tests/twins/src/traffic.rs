//! The requests of any twin: counted, and held to a rate.

use std::collections::{BTreeMap, HashMap, VecDeque};

use axum::http::header;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::reply::Reply;

/// What every twin counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Traffic {
    /// Requests on the ports of the API, refused ones included.
    pub requests: u64,
    /// Authorised requests by route, such as `GET /v1/lists/:id/members`.
    pub requests_by_route: BTreeMap<String, u64>,
    /// Authorised requests answered 429 by a limit among the switches; faults do not count.
    pub rate_limited: u64,
    /// Most requests within any one second of the twin's clock; a clock that stands still makes
    /// this the number of requests since it was set.
    pub max_requests_in_one_second: u64,
    /// Most requests that were open at the same time.
    pub max_requests_at_once: u64,
    /// Requests that a fault struck.
    pub faults: u64,
    /// Requests answered 401 for their credentials; faults do not count.
    pub unauthorized: u64,
    /// Requests that the twin did not expect; their list is `unexpected` of its handle.
    pub unexpected: u64,
}

/// Whether a 429 says when to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfterHeader {
    /// `Retry-After: 1` is sent.
    With,
    /// No header.
    Without,
}

impl RetryAfterHeader {
    pub(crate) fn on(self, limited: Reply) -> Reply {
        match self {
            Self::With => limited.with_header(header::RETRY_AFTER, "1"),
            Self::Without => limited,
        }
    }
}

/// The instants of the last second.
#[derive(Debug, Default)]
struct SecondWindow(VecDeque<Timestamp>);

impl SecondWindow {
    /// Forgets what is a second old or older, and what a clock set back left in the future.
    fn expire(&mut self, now: Timestamp) {
        let one_second = SignedDuration::from_secs(1);
        self.0.retain(|at| *at <= now && now.duration_since(*at) < one_second);
    }

    fn push(&mut self, now: Timestamp) {
        self.0.push_back(now);
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

/// How many requests came within the last second.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    all: SecondWindow,
    /// Those within the limit, by account.
    allowed: HashMap<String, SecondWindow>,
}

impl Gauge {
    /// Answers how many there were within a second, this one included.
    pub(crate) fn count(&mut self, now: Timestamp) -> u64 {
        self.all.expire(now);
        self.all.push(now);
        u64::try_from(self.all.len()).unwrap_or(u64::MAX)
    }

    /// Whether the account may have one more within this second. What is refused is not counted against it.
    pub(crate) fn admits(&mut self, account: &str, limit: u32, now: Timestamp) -> bool {
        let window = self.allowed.entry(account.to_owned()).or_default();
        window.expire(now);
        let admitted = window.len() < usize::try_from(limit).unwrap_or(usize::MAX);
        if admitted {
            window.push(now);
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_slides() {
        let mut window = SecondWindow::default();
        let start = Timestamp::UNIX_EPOCH;
        for ms in [0, 400, 999] {
            let at = start + SignedDuration::from_millis(ms);
            window.expire(at);
            window.push(at);
        }
        assert_eq!(window.len(), 3);
        window.expire(start + SignedDuration::from_millis(1_000));
        assert_eq!(window.len(), 2);
    }
}
