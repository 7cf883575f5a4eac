//! What the owner configures, and what was seen: sources, audiences, attributes, authorizations.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::budget::{Budget, Limit};
use super::ids::{AttributeId, AudienceId, AuthorizationId, IdentifierType, Provider, SourceId};
use super::source_format::SourceFormat;
use super::value::AttributeType;

/// Who tells Muster. Its secrets are in the vault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Source {
    /// Its id, part of the ingest route.
    pub id: SourceId,
    /// For people.
    pub name: String,
    /// The identifier type by which its people are keyed; every change must carry exactly one value of it.
    pub keyed_by: IdentifierType,
    /// How its requests prove where they come from.
    pub authentication: SourceAuthentication,
    /// What its requests look like: Muster's own changes where absent.
    #[serde(default)]
    pub format: SourceFormat,
    /// For how many days sightings of devices are kept.
    #[serde(default = "default_sightings_days")]
    #[schemars(range(min = 1, max = 90))]
    pub sightings_days: u16,
    /// How its own API is asked, where it has one and a token was given for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<SourceAccess>,
    /// When it was made.
    #[schemars(with = "String")]
    pub created_at: Timestamp,
}

/// How a source's own API is asked. The token is in the vault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SourceAccess {
    /// Requests a second that it may be asked, 0.1 to 100; the source's safe default where absent.
    #[serde(default)]
    pub requests_per_second: Option<f64>,
    /// When the token was given.
    #[schemars(with = "String")]
    pub changed_at: Timestamp,
}

/// Default for [`Source::sightings_days`].
pub(crate) fn default_sightings_days() -> u16 {
    30
}

impl Source {
    /// How long sightings of devices are kept.
    pub fn sightings_for(&self) -> SignedDuration {
        SignedDuration::from_hours(24 * i64::from(self.sightings_days))
    }
}

/// How a source's requests prove where they come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum SourceAuthentication {
    /// The Standard Webhooks signature: `webhook-id`, `webhook-timestamp`, `webhook-signature`.
    StandardWebhooks,
    /// A secret in a header.
    Header {
        /// The header's name, in lower case.
        name: String,
    },
    /// A bearer token that the source fetches from Muster with the secret: OAuth2 client credentials.
    #[serde(rename = "oauth2")]
    OAuth2 {
        /// For how many seconds a token is good.
        #[serde(default = "default_token_seconds")]
        #[schemars(range(min = 60, max = 86_400))]
        token_seconds: u32,
    },
}

fn default_token_seconds() -> u32 {
    3_600
}

/// An audience of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Audience {
    /// Whose.
    pub source: SourceId,
    /// Its id at the source.
    pub id: AudienceId,
    /// For people; the id until somebody names it.
    pub name: String,
    /// When it was first seen or made.
    #[schemars(with = "String")]
    pub first_seen_at: Timestamp,
    /// When it was deleted.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub deleted_at: Option<Timestamp>,
}

/// A calculated attribute of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Attribute {
    /// Whose.
    pub source: SourceId,
    /// Its id at the source.
    pub id: AttributeId,
    /// For people; the id until somebody names it.
    pub name: String,
    /// The type of the first value seen, `None` while only nulls came.
    pub observed_type: Option<AttributeType>,
    /// When it was first seen.
    #[schemars(with = "String")]
    pub first_seen_at: Timestamp,
}

/// What an account allows, where it is not the destination's safe default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AccountLimits {
    /// Requests a second that the account allows, 1 to 10,000; the destination's safe default where absent.
    #[serde(default)]
    pub requests_per_second: Option<f64>,
    /// Requests a minute, 60 or more; the destination's own limit where absent, if it has one.
    #[serde(default)]
    pub requests_per_minute: Option<f64>,
    /// Requests an hour, 100 or more; the destination's own limit where absent, if it has one.
    #[serde(default)]
    pub requests_per_hour: Option<f64>,
    /// Requests a day, 100 or more; the destination's own limit where absent, if it has one.
    #[serde(default)]
    pub requests_per_day: Option<f64>,
    /// Requests under way at the same time, 1 to 1,000; the destination's own limit where absent, if it has one.
    #[serde(default)]
    pub requests_at_once: Option<u32>,
}

impl AccountLimits {
    /// These in place of the destination's own.
    pub fn over(&self, safe: &Budget) -> Budget {
        let budget = safe
            .clone()
            .with(self.requests_per_second.map(Limit::per_second))
            .with(self.requests_per_minute.map(Limit::per_minute))
            .with(self.requests_per_hour.map(Limit::per_hour))
            .with(self.requests_per_day.map(Limit::per_day));
        Budget { at_once: self.requests_at_once.or(budget.at_once), ..budget }
    }
}

/// Credentials for one vendor account; the secret itself is in the vault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Authorization {
    /// Its id.
    pub id: AuthorizationId,
    /// For which destination.
    pub provider: Provider,
    /// For people.
    pub label: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// What the account allows.
    #[serde(flatten)]
    pub limits: AccountLimits,
    /// When it was made.
    #[schemars(with = "String")]
    pub created_at: Timestamp,
    /// When its secret was last replaced.
    #[schemars(with = "String")]
    pub secret_changed_at: Timestamp,
}
