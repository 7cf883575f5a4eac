//! What happens, one at a time, in words that a trace is read by.

use std::fmt;

use super::state::{At, Request};
use crate::vendor::{Answer, Applies};

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A request to ingest reads the row of a change.
    ChangeRead(usize),
    /// A change is written to its row.
    ChangeWritten(usize),
    /// The row was written by somebody else since: it is read again.
    ChangeRefused(usize),
    /// Who must look at the change is nudged, and it is accepted.
    ChangeNudged(usize),
    /// Ingest dies between row and nudge; the source tells it again.
    ChangeUnanswered(usize),
    /// The source tells an accepted change again.
    ChangeDoubled(usize),
    /// A run takes a message and writes its flight.
    Taken,
    /// The same, and the message stays as well.
    TakenTwice,
    /// A run does what is next.
    Run(usize, At),
    /// The vendor answers a run's request, and has applied it, or will, or never does.
    Answered(usize, Option<Request>, Answer, Applies),
    /// The store keeps the receipts of a run's round, or some of them.
    Settled(usize, Kept),
    /// A run dies.
    Died(usize, At),
    /// It dies while this request is on its way, which is applied later.
    DiedSending(usize, Request),
    /// A run is done, and its message comes back all the same.
    DoneUnacknowledged(usize),
    /// The vendor applies a request late.
    AppliedLate(Request),
    /// A sweep raises the doubt of a flight's people.
    SweepDoubts,
    /// It nudges them.
    SweepNudges,
    /// It clears the flight.
    SweepClears,
    /// It dies.
    SweepDied,
    /// Every message is lost.
    Purged,
    /// A catch-up nudges whoever is pending.
    CatchUp,
    /// Whatever waits for its time waits no longer.
    TimePasses,
}

/// What became of a round's settlements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// All were stored.
    All,
    /// Some were refused: something came first.
    Refused,
    /// They were stored, and the run was told that they were not.
    Unheard,
}

impl Step {
    /// Under which heading the step is counted.
    pub fn counts_as(&self) -> Option<&'static str> {
        Some(match self {
            Self::ChangeDoubled(_) | Self::TakenTwice => "doubled",
            Self::ChangeUnanswered(_) | Self::Died(..) | Self::SweepDied | Self::DoneUnacknowledged(_) => "crashes",
            Self::DiedSending(..) => "crashes while sending",
            Self::ChangeRefused(_) => "rows refused",
            Self::Settled(_, Kept::Refused) => "receipts refused",
            Self::Settled(_, Kept::Unheard) => "receipts stored unheard",
            Self::AppliedLate(_) => "applied late",
            Self::Purged => "purged",
            Self::CatchUp => "catch-ups",
            Self::SweepDoubts => "swept",
            Self::Answered(_, _, answer, applies) => return answer.counts_as(*applies),
            Self::ChangeRead(_)
            | Self::ChangeWritten(_)
            | Self::ChangeNudged(_)
            | Self::Taken
            | Self::Run(..)
            | Self::Settled(_, Kept::All)
            | Self::SweepNudges
            | Self::SweepClears
            | Self::TimePasses => return None,
        })
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "reads the rows",
            Self::Claim => "claims keys",
            Self::Send => "sends",
            Self::NudgeAgain => "nudges who is tried again",
            Self::Settle => "settles",
            Self::Doubt => "raises the doubt of what is open",
            Self::Offer => "offers former keys",
            Self::LookAtFlights => "looks at the flights",
            Self::Release => "gives a key back",
            Self::NudgeContenders => "nudges who waits for a key",
            Self::DoubtHeldUp => "doubts whose keys it could not give back",
            Self::NudgeHeldUp => "nudges them for later",
            Self::DoubtUnsettled => "doubts what it could not settle",
            Self::NudgeMoved => "nudges whose row kept moving",
            Self::NudgePutOff => "nudges who was put off",
            Self::Clear => "clears or narrows its flight",
        })
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, record, shows } = self;
        write!(f, "key {key} record {record} shows {shows}")
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ChangeRead(change) => write!(f, "ingest reads the row for change {change}"),
            Self::ChangeWritten(change) => write!(f, "ingest writes change {change}"),
            Self::ChangeRefused(change) => write!(f, "ingest may not write change {change}, the row moved"),
            Self::ChangeNudged(change) => write!(f, "ingest nudges for change {change}"),
            Self::ChangeUnanswered(change) => write!(f, "ingest dies before it nudges for change {change}"),
            Self::ChangeDoubled(change) => write!(f, "change {change} comes again"),
            Self::Taken => write!(f, "a run takes a message and writes its flight"),
            Self::TakenTwice => write!(f, "a run takes a message that comes twice"),
            Self::Run(run, at) => write!(f, "run {run} {at}"),
            Self::Answered(run, request, answer, applies) => {
                write!(f, "run {run} sends")?;
                if let Some(request) = request {
                    write!(f, " {request}")?;
                }
                write!(f, ": {answer:?}, applied {applies:?}")
            }
            Self::Settled(run, kept) => write!(f, "run {run} settles: {kept:?}"),
            Self::Died(run, at) => write!(f, "run {run} dies before it {at}"),
            Self::DiedSending(run, request) => write!(f, "run {run} dies while {request} is on its way"),
            Self::DoneUnacknowledged(run) => write!(f, "run {run} clears its flight and dies unacknowledged"),
            Self::AppliedLate(request) => write!(f, "the vendor applies late: {request}"),
            Self::SweepDoubts => write!(f, "the sweep raises the doubt of a flight"),
            Self::SweepNudges => write!(f, "the sweep nudges"),
            Self::SweepClears => write!(f, "the sweep clears the flight"),
            Self::SweepDied => write!(f, "the sweep dies"),
            Self::Purged => write!(f, "every message is lost"),
            Self::CatchUp => write!(f, "the catch-up nudges whoever is pending"),
            Self::TimePasses => write!(f, "time passes"),
        }
    }
}
