//! An account that keeps failing is left alone, but for one request now and then that closes the breaker again.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Health, Held, Probe, Watched, later};

/// So many failures in a row open it.
const MOST_FAILURES: u32 = 5;
/// Failures further apart than this are not in a row: a single record that always fails is nobody else's trouble.
const IN_A_ROW: SignedDuration = SignedDuration::from_mins(1);
/// The first pause; each one after a failed probe is twice as long.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(5);
/// The longest pause.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(1);
/// A probe that nobody told the end of is given up after this time: longer than a request may take.
const PROBE_TIME: SignedDuration = SignedDuration::from_secs(30);

/// How an account has been doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Breaker {
    /// In a row.
    #[serde(default)]
    failures: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failed_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    open: Option<Open>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Open {
    since: Timestamp,
    /// The next probe.
    until: Timestamp,
    pause: SignedDuration,
}

impl Breaker {
    /// Whether a request may be sent, and as what.
    pub(super) fn lets(&self, now: Timestamp) -> Result<Probe, (Timestamp, Held)> {
        match self.open {
            None => Ok(Probe::No),
            Some(open) if open.until <= now => Ok(Probe::Yes),
            Some(open) => Err((open.until, Held::Open { since: open.since })),
        }
    }

    /// Whether the next success is to be told.
    pub(super) fn watched(&self) -> Watched {
        if self.failures == 0 { Watched::No } else { Watched::Yes }
    }

    /// The probe is on its way: nobody else's is, until it is told what became of it or its time is over.
    pub(super) fn probing(&mut self, now: Timestamp) {
        if let Some(open) = &mut self.open {
            open.until = later(now, PROBE_TIME);
        }
    }

    /// The probe was not sent.
    pub(super) fn not_probed(&mut self, now: Timestamp) {
        if let Some(open) = &mut self.open {
            open.until = open.until.min(now);
        }
    }

    pub(super) fn answered(&mut self, health: Health, probe: Probe, now: Timestamp) {
        match (health, &mut self.open, probe) {
            (Health::Well, _, _) => *self = Self::default(),
            // Sent before it opened: it says nothing that is not known.
            (Health::Failing, Some(_), Probe::No) => {}
            (Health::Failing, Some(open), Probe::Yes) => {
                open.pause = open.pause.saturating_mul(2).min(LONGEST_PAUSE);
                open.until = later(now, open.pause);
            }
            (Health::Failing, None, _) => self.failed(now),
        }
    }

    fn failed(&mut self, now: Timestamp) {
        let in_a_row = self.failed_at.is_some_and(|last| now.duration_since(last) <= IN_A_ROW);
        self.failures = if in_a_row { self.failures.saturating_add(1) } else { 1 };
        self.failed_at = Some(now);
        if self.failures >= MOST_FAILURES {
            self.open = Some(Open { since: now, until: later(now, FIRST_PAUSE), pause: FIRST_PAUSE });
        }
    }
}
