//! From a request to its answer: token, limits, route, faults, and then the resource.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::header;

use super::routes::Route;
use super::state::State;
use crate::deed::strike_or_apply;
use crate::faults::{RetryAfter, Target};
use crate::reply::Reply;
use crate::serve::{Answer, Call, Outcome, pause};
use crate::traffic::Limits;
use crate::twin::{Shared, Vendor};

pub(super) async fn answer(shared: &Arc<Shared<State>>, call: Call) -> Answer {
    let latency_ms = shared.lock().desk.switches.latency_ms;
    pause(latency_ms).await;
    let mut state = shared.lock();
    let outcome = state.receive(&Arc::new(call));
    state.settle(outcome)
}

/// Query parameters by name.
pub(super) type Parameters = BTreeMap<String, String>;

/// Why a request is not answered with what it asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// This status, with the error envelope.
    Refused(u16, String),
    /// No client may do this.
    Unexpected(String),
}

/// In these two the token may be.
const TOKENS: [&str; 2] = ["access_token", "key"];

impl State {
    fn receive(&mut self, call: &Arc<Call>) -> Outcome {
        self.desk.count_request(call.at_once);
        let parameters = match parameters(&call.query) {
            Ok(parameters) => parameters,
            Err(problem) => return Outcome::Send(self.answered(call, Err(problem))),
        };
        let Some(token) = self.token(call, &parameters) else {
            self.desk.counters.unauthorized += 1;
            return Outcome::Send(self.not_authorized());
        };
        let switches = &self.desk.switches;
        let crowded = switches.concurrency_limit.is_some_and(|limit| call.at_once > u64::from(limit));
        let limits = Limits::per_second(switches.rate_limit);
        if crowded || !self.desk.admits(&token, limits) {
            let limited = self.failure(429, "Too many requests");
            return Outcome::Send(self.desk.limited(&RetryAfter::Absent, limited));
        }
        let Some(route) = Route::parse(&call.method, &call.path) else {
            self.desk.note_unexpected(format!("{} {}", call.method, call.path));
            return Outcome::Send(self.failure(500, "The twin has no such route"));
        };
        self.desk.count_route(route.kind().template());
        let target = Target { method: &call.method, path: &call.path, query: &call.query, route: route.kind() };
        let call = Arc::clone(call);
        strike_or_apply(self, &target, move |state: &mut State| {
            let reply = state.apply(&route, &call, &parameters);
            state.answered(&call, reply)
        })
    }

    /// The live token that the request bears, raw in its header or as a parameter.
    fn token(&mut self, call: &Call, parameters: &Parameters) -> Option<String> {
        let raw = call.header(header::AUTHORIZATION);
        if raw.is_some_and(|value| value.starts_with("Bearer ")) {
            self.desk.counters.bearers += 1;
        }
        let given = raw.or_else(|| TOKENS.iter().find_map(|name| parameters.get(*name)).map(String::as_str))?;
        let (token, expires_at) = self.tokens.get_key_value(given)?;
        let lives = expires_at.is_none_or(|expires_at| self.desk.now < expires_at);
        lives.then(|| token.clone())
    }

    fn apply(&mut self, route: &Route, call: &Call, parameters: &Parameters) -> Result<Reply, Problem> {
        match route {
            Route::Segments => {
                known(parameters, &["table", "valid", "account_id"])?;
                self.segments_reply(parameters)
            }
            Route::SegmentsV2 => {
                known(parameters, &["table", "kind", "sizes", "account_id"])?;
                self.segments_reply(parameters)
            }
            Route::Size(name, segment) => {
                known(parameters, &["account_id"])?;
                self.size_reply(*name, segment)
            }
            Route::Scan(segment) => self.scan_reply(segment.as_deref(), parameters),
            Route::AdHocScan => self.ad_hoc_scan_reply(call, parameters),
            Route::AdHocSize => {
                known(parameters, &["account_id"])?;
                self.ad_hoc_size_reply(call)
            }
        }
    }

    fn answered(&mut self, call: &Call, reply: Result<Reply, Problem>) -> Reply {
        match reply {
            Ok(reply) => reply,
            Err(Problem::Refused(status, sentence)) => self.failure(status, &sentence),
            Err(Problem::Unexpected(what)) => {
                self.desk.note_unexpected(format!("{} {}: {what}", call.method, call.path));
                self.failure(500, &format!("The twin does not expect {what}"))
            }
        }
    }
}

fn parameters(query: &str) -> Result<Parameters, Problem> {
    let mut parameters = Parameters::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if parameters.insert(name.to_string(), value.into_owned()).is_some() {
            return Err(Problem::Unexpected(format!("the query parameter {name} twice")));
        }
    }
    Ok(parameters)
}

/// Whatever is neither named nor a token is unexpected.
pub(super) fn known(parameters: &Parameters, names: &[&str]) -> Result<(), Problem> {
    let unknown = parameters.keys().find(|name| !names.contains(&name.as_str()) && !TOKENS.contains(&name.as_str()));
    match unknown {
        Some(name) => Err(Problem::Unexpected(format!("the query parameter {name}"))),
        None => Ok(()),
    }
}

pub(super) fn refused(message: impl Into<String>) -> Problem {
    Problem::Refused(400, message.into())
}
