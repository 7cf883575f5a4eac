//! The owner's token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use muster::ports::{PortError, PortResult, Secret, Vault};
use serde_json::json;
use subtle::ConstantTimeEq;

/// The token that opens the API. Prints as `[redacted]`.
#[derive(Clone)]
pub struct ApiToken(String);

impl std::fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiToken([redacted])")
    }
}

impl ApiToken {
    /// Whether `given` is the token, in a time that tells nothing but its length.
    pub fn is(&self, given: &str) -> bool {
        self.0.as_bytes().ct_eq(given.as_bytes()).into()
    }

    /// The token itself. Whoever calls this answers for where it goes.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// The token in the vault (`api`: `{"token": …}`); made of 32 random bytes where there is none yet.
///
/// # Errors
/// Where the vault or the system's randomness fails, or what the vault holds is no token.
pub async fn api_token(vault: &dyn Vault) -> PortResult<ApiToken> {
    let stored = match vault.get("api").await? {
        Some(secret) => secret,
        None => vault.put_if_absent("api", &new_token()?).await?,
    };
    match stored.0.get("token").and_then(serde_json::Value::as_str) {
        Some(token) if !token.is_empty() => Ok(ApiToken(token.to_owned())),
        Some(_) | None => Err(PortError::Unreadable { store: "vault", what: "API token".to_owned() }),
    }
}

fn new_token() -> PortResult<Secret> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| PortError::Unavailable { store: "randomness", what: error.to_string() })?;
    Ok(Secret(json!({ "token": URL_SAFE_NO_PAD.encode(bytes) })))
}
