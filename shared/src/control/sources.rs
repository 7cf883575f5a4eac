//! Sources and their secrets.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{Control, ControlError, ControlResult, MAX_NAME, Page, Part, check_text, page};
use crate::model::catalog::default_sightings_days;
use crate::model::{IdentifierType, Source, SourceAuthentication, SourceId};
use crate::ports::Secret;

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
    /// For how many days sightings of devices are kept, 1 to 90.
    #[serde(default)]
    #[schemars(range(min = 1, max = 90))]
    pub sightings_days: Option<u16>,
}

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
            SourceAuthentication::Header { .. } => Ok(()),
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
    }
}

impl Control {
    /// Makes a source.
    ///
    /// # Errors
    /// `Conflict` where the id is taken, `Invalid` for a weak secret or an unusable header.
    pub async fn create_source(&self, new: NewSource) -> ControlResult<Source> {
        let NewSource { id, name, keyed_by, authentication, sightings_days, secret } = new;
        check_text("name", &name, MAX_NAME)?;
        check_authentication(&authentication)?;
        check_sightings_days(sightings_days)?;
        secret.check(&authentication)?;
        let source = Source { id, name, keyed_by, authentication, sightings_days, created_at: self.now() };
        let stored = Secret(json!({ "current": secret.0 }));
        let kept = (&*vault_name(&source.id), &stored);
        let is_repeat = |stored: &Source| *stored == Source { created_at: stored.created_at, ..source.clone() };
        self.create_with_secret("a source", &source, kept, is_repeat).await?;
        Ok(source)
    }

    /// Sources in the order of their ids.
    ///
    /// # Errors
    /// Where a store does not answer.
    pub async fn sources(&self, part: &Part) -> ControlResult<Page<Source>> {
        let mut sources: Vec<Source> = self.read_all().await?;
        sources.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(page(sources, part, |source| source.id.to_string()))
    }

    /// One source.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn source(&self, id: &SourceId) -> ControlResult<Source> {
        self.read("source", id.as_str()).await
    }

    /// Changes a source.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`.
    pub async fn edit_source(&self, id: &SourceId, edit: &SourceEdit) -> ControlResult<Source> {
        let SourceEdit { name, sightings_days } = edit;
        name.as_deref().map_or(Ok(()), |name| check_text("name", name, MAX_NAME))?;
        sightings_days.map_or(Ok(()), check_sightings_days)?;
        let apply = |source: &mut Source| {
            if let Some(name) = name {
                name.clone_into(&mut source.name);
            }
            source.sightings_days = sightings_days.unwrap_or(source.sightings_days);
        };
        self.edit("source", id.as_str(), apply).await
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
