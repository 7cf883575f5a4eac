//! All that is stored of an account, and every way in which it changes.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::breaker::Breaker;
use super::counted::Counted;
use super::paced::{self, Paced};
use super::{Ask, Budget, Grant, Held, Limit, Probe, Spend, Tokens, later};
use crate::model::{Lane, RunId};

/// A run holds at most so many of the requests that may be under way at once, where they are limited.
const MOST_OF_ONE_RUN: u32 = 4;
/// How soon to ask again where all of them are held.
const BUSY: SignedDuration = SignedDuration::from_secs(1);
/// Bulk waits so long for a live request that was told to come back.
const GRACE: SignedDuration = SignedDuration::from_millis(50);
/// Nobody is told to come back later than this only because others are waiting too.
const LONGEST_LINE: SignedDuration = SignedDuration::from_mins(15);

/// What is stored of an account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Allowance {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    paced: Vec<Paced>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    counted: Vec<Counted>,
    /// The vendor said to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blocked_until: Option<Timestamp>,
    /// The vendor's own count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    left: Option<Left>,
    /// A live request waits for a token until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    live_waits: Option<Timestamp>,
    /// Where the line ends of those who were told to come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    line: Option<Timestamp>,
    /// Requests at once, by run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    runs: BTreeMap<RunId, Slots>,
    #[serde(default)]
    breaker: Breaker,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Left {
    requests: u32,
    until: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Slots {
    count: u32,
    until: Timestamp,
}

impl Allowance {
    /// Does it; answers what a take was granted. Safe to do twice but for a take and a return.
    pub fn spend(&mut self, spend: &Spend, now: Timestamp) -> Grant {
        match spend {
            Spend::Take(ask) => return self.take(ask, now),
            Spend::Return { tokens, run, probe } => self.give_back(*tokens, *run, *probe, now),
            Spend::Block { until } => self.blocked_until = self.blocked_until.max(Some(*until)),
            Spend::Left { requests, until } => self.note_left(Left { requests: *requests, until: *until }, now),
            Spend::Answered { health, probe } => self.breaker.answered(*health, *probe, now),
        }
        Grant::Noted
    }

    fn take(&mut self, ask: &Ask, now: Timestamp) -> Grant {
        let probe = match self.breaker.lets(now) {
            Ok(probe) => probe,
            Err((until, held)) => return Grant::NotBefore { until, held },
        };
        // Nothing is kept of a refusal but who waits.
        let mut then = self.clone();
        then.refill(&ask.budget, now);
        let (open, next) = then.open_to(ask, now);
        if let Some(until) = self.blocked_until.filter(|until| now < *until) {
            return Grant::NotBefore { until: until.max(next), held: Held::Blocked };
        }
        if open == 0 {
            return self.refuse(ask, next, now);
        }
        let Some(at_once) = then.hold(ask) else {
            return Grant::NotBefore { until: later(now, BUSY), held: Held::Busy };
        };
        let most = if probe == Probe::Yes { 1 } else { ask.want.max(1) };
        let count = most.min(open);
        then.use_up(count, now);
        if probe == Probe::Yes {
            then.breaker.probing(now);
        }
        *self = then;
        Grant::Tokens(Tokens { count, at_once, probe, watched: self.breaker.watched() })
    }

    /// Makes the limits those of the budget, and brings them to `now`.
    fn refill(&mut self, budget: &Budget, now: Timestamp) {
        let (paced, counted): (Vec<&Limit>, Vec<&Limit>) = budget.limits.iter().partition(|limit| limit.is_paced());
        let kept = std::mem::take(&mut self.paced);
        self.paced = paced
            .into_iter()
            .map(|limit| {
                let known = kept.iter().find(|one| one.within == limit.within).copied();
                let mut known = known.unwrap_or_else(|| Paced::full(limit.within));
                known.refill(limit, now);
                known
            })
            .collect();
        let mut kept = std::mem::take(&mut self.counted);
        self.counted = counted
            .into_iter()
            .map(|limit| {
                let known = kept.iter_mut().find(|one| one.within == limit.within);
                let mut known = known.map_or_else(|| Counted::empty(limit.within), |known| known.clone());
                known.refill(now);
                known
            })
            .collect();
        if let Some(until) = self.blocked_until.filter(|until| *until <= now) {
            self.blocked_until = None;
            for (paced, limit) in self.paced.iter_mut().zip(budget.limits.iter().filter(|limit| limit.is_paced())) {
                paced.resume(limit, until, now);
            }
        }
        self.left = self.left.filter(|left| now < left.until);
        self.line = self.line.filter(|line| now < *line);
        self.runs.retain(|_, slots| now < slots.until);
    }

    /// How many requests every limit lets through now, and when the next one where that is none.
    fn open_to(&self, ask: &Ask, now: Timestamp) -> (u32, Timestamp) {
        let (mut open, mut next) = (u32::MAX, now);
        for limit in &ask.budget.limits {
            if let Some(paced) = self.paced.iter().find(|one| one.within == limit.within) {
                open = open.min(paced.open_to(ask.lane, limit));
                next = next.max(paced.next(ask.lane, limit, now));
            }
            if let Some(counted) = self.counted.iter().find(|one| one.within == limit.within) {
                open = open.min(counted.open_to(ask.lane, limit));
                next = next.max(counted.next(ask.lane, limit, now));
            }
        }
        if let Some(left) = self.left {
            open = open.min(left.requests);
            next = if left.requests == 0 { next.max(left.until) } else { next };
        }
        match (ask.lane, self.live_waits) {
            (Lane::Bulk, Some(until)) if now < later(until, GRACE) => (0, next.max(later(until, GRACE))),
            (Lane::Bulk | Lane::Live, _) => (open, next),
        }
    }

    /// Nothing is there. A live request that comes back soon finds bulk waiting for it; whoever must wait for
    /// longer stands in line.
    fn refuse(&mut self, ask: &Ask, next: Timestamp, now: Timestamp) -> Grant {
        if next.duration_since(now) <= ask.patience {
            if ask.lane == Lane::Live {
                self.live_waits = self.live_waits.max(Some(next));
            }
            return Grant::NotBefore { until: next, held: Held::Spent };
        }
        let until = self.line.map_or(next, |line| line.max(next)).min(later(next, LONGEST_LINE));
        let slowest =
            ask.budget.limits.iter().filter(|limit| limit.is_paced()).min_by(|a, b| a.rate().total_cmp(&b.rate()));
        let turn = slowest.map_or(SignedDuration::ZERO, |limit| paced::wait(f64::from(ask.want.max(1)), limit));
        self.line = Some(later(until, turn));
        Grant::NotBefore { until, held: Held::Spent }
    }

    /// Requests at once for this run; `None` where there are none left.
    fn hold(&mut self, ask: &Ask) -> Option<u32> {
        let Some(most) = ask.budget.at_once else { return Some(u32::MAX) };
        if let Some(slots) = self.runs.get_mut(&ask.run) {
            slots.until = ask.ends_at;
            return Some(slots.count);
        }
        let held: u32 = self.runs.values().map(|slots| slots.count).sum();
        let count = most.max(1).saturating_sub(held).min(MOST_OF_ONE_RUN).min(ask.want.max(1));
        if count == 0 {
            return None;
        }
        self.runs.insert(ask.run, Slots { count, until: ask.ends_at });
        Some(count)
    }

    fn use_up(&mut self, count: u32, now: Timestamp) {
        self.paced.iter_mut().for_each(|paced| paced.take(count));
        self.counted.iter_mut().for_each(|counted| counted.take(count, now));
        if let Some(left) = &mut self.left {
            left.requests = left.requests.saturating_sub(count);
        }
        self.live_waits = self.live_waits.filter(|until| now < *until);
    }

    fn give_back(&mut self, tokens: u32, run: RunId, probe: Probe, now: Timestamp) {
        self.runs.remove(&run);
        if tokens == 0 {
            return;
        }
        self.paced.iter_mut().for_each(|paced| paced.give_back(tokens));
        self.counted.iter_mut().for_each(|counted| counted.give_back(tokens));
        if let Some(left) = &mut self.left {
            left.requests = left.requests.saturating_add(tokens);
        }
        if probe == Probe::Yes {
            self.breaker.not_probed(now);
        }
    }

    /// The vendor's count is believed where it is lower: requests that are on their way are not in it yet.
    fn note_left(&mut self, said: Left, now: Timestamp) {
        let known = self.left.filter(|left| now < left.until && said.until <= left.until);
        self.left = Some(match known {
            Some(known) => Left { requests: known.requests.min(said.requests), until: known.until },
            None => said,
        });
    }
}
