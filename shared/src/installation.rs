//! The installation's key: made at the first start, and never again.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::model::InstallationKey;
use crate::ports::{PortError, PortResult, Secret, Vault};

/// The name of its secret, `{"key": <base64 of 32 bytes>}`.
pub const INSTALLATION_SECRET: &str = "installation";

/// The installation's key out of the vault; a random one is put there where there is none. Of two that
/// start at once both get the one that came first.
///
/// # Errors
/// Where the vault or the random source does not answer, or what is stored is no key: without the key
/// nobody's row is found again, so nothing is put in its place.
pub async fn installation_key(vault: &dyn Vault) -> PortResult<InstallationKey> {
    let stored = match vault.get(INSTALLATION_SECRET).await? {
        Some(secret) => secret,
        None => vault.put_if_absent(INSTALLATION_SECRET, &fresh()?).await?,
    };
    read(&stored).ok_or_else(|| PortError::Unreadable {
        store: "vault",
        what: format!("secret `{INSTALLATION_SECRET}`: not {{\"key\": <base64 of 32 bytes>}}"),
    })
}

fn fresh() -> PortResult<Secret> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| PortError::Unavailable { store: "random source", what: error.to_string() })?;
    Ok(Secret(json!({ "key": STANDARD.encode(bytes) })))
}

fn read(secret: &Secret) -> Option<InstallationKey> {
    let bytes = STANDARD.decode(secret.0.get("key")?.as_str()?).ok()?;
    bytes.try_into().ok().map(InstallationKey::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_key_is_read_back_and_no_two_are_the_same() {
        let (one, other) = (fresh().unwrap(), fresh().unwrap());
        assert!(read(&one).is_some());
        assert_ne!(one, other);
    }

    #[test]
    fn nothing_else_is_a_key() {
        for json in [json!({}), json!({"key": 1}), json!({"key": "AAAA"}), json!({"key": "no base64!"}), json!("x")] {
            assert!(read(&Secret(json)).is_none());
        }
    }
}
