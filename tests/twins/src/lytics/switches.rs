//! One switch per unknown of the vendor's documentation (vendor file 7 and 8).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// How the twin reads what the documentation leaves open. The default is the strictest or most
/// harmful reading, but for what only disturbs. As JSON the names are the field names, enum values
/// in `snake_case`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// What a `limit` above 100 does.
    pub limit_over: LimitOver,
    /// How the last page says that it is the last.
    pub next_at_end: NextAtEnd,
    /// Every page names the same `_next`, and so the second page comes again and again.
    pub next_repeats: bool,
    /// Seconds of the twin's clock for which a `_next` can be asked for.
    pub start_lives_seconds: u32,
    /// Which rows a scan sees while people come and go.
    pub scan_view: ScanView,
    /// Each later page begins with the last row of the page before.
    pub repeat_rows: bool,
    /// Whether `total` can be relied on.
    pub total: Total,
    /// How numbers and booleans appear in the rows of a scan.
    pub scan_values: ScanValues,
    /// The type of `status` in every body.
    pub status_type: StatusType,
    /// Which of the two paths of a segment's size exists.
    pub size_path: SizePath,
    /// Ad-hoc sizes are given once in ten seconds, else 429.
    pub throttle_ad_hoc_sizes: bool,
    /// Requests per sliding second and token on the twin's clock; beyond it 429.
    pub rate_limit: Option<u32>,
    /// Requests open at the same time; beyond it 429.
    pub concurrency_limit: Option<u32>,
    /// Milliseconds before any request is looked at; for benches.
    pub latency_ms: u64,
    /// Milliseconds a timeout fault holds the answer if the client does not go away first.
    pub hold_ms: u64,

    /// Digits of the fraction of a second in events, 0 to 9; the rest is cut off.
    pub fraction_digits: u8,
    /// The offset in which times of events are written.
    pub utc_offset_minutes: i16,
    /// Whether events say when they happened.
    pub event_times: EventTimes,
    /// Where `segment_events` stand.
    pub segment_events: SegmentEvents,
    /// What happens to a person at once is one event with several `segment_events`; else one event each.
    pub joined_events: bool,
    /// Members of `meta`.
    pub meta: Map<String, Value>,
    /// Whether events are in the headers or around the body.
    pub cloudevents_mode: CloudEventsMode,
    /// Whether every event is sent twice.
    pub duplicates: Duplicates,
    /// Of two events of a person the later is sent first; an odd one waits for `webhooks_settled`.
    pub out_of_order: bool,
    /// How often a webhook that failed is tried again.
    pub retries: u32,
    /// Seconds of the twin's clock before it is tried again.
    pub retry_spacing_seconds: u32,
    /// What is tried again, apart from a job's `do_not_retry`.
    pub retry_on: RetryOn,
    /// An event keeps its `id` when it is tried again.
    pub retry_keeps_id: bool,
    /// Failed requests after which a job is `failed` and sends nothing more; `None` for never.
    pub fail_after: Option<u32>,
    /// Milliseconds (real ones) after which an answer is not waited for any longer.
    pub answer_timeout_ms: u64,
    /// The time of an enter that a backfill makes.
    pub backfill_stamp: BackfillStamp,
    /// Seconds of the twin's clock between reading the members and sending them.
    pub backfill_delay_seconds: u32,
    /// Where the client's id and secret stand in a request for a token.
    pub oauth_client: OAuthClient,
    /// A 401 of the webhook makes the job ask for a new token before it tries again.
    pub refresh_on_401: bool,
}

impl Default for Switches {
    fn default() -> Self {
        let meta = json!({ "made_up": { "by": "the twin" } });
        Self {
            limit_over: LimitOver::Clamp,
            next_at_end: NextAtEnd::Empty,
            next_repeats: false,
            start_lives_seconds: 60,
            scan_view: ScanView::Live,
            repeat_rows: true,
            total: Total::Estimate,
            scan_values: ScanValues::Text,
            status_type: StatusType::Alternating,
            size_path: SizePath::Both,
            throttle_ad_hoc_sizes: true,
            rate_limit: None,
            concurrency_limit: None,
            latency_ms: 0,
            hold_ms: 60_000,
            fraction_digits: 9,
            utc_offset_minutes: -420,
            event_times: EventTimes::Named,
            segment_events: SegmentEvents::InData,
            joined_events: true,
            meta: meta.as_object().cloned().unwrap_or_default(),
            cloudevents_mode: CloudEventsMode::Structured,
            duplicates: Duplicates::None,
            out_of_order: false,
            retries: 1,
            retry_spacing_seconds: 1,
            retry_on: RetryOn::ServerErrors,
            retry_keeps_id: false,
            fail_after: Some(10),
            answer_timeout_ms: 10_000,
            backfill_stamp: BackfillStamp::Sent,
            backfill_delay_seconds: 0,
            oauth_client: OAuthClient::Body,
            refresh_on_401: false,
        }
    }
}

/// What too large a `limit` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitOver {
    /// 100 are shown.
    Clamp,
    /// 400.
    Refuse,
}

/// `_next` of the last page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NextAtEnd {
    /// `""`.
    Empty,
    /// There is none.
    Missing,
    /// `null`.
    Null,
}

/// Which rows a scan sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScanView {
    /// Each page shows who is a member now and comes after the row where the page before ended.
    Live,
    /// Each page shows who is a member now, by counting from the first: who leaves an earlier page lets somebody
    /// pass unseen. No client can see through that.
    Shifting,
    /// Everybody as he was when the scan began.
    Snapshot,
}

/// Whether `total` is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Total {
    /// A tenth too many, and one.
    Estimate,
    /// The number of members.
    Exact,
}

/// How plain values appear in a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScanValues {
    /// As JSON strings.
    Text,
    /// As what they are.
    Native,
}

/// The type of `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusType {
    /// A number in every second answer, a string in the others.
    Alternating,
    /// A number.
    Number,
    /// A string.
    Text,
}

/// The path of a segment's size; the other is not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SizePath {
    /// `/size` and `/sizes`.
    Both,
    /// `/size`.
    Size,
    /// `/sizes`.
    Sizes,
}

/// The time of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventTimes {
    /// In a member named after the event.
    Named,
    /// Nowhere.
    Absent,
}

/// The place of `segment_events`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentEvents {
    /// Within `data`.
    InData,
    /// Beside `data`: a guess at the old format.
    TopLevel,
    /// Nowhere.
    Absent,
}

/// How CloudEvents travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloudEventsMode {
    /// The event is wrapped.
    Structured,
    /// The event's attributes are headers; batches are taken apart.
    Binary,
}

/// Whether events come twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    /// Once.
    None,
    /// Twice, both with the same `id`.
    SameId,
    /// Twice, each with an `id` of its own.
    NewId,
}

/// What is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryOn {
    /// 5xx and no answer at all; whatever else is refused is lost.
    ServerErrors,
    /// Everything but 2xx.
    AnyError,
}

/// The time of a backfilled enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackfillStamp {
    /// When it is sent: newer than whatever happened since the members were read.
    Sent,
    /// When the job started and the members were read.
    JobStart,
    /// When the person entered.
    Entered,
}

/// How the job proves who it is to a token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OAuthClient {
    /// `client_id` and `client_secret` among the form's fields.
    Body,
    /// HTTP Basic.
    Basic,
}
