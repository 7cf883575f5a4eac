//! The rules of the ledger of effects that can be left out, one at a time.

/// A rule that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// The outbox is written after the transition, not with it.
    OutboxWrittenAfter,
    /// An effect leaves its outbox before the ledger has a row of it.
    OutboxClearedFirst,
    /// An effect leaves its outbox for one of the same id that is at an end.
    OutboxClearedById,
    /// An outbox holds one effect of an id, however long that has waited.
    OneOfAnId,
    /// A row that a later effect of the same id has is taken for that of an earlier one.
    LaterRowMistaken,
    /// Nobody comes for an effect that stood behind another one of the same id.
    NextForgotten,
    /// The ledger is written after the request, not before it.
    NotedAfterRequest,
    /// What somebody sends is sent by whoever finds it.
    LeaseIgnored,
    /// A lease ends with the run: what may be applied later is not waited for.
    LeaseTooShort,
    /// Whose answer was lost is asked for at once.
    AskedAtOnce,
    /// What may have happened is taken for failed.
    OpenTakenForFailed,
    /// What cannot be told is taken for failed.
    UntoldTakenForFailed,
    /// What may be sent again as a repeat is taken for failed.
    RepeatableTakenForFailed,
    /// An effect is noted as sent whatever was written since its row was read.
    SentBlindly,
    /// What became of an effect is noted whatever was written since its row was read.
    EndedBlindly,
    /// Revisions begin anew where an effect counts anew.
    RevisionBeginsAnew,
    /// A row that waits is written before whoever waits is nudged.
    RowBeforeNudge,
    /// Nobody comes again for what somebody else is sending.
    LeaseForgotten,
    /// Nobody comes again for a row whose wait was over before it was written.
    PassedByForgotten,
    /// Whoever comes by a walk only looks at what waits, like others.
    WalkOnlyLooks,
    /// The sweep clears flights and nudges nobody.
    SweptInSilence,
    /// A walk looks at records, and not at the outbox.
    OutboxNotWalked,
    /// What an owner wants tried again is tried at once.
    TriedAgainAtOnce,
}

/// Who may do what.
pub type Rules = crate::rules::Rules<Broken>;
