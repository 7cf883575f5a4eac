//! Settings and credentials of a webhook activation, read strictly.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::destination::strict;
use crate::model::effect::{Again, Events};
use crate::model::{Endpoint, Transition};
use crate::ports::Secret;
use crate::standard_webhooks::key_of;

/// Settings of a webhook activation.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where requests go, by `https`.
    pub url: Endpoint,
    /// Whether the state of people's records is sent.
    #[serde(default)]
    pub records: Records,
    /// Most records of one request.
    #[serde(default = "default_batch")]
    #[schemars(range(min = 1, max = 500))]
    pub batch: u16,
    /// What the receiver's answer to records says.
    #[serde(default)]
    pub answers: Answers,
    /// Transitions that are told once each, as events.
    #[serde(default)]
    pub events: Vec<Transition>,
    /// Which events of people are passed on, once each.
    #[serde(default)]
    pub pass_on: Events,
    /// How often the same transition of a person into the same audience is an event.
    #[serde(default)]
    pub again: Again,
    /// What happens when nobody knows whether an event arrived.
    #[serde(default)]
    pub in_doubt: InDoubt,
    /// Where the receiver is asked for an event: `GET` with its `webhook-id` after a slash.
    #[serde(default)]
    pub ask_url: Option<Endpoint>,
}

/// Whether the state of people's records is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Records {
    /// It is.
    #[default]
    Send,
    /// Only events are.
    None,
}

/// What the receiver's answer to records says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Answers {
    /// Every 2xx means that all records were taken.
    #[default]
    Status,
    /// The body says what became of each record.
    Results,
}

/// What happens when nobody knows whether an event arrived.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InDoubt {
    /// It is sent again under the same `webhook-id`, by which the receiver knows a repeat.
    #[default]
    SendAgain,
    /// The receiver is asked at `ask_url`.
    Ask,
    /// It waits for a person to say what happened.
    Park,
}

fn default_batch() -> u16 {
    75
}

impl Settings {
    /// Reads settings.
    ///
    /// # Errors
    /// With the JSON path and the reason.
    pub fn read(json: &serde_json::Value) -> Result<Self, String> {
        let settings: Self = strict::settings(json)?;
        if !(1..=500).contains(&settings.batch) {
            return Err("$.batch: must be 1 to 500".to_owned());
        }
        if settings.in_doubt == InDoubt::Ask && settings.ask_url.is_none() {
            return Err("$.ask_url: `in_doubt` is `ask`, so say where to ask".to_owned());
        }
        if settings.records == Records::None && settings.events.is_empty() && settings.pass_on == Events::None {
            return Err("$.events: with neither records nor events nothing would be sent".to_owned());
        }
        match settings.again {
            Again::OnceInDays(days) if !(1..=3650).contains(&days) => {
                Err("$.again.once_in_days: must be 1 to 3650".to_owned())
            }
            Again::OnceInDays(_) | Again::EveryTime | Again::Once => Ok(settings),
        }
    }
}

/// The receiver's signing secrets.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The signing secret: `whsec_` and 24 to 64 random bytes in Base64.
    pub secret: String,
    /// A second one that signs too, while the receiver goes over from one to the other.
    #[serde(default)]
    pub previous_secret: Option<String>,
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
        for (name, secret) in
            [("secret", Some(&credentials.secret)), ("previous_secret", credentials.previous_secret.as_ref())]
        {
            let Some(secret) = secret else { continue };
            let bytes = key_of(secret).filter(|_| secret.starts_with("whsec_")).map_or(0, |key| key.len());
            if !(24..=64).contains(&bytes) {
                return Err(format!("$.{name}: must be whsec_ and 24 to 64 bytes in Base64"));
            }
        }
        Ok(credentials)
    }

    /// Every secret that signs.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        [Some(self.secret.as_str()), self.previous_secret.as_deref()].into_iter().flatten()
    }
}
