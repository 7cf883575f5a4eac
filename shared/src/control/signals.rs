//! The user and password with which a vendor's own webhooks prove themselves.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Control, ControlError, ControlResult};
use crate::model::ActivationId;
use crate::ports::Secret;

/// A login for HTTP Basic. Prints without its password.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignalLogin {
    /// The user, without a colon.
    pub user: String,
    /// The password, 16 to 512 characters. Never returned.
    #[schemars(extend("writeOnly" = true))]
    pub password: String,
}

impl std::fmt::Debug for SignalLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SignalLogin({}, [redacted])", self.user)
    }
}

/// The name of the login in the vault: `{"user": …, "password": …}`.
pub fn vault_name(activation: &ActivationId) -> String {
    format!("signal/{activation}")
}

impl Control {
    /// Sets the login that the vendor's webhooks to `/v1/signals/{activation}` must bear.
    ///
    /// # Errors
    /// `NotFound`, `Invalid` for a login that HTTP Basic cannot carry or that is easily guessed.
    pub async fn set_signal_login(&self, id: &ActivationId, login: &SignalLogin) -> ControlResult<()> {
        self.activation(id).await?;
        if login.user.is_empty() || login.user.contains(':') || login.user.chars().any(char::is_control) {
            return Err(ControlError::invalid("user", "must not be empty or contain a colon"));
        }
        if !(16..=512).contains(&login.password.len()) || login.password.chars().any(char::is_control) {
            return Err(ControlError::invalid("password", "must be 16 to 512 characters"));
        }
        let secret = Secret(json!({ "user": login.user, "password": login.password }));
        Ok(self.ports.vault.put(&vault_name(id), &secret).await?)
    }
}
