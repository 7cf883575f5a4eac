//! The task that calls webhooks: so many workers for each job, tokens, and tries again (vendor file 2 and 3).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use serde::Deserialize;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::emit::{Parcel, Waiting};
use super::jobs::{Attempt, AttemptOutcome, Authorization, ClientCredentials, JobStatus, Method};
use super::message::{Message, Request, Writer};
use super::model::Direction;
use super::state::State;
use super::switches::{OAuthClient, RetryOn};
use crate::outbox::{Outgoing, caller};
use crate::twin::Shared;

/// Above `Switches::answer_timeout_ms`, which is what ends a request.
const LONGEST: Duration = Duration::from_secs(600);

/// Of a token whose endpoint does not say how long it lives.
const TOKEN_SECONDS: i64 = 3_600;

/// Parcels of one job wait for its workers, those of others do not.
pub(super) async fn send_all(shared: Arc<Shared<State>>, mut parcels: Outgoing<Parcel>) {
    let client = caller(LONGEST);
    let mut lanes: HashMap<String, mpsc::UnboundedSender<Parcel>> = HashMap::new();
    let mut tasks = JoinSet::new();
    while let Some(parcel) = parcels.recv().await {
        let lane = lanes.entry(parcel.job.clone()).or_insert_with(|| {
            let (lane, queue) = mpsc::unbounded_channel();
            let workers = shared.lock().jobs.get(&parcel.job).map_or(1, |job| job.seed.worker_count);
            tasks.spawn(work(Arc::clone(&shared), client.clone(), workers, queue));
            lane
        });
        // A lane ends with this task only.
        let _ = lane.send(parcel);
    }
}

async fn work(
    shared: Arc<Shared<State>>,
    client: Option<reqwest::Client>,
    workers: usize,
    mut queue: mpsc::UnboundedReceiver<Parcel>,
) {
    let workers = Arc::new(Semaphore::new(workers));
    let mut tasks = JoinSet::new();
    while let Some(parcel) = queue.recv().await {
        let Ok(worker) = Arc::clone(&workers).acquire_owned().await else { return };
        while tasks.try_join_next().is_some() {}
        let sending = Sending { shared: Arc::clone(&shared), client: client.clone() };
        tasks.spawn(async move {
            sending.parcel(parcel).await;
            drop(worker);
        });
    }
}

struct Sending {
    shared: Arc<Shared<State>>,
    client: Option<reqwest::Client>,
}

/// A request with all that it needs to be made.
struct Ready {
    request: Request,
    url: String,
    method: Method,
    authorization: Authorization,
    timeout: Duration,
}

impl Sending {
    async fn parcel(&self, parcel: Parcel) {
        let Parcel { job, attempt, requests } = parcel;
        for messages in requests {
            self.messages(&job, attempt, messages).await;
        }
        self.shared.lock().outbox.ended();
    }

    async fn messages(&self, job: &str, attempt: u32, mut messages: Vec<Message>) {
        let ready = self.shared.lock().ready(job, attempt, &mut messages);
        let is_one = ready.len() == 1;
        for (place, ready) in ready.into_iter().enumerate() {
            let event_ids = ready.request.event_ids.clone();
            let outcome = self.attempt(job, ready).await;
            // CloudEvents in headers take a batch apart, and each is tried again for itself.
            let of_it = match is_one {
                true => std::mem::take(&mut messages),
                false => messages.get(place).cloned().into_iter().collect(),
            };
            let mut state = self.shared.lock();
            let at = state.desk.now;
            state.attempts.push(Attempt { job: job.to_owned(), number: attempt, at, event_ids, outcome });
            state.ended(job, attempt, of_it, outcome);
        }
    }

    async fn attempt(&self, job: &str, ready: Ready) -> AttemptOutcome {
        let Some(client) = &self.client else { return AttemptOutcome::NoAnswer };
        let Ready { request, url, method, authorization, timeout } = ready;
        let (headers, params) = match authorization {
            Authorization::None => (Vec::new(), Vec::new()),
            Authorization::Static { headers, params } => (lines(&headers), lines(&params)),
            Authorization::ClientCredentials(credentials) => {
                let Some(token) = self.token(client, job, &credentials, timeout).await else {
                    return AttemptOutcome::NoToken;
                };
                (bearing(&credentials.webhook_request_headers, &token), lines(&credentials.webhook_request_params))
            }
        };
        let mut call = client.request(method.into(), with_params(&url, &params)).timeout(timeout);
        for (name, value) in request.headers.iter().chain(&headers) {
            call = call.header(name, value);
        }
        if let Some(body) = request.body {
            call = call.body(body);
        }
        match call.send().await {
            Ok(answer) => AttemptOutcome::Answered(answer.status().as_u16()),
            Err(_) => AttemptOutcome::NoAnswer,
        }
    }

    /// The job's token, or a new one where that has expired.
    async fn token(
        &self,
        client: &reqwest::Client,
        job: &str,
        credentials: &ClientCredentials,
        timeout: Duration,
    ) -> Option<String> {
        let place = {
            let state = self.shared.lock();
            let kept = state.jobs.get(job).and_then(|job| job.oauth.as_ref());
            if let Some((token, _)) = kept.filter(|(_, expires_at)| state.desk.now < *expires_at) {
                return Some(token.clone());
            }
            state.desk.switches.oauth_client
        };
        let mut form = vec![("grant_type", "client_credentials")];
        if !credentials.scope.is_empty() {
            form.push(("scope", &credentials.scope));
        }
        let mut call = client.post(&credentials.token_endpoint).timeout(timeout);
        match place {
            OAuthClient::Body => {
                form.push(("client_id", &credentials.client_id));
                form.push(("client_secret", &credentials.client_secret));
            }
            OAuthClient::Basic => call = call.basic_auth(&credentials.client_id, Some(&credentials.client_secret)),
        }
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let call = call.header("content-type", "application/x-www-form-urlencoded").body(form);
        let answer = call.send().await.ok()?.error_for_status().ok()?;
        let granted: Granted = answer.json().await.ok()?;
        let mut state = self.shared.lock();
        state.desk.counters.oauth_tokens += 1;
        let lives = SignedDuration::from_secs(granted.expires_in.unwrap_or(TOKEN_SECONDS));
        let expires_at = state.desk.now.saturating_add(lives).unwrap_or(state.desk.now);
        if let Some(job) = state.jobs.get_mut(job) {
            job.oauth = Some((granted.access_token.clone(), expires_at));
        }
        Some(granted.access_token)
    }
}

/// What a token endpoint answers, as far as it matters.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: Option<i64>,
}

impl State {
    /// The requests for these events; none where the job does not run.
    fn ready(&mut self, id: &str, attempt: u32, messages: &mut [Message]) -> Vec<Ready> {
        let Some(job) = self.jobs.get_mut(id) else { return Vec::new() };
        if job.status == JobStatus::Paused {
            job.backlog.extend(messages.iter().cloned());
            return Vec::new();
        }
        if job.status != JobStatus::Runnable {
            self.lose(id, messages.len());
            return Vec::new();
        }
        if attempt > 1 && !self.desk.switches.retry_keeps_id {
            for message in messages.iter_mut() {
                message.id = self.ids.event();
            }
        }
        let (switches, now) = (&self.desk.switches, self.desk.now);
        let requests = Writer { job: &job.seed, job_id: id, switches, now }.requests(messages);
        let ready = |request| Ready {
            request,
            url: job.seed.webhook_url.clone(),
            method: job.seed.http_method,
            authorization: job.seed.authorization.clone(),
            timeout: Duration::from_millis(switches.answer_timeout_ms),
        };
        requests.into_iter().map(ready).collect()
    }

    fn ended(&mut self, id: &str, attempt: u32, messages: Vec<Message>, outcome: AttemptOutcome) {
        let counters = &mut self.desk.counters;
        counters.webhook_requests += 1;
        counters.webhook_retries += u64::from(attempt > 1);
        let Some(job) = self.jobs.get_mut(id) else { return };
        if outcome.is_accepted() {
            counters.webhooks_accepted += 1;
            counters.events_accepted += u64::try_from(messages.len()).unwrap_or(u64::MAX);
            for event in messages.iter().flat_map(|message| &message.events) {
                match event.direction {
                    Direction::Enter => job.added += 1,
                    Direction::Exit => job.removed += 1,
                }
            }
            return;
        }
        job.errors += 1;
        if self.desk.switches.fail_after.is_some_and(|most| job.errors >= most) {
            job.status = JobStatus::Failed;
        }
        let refresh = outcome == AttemptOutcome::Answered(401) && self.desk.switches.refresh_on_401;
        if refresh {
            job.oauth = None;
        }
        let listed = matches!(outcome, AttemptOutcome::Answered(status) if job.seed.do_not_retry.contains(&status));
        let again = refresh || (!listed && is_tried_again(outcome, self.desk.switches.retry_on));
        if again && attempt <= self.desk.switches.retries {
            let parcel = Parcel { job: id.to_owned(), attempt: attempt + 1, requests: vec![messages] };
            self.wait(i64::from(self.desk.switches.retry_spacing_seconds), Waiting::Parcel(parcel));
        } else {
            self.lose(id, messages.len());
        }
    }

    fn lose(&mut self, id: &str, events: usize) {
        let events = u64::try_from(events).unwrap_or(u64::MAX);
        self.desk.counters.events_lost += events;
        self.omit(id, events);
    }
}

fn is_tried_again(outcome: AttemptOutcome, retry_on: RetryOn) -> bool {
    match (outcome, retry_on) {
        (AttemptOutcome::NoAnswer | AttemptOutcome::NoToken, _) | (_, RetryOn::AnyError) => true,
        (AttemptOutcome::Answered(status), RetryOn::ServerErrors) => status >= 500,
    }
}

impl From<Method> for reqwest::Method {
    fn from(method: Method) -> Self {
        match method {
            Method::Post => Self::POST,
            Method::Put => Self::PUT,
            Method::Patch => Self::PATCH,
            Method::Get => Self::GET,
            Method::Delete => Self::DELETE,
        }
    }
}

/// `name: value` in each line.
fn lines(text: &str) -> Vec<(String, String)> {
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
}

/// The headers with the token where `{token}` is, or as a bearer where it is nowhere.
fn bearing(text: &str, token: &str) -> Vec<(String, String)> {
    let placed = text.contains("{token}");
    let mut headers = lines(&text.replace("{token}", token));
    if !placed {
        headers.push(("Authorization".to_owned(), format!("Bearer {token}")));
    }
    headers
}

fn with_params(url: &str, params: &[(String, String)]) -> String {
    if params.is_empty() {
        return url.to_owned();
    }
    let mark = if url.contains('?') { '&' } else { '?' };
    let params = form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish();
    format!("{url}{mark}{params}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_where_its_place_is() {
        let own = ("X-Key".to_owned(), "t0k".to_owned());
        assert_eq!(bearing("X-Key: {token}", "t0k"), [own]);
        let bearer = ("Authorization".to_owned(), "Bearer t0k".to_owned());
        let other = ("X-Tenant".to_owned(), "a: b".to_owned());
        assert_eq!(bearing("X-Tenant: a: b", "t0k"), [other, bearer]);
    }

    #[test]
    fn parameters_are_added_to_those_of_the_url() {
        let params = lines("key: a b\nlang: dk");
        assert_eq!(with_params("http://h/p", &params), "http://h/p?key=a+b&lang=dk");
        assert_eq!(with_params("http://h/p?x=1", &params), "http://h/p?x=1&key=a+b&lang=dk");
    }
}
