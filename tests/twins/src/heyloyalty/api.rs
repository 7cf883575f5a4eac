//! The API port: from a request to its answer.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State as Given};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use jiff::Timestamp;

use super::auth;
use super::faults::{Effect, Moment, Target};
use super::members::Unsent;
use super::payload::Payload;
use super::reply::Reply;
use super::routes::Route;
use super::state::{OnList, Shared, State};
use super::switches::RetryAfterHeader;
use super::wire::ResetSwitch;

/// Far above any import worth testing.
const BODY_LIMIT: usize = 256 * 1024 * 1024;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(answer).with_state(shared)
}

/// A request as the state sees it.
struct Call {
    method: String,
    path: String,
    query: String,
    headers: HeaderMap,
    payload: Result<Payload, String>,
}

/// What becomes of the connection.
enum Outcome {
    Send(Reply),
    Reset,
    Hold,
}

async fn answer(
    Given(shared): Given<Arc<Shared>>,
    ConnectInfo(switch): ConnectInfo<ResetSwitch>,
    request: Request,
) -> Response {
    let call = Call::read(request).await;
    if let Some(signed_at) = auth::signed_at(&call.headers) {
        shared.clock.hear(signed_at);
    }
    let (latency_ms, hold_ms) = {
        let state = shared.lock();
        (state.switches.latency_ms, state.switches.hold_ms)
    };
    pause(latency_ms).await;
    let (outcome, now) = {
        let mut state = shared.lock();
        (state.receive(&call), state.now)
    };
    match outcome {
        Outcome::Send(reply) => respond(reply, now),
        Outcome::Reset => {
            switch.pull();
            respond(Reply::empty(500), now)
        }
        Outcome::Hold => {
            pause(hold_ms).await;
            respond(Reply::html(504, "Gateway Timeout"), now)
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a twin holds its answers; no function waits here")]
async fn pause(ms: u64) {
    if ms > 0 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

fn respond(reply: Reply, now: Timestamp) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    // The twin's time, not the machine's: a client may compare it with its own.
    if let Ok(date) = HeaderValue::from_str(&auth::http_date(now)) {
        headers.insert(header::DATE, date);
    }
    let retry_after = reply.retry_after.map(|text| HeaderValue::from_str(&text));
    if let Some(Ok(retry_after)) = retry_after {
        headers.insert(header::RETRY_AFTER, retry_after);
    }
    response
}

impl Call {
    async fn read(request: Request) -> Self {
        let (parts, body) = request.into_parts();
        let query = parts.uri.query().unwrap_or("").to_owned();
        let content_type = parts.headers.get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or("");
        let payload = match to_bytes(body, BODY_LIMIT).await {
            Ok(body) => Payload::read(&query, content_type, &body).await,
            Err(error) => Payload::read(&query, "", &Bytes::new()).await.and(Err(error.to_string())),
        };
        Self {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query,
            headers: parts.headers,
            payload,
        }
    }
}

impl State {
    /// Counts, checks the signature, the rate and the route, lets a fault strike, and applies.
    fn receive(&mut self, call: &Call) -> Outcome {
        self.count_request();
        let skew = self.switches.skew_seconds;
        let Some(account) = auth::account_of(&call.headers, &self.accounts, skew, self.now) else {
            self.counters.unauthorized += 1;
            return Outcome::Send(Reply::coded(401, "Unauthorized", &self.switches));
        };
        if let Some(limited) = self.over_the_rate(account) {
            return Outcome::Send(limited);
        }
        let Some(route) = Route::parse(&call.method, &call.path) else {
            self.counters.unexpected += 1;
            self.unexpected.push(format!("{} {}", call.method, call.path));
            return Outcome::Send(Reply::error(500, "The twin has no such route"));
        };
        let template = route.kind().template().to_owned();
        *self.counters.requests_by_route.entry(template).or_default() += 1;
        self.count_forbidden(&route);
        let struck = self.faults.strike(&Target {
            method: &call.method,
            path: &call.path,
            query: &call.query,
            route: route.kind(),
        });
        self.counters.faults += u64::from(struck.is_some());
        match struck.map(|kind| kind.effect(&self.switches, self.now)) {
            None => Outcome::Send(self.apply(&route, call)),
            Some(Effect::Instead(reply)) => Outcome::Send(reply),
            Some(Effect::Altered(alter)) => Outcome::Send(alter(self.apply(&route, call))),
            Some(Effect::EmptyBody(status)) => {
                self.apply(&route, call);
                Outcome::Send(Reply::empty(status))
            }
            Some(Effect::Reset(moment)) => {
                self.apply_if(moment, &route, call);
                Outcome::Reset
            }
            Some(Effect::Hold(moment)) => {
                self.apply_if(moment, &route, call);
                Outcome::Hold
            }
        }
    }

    fn apply_if(&mut self, moment: Moment, route: &Route, call: &Call) {
        if moment == Moment::After {
            self.apply(route, call);
        }
    }

    fn count_request(&mut self) {
        self.counters.requests += 1;
        self.window.expire(self.now);
        self.window.push(self.now);
        let now = u64::try_from(self.window.len()).unwrap_or(u64::MAX);
        let most = &mut self.counters.max_requests_in_one_second;
        *most = now.max(*most);
    }

    fn over_the_rate(&mut self, account: String) -> Option<Reply> {
        let limit = usize::try_from(self.switches.rate_limit?).unwrap_or(usize::MAX);
        let window = self.allowed.entry(account).or_default();
        window.expire(self.now);
        if window.len() < limit {
            window.push(self.now);
            return None;
        }
        self.counters.rate_limited += 1;
        let mut reply = Reply::coded(429, "Too Many Requests", &self.switches);
        if self.switches.retry_after == RetryAfterHeader::With {
            reply.retry_after = Some("1".to_owned());
        }
        Some(reply)
    }

    fn apply(&mut self, route: &Route, call: &Call) -> Reply {
        let payload = match &call.payload {
            Ok(payload) => payload,
            Err(error) => return Reply::refused(error.clone()),
        };
        match self.dispatch(route, payload) {
            Ok(reply) | Err(reply) => reply,
        }
    }

    /// Calls a client must never make count even when they are refused or struck.
    fn count_forbidden(&mut self, route: &Route) {
        let counters = &mut self.counters;
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
            return Err(Reply::list_not_found(&self.switches));
        }
        self.on_list(id).ok_or_else(|| Reply::empty(500))
    }

    /// An unknown list says "Not Found" on everything below it.
    fn members_of(&mut self, id: u64) -> Result<OnList<'_>, Reply> {
        if !self.lists.contains_key(&id) {
            return Err(Reply::not_found(&self.switches));
        }
        self.on_list(id).ok_or_else(|| Reply::empty(500))
    }
}
