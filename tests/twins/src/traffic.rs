//! The requests of any twin: counted, and held to a rate.

use std::collections::{BTreeMap, HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::faults::RetryAfter;

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
    /// Likewise within one minute.
    pub max_requests_in_one_minute: u64,
    /// Most requests that were open at the same time.
    pub max_requests_at_once: u64,
    /// Requests that came before the time that a 429 had said in seconds or as a date, whoever was told it.
    pub before_retry_after: u64,
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

impl From<RetryAfterHeader> for RetryAfter {
    fn from(header: RetryAfterHeader) -> Self {
        match header {
            RetryAfterHeader::With => Self::Seconds(1),
            RetryAfterHeader::Without => Self::Absent,
        }
    }
}

/// How many requests an account may make; what is absent is without limit.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limits {
    pub per_second: Option<u32>,
    pub per_minute: Option<u32>,
}

impl Limits {
    pub(crate) fn per_second(limit: Option<u32>) -> Self {
        Self { per_second: limit, per_minute: None }
    }
}

/// The instants of the last span of time, in their order.
#[derive(Debug)]
struct Window {
    span: SignedDuration,
    instants: VecDeque<Timestamp>,
}

impl Window {
    fn of(span: SignedDuration) -> Self {
        Self { span, instants: VecDeque::new() }
    }

    /// Forgets what is too old, and what a clock set back left in the future.
    fn expire(&mut self, now: Timestamp) {
        while self.instants.back().is_some_and(|at| *at > now) {
            self.instants.pop_back();
        }
        while self.instants.front().is_some_and(|at| now.duration_since(*at) >= self.span) {
            self.instants.pop_front();
        }
    }

    /// To be called after `expire` with the same now.
    fn push(&mut self, now: Timestamp) {
        self.instants.push_back(now);
    }

    fn len(&self) -> u64 {
        u64::try_from(self.instants.len()).unwrap_or(u64::MAX)
    }
}

#[derive(Debug)]
struct Windows {
    second: Window,
    minute: Window,
}

impl Default for Windows {
    fn default() -> Self {
        let [second, minute] = [1, 60].map(|seconds| Window::of(SignedDuration::from_secs(seconds)));
        Self { second, minute }
    }
}

/// How many requests came within the last second and the last minute.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    all: Windows,
    /// Those within the limits, by account.
    allowed: HashMap<String, Windows>,
}

impl Gauge {
    /// Answers how many there were within a second and within a minute, this one included.
    pub(crate) fn count(&mut self, now: Timestamp) -> [u64; 2] {
        let Windows { second, minute } = &mut self.all;
        [second, minute].map(|window| {
            window.expire(now);
            window.push(now);
            window.len()
        })
    }

    /// Whether the account may have one more. What is refused is not counted against it.
    pub(crate) fn admits(&mut self, account: &str, limits: Limits, now: Timestamp) -> bool {
        let Limits { per_second, per_minute } = limits;
        if per_second.is_none() && per_minute.is_none() {
            return true;
        }
        let Windows { second, minute } = self.allowed.entry(account.to_owned()).or_default();
        let mut admitted = true;
        for (window, limit) in [(&mut *second, per_second), (&mut *minute, per_minute)] {
            window.expire(now);
            admitted &= limit.is_none_or(|limit| window.len() < u64::from(limit));
        }
        if admitted {
            second.push(now);
            minute.push(now);
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_millis(ms)
    }

    #[test]
    fn the_windows_slide() {
        let mut gauge = Gauge::default();
        for ms in [0, 400, 999] {
            gauge.count(at(ms));
        }
        assert_eq!(gauge.count(at(1_000)), [3, 4]);
        assert_eq!(gauge.count(at(60_400)), [1, 3]);
    }

    #[test]
    fn a_clock_set_back_leaves_nothing_in_the_future() {
        let mut gauge = Gauge::default();
        for ms in [0, 90_000, 90_400] {
            gauge.count(at(ms));
        }
        assert_eq!(gauge.count(at(90_200)), [2, 2]);
        assert_eq!(gauge.count(at(500)), [1, 1]);
    }

    #[test]
    fn whichever_limit_is_reached_first_refuses() {
        let mut gauge = Gauge::default();
        let limits = Limits { per_second: Some(2), per_minute: Some(3) };
        let admits = |ms| gauge.admits("", limits, at(ms));
        assert_eq!([0, 1, 2, 1_500, 2_500, 60_000].map(admits), [true, true, false, true, false, true]);
    }
}
