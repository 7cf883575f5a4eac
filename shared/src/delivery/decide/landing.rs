//! What a vendor applies later: what stands for it meanwhile, and when it is asked for.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::destination::Landing;
use crate::model::{Asking, FlightKind, Person, PersonKey, Version};

/// What a vendor took to apply later.
#[derive(Debug, Default, PartialEq)]
pub struct Landings {
    sent: BTreeMap<PersonKey, Version>,
    /// The longest that any of it may take.
    within: SignedDuration,
    /// Of all calls, each once.
    handles: Vec<serde_json::Value>,
}

impl Landings {
    pub(super) fn add(&mut self, person: &Person, landing: &Landing) {
        self.sent.insert(person.key, person.version);
        self.within = self.within.max(landing.within);
        if let Some(handle) = landing.handle.as_ref().filter(|handle| !self.handles.contains(handle)) {
            self.handles.push(handle.clone());
        }
    }

    /// What stands for it until it must have been applied; nothing where nothing was taken.
    pub fn stand_for(&self, now: Timestamp) -> Option<FlightKind> {
        let asking = (!self.handles.is_empty()).then(|| Asking { handles: self.handles.clone(), at: ask_at(now, now) });
        let until = now.saturating_add(self.within).unwrap_or(Timestamp::MAX);
        (!self.sent.is_empty()).then(|| FlightKind::Landing { sent: self.sent.clone(), until, asking })
    }
}

/// Least and most time between two questions whether something has landed.
const ASKED_EVERY: (SignedDuration, SignedDuration) = (SignedDuration::from_mins(1), SignedDuration::from_mins(15));

/// When a vendor is asked again whether it has applied what it took at `since`: the longer it takes, the less often.
pub fn ask_at(since: Timestamp, now: Timestamp) -> Timestamp {
    let (least, most) = ASKED_EVERY;
    now.saturating_add((now.duration_since(since) / 4).clamp(least, most)).unwrap_or(Timestamp::MAX)
}
