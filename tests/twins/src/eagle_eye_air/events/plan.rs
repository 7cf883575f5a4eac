//! A subscription plan is joined and cancelled. That it ends by itself is not told.

use jiff::Timestamp;
use serde_json::json;

use super::{entry_created, entry_updated};
use crate::eagle_eye_air::entities;
use crate::eagle_eye_air::envelope::{ApiCall, Operation};
use crate::eagle_eye_air::model::AccountKind;
use crate::eagle_eye_air::unit::{Happens, Unit};
use crate::twin::Refused;

const PLAN: u64 = 210_001;
const ENTITLEMENT: &str = "ENTITLEMENT";

impl Unit {
    /// `WALLET.ACCOUNT.CREATE.PLAN`: so many entitlements, then the subscription.
    pub(crate) fn join_plan(
        &mut self,
        wallet: &str,
        ends_at: Timestamp,
        entitlements: usize,
    ) -> Result<ApiCall, Refused> {
        let id = self.known(wallet)?;
        let mut operations = Vec::new();
        for _ in 0..entitlements {
            let account = self.add_account(id, AccountKind::Ecoupon, Some(ENTITLEMENT), Some(ends_at));
            operations.push(entry_created(self.happen(id, account, Happens::Create, 0, json!([]))));
        }
        let account = self.add_account_of(id, PLAN, AccountKind::StandardSubscription, None, Some(ends_at));
        operations.push(entry_created(self.happen(id, account, Happens::Create, 0, json!([]))));
        Ok(ApiCall {
            request: Some(json!({ "status": "ACTIVE", "state": "LOADED" })),
            response: self.account_mut(id, account).map(|account| entities::account(account)),
            operations,
            wallets: vec![id],
            ..ApiCall::wallet("WALLET.ACCOUNT.CREATE.PLAN", "POST", format!("/wallet/{id}/plan/{PLAN}/account"))
        })
    }

    /// `WALLET.ACCOUNT.UPDATE`: the subscription and its entitlements are cancelled. Refused without one.
    pub(crate) fn cancel_plan(&mut self, wallet: &str) -> Result<ApiCall, Refused> {
        let id = self.known(wallet)?;
        let accounts = self.wallets.get(&id).map(|wallet| wallet.accounts.as_slice()).unwrap_or_default();
        let running = accounts.iter().filter(|account| account.status == "ACTIVE");
        let Some(plan) = running.clone().find(|account| account.kind == AccountKind::StandardSubscription) else {
            return Err(Refused::because("the wallet has no subscription"));
        };
        let plan = plan.id;
        let entitlements = running.filter(|account| account.client_type == Some(ENTITLEMENT));
        let cancelled: Vec<u64> = std::iter::once(plan).chain(entitlements.map(|account| account.id)).collect();
        let cancel = |account: u64| entry_updated(&self.happen(id, account, Happens::Cancel, 0, json!([])));
        let operations: Vec<Operation> = cancelled.into_iter().map(cancel).collect();
        Ok(ApiCall {
            response: self.account_mut(id, plan).map(|account| entities::account(account)),
            operations,
            wallets: vec![id],
            ..ApiCall::wallet("WALLET.ACCOUNT.UPDATE", "PATCH", format!("/wallet/{id}/account/{plan}/cancel"))
        })
    }
}
