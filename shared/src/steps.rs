//! The points between any two steps of the protocol. Nothing listens in production; the crash tests kill
//! the process there.

use std::fmt;
use std::str::FromStr;

/// Told when a step was reached.
pub trait Steps: Send + Sync {
    /// The step was just taken.
    fn reached(&self, step: Step);
}

/// Nobody listens.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Steps for Unwatched {
    fn reached(&self, _step: Step) {}
}

/// A step, named after what has just been done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Ingest merged the changes and wrote nothing yet.
    RowsMerged,
    /// Ingest wrote the rows and nudged nobody yet.
    RowsWritten,
    /// Ingest nudged and did not answer yet.
    PeopleNudged,
    /// Delivery wrote its flight.
    FlightWritten,
    /// Delivery read the rows.
    RowsRead,
    /// The vendor answered, nothing is stored of it.
    Sent,
    /// Whoever must be tried again was nudged.
    RetryNudged,
    /// The receipts are stored.
    Settled,
    /// The doubt of what stayed open is raised.
    DoubtRaised,
    /// The flight is cleared or narrowed, the message not yet acknowledged.
    FlightCleared,
    /// Effects are noted as sent, and nothing has left yet.
    EffectsNoted,
    /// The vendor answered for effects, nothing is stored of it.
    EffectsSent,
    /// What became of effects is stored, they are still in their outboxes.
    EffectsSettled,
    /// Effects at an end are out of their outboxes.
    OutboxesCleared,
    /// The sweep raised the doubts of an overdue flight.
    SweepDoubted,
    /// The sweep nudged its people.
    SweepNudged,
    /// The sweep removed the flight.
    SweepCleared,
    /// A walk nudged a page of people.
    WalkNudged,
    /// A walk saved its cursor.
    CursorSaved,
    /// The vendor's side is prepared, nothing is noted of it.
    Prepared,
    /// The preparation is noted.
    PreparedNoted,
    /// The sweep noted what an owner is to be told, and asked nobody to tell it yet.
    NoticesNoted,
    /// Somebody is about to tell an owner, and nothing has left yet.
    NoticesLeased,
    /// The owner was told, nothing is stored of it.
    NoticesTold,
}

impl Step {
    /// Every step, in the order of the protocol.
    pub const ALL: [Self; 24] = [
        Self::RowsMerged,
        Self::RowsWritten,
        Self::PeopleNudged,
        Self::FlightWritten,
        Self::RowsRead,
        Self::Sent,
        Self::RetryNudged,
        Self::Settled,
        Self::DoubtRaised,
        Self::FlightCleared,
        Self::EffectsNoted,
        Self::EffectsSent,
        Self::EffectsSettled,
        Self::OutboxesCleared,
        Self::SweepDoubted,
        Self::SweepNudged,
        Self::SweepCleared,
        Self::WalkNudged,
        Self::CursorSaved,
        Self::Prepared,
        Self::PreparedNoted,
        Self::NoticesNoted,
        Self::NoticesLeased,
        Self::NoticesTold,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::RowsMerged => "rows-merged",
            Self::RowsWritten => "rows-written",
            Self::PeopleNudged => "people-nudged",
            Self::FlightWritten => "flight-written",
            Self::RowsRead => "rows-read",
            Self::Sent => "sent",
            Self::RetryNudged => "retry-nudged",
            Self::Settled => "settled",
            Self::DoubtRaised => "doubt-raised",
            Self::FlightCleared => "flight-cleared",
            Self::EffectsNoted => "effects-noted",
            Self::EffectsSent => "effects-sent",
            Self::EffectsSettled => "effects-settled",
            Self::OutboxesCleared => "outboxes-cleared",
            Self::SweepDoubted => "sweep-doubted",
            Self::SweepNudged => "sweep-nudged",
            Self::SweepCleared => "sweep-cleared",
            Self::WalkNudged => "walk-nudged",
            Self::CursorSaved => "cursor-saved",
            Self::Prepared => "prepared",
            Self::PreparedNoted => "prepared-noted",
            Self::NoticesNoted => "notices-noted",
            Self::NoticesLeased => "notices-leased",
            Self::NoticesTold => "notices-told",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Step {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|step| step.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|step| step.name()).collect();
            format!("`{text}` is no step; the steps are {}", names.join(", "))
        })
    }
}
