//! Tiers: who is in which, and what counts towards the next.

use super::entities::{Entity, Operation, Tier as TierEntity, TierTransaction};
use super::fields::Fields;
use super::names::Call;
use super::telling::{Properties, Reading, Told};
use super::wallets::Wallet;
use super::{Kind, Moment, Tier, time};

/// The tier after the event, and whether it was an event of it.
pub(super) fn read(wallet: &Wallet<'_>, reading: &Reading<'_>) -> (Option<Tier>, Option<Told>) {
    let entities: Vec<(usize, &TierEntity<'_>)> = wallet.written().filter_map(tier).collect();
    let transactions: Vec<(usize, &TierTransaction<'_>)> = wallet.written().filter_map(tier_transaction).collect();
    let moment = moment(&entities, &transactions).unwrap_or(reading.occurred_at);
    let read = match entities.last() {
        Some((index, entity)) => {
            let mut later = transactions.iter().filter(|(later, one)| later > index && one.is_move());
            let moved = later.next_back().and_then(|(_, one)| one.tier_id_after.clone());
            Some(of_entity(entity, moved, moment))
        }
        None => (!transactions.is_empty()).then(|| of_transactions(&transactions, moment)),
    };
    // At a till what was bought counts towards the next tier, which is no news by itself.
    let is_news = reading.call == Call::TierMembership || transactions.iter().any(|(_, one)| one.is_move());
    let told = transactions.last().filter(|_| is_news).map(|(index, last)| {
        let at = last.created.or(last.last_updated).unwrap_or(reading.occurred_at);
        let properties = read.as_ref().map(|tier| properties(tier, reading)).unwrap_or_default();
        Told::of_wallet(Kind::TierChanged, *index, at, properties)
    });
    (read, told)
}

fn tier<'a>(operation: &'a Operation<'_>) -> Option<(usize, &'a TierEntity<'a>)> {
    if let Entity::Tier(tier) = &operation.entity { Some((operation.index, tier)) } else { None }
}

fn tier_transaction<'a>(operation: &'a Operation<'_>) -> Option<(usize, &'a TierTransaction<'a>)> {
    if let Entity::TierTransaction(one) = &operation.entity { Some((operation.index, one)) } else { None }
}

/// The membership keeps its old time when only its balances change, so that the transactions are asked as well.
fn moment(entities: &[(usize, &TierEntity<'_>)], transactions: &[(usize, &TierTransaction<'_>)]) -> Option<Moment> {
    let of_tiers = entities.iter().filter_map(|(_, tier)| Some(time::ordered(tier.last_updated?, None)));
    let of_transactions = transactions
        .iter()
        .filter_map(|(_, one)| Some(time::ordered(one.last_updated.or(one.created)?, one.id.as_deref())));
    of_tiers.chain(of_transactions).max()
}

/// The membership as it is written, in the tier that it was moved to after that.
fn of_entity(tier: &TierEntity<'_>, moved: Option<String>, moment: Moment) -> Tier {
    let [points, spend, transactions] = ["points", "spend", "transactions"].map(|name| tier.balances.integer(name));
    let resets_at = tier.resets_at.map(str::to_owned);
    Tier { tier_id: moved.or_else(|| tier.tier_id.clone()), points, spend, transactions, resets_at, moment }
}

fn of_transactions(transactions: &[(usize, &TierTransaction<'_>)], moment: Moment) -> Tier {
    let last_of = |balance: &str| {
        let actions = transactions.iter().flat_map(|(_, one)| one.actions).map(|json| Fields::of(Some(json)));
        let mut of_balance = actions.filter(|action| action.text("balanceType") == Some(balance));
        of_balance.next_back()?.integer("balanceAfter")
    };
    let moved = transactions.iter().rev().find_map(|(_, one)| one.tier_id_after.clone());
    let stayed = transactions.iter().rev().find_map(|(_, one)| one.tier_id.clone());
    Tier {
        tier_id: moved.or(stayed),
        points: last_of("POINTS"),
        spend: last_of("SPEND"),
        transactions: last_of("TRANSACTIONS"),
        resets_at: None,
        moment,
    }
}

fn properties(tier: &Tier, reading: &Reading<'_>) -> Properties {
    Properties::default()
        .with("tierId", tier.tier_id.as_deref())
        .with("tierBalancesPoints", tier.points)
        .with_amount("tierBalancesSpend", tier.spend, reading)
        .with("tierBalancesTransactions", tier.transactions)
        .with("tierBalancesResetDate", tier.resets_at.as_deref())
}
