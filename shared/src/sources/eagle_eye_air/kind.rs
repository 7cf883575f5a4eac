//! What can happen to a member of a loyalty programme.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A wallet was made.
    ProgrammeJoined,
    /// A wallet was deleted.
    ProgrammeLeft,
    /// A purchase was settled at once.
    OrderCompleted,
    /// A purchase that is handed over in parts was begun, went on, or ended: `stage`.
    OrderFulfilled,
    /// A purchase was returned, or some of it.
    OrderRefunded,
    /// A coupon was put into a wallet.
    CouponReceived,
    /// A coupon was used.
    CouponRedeemed,
    /// The use of a coupon was undone, or some of it.
    CouponUnredeemed,
    /// A trigger gave points.
    PointsAwarded,
    /// Points were spent.
    PointsSpent,
    /// Spending points was undone.
    PointsSpendVoided,
    /// The tier, or what counts towards the next one, was changed.
    TierChanged,
    /// A subscription to a plan began.
    SubscriptionJoined,
    /// A subscription was cancelled.
    SubscriptionCancelled,
    /// A subscription ended. Never read: AIR has no event for it, a timer tells it.
    SubscriptionExpired,
}

impl Kind {
    /// Every kind there is.
    pub const ALL: [Self; 15] = [
        Self::ProgrammeJoined,
        Self::ProgrammeLeft,
        Self::OrderCompleted,
        Self::OrderFulfilled,
        Self::OrderRefunded,
        Self::CouponReceived,
        Self::CouponRedeemed,
        Self::CouponUnredeemed,
        Self::PointsAwarded,
        Self::PointsSpent,
        Self::PointsSpendVoided,
        Self::TierChanged,
        Self::SubscriptionJoined,
        Self::SubscriptionCancelled,
        Self::SubscriptionExpired,
    ];

    /// Its name in settings, keys and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ProgrammeJoined => "programme_joined",
            Self::ProgrammeLeft => "programme_left",
            Self::OrderCompleted => "order_completed",
            Self::OrderFulfilled => "order_fulfilled",
            Self::OrderRefunded => "order_refunded",
            Self::CouponReceived => "coupon_received",
            Self::CouponRedeemed => "coupon_redeemed",
            Self::CouponUnredeemed => "coupon_unredeemed",
            Self::PointsAwarded => "points_awarded",
            Self::PointsSpent => "points_spent",
            Self::PointsSpendVoided => "points_spend_voided",
            Self::TierChanged => "tier_changed",
            Self::SubscriptionJoined => "subscription_joined",
            Self::SubscriptionCancelled => "subscription_cancelled",
            Self::SubscriptionExpired => "subscription_expired",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No kind has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a kind of happening")]
pub struct UnknownKind;

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name).ok_or(UnknownKind)
    }
}
