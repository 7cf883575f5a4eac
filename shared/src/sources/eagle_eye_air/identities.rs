//! By what names a wallet is found: card, customer id, e-mail address, whatever a client has. Values of removed
//! identities are overwritten, and name nobody.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::entities::{Action, Entity};
use super::envelope::Envelope;
use super::fields::Fields;
use super::time;
use super::wallets::Wallet;

const ACTIVE: &str = "ACTIVE";

/// What AIR puts before a value that it has removed.
const REMOVED_PREFIX: &str = "DELETED_";

/// The active ones by AIR's type, oldest first: from what the event knows of this wallet, or from what it did to it.
pub(super) fn read(wallet: &Wallet<'_>, envelope: &Envelope) -> BTreeMap<String, Vec<String>> {
    let enriched = envelope.identities(&wallet.id);
    if enriched.is_empty() { by_type(written(wallet)) } else { of_list(enriched, &wallet.id) }
}

/// The same of a list of a wallet's identities.
pub(super) fn of_list(listed: &[Json], wallet_id: &str) -> BTreeMap<String, Vec<String>> {
    by_type(listed.iter().filter_map(|json| Identity::read(Fields::of(Some(json)), wallet_id)).collect())
}

fn by_type(mut identities: Vec<Identity<'_>>) -> BTreeMap<String, Vec<String>> {
    identities.sort_by_key(|identity| (identity.created.is_none(), identity.created));
    let mut by_type: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for Identity { kind, value, .. } in identities {
        let values = by_type.entry(kind.to_owned()).or_default();
        if !values.contains(&value) {
            values.push(value);
        }
    }
    by_type
}

/// What is left of those that were made, changed and removed.
fn written<'a>(wallet: &Wallet<'a>) -> Vec<Identity<'a>> {
    let mut left: Vec<(Option<String>, Option<Identity<'a>>)> = Vec::new();
    for operation in &wallet.operations {
        let Entity::Identity(object) = operation.entity else { continue };
        let id = object.id("identityId");
        let identity = match operation.action {
            Action::Create | Action::Update => Identity::read(object, &wallet.id),
            Action::Delete | Action::Read => None,
        };
        match left.iter_mut().find(|(known, _)| known.is_some() && *known == id) {
            Some((_, last)) => *last = identity,
            None => left.push((id, identity)),
        }
    }
    left.into_iter().filter_map(|(_, identity)| identity).collect()
}

struct Identity<'a> {
    kind: &'a str,
    value: String,
    created: Option<Timestamp>,
}

impl<'a> Identity<'a> {
    /// None where it is none of this wallet's active ones.
    fn read(object: Fields<'a>, wallet_id: &str) -> Option<Self> {
        let is_ours = object.id("walletId").is_none_or(|id| id == wallet_id);
        let is_active = object.text("status").is_some_and(|status| status.eq_ignore_ascii_case(ACTIVE));
        if !is_ours || !is_active {
            return None;
        }
        let value = object.id("value").filter(|value| !value.starts_with(REMOVED_PREFIX))?;
        let created = object.text("dateCreated").and_then(time::parse);
        Some(Self { kind: object.text("type")?, value, created })
    }
}
