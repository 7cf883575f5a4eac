//! Connectors: sources in the place of Eagle Eye's own, so that AIR and platforms that were set up for those need a new
//! address only. Outwards one takes AIR's events for a platform; inwards one takes a platform's requests of rewards, and
//! is the activation that issues them, too.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::sources::{ingest_path, vault_name};
use super::{Control, ControlError, ControlResult, NewActivation, NewSource, Page, Part, SourceSecret};
use crate::model::catalog::default_sightings_days;
use crate::model::source_format::WalletLookUp;
use crate::model::{
    ActivationId, ActivationStatus, EagleEyeAirFormat, EeConnectFormat, IdentifierType, Path, PlatformName, Source,
    SourceAuthentication, SourceFormat, SourceId,
};
use crate::sources::eagle_eye_air::changes::WALLET;
use crate::sources::ee_connect::{IDENTITY, KEY_HEADER};

/// A connector to be made.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewConnector {
    /// Its id, the last part of its address; made where absent.
    #[serde(default)]
    pub id: Option<SourceId>,
    /// For people; the platform and the direction where absent.
    #[serde(default)]
    pub name: Option<String>,
    /// The marketing platform, a part of its address: `braze`, `segment`, `bloomreach`, ….
    pub platform: PlatformName,
    /// Which way it carries.
    pub direction: Direction,
    /// AIR's type of the identity by which the platform knows a person. Inwards AIR finds a person by the value alone.
    #[serde(default = "customer_id")]
    pub identity_type: String,
    /// ISO 4217, such as `GBP`: in which currency the unit counts. Outwards only.
    #[serde(default)]
    pub currency: Option<String>,
    /// The unit's wallet API and the credentials for it. Inwards it is needed: rewards are issued there. Outwards it is
    /// asked for identities that events leave out, where it is given.
    #[serde(default)]
    pub air: Option<WalletLookUp>,
    /// The key that is sent in `X-Auth-Token`, 16 to 512 characters; made where absent.
    #[serde(default)]
    pub key: Option<SourceSecret>,
}

/// Which way a connector carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From a platform into AIR: requests of rewards.
    In,
    /// Out of AIR: its events.
    Out,
}

/// A connector with what is handed to whoever sends to it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ConnectorView {
    /// Its id, which is its source's.
    pub id: SourceId,
    /// For people.
    pub name: String,
    /// The marketing platform.
    pub platform: PlatformName,
    /// Which way it carries.
    pub direction: Direction,
    /// Where requests go, below the address of Muster.
    pub path: String,
    /// The same with the address under which Muster was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What proves them.
    pub header: KeyHeader,
    /// The activation that issues the rewards; inwards only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<ActivationId>,
}

/// The header that proves a request.
#[derive(Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KeyHeader {
    /// Its name.
    pub name: &'static str,
    /// The key: told once, when the connector is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

impl std::fmt::Debug for KeyHeader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyHeader([redacted])")
    }
}

fn customer_id() -> String {
    "CUSTOMER_ID".to_owned()
}

/// As which type an identity of AIR is kept as it was written.
fn air_identity() -> IdentifierType {
    "air_identity".parse().expect("a type of identifier")
}

/// The type of identifier for an identity of AIR's.
fn kind_of(identity_type: &str) -> ControlResult<IdentifierType> {
    let kind = identity_type.to_lowercase().parse();
    kind.map_err(|_| ControlError::invalid("identity_type", "must be a type of identity at AIR, such as CUSTOMER_ID"))
}

fn format_of(new: &NewConnector) -> ControlResult<SourceFormat> {
    let NewConnector { platform, direction, identity_type, currency, air, .. } = new;
    match (direction, air, currency) {
        (Direction::Out, look_up, currency) => Ok(SourceFormat::EagleEyeAir(EagleEyeAirFormat {
            identities: [(kind_of(identity_type)?, identity_type.clone())].into(),
            currency: currency.clone(),
            platform: Some(platform.clone()),
            look_up: look_up.clone(),
            ..EagleEyeAirFormat::default()
        })),
        (Direction::In, None, _) => {
            Err(ControlError::invalid("air", "is needed: it says where rewards are issued, and by whose credentials"))
        }
        (Direction::In, Some(_), Some(_)) => {
            Err(ControlError::invalid("currency", "is for connectors outwards: a request of a reward has no amount"))
        }
        (Direction::In, Some(_), None) => {
            Ok(SourceFormat::EeConnect(EeConnectFormat { platform: platform.clone(), identity: air_identity() }))
        }
    }
}

/// A mistake at its place in the request for a connector.
fn as_asked(error: ControlError) -> ControlError {
    match error {
        ControlError::Invalid { path, reason } => {
            let member = path.strip_prefix("format.").unwrap_or(&path);
            let member = if member == "secret" { "key" } else { member };
            let path = member.replacen("look_up", "air", 1);
            ControlError::Invalid { path, reason }
        }
        ControlError::NotFound { .. }
        | ControlError::Conflict { .. }
        | ControlError::Vendor(_)
        | ControlError::Port(_) => error,
    }
}

fn view(source: &Source, key: Option<String>) -> Option<ConnectorView> {
    let (platform, direction) = match &source.format {
        SourceFormat::EeConnect(format) => (format.platform.clone(), Direction::In),
        SourceFormat::EagleEyeAir(format) => (format.platform.clone()?, Direction::Out),
        SourceFormat::Muster | SourceFormat::Lytics(_) => return None,
    };
    Some(ConnectorView {
        id: source.id.clone(),
        name: source.name.clone(),
        platform,
        direction,
        path: ingest_path(source),
        url: None,
        header: KeyHeader { name: "X-Auth-Token", value: key },
        activation: match direction {
            Direction::In => source.id.as_str().parse().ok(),
            Direction::Out => None,
        },
    })
}

impl Control {
    /// Makes a connector: its source, and inwards the activation of AIR that issues what is asked for, which begins at once.
    /// The same request again, with its id and key, goes on where the one before was cut off.
    ///
    /// # Errors
    /// `Conflict` where the id is taken, `Invalid`.
    pub async fn create_connector(&self, new: NewConnector) -> ControlResult<ConnectorView> {
        let format = format_of(&new)?;
        let made = || uuid::Uuid::new_v4().to_string().parse().expect("a UUID is a slug");
        let id: SourceId = new.id.clone().unwrap_or_else(made);
        let (direction, keyed_by) = match new.direction {
            Direction::In => ("in", IDENTITY),
            Direction::Out => ("out", WALLET),
        };
        let name = new.name.clone().unwrap_or_else(|| format!("{} {direction}", new.platform));
        let key = new.key.unwrap_or_else(|| SourceSecret(hex::encode(rand::random::<[u8; 32]>())));
        if let (Direction::In, Some(air)) = (new.direction, &new.air) {
            self.check_air("air", air).await?;
        }
        let source = NewSource {
            id: id.clone(),
            name: name.clone(),
            keyed_by: keyed_by.parse().expect("a type of identifier"),
            authentication: SourceAuthentication::Header { name: KEY_HEADER.to_owned() },
            format,
            sightings_days: default_sightings_days(),
            secret: key.clone(),
        };
        self.claim(source).await.map_err(as_asked)?;
        if let (Direction::In, Some(air)) = (new.direction, new.air) {
            self.issue_rewards(&id, name, &air).await?;
        }
        let source = self.source(&id).await?;
        view(&source, Some(key.0)).ok_or(ControlError::NotFound { what: "connector" })
    }

    /// Connectors in the order of their ids, without their keys.
    ///
    /// # Errors
    /// Where a store does not answer.
    pub async fn connectors(&self, part: &Part) -> ControlResult<Page<ConnectorView>> {
        let sources: Vec<Source> = self.read_all().await?;
        let mut views: Vec<ConnectorView> = sources.iter().filter_map(|source| view(source, None)).collect();
        views.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(super::page(views, part, |view| view.id.to_string()))
    }

    /// One connector, without its key.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn connector(&self, id: &SourceId) -> ControlResult<ConnectorView> {
        let source: Source = self.read("connector", id.as_str()).await?;
        view(&source, None).ok_or(ControlError::NotFound { what: "connector" })
    }

    /// Makes the source, or finds the one that the same request made.
    async fn claim(&self, source: NewSource) -> ControlResult<()> {
        match self.create_source(source.clone()).await {
            Err(taken @ ControlError::Conflict { .. }) => {
                let stored = self.source(&source.id).await?;
                let kept = self.ports.vault.get(&vault_name(&source.id)).await?;
                let has_key = kept.is_some_and(|secret| secret.0.get("current") == Some(&json!(source.secret.0)));
                let is_same =
                    stored.format == source.format && stored.keyed_by == source.keyed_by && stored.name == source.name;
                if has_key && is_same { Ok(()) } else { Err(taken) }
            }
            made => made.map(drop),
        }
    }

    async fn issue_rewards(&self, id: &SourceId, name: String, air: &WalletLookUp) -> ControlResult<()> {
        let activation: ActivationId =
            id.as_str().parse().map_err(|_| ControlError::invalid("id", "must be an id of an activation, too"))?;
        let known = match self.activation(&activation).await {
            Ok(known) if known.source != *id || known.authorization != air.authorization => {
                return Err(ControlError::conflict("there is already another activation of this id"));
            }
            Ok(known) => Some(known.status),
            Err(ControlError::NotFound { .. }) => None,
            Err(error) => return Err(error),
        };
        let status = match known {
            Some(status) => status,
            None => {
                let new = NewActivation {
                    id: activation.clone(),
                    name,
                    description: String::new(),
                    source: id.clone(),
                    destination: "eagle-eye-air".parse().expect("a valid provider"),
                    authorization: air.authorization.clone(),
                    settings: json!({ "wallet_url": air.wallet_url, "requests": "take" }),
                    audiences: [].into(),
                    attributes: Vec::new(),
                    person_identifier: Some(Path::Identifier(air_identity())),
                    triggers: [].into(),
                    notify: None,
                    retry_window_hours: None,
                    keep_parked_days: None,
                };
                self.create_activation(new).await?.status
            }
        };
        if status == ActivationStatus::Draft {
            self.activate(&activation).await?;
        }
        Ok(())
    }
}
