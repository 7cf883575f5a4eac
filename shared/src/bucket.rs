//! A token bucket as a pure decision, the same for every store: what a stored bucket grants at a time.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ports::{Grant, Rate};

/// When to ask again a bucket whose rate lets nothing come back: the rate may have been corrected by then.
const LONGEST_WAIT_SECONDS: f64 = 86_400.0;

/// The time named for a token is so much later than computed, so that no rounding leaves it a hair short.
const ROUNDING: SignedDuration = SignedDuration::from_micros(1);

/// A bucket as it is stored. Its rate is not part of it: whoever takes brings the one that holds now.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// Tokens at `refilled_at`; more than the burst after a return, which the next take cuts.
    tokens: f64,
    refilled_at: Timestamp,
    blocked_until: Option<Timestamp>,
}

impl Bucket {
    /// A bucket from which nothing was taken yet.
    pub fn full() -> Self {
        Self { tokens: f64::MAX, refilled_at: Timestamp::UNIX_EPOCH, blocked_until: None }
    }

    /// Takes up to `want`, at least one; the bucket is changed only where tokens are granted.
    ///
    /// Where `now` is before the last refill (another machine's clock, or one set back) nothing comes back.
    pub fn take(&mut self, rate: Rate, want: u32, now: Timestamp) -> Grant {
        let per_second = rate.per_second.max(0.0);
        let now = now.max(self.refilled_at);
        let refilled = self.tokens + per_second * seconds(self.refilled_at, now);
        let mut tokens = refilled.min(rate.burst.max(1.0));
        if let Some(until) = self.blocked_until {
            // A block empties: one token at its end, the others at their rate from there on.
            tokens = tokens.min(1.0 + per_second * seconds(until, now));
            if now < until {
                return Grant::NotBefore(until.max(next_token(tokens, per_second, now)));
            }
        }
        if tokens < 1.0 {
            return Grant::NotBefore(next_token(tokens, per_second, now));
        }
        // The cast cuts to whole tokens and to the greatest number that anybody can want.
        let granted = want.max(1).min(tokens as u32);
        *self = Self { tokens: tokens - f64::from(granted), refilled_at: now, blocked_until: None };
        Grant::Tokens(granted)
    }

    /// Gives back what was not used.
    pub fn give_back(&mut self, tokens: u32) {
        self.tokens += f64::from(tokens);
    }

    /// Grants nothing until a time; a longer block stays.
    pub fn block(&mut self, until: Timestamp) {
        self.blocked_until = self.blocked_until.max(Some(until));
    }
}

/// Seconds from one time to another, none where that lies before.
fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64().max(0.0)
}

fn next_token(tokens: f64, per_second: f64, now: Timestamp) -> Timestamp {
    if tokens >= 1.0 {
        return now;
    }
    // Nothing per second makes this infinite, and the minimum finite again.
    let wait = ((1.0 - tokens) / per_second).min(LONGEST_WAIT_SECONDS);
    let wait = SignedDuration::try_from_secs_f64(wait).unwrap_or_default().saturating_add(ROUNDING);
    now.saturating_add(wait).unwrap_or(Timestamp::MAX)
}
