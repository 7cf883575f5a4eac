//! Tier memberships are made and changed.

use serde_json::json;

use crate::eagle_eye_air::entities;
use crate::eagle_eye_air::envelope::{ApiCall, Entity, Operation};
use crate::eagle_eye_air::unit::{TierChange, Unit};
use crate::twin::Refused;

impl Unit {
    /// `TIER.MEMBERSHIP.CREATE`.
    pub(crate) fn join_tier(&mut self, wallet: &str, tier: &str) -> Result<ApiCall, Refused> {
        let id = self.known(wallet)?;
        self.add_tier(id, tier);
        Ok(ApiCall {
            request: Some(json!({ "walletId": id.to_string() })),
            response: self.membership(id),
            operations: self.tier_made(id).into_iter().collect(),
            wallets: vec![id],
            ..ApiCall::wallet("TIER.MEMBERSHIP.CREATE", "POST", format!("/tier/{tier}/membership"))
        })
    }

    /// `TIER.MEMBERSHIP.MOVE`.
    pub(crate) fn move_tier(&mut self, wallet: &str, tier: &str) -> Result<ApiCall, Refused> {
        let change = TierChange { tier_after: Some(tier), ..TierChange::default() };
        self.tier_call(wallet, "TIER.MEMBERSHIP.MOVE", &[("MOVE", change)])
    }

    /// `TIER.MEMBERSHIP.CREDIT`; where a tier is given, the credit moves the membership there.
    pub(crate) fn credit_tier(
        &mut self,
        wallet: &str,
        points: i64,
        moves_to: Option<&str>,
    ) -> Result<ApiCall, Refused> {
        let credit = ("CREDIT", TierChange { points, ..TierChange::default() });
        let moved = moves_to.map(|tier| ("MOVE", TierChange { tier_after: Some(tier), ..TierChange::default() }));
        let changes: Vec<_> = std::iter::once(credit).chain(moved).collect();
        self.tier_call(wallet, "TIER.MEMBERSHIP.CREDIT", &changes)
    }

    /// `TIER.MEMBERSHIP.DEBIT`.
    pub(crate) fn debit_tier(&mut self, wallet: &str, points: i64) -> Result<ApiCall, Refused> {
        let change = TierChange { points: -points, ..TierChange::default() };
        self.tier_call(wallet, "TIER.MEMBERSHIP.DEBIT", &[("DEBIT", change)])
    }

    /// `TIER.MEMBERSHIP.ADJUST`, by more or by less.
    pub(crate) fn adjust_tier(&mut self, wallet: &str, points: i64) -> Result<ApiCall, Refused> {
        let change = TierChange { points, ..TierChange::default() };
        self.tier_call(wallet, "TIER.MEMBERSHIP.ADJUST", &[("ADJUST", change)])
    }

    /// Refused for a wallet without a membership.
    fn tier_call(
        &mut self,
        wallet: &str,
        event: &'static str,
        changes: &[(&'static str, TierChange<'_>)],
    ) -> Result<ApiCall, Refused> {
        let id = self.known(wallet)?;
        let holder = self.wallets.get(&id);
        let Some((holder, tier)) = holder.and_then(|holder| Some((holder, holder.tier.as_ref()?))) else {
            return Err(Refused::because("the wallet has no tier membership"));
        };
        let membership = tier.membership;
        let mut operations = vec![Operation::read(Entity::Wallet, entities::wallet(holder))];
        for (kind, change) in changes {
            operations.extend(self.change_tier(id, kind, change));
        }
        let deed = event.rsplit('.').next().unwrap_or_default().to_lowercase();
        let path = format!("/wallet/{id}/tier/membership/{membership}/{deed}");
        let sent = changes.first().map(|(_, change)| json!({ "points": change.points, "tierId": change.tier_after }));
        Ok(ApiCall {
            request: sent,
            response: self.membership(id),
            operations,
            wallets: vec![id],
            ..ApiCall::wallet(event, "PATCH", path)
        })
    }

    fn membership(&self, id: u64) -> Option<serde_json::Value> {
        let wallet = self.wallets.get(&id)?;
        Some(entities::tier_membership(wallet, wallet.tier.as_ref()?))
    }
}
