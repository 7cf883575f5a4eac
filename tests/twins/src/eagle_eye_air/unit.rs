//! What a unit of AIR holds, and the small changes that calls and events are made of.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Map, Value, json};

use super::entities::{self, Entry, Movement, TierAction, TierEntry};
use super::envelope::{Entity, Operation};
use super::events::pos::Sale;
use super::events::spend::Spent;
use super::model::{
    Account, AccountKind, Consumer, Identity, Points, RewardView, SeedCampaign, SeedIdentity, SeedWallet, Standing,
    Tier, Wallet,
};
use crate::twin::{Refused, take};

/// What a unit of AIR holds.
pub(super) struct Unit {
    /// The instant of the current lock.
    pub now: Timestamp,
    pub wallets: BTreeMap<u64, Wallet>,
    /// By action reference.
    pub campaigns: BTreeMap<String, Campaign>,
    pub rewards: Vec<RewardView>,
    /// In the order of their making.
    pub transactions: Vec<Transaction>,
    /// Purchases at a till.
    pub sales: Vec<Sale>,
    pub spent: Vec<Spent>,
    pub ids: Ids,
}

pub(super) struct Campaign {
    pub id: u64,
    pub seed: SeedCampaign,
}

/// A wallet transaction, and how a look-up shows it.
pub(super) struct Transaction {
    pub movement: Movement,
    pub shown: Value,
}

/// What can happen to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happens {
    Create,
    Redeem,
    Unredeem,
    Earn,
    Credit,
    Debit,
    RefundDebit,
    Lock,
    Void,
    Cancel,
}

impl Happens {
    fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Redeem => "REDEEM",
            Self::Unredeem => "UNREDEEM",
            Self::Earn => "EARN",
            Self::Credit => "CREDIT",
            Self::Debit => "DEBIT",
            Self::RefundDebit => "REFUND_DEBIT",
            Self::Lock => "LOCK",
            Self::Void => "VOID",
            Self::Cancel => "CANCEL",
        }
    }
}

/// What changes of a tier membership.
#[derive(Default)]
pub(super) struct TierChange<'a> {
    pub points: i64,
    pub spend: i64,
    pub transactions: i64,
    pub tier_after: Option<&'a str>,
    pub wallet_transaction: Option<u64>,
}

impl Unit {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            now: Timestamp::UNIX_EPOCH,
            wallets: BTreeMap::new(),
            campaigns: BTreeMap::new(),
            rewards: Vec::new(),
            transactions: Vec::new(),
            sales: Vec::new(),
            spent: Vec::new(),
            ids: Ids::new(seed),
        }
    }

    /// The id of a wallet that is there and was not deleted.
    pub(super) fn known(&self, wallet: &str) -> Result<u64, Refused> {
        let id = wallet.parse().ok();
        let wallet = id.and_then(|id: u64| self.wallets.get(&id));
        match wallet.filter(|wallet| wallet.standing != Standing::Deleted) {
            Some(wallet) => Ok(wallet.id),
            None => Err(Refused::because("no such wallet")),
        }
    }

    /// By the value of any identity, without regard to case.
    pub(super) fn find(&self, value: &str) -> Option<(&Wallet, &Identity)> {
        let wanted = value.to_lowercase();
        let live = self.wallets.values().filter(|wallet| wallet.standing != Standing::Deleted);
        let mut all = live.flat_map(|wallet| wallet.identities.iter().map(move |identity| (wallet, identity)));
        all.find(|(_, identity)| identity.value.to_lowercase() == wanted)
    }

    /// Refused where a value is taken, also by a wallet that was deleted.
    pub(super) fn insert_wallet(&mut self, seed: &SeedWallet) -> Result<u64, Refused> {
        let mut values: Vec<String> = seed.identities.iter().map(|identity| identity.value.to_lowercase()).collect();
        values.sort();
        let twice = values.windows(2).any(|two| matches!(two, [one, other] if one == other));
        if twice || values.iter().any(|value| self.ids.reserved.contains_key(value)) {
            return Err(Refused::because("an identity has that value"));
        }
        let id = take(&mut self.ids.wallet);
        for value in values {
            self.ids.reserved.insert(value, id);
        }
        let identities = seed.identities.iter().map(|seed| self.identity(seed)).collect();
        let wallet = Wallet {
            id,
            standing: seed.standing,
            identities,
            accounts: Vec::new(),
            tier: None,
            consumer: None,
            created_at: self.now,
            updated_at: self.now,
        };
        self.wallets.insert(id, wallet);
        if let Some(points) = seed.points {
            self.add_points_account(id, points);
        }
        for _ in 0..seed.coupons {
            self.add_account(id, AccountKind::Ecoupon, Some("OFFER"), None);
        }
        if let Some(tier) = &seed.tier {
            self.add_tier(id, tier);
        }
        Ok(id)
    }

    fn identity(&mut self, seed: &SeedIdentity) -> Identity {
        Identity {
            id: take(&mut self.ids.identity),
            kind: seed.kind.clone(),
            value: seed.value.clone(),
            state: seed.state.clone(),
            status: seed.status.clone(),
            created_at: self.now,
            updated_at: self.now,
        }
    }

    /// The id of a new account, of a campaign of its own.
    pub(super) fn add_account(
        &mut self,
        wallet: u64,
        kind: AccountKind,
        client_type: Option<&'static str>,
        ends_at: Option<Timestamp>,
    ) -> u64 {
        let campaign = take(&mut self.ids.campaign);
        self.add_account_of(wallet, campaign, kind, client_type, ends_at)
    }

    pub(super) fn add_account_of(
        &mut self,
        wallet: u64,
        campaign: u64,
        kind: AccountKind,
        client_type: Option<&'static str>,
        ends_at: Option<Timestamp>,
    ) -> u64 {
        let id = take(&mut self.ids.account);
        let now = self.now;
        let points = Points::default();
        if let Some(holder) = self.wallets.get_mut(&wallet) {
            holder.accounts.push(Account {
                id,
                wallet,
                campaign,
                kind,
                client_type,
                status: "ACTIVE",
                ends_at,
                created_at: now,
                updated_at: now,
                points,
            });
        }
        id
    }

    /// The id of the wallet's new points account, with a balance.
    pub(super) fn add_points_account(&mut self, wallet: u64, points: i64) -> u64 {
        let id = self.add_account(wallet, AccountKind::Points, Some("RETAILPOINTS"), None);
        if let Some(account) = self.account_mut(wallet, id) {
            account.points = Points { current: points, lifetime: points, locked: 0 };
        }
        id
    }

    /// The wallet's points account, made where there is none.
    pub(super) fn points_account(&mut self, wallet: u64) -> u64 {
        let known = self.wallets.get(&wallet).and_then(|wallet| wallet.account(AccountKind::Points));
        match known.map(|account| account.id) {
            Some(id) => id,
            None => self.add_points_account(wallet, 0),
        }
    }

    pub(super) fn account_mut(&mut self, wallet: u64, account: u64) -> Option<&mut Account> {
        let wallet = self.wallets.get_mut(&wallet)?;
        wallet.accounts.iter_mut().find(|known| known.id == account)
    }

    pub(super) fn add_tier(&mut self, wallet: u64, tier: &str) {
        let (membership, now) = (take(&mut self.ids.tier_membership), self.now);
        if let Some(wallet) = self.wallets.get_mut(&wallet) {
            wallet.tier = Some(Tier {
                membership,
                tier: tier.to_owned(),
                points: 0,
                spend: 0,
                transactions: 0,
                created_at: now,
                updated_at: now,
            });
        }
    }

    /// Writes these members over those that the consumer has.
    pub(super) fn set_consumer(&mut self, wallet: u64, data: &Map<String, Value>) {
        let now = self.now;
        let Some(wallet) = self.wallets.get_mut(&wallet) else { return };
        let id = wallet.consumer.as_ref().map_or_else(|| take(&mut self.ids.consumer), |consumer| consumer.id);
        let known = wallet.consumer.take();
        let created_at = known.as_ref().map_or(now, |consumer| consumer.created_at);
        let mut whole = known.map(|consumer| consumer.data).unwrap_or_default();
        whole.extend(data.clone());
        wallet.consumer = Some(Consumer { id, data: whole, status: "ACTIVE", created_at, updated_at: now });
    }

    /// Lets it happen to the account. Answers its account transaction, which shows the account as it is left.
    pub(super) fn happen(&mut self, wallet: u64, account: u64, what: Happens, value: i64, details: Value) -> Value {
        let (id, at) = (take(&mut self.ids.account_transaction), self.now);
        let Some(account) = self.account_mut(wallet, account) else { return Value::Null };
        let before = account.points;
        account.updated_at = at;
        match what {
            Happens::Create => {}
            Happens::Redeem => account.status = "USED",
            Happens::Unredeem => account.status = "ACTIVE",
            Happens::Earn | Happens::Credit => {
                account.points.current += value;
                account.points.lifetime += value;
            }
            Happens::Debit | Happens::RefundDebit => account.points.current -= value,
            Happens::Lock => account.points.locked += value,
            Happens::Void => account.points.locked -= value,
            Happens::Cancel => account.status = "CANCELLED",
        }
        entities::account_transaction(&Entry { id, account, event: what.name(), value, before, details, at })
    }

    /// The operations of a change of the wallet's tier membership; none where it has no such membership.
    pub(super) fn change_tier(&mut self, wallet: u64, kind: &'static str, change: &TierChange<'_>) -> Vec<Operation> {
        let (id, at) = (take(&mut self.ids.tier_transaction), self.now);
        let Some(wallet) = self.wallets.get_mut(&wallet) else { return Vec::new() };
        let Some(tier) = &mut wallet.tier else { return Vec::new() };
        let changes = [
            ("points", change.points, &mut tier.points),
            ("spend", change.spend, &mut tier.spend),
            ("transactions", change.transactions, &mut tier.transactions),
        ];
        let mut actions = Vec::new();
        for (balance, amount, held) in changes {
            if amount != 0 {
                actions.push(TierAction { balance, amount, before: *held });
                *held += amount;
            }
        }
        let entry = TierEntry {
            id,
            membership: tier.membership,
            tier: &tier.tier.clone(),
            tier_after: change.tier_after,
            kind,
            wallet_transaction: change.wallet_transaction,
            actions,
            at,
        };
        tier.updated_at = at;
        if let Some(after) = change.tier_after {
            tier.tier = after.to_owned();
        }
        let mut operations = vec![Operation::create(Entity::TierTransaction, entities::tier_transaction(&entry))];
        if let Some(tier) = &wallet.tier {
            operations.push(Operation::update(Entity::TierMembership, entities::tier_membership(wallet, tier)));
        }
        operations
    }

    /// A new movement of the wallet now.
    pub(super) fn movement(
        &mut self,
        wallet: u64,
        reference: &str,
        kind: &'static str,
        status: &'static str,
    ) -> Movement {
        let identity = self.wallets.get(&wallet).and_then(|wallet| wallet.identities.first());
        Movement {
            identity: identity.map(|identity| identity.id),
            id: take(&mut self.ids.wallet_transaction),
            parent: 0,
            wallet,
            reference: reference.to_owned(),
            kind,
            status,
            accounts: Vec::new(),
            basket: entities::no_basket(),
            location: entities::nowhere(),
            at: self.now,
            updated_at: self.now,
        }
    }

    /// Keeps the movement as it stands now, for look-ups. Answers how it is shown.
    pub(super) fn keep(&mut self, movement: &Movement) -> Value {
        let shown = entities::wallet_transaction(movement);
        let kept = Transaction { movement: movement.clone(), shown: shown.clone() };
        match self.transactions.iter_mut().find(|known| known.movement.id == movement.id) {
            Some(known) => *known = kept,
            None => self.transactions.push(kept),
        }
        shown
    }

    /// From `walletEntity_<id>` to the identities of each.
    pub(super) fn enrichment(&self, wallets: &[u64]) -> Value {
        let entry = |id: &u64| {
            let wallet = self.wallets.get(id)?;
            let identities: Vec<Value> = match wallet.standing {
                Standing::Deleted => Vec::new(),
                Standing::Active | Standing::Suspended | Standing::Terminated => {
                    wallet.identities.iter().map(|identity| entities::identity(*id, identity)).collect()
                }
            };
            Some((format!("walletEntity_{id}"), json!({ "identities": identities })))
        };
        let all: Map<String, Value> = wallets.iter().filter_map(entry).collect();
        if all.is_empty() { json!([]) } else { Value::Object(all) }
    }
}

/// Deterministic ids of everything.
#[derive(Debug)]
pub(super) struct Ids {
    random: StdRng,
    pub wallet: u64,
    pub identity: u64,
    pub consumer: u64,
    pub campaign: u64,
    pub account: u64,
    pub account_transaction: u64,
    pub wallet_transaction: u64,
    pub tier_membership: u64,
    pub tier_transaction: u64,
    pub subscription: u64,
    master: u64,
    called: u64,
    /// Values of identities in lower case, of deleted wallets too.
    reserved: BTreeMap<String, u64>,
}

impl Ids {
    fn new(seed: u64) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed),
            wallet: 300_000_001,
            identity: 700_000_001,
            consumer: 600_000_001,
            campaign: 100_000_001,
            account: 8_000_000_001,
            account_transaction: 9_000_000_001,
            wallet_transaction: 500_000_001,
            tier_membership: 400_001,
            tier_transaction: 410_001,
            subscription: 1,
            master: 1,
            called: 1,
            reserved: BTreeMap::new(),
        }
    }

    pub(super) fn event(&mut self) -> String {
        uuid::Builder::from_random_bytes(self.random.random()).into_uuid().to_string()
    }

    /// Not a UUID.
    pub(super) fn master(&mut self) -> String {
        format!("ZzzTwinMaster{:08}", take(&mut self.master))
    }

    /// Of an answer.
    pub(super) fn called(&mut self) -> String {
        format!("twin-called-{:08}", take(&mut self.called))
    }

    /// A number that scrubs an identity.
    pub(super) fn scrub(&mut self) -> u32 {
        self.random.random()
    }
}
