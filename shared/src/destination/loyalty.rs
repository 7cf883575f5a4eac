//! How events of a person are told at a marketing platform: which, and under which names. Names are data: a table of
//! defaults for what Eagle Eye AIR tells, and the owner's settings over it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::parcels::Object;
use super::{Failure, Performance, Performances, Task, Testimony};
use crate::model::effect::Events;
use crate::model::{EarnedBy, EventName, Reason};

/// Loyalty events, and what they are called behind a platform's own beginning.
const NAMES: [(&str, &str); 15] = [
    ("programme_joined", "Loyalty Program Joined"),
    ("programme_left", "Loyalty Program Left"),
    ("order_completed", "Order Completed"),
    ("order_fulfilled", "Order Fulfilled"),
    ("order_refunded", "Order Refunded"),
    ("coupon_received", "Coupon Received"),
    ("coupon_redeemed", "Coupon Redeemed"),
    ("coupon_unredeemed", "Coupon Unredeemed"),
    ("points_awarded", "Points Awarded"),
    ("points_spent", "Points Spent"),
    ("points_spend_voided", "Points Spend Voided"),
    ("tier_changed", "Tier Changed"),
    ("subscription_joined", "Subscription Joined"),
    ("subscription_cancelled", "Subscription Cancelled"),
    ("subscription_expired", "Subscription Expired"),
];

/// Which events of a person are told, and as what.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EventSettings {
    /// Which: `all`, `none`, or `{"only": ["coupon_redeemed"]}`.
    pub tell: Events,
    /// What becomes of some of them, by their names at Muster; the others keep their default names and all that the
    /// source says of them.
    #[schemars(with = "BTreeMap<String, EventMapping>")]
    pub mapping: BTreeMap<EventName, EventMapping>,
}

impl Default for EventSettings {
    fn default() -> Self {
        Self { tell: Events::All, mapping: BTreeMap::new() }
    }
}

/// What becomes of an event.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EventMapping {
    /// Its name at the platform.
    pub name: Option<String>,
    /// The properties that are told, and by what names; all by their own where it is absent.
    pub properties: Option<BTreeMap<String, String>>,
}

/// What happens when nobody knows whether an event arrived, where the platform cannot be asked and keeps doubles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InDoubt {
    /// It waits for a person to say what happened: it is told once at most.
    #[default]
    Park,
    /// It is sent again: it is told once at least, and twice where the first one arrived.
    SendAgain,
}

impl InDoubt {
    /// What can be said of an event whose answer was lost.
    pub(crate) fn testimony(self, platform: &str) -> Testimony {
        match self {
            Self::SendAgain => Testimony::Repeatable,
            Self::Park => {
                let lost = format!("{platform}'s answer was lost, and {platform} cannot be asked for an event");
                Testimony::Untellable { reason: Reason::new(lost) }
            }
        }
    }
}

/// An event as it is to be told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Telling {
    /// Its name at the platform.
    pub(crate) name: String,
    /// What is said of it.
    pub(crate) properties: Map<String, Json>,
}

/// Says what is wrong with the settings of events.
///
/// # Errors
/// With the JSON path below the settings and the reason.
pub(crate) fn check_events(settings: &EventSettings) -> Result<(), String> {
    for (event, mapping) in &settings.mapping {
        let names = mapping.properties.iter().flatten().map(|(_, name)| name);
        if mapping.name.iter().chain(names).any(|name| name.trim().is_empty() || name.chars().count() > 255) {
            return Err(format!("$.events.mapping.{event}: names are 1 to 255 characters"));
        }
    }
    Ok(())
}

/// What the platform is told of an event; `style` makes a platform's name of an English one. `None` where a transition
/// earned the effect.
pub(crate) fn tell(task: &Task, settings: &EventSettings, style: impl FnOnce(&str) -> String) -> Option<Telling> {
    let EarnedBy::Happened { event, details } = &task.earned.by else { return None };
    let mapping = settings.mapping.get(event);
    let known = NAMES.iter().find(|(id, _)| *id == event.as_str());
    let by_default = || known.map_or_else(|| event.to_string(), |(_, name)| style(name));
    let name = mapping.and_then(|mapping| mapping.name.clone()).unwrap_or_else(by_default);
    let properties = match mapping.and_then(|mapping| mapping.properties.as_ref()) {
        None => details.0.clone(),
        Some(chosen) => {
            chosen.iter().filter_map(|(own, name)| Some((name.clone(), details.0.get(own)?.clone()))).collect()
        }
    };
    Some(Telling { name, properties })
}

/// Objects of what is to be told, in the order given, and what became of the rest: of a transition a platform of events is
/// not told.
pub(crate) fn objects<'a>(
    platform: &str,
    effects: &'a [Task],
    make: impl Fn(&Task) -> Option<Object>,
) -> (Vec<(&'a Task, Object)>, Performances) {
    let mut refused = Performances::new();
    let mut made = Vec::with_capacity(effects.len());
    for task in effects {
        match make(task) {
            Some(object) => made.push((task, object)),
            None => {
                let reason = Reason::new(format!("{platform} is told of events, not of transitions"));
                refused.insert(task.id.clone(), Performance::Failed(Failure::Rejected { reason }));
            }
        }
    }
    (made, refused)
}
