//! Webhook jobs: how they are set up and where they stand (vendor file 1.4, 2 and 5.2).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::message::Message;

/// The method of a webhook; GET and DELETE come without a body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// The default.
    #[default]
    Post,
    /// With a body.
    Put,
    /// With a body.
    Patch,
    /// Without a body.
    Get,
    /// Without a body.
    Delete,
}

/// `audience_events`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AudienceEvents {
    /// Enters and exits.
    #[default]
    #[serde(rename = "")]
    Both,
    /// Enters.
    #[serde(rename = "enters_only")]
    EntersOnly,
    /// Exits.
    #[serde(rename = "exits_only")]
    ExitsOnly,
}

/// `template_id`: what replaces the body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Template {
    /// The default format.
    #[default]
    None,
    /// The template of vendor file 1.3: `{v, profile, events}`.
    ProfileAndEvents,
}

/// How a webhook is authorized (vendor file 2). Headers and parameters are lines of `name: value`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authorization {
    /// Not at all.
    #[default]
    None,
    /// Always the same.
    Static {
        /// Headers of every request.
        headers: String,
        /// Parameters of its URL.
        params: String,
    },
    /// A token from a token endpoint, as `Authorization: Bearer <token>` unless a header says `{token}`.
    ClientCredentials(ClientCredentials),
}

/// OAuth2 client credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientCredentials {
    /// Who the job is.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// Where tokens are fetched.
    pub token_endpoint: String,
    /// What is asked for; not sent where it is empty.
    #[serde(default)]
    pub scope: String,
    /// `webhook_request_headers`, with `{token}` where the token goes.
    #[serde(default)]
    pub webhook_request_headers: String,
    /// `webhook_request_params`.
    #[serde(default)]
    pub webhook_request_params: String,
}

/// A job to be started, in the vendor's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SeedJob {
    /// Ids or slugs of segments.
    pub segment_ids: Vec<String>,
    /// Where events go.
    pub webhook_url: String,
    /// How they go there.
    pub http_method: Method,
    /// Which of them.
    pub audience_events: AudienceEvents,
    /// What replaces the body.
    pub template: Template,
    /// The fields of a profile that are sent, all where it is empty. `segment_events` and `segments_all` are
    /// fields among others: not selected, not sent.
    pub user_fields: Vec<String>,
    /// Fields whose change is sent too, at most 75.
    pub field_changes: Vec<String>,
    /// Those who are members already come as enters.
    pub withbackfill: bool,
    /// `segments_all`.
    pub include_segs: bool,
    /// Several events in one array.
    pub batch_requests: bool,
    /// How many, 1 to 1,000.
    pub batch_size: usize,
    /// Seconds of the twin's clock until a batch goes that is not full, at most 300.
    pub batch_flush_duration: u32,
    /// Requests at once, 1 to 20.
    pub worker_count: usize,
    /// Statuses that are not tried again.
    pub do_not_retry: Vec<u16>,
    /// Events are CloudEvents.
    pub cloudevents: bool,
    /// `com.lytics.audience.user.event` where it is absent.
    pub cloudevents_type: Option<String>,
    /// A path that ends in the job's id where it is absent.
    pub cloudevents_source: Option<String>,
    /// How requests prove where they come from.
    pub authorization: Authorization,
}

impl Default for SeedJob {
    fn default() -> Self {
        Self {
            segment_ids: Vec::new(),
            webhook_url: String::new(),
            http_method: Method::default(),
            audience_events: AudienceEvents::default(),
            template: Template::default(),
            user_fields: Vec::new(),
            field_changes: Vec::new(),
            withbackfill: false,
            include_segs: false,
            batch_requests: false,
            batch_size: 10,
            batch_flush_duration: 5,
            worker_count: 5,
            do_not_retry: Vec::new(),
            cloudevents: false,
            cloudevents_type: None,
            cloudevents_source: None,
            authorization: Authorization::None,
        }
    }
}

impl SeedJob {
    /// Of these segments to that URL, with the vendor's defaults.
    pub fn new(webhook_url: &str, segments: &[&str]) -> Self {
        let segment_ids = segments.iter().map(|segment| (*segment).to_owned()).collect();
        Self { segment_ids, webhook_url: webhook_url.to_owned(), ..Self::default() }
    }

    /// Why the vendor would not take it.
    pub(super) fn fault(&self) -> Option<&'static str> {
        if !self.webhook_url.starts_with("http") {
            return Some("webhook_url is no URL");
        }
        if !(1..=1_000).contains(&self.batch_size) {
            return Some("batch_size is not 1 to 1,000");
        }
        if self.batch_flush_duration > 300 {
            return Some("batch_flush_duration is above 300 seconds");
        }
        if !(1..=20).contains(&self.worker_count) {
            return Some("worker_count is not 1 to 20");
        }
        (self.field_changes.len() > 75).then_some("field_changes are more than 75")
    }
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// It sends.
    Runnable,
    /// It keeps its events until it is resumed.
    Paused,
    /// It met too many errors; its events are lost.
    Failed,
    /// Somebody ended it; its events are lost.
    Killed,
}

pub(super) struct Job {
    pub seed: SeedJob,
    /// Ids of its segments.
    pub segments: Vec<String>,
    pub status: JobStatus,
    pub started_at: Timestamp,
    /// Failed requests since it was started last.
    pub errors: u32,
    pub added: u64,
    pub removed: u64,
    pub omitted: u64,
    /// Events for the next batch, and since when the oldest waits.
    pub batch: Vec<Message>,
    pub batch_since: Option<Timestamp>,
    /// Events while it is paused.
    pub backlog: Vec<Message>,
    /// By profile: the event that its successor is to overtake.
    pub held: BTreeMap<u64, Message>,
    /// The token and when it expires.
    pub oauth: Option<(String, Timestamp)>,
}

impl Job {
    pub(super) fn new(seed: SeedJob, segments: Vec<String>, started_at: Timestamp) -> Self {
        Self {
            seed,
            segments,
            status: JobStatus::Runnable,
            started_at,
            errors: 0,
            added: 0,
            removed: 0,
            omitted: 0,
            batch: Vec::new(),
            batch_since: None,
            backlog: Vec::new(),
            held: BTreeMap::new(),
            oauth: None,
        }
    }

    pub(super) fn view(&self, id: &str) -> JobView {
        JobView {
            id: id.to_owned(),
            status: self.status,
            started_at: self.started_at,
            errors: self.errors,
            added: self.added,
            removed: self.removed,
            omitted: self.omitted,
            unsent: self.batch.len() + self.backlog.len() + self.held.len(),
        }
    }
}

/// A job as the side door shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobView {
    /// The job's work id.
    pub id: String,
    /// Where it stands.
    pub status: JobStatus,
    /// On the twin's clock.
    pub started_at: Timestamp,
    /// Failed requests since it was started last.
    pub errors: u32,
    /// Enters that a webhook accepted.
    pub added: u64,
    /// Exits that a webhook accepted.
    pub removed: u64,
    /// Events that were not sent, or that no try brought home.
    pub omitted: u64,
    /// Events that wait for their batch, for the job to be resumed, or to be overtaken.
    pub unsent: usize,
}

/// One request to a webhook, ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The job.
    pub job: String,
    /// 1 for the first try.
    pub number: u32,
    /// When it ended, on the twin's clock.
    pub at: Timestamp,
    /// The `id` of each event in it.
    pub event_ids: Vec<String>,
    /// How it ended.
    pub outcome: AttemptOutcome,
}

/// How a request to a webhook ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// With this status.
    Answered(u16),
    /// Without an answer: refused, reset or too late.
    NoAnswer,
    /// It was not made, for the token endpoint gave no token.
    NoToken,
}

impl AttemptOutcome {
    pub(super) fn is_accepted(self) -> bool {
        match self {
            Self::Answered(status) => (200..300).contains(&status),
            Self::NoAnswer | Self::NoToken => false,
        }
    }
}
