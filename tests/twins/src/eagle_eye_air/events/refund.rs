//! Goods are brought back.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::entry_updated;
use super::pos::{Purchase, Sale, Stage, coupon_details, shop};
use crate::eagle_eye_air::entities;
use crate::eagle_eye_air::envelope::{ApiCall, Entity, Operation};
use crate::eagle_eye_air::unit::{Happens, TierChange, Unit};
use crate::twin::Refused;

/// What a refund leaves of a purchase.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refund {
    /// Of the till, such as `POS-2`.
    pub reference: String,
    /// What is brought back: its items are the basket of the refund.
    #[serde(default)]
    pub returned: Purchase,
    /// Points that are still earned; all are taken away and these given again. 0 for a full refund.
    #[serde(default)]
    pub points_kept: i64,
    /// What the first coupon still takes off; it is unredeemed and redeemed again. 0 for a full refund.
    #[serde(default)]
    pub discount_kept: i64,
}

impl Refund {
    /// Everything is brought back.
    pub fn full(reference: &str) -> Self {
        Self { reference: reference.to_owned(), ..Self::default() }
    }

    /// So many points and so much of the first coupon stay.
    pub fn partial(reference: &str, points_kept: i64, discount_kept: i64) -> Self {
        Self { points_kept, discount_kept, ..Self::full(reference) }
    }
}

impl Unit {
    /// `POSCONNECT.WALLET.REFUND` of the settled purchase of `original`. Refused where there is none.
    pub(crate) fn refund(&mut self, wallet: &str, original: &str, refund: &Refund) -> Result<ApiCall, Refused> {
        let id = self.known(wallet)?;
        let Some(mut sale) = self.take_sale(id, original, Stage::Settled) else {
            return Err(Refused::because("no purchase of that reference was settled"));
        };
        let is_full = refund.points_kept == 0 && refund.discount_kept == 0;
        let mut back = self.movement(id, &refund.reference, "REFUND", "SETTLED");
        back.parent = sale.movement.id;
        back.location = shop();
        let taken = sale.purchase.earned + sale.purchase.credited;
        let points = self.points_account(id);
        let mut entries = Vec::new();
        for (account, value) in &sale.redeemed {
            entries.push(self.happen(id, *account, Happens::Unredeem, *value, coupon_details()));
        }
        if taken != 0 {
            entries.push(self.happen(id, points, Happens::RefundDebit, taken, json!([])));
        }
        if refund.points_kept != 0 {
            entries.push(self.happen(id, points, Happens::Earn, refund.points_kept, json!([])));
        }
        let mut operations: Vec<Operation> = entries.iter().map(entry_updated).collect();
        let change = TierChange {
            points: refund.points_kept - taken,
            spend: if is_full { -sale.purchase.net() } else { -refund.returned.net() },
            wallet_transaction: Some(back.id),
            ..TierChange::default()
        };
        operations.extend(self.change_tier(id, "DEBIT", &change));
        if let Some((account, _)) = sale.redeemed.first().filter(|_| refund.discount_kept != 0) {
            let again = self.happen(id, *account, Happens::Redeem, refund.discount_kept, coupon_details());
            operations.push(entry_updated(&again));
            entries.push(again);
        }
        back.accounts = entries.iter().map(entities::link).collect();
        back.basket = basket(&sale, refund, taken);
        sale.movement.updated_at = self.now;
        let changed = self.keep(&sale.movement);
        let shown = self.keep(&back);
        operations.push(Operation::update(Entity::Transaction, changed));
        operations.push(Operation::create(Entity::Transaction, shown.clone()));
        let request = json!({
            "walletId": wallet,
            "reference": refund.reference,
            "parentWalletTransactionId": sale.movement.id.to_string(),
            "basket": basket_sent(&sale, refund),
        });
        sale.keep_after(refund, is_full);
        self.sales.push(sale);
        Ok(ApiCall {
            request: Some(request),
            response: Some(json!({ "walletTransactions": [shown] })),
            operations,
            wallets: vec![id],
            ..ApiCall::pos("POSCONNECT.WALLET.REFUND", "/connect/wallet/refund")
        })
    }
}

impl Sale {
    /// What a later refund finds.
    fn keep_after(&mut self, refund: &Refund, is_full: bool) {
        self.purchase.earned = refund.points_kept;
        self.purchase.credited = 0;
        let first = self.redeemed.first().filter(|_| refund.discount_kept != 0);
        self.redeemed = first.map(|(account, _)| (*account, refund.discount_kept)).into_iter().collect();
        if is_full {
            self.stage = Stage::Refunded;
        }
    }
}

fn basket_sent(sale: &Sale, refund: &Refund) -> Value {
    let returned = if refund.returned.items.is_empty() { &sale.purchase } else { &refund.returned };
    returned.sent_basket()
}

fn basket(sale: &Sale, refund: &Refund, taken: i64) -> Value {
    let mut basket = basket_sent(sale, refund);
    let mut points = entities::points_given(refund.points_kept, 0);
    points["refund"] = json!(taken);
    points["totalPointsTaken"] = json!(taken);
    basket["summary"]["totalDiscountAmount"] = json!({ "promotions": 0, "staff": 0, "general": null });
    basket["summary"]["results"] = json!({
        "points": points,
        "tiers": { "points": refund.points_kept - taken, "transactions": 0, "spend": 0 },
    });
    basket["payment"] = Value::Null;
    basket
}
