//! The only way out: calls to allowed origins, no redirects, a token for every request, timeouts that
//! end before the run does, and errors that never carry a URL, a body or a header.

mod bearer;
mod hold;
mod post;
mod tokens;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, Request, RequestBuilder, StatusCode};

use crate::destination::{Applied, Failure};
use crate::metrics::{Meter, Metric};
use crate::model::budget::{Budget, Health, Probe};
use crate::model::endpoint::is_public;
use crate::model::{AuthorizationId, Lane, Reason, RunId, TraceId};
use crate::ports::{Clock, Ledger, Vault};

use bearer::Bearers;
use hold::Held;
use tokens::Purse;

pub use bearer::{Bearer, token_secret};
pub use hold::HeldRequest;
pub use post::Posted;

/// Nothing longer than this is believed of a `Retry-After`.
pub const MAX_RETRY_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// Largest answer that is read, in bytes.
pub const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;

/// Times of the client.
#[derive(Debug, Clone, Copy)]
pub struct HttpTimes {
    /// For the connection.
    pub connect: Duration,
    /// For the whole request.
    pub request: Duration,
    /// Kept free between the end of a request and the end of the run.
    pub margin: Duration,
}

impl Default for HttpTimes {
    fn default() -> Self {
        Self { connect: Duration::from_secs(3), request: Duration::from_secs(20), margin: Duration::from_secs(3) }
    }
}

/// Carries a request to its host and brings the answer.
#[async_trait]
pub trait Transport: Send + Sync {
    /// One request, with no redirect followed. A body longer than [`MAX_ANSWER_BYTES`] is an error.
    ///
    /// # Errors
    /// Where no whole answer came.
    async fn carry(&self, request: Request) -> Result<Carried, Broken>;
}

/// A whole answer as it came.
#[derive(Clone)]
pub struct Carried {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

/// Why there is no whole answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// The connection was never made, so nothing was sent.
    Unreachable,
    /// The time was over.
    TimedOut,
    /// The connection broke first.
    Reset,
    /// The answer was too long.
    TooLong,
}

/// Over the network.
struct Network(reqwest::Client);

#[async_trait]
impl Transport for Network {
    async fn carry(&self, request: Request) -> Result<Carried, Broken> {
        let mut answer = self.0.execute(request).await.map_err(|error| name(&error))?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| name(&error))? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(Broken::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Carried { status: answer.status(), headers: std::mem::take(answer.headers_mut()), body })
    }
}

fn name(error: &reqwest::Error) -> Broken {
    if error.is_connect() {
        Broken::Unreachable
    } else if error.is_timeout() {
        Broken::TimedOut
    } else {
        Broken::Reset
    }
}

/// Looks names up, and knows no address that is not public: an owner's host may be named after anything.
struct PublicNames;

impl Resolve for PublicNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                Err("the host has no public address".into())
            } else {
                Ok(Box::new(public.into_iter()) as Addrs)
            }
        })
    }
}

/// The HTTP client of the program.
#[derive(Clone)]
pub struct Http {
    /// Makes requests; only `transport` sends them.
    client: reqwest::Client,
    transport: Arc<dyn Transport>,
    rewrites: Arc<BTreeMap<String, String>>,
    times: HttpTimes,
    bearers: Arc<Bearers>,
}

impl Http {
    /// A client. `rewrites` sends calls for an allowed origin to another one: how twins are reached.
    ///
    /// # Errors
    /// Where the TLS library cannot be set up.
    pub fn new(times: HttpTimes, rewrites: BTreeMap<String, String>) -> Result<Self, String> {
        #[expect(clippy::disallowed_methods, reason = "this is the one place")]
        let client = reqwest::Client::builder()
            .connect_timeout(times.connect)
            .timeout(times.request)
            .redirect(reqwest::redirect::Policy::none())
            .dns_resolver(Arc::new(PublicNames))
            .user_agent(concat!("muster/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(crate::tls::config())
            .build()
            .map_err(|error| format!("HTTP client: {error}"))?;
        let transport = Arc::new(Network(client.clone()));
        Ok(Self { client, transport, rewrites: Arc::new(rewrites), times, bearers: Arc::default() })
    }

    /// The same client with another way to the hosts: into a stand-in in the same process, say.
    #[must_use]
    pub fn over(self, transport: Arc<dyn Transport>) -> Self {
        Self { transport, ..self }
    }

    /// The client's times.
    pub fn times(&self) -> HttpTimes {
        self.times
    }

    /// A session of one run for one vendor account.
    pub fn session(&self, account: Account, deadline: Timestamp) -> Session {
        let account = Arc::new(account);
        let purse = Arc::new(Purse::new(Arc::clone(&account), deadline));
        Session { http: self.clone(), account, deadline, purse, held: None }
    }
}

/// The vendor account that a session speaks for.
pub struct Account {
    /// Whose budget is used.
    pub authorization: AuthorizationId,
    /// What it allows.
    pub budget: Budget,
    /// Live goes first.
    pub lane: Lane,
    /// Which run: those that share an account at the same time are told apart by it.
    pub run: RunId,
    /// What may be called.
    pub origins: Vec<String>,
    /// Where the account's budget is.
    pub ledger: Arc<dyn Ledger>,
    /// Where processes leave each other the vendor's token.
    pub vault: Arc<dyn Vault>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Is told how long answers take.
    pub meter: Arc<dyn Meter>,
    /// The trace that the calls belong to.
    pub trace: Option<TraceId>,
}

/// Requests of one run to one vendor account.
#[derive(Clone)]
pub struct Session {
    http: Http,
    account: Arc<Account>,
    deadline: Timestamp,
    purse: Arc<Purse>,
    /// Where requests that write are kept instead of being sent.
    held: Option<Held>,
}

/// An answer, whatever its status.
#[derive(Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// `Retry-After`, read and capped.
    pub retry_after: Option<SignedDuration>,
    /// The vendor's own clock.
    pub date: Option<Timestamp>,
    /// Its body.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status, self.body.len())
    }
}

impl Answer {
    /// The body as JSON; `None` where it is none.
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

impl Session {
    /// The time.
    pub fn now(&self) -> Timestamp {
        self.account.clock.now()
    }

    /// Tells about how many requests are to come: as many tokens are taken at a time, so that few are left over
    /// and have to be given back.
    pub async fn expect(&self, requests: usize) {
        self.purse.expect(requests).await;
    }

    /// About how many requests this run still has time for at the account's rate.
    pub fn requests_left(&self) -> usize {
        let needed = SignedDuration::try_from(self.http.times.request + self.http.times.margin);
        let left = self.deadline.duration_since(self.now()).saturating_sub(needed.unwrap_or(SignedDuration::MAX));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, and whole enough")]
        let requests = (left.as_secs_f64().max(0.0) * self.account.budget.rate()) as usize;
        requests
    }

    /// Makes sure that the next request has a token and the time to be sent; answers whether it is the only one that
    /// the account's open breaker lets through.
    ///
    /// # Errors
    /// `PutOff` where it has not.
    pub async fn reserve(&self) -> Result<Probe, Failure> {
        self.check_time()?;
        self.purse.reserve(|| self.check_time()).await
    }

    /// Sends one request, made by `build` from a builder for `origin` + `path`. Takes a token first. A session that
    /// holds back what writes keeps it: what changes nothing goes by [`Session::ask`].
    ///
    /// # Errors
    /// `PutOff` where no token or no time is left: nothing was sent. `Retryable` where no whole answer
    /// came; open unless the connection was never made. `Misconfigured` for an origin that is not allowed.
    pub async fn send(
        &self,
        method: Method,
        origin: &str,
        path: &str,
        build: impl FnOnce(RequestBuilder) -> RequestBuilder + Send,
    ) -> Result<Answer, Failure> {
        match &self.held {
            Some(held) => {
                self.check_origin(origin)?;
                held.keep(build(self.http.client.request(method, format!("{origin}{path}"))))
            }
            None => self.exchange(method, origin, path, build).await,
        }
    }

    /// The same for a request that changes nothing at the vendor, which is the destination's to say: some look by
    /// `POST`, and some vendors write by `GET`. It goes out even where writes are held back.
    ///
    /// # Errors
    /// See [`Session::send`].
    pub async fn ask(
        &self,
        method: Method,
        origin: &str,
        path: &str,
        build: impl FnOnce(RequestBuilder) -> RequestBuilder + Send,
    ) -> Result<Answer, Failure> {
        // Nobody asks by these, whoever says so.
        if matches!(method, Method::PUT | Method::PATCH | Method::DELETE) {
            return self.send(method, origin, path, build).await;
        }
        self.exchange(method, origin, path, build).await
    }

    fn check_origin(&self, origin: &str) -> Result<(), Failure> {
        if self.account.origins.iter().any(|allowed| allowed == origin) {
            return Ok(());
        }
        Err(Failure::misconfigured("the host is not among the destination's own"))
    }

    async fn exchange(
        &self,
        method: Method,
        origin: &str,
        path: &str,
        build: impl FnOnce(RequestBuilder) -> RequestBuilder + Send,
    ) -> Result<Answer, Failure> {
        self.check_origin(origin)?;
        self.check_time()?;
        let ticket = self.purse.take(|| self.check_time()).await?;
        let base = self.http.rewrites.get(origin).map_or(origin, String::as_str);
        let request = build(self.http.client.request(method, format!("{base}{path}")));
        let request = match self.account.trace {
            Some(trace) => request.header("traceparent", trace.header()),
            None => request,
        };
        let request = request.build().map_err(|_| unbuildable())?;
        let sent_at = self.now();
        let carried = self.http.transport.carry(request).await;
        let took = self.now().duration_since(sent_at);
        self.account.meter.note(Metric::VendorMilliseconds, took.as_secs_f64() * 1000.0);
        let health = match &carried {
            Ok(carried) if !carried.status.is_server_error() => Health::Well,
            Ok(_) | Err(_) => Health::Failing,
        };
        // A wish to wait is noted first: others send meanwhile.
        let answer = match carried {
            Ok(carried) => self.read(carried).await,
            Err(broken) => Err(describe(broken)),
        };
        self.purse.answered(&ticket, health).await;
        answer
    }

    async fn read(&self, carried: Carried) -> Result<Answer, Failure> {
        let Carried { status, headers, body } = carried;
        let header = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let retry_after = header("retry-after").and_then(|text| read_retry_after(text, self.now()));
        let date = header("date").and_then(read_http_date);
        let left = read_left(&headers, self.now());
        let is_too_much = status == StatusCode::TOO_MANY_REQUESTS;
        // Some vendors say when to come back only by when their count begins again.
        let reset = left.filter(|_| is_too_much).map(|(_, until)| until.duration_since(self.now()));
        let retry_after = retry_after.max(reset);
        if is_too_much {
            let pause = retry_after.unwrap_or(SignedDuration::from_secs(1));
            let until = self.now().saturating_add(pause).unwrap_or(Timestamp::MAX);
            self.purse.block(until).await;
        } else if let Some((requests, until)) = left {
            self.purse.left(requests, until).await;
        }
        Ok(Answer { status, retry_after, date, body })
    }

    fn check_time(&self) -> Result<(), Failure> {
        let needed = self.http.times.request + self.http.times.margin;
        let needed = SignedDuration::try_from(needed).unwrap_or(SignedDuration::MAX);
        let now = self.now();
        if self.deadline.duration_since(now) < needed {
            return Err(Failure::PutOff { until: now });
        }
        Ok(())
    }

    /// Gives back what was taken and not used.
    pub async fn end(&self) {
        self.purse.end().await;
    }
}

fn unbuildable() -> Failure {
    Failure::Rejected { reason: Reason::new("no valid request could be made of it") }
}

fn open(reason: &str) -> Failure {
    Failure::Retryable { reason: Reason::new(reason), applied: Applied::Open }
}

fn describe(broken: Broken) -> Failure {
    match broken {
        Broken::Unreachable => {
            let reason = Reason::new("the vendor could not be reached");
            Failure::Retryable { reason, applied: Applied::No }
        }
        Broken::TimedOut => open("the vendor did not answer in time"),
        Broken::Reset => open("the connection broke before the vendor's answer was whole"),
        Broken::TooLong => open("the vendor's answer is too long"),
    }
}

/// `Retry-After` in seconds or as a date; what is absurd is capped, what is unreadable ignored.
pub fn read_retry_after(text: &str, now: Timestamp) -> Option<SignedDuration> {
    let wait = match text.trim().parse::<f64>() {
        Ok(seconds) if seconds.is_finite() => SignedDuration::try_from_secs_f64(seconds.min(1e9)).ok()?,
        Ok(_) => return None,
        Err(_) => read_http_date(text)?.duration_since(now),
    };
    Some(wait.clamp(SignedDuration::ZERO, MAX_RETRY_AFTER))
}

/// How many requests the vendor still takes, and until when that is so: in the headers that most vendors use.
/// The end is given in seconds, or as a time in seconds or milliseconds since the epoch; a wait that is absurd is
/// capped.
pub fn read_left(headers: &HeaderMap, now: Timestamp) -> Option<(u32, Timestamp)> {
    let number = |names: [&str; 2]| {
        let text = names.iter().find_map(|name| headers.get(*name)).and_then(|value| value.to_str().ok());
        text.and_then(|text| text.trim().parse::<f64>().ok()).filter(|number| number.is_finite() && *number >= 0.0)
    };
    let left = number(["ratelimit-remaining", "x-ratelimit-remaining"])?;
    let reset = number(["ratelimit-reset", "x-ratelimit-reset"])?;
    let wait = match reset {
        ..1e9 => SignedDuration::try_from_secs_f64(reset).ok()?,
        1e9..1e12 => Timestamp::from_second(reset as i64).ok()?.duration_since(now),
        _ => Timestamp::from_millisecond(reset as i64).ok()?.duration_since(now),
    };
    let until = now.checked_add(wait.clamp(SignedDuration::ZERO, MAX_RETRY_AFTER)).ok()?;
    Some((left.min(f64::from(u32::MAX)) as u32, until))
}

fn read_http_date(text: &str) -> Option<Timestamp> {
    httpdate::parse_http_date(text.trim()).ok().and_then(|time| Timestamp::try_from(time).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date_and_capped() {
        let now: Timestamp = "2026-01-05T07:08:09Z".parse().unwrap();
        assert_eq!(read_retry_after("17", now), Some(SignedDuration::from_secs(17)));
        assert_eq!(read_retry_after("Mon, 05 Jan 2026 07:08:39 GMT", now), Some(SignedDuration::from_secs(30)));
        assert_eq!(read_retry_after("Mon, 05 Jan 2026 07:08:00 GMT", now), Some(SignedDuration::ZERO));
        assert_eq!(read_retry_after("99999999999", now), Some(MAX_RETRY_AFTER));
        assert_eq!(read_retry_after("-5", now), Some(SignedDuration::ZERO));
        assert_eq!(read_retry_after("soon", now), None);
    }
}
