//! How AIR writes what it knows (vendor file 4 and 8.2): ids as strings, dates with `+00:00`, maps that are empty
//! as `[]`, which `envelope::with_maps` may change.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::model::{Account, AccountKind, Consumer, Identity, Points, Standing, Tier, Wallet};

/// Of what never ends.
const NEVER: &str = "2038-01-19T03:14:07+00:00";

pub(super) fn date(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

pub(super) fn wallet(wallet: &Wallet) -> Value {
    let status = match wallet.standing {
        Standing::Active => "ACTIVE",
        Standing::Suspended => "SUSPENDED",
        Standing::Terminated => "TERMINATED",
        Standing::Deleted => "DELETED",
    };
    json!({
        "walletId": wallet.id.to_string(),
        "friendlyName": null,
        "status": status,
        "type": "CONSUMER",
        "state": "DEFAULT",
        "meta": [],
        "dateCreated": date(wallet.created_at),
        "lastUpdated": date(wallet.updated_at),
        "relationships": { "parent": [], "child": [], "associate": [], "donor": [] },
    })
}

pub(super) fn identity(wallet: u64, identity: &Identity) -> Value {
    json!({
        "identityId": identity.id.to_string(),
        "walletId": wallet.to_string(),
        "type": identity.kind,
        "friendlyName": null,
        "value": identity.value,
        "safeValue": null,
        "secret": null,
        "dates": { "start": date(identity.created_at), "end": null },
        "meta": [],
        "state": identity.state,
        "status": identity.status,
        "dateCreated": date(identity.created_at),
        "lastUpdated": date(identity.updated_at),
        "mobileWallet": format!("https://wallet.example/{}", identity.id),
    })
}

pub(super) fn consumer(wallet: u64, consumer: &Consumer) -> Value {
    let data = if consumer.data.is_empty() { json!([]) } else { json!(consumer.data) };
    json!({
        "consumerId": consumer.id.to_string(),
        "walletId": wallet.to_string(),
        "friendlyName": "",
        "type": "INDIVIDUAL",
        "state": "DEFAULT",
        "status": consumer.status,
        "data": data,
        "meta": [],
        "dateCreated": date(consumer.created_at),
        "lastUpdated": date(consumer.updated_at),
    })
}

pub(super) fn account(account: &Account) -> Value {
    json!({
        "accountId": account.id.to_string(),
        "walletId": account.wallet.to_string(),
        "campaignId": account.campaign.to_string(),
        "type": account.kind.name(),
        "clientType": account.client_type,
        "status": account.status,
        "state": "LOADED",
        "dates": {
            "start": date(account.created_at),
            "end": account.ends_at.map_or_else(|| NEVER.to_owned(), date),
        },
        "meta": [],
        "dateCreated": date(account.created_at),
        "lastUpdated": date(account.updated_at),
        "overrides": [],
        "balances": balances(account),
        "relationships": [],
        "mobileWallet": null,
    })
}

fn balances(account: &Account) -> Value {
    match account.kind {
        AccountKind::Points => {
            let Points { current, lifetime, locked } = account.points;
            json!({
                "current": current,
                "usable": current - locked,
                "lifetime": lifetime,
                "pending": 0,
                "locked": locked,
                "lifetimeSpend": 0,
                "lifetimeSpendValue": 0,
            })
        }
        AccountKind::StandardSubscription => Value::Null,
        AccountKind::Ecoupon
        | AccountKind::BehaviouralAction
        | AccountKind::Continuity
        | AccountKind::Quest
        | AccountKind::CouponStampCard => plain_balances(),
    }
}

fn plain_balances() -> Value {
    json!({ "available": 0, "refundable": 0 })
}

/// Something that happened to an account, which stands as it was left.
pub(super) struct Entry<'a> {
    pub id: u64,
    pub account: &'a Account,
    pub event: &'static str,
    pub value: i64,
    pub before: Points,
    pub details: Value,
    pub at: Timestamp,
}

pub(super) fn account_transaction(entry: &Entry<'_>) -> Value {
    let Entry { id, account: of, event, value, before, details, at } = entry;
    let [before, after] = match of.kind {
        // The lifetime in these two is the one before, as in captures.
        AccountKind::Points => [before.current, of.points.current]
            .map(|current| json!({ "current": current, "lifetime": before.lifetime })),
        AccountKind::StandardSubscription => [json!([]), json!([])],
        AccountKind::Ecoupon
        | AccountKind::BehaviouralAction
        | AccountKind::Continuity
        | AccountKind::Quest
        | AccountKind::CouponStampCard => [plain_balances(), plain_balances()],
    };
    json!({
        "accountTransactionId": id.to_string(),
        "parentAccountTransactionId": "",
        "accountId": of.id.to_string(),
        "account": account(of),
        "event": event,
        "value": value,
        "source": 1,
        "balancesBefore": before,
        "balancesAfter": after,
        "transactionDetails": details,
        "properties": [],
        "dateCreated": date(*at),
        "lastUpdated": date(*at),
    })
}

/// What happened to a wallet's accounts at once.
#[derive(Debug, Clone)]
pub(super) struct Movement {
    pub id: u64,
    /// 0 for none.
    pub parent: u64,
    pub wallet: u64,
    pub identity: Option<u64>,
    pub reference: String,
    pub kind: &'static str,
    pub status: &'static str,
    /// As they are to be shown.
    pub accounts: Vec<Value>,
    pub basket: Value,
    pub location: Value,
    pub at: Timestamp,
    pub updated_at: Timestamp,
}

pub(super) fn no_basket() -> Value {
    json!({ "contents": null, "summary": null, "payment": null })
}

pub(super) fn nowhere() -> Value {
    json!({ "storeId": null, "storeParentId": null })
}

pub(super) fn wallet_transaction(movement: &Movement) -> Value {
    json!({
        "walletTransactionId": movement.id.to_string(),
        "parentWalletTransactionId": movement.parent.to_string(),
        "walletId": movement.wallet.to_string(),
        "reference": movement.reference,
        "transactionDateTime": date(movement.at),
        "transactionDateTimeOffset": "+00:00",
        "identityId": movement.identity.map(|id| id.to_string()),
        "identity": null,
        "type": movement.kind,
        "status": movement.status,
        "meta": null,
        "state": "ORIGINAL",
        "expiryDate": null,
        "accounts": movement.accounts,
        "basket": movement.basket,
        "channel": null,
        "location": movement.location,
        "dateCreated": date(movement.at),
        "lastUpdated": date(movement.updated_at),
    })
}

/// Of an account transaction, as a wallet transaction in an event shows it.
pub(super) fn link(account_transaction: &Value) -> Value {
    json!({
        "accountId": account_transaction["accountId"],
        "accountTransactionId": account_transaction["accountTransactionId"],
    })
}

pub(super) fn tier_membership(wallet: &Wallet, tier: &Tier) -> Value {
    let points = wallet.account(AccountKind::Points);
    let accounts: Vec<String> = points.iter().map(|account| account.id.to_string()).collect();
    json!({
        "tierMembershipId": tier.membership.to_string(),
        "tierId": tier.tier,
        "status": "ACTIVE",
        "accountIds": accounts,
        "balances": { "points": tier.points, "spend": tier.spend, "transactions": tier.transactions },
        "expiryDate": null,
        "tierBalancesResetDate": "2027-01-01T00:00:00+00:00",
        "dateCreated": date(tier.created_at),
        "lastUpdated": date(tier.updated_at),
    })
}

/// A balance of a tier membership before and after.
pub(super) struct TierAction {
    pub balance: &'static str,
    pub amount: i64,
    pub before: i64,
}

pub(super) struct TierEntry<'a> {
    pub id: u64,
    pub membership: u64,
    pub tier: &'a str,
    pub tier_after: Option<&'a str>,
    pub kind: &'static str,
    pub wallet_transaction: Option<u64>,
    pub actions: Vec<TierAction>,
    pub at: Timestamp,
}

pub(super) fn tier_transaction(entry: &TierEntry<'_>) -> Value {
    let action = |action: &TierAction| {
        json!({
            "balanceType": action.balance,
            "amount": action.amount,
            "balanceBefore": action.before,
            "balanceAfter": action.before + action.amount,
        })
    };
    json!({
        "tierMembershipTransactionId": entry.id.to_string(),
        "tierId": entry.tier,
        "tierIdAfter": entry.tier_after,
        "tierMembershipId": entry.membership.to_string(),
        "transactionType": entry.kind,
        "parentTierMembershipTransactionId": null,
        "walletTransactionId": entry.wallet_transaction.map(|id| id.to_string()),
        "dateCreated": date(entry.at),
        "lastUpdated": date(entry.at),
        "actions": entry.actions.iter().map(action).collect::<Vec<_>>(),
    })
}

/// What a transaction gave, in `basket.summary`.
pub(super) fn points_given(earn: i64, credit: i64) -> Value {
    json!({
        "spend": 0,
        "debit": 0,
        "refund": 0,
        "totalPointsTaken": 0,
        "earn": earn,
        "credit": credit,
        "totalPointsGiven": earn + credit,
        "totalMonetaryValue": 0,
    })
}
