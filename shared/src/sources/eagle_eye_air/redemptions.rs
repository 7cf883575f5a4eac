//! Coupons that were used, and uses that were undone.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::entities::{Account, AccountEvent, AccountTransaction, AccountType, Action};
use super::notes::Notes;
use super::telling::{Reading, Told};
use super::wallets::Wallet;
use super::{Kind, accounts};
use crate::model::source_format::Redemptions;

fn counts(rule: Redemptions, action: Action, account: &Account) -> bool {
    match rule {
        Redemptions::Wide => true,
        Redemptions::Narrow => {
            action == Action::Update && account.kind == AccountType::Coupon && account.client_type.is_some()
        }
    }
}

/// What was redeemed and given back of one account.
struct Balance {
    account_type: AccountType,
    redeemed: i64,
    unredeemed: i64,
    redeems: u64,
    unredeems: u64,
    /// The last operation that gave something back.
    given_back_at: usize,
}

impl Balance {
    fn of(account_type: AccountType) -> Self {
        Self { account_type, redeemed: 0, unredeemed: 0, redeems: 0, unredeems: 0, given_back_at: 0 }
    }

    fn add(&mut self, index: usize, transaction: &AccountTransaction) {
        let value = transaction.value.unwrap_or_default();
        if transaction.event == AccountEvent::Unredeem {
            self.unredeemed = self.unredeemed.saturating_add(value);
            self.unredeems += 1;
            self.given_back_at = index;
        } else {
            self.redeemed = self.redeemed.saturating_add(value);
            self.redeems += 1;
        }
    }

    fn value_given_back(&self) -> i64 {
        self.unredeemed.saturating_sub(self.redeemed)
    }

    /// A coupon may be worth nothing; then it counts how often.
    fn outcome(&self) -> Option<(Kind, i64)> {
        let value = self.value_given_back();
        match value.cmp(&0).then(self.unredeems.cmp(&self.redeems)) {
            Ordering::Greater => Some((Kind::CouponUnredeemed, value)),
            Ordering::Less => Some((Kind::CouponRedeemed, value.saturating_neg())),
            Ordering::Equal => None,
        }
    }
}

/// Coupons that were used, or given back: a refund first gives back the whole use of a coupon and then redeems what
/// stays redeemed, so the two are one happening.
pub(super) struct CouponUses<'a> {
    counted: Vec<(usize, &'a AccountTransaction)>,
    /// By account, of those that gave something back.
    balances: BTreeMap<&'a str, Balance>,
}

impl<'a> CouponUses<'a> {
    pub(super) fn of(wallet: &'a Wallet<'_>, reading: &Reading<'_>, notes: &mut Notes) -> Self {
        let mut counted = Vec::new();
        for (index, action, one) in wallet.account_transactions() {
            if !matches!(one.event, AccountEvent::Redeem | AccountEvent::Unredeem) {
                continue;
            }
            if counts(reading.redemptions, action, &one.account) {
                counted.push((index, one));
            } else if one.event == AccountEvent::Redeem {
                notes.redeem_not_counted(one.account.kind_name.as_deref());
            }
        }
        let mut balances: BTreeMap<&str, Balance> = BTreeMap::new();
        for (index, one) in &counted {
            if let Some(id) = one.account.id.as_deref() {
                let balance = balances.entry(id).or_insert_with(|| Balance::of(one.account.kind));
                balance.add(*index, one);
            }
        }
        balances.retain(|_, balance| balance.unredeems > 0);
        Self { counted, balances }
    }

    /// What all coupons together were worth that were given back, in minor units.
    pub(super) fn coupons_given_back(&self) -> i64 {
        let coupons = self.balances.values().filter(|balance| balance.account_type == AccountType::Coupon);
        coupons.map(Balance::value_given_back).fold(0, i64::saturating_add)
    }

    pub(super) fn tell(&self, reading: &Reading<'_>) -> Vec<Told> {
        let tell = |(index, one): &(usize, &AccountTransaction)| {
            let balance = one.account.id.as_deref().and_then(|id| self.balances.get(id));
            let (kind, value) = match balance {
                Some(balance) if balance.given_back_at == *index => {
                    let (kind, value) = balance.outcome()?;
                    (kind, Some(value))
                }
                Some(_) => return None,
                None if one.event == AccountEvent::Unredeem => (Kind::CouponUnredeemed, one.value),
                None => (Kind::CouponRedeemed, one.value),
            };
            let properties =
                accounts::properties(&one.account).with_amount("value", value, reading).with_currency(reading);
            let id = one.id.as_deref().or(one.account.id.as_deref());
            Some(Told::of_account(kind, id, *index, one.at().unwrap_or(reading.occurred_at), properties))
        };
        self.counted.iter().filter_map(tell).collect()
    }
}
