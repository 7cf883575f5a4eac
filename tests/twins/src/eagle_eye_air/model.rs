//! Wallets and what is in them; how tests seed and see them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Whether a wallet can be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// As it should be.
    #[default]
    Active,
    /// Refuses rewards.
    Suspended,
    /// Refuses rewards.
    Terminated,
    /// Scrubbed; nobody finds it by an identity any more, and its identities stay taken.
    Deleted,
}

/// A wallet to be put there. As JSON everything may be absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SeedWallet {
    /// Any type and value; the values are nobody else's, whatever their case.
    pub identities: Vec<SeedIdentity>,
    /// Whether it can be used.
    pub standing: Standing,
    /// Balance of its points account; `None` for no such account.
    pub points: Option<i64>,
    /// Tier that it is in, if any.
    pub tier: Option<String>,
    /// Coupons that it holds.
    pub coupons: usize,
}

impl SeedWallet {
    /// With these identities, as type and value, and a points account without points.
    pub fn new(identities: &[(&str, &str)]) -> Self {
        let identities = identities.iter().map(|(kind, value)| SeedIdentity::new(kind, value)).collect();
        Self { identities, points: Some(0), ..Self::default() }
    }

    /// In this tier.
    #[must_use]
    pub fn in_tier(self, tier: &str) -> Self {
        Self { tier: Some(tier.to_owned()), ..self }
    }

    /// With so many points.
    #[must_use]
    pub fn with_points(self, points: i64) -> Self {
        Self { points: Some(points), ..self }
    }

    /// With so many coupons.
    #[must_use]
    pub fn with_coupons(self, coupons: usize) -> Self {
        Self { coupons, ..self }
    }

    /// In this standing.
    #[must_use]
    pub fn standing(self, standing: Standing) -> Self {
        Self { standing, ..self }
    }
}

/// An identity of a wallet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedIdentity {
    /// Free text, such as `CUSTOMER_ID`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Found without regard to case.
    pub value: String,
    /// `DEFAULT`, `EARNONLY`, `EARNBURN`.
    #[serde(default = "default_state")]
    pub state: String,
    /// `ACTIVE`, or anything else, which refuses rewards.
    #[serde(default = "active")]
    pub status: String,
}

fn default_state() -> String {
    "DEFAULT".to_owned()
}

fn active() -> String {
    "ACTIVE".to_owned()
}

impl SeedIdentity {
    /// An active one.
    pub fn new(kind: &str, value: &str) -> Self {
        Self { kind: kind.to_owned(), value: value.to_owned(), state: default_state(), status: active() }
    }
}

/// A campaign that a trigger can name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedCampaign {
    /// `offer.actions.reference`.
    pub reference: String,
    /// What it gives.
    pub reward: Reward,
    /// Most rewards of one wallet.
    #[serde(default)]
    pub consumer_limit: Option<u32>,
    /// It is over: refused as if it were unknown.
    #[serde(default)]
    pub ended: bool,
}

impl SeedCampaign {
    /// Gives points, without a limit.
    pub fn points(reference: &str, points: u32) -> Self {
        Self { reference: reference.to_owned(), reward: Reward::Points(points), consumer_limit: None, ended: false }
    }

    /// Gives a coupon, without a limit.
    pub fn coupon(reference: &str) -> Self {
        Self { reward: Reward::Coupon, ..Self::points(reference, 0) }
    }

    /// At most so often to one wallet.
    #[must_use]
    pub fn limit(self, consumer_limit: u32) -> Self {
        Self { consumer_limit: Some(consumer_limit), ..self }
    }
}

/// What a campaign gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reward {
    /// So many points.
    Points(u32),
    /// A coupon.
    Coupon,
}

/// A reward that was granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RewardView {
    /// Of whom.
    pub wallet_id: String,
    /// As it was sent.
    pub identity_value: String,
    /// The campaign's.
    pub action_reference: String,
    /// `walletTransaction.reference` as it was sent; empty where there was none.
    pub reference: String,
    /// What it is.
    pub reward: Reward,
    /// The transaction that granted it.
    pub wallet_transaction_id: String,
    /// Who triggered it.
    pub client_id: String,
    /// On the twin's clock.
    pub at: Timestamp,
}

/// A wallet as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalletView {
    /// Its id.
    pub wallet_id: String,
    /// Whether it can be used.
    pub standing: Standing,
    /// In the order of their making; scrubbed where the wallet is deleted.
    pub identities: Vec<IdentityView>,
    /// Current balance; `None` without a points account.
    pub points: Option<i64>,
    /// The tier it is in.
    pub tier: Option<String>,
    /// In the order of their making.
    pub accounts: Vec<AccountView>,
}

/// An identity as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityView {
    /// Its id.
    pub identity_id: String,
    /// Such as `CUSTOMER_ID`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its value.
    pub value: String,
    /// `ACTIVE` or another.
    pub status: String,
}

/// An account as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    /// Its id.
    pub account_id: String,
    /// Of the campaign, scheme or plan that made it.
    pub campaign_id: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: AccountKind,
    /// Such as `OFFER`.
    pub client_type: Option<String>,
    /// `ACTIVE`, `USED` or `CANCELLED`.
    pub status: String,
}

/// Types of accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AccountKind {
    /// Points of a scheme.
    Points,
    /// A coupon, or an entitlement of a plan.
    Ecoupon,
    /// Plumbing of a trigger.
    BehaviouralAction,
    /// A plan.
    StandardSubscription,
    /// A continuity campaign.
    Continuity,
    /// A quest.
    Quest,
    /// A stamp card.
    CouponStampCard,
}

impl AccountKind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Points => "POINTS",
            Self::Ecoupon => "ECOUPON",
            Self::BehaviouralAction => "BEHAVIOURAL_ACTION",
            Self::StandardSubscription => "STANDARD_SUBSCRIPTION",
            Self::Continuity => "CONTINUITY",
            Self::Quest => "QUEST",
            Self::CouponStampCard => "COUPON_STAMP_CARD",
        }
    }
}

#[derive(Debug)]
pub(super) struct Wallet {
    pub id: u64,
    pub standing: Standing,
    pub identities: Vec<Identity>,
    pub accounts: Vec<Account>,
    pub tier: Option<Tier>,
    pub consumer: Option<Consumer>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug)]
pub(super) struct Identity {
    pub id: u64,
    pub kind: String,
    pub value: String,
    pub state: String,
    pub status: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug)]
pub(super) struct Consumer {
    pub id: u64,
    /// `personal`, `address`, …; empty where the wallet is deleted.
    pub data: Map<String, Value>,
    pub status: &'static str,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug)]
pub(super) struct Account {
    pub id: u64,
    pub wallet: u64,
    pub campaign: u64,
    pub kind: AccountKind,
    pub client_type: Option<&'static str>,
    pub status: &'static str,
    pub ends_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Of points accounts; zeros elsewhere.
    pub points: Points,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Points {
    pub current: i64,
    pub lifetime: i64,
    pub locked: i64,
}

#[derive(Debug)]
pub(super) struct Tier {
    pub membership: u64,
    pub tier: String,
    pub points: i64,
    pub spend: i64,
    pub transactions: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Wallet {
    pub(super) fn account(&self, kind: AccountKind) -> Option<&Account> {
        self.accounts.iter().find(|account| account.kind == kind)
    }

    pub(super) fn view(&self) -> WalletView {
        let points = self.account(AccountKind::Points).map(|account| account.points.current);
        WalletView {
            wallet_id: self.id.to_string(),
            standing: self.standing,
            identities: self.identities.iter().map(Identity::view).collect(),
            points,
            tier: self.tier.as_ref().map(|tier| tier.tier.clone()),
            accounts: self.accounts.iter().map(Account::view).collect(),
        }
    }
}

impl Identity {
    fn view(&self) -> IdentityView {
        IdentityView {
            identity_id: self.id.to_string(),
            kind: self.kind.clone(),
            value: self.value.clone(),
            status: self.status.clone(),
        }
    }
}

impl Account {
    fn view(&self) -> AccountView {
        AccountView {
            account_id: self.id.to_string(),
            campaign_id: self.campaign.to_string(),
            kind: self.kind,
            client_type: self.client_type.map(str::to_owned),
            status: self.status.to_owned(),
        }
    }
}
