//! A limit of a second or a minute as a token bucket.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Limit, later, seconds};
use crate::model::Lane;

/// What flows back, as a share of the limit.
const FLOW: f64 = 0.96;
/// What may be taken at once, as a share of the limit. The rest of it is for what is taken and used a moment later.
const BURST: f64 = 0.03;
/// When to ask again where nothing comes back: the limit may have been corrected by then.
const LONGEST_WAIT_SECONDS: f64 = 86_400.0;
/// The time named for a token is so much later than computed, so that no rounding leaves it a hair short.
const ROUNDING: SignedDuration = SignedDuration::from_micros(1);

/// Tokens of one limit. The limit is not part of it: whoever takes brings the one that holds now.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Paced {
    /// The length of the limit's span: names it.
    pub(super) within: SignedDuration,
    /// At `refilled_at`; more than the burst after a return, which the next look cuts.
    tokens: f64,
    refilled_at: Timestamp,
}

impl Paced {
    pub(super) fn full(within: SignedDuration) -> Self {
        Self { within, tokens: f64::MAX, refilled_at: Timestamp::UNIX_EPOCH }
    }

    /// Brings it to `now`. Where that is before the last time (another machine's clock, or one set back) nothing
    /// comes back.
    pub(super) fn refill(&mut self, limit: &Limit, now: Timestamp) {
        let now = now.max(self.refilled_at);
        self.tokens = (self.tokens + flow(limit) * seconds(self.refilled_at, now)).min(burst(limit));
        self.refilled_at = now;
    }

    /// Whole tokens that this lane may have; bulk leaves half of what may be taken at once to live.
    pub(super) fn open_to(&self, lane: Lane, limit: &Limit) -> u32 {
        // The cast cuts to whole tokens, and to the greatest number that anybody can want.
        (self.tokens - floor(lane, limit)).max(0.0) as u32
    }

    pub(super) fn take(&mut self, tokens: u32) {
        self.tokens -= f64::from(tokens);
    }

    pub(super) fn give_back(&mut self, tokens: u32) {
        self.tokens += f64::from(tokens);
    }

    /// A block empties: one token was there at its end, the others came at their rate from there on.
    pub(super) fn resume(&mut self, limit: &Limit, ended_at: Timestamp, now: Timestamp) {
        self.tokens = self.tokens.min(1.0 + flow(limit) * seconds(ended_at, now));
    }

    /// When a token is there for this lane.
    pub(super) fn next(&self, lane: Lane, limit: &Limit, now: Timestamp) -> Timestamp {
        let missing = 1.0 + floor(lane, limit) - self.tokens;
        if missing <= 0.0 {
            return now;
        }
        later(self.refilled_at.max(now), wait(missing, limit))
    }
}

/// How long so many tokens take to come.
pub(super) fn wait(tokens: f64, limit: &Limit) -> SignedDuration {
    // Nothing per second makes this infinite, and the minimum finite again.
    let wait = (tokens / flow(limit)).min(LONGEST_WAIT_SECONDS);
    SignedDuration::try_from_secs_f64(wait).unwrap_or_default().saturating_add(ROUNDING)
}

/// Tokens a second.
fn flow(limit: &Limit) -> f64 {
    limit.rate() * FLOW
}

/// In any span: what flows in plus what was there. With one token at least, so many fit into the limit's whole
/// number.
fn burst(limit: &Limit) -> f64 {
    (limit.requests * BURST).max(1.0)
}

fn floor(lane: Lane, limit: &Limit) -> f64 {
    match lane {
        Lane::Live => 0.0,
        Lane::Bulk => (burst(limit) - 1.0) / 2.0,
    }
}
