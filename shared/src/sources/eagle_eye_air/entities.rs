//! Operations of an event, each with the object that it made, changed or removed, as far as Muster reads it.

use jiff::Timestamp;

use super::fields::Fields;
use super::notes::Notes;
use super::time;

/// One operation that did something.
pub(super) struct Operation<'a> {
    /// Its place in the event.
    pub(super) index: usize,
    pub(super) action: Action,
    /// Whose it is, where it says so itself.
    pub(super) wallet_id: Option<String>,
    pub(super) entity: Entity<'a>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Create,
    Read,
    Update,
    Delete,
}

impl Action {
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "CREATE" => Some(Self::Create),
            "READ" => Some(Self::Read),
            "UPDATE" => Some(Self::Update),
            "DELETE" => Some(Self::Delete),
            _ => None,
        }
    }
}

pub(super) enum Entity<'a> {
    Wallet {
        created: Option<Timestamp>,
        last_updated: Option<Timestamp>,
    },
    Identity(Fields<'a>),
    Account(Account),
    AccountTransaction(AccountTransaction),
    Transaction(Transaction<'a>),
    Tier(Tier<'a>),
    TierTransaction(TierTransaction<'a>),
    /// Known, and nothing that Muster tells of.
    Untold,
}

impl Entity<'_> {
    /// Whether it makes a difference whose it is.
    pub(super) fn is_told(&self) -> bool {
        match self {
            Self::Wallet { .. }
            | Self::Identity(_)
            | Self::Account(_)
            | Self::AccountTransaction(_)
            | Self::Transaction(_)
            | Self::Tier(_)
            | Self::TierTransaction(_) => true,
            Self::Untold => false,
        }
    }

    /// None where nobody knows such an object.
    pub(super) fn read<'a>(kind: Option<&str>, object: Fields<'a>, notes: &mut Notes) -> Option<Entity<'a>> {
        Some(match kind? {
            "walletEntity" => Entity::Wallet {
                created: time::read(object, "dateCreated", notes),
                last_updated: time::read(object, "lastUpdated", notes),
            },
            "walletIdentityEntity" => Entity::Identity(object),
            "walletAccountEntity" => Entity::Account(Account::read(object, notes)),
            "walletAccountTransactionEntity" => Entity::AccountTransaction(AccountTransaction::read(object, notes)),
            "walletTransactionEntity" => Entity::Transaction(Transaction::read(object, notes)),
            "tierMembershipEntity" => Entity::Tier(Tier::read(object, notes)),
            "tierMembershipTransactionEntity" => Entity::TierTransaction(TierTransaction::read(object, notes)),
            "campaignEntity"
            | "planEntity"
            | "schemeEntity"
            | "fundEntity"
            | "fundTransactionEntity"
            | "pointsRewardBankEntity"
            | "pointsRewardBankRewardEntity"
            | "pointsRewardBankWalletLinkEntity"
            | "supplierUnitEntity"
            | "walletConsumerEntity"
            | "walletInviteEntity" => Entity::Untold,
            _ => return None,
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum AccountType {
    Points,
    Coupon,
    /// What a trigger works with: plumbing, and nothing that anybody has.
    BehaviouralAction,
    Subscription,
    Other,
}

/// A coupon, a points account, a subscription.
pub(super) struct Account {
    pub(super) id: Option<String>,
    pub(super) campaign_id: Option<String>,
    pub(super) kind: AccountType,
    /// Its type as it came.
    pub(super) kind_name: Option<String>,
    pub(super) client_type: Option<String>,
    pub(super) is_cancelled: bool,
    /// None where it never ends.
    pub(super) ends: Option<Timestamp>,
    /// Its balance of points.
    pub(super) current: Option<i64>,
    pub(super) last_updated: Option<Timestamp>,
}

impl Account {
    fn read(object: Fields<'_>, notes: &mut Notes) -> Self {
        let kind_name = object.text("type");
        Self {
            id: object.id("accountId"),
            campaign_id: object.id("campaignId"),
            kind: match kind_name {
                Some("POINTS") => AccountType::Points,
                Some("ECOUPON") => AccountType::Coupon,
                Some("BEHAVIOURAL_ACTION") => AccountType::BehaviouralAction,
                Some("STANDARD_SUBSCRIPTION") => AccountType::Subscription,
                _ => AccountType::Other,
            },
            kind_name: kind_name.map(str::to_owned),
            client_type: object.text("clientType").map(str::to_owned),
            is_cancelled: object.text("status") == Some("CANCELLED"),
            ends: time::read_end(object.at("dates"), "end", notes),
            current: object.at("balances").integer("current"),
            last_updated: time::read(object, "lastUpdated", notes),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum AccountEvent {
    Create,
    Redeem,
    Unredeem,
    Credit,
    Lock,
    Spend,
    Void,
    Cancel,
    Other,
}

impl AccountEvent {
    pub(super) fn parse(name: Option<&str>) -> Self {
        match name {
            Some("CREATE") => Self::Create,
            Some("REDEEM") => Self::Redeem,
            Some("UNREDEEM") => Self::Unredeem,
            Some("CREDIT") => Self::Credit,
            Some("LOCK") => Self::Lock,
            Some("SPEND") => Self::Spend,
            Some("VOID") => Self::Void,
            Some("CANCEL") => Self::Cancel,
            _ => Self::Other,
        }
    }
}

/// What was done with an account, and the account as it was after it.
pub(super) struct AccountTransaction {
    pub(super) id: Option<String>,
    pub(super) parent_id: Option<String>,
    pub(super) account: Account,
    pub(super) event: AccountEvent,
    /// Points, or money in minor units.
    pub(super) value: Option<i64>,
    pub(super) created: Option<Timestamp>,
    pub(super) last_updated: Option<Timestamp>,
}

impl AccountTransaction {
    fn read(object: Fields<'_>, notes: &mut Notes) -> Self {
        let mut account = Account::read(object.at("account"), notes);
        account.id = object.id("accountId").or(account.id);
        account.current = account.current.or_else(|| object.at("balancesAfter").integer("current"));
        Self {
            id: object.id("accountTransactionId"),
            parent_id: object.parent_id("parentAccountTransactionId"),
            account,
            event: AccountEvent::parse(object.text("event")),
            value: object.integer("value"),
            created: time::read(object, "dateCreated", notes),
            last_updated: time::read(object, "lastUpdated", notes),
        }
    }

    pub(super) fn at(&self) -> Option<Timestamp> {
        self.created.or(self.last_updated)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TransactionType {
    Settle,
    Fulfil,
    Refund,
    Spend,
    BehaviouralAction,
    Other,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TransactionStatus {
    Settled,
    Fulfilling,
    Other,
}

/// A purchase, a part of it, a refund, a trigger.
pub(super) struct Transaction<'a> {
    pub(super) id: Option<String>,
    pub(super) kind: TransactionType,
    pub(super) status: TransactionStatus,
    pub(super) reference: Option<&'a str>,
    /// When it began: for a purchase that is settled now maybe long ago.
    pub(super) at: Option<Timestamp>,
    pub(super) last_updated: Option<Timestamp>,
    pub(super) basket: Fields<'a>,
    pub(super) location: Fields<'a>,
}

impl<'a> Transaction<'a> {
    pub(super) fn read(object: Fields<'a>, notes: &mut Notes) -> Self {
        Self {
            id: object.id("walletTransactionId"),
            kind: match object.text("type") {
                Some("SETTLE") => TransactionType::Settle,
                Some("FULFIL") => TransactionType::Fulfil,
                Some("REFUND" | "RETURN") => TransactionType::Refund,
                Some("SPEND") => TransactionType::Spend,
                Some(name) if name.starts_with("BEHAVIOURAL_ACTION") => TransactionType::BehaviouralAction,
                _ => TransactionType::Other,
            },
            status: match object.text("status") {
                Some("SETTLED") => TransactionStatus::Settled,
                Some("FULFILLING") => TransactionStatus::Fulfilling,
                _ => TransactionStatus::Other,
            },
            reference: object.text("reference"),
            at: time::read(object, "transactionDateTime", notes),
            last_updated: time::read(object, "lastUpdated", notes),
            basket: object.at("basket"),
            location: object.at("location"),
        }
    }
}

/// A tier that somebody is in, and what counts towards the next.
pub(super) struct Tier<'a> {
    pub(super) tier_id: Option<String>,
    pub(super) balances: Fields<'a>,
    pub(super) resets_at: Option<&'a str>,
    pub(super) last_updated: Option<Timestamp>,
}

impl<'a> Tier<'a> {
    fn read(object: Fields<'a>, notes: &mut Notes) -> Self {
        Self {
            tier_id: object.id("tierId"),
            balances: object.at("balances"),
            resets_at: object.text("tierBalancesResetDate"),
            last_updated: time::read(object, "lastUpdated", notes),
        }
    }
}

/// A move between tiers, or of what counts towards one.
pub(super) struct TierTransaction<'a> {
    pub(super) id: Option<String>,
    pub(super) tier_id: Option<String>,
    /// Set where it moved somebody.
    pub(super) tier_id_after: Option<String>,
    pub(super) actions: &'a [serde_json::Value],
    pub(super) created: Option<Timestamp>,
    pub(super) last_updated: Option<Timestamp>,
}

impl<'a> TierTransaction<'a> {
    fn read(object: Fields<'a>, notes: &mut Notes) -> Self {
        Self {
            id: object.id("tierMembershipTransactionId"),
            tier_id: object.id("tierId"),
            tier_id_after: object.parent_id("tierIdAfter"),
            actions: object.list("actions"),
            created: time::read(object, "dateCreated", notes),
            last_updated: time::read(object, "lastUpdated", notes),
        }
    }

    pub(super) fn is_move(&self) -> bool {
        self.tier_id_after.is_some() && self.tier_id_after != self.tier_id
    }
}
