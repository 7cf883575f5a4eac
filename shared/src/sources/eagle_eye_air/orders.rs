//! Purchases: settled at once, handed over in parts, returned.

use serde_json::Value as Json;

use super::Kind;
use super::entities::{Entity, Operation, Transaction, TransactionStatus, TransactionType};
use super::fields::{Fields, integer};
use super::names::Call;
use super::notes::Notes;
use super::telling::{Properties, Reading, Told};
use super::wallets::Wallet;

/// The purchase that the event is about, if it is about one: as the operations tell it, or as the till was told.
pub(super) fn tell(wallet: &Wallet<'_>, given_back: i64, reading: &Reading<'_>, notes: &mut Notes) -> Option<Told> {
    let transactions = wallet.written().filter_map(transaction).collect();
    let told = Purchase { transactions, given_back, reading }.tell();
    if told.is_some() || !reading.call.is_about_order() {
        return told;
    }
    let answered = answered(wallet, reading, notes);
    let transactions = answered.iter().map(|transaction| (usize::MAX, transaction)).collect();
    Purchase { transactions, given_back, reading }.tell()
}

fn transaction<'a>(operation: &'a Operation<'a>) -> Option<(usize, &'a Transaction<'a>)> {
    match &operation.entity {
        Entity::Transaction(transaction) => Some((operation.index, transaction)),
        Entity::Wallet { .. }
        | Entity::Identity(_)
        | Entity::Account(_)
        | Entity::AccountTransaction(_)
        | Entity::Tier(_)
        | Entity::TierTransaction(_)
        | Entity::Untold => None,
    }
}

/// The transactions of the answer to a call of a till.
fn answered<'a>(wallet: &Wallet<'_>, reading: &Reading<'a>, notes: &mut Notes) -> Vec<Transaction<'a>> {
    let listed = Fields::of(Some(reading.envelope.response())).list("walletTransactions");
    let objects = listed.iter().map(|json| Fields::of(Some(json)));
    let ours = objects.filter(|object| object.id("walletId").is_some_and(|id| id == wallet.id));
    ours.map(|object| Transaction::read(object, notes)).collect()
}

type Found<'a> = (usize, &'a Transaction<'a>);

struct Purchase<'a, 'r> {
    transactions: Vec<Found<'a>>,
    /// What coupons were worth that were given back, in minor units.
    given_back: i64,
    reading: &'r Reading<'r>,
}

impl<'a> Purchase<'a, '_> {
    /// The last of them, or rather the last that has a basket: the first of two may come without.
    fn last(&self, is_it: impl Fn(&Transaction<'_>) -> bool) -> Option<Found<'a>> {
        let found = || self.transactions.iter().rev().filter(|(_, one)| is_it(one));
        found().find(|(_, one)| has_basket(one)).or_else(|| found().next()).copied()
    }

    fn settled(&self) -> Option<Found<'a>> {
        self.last(|one| one.kind == TransactionType::Settle && one.status == TransactionStatus::Settled)
    }

    fn fulfilling(&self) -> Option<Found<'a>> {
        self.last(|one| one.kind == TransactionType::Settle && one.status == TransactionStatus::Fulfilling)
    }

    fn tell(&self) -> Option<Told> {
        if let Some(refund) = self.last(|one| one.kind == TransactionType::Refund) {
            return Some(self.refunded(refund));
        }
        let part = self.last(|one| one.kind == TransactionType::Fulfil);
        let is_in_parts = part.is_some() || self.fulfilling().is_some();
        match self.reading.call {
            Call::Refund | Call::Spend => None,
            Call::Fulfil => self.fulfilled(part),
            Call::Settle | Call::Trigger | Call::TierMembership | Call::Other if is_in_parts => self.fulfilled(part),
            Call::Settle | Call::Trigger | Call::TierMembership | Call::Other => self.completed(),
        }
    }

    fn told(&self, kind: Kind, (index, transaction): Found<'_>, properties: Properties) -> Told {
        let at = transaction.last_updated.or(transaction.at).unwrap_or(self.reading.occurred_at);
        Told::of_wallet(kind, index, at, properties.with_currency(self.reading))
    }

    fn completed(&self) -> Option<Told> {
        let settled = self.settled()?;
        let (_, transaction) = settled;
        let properties = self.bought(transaction);
        let properties = self.whole(properties, transaction);
        Some(self.told(Kind::OrderCompleted, settled, properties))
    }

    fn fulfilled(&self, part: Option<Found<'a>>) -> Option<Told> {
        let (settled, fulfilling) = (self.settled(), self.fulfilling());
        let stage = self.stage(part.is_some(), settled.is_some());
        let original = match stage {
            Stage::Initial | Stage::Middle => fulfilling.or(settled),
            Stage::Final => settled.or(fulfilling),
        };
        let Some(found) = part.filter(|_| stage != Stage::Initial) else {
            let found = original.or(part)?;
            let properties = self.whole(self.bought(found.1), found.1).with("stage", Some(stage.as_str()));
            return Some(self.told(Kind::OrderFulfilled, found, properties));
        };
        let (_, part) = found;
        let original = original.map(|(_, original)| original);
        let properties = self.bought(part).with_amount(TOTAL, sum_of_products(part), self.reading);
        let (summed_up, points) = match stage {
            Stage::Initial | Stage::Middle => (original.unwrap_or(part), "totalPointsGiven"),
            Stage::Final => (part, "earn"),
        };
        let properties = properties
            .with_amount(DISCOUNTS, discounts(summed_up), self.reading)
            .with(POINTS_EARNED, points_of(summed_up).integer(points))
            .with("stage", Some(stage.as_str()));
        Some(self.told(Kind::OrderFulfilled, found, self.of_original(properties, original)))
    }

    /// The last call says that it is the last, the first has no basket. Where nobody knows the call, its transactions
    /// tell.
    fn stage(&self, has_part: bool, has_settled: bool) -> Stage {
        let request = self.reading.envelope.request();
        match (request.is_empty(), has_part, has_settled) {
            (false, ..) if request.is_true("finalise") => Stage::Final,
            (false, ..) if request.at("basket").is_empty() => Stage::Initial,
            (true, false, _) => Stage::Initial,
            (true, true, true) => Stage::Final,
            (false, ..) | (true, true, false) => Stage::Middle,
        }
    }

    fn refunded(&self, refund: Found<'a>) -> Told {
        let (_, transaction) = refund;
        // A product's cost is before the coupons of the whole basket.
        let total = sum_of_products(transaction).map(|sum| sum.saturating_sub(self.given_back));
        let points = points_of(transaction);
        let deducted = match (points.integer("totalPointsTaken"), points.integer("totalPointsGiven")) {
            (None, None) => None,
            (taken, given) => Some(taken.unwrap_or_default().saturating_sub(given.unwrap_or_default())),
        };
        let properties = self.bought(transaction).with_amount(TOTAL, total, self.reading);
        let properties = properties.with("totalPointsDeducted", deducted);
        let original = self.last(|one| one.kind == TransactionType::Settle).map(|(_, original)| original);
        self.told(Kind::OrderRefunded, refund, self.of_original(properties, original))
    }

    /// What every purchase has.
    fn bought(&self, transaction: &Transaction<'_>) -> Properties {
        let store = ["storeId", "storeParentId"]
            .into_iter()
            .fold(Properties::default(), |store, name| store.with(name, transaction.location.id(name)));
        let products = transaction.basket.list("contents");
        let products: Vec<Json> = products.iter().filter_map(|json| self.product(Fields::of(Some(json)))).collect();
        Properties::default()
            .with("storeLocation", store.into_object())
            .with("products", (!products.is_empty()).then_some(products))
            .with("transactionReference", transaction.reference)
            .with_time("transactionDate", transaction.at)
    }

    fn product(&self, product: Fields<'_>) -> Option<Json> {
        let read = Properties::default()
            .with("upc", product.id("upc"))
            .with("description", product.text("description"))
            .with("itemUnitCount", product.integer("itemUnitCount"));
        let costs = ["itemUnitCost", "totalUnitCost", "totalUnitCostAfterDiscount"];
        let with_cost = |read: Properties, name| read.with_amount(name, product.integer(name), self.reading);
        costs.into_iter().fold(read, with_cost).into_object()
    }

    /// With the totals of a purchase that is told in one.
    fn whole(&self, properties: Properties, transaction: &Transaction<'_>) -> Properties {
        let total = summary(transaction).integer("totalBasketValue").or_else(|| sum_of_products(transaction));
        properties
            .with_amount(TOTAL, total, self.reading)
            .with_amount(DISCOUNTS, discounts(transaction), self.reading)
            .with(POINTS_EARNED, points_of(transaction).integer("totalPointsGiven"))
    }

    fn of_original(&self, properties: Properties, original: Option<&Transaction<'_>>) -> Properties {
        let requested = self.reading.envelope.request().at("originalTransaction").text("reference");
        let reference = original.and_then(|original| original.reference).or(requested);
        let properties = properties.with("originalTransactionReference", reference);
        properties.with_time("originalTransactionDate", original.and_then(|original| original.at))
    }
}

const TOTAL: &str = "totalBasketValueAfterDiscount";
const DISCOUNTS: &str = "discountsReceived";
const POINTS_EARNED: &str = "totalPointsEarned";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Initial,
    Middle,
    Final,
}

impl Stage {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Initial => "initial",
            Self::Middle => "middle",
            Self::Final => "final",
        }
    }
}

fn has_basket(transaction: &Transaction<'_>) -> bool {
    !summary(transaction).is_empty() || !transaction.basket.list("contents").is_empty()
}

fn summary<'a>(transaction: &Transaction<'a>) -> Fields<'a> {
    transaction.basket.at("summary")
}

/// Tills have them within the results, wallets beside.
fn points_of<'a>(transaction: &Transaction<'a>) -> Fields<'a> {
    let results = summary(transaction).at("results").at("points");
    if results.is_empty() { summary(transaction).at("points") } else { results }
}

fn discounts(transaction: &Transaction<'_>) -> Option<i64> {
    let amounts = summary(transaction).at("totalDiscountAmount");
    let sum = amounts.members().filter_map(|(_, amount)| integer(amount)).fold(0, i64::saturating_add);
    (!amounts.is_empty()).then_some(sum)
}

/// Of a part or a refund the summary speaks of the whole purchase; so what it is worth are its products.
fn sum_of_products(transaction: &Transaction<'_>) -> Option<i64> {
    let products = transaction.basket.list("contents").iter().map(|json| Fields::of(Some(json)));
    products.filter_map(|product| product.integer("totalUnitCostAfterDiscount")).reduce(i64::saturating_add)
}
