//! The API's ports: from a request to its answer.

use std::sync::Arc;

use axum::http::HeaderName;

use super::auth;
use super::handle::WALLET_ORIGIN;
use super::reply::error;
use super::routes::Route;
use super::state::State;
use super::trigger::{Misread, TriggerCall};
use crate::deed::strike_or_apply;
use crate::faults::Target;
use crate::reply::Reply;
use crate::serve::{Answer, Call, Outcome, pause};
use crate::traffic::Limits;
use crate::twin::{Shared, Vendor};

pub(super) async fn answer(shared: &Arc<Shared<State>>, call: Call) -> Answer {
    let latency_ms = shared.lock().desk.switches.latency_ms;
    pause(latency_ms).await;
    let (answer, echo) = {
        let mut state = shared.lock();
        let outcome = state.receive(&call);
        let outcome = state.stamp(outcome);
        (state.settle(outcome), state.post.echo_first.take())
    };
    if let Some(mut open) = echo {
        // The sender lives in the state, which outlives the request.
        let _ = open.wait_for(|open| *open == 0).await;
    }
    answer
}

impl State {
    /// Counts, checks the hash, the rate, the route and the body, lets a fault strike, and applies.
    fn receive(&mut self, call: &Call) -> Outcome {
        self.desk.count_request(call.at_once);
        let query_hash = self.desk.switches.query_hash;
        let Some(client) = auth::client_of(call, &self.clients, query_hash) else {
            self.desk.counters.unauthorized += 1;
            return Outcome::Send(error(401, "Unauthorised"));
        };
        if let Some(limited) = self.over_the_rate(&client) {
            return Outcome::Send(limited);
        }
        let route = Route::parse(&call.method, &call.path, &call.query);
        let Some(route) = route.filter(|_| call.origin == WALLET_ORIGIN) else {
            let mark = if call.query.is_empty() { "" } else { "?" };
            self.desk.note_unexpected(format!("{} {}{}{mark}{}", call.method, call.origin, call.path, call.query));
            return Outcome::Send(error(500, "The twin has no such route at this host"));
        };
        let kind = route.kind();
        self.desk.count_route(kind.template());
        let target = Target { method: &call.method, path: &call.path, query: &call.query, route: kind };
        if route != Route::Trigger {
            return strike_or_apply(self, &target, move |state: &mut State| state.look_up(&route));
        }
        match TriggerCall::read(client, call, &self.desk.switches) {
            Ok(trigger) => strike_or_apply(self, &target, move |state: &mut State| state.trigger(&trigger)),
            Err(Misread::Invalid(why)) => Outcome::Send(error(400, &why)),
            Err(Misread::Unexpected(why)) => {
                let reply = error(500, &why);
                self.desk.note_unexpected(why);
                Outcome::Send(reply)
            }
        }
    }

    fn over_the_rate(&mut self, client: &str) -> Option<Reply> {
        if self.desk.admits(client, Limits::per_second(self.desk.switches.rate_limit)) {
            return None;
        }
        let limited = error(self.desk.switches.rate_limit_status, "Too many requests");
        Some(self.desk.limited(&self.desk.switches.retry_after.into(), limited))
    }

    /// Every answer can be named to the vendor's support.
    fn stamp(&mut self, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Send(reply) => {
                let id = self.unit.ids.called();
                let name = HeaderName::from_static("x-ees-called-unique-id");
                Outcome::Send(reply.with_header(name, id))
            }
            Outcome::Reset => Outcome::Reset,
            Outcome::Hold => Outcome::Hold,
        }
    }
}
