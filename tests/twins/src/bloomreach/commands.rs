//! Executes commands and answers for them.

use jiff::SignedDuration;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde_json::{Value, json};

use super::message::{Command, Deed, Slot};
use super::model::{EventView, HARD_ID, seconds};
use super::state::State;
use super::switches::{BatchOrder, Doubles};
use crate::reply::Reply;
use crate::twin::Desk;

/// A time later than this from now is one that nobody meant.
const SOON: SignedDuration = SignedDuration::from_hours(24);

/// Commands that came in one request.
pub(super) enum Request {
    Single(Slot),
    /// With what shuffles it.
    Batch(Vec<Slot>, u64),
}

impl Request {
    fn slots(&self) -> &[Slot] {
        match self {
            Self::Single(slot) => std::slice::from_ref(slot),
            Self::Batch(slots, _) => slots,
        }
    }
}

impl crate::deed::Deed<State> for Request {
    fn apply(&self, state: &mut State) -> Reply {
        self.execute(state, None)
    }

    /// It was taken: whatever was ruled does not matter any more.
    fn land(&self, state: &mut State) {
        for place in self.order(state) {
            if let Some(Slot { read: Ok(command), .. }) = self.slots().get(place) {
                state.execute(command);
            }
        }
    }

    fn taken(&self, state: &mut State) -> Reply {
        let results = self.slots().iter().map(|slot| state.judge(slot)).collect();
        self.answer(state, results)
    }

    fn refuse(&self, state: &mut State, sentence: String) -> Reply {
        self.execute(state, Some(sentence))
    }
}

impl Request {
    /// Where there is a sentence the first command fails with it.
    fn execute(&self, state: &mut State, mut sentence: Option<String>) -> Reply {
        let judge = |slot: &Slot| sentence.take().map_or_else(|| state.judge(slot), Err);
        let judged: Vec<Result<(), String>> = self.slots().iter().map(judge).collect();
        for place in self.order(state) {
            match (self.slots().get(place), judged.get(place)) {
                (Some(Slot { read: Ok(command), .. }), Some(Ok(()))) => state.execute(command),
                _ => state.desk.counters.refused_commands += 1,
            }
        }
        self.answer(state, judged)
    }

    /// Places of the commands in the order of their execution.
    fn order(&self, state: &State) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.slots().len()).collect();
        match (self, state.desk.switches.batch_order) {
            (Self::Single(_), _) | (Self::Batch(..), BatchOrder::AsSent) => {}
            (Self::Batch(..), BatchOrder::Reversed) => order.reverse(),
            (Self::Batch(_, seed), BatchOrder::Shuffled) => order.shuffle(&mut StdRng::seed_from_u64(*seed)),
        }
        order
    }

    fn answer(&self, state: &State, results: Vec<Result<(), String>>) -> Reply {
        let mut results = results.into_iter();
        match self {
            Self::Single(_) => match results.next() {
                Some(Err(sentence)) => state.failure(400, &sentence),
                Some(Ok(())) | None => Reply::json(200, &json!({ "success": true })),
            },
            Self::Batch(..) => {
                let results: Vec<Value> = results.map(result).collect();
                let now = seconds(state.desk.now);
                let body = json!({ "results": results, "start_time": now, "end_time": now, "success": true });
                Reply::json(200, &body)
            }
        }
    }
}

fn result(of_it: Result<(), String>) -> Value {
    match of_it {
        Ok(()) => json!({ "success": true }),
        Err(sentence) => json!({ "success": false, "errors": [sentence] }),
    }
}

impl State {
    fn judge(&self, slot: &Slot) -> Result<(), String> {
        let command = slot.read.as_ref().map_err(Clone::clone)?;
        match command.ids.get(HARD_ID).and_then(|registered| self.refusals.get(registered)) {
            Some(sentence) => Err(sentence.clone()),
            None => Ok(()),
        }
    }

    fn execute(&mut self, command: &Command) {
        let Command { id, ids, at, deed } = command;
        let repeats = id.as_ref().is_some_and(|id| !self.executed.insert(id.clone()));
        if repeats {
            self.desk.counters.repeated_commands += 1;
            match self.desk.switches.doubles {
                Doubles::Executed => {}
                Doubles::Dropped => return,
            }
        }
        let at = timed(&mut self.desk, *at);
        self.desk.counters.commands += 1;
        let customer = self.customer_of(ids);
        match deed {
            Deed::Update { properties } => self.write(customer, properties, at),
            Deed::Event { event_type, properties } => {
                let event = EventView {
                    customer_ids: ids.clone(),
                    event_type: event_type.clone(),
                    timestamp: at,
                    properties: properties.clone(),
                    command_id: id.clone(),
                    received_at: self.desk.now,
                };
                self.take_event(event, repeats);
            }
        }
    }

    fn take_event(&mut self, event: EventView, repeats: bool) {
        let counters = &mut self.desk.counters;
        counters.events += 1;
        let is_known = !self.known_events.insert(identity(&event));
        counters.doubled_events += u64::from(repeats || is_known);
        self.events.push(event);
    }
}

/// What two events that are one have in common.
fn identity(event: &EventView) -> String {
    let EventView { customer_ids, event_type, timestamp, properties, command_id: _, received_at: _ } = event;
    json!([customer_ids, event_type, timestamp, properties]).to_string()
}

/// The twin's now where there is no time. A far one is taken as it is.
fn timed(desk: &mut Desk<State>, at: Option<f64>) -> f64 {
    let now = seconds(desk.now);
    let Some(at) = at else {
        desk.counters.without_timestamp += 1;
        return now;
    };
    desk.counters.future_timestamps += u64::from(at > now + SOON.as_secs_f64());
    at
}
