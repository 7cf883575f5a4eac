//! Settings and credentials of a Braze activation, read strictly.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::destination::loyalty::{EventSettings, InDoubt, check_events};
use crate::destination::strict;
use crate::model::{AttributeId, AudienceId, Endpoint};
use crate::ports::Secret;

/// What a safe contract allows: the least of all that Braze documents.
const SAFE_OBJECTS: u16 = 50;
/// Of the current contracts.
const MOST_OBJECTS: u16 = 75;

/// Settings of a Braze activation.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The REST endpoint of your instance, such as `https://rest.fra-01.braze.eu`. Not the SDK endpoint.
    pub rest_endpoint: Endpoint,
    /// By what Braze knows the people whose `person_identifier` you chose.
    #[serde(default)]
    pub identify_by: IdentifyBy,
    /// What becomes of people whom Braze does not know.
    #[serde(default)]
    pub profiles: Profiles,
    /// How membership of an audience is shown.
    #[serde(default)]
    pub audiences: Audiences,
    /// Where an attribute of Muster is written, where it is not its default place: its own name, and the tree
    /// `ee_loyalty` for what Eagle Eye AIR tells. Dots lead into nested objects: `ee_loyalty.points.current`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub attributes: BTreeMap<AttributeId, String>,
    /// Whether others write into the nested objects that attributes are written into.
    #[serde(default)]
    pub trees: Trees,
    /// Which events of a person are told, and as what.
    #[serde(default)]
    pub events: EventSettings,
    /// The `app_id` of events, as Braze shows it for your app; none where absent.
    #[serde(default)]
    pub app_id: Option<String>,
    /// What happens when nobody knows whether an event arrived. Braze keeps doubles for ever.
    #[serde(default)]
    pub in_doubt: InDoubt,
    /// Most objects of one request: 75 in total by current contracts, 50 by some older ones.
    #[serde(default = "safe_objects")]
    #[schemars(range(min = 1, max = 75))]
    pub objects_per_request: u16,
}

/// By what Braze knows people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum IdentifyBy {
    /// `external_id`.
    #[default]
    ExternalId,
    /// `email`. Of several profiles with one address Braze takes the one that was updated last.
    Email,
    /// `phone`, in E.164.
    Phone,
    /// A user alias with this label.
    Alias {
        /// Its `alias_label`.
        label: String,
    },
}

/// What becomes of people whom Braze does not know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Profiles {
    /// Nothing, and Braze does not say so.
    #[default]
    UpdateExisting,
    /// A profile is made for them.
    Create,
}

/// Whether others write into the nested objects that attributes are written into.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trees {
    /// Nobody: each is written as a whole, so that what is known of a person no more is gone.
    #[default]
    Owned,
    /// Others do: what Muster knows is merged into them, and what it knows no more stays as it is, since Braze takes no
    /// null within a tree.
    Shared,
}

/// How membership of an audience is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Audiences {
    /// As a custom attribute for each audience: true inside, false after leaving.
    Booleans {
        /// Begins the name of each; the audience's id follows.
        #[serde(default = "prefix")]
        prefix: String,
        /// Other names, by the audience's id.
        #[serde(default)]
        #[schemars(with = "BTreeMap<String, String>")]
        names: BTreeMap<AudienceId, String>,
    },
    /// As one array with the ids of those that they are in. The array belongs to the activation.
    Array {
        /// The name of the array.
        attribute: String,
    },
    /// Not at all.
    None,
}

impl Default for Audiences {
    fn default() -> Self {
        Self::Booleans { prefix: prefix(), names: BTreeMap::new() }
    }
}

fn prefix() -> String {
    "audience_".to_owned()
}

fn safe_objects() -> u16 {
    SAFE_OBJECTS
}

impl Settings {
    /// Reads settings.
    ///
    /// # Errors
    /// With the JSON path and the reason.
    pub fn read(json: &serde_json::Value) -> Result<Self, String> {
        let settings: Self = strict::settings(json)?;
        if !matches!(settings.rest_endpoint.rest(), "" | "/") {
            return Err("$.rest_endpoint: must be the host alone, without a path".to_owned());
        }
        if !(1..=MOST_OBJECTS).contains(&settings.objects_per_request) {
            return Err("$.objects_per_request: must be 1 to 75".to_owned());
        }
        settings.check_names()?;
        check_events(&settings.events)?;
        Ok(settings)
    }

    fn check_names(&self) -> Result<(), String> {
        for (attribute, path) in &self.attributes {
            if path.split('.').any(|name| !is_name(name)) {
                return Err(format!("$.attributes.{attribute}: {NAME_RULE}, with dots between"));
            }
        }
        match &self.audiences {
            Audiences::Booleans { names, .. } => {
                let bad = names.iter().find(|(_, name)| !is_name(name));
                bad.map_or(Ok(()), |(audience, _)| Err(format!("$.audiences.booleans.names.{audience}: {NAME_RULE}")))
            }
            Audiences::Array { attribute } if !is_name(attribute) => {
                Err(format!("$.audiences.array.attribute: {NAME_RULE}"))
            }
            Audiences::Array { .. } | Audiences::None => Ok(()),
        }
    }
}

const NAME_RULE: &str = "names are 1 to 255 characters without spaces and do not begin with $";

/// Whether Braze takes it for the name of a nested attribute, the strictest of its names.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().count() <= 255 && !name.starts_with('$') && !name.contains(char::is_whitespace)
}

/// The key of Braze's REST API.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// A REST API key of the workspace with the permission `users.track`.
    pub rest_api_key: String,
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
        let is_key = |key: &str| !key.is_empty() && key.chars().all(|c| c.is_ascii_graphic());
        if !is_key(&credentials.rest_api_key) {
            return Err("$.rest_api_key: must be the key as Braze shows it, without spaces".to_owned());
        }
        Ok(credentials)
    }
}
