//! From a request to its answer: key, rate, route, permission, body, faults, and then the objects.

use std::sync::Arc;

use axum::http::{HeaderName, header};
use jiff::Timestamp;

use super::limits::Headers;
use super::routes::RouteKind;
use super::state::State;
use super::switches::Rate;
use crate::deed::strike_or_apply;
use crate::faults::{RetryAfter, Target, Wording};
use crate::reply::Reply;
use crate::serve::{Answer, Call, Outcome, pause};
use crate::twin::{Shared, Vendor};

pub(super) async fn answer(shared: &Arc<Shared<State>>, call: Call) -> Answer {
    let latency_ms = shared.lock().desk.switches.latency_ms;
    pause(latency_ms).await;
    let mut state = shared.lock();
    let outcome = match state.receive(&call) {
        Outcome::Send(reply) => Outcome::Send(state.with_limits(reply)),
        lost @ (Outcome::Reset | Outcome::Hold) => lost,
    };
    state.settle(outcome)
}

impl State {
    fn receive(&mut self, call: &Call) -> Outcome {
        self.desk.count_request(call.at_once);
        let now = self.desk.now;
        self.desk.counters.before_reset += u64::from(self.told_reset.is_some_and(|reset| now < reset));
        let route = match self.admit(call) {
            Ok(route) => route,
            Err(reply) => return Outcome::Send(reply),
        };
        self.desk.count_route(route.template());
        let request = self.read(call);
        let target = Target { method: &call.method, path: &call.path, query: &call.query, route };
        strike_or_apply(self, &target, request)
    }

    fn admit(&mut self, call: &Call) -> Result<RouteKind, Reply> {
        let key = call.header(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        let Some(permissions) = key.and_then(|key| self.keys.get(key)).cloned() else {
            self.desk.counters.unauthorized += 1;
            return Err(self.refusal(self.desk.switches.unknown_key_status, "Invalid API key"));
        };
        self.check_rate()?;
        let Some(route) = RouteKind::parse(&call.method, &call.path, &call.query) else {
            return Err(self.no_route(call));
        };
        if !permissions.contains(route.permission()) {
            return Err(self.refusal(self.desk.switches.no_permission_status, "Access Denied"));
        }
        Ok(route)
    }

    /// The keys of a workspace share its rate.
    fn check_rate(&mut self) -> Result<(), Reply> {
        let admitted = self.windows.admit(self.desk.switches.rate, self.desk.now);
        let counters = &mut self.desk.counters;
        counters.max_requests_in_one_window = counters.max_requests_in_one_window.max(self.windows.came());
        if admitted {
            return Ok(());
        }
        let reply = self.refusal(429, "Too Many Requests");
        Err(self.desk.limited(&RetryAfter::Absent, reply))
    }

    /// One slash too many is an error of its own.
    fn no_route(&mut self, call: &Call) -> Reply {
        let Call { method, path, query, .. } = call;
        let what = if query.is_empty() { format!("{method} {path}") } else { format!("{method} {path}?{query}") };
        match path.strip_suffix('/').and_then(|path| RouteKind::parse(method, path, query)) {
            Some(_) => {
                self.desk.note_unexpected(what);
                self.refusal(403, "Forbidden")
            }
            None => self.unexpected(what),
        }
    }

    /// Every answer tells of the rate, faults included.
    fn with_limits(&mut self, reply: Reply) -> Reply {
        let (rate, told, now) = (self.desk.switches.rate, self.desk.switches.told, self.desk.now);
        let Headers { limit, mut remaining, reset } = self.windows.headers(rate, told, now);
        if reply.status == 429 {
            match rate {
                // A fault may strike long before the rate is used up.
                Rate::ThreeSeconds(_) => remaining = 0,
                Rate::HourAndBurst { .. } => {}
            }
            if self.desk.switches.limit_headers {
                self.told_reset = self.told_reset.max(Timestamp::from_second(reset).ok());
            }
        }
        if !self.desk.switches.limit_headers {
            return reply;
        }
        reply
            .with_header(HeaderName::from_static("x-ratelimit-limit"), limit.to_string())
            .with_header(HeaderName::from_static("x-ratelimit-remaining"), remaining.to_string())
            .with_header(HeaderName::from_static("x-ratelimit-reset"), reset.to_string())
    }
}
