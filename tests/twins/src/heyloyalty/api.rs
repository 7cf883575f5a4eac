//! The API port: from a request to its answer.

use std::sync::Arc;

use super::auth;
use super::members::Unsent;
use super::payload::Payload;
use super::reply;
use super::routes::Route;
use super::state::{OnList, State};
use crate::deed::strike_or_apply;
use crate::faults::Target;
use crate::reply::Reply;
use crate::serve::{Answer, Call, Outcome, pause};
use crate::traffic::Limits;
use crate::twin::{Shared, Vendor};

pub(super) async fn answer(shared: &Arc<Shared<State>>, call: Call) -> Answer {
    let payload = Payload::of(&call).await;
    if let Some(signed_at) = auth::signed_at(&call.headers) {
        shared.clock.hear(signed_at);
    }
    let latency_ms = shared.lock().desk.switches.latency_ms;
    pause(latency_ms).await;
    let mut state = shared.lock();
    let outcome = state.receive(&call, payload);
    state.settle(outcome)
}

impl State {
    /// Counts, checks the signature, the rate and the route, lets a fault strike, and applies.
    fn receive(&mut self, call: &Call, payload: Result<Payload, String>) -> Outcome {
        self.desk.count_request(call.at_once);
        let skew = self.desk.switches.skew_seconds;
        let Some(account) = auth::account_of(&call.headers, &self.accounts, skew, self.desk.now) else {
            self.desk.counters.unauthorized += 1;
            return Outcome::Send(reply::coded(401, "Unauthorized", &self.desk.switches));
        };
        if let Some(limited) = self.over_the_rate(&account) {
            return Outcome::Send(limited);
        }
        let Some(route) = Route::parse(&call.method, &call.path) else {
            self.desk.note_unexpected(format!("{} {}", call.method, call.path));
            return Outcome::Send(reply::error(500, "The twin has no such route"));
        };
        self.desk.count_route(route.kind().template());
        self.count_forbidden(&route);
        let target = Target { method: &call.method, path: &call.path, query: &call.query, route: route.kind() };
        strike_or_apply(self, &target, move |state: &mut State| state.apply(&route, &payload))
    }

    fn over_the_rate(&mut self, account: &str) -> Option<Reply> {
        if self.desk.admits(account, Limits::per_second(self.desk.switches.rate_limit)) {
            return None;
        }
        let limited = reply::coded(429, "Too Many Requests", &self.desk.switches);
        Some(self.desk.limited(&self.desk.switches.retry_after.into(), limited))
    }

    fn apply(&mut self, route: &Route, payload: &Result<Payload, String>) -> Reply {
        let payload = match payload {
            Ok(payload) => payload,
            Err(error) => return reply::refused(error.clone()),
        };
        match self.dispatch(route, payload) {
            Ok(reply) | Err(reply) => reply,
        }
    }

    /// Calls a client must never make count even when they are refused or struck.
    fn count_forbidden(&mut self, route: &Route) {
        let counters = &mut self.desk.counters;
        match route {
            Route::ListCreate => counters.list_post += 1,
            Route::ListPut(_) => counters.list_put += 1,
            Route::ListDelete(_) => counters.list_delete += 1,
            Route::MemberPut(..) => counters.member_put += 1,
            Route::Lists
            | Route::ListRead(_)
            | Route::ListPatchV2(_)
            | Route::Members(_)
            | Route::MemberCreate(_)
            | Route::MemberRead(..)
            | Route::MemberPatch(..)
            | Route::MemberDelete(..)
            | Route::MembersDeleteByField
            | Route::Upsert(_)
            | Route::Import(_)
            | Route::Webhooks(_)
            | Route::WebhookCreate(_)
            | Route::WebhookPut(..)
            | Route::WebhookDelete(..) => {}
        }
    }

    fn dispatch(&mut self, route: &Route, payload: &Payload) -> Result<Reply, Reply> {
        match route {
            Route::Lists => self.lists_reply(payload),
            Route::ListCreate => self.create_list(payload),
            Route::ListDelete(list) => self.delete_list(*list),
            Route::MembersDeleteByField => self.delete_by_field(payload),
            Route::Import(list) => self.accept_import(*list, payload),
            Route::ListRead(list) => Ok(self.list(*list)?.read_list()),
            Route::ListPut(list) => self.list(*list)?.put_list(payload),
            Route::ListPatchV2(list) => self.list(*list)?.patch_list(payload),
            Route::Members(list) => self.members_of(*list)?.search(payload),
            Route::MemberCreate(list) => self.members_of(*list)?.create(payload),
            Route::MemberRead(list, id) => self.members_of(*list)?.read(id),
            Route::MemberPut(list, id) => self.members_of(*list)?.write(id, payload, Unsent::Empty),
            Route::MemberPatch(list, id) => self.members_of(*list)?.write(id, payload, Unsent::Keep),
            Route::MemberDelete(list, id) => self.members_of(*list)?.delete(id, payload),
            Route::Upsert(list) => self.members_of(*list)?.upsert(payload),
            Route::Webhooks(list) => Ok(self.members_of(*list)?.webhooks()),
            Route::WebhookCreate(list) => self.members_of(*list)?.create_webhook(payload),
            Route::WebhookPut(list, id) => self.members_of(*list)?.put_webhook(*id, payload),
            Route::WebhookDelete(list, id) => self.members_of(*list)?.delete_webhook(*id),
        }
    }

    fn list(&mut self, id: u64) -> Result<OnList<'_>, Reply> {
        if !self.lists.contains_key(&id) {
            return Err(reply::list_not_found(&self.desk.switches));
        }
        self.on_list(id).ok_or_else(|| Reply::empty(500))
    }

    /// An unknown list says "Not Found" on everything below it.
    fn members_of(&mut self, id: u64) -> Result<OnList<'_>, Reply> {
        if !self.lists.contains_key(&id) {
            return Err(reply::not_found(&self.desk.switches));
        }
        self.on_list(id).ok_or_else(|| Reply::empty(500))
    }
}
