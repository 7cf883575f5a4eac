//! Wallets, consumers and accounts are made.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::entry_created;
use crate::eagle_eye_air::entities;
use crate::eagle_eye_air::envelope::{ApiCall, Entity, Operation};
use crate::eagle_eye_air::model::{AccountKind, SeedWallet};
use crate::eagle_eye_air::unit::{Happens, Unit};
use crate::twin::Refused;

/// What a new wallet gets besides identities.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Welcome {
    /// Accounts of these kinds, in their order.
    pub accounts: Vec<AccountKind>,
    /// Members of the consumer's `data`: `personal`, `address`, `contact`, `communication`; none for no consumer.
    pub consumer: Map<String, Value>,
}

/// A number that stands for the scheme, the campaign or the plan in a path.
const SCHEME: u64 = 200_001;

impl Unit {
    /// `SERVICE.WALLET.CREATE`: the seed's identities only.
    pub(crate) fn create_wallet(&mut self, seed: &SeedWallet) -> Result<ApiCall, Refused> {
        let bare = SeedWallet { points: None, tier: None, coupons: 0, ..seed.clone() };
        let id = self.insert_wallet(&bare)?;
        Ok(ApiCall {
            request: Some(json!({ "identities": sent_identities(seed) })),
            response: self.wallets.get(&id).map(entities::wallet),
            operations: self.made(id),
            wallets: vec![id],
            ..ApiCall::wallet("SERVICE.WALLET.CREATE", "POST", "/services/wallet")
        })
    }

    /// `SERVICE.WALLET.ACCOUNTS.CREATE`: with points, tier and coupons of the seed, and what else is welcome.
    pub(crate) fn create_wallet_with_accounts(
        &mut self,
        seed: &SeedWallet,
        welcome: &Welcome,
    ) -> Result<ApiCall, Refused> {
        let id = self.insert_wallet(&SeedWallet { points: None, tier: None, coupons: 0, ..seed.clone() })?;
        let mut operations = self.made(id);
        let coupons = std::iter::repeat_n(AccountKind::Ecoupon, seed.coupons);
        for kind in coupons.chain(welcome.accounts.iter().copied()) {
            operations.push(self.give(id, kind));
        }
        if let Some(points) = seed.points {
            let account = self.add_points_account(id, points);
            operations.push(entry_created(self.happen(id, account, Happens::Create, points, json!([]))));
        }
        if let Some(tier) = &seed.tier {
            self.add_tier(id, tier);
            operations.extend(self.tier_made(id));
        }
        if !welcome.consumer.is_empty() {
            self.set_consumer(id, &welcome.consumer);
            operations.extend(self.consumer_operation(id, Operation::create));
        }
        Ok(ApiCall {
            request: Some(json!({ "wallet": { "identities": sent_identities(seed) }, "consumer": welcome.consumer })),
            response: self.wallets.get(&id).map(entities::wallet),
            operations,
            wallets: vec![id],
            ..ApiCall::wallet("SERVICE.WALLET.ACCOUNTS.CREATE", "POST", "/services/wallet/accounts")
        })
    }

    /// `WALLET.CONSUMER.CREATE`, or `.UPDATE` where there is a consumer.
    pub(crate) fn write_consumer(&mut self, wallet: &str, data: &Map<String, Value>) -> Result<ApiCall, Refused> {
        let id = self.known(wallet)?;
        let is_new = self.wallets.get(&id).is_some_and(|wallet| wallet.consumer.is_none());
        self.set_consumer(id, data);
        let path = format!("/wallet/{id}/consumer");
        let (call, verb): (_, fn(Entity, Value) -> Operation) = if is_new {
            (ApiCall::wallet("WALLET.CONSUMER.CREATE", "POST", path), Operation::create)
        } else {
            (ApiCall::wallet("WALLET.CONSUMER.UPDATE", "PATCH", path), Operation::update)
        };
        let consumer = self.wallets.get(&id).and_then(|wallet| wallet.consumer.as_ref());
        Ok(ApiCall {
            request: Some(json!({ "data": data })),
            response: consumer.map(|consumer| entities::consumer(id, consumer)),
            operations: self.consumer_operation(id, verb).into_iter().collect(),
            wallets: vec![id],
            ..call
        })
    }

    /// `WALLET.ACCOUNT.CREATE.CAMPAIGN`: an account of each kind.
    pub(crate) fn create_campaign_accounts(&mut self, wallet: &str, kinds: &[AccountKind]) -> Result<ApiCall, Refused> {
        let id = self.known(wallet)?;
        let operations: Vec<Operation> = kinds.iter().map(|kind| self.give(id, *kind)).collect();
        let accounts = self.wallets.get(&id).map(|wallet| wallet.accounts.as_slice()).unwrap_or_default();
        let made: Vec<Value> =
            accounts.iter().skip(accounts.len().saturating_sub(kinds.len())).map(entities::account).collect();
        let (path, response) = match accounts.last().filter(|_| kinds.len() == 1) {
            Some(only) => {
                (format!("/wallet/{id}/campaign/{}/account", only.campaign), made.first().cloned().unwrap_or_default())
            }
            None => {
                let failed = json!({ "total": 0, "results": [] });
                let successful = json!({ "total": made.len(), "results": made });
                let whole = json!({ "total": made.len(), "results": [], "successful": successful, "failed": failed });
                (format!("/wallet/{id}/campaigns/accounts"), whole)
            }
        };
        Ok(ApiCall {
            request: Some(json!({ "status": "ACTIVE", "state": "LOADED" })),
            response: Some(response),
            operations,
            wallets: vec![id],
            ..ApiCall::wallet("WALLET.ACCOUNT.CREATE.CAMPAIGN", "POST", path)
        })
    }

    /// `WALLET.ACCOUNT.CREATE`, as that of campaigns.
    pub(crate) fn create_accounts(&mut self, wallet: &str, kinds: &[AccountKind]) -> Result<ApiCall, Refused> {
        Ok(ApiCall { event: "WALLET.ACCOUNT.CREATE", ..self.create_campaign_accounts(wallet, kinds)? })
    }

    /// `WALLET.ACCOUNT.CREATE.SCHEME`: a points account, and a tier membership where a tier is given.
    pub(crate) fn create_scheme_account(&mut self, wallet: &str, tier: Option<&str>) -> Result<ApiCall, Refused> {
        let id = self.known(wallet)?;
        let account = self.points_account(id);
        let mut operations = vec![entry_created(self.happen(id, account, Happens::Create, 0, json!([])))];
        if let Some(tier) = tier {
            self.add_tier(id, tier);
            operations.extend(self.tier_made(id));
        }
        Ok(ApiCall {
            request: Some(json!({ "status": "ACTIVE", "state": "LOADED" })),
            response: self.account_mut(id, account).map(|account| entities::account(account)),
            operations,
            wallets: vec![id],
            ..ApiCall::wallet("WALLET.ACCOUNT.CREATE.SCHEME", "POST", format!("/wallet/{id}/scheme/{SCHEME}/account"))
        })
    }

    fn give(&mut self, wallet: u64, kind: AccountKind) -> Operation {
        let client_type = match kind {
            AccountKind::Points => "RETAILPOINTS",
            AccountKind::Ecoupon => "OFFER",
            AccountKind::BehaviouralAction => "BEHAVIOURAL_ACTION",
            AccountKind::StandardSubscription => "SUBSCRIPTION",
            AccountKind::Continuity => "CONTINUITY",
            AccountKind::Quest => "QUEST",
            AccountKind::CouponStampCard => "STAMP_CARD",
        };
        let account = self.add_account(wallet, kind, Some(client_type), None);
        entry_created(self.happen(wallet, account, Happens::Create, 0, json!([])))
    }

    /// The wallet and its identities.
    fn made(&self, id: u64) -> Vec<Operation> {
        let Some(wallet) = self.wallets.get(&id) else { return Vec::new() };
        let identities = wallet.identities.iter().map(|identity| entities::identity(id, identity));
        std::iter::once(Operation::create(Entity::Wallet, entities::wallet(wallet)))
            .chain(identities.map(|identity| Operation::create(Entity::Identity, identity)))
            .collect()
    }

    pub(crate) fn tier_made(&self, id: u64) -> Option<Operation> {
        let wallet = self.wallets.get(&id)?;
        let membership = entities::tier_membership(wallet, wallet.tier.as_ref()?);
        Some(Operation::create(Entity::TierMembership, membership))
    }

    fn consumer_operation(&self, id: u64, verb: fn(Entity, Value) -> Operation) -> Option<Operation> {
        let consumer = self.wallets.get(&id)?.consumer.as_ref()?;
        Some(verb(Entity::Consumer, entities::consumer(id, consumer)))
    }
}

fn sent_identities(seed: &SeedWallet) -> Vec<Value> {
    seed.identities.iter().map(|identity| json!({ "type": identity.kind, "value": identity.value })).collect()
}
