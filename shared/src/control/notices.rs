//! Where an activation's owner is told by signed webhooks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Control, ControlError, ControlResult};
use crate::catalog::{Edit, edit_activation};
use crate::delivery::receiver_secret;
use crate::model::{ActivationId, Endpoint};
use crate::ports::Secret;
use crate::standard_webhooks::key_of;

/// A receiver of notices: what starts failing, works again, or parks records. Prints without its secrets.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoticeReceiver {
    /// Where requests go, by `https`, to a public host.
    pub url: Endpoint,
    /// The signing secret of Standard Webhooks: `whsec_` and 24 to 64 random bytes in Base64. Never returned.
    #[schemars(extend("writeOnly" = true))]
    pub secret: String,
    /// A second one that signs too, while the receiver goes over from one to the other.
    #[serde(default)]
    #[schemars(extend("writeOnly" = true))]
    pub previous_secret: Option<String>,
}

impl std::fmt::Debug for NoticeReceiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NoticeReceiver({}, [redacted])", self.url.origin())
    }
}

/// As the vault has it.
#[derive(Serialize)]
struct Secrets<'a> {
    secret: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_secret: Option<&'a str>,
}

fn check_secret(path: &str, secret: &str) -> ControlResult<()> {
    let bytes = key_of(secret).filter(|_| secret.starts_with("whsec_")).map_or(0, |key| key.len());
    if !(24..=64).contains(&bytes) {
        return Err(ControlError::invalid(path, "must be whsec_ and 24 to 64 bytes in Base64"));
    }
    Ok(())
}

impl Control {
    /// Sets the receiver that an activation's notices are posted to. The secret goes first, so that nothing is posted
    /// that cannot be signed.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for a secret that is none.
    pub async fn set_notice_receiver(&self, id: &ActivationId, receiver: &NoticeReceiver) -> ControlResult<()> {
        let NoticeReceiver { url, secret, previous_secret } = receiver;
        self.activation(id).await?;
        check_secret("secret", secret)?;
        if let Some(previous) = previous_secret {
            check_secret("previous_secret", previous)?;
        }
        // Plain text: there is nothing that serialisation could refuse.
        let secrets = serde_json::to_value(Secrets { secret, previous_secret: previous_secret.as_deref() });
        self.ports.vault.put(&receiver_secret(id), &Secret(secrets.unwrap_or_default())).await?;
        self.edit_notify_url(id, Some(url)).await
    }

    /// Takes the receiver away, and its secret.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn remove_notice_receiver(&self, id: &ActivationId) -> ControlResult<()> {
        self.edit_notify_url(id, None).await?;
        Ok(self.ports.vault.delete(&receiver_secret(id)).await?)
    }

    async fn edit_notify_url(&self, id: &ActivationId, url: Option<&Endpoint>) -> ControlResult<()> {
        let edit = |activation: &mut crate::model::Activation| {
            if activation.notify_url.as_ref() == url {
                return Edit::Keep;
            }
            activation.notify_url = url.cloned();
            Edit::Write
        };
        let edited = edit_activation(self.ports.catalog.as_ref(), id, edit).await?;
        edited.ok_or(ControlError::NotFound { what: "activation" })?;
        self.catalog.forget().await;
        Ok(())
    }
}
