//! What an activation's owner is told: that it started failing, that it works again, that records were parked. A
//! book for each activation says up to where its owner was told, and what some channel does not know yet. Pure:
//! what is read, written and sent around it is in `delivery/notices.rs`.
//!
//! Failing and recovering are told one by one, in their order. Parked records are counted elsewhere, in counters that
//! only rise, and told as digests: the difference to what was told before, seldom enough that nobody is flooded.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::activation::{Activation, Turn, Turned};
use super::ids::ActivationId;
use super::standing::Reason;

/// Parked records of an activation are told at most this often.
pub const DIGEST_EVERY: SignedDuration = SignedDuration::from_mins(15);
/// After this long a channel that cannot be told is given up: what it would say is old.
pub const GIVEN_UP_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// Most reasons that a digest names, the most frequent; the others are told together.
const MOST_REASONS: usize = 20;
/// The reasons that a digest does not name.
const OTHERS: &str = "other reasons";

/// Records parked so far, by reason.
pub type ParkedCounts = BTreeMap<Reason, u64>;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Happening {
    /// The activation stopped.
    Failing {
        /// Why.
        why: Reason,
    },
    /// It works again.
    Recovered,
    /// Records were given up for now.
    Parked {
        /// How many, by reason.
        by_reason: ParkedCounts,
        /// Those parked before this time were told before; none where it is absent.
        since: Option<Timestamp>,
    },
}

impl Happening {
    /// As what it is told.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Failing { .. } => "activation.failing",
            Self::Recovered => "activation.recovered",
            Self::Parked { .. } => "records.parked",
        }
    }
}

/// By which way an owner is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// To the activation's address.
    Mail,
    /// As an event of the installation.
    Event,
    /// To the activation's own receiver.
    Webhook,
}

/// One thing that is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Its number within the activation, from 1: the same on every channel, and for every try.
    pub number: u64,
    /// When it was noted.
    pub at: Timestamp,
    /// What happened.
    pub happening: Happening,
    /// Who does not know it yet.
    pub untold: BTreeSet<Channel>,
}

impl Notice {
    /// Names it among all notices of all installations: a receiver knows a repeat by it.
    pub fn id(&self, activation: &ActivationId) -> String {
        let Self { number, at, .. } = self;
        let hash = Sha256::digest(format!("{activation}/{number}/{at}"));
        format!("notice_{}", hex::encode(&hash[..16]))
    }
}

/// Somebody is telling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// At the latest until then; afterwards others may.
    pub until: Timestamp,
}

/// Up to where an activation's owner was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeBook {
    /// Whose.
    pub activation: ActivationId,
    /// Rises with every write.
    pub revision: u64,
    /// The last change of status that was noted.
    pub heard: u64,
    /// Parked records that were noted, by reason.
    pub counted: ParkedCounts,
    /// When the last digest was noted.
    pub digest_at: Option<Timestamp>,
    /// Notices so far.
    pub notices: u64,
    /// Those that some channel does not know yet, in their order.
    pub untold: Vec<Notice>,
    /// Who is at it.
    pub lease: Option<Lease>,
}

impl NoticeBook {
    /// Of an activation of which nothing was ever told.
    pub fn new(activation: ActivationId) -> Self {
        Self {
            activation,
            revision: 0,
            heard: 0,
            counted: ParkedCounts::new(),
            digest_at: None,
            notices: 0,
            untold: Vec::new(),
            lease: None,
        }
    }

    /// The book with what is new; `None` where nothing is, or only what is not due yet. What was not told within a
    /// day leaves it.
    pub fn hear(&self, activation: &Activation, parked: &ParkedCounts, now: Timestamp) -> Option<Self> {
        let mut book = self.clone();
        let channels = activation.channels();
        for Turn { transition, turned } in self.unheard(activation) {
            let happening = match turned {
                Turned::Failing { why } => Happening::Failing { why: why.clone() },
                Turned::Recovered => Happening::Recovered,
            };
            book.note(happening, &channels, now);
            book.heard = *transition;
        }
        if self.digest_due(parked).is_some_and(|due| due <= now) {
            let by_reason = shortened(self.uncounted(parked));
            book.note(Happening::Parked { by_reason, since: self.digest_at }, &channels, now);
            book.digest_at = Some(now);
            for (reason, count) in parked {
                let counted = book.counted.entry(reason.clone()).or_default();
                *counted = (*counted).max(*count);
            }
        }
        book.untold.retain(|notice| now.duration_since(notice.at) < GIVEN_UP_AFTER);
        book.changed_from(self)
    }

    /// When [`NoticeBook::hear`] has something to note next, or somebody must be told; `None` where nothing waits.
    pub fn due(&self, activation: &Activation, parked: &ParkedCounts, now: Timestamp) -> Option<Timestamp> {
        let unheard = self.unheard(activation).next().map(|_| now);
        let untold = (!self.untold.is_empty()).then(|| self.lease.map_or(now, |lease| lease.until.max(now)));
        [unheard, untold, self.digest_due(parked)].into_iter().flatten().min()
    }

    /// The book with the lease of who tells until then; `None` where there is nothing to tell, or somebody is at it.
    pub fn lease(&self, now: Timestamp, until: Timestamp) -> Option<Self> {
        let free = self.lease.is_none_or(|lease| lease.until <= now);
        let leased = Self { lease: Some(Lease { until }), revision: self.revision + 1, ..self.clone() };
        (free && !self.untold.is_empty()).then_some(leased)
    }

    /// The book without what was told, and without the lease that it was told under.
    #[must_use]
    pub fn told(&self, told: &BTreeSet<(u64, Channel)>, lease: Option<Lease>) -> Self {
        let mut book = Self { revision: self.revision + 1, ..self.clone() };
        for notice in &mut book.untold {
            let number = notice.number;
            notice.untold.retain(|channel| !told.contains(&(number, *channel)));
        }
        book.untold.retain(|notice| !notice.untold.is_empty());
        book.lease = self.lease.filter(|standing| Some(*standing) != lease);
        book
    }

    fn unheard<'a>(&self, activation: &'a Activation) -> impl Iterator<Item = &'a Turn> {
        let heard = self.heard;
        activation.turns.iter().filter(move |turn| turn.transition > heard)
    }

    fn uncounted(&self, parked: &ParkedCounts) -> ParkedCounts {
        let more = parked.iter().map(|(reason, count)| {
            let told = self.counted.get(reason).copied().unwrap_or(0);
            (reason.clone(), count.saturating_sub(told))
        });
        more.filter(|(_, count)| *count > 0).collect()
    }

    /// When the next digest may go; `None` where there is nothing to tell in it.
    fn digest_due(&self, parked: &ParkedCounts) -> Option<Timestamp> {
        let earliest = self.digest_at.map_or(Timestamp::MIN, |last| last.saturating_add(DIGEST_EVERY).unwrap_or(last));
        (!self.uncounted(parked).is_empty()).then_some(earliest)
    }

    fn note(&mut self, happening: Happening, channels: &BTreeSet<Channel>, now: Timestamp) {
        self.notices += 1;
        self.untold.push(Notice { number: self.notices, at: now, happening, untold: channels.clone() });
    }

    fn changed_from(self, before: &Self) -> Option<Self> {
        (self != *before).then(|| Self { revision: before.revision + 1, ..self })
    }
}

/// The most frequent reasons, and all others as one: the sum stays.
fn shortened(counts: ParkedCounts) -> ParkedCounts {
    if counts.len() <= MOST_REASONS {
        return counts;
    }
    let mut by_count: Vec<(Reason, u64)> = counts.into_iter().collect();
    by_count.sort_by(|(a, many), (b, more)| more.cmp(many).then_with(|| a.cmp(b)));
    let others: u64 = by_count.split_off(MOST_REASONS).into_iter().map(|(_, count)| count).sum();
    let mut kept: ParkedCounts = by_count.into_iter().collect();
    *kept.entry(Reason::new(OTHERS)).or_default() += others;
    kept
}

#[cfg(test)]
mod tests;
