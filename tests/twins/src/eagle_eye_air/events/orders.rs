//! Purchases that are fulfilled in parts.

use serde_json::{Value, json};

use super::pos::{Purchase, Sale, Stage, shop};
use crate::eagle_eye_air::entities::Movement;
use crate::eagle_eye_air::envelope::{ApiCall, Entity, Operation};
use crate::eagle_eye_air::unit::Unit;
use crate::twin::Refused;

/// Whether a part is the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Middle,
    Final,
}

impl Unit {
    /// `POSCONNECT.WALLET.FULFIL` without a basket: fulfilling begins, and coupons are redeemed.
    pub(crate) fn fulfil_initial(&mut self, wallet: &str, purchase: &Purchase) -> Result<ApiCall, Refused> {
        let id = self.known(wallet)?;
        let coupons = self.coupons(id, purchase)?;
        let open = self.take_sale(id, &purchase.reference, Stage::Open);
        let mut movement = open.map_or_else(|| self.opened(id, purchase), |open| open.movement);
        movement.status = "FULFILLING";
        let mut operations = Vec::new();
        let redeemed = self.redeem(id, coupons, &mut movement, &mut operations);
        movement.updated_at = self.now;
        let shown = self.keep(&movement);
        operations.insert(0, Operation::update(Entity::Transaction, shown.clone()));
        self.sales.push(Sale { wallet: id, purchase: purchase.clone(), movement, redeemed, stage: Stage::Fulfilling });
        let request = json!({ "walletId": wallet, "reference": purchase.reference, "finalise": false });
        Ok(fulfil(id, request, vec![shown], operations))
    }

    /// `POSCONNECT.WALLET.FULFIL` with a basket: a part of the purchase of `original` is handed over. The last
    /// part earns what the purchase earns. Refused where no such purchase is being fulfilled.
    pub(crate) fn fulfil_part(
        &mut self,
        wallet: &str,
        original: &str,
        handed_over: &Purchase,
        part: Part,
    ) -> Result<ApiCall, Refused> {
        let id = self.known(wallet)?;
        let Some(mut sale) = self.take_sale(id, original, Stage::Fulfilling) else {
            return Err(Refused::because("no purchase of that reference is being fulfilled"));
        };
        let mut operations = Vec::new();
        sale.movement.updated_at = self.now;
        if part == Part::Final {
            let Sale { purchase, movement, .. } = &mut sale;
            self.earn(id, purchase, movement, &mut operations);
        }
        let fulfilling = self.keep(&sale.movement);
        operations.push(Operation::update(Entity::Transaction, fulfilling.clone()));
        let mut shown = fulfilling;
        if part == Part::Final {
            sale.stage = Stage::Settled;
            shown = self.settled(&mut sale.movement, &sale.purchase);
            operations.push(Operation::update(Entity::Transaction, shown.clone()));
        }
        let mut delivery = self.movement(id, &handed_over.reference, "FULFIL", "FULFILLED");
        delivery.parent = sale.movement.id;
        delivery.location = shop();
        let (earned, credited) = match part {
            Part::Middle => (0, 0),
            Part::Final => (sale.purchase.earned, sale.purchase.credited),
        };
        delivery.basket = handed_over.part_basket(earned, credited);
        let delivered = self.keep(&delivery);
        operations.push(Operation::create(Entity::Transaction, delivered.clone()));
        let request = fulfil_request(wallet, handed_over, &sale.movement, part);
        self.sales.push(sale);
        Ok(fulfil(id, request, vec![shown, delivered], operations))
    }
}

fn fulfil_request(wallet: &str, handed_over: &Purchase, original: &Movement, part: Part) -> Value {
    json!({
        "walletId": wallet,
        "reference": handed_over.reference,
        "parentWalletTransactionId": original.id.to_string(),
        "parentReference": original.reference,
        "basket": handed_over.sent_basket(),
        "finalise": part == Part::Final,
    })
}

fn fulfil(wallet: u64, request: Value, shown: Vec<Value>, operations: Vec<Operation>) -> ApiCall {
    ApiCall {
        request: Some(request),
        response: Some(json!({ "walletTransactions": shown })),
        operations,
        wallets: vec![wallet],
        ..ApiCall::pos("POSCONNECT.WALLET.FULFIL", "/connect/wallet/fulfil")
    }
}
