//! Points are spent at a till, and that is taken back.

use serde_json::json;

use super::entry_updated;
use super::pos::shop;
use crate::eagle_eye_air::entities;
use crate::eagle_eye_air::envelope::{ApiCall, Entity, Operation};
use crate::eagle_eye_air::unit::{Happens, Unit};
use crate::twin::Refused;

/// Points that were spent and not given back.
#[derive(Debug)]
pub(crate) struct Spent {
    wallet: u64,
    reference: String,
    points: i64,
    transaction: u64,
}

impl Unit {
    /// `POSCONNECT.WALLET.SPEND`: points are locked.
    pub(crate) fn spend(&mut self, wallet: &str, reference: &str, points: i64) -> Result<ApiCall, Refused> {
        let id = self.known(wallet)?;
        let account = self.points_account(id);
        let mut movement = self.movement(id, reference, "SPEND", "ACTIVE");
        movement.location = shop();
        let entry = self.happen(id, account, Happens::Lock, points, json!([]));
        movement.accounts.push(entities::link(&entry));
        let shown = self.keep(&movement);
        self.spent.push(Spent { wallet: id, reference: reference.to_owned(), points, transaction: movement.id });
        Ok(ApiCall {
            request: Some(json!({ "walletId": wallet, "reference": reference, "points": points })),
            response: Some(json!({ "walletTransactions": [shown] })),
            operations: vec![Operation::create(Entity::Transaction, shown), entry_updated(&entry)],
            wallets: vec![id],
            ..ApiCall::pos("POSCONNECT.WALLET.SPEND", "/connect/wallet/spend")
        })
    }

    /// `POSCONNECT.WALLET.SPEND.VOID` of what was spent under `original`, whose transaction the event names by its id
    /// only. Refused where there is none.
    pub(crate) fn void_spend(&mut self, wallet: &str, original: &str, reference: &str) -> Result<ApiCall, Refused> {
        let id = self.known(wallet)?;
        let place = self.spent.iter().position(|spent| spent.wallet == id && spent.reference == original);
        let Some(Spent { points, transaction: parent, .. }) = place.map(|place| self.spent.remove(place)) else {
            return Err(Refused::because("nothing was spent under that reference"));
        };
        let account = self.points_account(id);
        let mut movement = self.movement(id, reference, "SPEND", "VOIDED");
        movement.parent = parent;
        movement.location = shop();
        let entry = self.happen(id, account, Happens::Void, points, json!([]));
        movement.accounts.push(entities::link(&entry));
        let shown = self.keep(&movement);
        Ok(ApiCall {
            request: Some(
                json!({ "walletId": wallet, "reference": reference, "parentWalletTransactionId": parent.to_string() }),
            ),
            response: Some(json!({ "walletTransactions": [shown] })),
            operations: vec![Operation::update(Entity::Transaction, shown), entry_updated(&entry)],
            wallets: vec![id],
            ..ApiCall::pos("POSCONNECT.WALLET.SPEND.VOID", "/connect/wallet/spend/void")
        })
    }
}
