//! Sources and their secrets.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Control, ControlError, ControlResult, MAX_NAME, Page, Part, check_text, page};
use crate::model::catalog::default_sightings_days;
use crate::model::source_format::WalletLookUp;
use crate::model::{
    Authorization, EagleEyeAirFormat, EeConnectFormat, IdentifierType, LyticsFormat, Source, SourceAuthentication,
    SourceFormat, SourceId,
};
use crate::ports::Secret;
use crate::sources::eagle_eye_air::changes::WALLET;
use crate::sources::ee_connect::{IDENTITY, KEY_HEADER};
use crate::sources::{LEFT_OUT, advice, left_out_prefix};

/// A source to be made.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSource {
    /// Its id, part of the ingest route.
    pub id: SourceId,
    /// For people.
    pub name: String,
    /// The identifier type by which its people are keyed. It cannot be changed.
    pub keyed_by: IdentifierType,
    /// How its requests prove where they come from.
    pub authentication: SourceAuthentication,
    /// What its requests look like: Muster's own changes where absent. Its kind cannot be changed.
    #[serde(default)]
    pub format: SourceFormat,
    /// For how many days sightings of devices are kept, 1 to 90.
    #[serde(default = "default_sightings_days")]
    #[schemars(range(min = 1, max = 90))]
    pub sightings_days: u16,
    /// The secret that its requests are proved with, 16 to 512 characters. Never returned.
    pub secret: SourceSecret,
}

/// What is to change about a source; what is absent stays.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceEdit {
    /// For people.
    #[serde(default)]
    pub name: Option<String>,
    /// All settings of its format; of the same kind as before.
    #[serde(default)]
    pub format: Option<SourceFormat>,
    /// For how many days sightings of devices are kept, 1 to 90.
    #[serde(default)]
    #[schemars(range(min = 1, max = 90))]
    pub sightings_days: Option<u16>,
}

/// A source with what its sender is to be told, and what was left out of what it sent.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SourceView {
    /// The source.
    #[serde(flatten)]
    pub source: Source,
    /// Where its requests go.
    pub ingest_path: String,
    /// How its sender gets a token, where it needs one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oauth2: Option<OAuth2Client>,
    /// What came and was not taken, in the order of names.
    pub left_out: Vec<LeftOut>,
}

/// What a sender enters besides the source's secret, which is the client's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OAuth2Client {
    /// Where tokens are granted.
    pub token_path: String,
    /// Who the sender is.
    pub client_id: String,
}

/// Something that came and was not taken, or not wholly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LeftOut {
    /// A type of event that means nothing here, or what else was the matter.
    pub name: String,
    /// How often it came.
    pub count: u64,
    /// What it means and what can be done, where there is something to be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<&'static str>,
}

/// Longest time for which the row of a deleted wallet is kept: a month.
const MOST_ERASE_AFTER_HOURS: u16 = 720;

fn check_sightings_days(days: u16) -> ControlResult<()> {
    if (1..=90).contains(&days) { Ok(()) } else { Err(ControlError::invalid("sightings_days", "must be 1 to 90")) }
}

/// A secret that a source's requests are proved with. Prints as `[redacted]`.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("writeOnly" = true))]
pub struct SourceSecret(pub String);

impl std::fmt::Debug for SourceSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SourceSecret([redacted])")
    }
}

/// The name of a source's secret in the vault: `{"current": …, "previous": …}`.
pub fn vault_name(source: &SourceId) -> String {
    format!("source/{source}")
}

impl SourceSecret {
    fn check(&self, authentication: &SourceAuthentication) -> ControlResult<()> {
        let refuse = |reason: &str| Err(ControlError::invalid("secret", reason));
        if !(16..=512).contains(&self.0.len()) || self.0.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return refuse("must be 16 to 512 characters without spaces");
        }
        match authentication {
            SourceAuthentication::Header { .. } | SourceAuthentication::OAuth2 { .. } => Ok(()),
            // https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
            SourceAuthentication::StandardWebhooks => {
                match STANDARD.decode(self.0.strip_prefix("whsec_").unwrap_or(&self.0)) {
                    Ok(key) if key.len() >= 16 => Ok(()),
                    Ok(_) => refuse("must stand for at least 16 bytes"),
                    Err(_) => refuse("must be base64, with or without `whsec_` before it"),
                }
            }
        }
    }
}

fn check_authentication(authentication: &SourceAuthentication) -> ControlResult<()> {
    match authentication {
        SourceAuthentication::StandardWebhooks => Ok(()),
        SourceAuthentication::Header { name } => {
            let lower = name.chars().all(|c| !c.is_ascii_uppercase());
            match http::HeaderName::from_bytes(name.as_bytes()) {
                Ok(_) if lower => Ok(()),
                Ok(_) | Err(_) => {
                    Err(ControlError::invalid("authentication.name", "must be a header's name in lower case"))
                }
            }
        }
        SourceAuthentication::OAuth2 { token_seconds: 60..=86_400 } => Ok(()),
        SourceAuthentication::OAuth2 { .. } => {
            Err(ControlError::invalid("authentication.token_seconds", "must be 60 to 86400"))
        }
    }
}

fn check_format(
    format: &SourceFormat,
    keyed_by: &IdentifierType,
    authentication: &SourceAuthentication,
) -> ControlResult<()> {
    match format {
        SourceFormat::Muster => Ok(()),
        SourceFormat::Lytics(format) => check_lytics(format, keyed_by, authentication),
        SourceFormat::EagleEyeAir(format) => check_eagle_eye_air(format, keyed_by, authentication),
        SourceFormat::EeConnect(format) => check_ee_connect(format, keyed_by, authentication),
    }
}

fn check_eagle_eye_air(
    format: &EagleEyeAirFormat,
    keyed_by: &IdentifierType,
    authentication: &SourceAuthentication,
) -> ControlResult<()> {
    let EagleEyeAirFormat { identities, currency, own_references, erase_after_hours, .. } = format;
    if keyed_by.as_str() != WALLET {
        let reason = "must be `wallet`: every event of AIR names one, also the last, which has no identities any more";
        return Err(ControlError::invalid("keyed_by", reason));
    }
    match authentication {
        SourceAuthentication::Header { .. } if format.platform.is_none() => {}
        SourceAuthentication::Header { name } if name == KEY_HEADER => {}
        SourceAuthentication::Header { .. }
        | SourceAuthentication::StandardWebhooks
        | SourceAuthentication::OAuth2 { .. } => {
            let reason = "AIR sends a fixed header: use `header` with the name `x-auth-token`";
            return Err(ControlError::invalid("authentication.method", reason));
        }
    }
    if identities.is_empty() || identities.values().any(|name| name.trim().is_empty()) {
        return Err(ControlError::invalid("format.identities", "must name a type of identity at AIR for each type"));
    }
    if identities.contains_key(keyed_by) {
        return Err(ControlError::invalid("format.identities", "must not name `wallet`, which every event has"));
    }
    if currency.as_ref().is_some_and(|code| code.len() != 3 || !code.chars().all(|c| c.is_ascii_uppercase())) {
        return Err(ControlError::invalid("format.currency", "must be three letters, such as EUR"));
    }
    if own_references.is_empty() {
        return Err(ControlError::invalid("format.own_references", "must be what references of rewards begin with"));
    }
    if !(1..=MOST_ERASE_AFTER_HOURS).contains(erase_after_hours) {
        let reason = format!("must be 1 to {MOST_ERASE_AFTER_HOURS}");
        return Err(ControlError::invalid("format.erase_after_hours", reason));
    }
    Ok(())
}

fn check_ee_connect(
    format: &EeConnectFormat,
    keyed_by: &IdentifierType,
    authentication: &SourceAuthentication,
) -> ControlResult<()> {
    let EeConnectFormat { platform: _, identity } = format;
    if keyed_by.as_str() != IDENTITY {
        return Err(ControlError::invalid("keyed_by", "must be `ee_identity`: a request names nothing else"));
    }
    if identity == keyed_by || ["email", "phone", "mobile"].contains(&identity.as_str()) {
        let reason = "must be a type that keeps the identity as it is written, such as `air_identity`";
        return Err(ControlError::invalid("format.identity", reason));
    }
    match authentication {
        SourceAuthentication::Header { name } if name == KEY_HEADER => Ok(()),
        SourceAuthentication::Header { .. }
        | SourceAuthentication::StandardWebhooks
        | SourceAuthentication::OAuth2 { .. } => {
            let reason = "platforms send a fixed header: use `header` with the name `x-auth-token`";
            Err(ControlError::invalid("authentication.method", reason))
        }
    }
}

/// Where a source of this format asks its vendor for people.
pub(super) fn look_up(format: &SourceFormat) -> Option<&WalletLookUp> {
    match format {
        SourceFormat::EagleEyeAir(format) => format.look_up.as_ref(),
        SourceFormat::Muster | SourceFormat::Lytics(_) | SourceFormat::EeConnect(_) => None,
    }
}

fn check_lytics(
    format: &LyticsFormat,
    keyed_by: &IdentifierType,
    authentication: &SourceAuthentication,
) -> ControlResult<()> {
    let LyticsFormat { identifiers, scan_fields, .. } = format;
    if *authentication == SourceAuthentication::StandardWebhooks {
        return Err(ControlError::invalid("authentication.method", "Lytics signs nothing: use `oauth2` or `header`"));
    }
    if let Some(fields) = scan_fields
        && fields.iter().any(|field| field.is_empty() || field.contains(','))
    {
        return Err(ControlError::invalid("format.scan_fields", "must be names of members, without commas"));
    }
    if identifiers.values().any(String::is_empty) {
        return Err(ControlError::invalid("format.identifiers", "must name a member of the profile for each type"));
    }
    if !identifiers.contains_key(keyed_by) {
        let reason = format!("must say which member of the profile is `{keyed_by}`, by which the source is keyed");
        return Err(ControlError::invalid("format.identifiers", reason));
    }
    Ok(())
}

/// Where a source's requests go.
pub(super) fn ingest_path(source: &Source) -> String {
    match &source.format {
        SourceFormat::EeConnect(format) => format!("/in/{}/{}", format.platform, source.id),
        SourceFormat::EagleEyeAir(EagleEyeAirFormat { platform: Some(platform), .. }) => {
            format!("/out/{platform}/{}", source.id)
        }
        SourceFormat::Muster | SourceFormat::Lytics(_) | SourceFormat::EagleEyeAir(_) => {
            format!("/v1/ingest/{}", source.id)
        }
    }
}

fn view(source: Source, counts: &BTreeMap<String, u64>) -> SourceView {
    let prefix = left_out_prefix(&source.id);
    let named = counts.iter().filter_map(|(name, count)| Some((name.strip_prefix(&prefix)?, *count)));
    let left_out = named.map(|(name, count)| LeftOut { name: name.to_owned(), count, advice: advice(name) });
    let client =
        || OAuth2Client { token_path: format!("/v1/oauth/{}/token", source.id), client_id: source.id.to_string() };
    SourceView {
        ingest_path: ingest_path(&source),
        oauth2: match &source.authentication {
            SourceAuthentication::OAuth2 { .. } => Some(client()),
            SourceAuthentication::StandardWebhooks | SourceAuthentication::Header { .. } => None,
        },
        left_out: left_out.collect(),
        source,
    }
}

impl Control {
    /// A source may ask its vendor by an authorization of the destination.
    async fn check_look_up(&self, format: &SourceFormat) -> ControlResult<()> {
        match look_up(format) {
            Some(look_up) => self.check_air("format.look_up", look_up).await,
            None => Ok(()),
        }
    }

    /// Whether a unit of Eagle Eye AIR can be asked so, which stands at `path` of the request.
    pub(super) async fn check_air(&self, path: &str, unit: &WalletLookUp) -> ControlResult<()> {
        let WalletLookUp { authorization, wallet_url } = unit;
        let refuse = |member: &str, reason: String| Err(ControlError::invalid(format!("{path}.{member}"), reason));
        let known: Vec<Authorization> = self.read_all().await?;
        let Some(account) = known.into_iter().find(|known| known.id == *authorization) else {
            return refuse("authorization", format!("there is no authorization `{authorization}`"));
        };
        if account.provider.as_str() != "eagle-eye-air" {
            return refuse("authorization", format!("is of `{}`, and not of `eagle-eye-air`", account.provider));
        }
        let destination = self.known_destination(&account.provider)?;
        destination.check_settings(&json!({ "wallet_url": wallet_url })).or_else(|reason| refuse("wallet_url", reason))
    }

    /// Makes a source.
    ///
    /// # Errors
    /// `Conflict` where the id is taken, `Invalid` for a weak secret, an unusable header or settings of its format.
    pub async fn create_source(&self, new: NewSource) -> ControlResult<SourceView> {
        let NewSource { id, name, keyed_by, authentication, format, sightings_days, secret } = new;
        check_text("name", &name, MAX_NAME)?;
        check_authentication(&authentication)?;
        check_format(&format, &keyed_by, &authentication)?;
        self.check_look_up(&format).await?;
        check_sightings_days(sightings_days)?;
        secret.check(&authentication)?;
        let source =
            Source { id, name, keyed_by, authentication, format, sightings_days, access: None, created_at: self.now() };
        let stored = Secret(json!({ "current": secret.0 }));
        let kept = (&*vault_name(&source.id), &stored);
        let is_repeat = |stored: &Source| *stored == Source { created_at: stored.created_at, ..source.clone() };
        self.create_with_secret("a source", &source, kept, is_repeat).await?;
        Ok(view(source, &BTreeMap::new()))
    }

    /// Sources in the order of their ids.
    ///
    /// # Errors
    /// Where a store does not answer.
    pub async fn sources(&self, part: &Part) -> ControlResult<Page<SourceView>> {
        let mut sources: Vec<Source> = self.read_all().await?;
        sources.sort_by(|a, b| a.id.cmp(&b.id));
        let Page { items, next } = page(sources, part, |source| source.id.to_string());
        let counts = self.ports.ledger.counters(LEFT_OUT).await?;
        Ok(Page { items: items.into_iter().map(|source| view(source, &counts)).collect(), next })
    }

    /// One source.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn source_view(&self, id: &SourceId) -> ControlResult<SourceView> {
        self.view_source(self.source(id).await?).await
    }

    async fn view_source(&self, source: Source) -> ControlResult<SourceView> {
        let counts = self.ports.ledger.counters(&left_out_prefix(&source.id)).await?;
        Ok(view(source, &counts))
    }

    pub(super) async fn source(&self, id: &SourceId) -> ControlResult<Source> {
        self.read("source", id.as_str()).await
    }

    /// Changes a source.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`.
    pub async fn edit_source(&self, id: &SourceId, edit: &SourceEdit) -> ControlResult<SourceView> {
        let SourceEdit { name, format, sightings_days } = edit;
        name.as_deref().map_or(Ok(()), |name| check_text("name", name, MAX_NAME))?;
        sightings_days.map_or(Ok(()), check_sightings_days)?;
        if let Some(format) = format {
            let source = self.source(id).await?;
            if std::mem::discriminant(format) != std::mem::discriminant(&source.format) {
                return Err(ControlError::invalid("format.kind", "cannot be changed"));
            }
            check_format(format, &source.keyed_by, &source.authentication)?;
            self.check_look_up(format).await?;
        }
        let apply = |source: &mut Source| {
            if let Some(name) = name {
                name.clone_into(&mut source.name);
            }
            if let Some(format) = format {
                format.clone_into(&mut source.format);
            }
            source.sightings_days = sightings_days.unwrap_or(source.sightings_days);
        };
        let source = self.edit("source", id.as_str(), apply).await?;
        self.view_source(source).await
    }

    /// Gives a source a new secret; the one of before stays valid until it is dropped. The same secret
    /// again changes nothing, so that a repeated request does not push the old one out.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`.
    pub async fn rotate_source_secret(&self, id: &SourceId, new: &SourceSecret) -> ControlResult<()> {
        let source = self.source(id).await?;
        new.check(&source.authentication)?;
        let name = vault_name(id);
        let current = self.ports.vault.get(&name).await?.and_then(|secret| secret.0.get("current").cloned());
        let stored = match current {
            Some(current) if current == json!(new.0) => return Ok(()),
            Some(current) => json!({ "current": new.0, "previous": current }),
            None => json!({ "current": new.0 }),
        };
        self.ports.vault.put(&name, &Secret(stored)).await?;
        Ok(())
    }

    /// Ends the validity of the secret before the newest.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn drop_previous_source_secret(&self, id: &SourceId) -> ControlResult<()> {
        self.source(id).await?;
        let name = vault_name(id);
        let Some(mut secret) = self.ports.vault.get(&name).await? else {
            return Ok(());
        };
        let previous = secret.0.as_object_mut().and_then(|fields| fields.remove("previous"));
        if previous.is_some() {
            self.ports.vault.put(&name, &secret).await?;
        }
        Ok(())
    }
}
