//! What the owner of a source should hear of. Lytics reads no answers beyond their status, and too many refusals end
//! its job: so it is told that all is well, and what is not is counted under these names.

/// Events without `segment_events`.
pub(super) const NO_EVENTS: &str = "lytics.no-segment_events";
/// Entering or leaving at no time.
pub(super) const NO_TIME: &str = "lytics.no-event-time";
/// Entering or leaving an audience that is not taken.
pub(super) const UNTAKEN: &str = "lytics.audience-not-taken";
/// Profiles that nobody can be found by.
pub const NO_IDENTITY: &str = "lytics.no-identity";
/// Events, or entries of `segment_events`, that cannot be read.
pub(super) const UNREADABLE: &str = "lytics.unreadable";
/// Fields of profiles.
pub(super) const FIELD_SKIPPED: &str = "lytics.field-skipped";
/// Identifiers besides the one by which people are keyed.
pub(super) const IDENTIFIER_SKIPPED: &str = "lytics.identifier-skipped";
/// Changes that made a row too large.
pub const ROW_TOO_LARGE: &str = "lytics.row-too-large";

/// What a name means and what its owner can do, where there is something to be said.
pub fn advice(name: &str) -> Option<&'static str> {
    Some(match name {
        NO_EVENTS => {
            "Events without segment_events: their fields were taken, and whether anybody entered or left cannot be told. \
             Select segment_events in Export Fields of the job at Lytics. Where the job has Fields to Trigger, changes \
             of these come without it and nothing is wrong."
        }
        NO_TIME => "Enters and exits without a time: the time of the request was taken, so their order is uncertain.",
        UNTAKEN => "Enters and exits of audiences that are not among the source's `audiences`.",
        NO_IDENTITY => {
            "Profiles without one good value of the identifier by which the source is keyed. Select it in Export Fields, \
             or correct the source's `identifiers`; profiles that have none cannot be taken."
        }
        UNREADABLE => "Events that could not be read; the answers to the requests say where and why.",
        FIELD_SKIPPED => {
            "Fields that a row does not take: names over 128 bytes, texts over 8,192 bytes, lists of objects or of more \
             than 256 values, and whatever is beyond 128 KB in a profile. Choose fewer in Export Fields."
        }
        IDENTIFIER_SKIPPED => "Values of further identifiers that are none of their type; the rest was taken.",
        ROW_TOO_LARGE => "Changes that would have made a person's row larger than 300 KB. Choose fewer Export Fields.",
        _ => return None,
    })
}
