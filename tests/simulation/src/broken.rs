//! Muster with one rule left out, each with the promise that this breaks. What is left out is left out around the
//! functions that run: a port or a destination does not do what it must.

use crate::invariant::Invariant;

macro_rules! broken {
    ($($(#[$doc:meta])* $name:ident => $invariant:ident,)*) => {
        /// What is left out.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Broken {
            $($(#[$doc])* $name,)*
        }

        impl Broken {
            /// Everything that can be left out.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The promise that this breaks.
            pub fn breaks(self) -> Invariant {
                match self {
                    $(Self::$name => Invariant::$invariant,)*
                }
            }
        }
    };
}

broken! {
    /// Receipts are stored whatever became of row and standing: no version condition.
    SettledBlindly => PlatformEqualsRows,
    /// Rows are written whatever was written since they were read.
    RowsWrittenBlindly => RowsHoldEveryChange,
    /// A row that could not be written is taken for written.
    WriteErrorSwallowed => RowsHoldEveryChange,
    /// Nothing is written before people are sent.
    NoFlight => PlatformEqualsRows,
    /// A flight is cleared although an outcome is open.
    FlightClearedWhileOpen => PlatformEqualsRows,
    /// Nobody's doubt is ever raised.
    NoDoubt => PlatformEqualsRows,
    /// There is no sweep.
    NoSweep => RestIsReached,
    /// The sweep does not wait until nothing can be applied late any more.
    SweptTooEarly => NoEffectTwice,
    /// Keys are spoken of whoever holds them.
    NoClaims => PlatformEqualsRows,
    /// Answers are taken by their index in the batch, not by their record.
    IndexInsteadOfRecord => NothingGivenUpEarly,
    /// What timed out is taken for not applied.
    TimeoutTakenForNo => PlatformEqualsRows,
    /// Former keys are not told to leave.
    LeavesNotTold => PlatformEqualsRows,
    /// Whoever is to be forgotten only leaves.
    ForgottenOnlyLeaves => ErasedAreGone,
    /// The vendor's `Retry-After` is ignored.
    RetryAfterIgnored => RetryAfterHonoured,
    /// Effects are written whatever was written since they were read.
    EffectsWrittenBlindly => NoEffectTwice,
    /// Of an effect that may have happened it is said that it did not.
    EffectsNotAskedFor => NoEffectTwice,
    /// An effect leaves its outbox before it happened.
    OutboxLost => EffectsHappen,
    /// The retry window is over at once.
    WindowIgnored => NothingGivenUpEarly,
    /// Some nudges of ingest are never sent.
    NudgesLost => PendingIsHinted,
    /// Whoever settles forgets the account.
    AccountForgotten => AccountingAddsUp,
    /// Changes are counted once too often.
    CountedTwice => AccountingAddsUp,
    /// A paused activation goes on.
    PauseIgnored => PausedIsSilent,
    /// An address is logged.
    AddressLogged => NothingPersonal,
    /// An address is in an error.
    AddressInError => NothingPersonal,
    /// A secret is in a message.
    SecretInMessage => NothingPersonal,
    /// An address names a counter.
    AddressCounted => NothingPersonal,
}
