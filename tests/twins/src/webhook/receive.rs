//! From a request to what becomes of it.

use axum::body::Bytes;
use axum::http::{HeaderMap, header};

use super::faults::{Effect, FaultKind, LateAnswer, Moment, RetryAfter};
use super::message::Message;
use super::reply::Reply;
use super::routes::{Door, RouteKind};
use super::signature::Stamp;
use super::state::{Late, State, Told};

/// A request as the state sees it.
pub(super) struct Call {
    pub method: String,
    pub path: String,
    /// Without the question mark.
    pub query: String,
    pub headers: HeaderMap,
    /// `Err` says why it could not be read.
    pub body: Result<Bytes, String>,
}

/// What becomes of the connection.
pub(super) enum Outcome {
    Send(Reply),
    Reset,
    Hold,
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
    pub(super) fn receive(&mut self, call: &Call) -> Outcome {
        self.count_request();
        let request = match self.verify(call) {
            Ok(request) => request,
            Err(reply) => return Outcome::Send(reply),
        };
        let route = request.route();
        *self.counters.requests_by_route.entry(route).or_default() += 1;
        match self.faults.strike(route) {
            Some(kind) => self.strike(kind, &request),
            None => Outcome::Send(self.apply(&request)),
        }
    }

    fn count_request(&mut self) {
        let [second, minute] = self.all.count(self.now);
        let counters = &mut self.counters;
        counters.requests += 1;
        counters.max_requests_in_one_second = counters.max_requests_in_one_second.max(second);
        counters.max_requests_in_one_minute = counters.max_requests_in_one_minute.max(minute);
        if self.quiet_until.is_some_and(|until| self.now < until) {
            counters.before_retry_after += 1;
        }
    }

    fn verify(&mut self, call: &Call) -> Result<Request, Reply> {
        let Call { method, path, query, headers, body } = call;
        let Some(door) = self.paths.door(method, path, query) else {
            return Err(self.refuse_unexpected(format!("{method} {path}")));
        };
        let stamp = Stamp::read(headers).map_err(|why| self.refuse_unexpected(why))?;
        let body = body.as_ref().map_err(|why| self.refuse_unexpected(why))?;
        if !stamp.is_signed(&self.secrets, body) {
            self.counters.signature_failures += 1;
            return Err(Reply::error(401, "Unauthorized"));
        }
        if !stamp.is_fresh(self.switches.skew_seconds, self.now) {
            self.counters.stale_timestamps += 1;
            self.note_unexpected(format!("sent at {}, it is {}", stamp.sent_at, self.now));
            return Err(Reply::error(401, "Unauthorized"));
        }
        if let Some(limited) = self.over_the_rate() {
            return Err(limited);
        }
        match door {
            Door::Post => self.read_message(stamp.id, headers, body),
            Door::Ask(asked) => self.read_ask(stamp.id, asked, body),
        }
    }

    fn over_the_rate(&mut self) -> Option<Reply> {
        let (second, minute) = (self.switches.per_second, self.switches.per_minute);
        if self.admitted.admits(second, minute, self.now) {
            return None;
        }
        self.counters.rate_limited += 1;
        Some(self.slow_down(&self.switches.retry_after.clone()))
    }

    fn slow_down(&mut self, retry_after: &RetryAfter) -> Reply {
        self.quiet_until = self.quiet_until.max(retry_after.until(self.now));
        Reply::too_many_requests(retry_after.header(self.now))
    }

    fn read_message(&mut self, id: String, headers: &HeaderMap, body: &Bytes) -> Result<Request, Reply> {
        let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if media_type != Some("application/json") {
            return Err(self.refuse_unexpected(format!("a body of type {media_type:?}")));
        }
        let message = Message::read(body, self.switches.batch).map_err(|why| self.refuse_unexpected(why))?;
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

    fn strike(&mut self, kind: FaultKind, request: &Request) -> Outcome {
        self.counters.faults += 1;
        match kind.effect() {
            Effect::Instead(reply) => Outcome::Send(reply),
            Effect::SlowDown(retry_after) => Outcome::Send(self.slow_down(&retry_after)),
            Effect::Altered(alter) => Outcome::Send(alter(self.apply(request))),
            Effect::EmptyBody(status) => {
                self.apply(request);
                Outcome::Send(Reply::empty(status))
            }
            Effect::Reset(moment) => {
                self.apply_if(moment, request);
                Outcome::Reset
            }
            Effect::Hold(moment) => {
                self.apply_if(moment, request);
                Outcome::Hold
            }
            Effect::Late(answer) => self.postpone(answer, request),
            Effect::FirstRefused(sentence) => Outcome::Send(self.refuse_first(sentence, request)),
        }
    }

    fn apply_if(&mut self, moment: Moment, request: &Request) {
        match moment {
            Moment::Before => {}
            Moment::After => {
                self.apply(request);
            }
        }
    }

    fn postpone(&mut self, answer: LateAnswer, request: &Request) -> Outcome {
        let taken = match request {
            Request::Said(id, message) => {
                self.late.push_back(Late { webhook_id: id.clone(), message: message.clone() });
                match message {
                    Message::People(people) => self.all_taken(people),
                    Message::Event(_) | Message::Check => self.taken(),
                }
            }
            // There is nothing to apply.
            Request::Asks(_) => self.apply(request),
        };
        match answer {
            LateAnswer::Taken => Outcome::Send(taken),
            LateAnswer::Reset => Outcome::Reset,
            LateAnswer::Timeout => Outcome::Hold,
            LateAnswer::Status(status) => Outcome::Send(Reply::html(status, "Too much to do")),
        }
    }

    fn refuse_first(&mut self, sentence: String, request: &Request) -> Reply {
        match request {
            Request::Said(_, Message::People(people)) => {
                if let Some(first) = people.records.first() {
                    self.refused.insert(first.id().to_owned(), sentence);
                }
                self.take_people(people)
            }
            Request::Said(_, Message::Event(_) | Message::Check) | Request::Asks(_) => Reply::error(422, sentence),
        }
    }

    fn apply(&mut self, request: &Request) -> Reply {
        match request {
            Request::Said(_, Message::People(people)) => self.take_people(people),
            Request::Said(id, Message::Event(event)) => {
                self.take_event(id, event);
                self.taken()
            }
            Request::Said(_, Message::Check) => {
                self.counters.checks += 1;
                self.taken()
            }
            Request::Asks(id) => {
                self.counters.asks += 1;
                Reply::empty(if self.events.contains_key(id) { 200 } else { 404 })
            }
        }
    }

    /// Applies what is late, oldest first, whatever came since. Answers how many requests that were.
    pub(super) fn apply_late(&mut self) -> usize {
        let late = std::mem::take(&mut self.late);
        for Late { webhook_id, message } in &late {
            match message {
                Message::People(people) => {
                    people.records.iter().for_each(|record| self.take_record(&people.activation, record));
                }
                Message::Event(event) => self.take_event(webhook_id, event),
                Message::Check => {}
            }
        }
        late.len()
    }
}
