//! From a request to its answer: host, bearer, privilege, limits, faults, and then the resource.

use std::sync::Arc;

use axum::http::header;

use super::data::message;
use super::routes::RouteKind;
use super::state::State;
use crate::deed::strike_or_apply;
use crate::faults::Target;
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

/// Whose request it is.
struct Account {
    key: String,
    client_id: u64,
}

impl State {
    fn receive(&mut self, call: &Arc<Call>) -> Outcome {
        self.desk.count_request(call.at_once);
        if call.headers.contains_key(header::COOKIE) {
            self.desk.counters.cookies_returned += 1;
        }
        let data_hosts = self.desk.switches.data_hosts;
        let route = RouteKind::parse(&call.method, &call.path);
        let Some(route) = route.filter(|route| self.region.serves(call.origin, *route, data_hosts)) else {
            self.desk.note_unexpected(format!("{} {}{}", call.method, call.origin, call.path));
            return Outcome::Send(message(500, "The twin has no such route at this host"));
        };
        let target = Target { method: &call.method, path: &call.path, query: &call.query, route };
        if route == RouteKind::Token {
            if !self.desk.admits("", Limits::per_second(self.desk.switches.token_rate_limit)) {
                return Outcome::Send(self.limited());
            }
            self.desk.count_route(route.template());
            let call = Arc::clone(call);
            return strike_or_apply(self, &target, move |state: &mut State| state.token_reply(&call));
        }
        let account = match self.account(call, route) {
            Ok(account) => account,
            Err(reply) => return Outcome::Send(reply),
        };
        if let Some(limited) = self.over_a_limit(&account, call) {
            return Outcome::Send(limited);
        }
        self.desk.count_route(route.template());
        let call = Arc::clone(call);
        strike_or_apply(self, &target, move |state: &mut State| state.apply(route, &account, &call))
    }

    fn account(&mut self, call: &Call, route: RouteKind) -> Result<Account, Reply> {
        let bearer = call.header(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        let found = bearer.and_then(|token| self.keyring.key_of(token, self.desk.now));
        let Some((key, credential)) = found else {
            self.desk.counters.unauthorized += 1;
            return Err(message(401, "Authorization has been denied for this request."));
        };
        if route.privilege().is_some_and(|needed| !credential.privileges.contains(&needed)) {
            let status = self.desk.switches.no_privilege_status;
            return Err(message(status, "The user has no privilege for this request."));
        }
        Ok(Account { key: key.clone(), client_id: credential.client_id })
    }

    fn over_a_limit(&mut self, account: &Account, call: &Call) -> Option<Reply> {
        let switches = &self.desk.switches;
        let crowded = switches.concurrency_limit.is_some_and(|limit| call.at_once > u64::from(limit));
        let admitted = !crowded && self.desk.admits(&account.key, Limits::per_second(self.desk.switches.rate_limit));
        (!admitted).then(|| self.limited())
    }

    fn limited(&mut self) -> Reply {
        self.desk.limited(&self.desk.switches.retry_after.into(), message(429, "Too many requests."))
    }

    fn apply(&mut self, route: RouteKind, account: &Account, call: &Call) -> Reply {
        match route {
            RouteKind::Token => self.token_reply(call),
            RouteKind::Data => self.data_reply(call),
            RouteKind::Tables => self.tables_reply(call),
            RouteKind::SearchRecords => self.search_reply(call),
            RouteKind::ImportCreate => self.import_reply(call, account.client_id),
            RouteKind::ImportStatus => self.import_status_reply(call, account.client_id),
        }
    }
}
