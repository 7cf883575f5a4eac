//! Authorizations: credentials for vendor accounts. Their secrets go into the vault and never come out.

use schemars::JsonSchema;
use serde::Deserialize;

use super::changes::Consequence;
use super::sources::look_up;
use super::{Control, ControlError, ControlResult, MAX_NAME, Page, Part, check_description, check_text, page, present};
use crate::http::token_secret;
use crate::model::catalog::AccountLimits;
use crate::model::{Activation, ActivationStatus, Authorization, AuthorizationId, JobKind, Provider, Source};
use crate::ports::{Kind, Secret};

/// An authorization to be made.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAuthorization {
    /// Its id.
    pub id: AuthorizationId,
    /// For which destination.
    pub provider: Provider,
    /// For people.
    pub label: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// Requests a second that the account allows, 1 to 10,000; the destination's safe default where absent.
    #[serde(default)]
    pub requests_per_second: Option<f64>,
    /// Requests a minute, from 60 on; the destination's own limit where absent.
    #[serde(default)]
    pub requests_per_minute: Option<f64>,
    /// Requests an hour, from 100 on; the destination's own limit where absent.
    #[serde(default)]
    pub requests_per_hour: Option<f64>,
    /// Requests a day, from 100 on; the destination's own limit where absent.
    #[serde(default)]
    pub requests_per_day: Option<f64>,
    /// Requests under way at the same time, 1 to 1,000; the destination's own limit where absent.
    #[serde(default)]
    pub requests_at_once: Option<u32>,
    /// The credentials, as the destination's schema says. Never returned.
    #[schemars(with = "serde_json::Value", extend("writeOnly" = true))]
    pub secret: Secret,
}

/// A change of an authorization: what is absent stays.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthorizationChange {
    /// For people.
    #[serde(default)]
    pub label: Option<String>,
    /// For people.
    #[serde(default)]
    pub description: Option<String>,
    /// Requests a second that the account allows, 1 to 10,000; null for the destination's safe default.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<f64>")]
    pub requests_per_second: Option<Option<f64>>,
    /// Requests a minute, from 60 on; null for the destination's own limit.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<f64>")]
    pub requests_per_minute: Option<Option<f64>>,
    /// Requests an hour, from 100 on; null for the destination's own limit.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<f64>")]
    pub requests_per_hour: Option<Option<f64>>,
    /// Requests a day, from 100 on; null for the destination's own limit.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<f64>")]
    pub requests_per_day: Option<Option<f64>>,
    /// Requests under way at the same time, 1 to 1,000; null for the destination's own limit.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<u32>")]
    pub requests_at_once: Option<Option<u32>>,
    /// New credentials; failing activations start again with them. Never returned.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Value>", extend("writeOnly" = true))]
    pub secret: Option<Secret>,
}

impl NewAuthorization {
    fn limits(&self) -> AccountLimits {
        AccountLimits {
            requests_per_second: self.requests_per_second,
            requests_per_minute: self.requests_per_minute,
            requests_per_hour: self.requests_per_hour,
            requests_per_day: self.requests_per_day,
            requests_at_once: self.requests_at_once,
        }
    }
}

impl AuthorizationChange {
    fn limits(&self, before: AccountLimits) -> AccountLimits {
        AccountLimits {
            requests_per_second: self.requests_per_second.unwrap_or(before.requests_per_second),
            requests_per_minute: self.requests_per_minute.unwrap_or(before.requests_per_minute),
            requests_per_hour: self.requests_per_hour.unwrap_or(before.requests_per_hour),
            requests_per_day: self.requests_per_day.unwrap_or(before.requests_per_day),
            requests_at_once: self.requests_at_once.unwrap_or(before.requests_at_once),
        }
    }
}

/// The name of an authorization's secret in the vault.
pub fn vault_name(authorization: &AuthorizationId) -> String {
    format!("authorization/{authorization}")
}

/// Below one a second, what a person needs (a look-up and a write) would not fit between two waits that a
/// run may make for a token, and every run would begin again.
fn check_limits(limits: &AccountLimits) -> ControlResult<()> {
    let AccountLimits {
        requests_per_second,
        requests_per_minute,
        requests_per_hour,
        requests_per_day,
        requests_at_once,
    } = *limits;
    check_limit("requests_per_second", requests_per_second, 1.0, 1e4)?;
    check_limit("requests_per_minute", requests_per_minute, 60.0, 6e5)?;
    check_limit("requests_per_hour", requests_per_hour, 100.0, 3.6e7)?;
    check_limit("requests_per_day", requests_per_day, 100.0, 8.64e8)?;
    check_limit("requests_at_once", requests_at_once.map(f64::from), 1.0, 1e3)
}

fn check_limit(name: &'static str, limit: Option<f64>, least: f64, most: f64) -> ControlResult<()> {
    match limit {
        Some(limit) if !(limit.is_finite() && (least..=most).contains(&limit)) => {
            Err(ControlError::invalid(name, format!("must be between {least} and {most}")))
        }
        Some(_) | None => Ok(()),
    }
}

/// Whether an activation may still have to speak to its vendor.
fn needs_credentials(activation: &Activation) -> bool {
    activation.status != ActivationStatus::Removed || (activation.prepared.is_some() && !activation.is_prepared())
}

impl Control {
    fn check_secret(&self, provider: &Provider, secret: &Secret) -> ControlResult<()> {
        let destination = self.deployed_destination(provider);
        let destination = destination.map_err(|reason| ControlError::invalid("provider", reason))?;
        destination.check_credentials(secret).map_err(|reason| ControlError::invalid("secret", reason))
    }

    /// Makes an authorization.
    ///
    /// # Errors
    /// `Conflict` where the id is taken, `Invalid` where the provider is unknown or refuses the form of
    /// the secret.
    pub async fn create_authorization(&self, new: NewAuthorization) -> ControlResult<Authorization> {
        let limits = new.limits();
        let NewAuthorization { id, provider, label, description, secret, .. } = new;
        check_text("label", &label, MAX_NAME)?;
        check_description(&description)?;
        check_limits(&limits)?;
        self.check_secret(&provider, &secret)?;
        let now = self.now();
        let authorization =
            Authorization { id, provider, label, description, limits, created_at: now, secret_changed_at: now };
        let kept = (&*vault_name(&authorization.id), &secret);
        let is_repeat = |stored: &Authorization| {
            let Authorization { created_at, secret_changed_at, .. } = *stored;
            *stored == Authorization { created_at, secret_changed_at, ..authorization.clone() }
        };
        self.create_with_secret("an authorization", &authorization, kept, is_repeat).await?;
        Ok(authorization)
    }

    /// Authorizations in the order of their ids.
    ///
    /// # Errors
    /// Where a store does not answer.
    pub async fn authorizations(&self, part: &Part) -> ControlResult<Page<Authorization>> {
        let mut authorizations: Vec<Authorization> = self.read_all().await?;
        authorizations.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(page(authorizations, part, |one| one.id.to_string()))
    }

    /// One authorization.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn authorization(&self, id: &AuthorizationId) -> ControlResult<Authorization> {
        self.read("authorization", id.as_str()).await
    }

    /// Changes an authorization. With a new secret its failing activations are active again, prepared
    /// where they are not, and walked for whoever is pending.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`.
    pub async fn change_authorization(
        &self,
        id: &AuthorizationId,
        change: AuthorizationChange,
    ) -> ControlResult<Authorization> {
        if let Some(label) = &change.label {
            check_text("label", label, MAX_NAME)?;
        }
        check_description(change.description.as_deref().unwrap_or_default())?;
        let before = self.authorization(id).await?;
        check_limits(&change.limits(before.limits))?;
        let AuthorizationChange { label, description, secret, .. } = change.clone();
        if let Some(secret) = &secret {
            self.check_secret(&before.provider, secret)?;
            self.ports.vault.put(&vault_name(id), secret).await?;
        }
        let secret_changed_at = secret.as_ref().map(|_| self.now());
        let edit = |one: &mut Authorization| {
            one.label = label.clone().unwrap_or_else(|| one.label.clone());
            one.description = description.clone().unwrap_or_else(|| one.description.clone());
            one.limits = change.limits(one.limits);
            one.secret_changed_at = secret_changed_at.unwrap_or(one.secret_changed_at);
        };
        let authorization = self.edit("authorization", id.as_str(), edit).await?;
        if secret.is_some() {
            self.revive(id).await?;
        }
        Ok(authorization)
    }

    async fn revive(&self, authorization: &AuthorizationId) -> ControlResult<()> {
        let activations: Vec<Activation> = self.read_all().await?;
        for activation in activations.iter().filter(|one| one.authorization == *authorization) {
            let (activation, revived) = self
                .edit_activation(&activation.id, |activation| {
                    if activation.status != ActivationStatus::Failing {
                        return Ok(None);
                    }
                    activation.set_status(ActivationStatus::Active, None);
                    Ok(Some(Consequence::Nothing))
                })
                .await?;
            if revived.is_some() {
                self.set_going(&activation, JobKind::Resume).await?;
            }
        }
        Ok(())
    }

    /// Removes an authorization and its secret.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` while an activation or a source uses it.
    pub async fn delete_authorization(&self, id: &AuthorizationId) -> ControlResult<()> {
        self.authorization(id).await?;
        let activations: Vec<Activation> = self.read_all().await?;
        if let Some(user) = activations.iter().find(|one| one.authorization == *id && needs_credentials(one)) {
            return Err(ControlError::conflict(format!("the activation `{}` uses it", user.id)));
        }
        let sources: Vec<Source> = self.read_all().await?;
        let uses = |source: &&Source| look_up(&source.format).is_some_and(|look_up| look_up.authorization == *id);
        if let Some(user) = sources.iter().find(uses) {
            return Err(ControlError::conflict(format!("the source `{}` uses it", user.id)));
        }
        // The secret first: should the rest fail, the request can be repeated and leaves no secret behind.
        self.ports.vault.delete(&vault_name(id)).await?;
        self.ports.vault.delete(&token_secret(id)).await?;
        self.ports.catalog.delete(Kind::Authorization, id.as_str()).await?;
        self.catalog.forget().await;
        Ok(())
    }
}
