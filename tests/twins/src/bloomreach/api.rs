//! From a request to its answer: credentials, limit, route, project, body, permission, faults, and then the commands.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::header;
use sha2::{Digest, Sha256};

use super::auth::Caller;
use super::commands::Request;
use super::message::{Message, Problem, Slot};
use super::routes::{Route, RouteKind};
use super::state::State;
use super::switches::{BadCredentials, BatchPermission};
use crate::deed::strike_or_apply;
use crate::faults::Target;
use crate::reply::Reply;
use crate::serve::{Answer, Call, Outcome, pause};
use crate::traffic::Limits;
use crate::twin::{Shared, Vendor};

const NO_PERMISSION: &str = "No permission";

pub(super) async fn answer(shared: &Arc<Shared<State>>, call: Call) -> Answer {
    let latency_ms = shared.lock().desk.switches.latency_ms;
    pause(latency_ms).await;
    let mut state = shared.lock();
    let outcome = state.receive(&call);
    state.settle(outcome)
}

impl State {
    fn receive(&mut self, call: &Call) -> Outcome {
        self.desk.count_request(call.at_once);
        let route = Route::parse(&call.method, &call.path, &call.query);
        self.answering = route.map(|route| route.kind);
        let request = self.admit(call).and_then(|caller| self.read(call, route, &caller));
        match request {
            Ok((route, request)) => {
                let target = Target { method: &call.method, path: &call.path, query: &call.query, route };
                strike_or_apply(self, &target, request)
            }
            Err(reply) => Outcome::Send(reply),
        }
    }

    fn admit(&mut self, call: &Call) -> Result<Caller, Reply> {
        let caller = call.header(header::AUTHORIZATION).and_then(|value| self.keyring.caller(value));
        let Some(caller) = caller else {
            return Err(match self.desk.switches.bad_credentials {
                BadCredentials::Unauthorized => {
                    self.desk.counters.unauthorized += 1;
                    self.failure(401, "Unauthorized")
                }
                BadCredentials::Forbidden => self.forbidden("Forbidden"),
            });
        };
        match caller {
            Caller::Public(_) => self.desk.counters.public_requests += 1,
            Caller::Private(_) => {}
        }
        if self.desk.admits("", Limits::per_second(self.desk.switches.per_second)) {
            return Ok(caller);
        }
        let limited = self.failure(429, "Too many requests");
        let retry_after = self.desk.switches.retry_after.clone();
        Err(self.desk.limited(&retry_after, limited))
    }

    fn read(&mut self, call: &Call, route: Option<Route<'_>>, caller: &Caller) -> Result<(RouteKind, Request), Reply> {
        let Some(Route { kind, project }) = route else {
            return Err(self.refuse_unexpected(format!("{} {}", call.method, whole_path(call))));
        };
        self.desk.count_route(kind.template());
        if project != self.project {
            return Err(self.forbidden("No access to this project"));
        }
        let media_type = call.media_type();
        if media_type != "application/json" {
            return Err(self.refuse_unexpected(format!("a body of type {media_type:?}")));
        }
        let body = match &call.body {
            Ok(body) => body,
            Err(why) => return Err(self.refuse_unexpected(why)),
        };
        let Message { mut slots, notes } = Message::read(kind, body).map_err(|problem| match problem {
            Problem::Unexpected(what) => self.refuse_unexpected(what),
            Problem::InvalidJson => {
                self.desk.note_unexpected("invalid JSON");
                self.failure(400, "Invalid JSON")
            }
        })?;
        self.check_size(kind, slots.len())?;
        self.check_permissions(kind, &mut slots, caller)?;
        self.check_told(&slots)?;
        for note in notes {
            self.desk.note_unexpected(note);
        }
        let request = match kind {
            RouteKind::Batch => {
                self.desk.counters.batches += 1;
                Request::Batch(slots, seed(self.desk.switches.shuffle_seed, body))
            }
            RouteKind::Customers | RouteKind::Events => {
                let single = slots.pop().ok_or_else(|| Reply::empty(500))?;
                Request::Single(single)
            }
        };
        Ok((kind, request))
    }

    fn check_size(&mut self, kind: RouteKind, commands: usize) -> Result<(), Reply> {
        let limit = self.desk.switches.batch_limit;
        if kind != RouteKind::Batch || commands <= limit {
            return Ok(());
        }
        self.desk.note_unexpected(format!("{commands} commands of at most {limit}"));
        Err(self.failure(self.desk.switches.batch_over_status, "Too many commands"))
    }

    fn check_permissions(&mut self, kind: RouteKind, slots: &mut [Slot], caller: &Caller) -> Result<(), Reply> {
        let is_whole = match (kind, self.desk.switches.batch_permission) {
            (RouteKind::Customers | RouteKind::Events, _) | (RouteKind::Batch, BatchPermission::Whole) => true,
            (RouteKind::Batch, BatchPermission::PerCommand) => false,
        };
        for slot in slots.iter_mut().filter(|slot| !caller.may(slot.needs)) {
            if is_whole {
                return Err(self.forbidden(NO_PERMISSION));
            }
            slot.read = Err(NO_PERMISSION.to_owned());
        }
        Ok(())
    }

    /// Whether a `command_id` stands for one command: a vendor that knows repeats by it would lose the other.
    fn check_told(&mut self, slots: &[Slot]) -> Result<(), Reply> {
        let commands = || slots.iter().filter_map(|slot| slot.read.as_ref().ok());
        for command in commands() {
            let Some(id) = &command.id else { continue };
            if self.told.get(id).is_some_and(|before| before != command) {
                return Err(self.refuse_unexpected(format!("command_id {id} came before, with another command")));
            }
        }
        for command in commands() {
            if let Some(id) = &command.id {
                self.told.insert(id.clone(), command.clone());
            }
        }
        Ok(())
    }

    fn forbidden(&mut self, sentence: &str) -> Reply {
        self.desk.counters.forbidden += 1;
        self.failure(403, sentence)
    }

    /// Notes and refuses what nothing documents.
    fn refuse_unexpected(&mut self, what: impl Into<String>) -> Reply {
        let what = what.into();
        let reply = self.failure(500, &format!("The twin does not expect {what}"));
        self.desk.note_unexpected(what);
        reply
    }
}

fn whole_path(call: &Call) -> String {
    match call.query.as_str() {
        "" => call.path.clone(),
        query => format!("{}?{query}", call.path),
    }
}

/// The same for the same batch, whatever came in between.
fn seed(shuffle_seed: u64, body: &Bytes) -> u64 {
    let mut digest = Sha256::new();
    digest.update(shuffle_seed.to_be_bytes());
    digest.update(body);
    digest.finalize().iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}
