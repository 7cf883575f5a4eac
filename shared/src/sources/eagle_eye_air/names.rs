//! Names of events. The name space is open: clients have events of their own.
//! <https://developer.eagleeye.com/eagleeye-developer/docs/event-definitions>.

/// A reward was triggered.
pub(super) const TRIGGER: &str = "SERVICE.TRIGGER";

const KNOWN: [&str; 29] = [
    "ACCOUNT.MOVE.TO.WALLET",
    "POSCONNECT.WALLET.FULFIL",
    "POSCONNECT.WALLET.OPEN",
    "POSCONNECT.WALLET.REFUND",
    "POSCONNECT.WALLET.RETURN",
    "POSCONNECT.WALLET.SETTLE",
    "POSCONNECT.WALLET.SPEND",
    "POSCONNECT.WALLET.SPEND.VOID",
    TRIGGER,
    "SERVICE.WALLET.ACCOUNTS.CREATE",
    "SERVICE.WALLET.BACKENDPOINTS",
    "SERVICE.WALLET.CREATE",
    "SERVICE.WALLET.DELETE",
    "SERVICE.WALLET.POINTS.EXPIRE",
    "SERVICE.WALLET.TRANSACTION.CREDIT",
    "SERVICE.WALLET.TRANSACTION.DEBIT",
    "TIER.MEMBERSHIP.ADJUST",
    "TIER.MEMBERSHIP.CREATE",
    "TIER.MEMBERSHIP.CREDIT",
    "TIER.MEMBERSHIP.DEBIT",
    "TIER.MEMBERSHIP.MOVE",
    "WALLET.ACCOUNT.CREATE",
    "WALLET.ACCOUNT.CREATE.CAMPAIGN",
    "WALLET.ACCOUNT.CREATE.PLAN",
    "WALLET.ACCOUNT.CREATE.SCHEME",
    // Eagle Eye's own connector reads it since its version of November 2025.
    "WALLET.ACCOUNT.TRANSACTION.REDEEM",
    "WALLET.ACCOUNT.UPDATE",
    "WALLET.CONSUMER.CREATE",
    "WALLET.CONSUMER.UPDATE",
];

/// Of things that are nobody's.
const KNOWN_FAMILIES: [&str; 5] = ["CAMPAIGN.", "PLAN.", "SCHEME.", "FUND.", "POINTSREWARD.BANK."];

pub(super) fn is_known(name: &str) -> bool {
    KNOWN.contains(&name) || KNOWN_FAMILIES.iter().any(|family| name.starts_with(family))
}

/// What was called, where its operations alone would not tell all.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Settle,
    Fulfil,
    Refund,
    Spend,
    Trigger,
    TierMembership,
    Other,
}

impl Call {
    pub(super) fn is_about_order(self) -> bool {
        matches!(self, Self::Settle | Self::Fulfil | Self::Refund)
    }

    pub(super) fn of(name: &str) -> Self {
        match name {
            "POSCONNECT.WALLET.SETTLE" => Self::Settle,
            "POSCONNECT.WALLET.FULFIL" => Self::Fulfil,
            "POSCONNECT.WALLET.REFUND" | "POSCONNECT.WALLET.RETURN" => Self::Refund,
            "POSCONNECT.WALLET.SPEND" | "POSCONNECT.WALLET.SPEND.VOID" => Self::Spend,
            TRIGGER => Self::Trigger,
            _ if name.starts_with("TIER.MEMBERSHIP.") => Self::TierMembership,
            _ => Self::Other,
        }
    }
}
