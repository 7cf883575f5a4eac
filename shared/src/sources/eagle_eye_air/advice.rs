//! What the owner of a source should hear of. AIR reads no answers beyond their status, and gives up on what is refused:
//! so it is told that all is well, and what is not is counted under these names.

/// What all these names begin with.
pub(super) const PREFIX: &str = "air.";
/// Bodies that are no event.
pub(super) const UNREADABLE: &str = "air.unreadable";
/// Wallets without a usable id.
pub(super) const NO_WALLET: &str = "air.wallet-without-id";
/// Wallets of which no configured identity was told.
pub(super) const NO_IDENTITY: &str = "air.no_identity";
/// Events of rewards that Muster itself caused.
pub(super) const OWN_REWARD: &str = "air.own-reward";
/// Points accounts of another scheme; the scheme's id follows.
pub(super) const POINTS_NOT_COUNTED: &str = "air.points-not-counted.";
/// Changes that made a row too large.
pub const ROW_TOO_LARGE: &str = "air.row-too-large";

/// What a name means and what its owner can do, where there is something to be said.
pub fn advice(name: &str) -> Option<&'static str> {
    if name.starts_with(POINTS_NOT_COUNTED) {
        return Some(
            "Points of a scheme that do not count. Points are never added up over schemes: say in `points_campaign` \
             whose are a member's points.",
        );
    }
    let rest = name.strip_prefix(PREFIX)?;
    let family = rest.split('.').next().unwrap_or_default();
    Some(match (name, family) {
        (UNREADABLE, _) => "Bodies that are no event of AIR: no JSON object, or without eesEventId or eventName.",
        (NO_IDENTITY, _) => {
            "Wallets without an active identity of the configured types. What happened to them is kept, and told when \
             one is known within the retry window."
        }
        (OWN_REWARD, _) => "Events of rewards that Muster caused, left out because `own_rewards` says so.",
        (ROW_TOO_LARGE, _) => {
            "Events for which a member's row had no room, mostly because much waits to be told: AIR was asked to send them again."
        }
        (_, "event") => {
            "Events whose names are not known. They were taken and nothing was read of them; with `read_unknown` it is."
        }
        (_, "object" | "operation") => "Kinds of objects or operations that are not known, and mean nothing here.",
        (_, "failed_call") => "Events of calls that failed: nothing happened.",
        (_, "redeem_not_counted") => {
            "Redemptions of accounts that are no coupons, which triggers, quests and stamp cards work with. With \
             `redemptions: wide` they count."
        }
        (_, "no_wallet" | "no_account" | "no_transaction") => {
            "Operations that do not say whose, or what, they are about; the rest of their event was taken."
        }
        (_, "odd_time") => "Times that cannot be read; those of the event were taken.",
        _ => return None,
    })
}
