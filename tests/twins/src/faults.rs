//! Answers that go wrong, by script or by chance. A fault strikes authorised requests to known
//! routes, after the rate limit. `R` is a vendor's kind of route.

use std::collections::{HashMap, VecDeque};

use axum::http::header;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::reply::{Reply, http_date};

/// Where redirects lead: a path that no vendor has, so that whoever follows is seen.
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
    /// Answered so, and applied when `apply_late` of the handle is called.
    AppliedLate(LateAnswer),
    /// Applied; half of the answer's JSON with a 200.
    TruncatedJson,
    /// 200 with HTML, nothing applied.
    NonJson200,
    /// 200 with the vendor's error body, nothing applied.
    ErrorBody200,
    /// Applied; this status (200 or 204) with an empty body.
    EmptyBody(u16),
    /// 401, nothing applied.
    Unauthorized,
    /// 410, nothing applied.
    Gone,
    /// This status of the 300s with a `Location` that the vendor does not have, nothing applied.
    Redirect(u16),
    /// What the request holds is refused with this sentence: 422 and nothing applied, unless the vendor's
    /// module says otherwise.
    Refused(String),
    /// Any status with the vendor's error body, nothing applied.
    Status(u16),
    /// Any status with this sentence in the vendor's error body, nothing applied.
    Says(u16, String),
}

/// What a request that is applied late is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LateAnswer {
    /// As if it had been applied; 202 without a body by a vendor whose answers depend on what was done.
    Taken,
    /// As `FaultKind::ResetBefore`.
    Reset,
    /// As `FaultKind::TimeoutBefore`.
    Timeout,
    /// This status with an HTML body.
    Status(u16),
}

/// Which requests a fault strikes; what is absent matches all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default = "FaultMatch::default", deny_unknown_fields)]
pub struct FaultMatch<R> {
    /// Upper case, such as `PATCH`.
    pub method: Option<String>,
    /// End of the path without query, such as `/members`.
    pub path_suffix: Option<String>,
    /// The route, whatever its ids.
    pub route: Option<R>,
}

impl<R> Default for FaultMatch<R> {
    fn default() -> Self {
        Self { method: None, path_suffix: None, route: None }
    }
}

impl<R: Copy + PartialEq> FaultMatch<R> {
    fn matches(&self, request: &Target<'_, R>) -> bool {
        let Self { method, path_suffix, route } = self;
        method.as_deref().is_none_or(|m| m == request.method)
            && path_suffix.as_deref().is_none_or(|s| request.path.ends_with(s))
            && route.is_none_or(|route| route == request.route)
    }
}

/// A scripted fault. Each request takes the first one in the queue that matches it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault<R> {
    /// What goes wrong.
    pub kind: FaultKind,
    /// Which requests it strikes; all when absent.
    #[serde(default = "FaultMatch::default")]
    pub on: FaultMatch<R>,
    /// How many such requests it lets pass first.
    #[serde(default, skip_serializing_if = "is_none")]
    pub after: u32,
    /// How many requests it strikes.
    #[serde(default = "once")]
    pub times: u32,
}

fn is_none(requests: &u32) -> bool {
    *requests == 0
}

fn once() -> u32 {
    1
}

impl<R> Fault<R> {
    /// Strikes the next request of any kind.
    pub fn once(kind: FaultKind) -> Self {
        Self { kind, on: FaultMatch::default(), after: 0, times: 1 }
    }

    /// Strikes only requests of `method`, in upper case.
    #[must_use]
    pub fn on_method(mut self, method: &str) -> Self {
        self.on.method = Some(method.to_owned());
        self
    }

    /// Strikes only requests whose path, without query, ends with `suffix`.
    #[must_use]
    pub fn on_path_suffix(mut self, suffix: &str) -> Self {
        self.on.path_suffix = Some(suffix.to_owned());
        self
    }

    /// Strikes only requests to `route`.
    #[must_use]
    pub fn on_route(mut self, route: R) -> Self {
        self.on.route = Some(route);
        self
    }

    /// Lets `requests` pass first.
    #[must_use]
    pub fn after(mut self, requests: u32) -> Self {
        self.after = requests;
        self
    }

    /// Strikes `times` requests.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }
}

/// Faults by chance, used where no scripted one matches. Whether a request is struck depends on the
/// seed, its method, path and query, and how often that same request came before: the order of
/// concurrent requests does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeededFaults<R> {
    /// Another seed strikes other requests.
    pub faults_seed: u64,
    /// Each kind with its share of requests in per mille; together at most 1,000.
    pub rates: Vec<(FaultKind, u16)>,
    /// Which requests may be struck; all when absent.
    #[serde(default = "FaultMatch::default")]
    pub on: FaultMatch<R>,
}

/// The request as faults see it.
pub(crate) struct Target<'a, R> {
    pub method: &'a str,
    pub path: &'a str,
    pub query: &'a str,
    pub route: R,
}

#[derive(Debug)]
pub(crate) struct Faults<R> {
    pub scripted: VecDeque<Fault<R>>,
    seeded: Vec<SeededFaults<R>>,
    seen: HashMap<String, u64>,
}

impl<R> Default for Faults<R> {
    fn default() -> Self {
        Self { scripted: VecDeque::new(), seeded: Vec::new(), seen: HashMap::new() }
    }
}

impl<R: Copy + PartialEq> Faults<R> {
    pub(crate) fn seed(&mut self, seeded: Vec<SeededFaults<R>>) {
        self.seeded = seeded;
        self.seen.clear();
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn strike(&mut self, request: &Target<'_, R>) -> Option<FaultKind> {
        let scripted = self.scripted.iter().position(|f| f.on.matches(request));
        if let Some(fault) = scripted.and_then(|place| self.scripted.get_mut(place)) {
            if fault.after > 0 {
                fault.after -= 1;
                return None;
            }
            fault.times = fault.times.saturating_sub(1);
            let kind = fault.kind.clone();
            self.scripted.retain(|fault| fault.times > 0);
            return Some(kind);
        }
        let matching = |seeded: &&SeededFaults<R>| !seeded.rates.is_empty() && seeded.on.matches(request);
        let seeded = self.seeded.iter().find(matching)?;
        let draw = draw(seeded.faults_seed, &mut self.seen, request);
        let mut upper = 0;
        seeded.rates.iter().find_map(|(kind, per_mille)| {
            upper += u64::from(*per_mille);
            (draw < upper).then(|| kind.clone())
        })
    }
}

/// 0 to 999.
fn draw<R>(seed: u64, seen: &mut HashMap<String, u64>, request: &Target<'_, R>) -> u64 {
    let key = format!("{} {}?{}", request.method, request.path, request.query);
    let times = seen.entry(key.clone()).or_default();
    *times += 1;
    let mut digest = Sha256::new();
    digest.update(seed.to_be_bytes());
    digest.update(times.to_be_bytes());
    digest.update(key);
    let bytes = digest.finalize();
    bytes.iter().take(7).fold(0, |sum, byte| sum << 8 | u64::from(*byte)) % 1_000
}

/// What becomes of a struck request.
pub(crate) enum Effect {
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
    /// Some of it is refused with this sentence.
    Refused(String),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Before,
    After,
}

/// How a vendor words what it does not do.
pub trait Wording {
    /// The body of a 401 or a 429.
    fn refusal(&self, status: u16, text: &str) -> Reply;

    /// Of any other error, and of the faults that script one.
    fn error(&self, status: u16, text: &str) -> Reply;
}

impl FaultKind {
    pub(crate) fn effect(self, wording: &impl Wording) -> Effect {
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
            Self::ErrorBody200 => Effect::Instead(wording.error(200, "Something went wrong")),
            Self::EmptyBody(status) => Effect::EmptyBody(status),
            Self::Unauthorized => Effect::Instead(wording.refusal(401, "Unauthorized")),
            Self::Gone => Effect::Instead(wording.error(410, "Gone")),
            Self::Redirect(status) => Effect::Instead(Reply::empty(status).with_header(header::LOCATION, MOVED)),
            Self::Refused(sentence) => Effect::Refused(sentence),
            Self::Says(status, text) => Effect::Instead(wording.error(status, &text)),
            Self::Status(status) => Effect::Instead(wording.error(status, &format!("Answered {status} by script"))),
        }
    }
}

impl RetryAfter {
    pub(crate) fn header(&self, now: Timestamp) -> Option<String> {
        match self {
            Self::Absent => None,
            Self::Seconds(seconds) => Some(seconds.to_string()),
            Self::HttpDateIn(seconds) => Some(http_date(later(now, *seconds))),
            Self::Absurd(text) => Some(text.clone()),
        }
    }

    /// Before when a client that reads the header does not come back.
    pub(crate) fn until(&self, now: Timestamp) -> Option<Timestamp> {
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

/// An answer without a body still becomes broken JSON: the fault must not pass unseen.
fn truncated(reply: Reply) -> Reply {
    let whole = match reply.body.as_str() {
        "" => r#"{"id": "5f0f2f0e"}"#.to_owned(),
        body => body.to_owned(),
    };
    let half = whole.chars().count() / 2;
    Reply { status: 200, body: whole.chars().take(half.max(1)).collect(), ..reply }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Route {
        Patch,
        Read,
    }

    fn patch(path: &str) -> Target<'_, Route> {
        Target { method: "PATCH", path, query: "", route: Route::Patch }
    }

    fn by_chance(kind: FaultKind, per_mille: u16, route: Option<Route>) -> SeededFaults<Route> {
        let on = FaultMatch { route, ..FaultMatch::default() };
        SeededFaults { faults_seed: 7, rates: vec![(kind, per_mille)], on }
    }

    #[test]
    fn scripted_faults_wait_for_their_request() {
        let mut faults = Faults::default();
        faults.scripted.push_back(Fault::once(FaultKind::Html500).on_method("POST"));
        faults.scripted.push_back(Fault::once(FaultKind::BadGateway).on_path_suffix("/a").times(2));
        assert_eq!(faults.strike(&patch("/x/b")), None);
        assert_eq!(faults.strike(&patch("/x/a")), Some(FaultKind::BadGateway));
        assert_eq!(faults.strike(&patch("/x/a")), Some(FaultKind::BadGateway));
        assert_eq!(faults.strike(&patch("/x/a")), None);
        assert_eq!(faults.scripted.len(), 1);
    }

    #[test]
    fn seeded_faults_do_not_depend_on_the_order_of_requests() {
        let run = |paths: &[String]| {
            let mut faults = Faults::default();
            faults.seed(vec![SeededFaults {
                faults_seed: 7,
                rates: vec![(FaultKind::Html500, 200), (FaultKind::ResetAfter, 100)],
                on: FaultMatch::default(),
            }]);
            let mut struck: Vec<_> = paths.iter().map(|path| (path.clone(), faults.strike(&patch(path)))).collect();
            struck.sort_by(|a, b| a.0.cmp(&b.0));
            struck
        };
        let mut paths: Vec<String> = (0..1_000).map(|n| format!("/{n}")).collect();
        let forward = run(&paths);
        paths.reverse();
        assert_eq!(forward, run(&paths));
        let hits = forward.iter().filter(|(_, kind)| kind.is_some()).count();
        assert!((250..350).contains(&hits), "{hits}");
    }

    #[test]
    fn each_route_has_its_own_rate() {
        let mut faults = Faults::default();
        let never = by_chance(FaultKind::Html500, 0, Some(Route::Read));
        let always = by_chance(FaultKind::BadGateway, 1_000, Some(Route::Patch));
        faults.seed(vec![never, always]);
        assert_eq!(faults.strike(&patch("/x")), Some(FaultKind::BadGateway));
        let read = Target { method: "GET", path: "/x", query: "", route: Route::Read };
        assert_eq!(faults.strike(&read), None);
    }

    #[test]
    fn a_faults_json_is_short() {
        let json = r#"{"kind": {"too_many_requests": {"seconds": 3}}, "on": {"route": "patch"}}"#;
        let fault: Fault<Route> = serde_json::from_str(json).unwrap();
        let kind = FaultKind::TooManyRequests(RetryAfter::Seconds(3));
        assert_eq!(fault, Fault::once(kind).on_route(Route::Patch));
    }
}
