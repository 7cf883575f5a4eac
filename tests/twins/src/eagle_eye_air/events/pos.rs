//! Purchases at a till: opened, and settled at once.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::entry_updated;
use crate::eagle_eye_air::entities::{self, Movement};
use crate::eagle_eye_air::envelope::{ApiCall, Entity, Operation};
use crate::eagle_eye_air::model::AccountKind;
use crate::eagle_eye_air::unit::{Happens, TierChange, Unit};
use crate::twin::Refused;

/// What is bought. As JSON everything but the reference may be absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Purchase {
    /// Of the till, such as `POS-1`.
    pub reference: String,
    /// What is in the basket.
    #[serde(default)]
    pub items: Vec<Item>,
    /// Coupons that are redeemed.
    #[serde(default)]
    pub coupons: Vec<Redemption>,
    /// Points for the basket.
    #[serde(default)]
    pub earned: i64,
    /// Points of an offer beyond those; 0 for none.
    #[serde(default)]
    pub credited: i64,
    /// A wallet of somebody else whose open transaction the same call deletes: two wallets in one event.
    #[serde(default)]
    pub beside: Option<String>,
}

/// A line of a basket; money in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Its bar code.
    pub upc: String,
    /// What it is.
    pub description: String,
    /// Of one.
    pub unit_cost: i64,
    /// How many.
    pub count: i64,
}

/// A coupon that is redeemed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Redemption {
    /// One that the wallet holds; `None` for one that the till makes on the way.
    pub account_id: Option<String>,
    /// What it takes off, in minor units; may be 0.
    pub value: i64,
}

impl Purchase {
    /// A basket of one item of 63.00, for which 63 points are earned.
    pub fn new(reference: &str) -> Self {
        Self { reference: reference.to_owned(), earned: 63, ..Self::default() }.item("Kettle", 6_300, 1)
    }

    /// One more line.
    #[must_use]
    pub fn item(mut self, description: &str, unit_cost: i64, count: i64) -> Self {
        let upc = format!("50000000{:05}", self.items.len() + 1);
        self.items.push(Item { upc, description: description.to_owned(), unit_cost, count });
        self
    }

    /// So many more lines; 1,200 make an event of about 1 MB.
    #[must_use]
    pub fn lines(self, count: usize) -> Self {
        (0..count).fold(self, |purchase, number| {
            purchase.item(&format!("Jar of something preserved, number {number}, with a long description"), 199, 2)
        })
    }

    /// Earns so many points.
    #[must_use]
    pub fn earning(self, earned: i64) -> Self {
        Self { earned, ..self }
    }

    /// Is credited so many points as well.
    #[must_use]
    pub fn credited(self, credited: i64) -> Self {
        Self { credited, ..self }
    }

    /// Redeems a coupon that the wallet holds.
    #[must_use]
    pub fn redeem(mut self, account_id: &str, value: i64) -> Self {
        self.coupons.push(Redemption { account_id: Some(account_id.to_owned()), value });
        self
    }

    /// Redeems a coupon that the till makes on the way.
    #[must_use]
    pub fn redeem_new(mut self, value: i64) -> Self {
        self.coupons.push(Redemption { account_id: None, value });
        self
    }

    /// Another wallet is in the event.
    #[must_use]
    pub fn beside(self, wallet: &str) -> Self {
        Self { beside: Some(wallet.to_owned()), ..self }
    }

    fn total(&self) -> i64 {
        self.items.iter().map(|item| item.unit_cost * item.count).sum()
    }

    pub(crate) fn discount(&self) -> i64 {
        self.coupons.iter().map(|coupon| coupon.value).sum()
    }

    pub(crate) fn net(&self) -> i64 {
        self.total() - self.discount()
    }

    /// The basket as it is sent, before AIR sums it up.
    pub(crate) fn sent_basket(&self) -> Value {
        json!({ "contents": contents(&self.items), "summary": { "totalBasketValue": self.total() } })
    }

    fn basket(&self) -> Value {
        let items: i64 = self.items.iter().map(|item| item.count).sum();
        let earned = self.earned + self.credited;
        json!({
            "contents": contents(&self.items),
            "summary": {
                "totalItems": items,
                "totalBasketValue": self.total(),
                "totalDiscountAmount": { "promotions": self.discount(), "staff": 0, "general": null },
                "results": {
                    "points": entities::points_given(self.earned, self.credited),
                    "tiers": { "points": earned, "transactions": 1, "spend": self.net() },
                },
            },
            "payment": null,
        })
    }

    /// The basket of a part as AIR sums it up: of the purchase only what this call gave is in it.
    pub(crate) fn part_basket(&self, earned: i64, credited: i64) -> Value {
        json!({
            "contents": contents(&self.items),
            "summary": {
                "totalItems": self.items.iter().map(|item| item.count).sum::<i64>(),
                "totalBasketValue": 0,
                "totalDiscountAmount": { "promotions": 0, "staff": null },
                "results": { "points": entities::points_given(earned, credited), "tiers": null },
            },
            "payment": null,
        })
    }
}

fn contents(items: &[Item]) -> Vec<Value> {
    let item = |item: &Item| {
        let total = item.unit_cost * item.count;
        json!({
            "upc": item.upc,
            "sku": format!("SKU-{}", item.upc),
            "salesKey": "SALE",
            "description": item.description,
            "itemUnitCost": item.unit_cost,
            "itemUnitCount": item.count,
            "itemUnitMetric": "EACH",
            "totalUnitCost": total,
            "totalUnitCostAfterDiscount": total,
        })
    };
    items.iter().map(item).collect()
}

/// A purchase as far as it came.
#[derive(Debug)]
pub(crate) struct Sale {
    pub wallet: u64,
    pub purchase: Purchase,
    pub movement: Movement,
    /// Accounts of the coupons that it redeemed, with their values.
    pub redeemed: Vec<(u64, i64)>,
    pub stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Open,
    Fulfilling,
    Settled,
    Refunded,
}

pub(crate) fn shop() -> Value {
    json!({ "storeId": "outlet1", "storeParentId": "banner1" })
}

pub(crate) fn coupon_details() -> Value {
    json!({ "numberOfRewards": 1, "merchant_store_id": "outlet1", "merchant_store_parent_id": "banner1" })
}

impl Unit {
    /// `POSCONNECT.WALLET.OPEN`; where another wallet is named, its open transaction is deleted by the same call.
    pub(crate) fn open(&mut self, wallet: &str, purchase: &Purchase) -> Result<ApiCall, Refused> {
        let id = self.known(wallet)?;
        let beside = self.beside(purchase)?;
        let movement = self.opened(id, purchase);
        let shown = self.keep(&movement);
        let mut operations = vec![Operation::create(Entity::Transaction, shown.clone())];
        let mut wallets = vec![id];
        self.delete_beside(beside, &mut operations, &mut wallets);
        let sale = Sale { wallet: id, purchase: purchase.clone(), movement, redeemed: Vec::new(), stage: Stage::Open };
        self.sales.push(sale);
        let basket = purchase.sent_basket();
        Ok(ApiCall {
            request: Some(json!({ "walletId": wallet, "reference": purchase.reference, "basket": basket })),
            response: Some(json!({ "walletTransactions": [shown] })),
            operations,
            wallets,
            ..ApiCall::pos("POSCONNECT.WALLET.OPEN", "/connect/wallet/open")
        })
    }

    /// `POSCONNECT.WALLET.SETTLE`, of an open purchase or all at once.
    pub(crate) fn settle(&mut self, wallet: &str, purchase: &Purchase) -> Result<ApiCall, Refused> {
        let id = self.known(wallet)?;
        let beside = self.beside(purchase)?;
        let coupons = self.coupons(id, purchase)?;
        let (mut movement, mut operations) = match self.take_sale(id, &purchase.reference, Stage::Open) {
            Some(open) => (open.movement, Vec::new()),
            None => {
                let movement = self.opened(id, purchase);
                let shown = self.keep(&movement);
                (movement, vec![Operation::create(Entity::Transaction, shown)])
            }
        };
        let redeemed = self.redeem(id, coupons, &mut movement, &mut operations);
        self.earn(id, purchase, &mut movement, &mut operations);
        let mut wallets = vec![id];
        self.delete_beside(beside, &mut operations, &mut wallets);
        let shown = self.settled(&mut movement, purchase);
        operations.push(Operation::update(Entity::Transaction, shown.clone()));
        self.sales.push(Sale { wallet: id, purchase: purchase.clone(), movement, redeemed, stage: Stage::Settled });
        let basket = purchase.sent_basket();
        Ok(ApiCall {
            request: Some(
                json!({ "walletId": wallet, "reference": purchase.reference, "mode": "ACTIVE", "basket": basket }),
            ),
            response: Some(json!({ "walletTransactions": [shown] })),
            operations,
            wallets,
            ..ApiCall::pos("POSCONNECT.WALLET.SETTLE", "/connect/wallet/settle")
        })
    }

    pub(crate) fn opened(&mut self, wallet: u64, purchase: &Purchase) -> Movement {
        let mut movement = self.movement(wallet, &purchase.reference, "SETTLE", "ACTIVE");
        movement.location = shop();
        movement
    }

    /// The sale of that reference that came so far, taken away.
    pub(crate) fn take_sale(&mut self, wallet: u64, reference: &str, stage: Stage) -> Option<Sale> {
        let is_it = |sale: &Sale| sale.wallet == wallet && sale.purchase.reference == reference && sale.stage == stage;
        let place = self.sales.iter().rposition(is_it)?;
        Some(self.sales.remove(place))
    }

    /// Coupons to be redeemed; `None` for a new one. Refused where the wallet does not hold one.
    pub(crate) fn coupons(&self, wallet: u64, purchase: &Purchase) -> Result<Vec<(Option<u64>, i64)>, Refused> {
        let held = |account_id: &String| {
            let id: u64 = account_id.parse().ok()?;
            let mut accounts = self.wallets.get(&wallet)?.accounts.iter();
            accounts.find(|account| account.id == id && account.status == "ACTIVE").map(|account| account.id)
        };
        let coupon = |coupon: &Redemption| match &coupon.account_id {
            None => Ok((None, coupon.value)),
            Some(account_id) => match held(account_id) {
                Some(id) => Ok((Some(id), coupon.value)),
                None => Err(Refused::because("the wallet holds no such coupon")),
            },
        };
        purchase.coupons.iter().map(coupon).collect()
    }

    pub(crate) fn redeem(
        &mut self,
        wallet: u64,
        coupons: Vec<(Option<u64>, i64)>,
        movement: &mut Movement,
        operations: &mut Vec<Operation>,
    ) -> Vec<(u64, i64)> {
        let mut redeemed = Vec::new();
        for (held, value) in coupons {
            let account = held.unwrap_or_else(|| {
                let made = self.add_account(wallet, AccountKind::Ecoupon, Some("OFFER"), None);
                if let Some(made) = self.account_mut(wallet, made) {
                    operations.push(Operation::create(Entity::Account, entities::account(made)));
                }
                made
            });
            let entry = self.happen(wallet, account, Happens::Redeem, value, coupon_details());
            movement.accounts.push(entities::link(&entry));
            operations.push(entry_updated(&entry));
            redeemed.push((account, value));
        }
        redeemed
    }

    /// Points for the basket, points of an offer, and what they do for the tier.
    pub(crate) fn earn(
        &mut self,
        wallet: u64,
        purchase: &Purchase,
        movement: &mut Movement,
        operations: &mut Vec<Operation>,
    ) {
        let account = self.points_account(wallet);
        for (what, value) in [(Happens::Earn, purchase.earned), (Happens::Credit, purchase.credited)] {
            if value != 0 {
                let entry = self.happen(wallet, account, what, value, json!([]));
                movement.accounts.push(entities::link(&entry));
                operations.push(entry_updated(&entry));
            }
        }
        let change = TierChange {
            points: purchase.earned + purchase.credited,
            spend: purchase.net(),
            transactions: 1,
            wallet_transaction: Some(movement.id),
            ..TierChange::default()
        };
        operations.extend(self.change_tier(wallet, "CREDIT", &change));
    }

    pub(crate) fn settled(&mut self, movement: &mut Movement, purchase: &Purchase) -> Value {
        movement.status = "SETTLED";
        movement.basket = purchase.basket();
        movement.updated_at = self.now;
        self.keep(movement)
    }

    fn beside(&self, purchase: &Purchase) -> Result<Option<u64>, Refused> {
        purchase.beside.as_deref().map(|wallet| self.known(wallet)).transpose()
    }

    fn delete_beside(&mut self, beside: Option<u64>, operations: &mut Vec<Operation>, wallets: &mut Vec<u64>) {
        if let Some(other) = beside {
            let left_open = self.movement(other, "POS-ABANDONED", "SETTLE", "ACTIVE");
            operations.insert(0, Operation::delete(Entity::Transaction, entities::wallet_transaction(&left_open)));
            wallets.push(other);
        }
    }
}
