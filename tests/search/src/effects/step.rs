//! What happens, one at a time, in words that a trace is read by.

use std::fmt;

use muster::model::effect::Word;

use super::state::At;
use crate::vendor::{Answer, Applies};

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A change is written to its row.
    ChangeWritten(usize),
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
    /// A run writes to the ledger, or to the row of the person.
    Written(usize, At, Kept),
    /// A run has no token for what is next, and puts it off.
    NoToken(usize),
    /// The vendor answers a run that sent an effect, and has applied it, or will, or never does.
    Sent(usize, u8, Answer, Applies),
    /// The vendor answers a run that asked for an effect.
    Asked(usize, u8, Answer),
    /// A run dies.
    Died(usize, At),
    /// It dies while its request is on its way, which is applied later.
    DiedSending(usize, u8),
    /// A run is done, and its message comes back all the same.
    DoneUnacknowledged(usize),
    /// The vendor applies a request late.
    AppliedLate(u8),
    /// The owner says what became of an effect, or what shall.
    Said(usize, Word),
    /// The same, and Muster dies before it nudges.
    SaidUnheard(usize, Word),
    /// A sweep nudges for a flight and clears it.
    Swept,
    /// It dies in between.
    SweepDied,
    /// Every message is lost.
    Purged,
    /// A catch-up nudges for the outbox.
    CatchUp,
    /// The clock steps.
    TimePasses,
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It was stored.
    Stored,
    /// It was refused: something came first.
    Refused,
}

impl Step {
    /// Under which heading the step is counted.
    pub fn counts_as(&self) -> Option<&'static str> {
        Some(match self {
            Self::ChangeDoubled(_) | Self::TakenTwice => "doubled",
            Self::ChangeUnanswered(_)
            | Self::Died(..)
            | Self::SweepDied
            | Self::DoneUnacknowledged(_)
            | Self::SaidUnheard(..) => "crashes",
            Self::DiedSending(..) => "crashes while sending",
            Self::Written(_, _, Kept::Refused) => "writes refused",
            Self::AppliedLate(_) => "applied late",
            Self::Purged => "purged",
            Self::CatchUp => "catch-ups",
            Self::Swept => "swept",
            Self::TimePasses => "clock steps",
            Self::Said(..) => "settled by hand",
            Self::Asked(_, _, Answer::Done) => "asked",
            Self::Asked(..) => "asked in vain",
            Self::Sent(_, _, answer, applies) => return answer.counts_as(*applies),
            Self::NoToken(_) => "put off",
            Self::ChangeWritten(_)
            | Self::ChangeNudged(_)
            | Self::Taken
            | Self::Run(..)
            | Self::Written(_, _, Kept::Stored) => return None,
        })
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "reads the row",
            Self::Look => "looks into the ledger",
            Self::NoteSent => "notes an effect as sent",
            Self::Send => "sends an effect",
            Self::Ask => "asks for an effect",
            Self::Nudge => "nudges who must look again",
            Self::Note => "notes what became of an effect",
            Self::ReadOutbox => "reads the outbox",
            Self::Clean => "takes what is at an end out of the outbox",
            Self::NudgePutOff => "nudges for what was put off",
            Self::Clear => "clears its flight",
        })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ChangeWritten(change) => write!(f, "ingest writes change {change}"),
            Self::ChangeNudged(change) => write!(f, "ingest nudges for change {change}"),
            Self::ChangeUnanswered(change) => write!(f, "ingest dies before it nudges for change {change}"),
            Self::ChangeDoubled(change) => write!(f, "change {change} comes again"),
            Self::Taken => write!(f, "a run takes a message and writes its flight"),
            Self::TakenTwice => write!(f, "a run takes a message that comes twice"),
            Self::Run(run, at) => write!(f, "run {run} {at}"),
            Self::Written(run, at, kept) => write!(f, "run {run} {at}: {kept:?}"),
            Self::NoToken(run) => write!(f, "run {run} has no token and puts an effect off"),
            Self::Sent(run, place, answer, applies) => {
                write!(f, "run {run} sends effect {place}: {answer:?}, applied {applies:?}")
            }
            Self::Asked(run, place, answer) => write!(f, "run {run} asks for effect {place}: {answer:?}"),
            Self::Died(run, at) => write!(f, "run {run} dies before it {at}"),
            Self::DiedSending(run, place) => write!(f, "run {run} dies while effect {place} is on its way"),
            Self::DoneUnacknowledged(run) => write!(f, "run {run} clears its flight and dies unacknowledged"),
            Self::AppliedLate(place) => write!(f, "the vendor applies effect {place} late"),
            Self::Said(place, word) => write!(f, "the owner says of effect {place}: {word:?}"),
            Self::SaidUnheard(place, word) => write!(f, "the owner says of effect {place}: {word:?}, and no nudge"),
            Self::Swept => write!(f, "the sweep nudges and clears a flight"),
            Self::SweepDied => write!(f, "the sweep nudges and dies"),
            Self::Purged => write!(f, "every message is lost"),
            Self::CatchUp => write!(f, "the catch-up nudges for the outbox"),
            Self::TimePasses => write!(f, "the clock steps"),
        }
    }
}
