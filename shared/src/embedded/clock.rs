//! A clock that can be moved.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::clock::SystemClock;
use crate::ports::Clock;

/// A clock that can be moved forward, never back: for tests, and for demonstrations in which days pass in
/// minutes.
///
/// Its `sleep` moves it instead of waiting. Whoever sleeps wants to go on when a time has come, and here
/// time comes by being moved: so waits cost nothing and a test with waits ends at once.
#[derive(Debug)]
pub struct JumpClock {
    time: Mutex<Time>,
}

#[derive(Debug, Clone, Copy)]
enum Time {
    /// So far ahead of the machine's clock.
    Ahead(SignedDuration),
    /// Standing still.
    Frozen(Timestamp),
}

impl Time {
    fn now(self) -> Timestamp {
        match self {
            Self::Ahead(by) => SystemClock.now().saturating_add(by).unwrap_or(Timestamp::MAX),
            Self::Frozen(at) => at,
        }
    }

    fn advanced(self, by: SignedDuration) -> Self {
        match self {
            Self::Ahead(so_far) => Self::Ahead(so_far.saturating_add(by)),
            Self::Frozen(at) => Self::Frozen(at.saturating_add(by).unwrap_or(Timestamp::MAX)),
        }
    }
}

impl Default for JumpClock {
    fn default() -> Self {
        Self::new()
    }
}

impl JumpClock {
    /// Follows the machine's clock, from where that is now.
    pub fn new() -> Self {
        Self { time: Mutex::new(Time::Ahead(SignedDuration::ZERO)) }
    }

    /// Stands at `at` until it is moved.
    pub fn frozen_at(at: Timestamp) -> Self {
        Self { time: Mutex::new(Time::Frozen(at)) }
    }

    /// Moves forward to `to`; stays where it is when that is past.
    pub fn advance_to(&self, to: Timestamp) {
        self.change(|time| {
            let now = time.now();
            if to > now { time.advanced(to.duration_since(now)) } else { time }
        });
    }

    /// Moves forward by so much; a negative duration moves nothing.
    pub fn advance(&self, by: SignedDuration) {
        self.change(|time| if by.is_positive() { time.advanced(by) } else { time });
    }

    fn change(&self, change: impl FnOnce(Time) -> Time) {
        let mut time = self.time.lock().unwrap_or_else(PoisonError::into_inner);
        *time = change(*time);
    }
}

#[async_trait]
impl Clock for JumpClock {
    fn now(&self) -> Timestamp {
        self.time.lock().unwrap_or_else(PoisonError::into_inner).now()
    }

    async fn sleep(&self, duration: SignedDuration) {
        self.advance(duration);
        // As after a real wait, others have had their turn.
        tokio::task::yield_now().await;
    }
}
