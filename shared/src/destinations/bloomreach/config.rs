//! Settings and credentials of a Bloomreach Engagement activation, read strictly.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::destination::loyalty::{EventSettings, InDoubt, check_events};
use crate::destination::strict;
use crate::model::{AttributeId, AudienceId, Endpoint};
use crate::ports::Secret;

/// Commands of one request.
const MOST_COMMANDS: u16 = 50;

/// Settings of a Bloomreach activation.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The API host of your instance, such as `https://api.exponea.com`.
    pub base_url: Endpoint,
    /// The token of the project, part of every path.
    pub project_token: String,
    /// The customer id that the activation's `person_identifier` is.
    #[serde(default = "registered")]
    pub customer_id: String,
    /// Begins the name of each audience's property; the audience's id follows. True inside, false after leaving.
    #[serde(default = "prefix")]
    pub audience_prefix: String,
    /// Other names for audiences' properties, by the audience's id.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub audience_names: BTreeMap<AudienceId, String>,
    /// Other names for attributes' properties, by the attribute's id.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub attribute_names: BTreeMap<AttributeId, String>,
    /// How a property is cleared. What Bloomreach makes of a null is not documented.
    #[serde(default)]
    pub clear_by: ClearBy,
    /// Which events of a person are told, and as what.
    #[serde(default)]
    pub events: EventSettings,
    /// What happens when nobody knows whether an event arrived. Whether Bloomreach knows a repeat is not documented.
    #[serde(default)]
    pub in_doubt: InDoubt,
    /// Most commands of one request.
    #[serde(default = "most_commands")]
    #[schemars(range(min = 1, max = 50))]
    pub commands_per_request: u16,
}

/// How a property is cleared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClearBy {
    /// By an empty text.
    #[default]
    EmptyText,
    /// By null.
    Null,
}

impl ClearBy {
    /// What is written.
    pub(super) fn value(self) -> serde_json::Value {
        match self {
            Self::EmptyText => serde_json::Value::String(String::new()),
            Self::Null => serde_json::Value::Null,
        }
    }
}

fn registered() -> String {
    "registered".to_owned()
}

fn prefix() -> String {
    "audience_".to_owned()
}

fn most_commands() -> u16 {
    MOST_COMMANDS
}

impl Settings {
    /// Reads settings.
    ///
    /// # Errors
    /// With the JSON path and the reason.
    pub fn read(json: &serde_json::Value) -> Result<Self, String> {
        let settings: Self = strict::settings(json)?;
        if !matches!(settings.base_url.rest(), "" | "/") {
            return Err("$.base_url: must be the host alone, without a path".to_owned());
        }
        let is_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if settings.project_token.is_empty() || !settings.project_token.chars().all(is_token) {
            return Err("$.project_token: must be the token as Bloomreach shows it".to_owned());
        }
        if settings.customer_id.trim().is_empty() {
            return Err("$.customer_id: must be the name of an id".to_owned());
        }
        if !(1..=MOST_COMMANDS).contains(&settings.commands_per_request) {
            return Err("$.commands_per_request: must be 1 to 50".to_owned());
        }
        check_events(&settings.events)?;
        Ok(settings)
    }
}

/// How requests are authorised: a private key, or a public token.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The id of an API key of the private access group.
    #[serde(default)]
    key_id: Option<String>,
    /// That key's secret.
    #[serde(default)]
    secret: Option<String>,
    /// A token of the public access group, in the place of a key.
    #[serde(default)]
    token: Option<String>,
}

/// What is shown to Bloomreach.
pub(super) enum Pass<'a> {
    /// An API key.
    Private { key_id: &'a str, secret: &'a str },
    /// A token.
    Public { token: &'a str },
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
        let parts = [("key_id", &credentials.key_id), ("secret", &credentials.secret), ("token", &credentials.token)];
        for (name, part) in parts {
            let is_good = |part: &String| !part.is_empty() && part.chars().all(|c| c.is_ascii_graphic());
            if part.as_ref().is_some_and(|part| !is_good(part)) {
                return Err(format!("$.{name}: must be as Bloomreach shows it, without spaces"));
            }
        }
        match credentials.pass() {
            Some(_) => Ok(credentials),
            None => Err("$: needs `key_id` and `secret`, or `token` alone".to_owned()),
        }
    }

    /// What is shown to Bloomreach; there is always something in what [`Self::read`] answers.
    pub(super) fn pass(&self) -> Option<Pass<'_>> {
        match (&self.key_id, &self.secret, &self.token) {
            (Some(key_id), Some(secret), None) => Some(Pass::Private { key_id, secret }),
            (None, None, Some(token)) => Some(Pass::Public { token }),
            _ => None,
        }
    }
}
