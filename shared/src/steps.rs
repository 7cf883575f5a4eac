//! The points between two effects of Muster's. A crash test ends the process at each of them and looks
//! whether everything still comes to the state that must stand.

use std::fmt;
use std::str::FromStr;

/// Is told which step was reached. In production nobody listens.
pub trait Steps: Send + Sync {
    /// `step` was reached; nothing of the next one has begun.
    fn reached(&self, step: Step);
}

/// Nobody listens.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Steps for Unwatched {
    fn reached(&self, _step: Step) {}
}

/// A step, named after what was done last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Ingest merged changes into rows; nothing is written.
    RowsMerged,
    /// Ingest wrote rows; nobody is nudged.
    RowsWritten,
    /// Ingest nudged; the answer is not given.
    PeopleNudged,
    /// Delivery wrote its flight.
    FlightWritten,
    /// Delivery read the rows.
    RowsRead,
    /// The vendor answered, or did not.
    Sent,
    /// Whoever must be tried again was nudged.
    RetryNudged,
    /// The doubt of open answers was raised.
    DoubtRaised,
    /// The receipts are stored.
    Settled,
    /// The flight is cleared.
    FlightCleared,
    /// The sweep raised the doubt of a flight's people.
    SweepDoubted,
    /// The sweep nudged them.
    SweepNudged,
    /// The sweep cleared the flight.
    SweepCleared,
    /// A walk nudged a page of people.
    WalkNudged,
    /// A walk saved its cursor.
    CursorSaved,
    /// The vendor's side was prepared.
    Prepared,
    /// The preparation was noted on the activation.
    PreparedNoted,
}

impl Step {
    /// Every step, in the order of a change's way.
    pub const ALL: [Self; 17] = [
        Self::RowsMerged,
        Self::RowsWritten,
        Self::PeopleNudged,
        Self::FlightWritten,
        Self::RowsRead,
        Self::Sent,
        Self::RetryNudged,
        Self::DoubtRaised,
        Self::Settled,
        Self::FlightCleared,
        Self::SweepDoubted,
        Self::SweepNudged,
        Self::SweepCleared,
        Self::WalkNudged,
        Self::CursorSaved,
        Self::Prepared,
        Self::PreparedNoted,
    ];

    /// The step as it is written in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::RowsMerged => "rows-merged",
            Self::RowsWritten => "rows-written",
            Self::PeopleNudged => "people-nudged",
            Self::FlightWritten => "flight-written",
            Self::RowsRead => "rows-read",
            Self::Sent => "sent",
            Self::RetryNudged => "retry-nudged",
            Self::DoubtRaised => "doubt-raised",
            Self::Settled => "settled",
            Self::FlightCleared => "flight-cleared",
            Self::SweepDoubted => "sweep-doubted",
            Self::SweepNudged => "sweep-nudged",
            Self::SweepCleared => "sweep-cleared",
            Self::WalkNudged => "walk-nudged",
            Self::CursorSaved => "cursor-saved",
            Self::Prepared => "prepared",
            Self::PreparedNoted => "prepared-noted",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a text is no step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no step")]
pub struct UnknownStep(String);

impl FromStr for Step {
    type Err = UnknownStep;
    fn from_str(text: &str) -> Result<Self, UnknownStep> {
        Self::ALL.into_iter().find(|step| step.name() == text).ok_or_else(|| UnknownStep(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_read_back_and_all_differ() {
        let names: BTreeSet<String> = Step::ALL.iter().map(Step::to_string).collect();
        assert_eq!(names.len(), Step::ALL.len());
        for step in Step::ALL {
            assert_eq!(step.name().parse(), Ok(step));
        }
        assert!("RowsMerged".parse::<Step>().is_err());
    }
}
