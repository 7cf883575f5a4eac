//! Whose an operation is. An event can be about two people, so that nothing is given to a wallet by guess.

use std::collections::BTreeSet;

use super::entities::{AccountEvent, AccountTransaction, Action, Entity, Operation};
use super::envelope::Envelope;
use super::fields::Fields;
use super::notes::Notes;

/// What an event did to one wallet.
pub(super) struct Wallet<'a> {
    pub(super) id: String,
    pub(super) operations: Vec<Operation<'a>>,
}

impl<'a> Wallet<'a> {
    /// What was made or changed, in the order of the event.
    pub(super) fn written(&self) -> impl Iterator<Item = &Operation<'a>> {
        self.operations.iter().filter(|operation| matches!(operation.action, Action::Create | Action::Update))
    }

    /// What was done with accounts, each transaction once: some events have one operation twice. A trigger may give two
    /// accounts the ids of one.
    pub(super) fn account_transactions(&self) -> Vec<(usize, Action, &AccountTransaction)> {
        let mut seen = BTreeSet::new();
        let mut transactions = Vec::new();
        for operation in self.written() {
            let Entity::AccountTransaction(one) = &operation.entity else { continue };
            let told = |id| (id, one.account.id.as_deref(), one.account.kind, one.event);
            let is_new = one.id.as_deref().is_none_or(|id| seen.insert(told(id)));
            if is_new {
                transactions.push((operation.index, operation.action, one));
            }
        }
        transactions
    }
}

/// The wallets that operations speak of, in order of appearance, each with its own operations.
pub(super) fn read<'a>(envelope: &'a Envelope, notes: &mut Notes) -> Vec<Wallet<'a>> {
    let (mut operations, seen) = operations(envelope, notes);
    complete(&mut operations, envelope);
    let only = singled_out(&operations, &seen, envelope);
    let mut wallets: Vec<Wallet<'a>> = Vec::new();
    for operation in operations {
        let is_told = operation.entity.is_told();
        let Some(id) = operation.wallet_id.clone().or_else(|| only.clone().filter(|_| is_told)) else {
            if is_told {
                notes.no_wallet();
            }
            continue;
        };
        match wallets.iter_mut().find(|wallet| wallet.id == id) {
            Some(wallet) => wallet.operations.push(operation),
            None => wallets.push(Wallet { id, operations: vec![operation] }),
        }
    }
    wallets
}

/// What was done, and the wallets that were only looked at.
fn operations<'a>(envelope: &'a Envelope, notes: &mut Notes) -> (Vec<Operation<'a>>, Vec<String>) {
    let (mut operations, mut seen) = (Vec::new(), Vec::new());
    for (index, operation) in envelope.operations().enumerate() {
        let object = operation.at("objectValue");
        let wallet_id = object.id("walletId").or_else(|| object.at("account").id("walletId"));
        let name = operation.text("operationType");
        let Some(action) = name.and_then(Action::parse) else {
            notes.unknown_operation(name);
            continue;
        };
        if action == Action::Read {
            seen.extend(wallet_id);
            continue;
        }
        let kind = operation.text("objectType");
        match Entity::read(kind, object, notes) {
            Some(entity) => operations.push(Operation { index, action, wallet_id, entity }),
            None => notes.unknown_object(kind),
        }
    }
    (operations, seen)
}

/// The only wallet that operations speak of; where they name none, the only one that they looked at, or that the event
/// knows more about.
fn singled_out(operations: &[Operation<'_>], seen: &[String], envelope: &Envelope) -> Option<String> {
    let spoken_of: Vec<&str> = operations.iter().filter_map(|operation| operation.wallet_id.as_deref()).collect();
    let looked_at: Vec<&str> = seen.iter().map(String::as_str).collect();
    let known: Vec<&str> = envelope.enriched_wallets().collect();
    let named = [spoken_of, looked_at, known].into_iter().find(|wallets| !wallets.is_empty())?;
    let (first, others) = named.split_first()?;
    others.iter().all(|other| other == first).then(|| (*first).to_owned())
}

/// Fills in ids that are blank in an operation and not in the answer to the call, as it was seen with triggers.
fn complete(operations: &mut [Operation<'_>], envelope: &Envelope) {
    let is_blank = |operation: &Operation<'_>| match &operation.entity {
        Entity::AccountTransaction(one) => {
            [&one.id, &one.account.id, &one.account.campaign_id, &operation.wallet_id].into_iter().any(Option::is_none)
        }
        Entity::Wallet { .. }
        | Entity::Identity(_)
        | Entity::Account(_)
        | Entity::Transaction(_)
        | Entity::Tier(_)
        | Entity::TierTransaction(_)
        | Entity::Untold => false,
    };
    if !operations.iter().any(is_blank) {
        return;
    }
    let mut answered = Vec::new();
    account_transactions(envelope.response(), &mut answered);
    for operation in operations.iter_mut().filter(|operation| is_blank(operation)) {
        let Entity::AccountTransaction(blank) = &mut operation.entity else { continue };
        let found = answered.iter().position(|one| one.agrees(blank, operation.wallet_id.as_deref()));
        let Some(Answered { id, account_id, campaign_id, wallet_id, .. }) = found.map(|at| answered.remove(at)) else {
            continue;
        };
        blank.id = blank.id.take().or(id);
        blank.account.id = blank.account.id.take().or(account_id);
        blank.account.campaign_id = blank.account.campaign_id.take().or(campaign_id);
        operation.wallet_id = operation.wallet_id.take().or(wallet_id);
    }
}

/// An account transaction of the answer.
struct Answered<'a> {
    id: Option<String>,
    account_id: Option<String>,
    campaign_id: Option<String>,
    wallet_id: Option<String>,
    kind: &'a str,
    event: AccountEvent,
    value: Option<i64>,
}

impl Answered<'_> {
    fn agrees(&self, blank: &AccountTransaction, wallet_id: Option<&str>) -> bool {
        let agree = |one: Option<&str>, other: Option<&str>| one.is_none() || other.is_none() || one == other;
        blank.account.kind_name.as_deref() == Some(self.kind)
            && blank.event == self.event
            && blank.value == self.value
            && agree(blank.id.as_deref(), self.id.as_deref())
            && agree(blank.account.id.as_deref(), self.account_id.as_deref())
            && agree(blank.account.campaign_id.as_deref(), self.campaign_id.as_deref())
            && agree(wallet_id, self.wallet_id.as_deref())
    }
}

/// All that look like one, wherever the answer has them: its shape differs with every call.
fn account_transactions<'a>(json: &'a serde_json::Value, found: &mut Vec<Answered<'a>>) {
    if let Some(items) = json.as_array() {
        for item in items {
            account_transactions(item, found);
        }
    }
    let fields = Fields::of(Some(json));
    let account = fields.at("account");
    if let (Some(event), Some(kind)) = (fields.text("event"), account.text("type")) {
        found.push(Answered {
            id: fields.id("accountTransactionId"),
            account_id: fields.id("accountId").or_else(|| account.id("accountId")),
            campaign_id: account.id("campaignId"),
            wallet_id: account.id("walletId"),
            kind,
            event: AccountEvent::parse(Some(event)),
            value: fields.integer("value"),
        });
    }
    for (_, member) in fields.members() {
        account_transactions(member, found);
    }
}
