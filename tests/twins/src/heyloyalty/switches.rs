//! One switch per unknown of the vendor's documentation (vendor file 9.3).

use serde::{Deserialize, Serialize};

use crate::traffic::RetryAfterHeader;

/// How the twin reads what the documentation leaves open. The default is the strictest or most
/// harmful reading. As JSON the names are the field names, enum values in `snake_case`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// Largest allowed distance between `X-Request-Timestamp` and the twin's clock, in seconds.
    pub skew_seconds: Option<u32>,
    /// Numeric ids are written as JSON strings.
    pub ids_as_strings: bool,
    /// `code` in error bodies is written as a JSON string.
    pub code_as_string: bool,
    /// Empty `fields` and `options` are written as `[]`, as PHP does.
    pub empty_map_as_array: bool,
    /// Requests per sliding second and account on the twin's clock; beyond it 429.
    pub rate_limit: Option<u32>,
    /// Whether a 429 of `rate_limit` carries `Retry-After` (seconds).
    pub retry_after: RetryAfterHeader,
    /// How `PATCH /v2/lists/:id` finds an existing custom field.
    pub patch_match: PatchMatch,
    /// Answer of `PATCH /v2/lists/:id`.
    pub patch_list_status: PatchListStatus,
    /// Most fields of one list, fixed ones included; beyond it 400.
    pub max_fields: Option<usize>,
    /// What `perpage` above 5,000 does.
    pub perpage_over: PerpageOver,
    /// Searches also return unsubscribed people.
    pub search_includes_unsubscribed: bool,
    /// Filters and upsert compare `email` with its case.
    pub email_case_sensitive: bool,
    /// A search without a hit answers 404 instead of an empty array.
    pub no_match_404: bool,
    /// Shape of members in a search (vendor file 4.3); a single member is always nested.
    pub member_list_shape: MemberShape,
    /// Answer to a duplicate where the list forbids it: 400, 409 or 422.
    pub dup_status: u16,
    /// Answer of `PUT …/members/:mid`.
    pub put_status: WriteStatus,
    /// Answer of `PATCH …/members/:mid`.
    pub patch_status: WriteStatus,
    /// What happens to text longer than 255 characters.
    pub text_over_255: LongText,
    /// What happens to a field name the list does not have.
    pub unknown_field: UnknownField,
    /// What a DELETE of an active member does.
    pub delete_mode: DeleteMode,
    /// Whether an upsert empties the fields that were not sent.
    pub upsert_mode: UpsertMode,
    /// An import row re-subscribes an unsubscribed person.
    pub import_resubscribes: bool,
    /// Seconds of the twin's clock between accepting and applying an import.
    pub import_delay_seconds: u32,
    /// `status.status` of an unsubscribed member (Q17 leaves the word open).
    pub unsubscribed_status: String,
    /// Milliseconds before any request is looked at; for benches.
    pub latency_ms: u64,
    /// Milliseconds a timeout fault holds the answer if the client does not go away first.
    pub hold_ms: u64,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            skew_seconds: None,
            ids_as_strings: false,
            code_as_string: false,
            empty_map_as_array: true,
            rate_limit: None,
            retry_after: RetryAfterHeader::With,
            patch_match: PatchMatch::IdOrName,
            patch_list_status: PatchListStatus::NoContent,
            max_fields: None,
            perpage_over: PerpageOver::Clamp,
            search_includes_unsubscribed: false,
            email_case_sensitive: false,
            no_match_404: false,
            member_list_shape: MemberShape::Nested,
            dup_status: 400,
            put_status: WriteStatus::NoContent,
            patch_status: WriteStatus::NoContent,
            text_over_255: LongText::Refuse,
            unknown_field: UnknownField::IgnoreAndCount,
            delete_mode: DeleteMode::UnsubscribeThenPurge,
            upsert_mode: UpsertMode::Put,
            import_resubscribes: true,
            import_delay_seconds: 90,
            unsubscribed_status: "unsubscribed".to_owned(),
            latency_ms: 0,
            hold_ms: 60_000,
        }
    }
}

/// What finds a field to be patched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PatchMatch {
    /// By id first, then by name.
    IdOrName,
    /// A PATCH by name alone creates a second field of that name.
    IdOnly,
}

/// Answer of a PATCH of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PatchListStatus {
    /// 204, empty.
    NoContent,
    /// 200 with the list as `GET /lists/:id` shows it.
    OkWithList,
}

/// What too large a `perpage` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PerpageOver {
    /// 5,000 are shown.
    Clamp,
    /// 400.
    Refuse,
}

/// Shape of members in a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberShape {
    /// Vendor file 4.3 (a).
    Nested,
    /// Vendor file 4.3 (b).
    Flat,
}

/// Answer to a written member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteStatus {
    /// 204, empty.
    NoContent,
    /// 200, empty.
    Ok,
    /// 200 with the member.
    OkWithMember,
    /// 201 with `{"id": …}`.
    Created,
}

/// What too long a text does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LongText {
    /// 400; in an import a bad row.
    Refuse,
    /// The first 255 characters are kept.
    Cut,
}

/// What an unknown field name does; `Counters::unknown_fields` counts it either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownField {
    /// It is ignored.
    IgnoreAndCount,
    /// 400.
    Refuse,
}

/// What a DELETE of a member does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeleteMode {
    /// The first DELETE unsubscribes, the second purges.
    UnsubscribeThenPurge,
    /// Each DELETE purges, unless it asks for `obscureMemberData`.
    Purge,
}

/// What an upsert does to an existing member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpsertMode {
    /// Unsent fields are emptied.
    Put,
    /// Unsent fields are kept.
    Patch,
}
