//! What must hold, each by its name.

use std::fmt;

/// A promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// accepted = superseded + delivered + filtered + rejected + parked + in flight + waiting, of every person at
    /// every write; the account only grows; and it counts what the answers of 202 counted.
    AccountingAddsUp,
    /// At rest every vendor holds what a naive reading of the changes says, for everybody.
    PlatformEqualsRows,
    /// At rest every row holds what a naive reading of the changes says.
    RowsHoldEveryChange,
    /// Nothing that must happen once happens twice, nor unearned.
    NoEffectTwice,
    /// At rest everything that was earned has happened.
    EffectsHappen,
    /// Nothing is parked before its window is over, and nothing is refused but by the vendor.
    NothingGivenUpEarly,
    /// No address, name or secret is in a log line, an error, a message, a measurement or a mail.
    NothingPersonal,
    /// When nothing fails any more everything comes to rest.
    RestIsReached,
    /// Where no message was lost, nobody is pending without a message.
    PendingIsHinted,
    /// No run that began after a 429 sends anything before the time that the vendor named.
    RetryAfterHonoured,
    /// No run that began after a pause sends anything.
    PausedIsSilent,
    /// At rest nothing of erased people is at a vendor, nor on their rows.
    ErasedAreGone,
    /// Nothing panics.
    NoPanic,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AccountingAddsUp => "the accounting adds up",
            Self::PlatformEqualsRows => "at rest the platform equals the rows",
            Self::RowsHoldEveryChange => "rows hold every change",
            Self::NoEffectTwice => "no effect happens twice",
            Self::EffectsHappen => "every effect that was earned happens",
            Self::NothingGivenUpEarly => "nothing is given up before its window is over",
            Self::NothingPersonal => "nothing personal or secret is shown",
            Self::RestIsReached => "everything comes to rest",
            Self::PendingIsHinted => "whoever is pending has a message",
            Self::RetryAfterHonoured => "Retry-After is honoured",
            Self::PausedIsSilent => "a paused activation sends nothing",
            Self::ErasedAreGone => "erased people are gone",
            Self::NoPanic => "nothing panics",
        })
    }
}

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// How it shows.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { invariant, what } = self;
        write!(f, "{invariant}: {what}")
    }
}
