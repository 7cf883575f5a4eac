//! What a vendor does with a request, and says of it.

use muster::destination::{Applied, Failure};
use muster::model::Reason;

use crate::facts::later;

/// What the vendor answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// Done.
    Done,
    /// Refused for good.
    Rejected,
    /// Slow down; nothing was applied.
    Limited,
    /// An error, or no answer in time: nobody knows.
    Error,
    /// Nothing was sent: no token was left.
    PutOff,
}

/// Whether and when the vendor applies what it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applies {
    /// Before it answers.
    AtOnce,
    /// Some time after.
    Late,
    /// Not at all.
    Never,
}

/// What the vendor may do with a request, and whether that is a fault.
pub const ANSWERS: [(Answer, Applies, u8); 7] = [
    (Answer::Done, Applies::AtOnce, 0),
    (Answer::Error, Applies::AtOnce, 1),
    (Answer::Error, Applies::Late, 1),
    (Answer::Error, Applies::Never, 1),
    (Answer::Limited, Applies::Never, 1),
    (Answer::Rejected, Applies::Never, 1),
    (Answer::PutOff, Applies::Never, 1),
];

impl Answer {
    /// The failure that it is.
    pub fn failure(self) -> Option<Failure> {
        Some(match self {
            Self::Done => return None,
            Self::Rejected => Failure::Rejected { reason: Reason::new("rejected") },
            Self::Limited => Failure::RateLimited { retry_after: None },
            Self::Error => Failure::Retryable { reason: Reason::new("error"), applied: Applied::Open },
            Self::PutOff => Failure::PutOff { until: later() },
        })
    }

    /// Under which heading it is counted.
    pub fn counts_as(self, applies: Applies) -> Option<&'static str> {
        Some(match (self, applies) {
            (Self::Error, Applies::AtOnce) => "errors though applied",
            (Self::Error, Applies::Late) => "timeouts",
            (Self::Error, Applies::Never) => "errors",
            (Self::Limited, _) => "slowed down",
            (Self::Rejected, _) => "rejected",
            (Self::PutOff, _) => "put off",
            (Self::Done, _) => return None,
        })
    }
}
