//! What an event tells, in normal form.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::Kind;

/// Orders facts about one account: the second of AIR's `lastUpdated`, with the id of the account's transaction, modulo
/// a thousand million, as the nanoseconds, so that two facts of one second stand in the order of their ids. A fact
/// without a time of its own has the event's.
pub type Moment = Timestamp;

/// An event of AIR.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Notification {
    /// Unique within AIR, and the same when the event comes again.
    pub event_id: String,
    /// As it came.
    pub name: String,
    /// Whether it is one of the names that are documented or were seen.
    pub known: bool,
    /// When AIR received the call; without a time that can be read, when the newest object of it was changed.
    pub occurred_at: Timestamp,
    /// Who called.
    pub client_id: Option<String>,
    /// Set where it tells of a trigger of our own.
    pub echo: Option<Echo>,
    /// The wallets that operations speak of, in order of appearance.
    pub wallets: Vec<WalletNews>,
    /// What the owner should hear of: how often, by a short name that is never personal. `event.<name>`,
    /// `object.<type>` and `operation.<type>` that are unknown; `redeem_not_counted.<account type>`; `failed_call`;
    /// `no_wallet`, `no_account`, `no_transaction`; `odd_time`.
    pub noted: BTreeMap<String, u64>,
}

/// A trigger of our own, as AIR tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Echo {
    /// The reference that we gave it.
    pub reference: String,
    /// AIR's id of what it did.
    pub wallet_transaction_id: Option<String>,
    /// Whom it rewarded.
    pub wallet_id: Option<String>,
}

/// What an event tells of one wallet.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WalletNews {
    /// AIR's id of it.
    pub wallet_id: String,
    /// Active ones by AIR's type (`CUSTOMER_ID`, `EMAIL`, whatever the client has), oldest first. Empty where the
    /// event has none, and after a wallet was deleted.
    pub identities: BTreeMap<String, Vec<String>>,
    /// In the order of the operations that tell of them.
    pub happenings: Vec<Happening>,
    /// The last word on each points account.
    pub points: Vec<Points>,
    /// The last word on the tier.
    pub tier: Option<Tier>,
    /// Set where the wallet was made or deleted.
    pub member: Option<Member>,
    /// The last word on each subscription.
    pub subscriptions: Vec<Subscription>,
}

/// Something that happened to a member.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Happening {
    /// What.
    pub kind: Kind,
    /// Tells it from the others of the event, and is the same when the event comes again.
    pub key: String,
    /// When.
    pub at: Timestamp,
    /// Amounts in major units, times in RFC 3339; absent instead of null.
    pub properties: serde_json::Map<String, serde_json::Value>,
}

/// A points account after the event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Points {
    /// AIR's id of it.
    pub account_id: String,
    /// The scheme.
    pub campaign_id: Option<String>,
    /// Its balance.
    pub current: i64,
    /// Since when it is known.
    pub moment: Moment,
}

/// A tier after the event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tier {
    /// AIR's id of it.
    pub tier_id: Option<String>,
    /// Points that count towards the next one.
    pub points: Option<i64>,
    /// What was spent that counts, in minor units as AIR has it: see `in_major_units`.
    pub spend: Option<i64>,
    /// Purchases that count.
    pub transactions: Option<i64>,
    /// When these begin anew, as it came.
    pub resets_at: Option<String>,
    /// Since when it is known.
    pub moment: Moment,
}

/// Whether somebody takes part, after the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Whether.
    pub standing: Standing,
    /// Since when it is known.
    pub moment: Moment,
}

/// Whether somebody takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The wallet was made.
    Joined,
    /// The wallet was deleted.
    Left,
}

/// A subscription to a plan after the event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Subscription {
    /// AIR's id of it.
    pub account_id: String,
    /// The plan.
    pub campaign_id: Option<String>,
    /// Whether it goes on.
    pub state: SubscriptionState,
    /// Since when it is known.
    pub moment: Moment,
}

/// Whether a subscription goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionState {
    /// It does.
    Active {
        /// Until when; AIR will not tell when it is over. None where it never is.
        ends: Option<Timestamp>,
    },
    /// It was cancelled.
    Cancelled,
}
