//! The rules of the protocol that can be left out, one at a time.

/// A rule that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// Nothing is written before people are sent.
    NoFlight,
    /// The flight is cleared although an outcome is open.
    FlightClearedAfterTimeout,
    /// Nobody's doubt is ever raised.
    NoDoubt,
    /// What a run sent and could not settle is not put in doubt.
    UnsettledForgotten,
    /// A receipt is stored whatever was written to the standing since it was read: doubt is lost under it.
    SettledWithoutRevision,
    /// A receipt is stored whatever became of the row, and taken to speak of it as it is now.
    SettledWithoutVersion,
    /// A receipt is stored whatever became of the row; it says which version it speaks of.
    VersionNotCompared,
    /// A run passes by what it sent itself, once another one settled it.
    TriedForgotten,
    /// Nobody comes again for who failed and could not be told so on the row in time.
    LostRetryForgotten,
    /// Former keys are not told to leave.
    FormerKeysNotTold,
    /// The sweep does not wait until nothing can be applied late any more.
    SweptTooEarly,
    /// The sweep clears a flight before it raises the doubt of its people.
    SweptBeforeDoubt,
    /// The sweep clears a flight before it nudges its people.
    SweptBeforeNudge,
    /// A receipt that waits is stored before whoever waits is nudged.
    ReceiptBeforeRetry,
    /// A repeat of what the row knows already nudges nobody.
    RepeatNotNudged,
    /// A row is written whatever was written since it was read.
    RowWrittenBlindly,
    /// Keys are spoken of whoever holds them.
    NoClaims,
    /// A former key is given back although another flight of the person stands.
    ReleasedInFlight,
    /// A former key is given back although another run claimed it meanwhile.
    ReleasedUnoffered,
    /// A former key is given back although another record of the person is still to leave it.
    ReleasedHalfLeft,
    /// A former key is given back although what the run itself said of it in an earlier round is open.
    ReleasedWhileOpen,
    /// Nobody comes again for a former key that could not be given back.
    HeldUpForgotten,
}

/// Who may do what.
pub type Rules = crate::rules::Rules<Broken>;
