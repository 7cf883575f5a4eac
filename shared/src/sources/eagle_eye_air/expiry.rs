//! Subscriptions that end by themselves: AIR sends no event for it. When each ends stands on the member's row, moved by
//! renewals and taken away by cancellations; a timer looks at it when the time has come.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use super::changes::{MEMBERS, SUBSCRIBERS, SUBSCRIPTION};
use super::{Kind, SubscriptionState};
use crate::model::{AudienceId, Change, Details, Fact, FieldName, Membership, Person, Value};

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

/// Before the end of a subscription that was told of as over. It sorts behind every time: of one moment it wins.
const ENDED: &str = "~";

/// A subscription as the row has it.
struct Noted<'a> {
    field: &'a FieldName,
    account: &'a str,
    /// When it was last told of.
    told_at: Timestamp,
    state: State<'a>,
}

enum State<'a> {
    /// `None`: for ever.
    Runs {
        ends: Option<Timestamp>,
        campaign: Option<&'a str>,
    },
    /// It is over, and that was told.
    Ended(Timestamp),
    Cancelled,
}

impl State<'_> {
    fn goes_on(&self, now: Timestamp) -> bool {
        match self {
            Self::Runs { ends, .. } => ends.is_none_or(|ends| ends > now),
            Self::Ended(_) | Self::Cancelled => false,
        }
    }
}

fn subscriptions(person: &Person) -> impl Iterator<Item = Noted<'_>> {
    person.fields.iter().filter_map(|(field, entry)| {
        let account = field.as_str().strip_prefix(SUBSCRIPTION)?;
        Some(Noted { field, account, told_at: entry.occurred_at, state: state(&entry.value)? })
    })
}

fn state(value: &Value) -> Option<State<'_>> {
    let parts = match value {
        Value::Null => return Some(State::Cancelled),
        Value::List(parts) => parts,
        Value::Text(_) | Value::Boolean(_) | Value::Integer(_) | Value::Decimal(_) => return None,
    };
    let text = |place: usize| match parts.get(place) {
        Some(Value::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    match text(0)? {
        ENDED => Some(State::Ended(text(1)?.parse().ok()?)),
        NEVER => Some(State::Runs { ends: None, campaign: text(1) }),
        ends => Some(State::Runs { ends: Some(ends.parse().ok()?), campaign: text(1) }),
    }
}

/// What became of a member's subscriptions up to now: each that ended is told of, once whoever asks, and whoever has one
/// that goes on is a subscriber, nobody else.
///
/// That one ended is noted with the time at which it was last told of, and not with that of its end: a renewal that was
/// made before the end and comes late still wins.
pub fn expired(person: &Person, now: Timestamp) -> Vec<Change> {
    let mut changes = Vec::new();
    for Noted { field, account, told_at, state } in subscriptions(person) {
        let State::Runs { ends: Some(ends), campaign } = state else { continue };
        if ends > now {
            continue;
        }
        changes.extend(told(account, ends, campaign).map(|fact| Change::live(person.key, fact, ends)));
        let ended = Value::List([ENDED.to_owned(), ends.to_string()].map(Value::Text).to_vec());
        let fields = BTreeMap::from([(field.clone(), ended)]);
        changes.push(Change { fields, ..Change::live(person.key, Fact::Profile, told_at) });
    }
    changes.extend(membership(person, now));
    changes
}

/// That a subscription is over.
fn told(account: &str, ends: Timestamp, campaign: Option<&str>) -> Option<Fact> {
    let event = Kind::SubscriptionExpired.as_str().parse().ok()?;
    let id = format!("expired:{account}:{}", ends.as_second()).parse().ok()?;
    let mut details = json!({ "account_id": account, "expiry_date": ends });
    if let Some(campaign) = campaign {
        details["campaign_id"] = json!(campaign);
    }
    Some(Fact::Happened { event, id, details: Details(details.as_object().cloned().unwrap_or_default()) })
}

/// What is to change about being a subscriber. Whoever left the programme is none, whatever their subscriptions say.
fn membership(person: &Person, now: Timestamp) -> Option<Change> {
    let (audience, members): (AudienceId, AudienceId) = (SUBSCRIBERS.parse().ok()?, MEMBERS.parse().ok()?);
    let known = person.memberships.get(&audience)?;
    let goes_on = subscriptions(person).any(|one| one.state.goes_on(now));
    let has_left = person.memberships.get(&members).is_some_and(|member| member.value == Membership::Left);
    match (&known.value, goes_on && !has_left) {
        (Membership::Inside { .. }, true) | (Membership::Left, false) => None,
        (Membership::Left, true) => {
            let fact = Fact::Entered { audience, properties: BTreeMap::new() };
            Some(Change::live(person.key, fact, now))
        }
        (Membership::Inside { .. }, false) => {
            let over_at = |one: Noted<'_>| match one.state {
                State::Runs { ends, .. } => ends,
                State::Ended(at) => Some(at),
                State::Cancelled => Some(one.told_at),
            };
            let last = subscriptions(person).filter_map(over_at).max()?;
            Some(Change::live(person.key, Fact::Left { audience }, last.max(known.occurred_at)))
        }
    }
}
