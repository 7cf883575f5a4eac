//! What is due is applied: objects become attributes, events and purchases of profiles.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::model::{EventView, PurchaseView};
use super::objects::{Attributes, Event, InputArray, Object, Purchase, Unknown, What};
use super::state::{Queued, State};
use super::switches::{ObjectOrder, QueueOrder};

impl State {
    /// Requests whose time has come; one that waits holds up those behind it.
    pub(super) fn apply_due(&mut self) {
        let now = self.desk.now;
        let due = self.queue.iter().take_while(|queued| queued.due_at <= now).count();
        self.apply_first(due);
    }

    /// All requests, whatever the clock says. Answers how many.
    pub(super) fn apply_queue(&mut self) -> usize {
        let all = self.queue.len();
        self.apply_first(all);
        all
    }

    fn apply_first(&mut self, count: usize) {
        let mut due: Vec<Queued> = self.queue.drain(..count).collect();
        match self.desk.switches.queue_order {
            QueueOrder::Arrival => {}
            QueueOrder::LastFirst => due.reverse(),
        }
        due.into_iter().for_each(|queued| self.apply(queued));
    }

    pub(super) fn apply(&mut self, queued: Queued) {
        let Queued { due_at: _, request, objects } = queued;
        let [attributes, events, purchases] = InputArray::ALL;
        let order = match self.desk.switches.object_order {
            ObjectOrder::AttributesFirst => [attributes, events, purchases],
            ObjectOrder::AttributesLast => [purchases, events, attributes],
        };
        for array in order {
            for (_, object) in objects.iter().filter(|(of, _)| *of == array) {
                self.apply_object(object, request);
            }
        }
    }

    fn apply_object(&mut self, object: &Object, request: u64) {
        let number = self.profiles.find(&object.whom).or_else(|| match object.unknown {
            Unknown::Ignored => None,
            Unknown::Created => {
                let created = self.profiles.create(&object.whom);
                self.desk.counters.created_profiles += u64::from(created.is_some());
                created
            }
        });
        let Some(number) = number else {
            self.desk.counters.ignored_objects += 1;
            return;
        };
        match &object.what {
            What::Attributes(attributes) => self.change(number, attributes),
            What::Event(event) => self.add_event(number, event, request),
            What::Purchase(purchase) => self.add_purchase(number, purchase, request),
        }
    }

    fn change(&mut self, number: u64, attributes: &Attributes) {
        let nested_bytes = self.desk.switches.nested_bytes;
        let Some((profile, _)) = self.profiles.write(number, self.desk.now) else { return };
        let changed = profile.change(attributes, nested_bytes);
        self.desk.counters.increments += changed.increments;
        self.desk.counters.dropped_nested += changed.too_large;
    }

    fn add_event(&mut self, number: u64, event: &Event, request: u64) {
        let Some((external_id, braze_id)) = self.happened(number, event.time) else { return };
        let Event { name, time, app_id, properties } = event.clone();
        if !self.seen.insert(json!([braze_id, name, time, app_id, sorted(&properties)]).to_string()) {
            self.desk.counters.doubled_events += 1;
        }
        let applied_at = self.desk.now;
        self.events.push(EventView { external_id, braze_id, name, time, properties, app_id, applied_at, request });
    }

    fn add_purchase(&mut self, number: u64, purchase: &Purchase, request: u64) {
        let Some((external_id, braze_id)) = self.happened(number, purchase.time) else { return };
        let Purchase { product_id, currency, price, quantity, time, app_id, properties } = purchase.clone();
        let what = json!([product_id, currency, price, quantity]);
        if !self.seen.insert(json!([braze_id, what, time, app_id, sorted(&properties)]).to_string()) {
            self.desk.counters.doubled_purchases += 1;
        }
        self.purchases.push(PurchaseView {
            external_id,
            braze_id,
            product_id,
            currency,
            price,
            quantity,
            time,
            properties,
            app_id,
            applied_at: self.desk.now,
            request,
        });
    }

    /// Something happened to a profile at a time; answers its ids.
    fn happened(&mut self, number: u64, time: Timestamp) -> Option<(Option<String>, String)> {
        let (profile, braze_id) = self.profiles.write(number, self.desk.now)?;
        let is_older = profile.latest_time.is_some_and(|latest| time < latest);
        profile.latest_time = profile.latest_time.max(Some(time));
        let external_id = profile.external_id.clone();
        self.desk.counters.out_of_order += u64::from(is_older);
        Some((external_id, braze_id))
    }
}

/// The order in which properties were sent makes no difference.
fn sorted(properties: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut all: Vec<_> = properties.iter().collect();
    all.sort_by_key(|(name, _)| *name);
    all
}
