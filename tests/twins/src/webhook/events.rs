//! Takes events, each of which happens once.

use super::message::{Event, Happening, Told};
use super::model::EventView;
use super::state::State;
use super::switches::Doubles;

impl State {
    /// That the event comes with the same body each time was looked at before.
    pub(super) fn take_event(&mut self, webhook_id: &str, event: &Event) {
        if let Some(known) = self.events.get_mut(webhook_id) {
            known.arrived += 1;
            self.desk.counters.repeated_events += 1;
            match self.desk.switches.doubles {
                Doubles::Dropped => {}
                Doubles::Acted => {
                    known.acted += 1;
                    self.desk.counters.doubled_events += 1;
                }
            }
            return;
        }
        let place = 1 + u64::try_from(self.events.len()).unwrap_or(u64::MAX);
        let view = view(webhook_id, event, place);
        // A receiver knows repeats by their `webhook-id` alone.
        if let Some(twin) = self.events.values().find(|known| is_same(known, &view)) {
            let what = format!("one event under two webhook-ids: {} and {webhook_id}", twin.webhook_id);
            self.desk.counters.doubled_events += 1;
            self.desk.note_unexpected(what);
        }
        self.events.insert(webhook_id.to_owned(), view);
    }
}

fn view(webhook_id: &str, event: &Event, place: u64) -> EventView {
    let Event { what, timestamp, told } = event.clone();
    let Told { activation, id, audience, properties } = told;
    EventView {
        webhook_id: webhook_id.to_owned(),
        what,
        id,
        audience,
        properties,
        timestamp,
        activation,
        place,
        arrived: 1,
        acted: 1,
    }
}

fn is_same(one: &EventView, other: &EventView) -> bool {
    let of = |event: &EventView| {
        let EventView { what, id, audience, properties, timestamp, activation, .. } = event.clone();
        // Several things may happen to somebody at one moment; of a transition the properties are its audience's.
        let properties = (what == Happening::PassedOn).then_some(properties);
        (what, id, audience, properties, timestamp, activation)
    };
    of(one) == of(other)
}
