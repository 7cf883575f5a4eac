//! One switch per unknown of the vendor's documentation (vendor file 3, 4, 7 and 10).

use serde::{Deserialize, Serialize};

/// How the twin reads what the documentation leaves open. As JSON the names are the field names, enum values in
/// `snake_case`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// Most objects of one request, by contract; beyond it 400 and nothing is taken.
    pub most_objects: ObjectLimit,
    /// Most bytes of a body.
    pub most_bytes: usize,
    /// Answer to a larger body: 413 or 400.
    pub too_large_status: u16,
    /// Requests of the workspace, by contract; beyond it 429.
    pub rate: Rate,
    /// What the headers tell where an hour and a burst are limited.
    pub told: Told,
    /// Whether `x-ratelimit-*` are on every answer, or on none.
    pub limit_headers: bool,
    /// When a request that was taken is applied.
    pub application: Application,
    /// In which order requests are applied that are due at the same time.
    pub queue_order: QueueOrder,
    /// In which order the arrays of one request are applied.
    pub object_order: ObjectOrder,
    /// Answer to a key that is not known: 401, or 404 as older pages have it.
    pub unknown_key_status: u16,
    /// Answer to a key without the permission.
    pub no_permission_status: u16,
    /// Shape of the members of `errors`.
    pub error_form: ErrorForm,
    /// Whether an answer counts what was processed.
    pub processed_counts: bool,
    /// What a request is answered of which every object is faulty.
    pub all_faulty: AllFaulty,
    /// What a request without any object is answered.
    pub no_objects: NoObjects,
    /// What an invalid value inside a nested attribute takes with it.
    pub nested_reach: NestedReach,
    /// Most bytes of a nested attribute, as sent and as merged; the pages say 50 KB or 100 KB.
    pub nested_bytes: usize,
    /// What a top-level attribute does that is not nested and breaks a rule.
    pub invalid_attribute: Invalid,
    /// What a property does that breaks a rule.
    pub invalid_property: Invalid,
    /// Whether `null` as a property breaks a rule.
    pub null_property: NullProperty,
    /// Milliseconds before any request is looked at; for benches.
    pub latency_ms: u64,
    /// Milliseconds a timeout fault holds the answer if the client does not go away first.
    pub hold_ms: u64,

    /// How often each webhook is called.
    pub deliveries: Deliveries,
    /// In which order webhooks are begun that are sent together; they are all on their way at the same time.
    pub webhook_order: QueueOrder,
    /// A webhook that is tried again says what it said before; else it is rendered anew.
    pub retry_keeps_body: bool,
    /// What `{{${user_id}}}` says of a profile without an external id.
    pub blank_user: BlankUser,
    /// Seconds of the twin's clock before the first of five tries again; each wait is twice the one before.
    pub first_retry_seconds: u32,
    /// Likewise where nobody was reached.
    pub first_unreachable_retry_seconds: u32,
    /// Failures of a host within a minute after which one more makes it unhealthy for a minute.
    pub unhealthy_after: usize,
    /// Milliseconds (real ones) after which an answer is not waited for any longer.
    pub answer_timeout_ms: u64,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            most_objects: ObjectLimit::InTotal(75),
            most_bytes: 4_000_000,
            too_large_status: 413,
            rate: Rate::ThreeSeconds(3_000),
            told: Told::Hour,
            limit_headers: true,
            application: Application::AfterMs(100),
            queue_order: QueueOrder::Arrival,
            object_order: ObjectOrder::AttributesFirst,
            unknown_key_status: 401,
            no_permission_status: 403,
            error_form: ErrorForm::Objects,
            processed_counts: true,
            all_faulty: AllFaulty::Success,
            no_objects: NoObjects::BadRequest,
            nested_reach: NestedReach::Request,
            nested_bytes: 50_000,
            invalid_attribute: Invalid::ObjectRefused,
            invalid_property: Invalid::ObjectRefused,
            null_property: NullProperty::Invalid,
            latency_ms: 0,
            hold_ms: 60_000,
            deliveries: Deliveries::Single,
            webhook_order: QueueOrder::LastFirst,
            retry_keeps_body: false,
            blank_user: BlankUser::Empty,
            // 15 minutes and a half, and 23 hours and a quarter.
            first_retry_seconds: 30,
            first_unreachable_retry_seconds: 2_700,
            unhealthy_after: 3_000,
            answer_timeout_ms: 90_000,
        }
    }
}

/// Most objects of one request. As JSON `{"in_total": 75}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectLimit {
    /// Over all arrays: 75 today, 50 with contracts of Monthly Active Users CY 24-25.
    InTotal(usize),
    /// In each array: 75 with legacy contracts.
    PerArray(usize),
}

/// Requests within windows that begin at multiples of their length since 1970. As JSON
/// `{"three_seconds": 3000}`, `{"hour_and_burst": {"hour": 250000, "burst": 100}}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rate {
    /// Data-point contracts: so many within three seconds.
    ThreeSeconds(u32),
    /// Other contracts.
    HourAndBurst {
        /// Within a clock hour.
        hour: u32,
        /// Within three seconds.
        burst: u32,
    },
}

/// Of which limit the headers tell under [`Rate::HourAndBurst`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// Always of the hour, so a 429 of the burst comes with something remaining.
    Hour,
    /// Of the burst where that refuses, else of the hour.
    Refusing,
}

/// When a request is applied. As JSON `"at_once"`, `{"after_ms": 100}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Application {
    /// Before it is answered.
    AtOnce,
    /// So many milliseconds of the twin's clock later, and not before those that came earlier.
    AfterMs(u32),
}

/// In which order requests are applied that are due when the twin looks, or webhooks are begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueOrder {
    /// As they came.
    Arrival,
    /// The last one first.
    LastFirst,
}

/// In which order the arrays of one request are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectOrder {
    /// Attributes, events, purchases.
    AttributesFirst,
    /// Purchases, events, attributes; each array in its order.
    AttributesLast,
}

/// Shape of the members of `errors`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorForm {
    /// `type`, `input_array` and `index`, as partners read them.
    Objects,
    /// A sentence, as Braze's page shows it.
    Texts,
}

/// What a request is answered of which every object is faulty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AllFaulty {
    /// 201 and `success`, with the errors.
    Success,
    /// 400, with the errors.
    BadRequest,
}

/// What a request without any object is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoObjects {
    /// 400.
    BadRequest,
    /// 201 and `success`.
    Success,
}

/// Which nested updates an invalid value inside a nested attribute takes with it, silently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NestedReach {
    /// Those of that attribute in the whole request, whoever they are for.
    Request,
    /// Those of that attribute for the same person.
    Person,
    /// That one.
    Object,
}

/// What something does that breaks a rule of its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Invalid {
    /// Its object is among the errors and is lost.
    ObjectRefused,
    /// It alone is lost, silently.
    Dropped,
}

/// What `null` as a property is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NullProperty {
    /// Against the rules.
    Invalid,
    /// Kept.
    Kept,
}

/// How often each webhook is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deliveries {
    /// Once.
    Single,
    /// Twice at the same time.
    Double,
}

/// What the id of somebody without one renders as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlankUser {
    /// Nothing.
    Empty,
    /// `null`.
    Null,
}
