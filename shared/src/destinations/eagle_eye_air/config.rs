//! Settings and credentials of an Eagle Eye AIR activation, read strictly.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::destination::strict;
use crate::model::effect::Again;
use crate::model::{AudienceId, Endpoint, FieldName};
use crate::ports::Secret;

/// Longest beginning of a reference: with the 26 characters behind it, it stays below 50.
const MOST_PREFIX: usize = 12;

/// Settings of an Eagle Eye AIR activation.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The host of your unit's wallet API, such as `https://wallet.sandbox.uk.eagleeye.com`, with `/2.0` behind it where
    /// Eagle Eye says so.
    pub wallet_url: Endpoint,
    /// The reward of each audience: the Action Reference of a campaign, by the audience's id.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub rewards: BTreeMap<AudienceId, String>,
    /// Which property of an audience carries the Action Reference where `rewards` has none for it.
    #[serde(default = "action_reference")]
    pub reference_property: FieldName,
    /// Whether rewards are issued that are asked for: by a platform through `/in/{platform}/{source}`, or by an event
    /// `reward_requested` of any source with `action_reference` among its details.
    #[serde(default)]
    pub requests: Requests,
    /// By which reference the wallet transaction of a reward is known that is asked for.
    #[serde(default)]
    pub references: References,
    /// Begins the reference of every wallet transaction, so that yours are told from others: letters, digits and
    /// dashes. Change it only while no reward waits or is in doubt, since one that is sent again gets the new one.
    #[serde(default = "reference_prefix")]
    #[schemars(length(min = 1, max = 12), regex(pattern = "^[A-Za-z0-9-]+$"))]
    pub reference_prefix: String,
    /// How often entering the same audience is rewarded.
    #[serde(default = "once")]
    pub again: Again,
    /// For how many hours after the entry somebody is tried again whom AIR does not know: joining the programme and
    /// entering an audience may overtake each other. Nobody is tried longer than the activation's retry window.
    #[serde(default = "unknown_wallet_hours")]
    pub unknown_wallet_hours: u16,
    /// Most rewards. At either bound the activation pauses and asks you.
    #[serde(default)]
    pub limits: Caps,
    /// What happens when nobody knows whether a reward was issued.
    #[serde(default)]
    pub in_doubt: InDoubt,
    /// How AIR is asked for a reward of which nobody knows.
    #[serde(default)]
    pub look_up: LookUp,
}

/// Whether rewards are issued that are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Requests {
    /// They are not.
    #[default]
    Ignore,
    /// Each once.
    Take,
}

/// By which reference a reward is known that is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum References {
    /// By the one that it is asked for with, where it has fewer than 50 characters. A reward of which nobody knows then
    /// waits for a person: whoever asks may use a reference twice, so that finding it at AIR proves nothing.
    #[default]
    Brought,
    /// By one of Muster's own, of which there is one for each reward.
    Own,
}

/// Most rewards of an activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Caps {
    /// Within an hour.
    #[schemars(range(min = 1))]
    pub per_hour: u32,
    /// Within a day.
    #[schemars(range(min = 1))]
    pub per_day: u32,
}

impl Default for Caps {
    fn default() -> Self {
        Self { per_hour: 1_000, per_day: 10_000 }
    }
}

/// What happens when nobody knows whether a reward was issued.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InDoubt {
    /// AIR is asked for it, see `look_up`. Where it does not show it, the reward waits for a person to say what happened.
    #[default]
    Ask,
    /// It waits for a person to say what happened.
    Park,
    /// As `ask`, but where AIR does not show it, it is sent again. Only where every campaign has `consumerLimit` 1, or
    /// AIR refuses a used reference: anywhere else a reward may be issued twice.
    SendAgain,
}

/// How AIR is asked for a reward.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LookUp {
    /// By the reference of its wallet transaction.
    #[default]
    Reference,
    /// Not at all: where your unit cannot look transactions up.
    None,
}

fn action_reference() -> FieldName {
    "action_reference".parse().expect("a valid field name")
}

fn reference_prefix() -> String {
    "mstr-".to_owned()
}

fn once() -> Again {
    Again::Once
}

fn unknown_wallet_hours() -> u16 {
    24
}

impl Settings {
    /// Reads settings.
    ///
    /// # Errors
    /// With the JSON path and the reason.
    pub fn read(json: &serde_json::Value) -> Result<Self, String> {
        let settings: Self = strict::settings(json)?;
        if !matches!(settings.wallet_url.rest(), "" | "/" | "/2.0" | "/2.0/") {
            return Err("$.wallet_url: must be the host alone, or the host and /2.0".to_owned());
        }
        let is_blank = |reward: &String| reward.is_empty() || reward.trim() != reward;
        if let Some((audience, _)) = settings.rewards.iter().find(|(_, reward)| is_blank(reward)) {
            return Err(format!("$.rewards.{audience}: must be an Action Reference, without spaces around it"));
        }
        let prefix = &settings.reference_prefix;
        let fits = prefix.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if !fits || !(1..=MOST_PREFIX).contains(&prefix.len()) {
            return Err("$.reference_prefix: must be 1 to 12 of A-Z a-z 0-9 -".to_owned());
        }
        let Caps { per_hour, per_day } = settings.limits;
        for (name, most) in [("per_hour", per_hour), ("per_day", per_day)] {
            if most == 0 {
                return Err(format!("$.limits.{name}: must be at least 1"));
            }
        }
        match settings.again {
            Again::OnceInDays(days) if !(1..=3650).contains(&days) => {
                Err("$.again.once_in_days: must be 1 to 3650".to_owned())
            }
            Again::OnceInDays(_) | Again::EveryTime | Again::Once => Ok(settings),
        }
    }

    /// What stands before every path, and is hashed with it: nothing or `/2.0`.
    pub(super) fn path_prefix(&self) -> &str {
        self.wallet_url.rest().trim_end_matches('/')
    }
}

/// AIR's credentials of one client.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The client id.
    pub client_id: String,
    /// Its secret. Never sent: requests are signed with it.
    pub secret: String,
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
        let parts = [("client_id", &credentials.client_id), ("secret", &credentials.secret)];
        let is_bad = |part: &str| part.is_empty() || !part.chars().all(|c| c.is_ascii_graphic());
        if let Some((name, _)) = parts.into_iter().find(|(_, part)| is_bad(part)) {
            return Err(format!("$.{name}: must be as Eagle Eye gave it, without spaces"));
        }
        Ok(credentials)
    }
}
