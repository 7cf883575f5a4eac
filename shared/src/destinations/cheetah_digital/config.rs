//! Settings and credentials of a Cheetah Digital activation, read strictly.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::destination::strict;
use crate::mapping::settings::Encoding;
use crate::mapping::{Column, ColumnMapping, ColumnType, CompiledMapping, MappingError, Need};
use crate::ports::Secret;

/// Most records of one call that may be asked for.
const MOST_RECORDS: u16 = 500;

/// Settings of a Cheetah Digital activation.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The table's own name (not its display name), as it is shown when tables are listed: `lytics_audience`.
    pub table: String,
    /// The column that tells people apart: it gets the activation's person identifier.
    pub person_column: String,
    /// The column that gets the audience's id at its source (Lytics: the slug). It has to belong to the table's unique
    /// identifier, or a person's audiences overwrite each other.
    pub audience_column: String,
    /// The column that says whether the person is inside.
    pub subscription_column: String,
    /// How inside and outside are written there: Cheetah has no yes and no of its own.
    #[serde(default)]
    pub subscription: Encoding,
    /// The column that gets the time of entering or leaving.
    #[serde(default)]
    pub timestamp: Option<TimestampColumn>,
    /// Further columns of the table's unique identifier, besides the person's and the audience's. Each has to be among
    /// `columns`. A person whose value changes there is told to leave under the old one first.
    #[serde(default)]
    pub key_columns: BTreeSet<String>,
    /// Further columns: a value of the person for each.
    #[serde(default)]
    pub columns: Vec<ColumnMapping>,
    /// Columns that hold a consent (type Preference). Muster writes none of them unless it is named here: a value could
    /// subscribe somebody again who opted out.
    #[serde(default)]
    pub preference_columns: BTreeSet<String>,
    /// What the vendor's loader is told of columns.
    #[serde(default)]
    pub options: Options,
    /// Most records of one call, 1 to 500. Cheetah's documents leave open whether it takes more than one.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 500))]
    pub records_per_call: u16,
    /// Has many people at once go by Batch Import, in files. Without it everybody goes by Advanced Data Load.
    #[serde(default)]
    pub batch_import: Option<BatchImport>,
}

fn one() -> u16 {
    1
}

/// Where files of many people are led, and when.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchImport {
    /// The customer's number (`cust_id`).
    pub customer_id: u64,
    /// The Data Map (`prop_map_id`). It has to lead every column that is written here to itself, by its own name.
    pub data_map_id: u64,
    /// The folder in which imports are kept (`parent_obj_id`), where they must be in one.
    #[serde(default)]
    pub folder_id: Option<u64>,
    /// How urgent Cheetah takes them (`task_priority`), where that must be said.
    #[serde(default)]
    pub priority: Option<i32>,
    /// Fewer people than this go by Advanced Data Load, 2 to 1000.
    #[serde(default = "from")]
    #[schemars(range(min = 2, max = 1000))]
    pub from: u16,
    /// Most kilobytes of a file, 16 to 16384. In Base64, as it is sent, it has a third more.
    #[serde(default = "most_kilobytes")]
    #[schemars(range(min = 16, max = 16384))]
    pub most_kilobytes: u32,
    /// How long an import is waited for, in minutes, 10 to 2880. One that is not said to be done by then is taken for
    /// over, and everybody in it is looked up.
    #[serde(default = "minutes")]
    #[schemars(range(min = 10, max = 2880))]
    pub minutes: u16,
    /// By which parameter an import is asked for; Cheetah's documents do not name it.
    #[serde(default = "id_parameter")]
    pub id_parameter: String,
}

fn from() -> u16 {
    500
}

fn most_kilobytes() -> u32 {
    1024
}

fn minutes() -> u16 {
    360
}

fn id_parameter() -> String {
    "import_id".to_owned()
}

impl BatchImport {
    fn check(&self) -> Result<(), String> {
        let Self {
            customer_id: _,
            data_map_id: _,
            folder_id: _,
            priority: _,
            from,
            most_kilobytes,
            minutes,
            id_parameter,
        } = self;
        if !(2..=1000).contains(from) {
            return Err("$.batch_import.from: must be from 2 to 1000".to_owned());
        }
        if !(16..=16_384).contains(most_kilobytes) {
            return Err("$.batch_import.most_kilobytes: must be from 16 to 16384".to_owned());
        }
        if !(10..=2_880).contains(minutes) {
            return Err("$.batch_import.minutes: must be from 10 to 2880".to_owned());
        }
        if !is_parameter(id_parameter) {
            return Err("$.batch_import.id_parameter: must be a name of letters, digits and `_`".to_owned());
        }
        Ok(())
    }

    /// Most bytes of a file.
    pub(super) fn most_bytes(&self) -> usize {
        usize::try_from(self.most_kilobytes).unwrap_or(usize::MAX).saturating_mul(1024)
    }

    /// The longest that an import is waited for.
    pub(super) fn longest(&self) -> SignedDuration {
        SignedDuration::from_mins(i64::from(self.minutes))
    }
}

/// A column for the time of entering or leaving.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimestampColumn {
    /// Its name.
    pub column: String,
    /// How times are written, by strftime's directives.
    #[serde(default = "date_format")]
    pub format: String,
    /// The IANA time zone in which they are written.
    #[serde(default = "utc")]
    pub time_zone: String,
}

fn date_format() -> String {
    "%Y-%m-%d %H:%M:%S".to_owned()
}

fn utc() -> String {
    "UTC".to_owned()
}

/// What the vendor's loader is told of columns (`_importOptions`).
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Columns that keep a value that they have (`_preserveData`): the first time somebody was seen, say.
    pub preserve: BTreeSet<String>,
    /// Columns that are compared by case (`_caseSensitive`).
    pub case_sensitive: BTreeSet<String>,
    /// Columns that collect values instead of holding the last one (`_appendMultiValue`).
    pub append: BTreeSet<String>,
    /// Preference columns in which an opt-out stays (`_preserveOptOut`).
    pub preserve_opt_out: BTreeSet<String>,
    /// Columns of addresses that are not held against the list of banned ones (`_ignoreBanList`).
    pub ignore_ban_list: BTreeSet<String>,
    /// Where the last three of these are written; Cheetah's documents leave it open.
    pub placement: Placement,
}

impl Options {
    /// Whether the loader is told anything of the column.
    pub(super) fn speak_of(&self, column: &str) -> bool {
        let Self { preserve, case_sensitive, append, preserve_opt_out, ignore_ban_list, placement: _ } = self;
        [preserve, case_sensitive, append, preserve_opt_out, ignore_ban_list].iter().any(|set| set.contains(column))
    }

    /// Whether the column may rightly show something else than was loaded last.
    pub(super) fn let_stand(&self, column: &str) -> bool {
        [&self.preserve, &self.append, &self.preserve_opt_out].iter().any(|set| set.contains(column))
    }
}

/// Where some options are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// With the columns that they are for.
    #[default]
    Inside,
    /// Beside them, for the whole table.
    Beside,
}

impl Settings {
    /// Reads settings strictly, the mapping with them.
    ///
    /// # Errors
    /// With the JSON path and the reason.
    pub fn read(json: &serde_json::Value) -> Result<Self, String> {
        let settings = Self::parse(json)?;
        settings.check()?;
        Ok(settings)
    }

    /// Reads settings whose mapping may be wrong, so that its mistakes can be told together with those that the table
    /// shows.
    pub(super) fn read_unmapped(json: &serde_json::Value) -> Result<Self, String> {
        let settings: Self = strict::settings(json)?;
        settings.check_unmapped()?;
        Ok(settings)
    }

    /// Reads settings that were found good when they were saved.
    pub(super) fn parse(json: &serde_json::Value) -> Result<Self, String> {
        strict::settings(json)
    }

    fn check(&self) -> Result<(), String> {
        self.check_unmapped()?;
        self.compile(None).map(drop).map_err(|errors| in_words(&errors))
    }

    fn check_unmapped(&self) -> Result<(), String> {
        if !(1..=MOST_RECORDS).contains(&self.records_per_call) {
            return Err(format!("$.records_per_call: must be from 1 to {MOST_RECORDS}"));
        }
        if let Some(batch_import) = &self.batch_import {
            batch_import.check()?;
        }
        let own = self.own_columns();
        let mut seen = BTreeSet::new();
        for (setting, column) in &own {
            if column.is_empty() {
                return Err(format!("$.{setting}: must name a column"));
            }
            if !seen.insert(*column) {
                return Err(format!("$.{setting}: the column `{column}` is written by another setting already"));
            }
        }
        if let Some(mapped) = self.columns.iter().find(|mapping| seen.contains(mapping.column.as_str())) {
            return Err(format!("$.columns: `{}` is written by a setting of its own already", mapped.column));
        }
        let mapped: BTreeSet<&str> = self.columns.iter().map(|mapping| mapping.column.as_str()).collect();
        if let Some(key) = self.key_columns.iter().find(|key| !mapped.contains(key.as_str())) {
            return Err(format!("$.key_columns: `{key}` is not among `columns`: say what it gets"));
        }
        if self.subscription == Encoding::Preference && !self.preference_columns.contains(&self.subscription_column) {
            return Err(format!(
                "$.subscription: `preference` writes a consent; name `{}` in `preference_columns` if that is meant",
                self.subscription_column
            ));
        }
        if let Some(timestamp) = &self.timestamp {
            TimeZone::get(&timestamp.time_zone).map_err(|_| "$.timestamp.time_zone: no IANA time zone".to_owned())?;
            jiff::fmt::strtime::format(&timestamp.format, &jiff::Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC))
                .map_err(|error| format!("$.timestamp.format: {error}"))?;
        }
        Ok(())
    }

    /// The columns with a setting of their own, by setting.
    pub(super) fn own_columns(&self) -> Vec<(&'static str, &str)> {
        let timestamp = self.timestamp.as_ref().map(|timestamp| ("timestamp.column", timestamp.column.as_str()));
        [
            ("person_column", self.person_column.as_str()),
            ("audience_column", self.audience_column.as_str()),
            ("subscription_column", self.subscription_column.as_str()),
        ]
        .into_iter()
        .chain(timestamp)
        .collect()
    }

    /// Every column that is written.
    pub(super) fn written_columns(&self) -> impl Iterator<Item = &str> {
        let own = self.own_columns().into_iter().map(|(_, column)| column);
        own.chain(self.columns.iter().map(|mapping| mapping.column.as_str()))
    }

    /// The columns by which rows are told apart.
    pub(super) fn identifying_columns(&self) -> impl Iterator<Item = &str> {
        let keys = self.key_columns.iter().map(String::as_str);
        keys.chain([self.person_column.as_str(), self.audience_column.as_str()])
    }

    /// The mapping of the further columns, held against those that the table has where they are known.
    pub(super) fn compile(&self, known: Option<&[Column]>) -> Result<CompiledMapping, Vec<MappingError>> {
        let need = |name: &str| if self.key_columns.contains(name) { Need::Key } else { Need::Optional };
        // Cheetah tells no types: what is not said is a text of 255 characters.
        let column = |column: &Column| Column {
            need: need(&column.name),
            kind: column.kind.or(Some(ColumnType::Text)),
            ..column.clone()
        };
        let described: Vec<Column> = match known {
            Some(known) => known.iter().map(column).collect(),
            None => self.columns.iter().map(|mapping| column(&Column::named(&mapping.column))).collect(),
        };
        CompiledMapping::compile(&self.columns, Some(&described))
    }
}

/// The first mistakes of a mapping, in one line.
pub(super) fn in_words(errors: &[MappingError]) -> String {
    let most = errors.iter().take(5).map(|error| format!("$.columns: {error}")).collect::<Vec<_>>();
    match errors.len().saturating_sub(most.len()) {
        0 => most.join("; "),
        more => format!("{}; and {more} more", most.join("; ")),
    }
}

/// Credentials of a Cheetah Digital account: an API key of a web user with the rights to load data.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The consumer key, as the screen "API Keys" shows it.
    pub consumer_key: String,
    /// The consumer secret.
    pub consumer_secret: String,
    /// The client id, where the account wants one.
    #[serde(default)]
    pub client_id: Option<String>,
    /// Where the account lives.
    pub region: Region,
    /// Other hosts than the region's, where support names some.
    #[serde(default)]
    pub hosts: Hosts,
    /// By which parameter the columns of a table are asked for: `viewId` where absent. Cheetah's documents do not name it.
    #[serde(default = "table_parameter")]
    pub table_parameter: String,
}

fn is_parameter(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn table_parameter() -> String {
    "viewId".to_owned()
}

/// Where an account lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Region {
    /// North America.
    Na,
    /// Europe.
    Eu,
    /// Japan.
    Jp,
}

/// Other hosts than the region's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Hosts {
    /// For tokens.
    pub token: Option<Host>,
    /// For data.
    pub data: Option<Host>,
    /// For tables and searches.
    pub api: Option<Host>,
}

/// A host that the vendor's documents name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Host {
    /// North America.
    #[serde(rename = "api.eccmp.com")]
    ApiEccmpCom,
    /// North America, data and event triggers.
    #[serde(rename = "aet.eccmp.com")]
    AetEccmpCom,
    /// North America, tokens, older.
    #[serde(rename = "login.eccmp.com")]
    LoginEccmpCom,
    /// Europe.
    #[serde(rename = "api.ccmp.eu")]
    ApiCcmpEu,
    /// Europe, as one page of the vendor prints it.
    #[serde(rename = "api.eccmp.eu")]
    ApiEccmpEu,
    /// Japan.
    #[serde(rename = "api.marketingsuite.jp")]
    ApiMarketingsuiteJp,
    /// Japan, event triggers.
    #[serde(rename = "aet.marketingsuite.jp")]
    AetMarketingsuiteJp,
}

/// Everything that may be called.
pub(super) const ORIGINS: &[&str] = &[
    Host::ApiEccmpCom.origin(),
    Host::AetEccmpCom.origin(),
    Host::LoginEccmpCom.origin(),
    Host::ApiCcmpEu.origin(),
    Host::ApiEccmpEu.origin(),
    Host::ApiMarketingsuiteJp.origin(),
    Host::AetMarketingsuiteJp.origin(),
];

impl Host {
    const fn origin(self) -> &'static str {
        match self {
            Self::ApiEccmpCom => "https://api.eccmp.com",
            Self::AetEccmpCom => "https://aet.eccmp.com",
            Self::LoginEccmpCom => "https://login.eccmp.com",
            Self::ApiCcmpEu => "https://api.ccmp.eu",
            Self::ApiEccmpEu => "https://api.eccmp.eu",
            Self::ApiMarketingsuiteJp => "https://api.marketingsuite.jp",
            Self::AetMarketingsuiteJp => "https://aet.marketingsuite.jp",
        }
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials([redacted])")
    }
}

impl Credentials {
    /// Reads credentials strictly.
    ///
    /// # Errors
    /// With the JSON path and the reason, never a value.
    pub fn read(secret: &Secret) -> Result<Self, String> {
        let credentials: Self = strict::credentials(secret)?;
        for (name, text) in
            [("consumer_key", &credentials.consumer_key), ("consumer_secret", &credentials.consumer_secret)]
        {
            if text.trim().is_empty() || text.len() > 512 {
                return Err(format!("$.{name}: must have 1 to 512 characters"));
            }
        }
        if !is_parameter(&credentials.table_parameter) {
            return Err("$.table_parameter: must be a name of letters, digits and `_`".to_owned());
        }
        Ok(credentials)
    }

    pub(super) fn token_origin(&self) -> &'static str {
        self.hosts.token.unwrap_or(self.region.host()).origin()
    }

    pub(super) fn data_origin(&self) -> &'static str {
        self.hosts.data.unwrap_or(self.region.data_host()).origin()
    }

    pub(super) fn api_origin(&self) -> &'static str {
        self.hosts.api.unwrap_or(self.region.host()).origin()
    }
}

impl Region {
    fn host(self) -> Host {
        match self {
            Self::Na => Host::ApiEccmpCom,
            Self::Eu => Host::ApiCcmpEu,
            Self::Jp => Host::ApiMarketingsuiteJp,
        }
    }

    /// North America alone takes data at a host of its own.
    fn data_host(self) -> Host {
        match self {
            Self::Na => Host::AetEccmpCom,
            Self::Eu | Self::Jp => self.host(),
        }
    }
}

/// Whether a word of the vendor for a type means a consent.
pub(super) fn is_preference(kind: &str) -> bool {
    kind.eq_ignore_ascii_case("preference")
}

/// A word of the vendor for a type, where it says one.
pub(super) fn column_type(kind: &str) -> Option<ColumnType> {
    Some(match kind.to_ascii_lowercase().replace([' ', '_'], "").as_str() {
        "string" => ColumnType::Text,
        "longstring" => ColumnType::LongText,
        "datetime" | "date/time" | "date" => ColumnType::DateTime,
        "decimal" | "money" | "money/decimal" => ColumnType::Decimal,
        "integer" => ColumnType::Integer,
        "biginteger" => ColumnType::BigInteger,
        "email" => ColumnType::Email,
        "phone" => ColumnType::Phone,
        _ => return None,
    })
}
