//! What the twin counts.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::routes::RouteKind;

/// Counts since the start or the last reset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Requests, refused ones included.
    pub requests: u64,
    /// Verified requests by what they say, struck ones included.
    pub requests_by_route: BTreeMap<RouteKind, u64>,
    /// Most requests within any one second of the twin's clock; a clock that stands still makes
    /// this the number of requests since it was set.
    pub max_requests_in_one_second: u64,
    /// Likewise within one minute.
    pub max_requests_in_one_minute: u64,
    /// Verified requests answered 429 by a limit among the switches; faults do not count.
    pub rate_limited: u64,
    /// Requests that came before the time that a 429 had said in seconds or as a date.
    pub before_retry_after: u64,
    /// Requests that a fault struck.
    pub faults: u64,
    /// Requests of good form that no accepted secret signed; faults do not count.
    pub signature_failures: u64,
    /// Requests with a `webhook-timestamp` too far from the twin's clock.
    pub stale_timestamps: u64,
    /// Records that were applied.
    pub records: u64,
    /// Arrivals of events after their first.
    pub repeated_events: u64,
    /// Times that the receiver acted on what it had acted on before.
    pub doubled_events: u64,
    /// Checks that were answered.
    pub checks: u64,
    /// Times that the receiver was asked for an event and answered.
    pub asks: u64,
    /// What the contract does not have; see `WebhookTwin::unexpected`.
    pub unexpected: u64,
}

/// The instants of the last span of time.
#[derive(Debug)]
pub(super) struct Window {
    span: SignedDuration,
    instants: VecDeque<Timestamp>,
}

impl Window {
    pub(super) fn of(span: SignedDuration) -> Self {
        Self { span, instants: VecDeque::new() }
    }

    /// Forgets what is too old, and what a clock set back left in the future.
    pub(super) fn expire(&mut self, now: Timestamp) {
        self.instants.retain(|at| *at <= now && now.duration_since(*at) < self.span);
    }

    pub(super) fn push(&mut self, now: Timestamp) {
        self.instants.push_back(now);
    }

    pub(super) fn len(&self) -> usize {
        self.instants.len()
    }
}

/// Windows of the second and of the minute.
#[derive(Debug)]
pub(super) struct Gauge {
    second: Window,
    minute: Window,
}

impl Default for Gauge {
    fn default() -> Self {
        let [second, minute] = [1, 60].map(|seconds| Window::of(SignedDuration::from_secs(seconds)));
        Self { second, minute }
    }
}

impl Gauge {
    /// How many there were within a second and within a minute, this one included.
    pub(super) fn count(&mut self, now: Timestamp) -> [u64; 2] {
        [&mut self.second, &mut self.minute].map(|window| {
            window.expire(now);
            window.push(now);
            u64::try_from(window.len()).unwrap_or(u64::MAX)
        })
    }

    /// Whether there may be one more. What is refused is not counted against the limit.
    pub(super) fn admits(&mut self, per_second: Option<u32>, per_minute: Option<u32>, now: Timestamp) -> bool {
        let windows = [(&mut self.second, per_second), (&mut self.minute, per_minute)];
        let full = windows.into_iter().any(|(window, limit)| {
            window.expire(now);
            limit.is_some_and(|limit| u32::try_from(window.len()).unwrap_or(u32::MAX) >= limit)
        });
        if !full {
            self.second.push(now);
            self.minute.push(now);
        }
        !full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_windows_slide() {
        let mut gauge = Gauge::default();
        let at = |ms| Timestamp::UNIX_EPOCH + SignedDuration::from_millis(ms);
        for ms in [0, 400, 999] {
            gauge.count(at(ms));
        }
        assert_eq!(gauge.count(at(1_000)), [3, 4]);
        assert_eq!(gauge.count(at(60_400)), [1, 3]);
    }

    #[test]
    fn whichever_limit_is_reached_first_refuses() {
        let mut gauge = Gauge::default();
        let mut admits = |ms| gauge.admits(Some(2), Some(3), Timestamp::UNIX_EPOCH + SignedDuration::from_millis(ms));
        assert_eq!([0, 1, 2, 1_500, 2_500, 60_000].map(&mut admits), [true, true, false, true, false, true]);
    }
}
