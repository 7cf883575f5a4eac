//! Answers that go wrong, by script. A fault strikes verified requests that the contract has, after the
//! rate limit.

use std::collections::VecDeque;

use axum::http::header;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::reply::{Reply, http_date};
use super::routes::RouteKind;

/// Where redirects lead: a path that the receiver does not have, so that whoever follows is seen.
const MOVED: &str = "/moved";

/// `Retry-After` of a 429.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// No header.
    Absent,
    /// This many seconds, as a number.
    Seconds(u32),
    /// As an HTTP date, this many seconds after the twin's now.
    HttpDateIn(u32),
    /// This text, whatever it is. Nobody is held to it.
    Absurd(String),
}

/// What goes wrong. "Before" means the request changed nothing, "after" that it was applied and the
/// answer lost. As JSON: `"reset_after"`, `{"too_many_requests": {"seconds": 3}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// 429, nothing applied.
    TooManyRequests(RetryAfter),
    /// 500 with an HTML body, nothing applied.
    Html500,
    /// 502 with an HTML body, nothing applied.
    BadGateway,
    /// 503 with an HTML body, nothing applied.
    Unavailable,
    /// The TCP connection is reset without an answer.
    ResetBefore,
    /// The request is applied, then as `ResetBefore`.
    ResetAfter,
    /// No answer until the client goes away or the switch `hold_ms` passed, then 504.
    TimeoutBefore,
    /// The request is applied, then as `TimeoutBefore`.
    TimeoutAfter,
    /// Answered so, and applied when `WebhookTwin::apply_late` is called.
    AppliedLate(LateAnswer),
    /// Applied; half of the answer's JSON with a 200.
    TruncatedJson,
    /// 200 with HTML, nothing applied.
    NonJson200,
    /// 200 with JSON that has an error and no results, nothing applied.
    ErrorBody200,
    /// Applied; this status with an empty body.
    EmptyBody(u16),
    /// 401, nothing applied.
    Unauthorized,
    /// 410, nothing applied.
    Gone,
    /// This status of the 300s with a `Location` that the receiver does not have, nothing applied.
    Redirect(u16),
    /// The first record of the request is refused with this sentence until it was refused alone: with
    /// results at once, otherwise every request that holds it is answered 422, nothing applied. Where there
    /// are no records the request is.
    Refused(String),
    /// Any status with a JSON error, nothing applied.
    Status(u16),
    /// Any status with this sentence as a JSON error, nothing applied.
    Says(u16, String),
}

/// What a request that is applied late is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LateAnswer {
    /// As if it had been applied.
    Taken,
    /// The connection is reset.
    Reset,
    /// As `FaultKind::TimeoutBefore`.
    Timeout,
    /// This status with an HTML body.
    Status(u16),
}

/// Which requests a fault strikes; what is absent matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FaultMatch {
    /// What the request says.
    pub route: Option<RouteKind>,
}

impl FaultMatch {
    fn matches(&self, request: RouteKind) -> bool {
        let Self { route } = self;
        route.is_none_or(|route| route == request)
    }
}

/// A scripted fault. Each request takes the first one in the queue that matches it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// Which requests it strikes; all when absent.
    #[serde(default)]
    pub on: FaultMatch,
    /// How many requests it strikes.
    #[serde(default = "once")]
    pub times: u32,
}

fn once() -> u32 {
    1
}

impl Fault {
    /// Strikes the next request of any kind.
    pub fn once(kind: FaultKind) -> Self {
        Self { kind, on: FaultMatch::default(), times: 1 }
    }

    /// Strikes only requests to `route`.
    #[must_use]
    pub fn on_route(mut self, route: RouteKind) -> Self {
        self.on.route = Some(route);
        self
    }

    /// Strikes `times` requests.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }
}

#[derive(Debug, Default)]
pub(super) struct Faults {
    pub scripted: VecDeque<Fault>,
}

impl Faults {
    pub(super) fn strike(&mut self, request: RouteKind) -> Option<FaultKind> {
        let fault = self.scripted.iter_mut().find(|fault| fault.times > 0 && fault.on.matches(request))?;
        fault.times -= 1;
        let kind = fault.kind.clone();
        self.scripted.retain(|fault| fault.times > 0);
        Some(kind)
    }
}

/// What becomes of a struck request.
pub(super) enum Effect {
    /// Answered with this; nothing is applied.
    Instead(Reply),
    /// Answered 429; nothing is applied.
    SlowDown(RetryAfter),
    /// Applied, then the answer is changed.
    Altered(fn(Reply) -> Reply),
    EmptyBody(u16),
    Reset(Moment),
    Hold(Moment),
    Late(LateAnswer),
    /// Applied but for the first record.
    FirstRefused(String),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    Before,
    After,
}

impl FaultKind {
    pub(super) fn effect(self) -> Effect {
        match self {
            Self::TooManyRequests(retry_after) => Effect::SlowDown(retry_after),
            Self::Html500 => Effect::Instead(Reply::html(500, "Internal Server Error")),
            Self::BadGateway => Effect::Instead(Reply::html(502, "Bad Gateway")),
            Self::Unavailable => Effect::Instead(Reply::html(503, "Service Unavailable")),
            Self::ResetBefore => Effect::Reset(Moment::Before),
            Self::ResetAfter => Effect::Reset(Moment::After),
            Self::TimeoutBefore => Effect::Hold(Moment::Before),
            Self::TimeoutAfter => Effect::Hold(Moment::After),
            Self::AppliedLate(answer) => Effect::Late(answer),
            Self::TruncatedJson => Effect::Altered(truncated),
            Self::NonJson200 => Effect::Instead(Reply::html(200, "Please log in")),
            Self::ErrorBody200 => Effect::Instead(Reply::error(200, "Something went wrong")),
            Self::EmptyBody(status) => Effect::EmptyBody(status),
            Self::Unauthorized => Effect::Instead(Reply::error(401, "Unauthorized")),
            Self::Gone => Effect::Instead(Reply::error(410, "Gone")),
            Self::Redirect(status) => Effect::Instead(Reply::empty(status).with_header(header::LOCATION, MOVED)),
            Self::Refused(sentence) => Effect::FirstRefused(sentence),
            Self::Status(status) => Effect::Instead(Reply::error(status, format!("Answered {status} by script"))),
            Self::Says(status, sentence) => Effect::Instead(Reply::error(status, sentence)),
        }
    }
}

impl RetryAfter {
    pub(super) fn header(&self, now: Timestamp) -> Option<String> {
        match self {
            Self::Absent => None,
            Self::Seconds(seconds) => Some(seconds.to_string()),
            Self::HttpDateIn(seconds) => Some(http_date(later(now, *seconds))),
            Self::Absurd(text) => Some(text.clone()),
        }
    }

    /// Before when a client that reads the header does not come back.
    pub(super) fn until(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Absent | Self::Absurd(_) => None,
            Self::Seconds(seconds) => Some(later(now, *seconds)),
            // A date has whole seconds.
            Self::HttpDateIn(seconds) => Timestamp::from_second(later(now, *seconds).as_second()).ok(),
        }
    }
}

fn later(now: Timestamp, seconds: u32) -> Timestamp {
    now.saturating_add(SignedDuration::from_secs(i64::from(seconds))).unwrap_or(now)
}

/// An answer that is no JSON still becomes broken JSON: the fault must not pass unseen.
fn truncated(reply: Reply) -> Reply {
    let whole = match reply.body.strip_prefix('{') {
        Some(_) => reply.body,
        None => r#"{"results": {}}"#.to_owned(),
    };
    let half = whole.chars().count() / 2;
    Reply::text(200, "application/json", whole.chars().take(half).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripted_faults_wait_for_their_request() {
        let mut faults = Faults::default();
        faults.scripted.push_back(Fault::once(FaultKind::Html500).on_route(RouteKind::Event));
        faults.scripted.push_back(Fault::once(FaultKind::Gone).times(2));
        assert_eq!(faults.strike(RouteKind::People), Some(FaultKind::Gone));
        assert_eq!(faults.strike(RouteKind::Check), Some(FaultKind::Gone));
        assert_eq!(faults.strike(RouteKind::Ask), None);
        assert_eq!(faults.strike(RouteKind::Event), Some(FaultKind::Html500));
        assert!(faults.scripted.is_empty());
    }

    #[test]
    fn a_faults_json_is_short() {
        let json = r#"{"kind": {"too_many_requests": {"seconds": 3}}, "on": {"route": "people"}}"#;
        let fault: Fault = serde_json::from_str(json).unwrap();
        let kind = FaultKind::TooManyRequests(RetryAfter::Seconds(3));
        assert_eq!(fault, Fault::once(kind).on_route(RouteKind::People));
    }
}
