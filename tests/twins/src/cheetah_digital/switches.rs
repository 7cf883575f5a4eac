//! One switch per unknown of the vendor's documentation (vendor file 10.2 and 11).

use serde::{Deserialize, Serialize};

use crate::traffic::RetryAfterHeader;

/// How the twin reads what the documentation leaves open. The default is the strictest or most
/// harmful reading. As JSON the names are the field names, enum values in `snake_case`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// Seconds for which a token lives.
    pub expires_in: u32,
    /// A new token ends the older ones of the same key.
    pub second_token_invalidates_first: bool,
    /// Answer to a token request that is not form-urlencoded: 415 or 400.
    pub token_wrong_type_status: u16,
    /// Answer to a wrong key, secret or client id: 400 or 401.
    pub token_bad_credentials_status: u16,
    /// Answer where the key's owner lacks the privilege: 403 or 401.
    pub no_privilege_status: u16,
    /// Which host of the region takes data.
    pub data_hosts: DataHosts,
    /// Most records of the root table in one call; beyond it 400.
    pub max_root_records: usize,
    /// Largest body of a data load or an import, in MiB; beyond it 413.
    pub max_body_mib: usize,
    /// What one bad record among several does.
    pub bad_record: BadRecord,
    /// What numbers, booleans and `null` as values do.
    pub non_string_values: NonStrings,
    /// What text above its column's length does.
    pub overlong_values: Overlong,
    /// What blank values do where nothing is said of them.
    pub blanks: Blanks,
    /// Whether identifiers that differ in case are the same where nothing is said of them.
    pub identifier_case: IdentifierCase,
    /// Where `_ignoreBanList`, `_preserveOptOut` and `_appendMultiValue` belong.
    pub late_field_options: LateOptions,
    /// How `01/02/2026` is read, which the locale of the API's user decides.
    pub slash_dates: SlashDates,
    /// Whether values that do not fit their column are refused or dropped later.
    pub profile: Profile,
    /// Body of a successful data load.
    pub success_body: SuccessBody,
    /// Milliseconds of the twin's clock between accepting and loading data.
    pub load_delay_ms: u32,
    /// Answer of a search without a hit: 404, 400 or 200.
    pub search_no_match_status: u16,
    /// Query parameter of the table resource that names a table by its id.
    pub table_id_parameter: String,
    /// Query parameter of the table resource that names a table by its display name.
    pub table_name_parameter: String,
    /// Member within which tables and columns are listed; `None` for a bare array.
    pub table_wrapper: Option<String>,
    /// Tables show `dataType` and `isUniqueIdentifier` of their columns.
    pub table_reveals_types: bool,
    /// The number of the first page, 0 or 1; a smaller one gets 400.
    pub first_page: u32,
    /// What `index` counts when all tables are listed.
    pub table_index: TableIndex,
    /// Rows of a page where `count` is not given.
    pub default_page_size: usize,
    /// Most rows of a page, whatever `count` says.
    pub max_page_size: usize,
    /// What is answered beyond the last page.
    pub past_the_end: PastTheEnd,
    /// Seconds of the twin's clock between accepting and applying an import.
    pub import_delay_seconds: u32,
    /// How an import ends.
    pub import_ends: ImportEnds,
    /// Name of the query parameter that asks for an import.
    pub import_id_parameter: String,
    /// Requests per sliding second and key on the twin's clock; beyond it 429. Tokens are free.
    pub rate_limit: Option<u32>,
    /// Requests for tokens per sliding second, whoever asks; beyond it 429.
    pub token_rate_limit: Option<u32>,
    /// Requests open at the same time; beyond it 429. Tokens are free.
    pub concurrency_limit: Option<u32>,
    /// Whether a 429 of a limit carries `Retry-After` (seconds).
    pub retry_after: RetryAfterHeader,
    /// Milliseconds before any request is looked at; for benches and slow days.
    pub latency_ms: u64,
    /// Milliseconds a timeout fault holds the answer if the client does not go away first.
    pub hold_ms: u64,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            expires_in: 28_800,
            second_token_invalidates_first: false,
            token_wrong_type_status: 415,
            token_bad_credentials_status: 400,
            no_privilege_status: 403,
            data_hosts: DataHosts::Shipped,
            max_root_records: 1,
            max_body_mib: 4,
            bad_record: BadRecord::RefusesAll,
            non_string_values: NonStrings::Reject,
            overlong_values: Overlong::Reject,
            blanks: Blanks::Ignored,
            identifier_case: IdentifierCase::Ignored,
            late_field_options: LateOptions::Inside,
            slash_dates: SlashDates::MonthFirst,
            profile: Profile::Strict,
            success_body: SuccessBody::Json,
            load_delay_ms: 500,
            search_no_match_status: 404,
            table_id_parameter: "viewId".to_owned(),
            table_name_parameter: "viewName".to_owned(),
            table_wrapper: None,
            table_reveals_types: false,
            first_page: 1,
            table_index: TableIndex::Page,
            default_page_size: 25,
            max_page_size: 100,
            past_the_end: PastTheEnd::LastPageAgain,
            import_delay_seconds: 90,
            import_ends: ImportEnds::Done,
            import_id_parameter: "import_id".to_owned(),
            rate_limit: None,
            token_rate_limit: None,
            concurrency_limit: None,
            retry_after: RetryAfterHeader::With,
            latency_ms: 0,
            hold_ms: 60_000,
        }
    }
}

/// The host that takes data (vendor file 3 and question 4); at any other it is unexpected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataHosts {
    /// `aet.eccmp.com`, `api.ccmp.eu`, `api.marketingsuite.jp`.
    Shipped,
    /// As `Shipped`, but Europe at `api.eccmp.eu`.
    Printed,
    /// Every host of the region.
    Any,
}

/// What a bad record does to the others of its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BadRecord {
    /// 400, nothing is loaded.
    RefusesAll,
    /// 400, and yet the others are loaded.
    OthersLoad,
    /// 200, the others are loaded and nobody hears of the bad one.
    PassesSilently,
}

/// What a value that is no JSON string does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NonStrings {
    /// 400.
    Reject,
    /// Its text is taken; `null` is blank.
    Coerce,
}

/// What too long a text does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlong {
    /// 400.
    Reject,
    /// The first characters are kept.
    Truncate,
}

/// What blank values do without `_insertNull`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blanks {
    /// Nothing.
    Ignored,
    /// They empty the column, as with `_insertNull`.
    Clear,
}

/// How identifiers are compared without `_caseSensitive`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentifierCase {
    /// `Ada` is `ada`.
    Ignored,
    /// `Ada` is somebody else, as with `_caseSensitive`.
    Significant,
}

/// The place of the three field options whose place is not documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LateOptions {
    /// Among the members of `_fieldOptions[]`; beside it they are unknown.
    Inside,
    /// Beside `_fieldOptions`, for all columns of the table; inside they are unknown.
    Beside,
}

/// The order of day and month between slashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlashDates {
    /// The second of January.
    MonthFirst,
    /// The first of February.
    DayFirst,
}

/// What a value that its column cannot hold does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// 400.
    Strict,
    /// It is accepted, and dropped when the record is loaded.
    Lenient,
}

/// What a data load answers, always with 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuccessBody {
    /// A small JSON object of made-up members.
    Json,
    /// Nothing.
    Empty,
    /// `Data saved and pending processing.` as `text/html`.
    Text,
}

/// What `index` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableIndex {
    /// Pages, as `page` does.
    Page,
    /// Tables, from 0.
    Offset,
}

/// What is answered beyond the last page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PastTheEnd {
    /// The last page once more.
    LastPageAgain,
    /// An empty array.
    Empty,
}

/// How an import ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportEnds {
    /// Loaded, `DONE`.
    Done,
    /// Nothing is loaded, and the status is one that no documentation names.
    Fails,
    /// Nothing is loaded, and it runs for ever.
    Never,
}
