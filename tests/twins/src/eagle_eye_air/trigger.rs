//! `POST /services/trigger` (vendor file 4): what was asked, whether it is granted, and the answer.

use axum::http::header;
use serde_json::{Map, Value, json};

use super::entities;
use super::envelope::{ApiCall, Entity, Operation, with_maps};
use super::model::{AccountKind, Reward, RewardView, Standing};
use super::reply::error;
use super::state::State;
use super::switches::{DuplicateReference, SeveralTriggers, Switches, TriggerEcho};
use super::unit::{Campaign, Happens, TierChange, Unit};
use crate::reply::Reply;
use crate::serve::Call;

/// A trigger of good form.
#[derive(Debug, Clone)]
pub(super) struct TriggerCall {
    client: String,
    body: Value,
    identity_value: String,
    /// Empty where there was none.
    reference: String,
    /// At least one.
    actions: Vec<String>,
}

/// What is wrong with a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Misread {
    /// AIR answers 400.
    Invalid(String),
    /// Nobody sends that.
    Unexpected(String),
}

fn invalid(why: &str) -> Misread {
    Misread::Invalid(why.to_owned())
}

fn unexpected(why: impl Into<String>) -> Misread {
    Misread::Unexpected(why.into())
}

impl TriggerCall {
    pub(super) fn read(client: String, call: &Call, switches: &Switches) -> Result<Self, Misread> {
        if call.media_type() != "application/json" {
            return Err(unexpected(format!("a trigger of type {:?}", call.header(header::CONTENT_TYPE))));
        }
        let bytes = call.body.as_ref().map_err(unexpected)?;
        let body: Value = serde_json::from_slice(bytes).map_err(|error| unexpected(error.to_string()))?;
        let members = object(&body, &["identityValue", "walletTransaction", "triggers"])?;
        let identity_value = text(members, "identityValue")?.ok_or_else(|| invalid("identityValue is required"))?;
        let reference = match members.get("walletTransaction") {
            Some(transaction) => text(object(transaction, &["reference"])?, "reference")?,
            None => None,
        };
        if reference.is_none() && switches.reference_required {
            return Err(invalid("walletTransaction.reference is required"));
        }
        let reference = reference.unwrap_or_default();
        if switches.longest_reference.is_some_and(|most| reference.chars().count() > most) {
            return Err(invalid("walletTransaction.reference is too long"));
        }
        let triggers = members.get("triggers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let mut actions = Vec::new();
        for trigger in triggers {
            let action = text(object(trigger, &["reference"])?, "reference")?;
            actions.push(action.ok_or_else(|| invalid("triggers.reference is required"))?);
        }
        if actions.is_empty() {
            return Err(invalid("triggers is required"));
        }
        if actions.len() > 1 && switches.several_triggers == SeveralTriggers::Unexpected {
            return Err(unexpected("several triggers in one call"));
        }
        Ok(Self { client, identity_value, reference, actions, body })
    }
}

/// Its members, which are all known.
fn object<'b>(value: &'b Value, known: &[&str]) -> Result<&'b Map<String, Value>, Misread> {
    let members = value.as_object().ok_or_else(|| unexpected("a trigger has no such JSON"))?;
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        Some(other) => Err(unexpected(format!("a trigger has no {other}"))),
        None => Ok(members),
    }
}

/// `None` where there is none or it is empty.
fn text(members: &Map<String, Value>, name: &str) -> Result<Option<String>, Misread> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok((!text.is_empty()).then(|| text.clone())),
        Some(_) => Err(invalid(&format!("{name} must be a string"))),
    }
}

/// What became of a trigger.
struct Granted {
    transaction: Value,
    operations: Vec<Operation>,
}

impl State {
    pub(super) fn trigger(&mut self, call: &TriggerCall) -> Reply {
        let (reply, operations, wallet) = self.granted(call);
        let is_refused = reply.status >= 400;
        let is_echoed = if is_refused { self.desk.switches.refused_triggers_echo } else { !operations.is_empty() };
        if is_echoed && self.desk.switches.trigger_echo != TriggerEcho::Never {
            let event = ApiCall {
                client: call.client.clone(),
                request: Some(call.body.clone()),
                status: reply.status,
                response: serde_json::from_str(&reply.body).ok(),
                operations,
                wallets: wallet.into_iter().collect(),
                ..ApiCall::wallet("SERVICE.TRIGGER", "POST", "/services/trigger")
            };
            self.echo(event);
        }
        reply
    }

    /// The answer, what it did, and to which wallet.
    fn granted(&mut self, call: &TriggerCall) -> (Reply, Vec<Operation>, Option<u64>) {
        let (wallet, identity) = match self.admitted(call) {
            Ok(admitted) => admitted,
            Err((reply, wallet)) => return (reply, Vec::new(), wallet),
        };
        if let Some(reply) = self.used_before(call, wallet) {
            return (reply, Vec::new(), Some(wallet));
        }
        let actions = match self.desk.switches.several_triggers {
            SeveralTriggers::Unexpected | SeveralTriggers::Atomic => {
                for (place, action) in call.actions.iter().enumerate() {
                    let before = call.actions.iter().take(place).filter(|other| *other == action).count();
                    if let Err(reply) = self.grantable(wallet, action, before) {
                        return (reply, Vec::new(), Some(wallet));
                    }
                }
                call.actions.clone()
            }
            SeveralTriggers::InOrder => {
                let mut granted: Vec<String> = Vec::new();
                for action in &call.actions {
                    let before = granted.iter().filter(|other| *other == action).count();
                    match self.grantable(wallet, action, before) {
                        Ok(()) => granted.push(action.clone()),
                        Err(reply) => {
                            let done = self.grant(call, wallet, identity, &granted);
                            return (reply, done.operations, Some(wallet));
                        }
                    }
                }
                granted
            }
        };
        let Granted { transaction, operations } = self.grant(call, wallet, identity, &actions);
        let answer = with_maps(transaction, self.desk.switches.empty_maps);
        (Reply::json(201, &answer), operations, Some(wallet))
    }

    /// The wallet and the identity it was found by.
    fn admitted(&mut self, call: &TriggerCall) -> Result<(u64, u64), (Reply, Option<u64>)> {
        let Some((wallet, identity)) = self.unit.find(&call.identity_value) else {
            self.desk.counters.unknown_identities += 1;
            return Err((error(self.desk.switches.unknown_identity_status, "Failed to load wallet"), None));
        };
        if wallet.standing != Standing::Active || identity.status != "ACTIVE" {
            let reply = error(self.desk.switches.suspended_status, "Wallet is not active");
            return Err((reply, Some(wallet.id)));
        }
        Ok((wallet.id, identity.id))
    }

    /// What a reference that was used before is answered, if not by another reward.
    fn used_before(&mut self, call: &TriggerCall, wallet: u64) -> Option<Reply> {
        let mut same = self.unit.transactions.iter().filter(|known| known.movement.reference == call.reference);
        let mut of_wallet = same.clone().filter(|known| known.movement.wallet == wallet);
        let reply = match self.desk.switches.duplicate_reference {
            _ if call.reference.is_empty() => None,
            DuplicateReference::Accept => None,
            DuplicateReference::RefuseInUnit => same.next().map(|_| self.reference_used()),
            DuplicateReference::RefuseInWallet => of_wallet.next().map(|_| self.reference_used()),
            DuplicateReference::AnswerAgain => of_wallet
                .next()
                .map(|known| Reply::json(201, &with_maps(known.shown.clone(), self.desk.switches.empty_maps))),
        };
        self.desk.counters.repeated_references += u64::from(reply.is_some());
        reply
    }

    fn reference_used(&self) -> Reply {
        error(self.desk.switches.duplicate_reference_status, "Reference was used before")
    }

    /// Whether one more is granted after `before` of this same call.
    fn grantable(&mut self, wallet: u64, action: &str, before: usize) -> Result<(), Reply> {
        let campaign = self.unit.campaigns.get(action).filter(|campaign| !campaign.seed.ended);
        let Some(Campaign { id: _, seed }) = campaign else {
            return Err(error(self.desk.switches.unknown_action_status, "Failed to load campaign"));
        };
        let wallet = wallet.to_string();
        let of_wallet =
            self.unit.rewards.iter().filter(|known| known.wallet_id == wallet && known.action_reference == action);
        let had = u32::try_from(of_wallet.count() + before).unwrap_or(u32::MAX);
        if seed.consumer_limit.is_some_and(|most| had >= most) {
            self.desk.counters.over_limit += 1;
            return Err(error(self.desk.switches.over_limit_status, "Consumer limit reached"));
        }
        Ok(())
    }

    fn grant(&mut self, call: &TriggerCall, wallet: u64, identity: u64, actions: &[String]) -> Granted {
        let rewards: Vec<(u64, Reward)> = actions
            .iter()
            .filter_map(|action| self.unit.campaigns.get(action))
            .map(|campaign| (campaign.id, campaign.seed.reward))
            .collect();
        if rewards.is_empty() {
            return Granted { transaction: Value::Null, operations: Vec::new() };
        }
        let (id, granted) = self.unit.grant(call, wallet, identity, &rewards, self.desk.switches.blank_coupon_id);
        let now = self.unit.now;
        for (action, (_, reward)) in actions.iter().zip(rewards) {
            let view = RewardView {
                wallet_id: wallet.to_string(),
                identity_value: call.identity_value.clone(),
                action_reference: action.clone(),
                reference: call.reference.clone(),
                reward,
                wallet_transaction_id: id.to_string(),
                client_id: call.client.clone(),
                at: now,
            };
            self.count_reward(&view);
            self.unit.rewards.push(view);
        }
        granted
    }

    fn count_reward(&mut self, new: &RewardView) {
        let counters = &mut self.desk.counters;
        counters.rewards += 1;
        match new.reward {
            Reward::Points(points) => counters.points_given += u64::from(points),
            Reward::Coupon => counters.coupons_given += 1,
        }
        let earlier = |known: &&RewardView| {
            known.reference == new.reference && known.wallet_transaction_id != new.wallet_transaction_id
        };
        let mut same = self.unit.rewards.iter().filter(earlier).peekable();
        if new.reference.is_empty() || same.peek().is_none() {
            return;
        }
        counters.doubled_references += 1;
        let twice =
            same.any(|known| known.wallet_id == new.wallet_id && known.action_reference == new.action_reference);
        counters.doubled_rewards += u64::from(twice);
    }
}

impl Unit {
    /// Gives the rewards of campaigns in one transaction. Answers its id too.
    fn grant(
        &mut self,
        call: &TriggerCall,
        wallet: u64,
        identity: u64,
        rewards: &[(u64, Reward)],
        blank_coupon_id: bool,
    ) -> (u64, Granted) {
        let kind = match rewards.first() {
            Some((_, Reward::Coupon)) => "BEHAVIOURAL_ACTION_COUPON",
            Some((_, Reward::Points(_))) | None => "BEHAVIOURAL_ACTION_POINTS",
        };
        let mut movement = self.movement(wallet, &call.reference, kind, "SETTLED");
        movement.identity = Some(identity);
        let (mut points, mut operations, mut tiers) = (0, Vec::new(), Vec::new());
        for (campaign, reward) in rewards {
            let value = match reward {
                Reward::Points(value) => i64::from(*value),
                Reward::Coupon => 0,
            };
            let action = self.add_account_of(wallet, *campaign, AccountKind::BehaviouralAction, Some(ACTION), None);
            let made = self.happen(wallet, action, Happens::Create, 0, json!([]));
            let used = self.happen(wallet, action, Happens::Redeem, value, json!([]));
            let given = match reward {
                Reward::Points(_) => {
                    let account = self.points_account(wallet);
                    let given = self.happen(wallet, account, Happens::Credit, value, json!([]));
                    let change =
                        TierChange { points: value, wallet_transaction: Some(movement.id), ..TierChange::default() };
                    tiers.extend(self.change_tier(wallet, "CREDIT", &change));
                    given
                }
                Reward::Coupon => {
                    let account = self.add_account_of(wallet, *campaign, AccountKind::Ecoupon, Some("OFFER"), None);
                    self.happen(wallet, account, Happens::Create, 0, json!([]))
                }
            };
            points += value;
            for entry in [made, used, given] {
                let mut told = entry.clone();
                if told["account"]["type"] == "ECOUPON" && blank_coupon_id {
                    told["accountId"] = json!("");
                    told["account"]["accountId"] = json!("");
                }
                operations.push(Operation::create(Entity::AccountTransaction, told));
                movement.accounts.push(entry);
            }
        }
        if points > 0 {
            movement.basket["summary"] = summary(points);
        }
        operations.extend(tiers);
        let transaction = self.keep(&movement);
        (movement.id, Granted { transaction, operations })
    }
}

/// `clientType` of the plumbing.
const ACTION: &str = "BEHAVIOURAL_ACTION";

fn summary(points: i64) -> Value {
    json!({ "points": entities::points_given(0, points), "tiers": { "points": points, "transactions": 0, "spend": 0 } })
}
