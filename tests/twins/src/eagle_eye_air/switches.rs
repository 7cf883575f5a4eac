//! One switch per unknown of the vendor's documentation (vendor file 12), and the ways in which its events disturb.

use serde::{Deserialize, Serialize};

use crate::traffic::RetryAfterHeader;

/// How the twin reads what the documentation leaves open. The default is the strictest or most
/// harmful reading, but for what only disturbs. As JSON the names are the field names, enum values
/// in `snake_case`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// What a second `walletTransaction.reference` does.
    pub duplicate_reference: DuplicateReference,
    /// Answer where such a reference is refused.
    pub duplicate_reference_status: u16,
    /// Most characters of a reference; a longer one is answered 400.
    pub longest_reference: Option<usize>,
    /// A trigger without a reference is answered 400.
    pub reference_required: bool,
    /// What a call with several triggers does.
    pub several_triggers: SeveralTriggers,
    /// Answer where no wallet has the identity.
    pub unknown_identity_status: u16,
    /// Answer where no campaign has the action reference, or it is over.
    pub unknown_action_status: u16,
    /// Answer beyond a campaign's `consumerLimit`.
    pub over_limit_status: u16,
    /// Answer where the wallet is suspended or terminated, or the identity is not active.
    pub suspended_status: u16,
    /// What `GET /wallet/transaction?reference=` does.
    pub by_reference: ByReference,
    /// Seconds of the twin's clock before a look-up sees a new transaction.
    pub lookup_lag_seconds: u32,
    /// Which form of the query is hashed.
    pub query_hash: QueryHash,
    /// Requests per sliding second and client on the twin's clock; beyond it refused.
    pub rate_limit: Option<u32>,
    /// Answer beyond `rate_limit`.
    pub rate_limit_status: u16,
    /// Whether that answer carries `Retry-After` (seconds).
    pub retry_after: RetryAfterHeader,
    /// Milliseconds before any request is looked at; for benches.
    pub latency_ms: u64,
    /// Milliseconds a timeout fault holds the answer if the client does not go away first.
    pub hold_ms: u64,

    /// When the event of a trigger is sent.
    pub trigger_echo: TriggerEcho,
    /// A trigger that was refused makes an event too, with its status and without operations.
    pub refused_triggers_echo: bool,
    /// The operation that makes a coupon in the event of a trigger has an empty `accountId`; the answer has it.
    pub blank_coupon_id: bool,
    /// What `POSCONNECT.WALLET.REFUND` is called.
    pub refund_name: RefundName,
    /// How two headers of events are written.
    pub header_names: HeaderNames,
    /// How what may be blank is written.
    pub blanks: Blanks,
    /// How empty maps are written, in events and in answers.
    pub empty_maps: EmptyMaps,
    /// What events know of the identities of their wallets.
    pub enrichment: Enrichment,
    /// Events have a name that nobody knows.
    pub unknown_event_names: bool,
    /// Before the operations of each event stands one of an `objectType` that nobody knows.
    pub unknown_object_types: bool,

    /// Whether every event is sent twice.
    pub duplicates: Duplicates,
    /// Each event is overtaken by the next; an odd one waits for `events_settled`.
    pub out_of_order: bool,
    /// Seconds of the twin's clock before an event is sent.
    pub delay_seconds: u32,
    /// Events wait until there are so many, or for `events_settled`, and are then sent all at once.
    pub burst: Option<usize>,
    /// How often an event that failed is tried again before it is dead.
    pub retries: u32,
    /// Seconds of the twin's clock before it is tried again.
    pub retry_spacing_seconds: u32,
    /// Seconds of the twin's clock before an event that got a 429 is tried again; that counts as no try.
    pub too_many_wait_seconds: u32,
    /// Milliseconds (real ones) after which the answer to an event is not waited for any longer.
    pub answer_timeout_ms: u64,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            duplicate_reference: DuplicateReference::Accept,
            duplicate_reference_status: 409,
            longest_reference: Some(49),
            reference_required: true,
            several_triggers: SeveralTriggers::Unexpected,
            unknown_identity_status: 404,
            unknown_action_status: 404,
            over_limit_status: 400,
            suspended_status: 400,
            by_reference: ByReference::RouteMissing,
            lookup_lag_seconds: 0,
            query_hash: QueryHash::AsSent,
            rate_limit: None,
            rate_limit_status: 429,
            retry_after: RetryAfterHeader::Without,
            latency_ms: 0,
            hold_ms: 60_000,
            trigger_echo: TriggerEcho::BeforeAnswer,
            refused_triggers_echo: true,
            blank_coupon_id: true,
            refund_name: RefundName::Refund,
            header_names: HeaderNames::Observed,
            blanks: Blanks::Empty,
            empty_maps: EmptyMaps::Array,
            enrichment: Enrichment::Full,
            unknown_event_names: false,
            unknown_object_types: false,
            duplicates: Duplicates::None,
            out_of_order: false,
            delay_seconds: 0,
            burst: None,
            retries: 3,
            retry_spacing_seconds: 10,
            too_many_wait_seconds: 60,
            answer_timeout_ms: 10_000,
        }
    }
}

/// What a reference that was used before does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DuplicateReference {
    /// A reward each time.
    Accept,
    /// Refused, whoever used it.
    RefuseInUnit,
    /// Refused where the same wallet used it.
    RefuseInWallet,
    /// 201 with the transaction of the same wallet that used it, and no second reward.
    AnswerAgain,
}

/// What a call with several triggers does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeveralTriggers {
    /// Nobody sends that: 500, and it shows in `unexpected`.
    Unexpected,
    /// All are granted or none.
    Atomic,
    /// One after the other until one is refused; what was granted stays.
    InOrder,
}

/// Whether a transaction is found by its reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ByReference {
    /// There is no such route: 404, whatever there is.
    RouteMissing,
    /// One transaction, the oldest of that reference; 404 where there is none.
    One,
    /// `{"total", "results": […]}` of all of that reference, also where there is none.
    Several,
}

/// Which query is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryHash {
    /// The one on the wire.
    AsSent,
    /// With its percent signs taken away.
    Decoded,
}

/// When the event of a trigger is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TriggerEcho {
    /// The trigger is answered when the event has been.
    BeforeAnswer,
    /// When the twin is next touched.
    AfterAnswer,
    /// Never: nobody subscribed to it.
    Never,
}

/// The name of a refund's event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundName {
    /// `POSCONNECT.WALLET.REFUND`.
    Refund,
    /// `POSCONNECT.WALLET.RETURN`.
    Return,
}

/// How `callerIp` and `eesApiVersion` are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeaderNames {
    /// So.
    Observed,
    /// `callerIP` and `eesAPIVersion`.
    Documented,
}

/// How `externalMessageId` and `parentAccountTransactionId` are written where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blanks {
    /// `""`.
    Empty,
    /// `null`.
    Null,
}

/// How a map without members is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmptyMaps {
    /// `[]`, as PHP does.
    Array,
    /// `{}`.
    Object,
}

/// What `enrichmentData` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Enrichment {
    /// All identities of every wallet of the event.
    Full,
    /// `[]`.
    EmptyArray,
    /// There is none.
    Absent,
}

/// Whether events come twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    /// Once.
    None,
    /// Twice, with the same `eesEventId`.
    SameEventId,
}
