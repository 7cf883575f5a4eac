//! What happens at the retailer, as deeds of the handle. Each answers the event that it makes, which is also sent to
//! every subscriber; refused for a wallet that is not there, and where its own comment says so.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::envelope::{ApiCall, Emitted};
use super::events::join::Welcome;
use super::events::orders::Part;
use super::events::pos::Purchase;
use super::events::refund::Refund;
use super::handle::EagleEyeAirTwin;
use super::model::{AccountKind, SeedWallet};
use super::unit::Unit;
use crate::twin::Refused;

/// A deed with what it needs, for the side door: `{"deed": "settle", "wallet": "…", "purchase": {…}}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "deed", rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are those of the handle's methods and their arguments")]
pub enum HappensNow {
    CreateWallet { seed: SeedWallet },
    CreateWalletWithAccounts { seed: SeedWallet, welcome: Welcome },
    WriteConsumer { wallet: String, data: Map<String, Value> },
    CreateCampaignAccounts { wallet: String, kinds: Vec<AccountKind> },
    CreateAccounts { wallet: String, kinds: Vec<AccountKind> },
    CreateSchemeAccount { wallet: String, tier: Option<String> },
    JoinPlan { wallet: String, ends_at: Timestamp, entitlements: usize },
    CancelPlan { wallet: String },
    Open { wallet: String, purchase: Purchase },
    Settle { wallet: String, purchase: Purchase },
    FulfilInitial { wallet: String, purchase: Purchase },
    FulfilMiddle { wallet: String, original: String, handed_over: Purchase },
    FulfilFinal { wallet: String, original: String, handed_over: Purchase },
    Refund { wallet: String, original: String, refund: Refund },
    Spend { wallet: String, reference: String, points: i64 },
    VoidSpend { wallet: String, original: String, reference: String },
    JoinTier { wallet: String, tier: String },
    MoveTier { wallet: String, tier: String },
    CreditTier { wallet: String, points: i64, moves_to: Option<String> },
    DebitTier { wallet: String, points: i64 },
    AdjustTier { wallet: String, points: i64 },
    DeleteWallet { wallet: String },
}

impl EagleEyeAirTwin {
    fn happens(&self, deed: impl FnOnce(&mut Unit) -> Result<ApiCall, Refused>) -> Result<Emitted, Refused> {
        let mut state = self.lock();
        let call = deed(&mut state.unit)?;
        Ok(state.publish(call))
    }

    /// `SERVICE.WALLET.CREATE`: identities only. Refused where a value is taken.
    pub fn create_wallet(&self, seed: &SeedWallet) -> Result<Emitted, Refused> {
        self.happens(|unit| unit.create_wallet(seed))
    }

    /// `SERVICE.WALLET.ACCOUNTS.CREATE`: with coupons, points and tier of the seed, each of which may be absent, and
    /// what the welcome adds. Refused where a value is taken.
    pub fn create_wallet_with_accounts(&self, seed: &SeedWallet, welcome: &Welcome) -> Result<Emitted, Refused> {
        self.happens(|unit| unit.create_wallet_with_accounts(seed, welcome))
    }

    /// `WALLET.CONSUMER.CREATE` with these members of `data`; `.UPDATE` where the wallet has a consumer.
    pub fn write_consumer(&self, wallet: &str, data: &Map<String, Value>) -> Result<Emitted, Refused> {
        self.happens(|unit| unit.write_consumer(wallet, data))
    }

    /// `WALLET.ACCOUNT.CREATE.CAMPAIGN` of one or more accounts.
    pub fn create_campaign_accounts(&self, wallet: &str, kinds: &[AccountKind]) -> Result<Emitted, Refused> {
        self.happens(|unit| unit.create_campaign_accounts(wallet, kinds))
    }

    /// The same under the bare name `WALLET.ACCOUNT.CREATE`.
    pub fn create_accounts(&self, wallet: &str, kinds: &[AccountKind]) -> Result<Emitted, Refused> {
        self.happens(|unit| unit.create_accounts(wallet, kinds))
    }

    /// `WALLET.ACCOUNT.CREATE.SCHEME`: a points account, and a tier membership where a tier is given.
    pub fn create_scheme_account(&self, wallet: &str, tier: Option<&str>) -> Result<Emitted, Refused> {
        self.happens(|unit| unit.create_scheme_account(wallet, tier))
    }

    /// `WALLET.ACCOUNT.CREATE.PLAN`: so many entitlements, then the subscription until `ends_at`.
    pub fn join_plan(&self, wallet: &str, ends_at: Timestamp, entitlements: usize) -> Result<Emitted, Refused> {
        self.happens(|unit| unit.join_plan(wallet, ends_at, entitlements))
    }

    /// `WALLET.ACCOUNT.UPDATE`: the subscription and its entitlements are cancelled. Refused without one.
    pub fn cancel_plan(&self, wallet: &str) -> Result<Emitted, Refused> {
        self.happens(|unit| unit.cancel_plan(wallet))
    }

    /// `POSCONNECT.WALLET.OPEN`.
    pub fn open(&self, wallet: &str, purchase: &Purchase) -> Result<Emitted, Refused> {
        self.happens(|unit| unit.open(wallet, purchase))
    }

    /// `POSCONNECT.WALLET.SETTLE`, of the open purchase of that reference or all at once. Refused where a coupon is
    /// not there to be redeemed.
    pub fn settle(&self, wallet: &str, purchase: &Purchase) -> Result<Emitted, Refused> {
        self.happens(|unit| unit.settle(wallet, purchase))
    }

    /// `POSCONNECT.WALLET.FULFIL` without a basket: coupons are redeemed and nothing is earned.
    pub fn fulfil_initial(&self, wallet: &str, purchase: &Purchase) -> Result<Emitted, Refused> {
        self.happens(|unit| unit.fulfil_initial(wallet, purchase))
    }

    /// `POSCONNECT.WALLET.FULFIL` of a part of the purchase `original`. Refused where that is not being fulfilled.
    pub fn fulfil_middle(&self, wallet: &str, original: &str, handed_over: &Purchase) -> Result<Emitted, Refused> {
        self.happens(|unit| unit.fulfil_part(wallet, original, handed_over, Part::Middle))
    }

    /// `POSCONNECT.WALLET.FULFIL` of the last part: what the purchase earns is earned. Refused as the part before.
    pub fn fulfil_final(&self, wallet: &str, original: &str, handed_over: &Purchase) -> Result<Emitted, Refused> {
        self.happens(|unit| unit.fulfil_part(wallet, original, handed_over, Part::Final))
    }

    /// `POSCONNECT.WALLET.REFUND` of the purchase `original`. Refused where that was not settled.
    pub fn refund(&self, wallet: &str, original: &str, refund: &Refund) -> Result<Emitted, Refused> {
        self.happens(|unit| unit.refund(wallet, original, refund))
    }

    /// `POSCONNECT.WALLET.SPEND`: points are locked.
    pub fn spend(&self, wallet: &str, reference: &str, points: i64) -> Result<Emitted, Refused> {
        self.happens(|unit| unit.spend(wallet, reference, points))
    }

    /// `POSCONNECT.WALLET.SPEND.VOID` of what was spent under `original`, which the event names by the id of its
    /// transaction only. Refused where nothing was.
    pub fn void_spend(&self, wallet: &str, original: &str, reference: &str) -> Result<Emitted, Refused> {
        self.happens(|unit| unit.void_spend(wallet, original, reference))
    }

    /// `TIER.MEMBERSHIP.CREATE`.
    pub fn join_tier(&self, wallet: &str, tier: &str) -> Result<Emitted, Refused> {
        self.happens(|unit| unit.join_tier(wallet, tier))
    }

    /// `TIER.MEMBERSHIP.MOVE`. Refused without a membership, like the next three.
    pub fn move_tier(&self, wallet: &str, tier: &str) -> Result<Emitted, Refused> {
        self.happens(|unit| unit.move_tier(wallet, tier))
    }

    /// `TIER.MEMBERSHIP.CREDIT`; where a tier is given, the same event moves the membership there.
    pub fn credit_tier(&self, wallet: &str, points: i64, moves_to: Option<&str>) -> Result<Emitted, Refused> {
        self.happens(|unit| unit.credit_tier(wallet, points, moves_to))
    }

    /// `TIER.MEMBERSHIP.DEBIT`.
    pub fn debit_tier(&self, wallet: &str, points: i64) -> Result<Emitted, Refused> {
        self.happens(|unit| unit.debit_tier(wallet, points))
    }

    /// `TIER.MEMBERSHIP.ADJUST`, by more or by less.
    pub fn adjust_tier(&self, wallet: &str, points: i64) -> Result<Emitted, Refused> {
        self.happens(|unit| unit.adjust_tier(wallet, points))
    }

    /// `SERVICE.WALLET.DELETE`: identities are scrubbed, and the event names nobody.
    pub fn delete_wallet(&self, wallet: &str) -> Result<Emitted, Refused> {
        self.happens(|unit| unit.delete_wallet(wallet))
    }

    /// Sends any JSON as an event; its id and name are those in `headers`, empty where there are none.
    pub fn emit(&self, body: Value) -> Emitted {
        let header = |name: &str| body["headers"][name].as_str().unwrap_or_default().to_owned();
        let event = Emitted { event_id: header("eesEventId"), event_name: header("eventName"), body };
        self.lock().publish_as_is(event.clone());
        event
    }

    /// Any of the deeds.
    pub fn happen(&self, deed: &HappensNow) -> Result<Emitted, Refused> {
        use HappensNow as Now;
        match deed {
            Now::CreateWallet { seed } => self.create_wallet(seed),
            Now::CreateWalletWithAccounts { seed, welcome } => self.create_wallet_with_accounts(seed, welcome),
            Now::WriteConsumer { wallet, data } => self.write_consumer(wallet, data),
            Now::CreateCampaignAccounts { wallet, kinds } => self.create_campaign_accounts(wallet, kinds),
            Now::CreateAccounts { wallet, kinds } => self.create_accounts(wallet, kinds),
            Now::CreateSchemeAccount { wallet, tier } => self.create_scheme_account(wallet, tier.as_deref()),
            Now::JoinPlan { wallet, ends_at, entitlements } => self.join_plan(wallet, *ends_at, *entitlements),
            Now::CancelPlan { wallet } => self.cancel_plan(wallet),
            Now::Open { wallet, purchase } => self.open(wallet, purchase),
            Now::Settle { wallet, purchase } => self.settle(wallet, purchase),
            Now::FulfilInitial { wallet, purchase } => self.fulfil_initial(wallet, purchase),
            Now::FulfilMiddle { wallet, original, handed_over } => self.fulfil_middle(wallet, original, handed_over),
            Now::FulfilFinal { wallet, original, handed_over } => self.fulfil_final(wallet, original, handed_over),
            Now::Refund { wallet, original, refund } => self.refund(wallet, original, refund),
            Now::Spend { wallet, reference, points } => self.spend(wallet, reference, *points),
            Now::VoidSpend { wallet, original, reference } => self.void_spend(wallet, original, reference),
            Now::JoinTier { wallet, tier } => self.join_tier(wallet, tier),
            Now::MoveTier { wallet, tier } => self.move_tier(wallet, tier),
            Now::CreditTier { wallet, points, moves_to } => self.credit_tier(wallet, *points, moves_to.as_deref()),
            Now::DebitTier { wallet, points } => self.debit_tier(wallet, *points),
            Now::AdjustTier { wallet, points } => self.adjust_tier(wallet, *points),
            Now::DeleteWallet { wallet } => self.delete_wallet(wallet),
        }
    }
}
