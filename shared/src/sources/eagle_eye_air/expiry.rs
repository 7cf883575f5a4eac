//! Subscriptions that end by themselves: AIR sends no event for it. When each ends stands on the member's row, moved by
//! renewals and taken away by cancellations; a timer looks at it when the time has come.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use super::changes::{SUBSCRIBERS, SUBSCRIPTION};
use super::{Kind, SubscriptionState};
use crate::model::{Change, Details, Fact, FieldName, Origin, Person, Value};

/// Of a subscription without an end.
const NEVER: &str = "never";

/// How a subscription is noted on the row: when it ends and its plan's campaign; null once it is cancelled.
pub(super) fn noted(state: SubscriptionState, campaign: Option<&str>) -> Value {
    let ends = match state {
        SubscriptionState::Active { ends: Some(ends) } => ends.to_string(),
        SubscriptionState::Active { ends: None } => NEVER.to_owned(),
        SubscriptionState::Cancelled => return Value::Null,
    };
    Value::List(
        [Some(ends.as_str()), campaign].into_iter().flatten().map(|text| Value::Text(text.to_owned())).collect(),
    )
}

/// A subscription as the row has it.
struct Noted<'a> {
    field: &'a FieldName,
    account: &'a str,
    /// `None`: never.
    ends: Option<Timestamp>,
    campaign: Option<&'a str>,
}

fn subscriptions(person: &Person) -> impl Iterator<Item = Noted<'_>> {
    person.fields.iter().filter_map(|(field, entry)| {
        let account = field.as_str().strip_prefix(SUBSCRIPTION)?;
        let Value::List(parts) = &entry.value else { return None };
        let text = |place: usize| match parts.get(place) {
            Some(Value::Text(text)) => Some(text.as_str()),
            _ => None,
        };
        let ends = text(0)?;
        let ends = if ends == NEVER { None } else { Some(ends.parse().ok()?) };
        Some(Noted { field, account, ends, campaign: text(1) })
    })
}

/// What became of a member's subscriptions up to now: each that ended is told of, once whoever asks, and whoever has no
/// other one is no subscriber any more.
pub fn expired(person: &Person, now: Timestamp) -> Vec<Change> {
    let is_over = |one: &Noted<'_>| one.ends.is_some_and(|ends| ends <= now);
    let (over, going_on): (Vec<_>, Vec<_>) = subscriptions(person).partition(is_over);
    let change = |fact, fields, at| Change {
        person: person.key,
        identifiers: BTreeMap::new(),
        fields,
        fact,
        occurred_at: at,
        origin: Origin::Live,
    };
    let mut changes = Vec::new();
    for Noted { field, account, ends, campaign } in &over {
        let Some(ends) = ends else { continue };
        let Ok(event) = Kind::SubscriptionExpired.as_str().parse() else { continue };
        let Ok(id) = format!("expired:{account}:{}", ends.as_second()).parse() else { continue };
        let mut details = json!({ "account_id": account, "expiry_date": ends });
        if let Some(campaign) = campaign {
            details["campaign_id"] = json!(campaign);
        }
        let details = Details(details.as_object().cloned().unwrap_or_default());
        let fields = BTreeMap::from([((*field).clone(), Value::Null)]);
        changes.push(change(Fact::Happened { event, id, details }, fields, *ends));
    }
    let last = over.iter().filter_map(|one| one.ends).max().filter(|_| going_on.is_empty());
    if let (Some(at), Ok(audience)) = (last, SUBSCRIBERS.parse()) {
        changes.push(change(Fact::Left { audience }, BTreeMap::new(), at));
    }
    changes
}
