//! From a request to what becomes of it.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{HeaderMap, header};

use super::message::Message;
use super::routes::{Door, RouteKind};
use super::signature::{self, Stamp};
use super::state::{State, Told};
use crate::deed::{Deed, strike_or_apply};
use crate::faults::{Target, Wording};
use crate::reply::Reply;
use crate::serve::{Answer, Call, Outcome};
use crate::traffic::Limits;
use crate::twin::{Shared, Vendor};

pub(super) fn answer(shared: &Arc<Shared<State>>, call: &Call) -> Answer {
    if let Some(sent_at) = signature::sent_at(&call.headers) {
        shared.clock.hear(sent_at);
    }
    let mut state = shared.lock();
    let outcome = state.receive(call);
    state.settle(outcome)
}

/// A verified request.
enum Request {
    /// With its `webhook-id`.
    Said(String, Message),
    /// With the `webhook-id` that is asked about.
    Asks(String),
}

impl Request {
    fn route(&self) -> RouteKind {
        match self {
            Self::Said(_, message) => message.route(),
            Self::Asks(_) => RouteKind::Ask,
        }
    }
}

impl State {
    /// Counts, verifies, checks the rate, reads, lets a fault strike, and applies.
    fn receive(&mut self, call: &Call) -> Outcome {
        self.desk.count_request(call.at_once);
        let request = match self.verify(call) {
            Ok(request) => request,
            Err(reply) => return Outcome::Send(reply),
        };
        let route = request.route();
        self.desk.count_route(route.template());
        let target = Target { method: &call.method, path: &call.path, query: &call.query, route };
        strike_or_apply(self, &target, request)
    }

    fn verify(&mut self, call: &Call) -> Result<Request, Reply> {
        let Call { origin: _, method, path, query, headers, body, at_once: _ } = call;
        let Some(door) = self.paths.door(method, path, query) else {
            return Err(self.refuse_unexpected(format!("{method} {path}")));
        };
        let stamp = Stamp::read(headers).map_err(|why| self.refuse_unexpected(why))?;
        let body = body.as_ref().map_err(|why| self.refuse_unexpected(why))?;
        if !stamp.is_signed(&self.secrets, body) {
            self.desk.counters.signature_failures += 1;
            return Err(self.unauthorized());
        }
        let now = self.desk.now;
        if !stamp.is_fresh(self.desk.switches.skew_seconds, now) {
            self.desk.counters.stale_timestamps += 1;
            self.desk.note_unexpected(format!("sent at {}, it is {now}", stamp.sent_at));
            return Err(self.unauthorized());
        }
        if let Some(limited) = self.over_the_rate() {
            return Err(limited);
        }
        match door {
            Door::Post => self.read_message(stamp.id, headers, body),
            Door::Ask(asked) => self.read_ask(stamp.id, asked, body),
        }
    }

    fn unauthorized(&mut self) -> Reply {
        self.desk.counters.unauthorized += 1;
        self.refusal(401, "Unauthorized")
    }

    fn over_the_rate(&mut self) -> Option<Reply> {
        let switches = &self.desk.switches;
        let limits = Limits { per_second: switches.per_second, per_minute: switches.per_minute };
        if self.desk.admits("", limits) {
            return None;
        }
        let reply = self.refusal(429, "Too Many Requests");
        let retry_after = self.desk.switches.retry_after.clone();
        Some(self.desk.limited(&retry_after, reply))
    }

    fn read_message(&mut self, id: String, headers: &HeaderMap, body: &Bytes) -> Result<Request, Reply> {
        let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if media_type != Some("application/json") {
            return Err(self.refuse_unexpected(format!("a body of type {media_type:?}")));
        }
        let message = Message::read(body, self.desk.switches.batch).map_err(|why| self.refuse_unexpected(why))?;
        let may_come_again = match message {
            Message::Event(_) => true,
            Message::People(_) | Message::Check => false,
        };
        let told = Told::Message(message.clone());
        match self.told.get(&id) {
            Some(before) if *before != told => {
                Err(self.refuse_unexpected(format!("webhook-id {id} came before, with another body")))
            }
            Some(_) if !may_come_again => Err(self.refuse_unexpected(format!("webhook-id {id} came before"))),
            Some(_) | None => {
                self.told.insert(id.clone(), told);
                Ok(Request::Said(id, message))
            }
        }
    }

    /// An ask is a request of its own, or stands under the id that it asks about: the contract says neither.
    fn read_ask(&mut self, id: String, asked: String, body: &Bytes) -> Result<Request, Reply> {
        if !body.is_empty() {
            return Err(self.refuse_unexpected("an ask with a body"));
        }
        match self.told.get(&asked) {
            Some(Told::Message(Message::Event(_))) => {}
            // Lost on the way here.
            None => {}
            Some(Told::Message(Message::People(_) | Message::Check) | Told::Ask) => {
                return Err(self.refuse_unexpected(format!("{asked} is asked about and no event")));
            }
        }
        if id != asked && self.told.insert(id.clone(), Told::Ask).is_some() {
            return Err(self.refuse_unexpected(format!("webhook-id {id} came before")));
        }
        Ok(Request::Asks(asked))
    }
}

impl Deed<State> for Request {
    fn apply(&self, state: &mut State) -> Reply {
        match self {
            Self::Said(_, Message::People(people)) => state.take_people(people),
            Self::Said(id, Message::Event(event)) => {
                state.take_event(id, event);
                state.taken()
            }
            Self::Said(_, Message::Check) => {
                state.desk.counters.checks += 1;
                state.taken()
            }
            Self::Asks(id) => {
                state.desk.counters.asks += 1;
                Reply::empty(if state.events.contains_key(id) { 200 } else { 404 })
            }
        }
    }

    /// It was taken: whatever was ruled does not matter any more.
    fn land(&self, state: &mut State) {
        match self {
            Self::Said(_, Message::People(people)) => {
                people.records.iter().for_each(|record| state.take_record(&people.activation, record));
            }
            Self::Said(id, Message::Event(event)) => state.take_event(id, event),
            // There is nothing to apply.
            Self::Said(_, Message::Check) | Self::Asks(_) => {}
        }
    }

    fn taken(&self, state: &mut State) -> Reply {
        match self {
            Self::Said(_, Message::People(people)) => state.all_taken(people),
            Self::Said(_, Message::Event(_) | Message::Check) => state.taken(),
            Self::Asks(_) => self.apply(state),
        }
    }

    fn refuse(&self, state: &mut State, sentence: String) -> Reply {
        match self {
            Self::Said(_, Message::People(people)) => {
                if let Some(first) = people.records.first() {
                    state.refused.insert(first.id().to_owned(), sentence);
                }
                state.take_people(people)
            }
            Self::Said(_, Message::Event(_) | Message::Check) | Self::Asks(_) => state.error(422, &sentence),
        }
    }
}
