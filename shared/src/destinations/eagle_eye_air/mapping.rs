//! From what was earned to AIR's triggers, and from AIR's answers to what became of it: pure.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value as Json;

use super::client::judge;
use super::config::{References, Settings};
use crate::destination::{Applied, Failure, Links, Performance, Task};
use crate::http::Answer;
use crate::model::{AudienceId, Details, EarnedBy, EventName, LinkState, Reason, Value};

/// `type` of the wallet transactions that a trigger makes.
/// <https://developer.eagleeye.com/eagleeye-developer/docs/wallet-data-entities-wallet-transactions>.
const REWARD_TYPES: [&str; 2] = ["BEHAVIOURAL_ACTION_POINTS", "BEHAVIOURAL_ACTION_COUPON"];
/// Small letters and digits that are not taken for one another: base 32 of RFC 4648.
const BASE_32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// From so many characters on a reference may be refused.
const TOO_LONG: usize = 50;
/// Of 128 bits, 5 to a character.
const CHARACTERS: u32 = 26;

/// What is triggered: in this order, and nothing else.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Trigger<'a> {
    identity_value: &'a str,
    wallet_transaction: Reference<'a>,
    triggers: [Reference<'a>; 1],
}

#[derive(Serialize)]
struct Reference<'a> {
    reference: &'a str,
}

/// The body that issues the reward.
///
/// # Errors
/// Why there is none to issue.
pub(super) fn trigger(settings: &Settings, task: &Task) -> Result<Vec<u8>, Reason> {
    let action = action(settings, task)?;
    let reference = reference(settings, task)?;
    let trigger = Trigger {
        identity_value: task.key.expose(),
        wallet_transaction: Reference { reference: &reference },
        triggers: [Reference { reference: &action }],
    };
    serde_json::to_vec(&trigger).map_err(|_| Reason::new("no trigger could be written of it"))
}

/// The event by which a reward is asked for.
pub(super) fn request() -> Option<EventName> {
    "reward_requested".parse().ok()
}

/// What a request for a reward says under this name.
fn asked<'t>(details: &'t Details, name: &str) -> Option<&'t str> {
    details.0.get(name).and_then(Json::as_str).map(str::trim).filter(|text| !text.is_empty())
}

/// The reference that whoever asks for the reward gave it, where that is to be used.
pub(super) fn brought<'t>(settings: &Settings, task: &'t Task) -> Option<&'t str> {
    match (&task.earned.by, settings.references) {
        (EarnedBy::Happened { details, .. }, References::Brought) => {
            asked(details, "reference").filter(|text| text.chars().count() < TOO_LONG)
        }
        (EarnedBy::Happened { .. }, References::Own) | (EarnedBy::Entered { .. } | EarnedBy::Left { .. }, _) => None,
    }
}

/// The Action Reference of the campaign that rewards the entry, or that is asked for.
fn action(settings: &Settings, task: &Task) -> Result<String, Reason> {
    let (audience, properties) = match &task.earned.by {
        EarnedBy::Entered { audience, properties } => (audience, properties),
        EarnedBy::Happened { event, details } if Some(event) == request().as_ref() => {
            let action = asked(details, "action_reference").map(str::to_owned);
            return action.ok_or_else(|| Reason::new("the request names no `action_reference`"));
        }
        EarnedBy::Left { .. } | EarnedBy::Happened { .. } => {
            return Err(Reason::new(
                "rewarded is who enters an audience, and who is asked to be by `reward_requested`; nothing else",
            ));
        }
    };
    if let Some(action) = settings.rewards.get(audience) {
        return Ok(action.clone());
    }
    let property = &settings.reference_property;
    let action = match properties.get(property) {
        Some(Value::Text(text)) => text.trim().to_owned(),
        Some(Value::Integer(number)) => number.to_string(),
        Some(Value::Boolean(_) | Value::Decimal(_) | Value::List(_)) => {
            return Err(Reason::new(format!("the property `{property}` of {audience} is no Action Reference")));
        }
        Some(Value::Null) | None => String::new(),
    };
    if action.is_empty() {
        let reason =
            format!("no Action Reference: `rewards` has none for {audience}, nor does it come as `{property}`");
        return Err(Reason::new(reason));
    }
    Ok(action)
}

/// The reference of the wallet transaction: the same for every try, and below 50 characters, since how long it may be is
/// not documented. Whoever asks for a reward may bring one.
///
/// # Errors
/// Where the task's own is not of 128 bits.
pub(super) fn reference(settings: &Settings, task: &Task) -> Result<String, Reason> {
    if let Some(brought) = brought(settings, task) {
        return Ok(brought.to_owned());
    }
    let bits = u128::from_str_radix(&task.reference, 16)
        .map_err(|_| Reason::new("the reward's own reference cannot be read"))?;
    let five = |place: u32| {
        // The last character has two bits that nobody needs.
        let group = if place < CHARACTERS - 1 { bits >> (123 - 5 * place) } else { bits << 2 };
        char::from(BASE_32[usize::from((group as u8) & 31)])
    };
    Ok(settings.reference_prefix.chars().chain((0..CHARACTERS).map(five)).collect())
}

/// What became of a reward.
pub(super) fn performance(settings: &Settings, task: &Task, answer: &Answer, now: Timestamp) -> Performance {
    let status = answer.status.as_u16();
    match status {
        201 => Performance::Done { said: transaction_of(answer.json().as_ref()) },
        200..=299 => {
            let reason = Reason::new(format!("Eagle Eye AIR answered with status {status}, and not with 201"));
            Performance::Failed(Failure::Retryable { reason, applied: Applied::Open })
        }
        404 if may_join(settings, task, now) => {
            let reason = Reason::new(judge(answer, task.key.expose()).to_string());
            Performance::Failed(Failure::Retryable { reason, applied: Applied::No })
        }
        // One wallet that must not be rewarded looks like a client that may not: where it is the client, the look says so.
        403 => {
            let reason = Reason::new("Eagle Eye AIR answered with status 403: it refuses the call, or this wallet");
            Performance::Failed(Failure::Retryable { reason, applied: Applied::Open })
        }
        _ => Performance::Failed(judge(answer, task.key.expose())),
    }
}

/// Whether somebody of whom AIR knows nothing may be joining just now.
fn may_join(settings: &Settings, task: &Task, now: Timestamp) -> bool {
    now.duration_since(task.earned.occurred_at) < SignedDuration::from_hours(settings.unknown_wallet_hours.into())
}

fn transaction_of(json: Option<&Json>) -> String {
    match json.and_then(|json| id_in(json, "walletTransactionId")) {
        Some(id) => format!("wallet transaction {id}"),
        None => "a wallet transaction whose id could not be read".to_owned(),
    }
}

/// An id of AIR's; nothing that could be something else.
fn id_in(json: &Json, name: &str) -> Option<String> {
    let id = match json.get(name)? {
        Json::String(text) => text.clone(),
        Json::Number(number) => number.to_string(),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => return None,
    };
    let fits = (1..=40).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    fits.then_some(id)
}

/// What AIR answers may be one object, a page of them or an array: which is not documented.
pub(super) fn objects(json: &Json) -> Vec<&Json> {
    match (json, json.get("results")) {
        (Json::Array(objects), _) | (Json::Object(_), Some(Json::Array(objects))) => objects.iter().collect(),
        (Json::Object(_), Some(_) | None) => vec![json],
        (Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_), _) => Vec::new(),
    }
}

/// The id of the one wallet of an answer.
pub(super) fn wallet_id(json: &Json) -> Option<String> {
    let ids: BTreeSet<String> = objects(json).into_iter().filter_map(|wallet| id_in(wallet, "walletId")).collect();
    ids.first().filter(|_| ids.len() == 1).cloned()
}

/// What AIR shows of a reward.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// It was issued.
    Reward {
        /// As which wallet transaction.
        said: String,
    },
    /// Something else has its reference.
    Another(Reason),
    /// Nothing, which proves nothing.
    Nothing(Reason),
}

/// Looks for a reward of this wallet and reference among what AIR answered.
pub(super) fn find(json: &Json, reference: &str, wallet: &str) -> Found {
    let has = |transaction: &Json, name: &str, value: &str| transaction.get(name).and_then(Json::as_str) == Some(value);
    let ours: Vec<&Json> = objects(json).into_iter().filter(|each| has(each, "reference", reference)).collect();
    let is_reward = |transaction: &Json| {
        let is_theirs = id_in(transaction, "walletId").as_deref() == Some(wallet);
        is_theirs && REWARD_TYPES.iter().any(|kind| has(transaction, "type", kind))
    };
    match (ours.iter().find(|each| is_reward(each)), ours.is_empty()) {
        (Some(reward), _) => Found::Reward { said: transaction_of(Some(reward)) },
        (None, false) => {
            Found::Another(Reason::new("another wallet, or something that is no reward, has its reference"))
        }
        (None, true) => Found::Nothing(Reason::new("Eagle Eye AIR shows no transaction of its reference")),
    }
}

/// A sentence for each audience whose reward the settings do not name.
pub(super) fn warnings(settings: &Settings, links: &Links) -> Vec<String> {
    let unnamed = |audience: &AudienceId| !settings.rewards.contains_key(audience);
    let audiences = links.audiences.iter().filter(|linked| linked.state == LinkState::Live && unnamed(&linked.id));
    let property = &settings.reference_property;
    let warning = |id: &AudienceId| {
        format!("`rewards` names no reward for {id}: its Action Reference must come with each entry, as `{property}`")
    };
    audiences.map(|linked| warning(&linked.id)).collect()
}
