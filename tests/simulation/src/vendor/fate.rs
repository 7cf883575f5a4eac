//! What becomes of a request to a vendor.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

use super::{Call, LATE, PATIENCE};
use crate::chance::Chance;
use crate::fault::Fault;
use crate::plan::{Ill, Spell};
use crate::stage::{CANARY, Stage};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// All goes well.
    Answers,
    /// An error status.
    Error { applied: bool, status: u16 },
    /// No answer; it arrives after this time, if at all.
    Timeout { arrives: Option<SignedDuration> },
    /// The connection breaks.
    Reset { applied: bool },
    /// There is no connection.
    Unreachable,
    /// It is applied, and half of the answer comes.
    Truncated,
    /// 429, with or without a time.
    Slowed { retry_after: Option<String> },
    /// Refused as a whole, nothing applied.
    Refused { status: u16 },
}

impl Fate {
    pub(super) fn number(&self) -> u64 {
        match self {
            Self::Answers => 11,
            Self::Error { applied, status } => 100 + u64::from(*applied) + u64::from(*status),
            Self::Timeout { arrives } => 13 + arrives.map_or(0, |after| after.as_millis().unsigned_abs() as u64),
            Self::Reset { applied } => 17 + u64::from(*applied),
            Self::Unreachable => 19,
            Self::Truncated => 23,
            Self::Slowed { retry_after } => 29 + retry_after.as_ref().map_or(0, |text| text.len() as u64),
            Self::Refused { status } => 10_000 + u64::from(*status),
        }
    }
}

/// What a vendor says with an error: nothing that may be shown.
pub(super) fn tempting() -> Json {
    json!({ "error": format!("cannot write someone@{CANARY}.example with key {CANARY}-secret") })
}

pub(super) fn draw(stage: &Stage, spells: &[Spell], call: &Call) -> Fate {
    if stage.is_healed() {
        return Fate::Answers;
    }
    let now = stage.now();
    let spell = spells.iter().find(|spell| spell.link == call.link && (spell.from..spell.until).contains(&now));
    if let Some(spell) = spell {
        return ill(stage, spell);
    }
    let odds = stage.odds();
    if call.tells() && call.records() > 1 && stage.strikes(Fault::BatchRefused, odds.batch_refused) {
        return Fate::Refused { status: if call.records() > 3 { 413 } else { 422 } };
    }
    if !stage.draw(|chance| chance.permille(odds.vendor)) {
        return Fate::Answers;
    }
    let (fault, fate) = stage.draw(|chance| trouble(chance, now));
    stage.struck(fault);
    fate
}

fn ill(stage: &Stage, spell: &Spell) -> Fate {
    let fault = match spell.ill {
        Ill::Away => Fault::Away,
        Ill::AwayTwoDays => Fault::AwayTwoDays,
        Ill::Revoked => {
            stage.struck(Fault::KeysRevoked);
            return Fate::Refused { status: stage.draw(|chance| if chance.permille(500) { 401 } else { 403 }) };
        }
    };
    stage.struck(fault);
    if spell.is_long(stage.now()) {
        // Every try whose end is open leaves the sweep's nudge beside its own.
        return Fate::Unreachable;
    }
    match stage.draw(|chance| chance.below(10)) {
        0 => Fate::Timeout { arrives: None },
        1 | 2 => Fate::Error { applied: false, status: 503 },
        _ => Fate::Unreachable,
    }
}

fn trouble(chance: &mut Chance, now: Timestamp) -> (Fault, Fate) {
    let statuses = [500, 502, 503, 504, 408];
    let status = statuses[chance.index(statuses.len())];
    let seconds = chance.between(1, 120);
    match chance.below(12) {
        0 => (Fault::ErrorApplied, Fate::Error { applied: true, status }),
        1 => (Fault::ErrorNotApplied, Fate::Error { applied: false, status }),
        2 => {
            let arrives = Some(SignedDuration::from_millis(chance.between(5, PATIENCE.as_secs() * 1_000)));
            (Fault::TimeoutApplied, Fate::Timeout { arrives })
        }
        3 => {
            let after = chance.between(1, LATE.as_secs() - 2);
            let arrives = Some(PATIENCE + SignedDuration::from_secs(after));
            (Fault::TimeoutAppliedLater, Fate::Timeout { arrives })
        }
        4 => (Fault::TimeoutNotApplied, Fate::Timeout { arrives: None }),
        5 => (Fault::ConnectionReset, Fate::Reset { applied: chance.permille(500) }),
        6 => (Fault::Unreachable, Fate::Unreachable),
        7 => (Fault::AnswerTruncated, Fate::Truncated),
        8 => (Fault::SlowedSeconds, Fate::Slowed { retry_after: Some(seconds.to_string()) }),
        9 => {
            let date = (now + SignedDuration::from_secs(seconds)).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            (Fault::SlowedDate, Fate::Slowed { retry_after: Some(date) })
        }
        10 => {
            let absurd = ["99999999999", "-5", "soon", "Thu, 01 Jan 1970 00:00:00 GMT", ""];
            let absurd = absurd[chance.index(absurd.len())].to_owned();
            (Fault::SlowedAbsurd, Fate::Slowed { retry_after: Some(absurd) })
        }
        _ => (Fault::SlowedSilent, Fate::Slowed { retry_after: None }),
    }
}

/// Until when a vendor that says so means not to be called: what nobody can mean is an hour at most, or nothing.
pub(super) fn meant(retry_after: Option<&str>, now: Timestamp) -> Timestamp {
    let hour = now + SignedDuration::from_hours(1);
    let Some(text) = retry_after else { return now };
    match text.parse::<i64>() {
        Ok(seconds) => (now + SignedDuration::from_secs(seconds.clamp(0, 3_600))).min(hour),
        Err(_) => jiff::fmt::rfc2822::parse(text).map_or(now, |date| date.timestamp().clamp(now, hour)),
    }
}
