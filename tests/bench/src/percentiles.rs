//! How times are spread.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// Percentiles of times, in milliseconds.
#[derive(Serialize)]
pub(crate) struct Percentiles {
    p50_ms: f64,
    p99_ms: f64,
    longest_ms: f64,
}

impl Percentiles {
    /// Of at least one time.
    pub(crate) fn of(mut times: Vec<Duration>) -> Option<Self> {
        times.sort_unstable();
        let longest = times.len().checked_sub(1)?;
        let at = |percent: usize| times[longest * percent / 100].as_secs_f64() * 1e3;
        Some(Self { p50_ms: at(50), p99_ms: at(99), longest_ms: at(100) })
    }
}

impl fmt::Display for Percentiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50_ms, p99_ms, longest_ms } = self;
        write!(f, "p50 {p50_ms:.0} ms, p99 {p99_ms:.0} ms, longest {longest_ms:.0} ms")
    }
}
