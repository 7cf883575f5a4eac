//! What becomes due on a wallet's row besides the end of subscriptions: its end, some time after the wallet was deleted,
//! and a look at AIR where no event told who it is.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;

use super::changes::{MEMBERS, identifiers};
use super::identities;
use crate::model::source_format::EagleEyeAirFormat;
use crate::model::{Change, Fact, Identifier, IdentifierType, Membership, Person};

/// How often a row is looked at that waits for what is still to be told of it.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// Whatever still waits by then, the row of a deleted wallet is erased: longer than any event is tried.
const AT_THE_LATEST: SignedDuration = SignedDuration::from_hours(31 * 24);

/// What becomes of the row of a deleted wallet.
#[derive(Debug, Clone)]
pub enum Farewell {
    /// Its wallet is there, or the row is erased already.
    None,
    /// It is looked at again then.
    Later(Timestamp),
    /// It is erased: what was known of the person goes, here and at the platforms.
    Now(Change),
}

/// When the row of a wallet that was deleted at this time is looked at first.
pub(super) fn erased_from(format: &EagleEyeAirFormat, deleted_at: Timestamp) -> Timestamp {
    after(deleted_at, SignedDuration::from_hours(format.erase_after_hours.into()))
}

/// What becomes of the row: it is erased once its time has come and all of it is told. Who it was is needed so long.
pub fn farewell(format: &EagleEyeAirFormat, person: &Person, now: Timestamp) -> Farewell {
    let member = MEMBERS.parse().ok().and_then(|audience| person.memberships.get(&audience));
    let Some(left) = member.filter(|entry| entry.value == Membership::Left) else { return Farewell::None };
    let from = erased_from(format, left.occurred_at);
    if from > now {
        Farewell::Later(from)
    } else if !person.outbox.is_empty() && after(left.occurred_at, AT_THE_LATEST) > now {
        Farewell::Later(after(now, AGAIN_AFTER))
    } else {
        Farewell::Now(Change::live(person.key, Fact::Erased, now))
    }
}

/// The wallet to ask AIR for: of a row that has none of the configured identities, and whose wallet is there.
pub fn unidentified<'p>(format: &EagleEyeAirFormat, keyed_by: &IdentifierType, person: &'p Person) -> Option<&'p str> {
    let is_known = format.identities.keys().any(|kind| person.identifiers.contains_key(kind));
    let audience = MEMBERS.parse().ok()?;
    let has_left = person.memberships.get(&audience).is_some_and(|entry| entry.value == Membership::Left);
    let wallet = person.identifiers.get(keyed_by)?.value.first()?;
    (!is_known && !has_left).then(|| wallet.expose())
}

/// What AIR's own list of a wallet's identities tells; nothing where none of the configured ones is there.
pub fn identified(
    format: &EagleEyeAirFormat,
    keyed_by: &IdentifierType,
    person: &Person,
    listed: &[Json],
    now: Timestamp,
) -> Option<Change> {
    let wallet: &Identifier = person.identifiers.get(keyed_by)?.value.first()?;
    let by_type = identities::of_list(listed, wallet.expose());
    let identifiers = identifiers(format, (keyed_by, wallet), &by_type);
    (identifiers.len() > 1).then(|| Change { identifiers, ..Change::live(person.key, Fact::Profile, now) })
}

fn after(at: Timestamp, duration: SignedDuration) -> Timestamp {
    at.saturating_add(duration).unwrap_or(Timestamp::MAX)
}
