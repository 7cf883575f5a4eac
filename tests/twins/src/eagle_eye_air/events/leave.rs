//! A wallet is deleted: what could name its owner is scrubbed.

use serde_json::json;

use super::entry_updated;
use crate::eagle_eye_air::entities;
use crate::eagle_eye_air::envelope::{ApiCall, Entity, Operation};
use crate::eagle_eye_air::model::{AccountKind, Standing};
use crate::eagle_eye_air::unit::{Happens, Unit};
use crate::twin::Refused;

impl Unit {
    /// `SERVICE.WALLET.DELETE`.
    pub(crate) fn delete_wallet(&mut self, wallet: &str) -> Result<ApiCall, Refused> {
        let id = self.known(wallet)?;
        let now = self.now;
        let accounts = self.wallets.get(&id).map(|wallet| wallet.accounts.as_slice()).unwrap_or_default();
        let live = accounts.iter().filter(|account| account.status == "ACTIVE");
        let ended: Vec<(u64, Happens, i64)> = live
            .map(|account| match account.kind {
                AccountKind::Points => (account.id, Happens::Debit, account.points.current),
                AccountKind::Ecoupon
                | AccountKind::BehaviouralAction
                | AccountKind::StandardSubscription
                | AccountKind::Continuity
                | AccountKind::Quest
                | AccountKind::CouponStampCard => (account.id, Happens::Cancel, 0),
            })
            .collect();
        let mut operations: Vec<Operation> = ended
            .into_iter()
            .map(|(account, what, value)| entry_updated(&self.happen(id, account, what, value, json!([]))))
            .collect();
        let scrubs = self.wallets.get(&id).map_or(0, |wallet| wallet.identities.len());
        let numbers: Vec<u32> = (0..scrubs).map(|_| self.ids.scrub()).collect();
        if let Some(wallet) = self.wallets.get_mut(&id) {
            wallet.standing = Standing::Deleted;
            wallet.updated_at = now;
            for (identity, number) in wallet.identities.iter_mut().zip(numbers) {
                identity.value = format!("DELETED_{}_{number}_{}", identity.id, now.as_second());
                identity.status = "DELETED".to_owned();
                identity.updated_at = now;
                operations.push(Operation::delete(Entity::Identity, entities::identity(id, identity)));
            }
            if let Some(consumer) = &mut wallet.consumer {
                consumer.data.clear();
                consumer.status = "DELETED";
                consumer.updated_at = now;
                operations.push(Operation::delete(Entity::Consumer, entities::consumer(id, consumer)));
            }
            operations.push(Operation::delete(Entity::Wallet, entities::wallet(wallet)));
        }
        Ok(ApiCall {
            status: 204,
            operations,
            wallets: vec![id],
            ..ApiCall::wallet("SERVICE.WALLET.DELETE", "DELETE", format!("/services/wallet/{id}"))
        })
    }
}
