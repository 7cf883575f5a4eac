//! What happened to coupons, points and subscriptions.

use jiff::Timestamp;

use super::entities::{
    Account, AccountEvent, AccountTransaction, AccountType, Action, Entity, Operation, TransactionType,
};
use super::names::Call;
use super::notes::Notes;
use super::telling::{Properties, Reading, Told};
use super::wallets::Wallet;
use super::{Kind, Moment, Points, Subscription, SubscriptionState, time};

/// A coupon that comes with a subscription, and is no gift of its own.
const ENTITLEMENT: &str = "ENTITLEMENT";

pub(super) fn tell(wallet: &Wallet<'_>, reading: &Reading<'_>) -> Vec<Told> {
    let mut awards = Awards::of(wallet, reading);
    let spends = Spends::of(wallet, reading);
    let tell = |(index, action, one): (usize, Action, &AccountTransaction)| {
        let at = one.at().unwrap_or(reading.occurred_at);
        let told = |kind, properties| {
            let id = one.id.as_deref().or(one.account.id.as_deref());
            Some(Told::of_account(kind, id, index, at, properties))
        };
        let is_new = action == Action::Create && one.event == AccountEvent::Create;
        match one.account.kind {
            AccountType::Coupon if is_new && one.account.client_type.as_deref() != Some(ENTITLEMENT) => {
                told(Kind::CouponReceived, properties(&one.account).with_time("end_date", one.account.ends))
            }
            AccountType::Subscription if is_new => told(Kind::SubscriptionJoined, of_subscription(&one.account)),
            AccountType::Subscription if one.event == AccountEvent::Cancel => {
                told(Kind::SubscriptionCancelled, of_subscription(&one.account))
            }
            AccountType::Points => match one.event {
                AccountEvent::Credit => told(Kind::PointsAwarded, awards.take(one)?),
                AccountEvent::Lock if spends.any => told(Kind::PointsSpent, points_spent(one)),
                AccountEvent::Spend if spends.is_at_once(one) => told(Kind::PointsSpent, points_spent(one)),
                AccountEvent::Void if spends.any => told(Kind::PointsSpendVoided, points_spent(one)),
                AccountEvent::Create
                | AccountEvent::Redeem
                | AccountEvent::Unredeem
                | AccountEvent::Lock
                | AccountEvent::Spend
                | AccountEvent::Void
                | AccountEvent::Cancel
                | AccountEvent::Other => None,
            },
            AccountType::Coupon | AccountType::BehaviouralAction | AccountType::Subscription | AccountType::Other => {
                None
            }
        }
    };
    wallet.account_transactions().into_iter().filter_map(tell).collect()
}

pub(super) fn properties(account: &Account) -> Properties {
    let properties = Properties::default().with("campaign_id", account.campaign_id.as_deref());
    properties.with("account_id", account.id.as_deref())
}

fn of_subscription(account: &Account) -> Properties {
    properties(account).with_time("expiry_date", account.ends)
}

fn points_spent(transaction: &AccountTransaction) -> Properties {
    Properties::default().with("pointsSpent", transaction.value)
}

/// Points that a trigger gave: all that it credits, and elsewhere a credit beside the use of a behavioural action that
/// was made for it. A credit at a till is part of its purchase.
struct Awards<'a> {
    is_trigger: bool,
    /// The uses whose credit was not seen yet.
    uses: Vec<&'a AccountTransaction>,
}

impl<'a> Awards<'a> {
    fn of(wallet: &'a Wallet<'_>, reading: &Reading<'_>) -> Self {
        let uses: Vec<&AccountTransaction> = wallet
            .account_transactions()
            .into_iter()
            .filter(|(_, action, _)| *action == Action::Create)
            .map(|(_, _, one)| one)
            .filter(|one| one.account.kind == AccountType::BehaviouralAction && one.event == AccountEvent::Redeem)
            .collect();
        let is_trigger = reading.call == Call::Trigger || has_transaction(wallet, TransactionType::BehaviouralAction);
        Self { is_trigger, uses }
    }

    /// The account is the one that the points went to, the campaign the one that gave them: that of the behavioural
    /// action of the same worth.
    fn take(&mut self, credit: &AccountTransaction) -> Option<Properties> {
        let giver = self.uses.iter().position(|one| one.value == credit.value).map(|at| self.uses.remove(at));
        if giver.is_none() && !self.is_trigger {
            return None;
        }
        let campaign_id = giver.and_then(|giver| giver.account.campaign_id.as_deref());
        let properties = Properties::default().with("points", credit.value);
        let properties = properties.with("campaign_id", campaign_id.or(credit.account.campaign_id.as_deref()));
        Some(properties.with("account_id", credit.account.id.as_deref()))
    }
}

fn has_transaction(wallet: &Wallet<'_>, kind: TransactionType) -> bool {
    let is_one = |operation: &Operation<'_>| matches!(&operation.entity, Entity::Transaction(one) if one.kind == kind);
    wallet.written().any(is_one)
}

/// Points are locked when they are spent, and taken when the purchase is settled, by then with the lock as the parent:
/// one spending. Without a lock they are taken at once.
struct Spends<'a> {
    any: bool,
    locked: Vec<Option<&'a str>>,
}

impl<'a> Spends<'a> {
    fn of(wallet: &'a Wallet<'_>, reading: &Reading<'_>) -> Self {
        let any = reading.call == Call::Spend || has_transaction(wallet, TransactionType::Spend);
        let transactions = wallet.account_transactions().into_iter();
        let locks = transactions.filter(|(_, _, one)| one.event == AccountEvent::Lock);
        Self { any, locked: locks.map(|(_, _, one)| one.account.id.as_deref()).collect() }
    }

    fn is_at_once(&self, transaction: &AccountTransaction) -> bool {
        transaction.parent_id.is_none() && !self.locked.contains(&transaction.account.id.as_deref())
    }
}

/// Accounts as they are after each operation.
fn accounts<'a>(wallet: &'a Wallet<'_>) -> impl Iterator<Item = (&'a Account, Option<&'a AccountTransaction>)> {
    wallet.written().filter_map(|operation| match &operation.entity {
        Entity::AccountTransaction(one) => Some((&one.account, Some(one))),
        Entity::Account(account) => Some((account, None)),
        Entity::Wallet { .. }
        | Entity::Identity(_)
        | Entity::Transaction(_)
        | Entity::Tier(_)
        | Entity::TierTransaction(_)
        | Entity::Untold => None,
    })
}

fn moment_of(account: &Account, transaction: Option<&AccountTransaction>, occurred_at: Timestamp) -> Moment {
    let own = account.last_updated.or_else(|| transaction.and_then(|one| one.last_updated.or(one.created)));
    let id = transaction.and_then(|one| one.id.as_deref());
    own.map_or(occurred_at, |time| time::ordered(time, id))
}

/// Balances: the last operation on an account has the last word, and is as new as any before it.
pub(super) fn points(wallet: &Wallet<'_>, reading: &Reading<'_>, notes: &mut Notes) -> Vec<Points> {
    let mut points: Vec<Points> = Vec::new();
    for (account, transaction) in accounts(wallet).filter(|(account, _)| account.kind == AccountType::Points) {
        let Some(account_id) = account.id.clone() else {
            notes.no_account();
            continue;
        };
        let Some(current) = account.current else { continue };
        let moment = moment_of(account, transaction, reading.occurred_at);
        let campaign_id = account.campaign_id.clone();
        match points.iter_mut().find(|known| known.account_id == account_id) {
            Some(known) => {
                known.current = current;
                known.campaign_id = campaign_id.or(known.campaign_id.take());
                known.moment = known.moment.max(moment);
            }
            None => points.push(Points { account_id, campaign_id, current, moment }),
        }
    }
    points
}

/// Subscriptions as they are after the event.
pub(super) fn subscriptions(wallet: &Wallet<'_>, reading: &Reading<'_>, notes: &mut Notes) -> Vec<Subscription> {
    let mut subscriptions: Vec<Subscription> = Vec::new();
    for (account, transaction) in accounts(wallet).filter(|(account, _)| account.kind == AccountType::Subscription) {
        let Some(account_id) = account.id.clone() else {
            notes.no_account();
            continue;
        };
        let is_cancelled = account.is_cancelled || transaction.is_some_and(|one| one.event == AccountEvent::Cancel);
        let state =
            if is_cancelled { SubscriptionState::Cancelled } else { SubscriptionState::Active { ends: account.ends } };
        let moment = moment_of(account, transaction, reading.occurred_at);
        let campaign_id = account.campaign_id.clone();
        match subscriptions.iter_mut().find(|known| known.account_id == account_id) {
            Some(known) => {
                known.state = state;
                known.campaign_id = campaign_id.or(known.campaign_id.take());
                known.moment = known.moment.max(moment);
            }
            None => subscriptions.push(Subscription { account_id, campaign_id, state, moment }),
        }
    }
    subscriptions
}
