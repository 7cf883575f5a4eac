//! Settings and credentials of a Heyloyalty activation, read strictly.

use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::destination::strict;
use crate::model::FieldName;
use crate::ports::Secret;

/// Settings of a Heyloyalty activation.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The list that is kept up to date: the number in the list's URL at Heyloyalty.
    #[schemars(range(min = 1))]
    pub list_id: u64,
    /// The list field by which people are found: `email`, `mobile`, `reference` or the merge field name of
    /// any other text or number field. It has to hold what the activation's person identifier holds.
    #[serde(default)]
    pub identifier: IdentifierField,
    /// Where Heyloyalty mails its error reports of imports. They may name customers. Without it none are
    /// mailed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_email: Option<Mailbox>,
    /// What happens to people who are not on the list.
    #[serde(default)]
    pub missing_people: MissingPeople,
    /// What the field of an audience holds for somebody who never was in it.
    #[serde(default)]
    pub never_inside: NeverInside,
    /// How numbers with decimals are written: Heyloyalty's number fields take whole numbers only.
    #[serde(default)]
    pub decimals: Decimals,
    /// The time zone in which a moment becomes a day, by its IANA name.
    #[serde(default)]
    pub time_zone: Zone,
    /// How attributes that hold a moment are written.
    #[serde(default)]
    pub date_time: DateTimes,
    /// What happens when somebody deleted one of Muster's fields at Heyloyalty.
    #[serde(default)]
    pub deleted_fields: DeletedFields,
    /// What erasing a person means on the list.
    #[serde(default)]
    pub forget: Forget,
    /// The longest that Heyloyalty takes to apply an import, in minutes. Afterwards Muster looks.
    #[serde(default = "default_import_minutes")]
    #[schemars(range(min = 1, max = 1440))]
    pub import_minutes: u16,
}

/// What happens to people who are not on the list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MissingPeople {
    /// They are counted and looked for again later. Nobody is subscribed.
    #[default]
    Skip,
    /// They are added to the list, which subscribes them and may cost money.
    Create(Creating),
}

/// Whom to add to the list, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Creating {
    /// The profile field of the source that says whether the person agreed to be on the list. Only `true`
    /// is consent.
    pub consent: FieldName,
    /// Whether people who are added confirm by themselves first.
    pub opt_in: OptIn,
}

/// Whether people who are added confirm by themselves first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OptIn {
    /// As the list is set up at Heyloyalty; with double opt-in they are asked by mail.
    AsTheList,
    /// They are not asked (`skipOptIn`): their consent was given elsewhere, and can be proved.
    Skip,
}

/// What the field of an audience holds for somebody who never was in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NeverInside {
    /// Nothing, so that never inside differs from left.
    #[default]
    Empty,
    /// 0, as for somebody who left.
    Zero,
}

/// How numbers with decimals are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Decimals {
    /// As text with a dot: `12.5`.
    #[default]
    Text,
    /// As a whole number, times ten to the power of `digits`, rounded: with 2 digits 12.5 is 1250.
    ScaledInteger {
        /// Decimals that are kept, 1 to 9.
        #[schemars(range(min = 1, max = 9))]
        digits: u8,
    },
}

/// How attributes that hold a moment are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DateTimes {
    /// As text with the offset: `2026-01-05T08:08:09+01:00`.
    #[default]
    Text,
    /// As a date field; the time of day is lost.
    Date,
}

/// What happens when somebody deleted one of Muster's fields at Heyloyalty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeletedFields {
    /// It is made anew and everybody is sent again.
    #[default]
    Recreate,
    /// The activation stops and says so.
    Fail,
}

/// What erasing a person means on the list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Forget {
    /// Muster's own fields are emptied; the subscription stays as it is.
    #[default]
    OurFields,
    /// Heyloyalty overwrites all of the member's personal data and unsubscribes the member.
    ObscureMember,
}

fn default_import_minutes() -> u16 {
    15
}

/// The merge field name of a list field that Muster does not own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct IdentifierField(String);

impl IdentifierField {
    /// The field's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the address field, whose values are compared without regard to case.
    pub fn is_email(&self) -> bool {
        self.0 == "email"
    }
}

impl Default for IdentifierField {
    fn default() -> Self {
        Self("email".to_owned())
    }
}

impl TryFrom<String> for IdentifierField {
    type Error = &'static str;
    fn try_from(name: String) -> Result<Self, Self::Error> {
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
        if name.is_empty() || name.chars().count() > 100 || !name.chars().all(plain) {
            Err("must be 1 to 100 letters, digits, `_` or `-`")
        } else if name.starts_with(super::mapping::OWN_PREFIX) {
            Err("must not be a field that Muster writes")
        } else {
            Ok(Self(name))
        }
    }
}

impl From<IdentifierField> for String {
    fn from(field: IdentifierField) -> Self {
        field.0
    }
}

/// An address for error reports.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Mailbox(String);

impl Mailbox {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

impl TryFrom<String> for Mailbox {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let plain = text.len() <= 254 && !text.chars().any(|c| c.is_whitespace() || c.is_control());
        match text.split_once('@') {
            Some((name, host)) if plain && !name.is_empty() && host.contains('.') && !host.contains('@') => {
                Ok(Self(text))
            }
            Some(_) | None => Err("must be one e-mail address"),
        }
    }
}

impl From<Mailbox> for String {
    fn from(mailbox: Mailbox) -> Self {
        mailbox.0
    }
}

/// A time zone with its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

/// Heyloyalty is Danish: where its accounts are most likely to be.
const DEFAULT_ZONE: &str = "Europe/Copenhagen";

impl Zone {
    /// The zone.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }
}

impl Default for Zone {
    fn default() -> Self {
        // The rule since 1996, for machines that carry no time zone database.
        let rule = || TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").expect("the rule is well formed");
        Self { name: DEFAULT_ZONE.to_owned(), zone: TimeZone::get(DEFAULT_ZONE).unwrap_or_else(|_| rule()) }
    }
}

impl TryFrom<String> for Zone {
    type Error = &'static str;
    fn try_from(name: String) -> Result<Self, Self::Error> {
        if name == DEFAULT_ZONE {
            return Ok(Self::default());
        }
        match TimeZone::get(&name) {
            Ok(zone) => Ok(Self { name, zone }),
            Err(_) => Err("must be the IANA name of a time zone, such as `Europe/Copenhagen`"),
        }
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name
    }
}

impl Settings {
    /// Reads settings.
    ///
    /// # Errors
    /// With the JSON path and the reason.
    pub fn read(json: &serde_json::Value) -> Result<Self, String> {
        let settings: Self = strict::settings(json)?;
        if settings.list_id == 0 {
            return Err("$.list_id: must be the number in the list's URL".to_owned());
        }
        if !(1..=1440).contains(&settings.import_minutes) {
            return Err("$.import_minutes: must be 1 to 1440".to_owned());
        }
        if settings.missing_people != MissingPeople::Skip && !matches!(settings.identifier.as_str(), "email" | "mobile")
        {
            return Err(
                "$.missing_people: people can be added by `email` or `mobile` only; see `identifier`".to_owned()
            );
        }
        match settings.decimals {
            Decimals::ScaledInteger { digits } if !(1..=9).contains(&digits) => {
                Err("$.decimals.scaled_integer.digits: must be 1 to 9".to_owned())
            }
            Decimals::ScaledInteger { .. } | Decimals::Text => Ok(settings),
        }
    }
}

/// The two keys of a Heyloyalty account.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The API key: at Heyloyalty under Settings, Account information ("Kontooplysninger").
    pub api_key: String,
    /// The API secret, from the same page.
    pub api_secret: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials([redacted])")
    }
}

impl Credentials {
    /// Reads credentials.
    ///
    /// # Errors
    /// With the JSON path and the reason, never a value.
    pub fn read(secret: &Secret) -> Result<Self, String> {
        let credentials: Self = strict::credentials(secret)?;
        for (name, value) in [("api_key", &credentials.api_key), ("api_secret", &credentials.api_secret)] {
            if value.is_empty() || value.chars().any(|c| c.is_whitespace() || c.is_control()) {
                return Err(format!("$.{name}: must be a text without spaces"));
            }
        }
        if credentials.api_key.contains(':') {
            return Err("$.api_key: must not contain a colon".to_owned());
        }
        Ok(credentials)
    }
}
