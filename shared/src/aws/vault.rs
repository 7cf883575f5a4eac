//! Secrets in Secrets Manager, one each, with copies in memory for a bounded time: a read costs money and
//! tens of milliseconds, and deliveries read the same secret all day.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::create_secret::CreateSecretError;
use aws_sdk_secretsmanager::operation::delete_secret::DeleteSecretError;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use aws_sdk_secretsmanager::operation::put_secret_value::PutSecretValueError;
use aws_types::SdkConfig;
use jiff::{SignedDuration, Timestamp};

use super::failure::unavailable;
use super::stored::{damaged, place_of};
use crate::ports::{Clock, PortError, PortResult, Secret, Vault};

const STORE: &str = "vault";

/// How often a secret that appears and disappears under our hands is looked at again.
const ROUNDS: u32 = 3;

pub(super) struct SecretsVault {
    config: SdkConfig,
    client: OnceLock<Client>,
    prefix: String,
    /// How long a copy is used.
    max_age: SignedDuration,
    clock: Arc<dyn Clock>,
    copies: Mutex<HashMap<String, (Timestamp, Secret)>>,
}

/// Whether a secret was made.
enum Made {
    Yes,
    ItExists,
}

impl SecretsVault {
    pub(super) fn new(config: SdkConfig, prefix: String, max_age: SignedDuration, clock: Arc<dyn Clock>) -> Self {
        Self { config, client: OnceLock::new(), prefix, max_age, clock, copies: Mutex::default() }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| Client::new(&self.config))
    }

    /// The name there: what Secrets Manager does not allow in one is written as `=` and its hexadecimal digits.
    fn name(&self, name: &str) -> String {
        let mut written = self.prefix.clone();
        for character in name.chars() {
            if character.is_ascii_alphanumeric() || matches!(character, '/' | '_' | '.' | '-') {
                written.push(character);
            } else {
                // Writing to a text cannot fail.
                let _ = write!(written, "={:x}", u32::from(character));
            }
        }
        written
    }

    fn copy(&self, name: &str) -> Option<Secret> {
        let copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        let (read_at, secret) = copies.get(name)?;
        let age = self.clock.now().duration_since(*read_at);
        (age < self.max_age).then(|| secret.clone())
    }

    fn keep(&self, name: &str, secret: Option<Secret>) {
        let mut copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        match secret {
            Some(secret) => copies.insert(name.to_owned(), (self.clock.now(), secret)),
            None => copies.remove(name),
        };
    }

    async fn read(&self, name: &str) -> PortResult<Option<Secret>> {
        let answer = match self.client().get_secret_value().secret_id(self.name(name)).send().await {
            Ok(answer) => answer,
            Err(error)
                if error.as_service_error().is_some_and(GetSecretValueError::is_resource_not_found_exception) =>
            {
                self.keep(name, None);
                return Ok(None);
            }
            Err(error) => return Err(unavailable(STORE, &error)),
        };
        let what = format!("secret {name}");
        let json = answer.secret_string.ok_or_else(|| damaged(STORE, &what, "it is binary"))?;
        let json = serde_json::from_str(&json).map_err(|error| damaged(STORE, &what, &place_of(&error)))?;
        let secret = Secret(json);
        self.keep(name, Some(secret.clone()));
        Ok(Some(secret))
    }

    async fn make(&self, name: &str, secret: &Secret) -> PortResult<Made> {
        let made = self.client().create_secret().name(self.name(name)).secret_string(secret.0.to_string()).send().await;
        match made {
            Ok(_) => {
                self.keep(name, Some(secret.clone()));
                Ok(Made::Yes)
            }
            Err(error) if error.as_service_error().is_some_and(CreateSecretError::is_resource_exists_exception) => {
                Ok(Made::ItExists)
            }
            Err(error) => Err(unavailable(STORE, &error)),
        }
    }

    fn unsteady(name: &str) -> PortError {
        PortError::Unavailable { store: STORE, what: format!("secret {name} is being made and removed at once") }
    }
}

#[async_trait]
impl Vault for SecretsVault {
    async fn get(&self, name: &str) -> PortResult<Option<Secret>> {
        match self.copy(name) {
            Some(secret) => Ok(Some(secret)),
            None => self.read(name).await,
        }
    }

    async fn get_anew(&self, name: &str) -> PortResult<Option<Secret>> {
        self.read(name).await
    }

    async fn put(&self, name: &str, secret: &Secret) -> PortResult<()> {
        let value = secret.0.to_string();
        for _ in 0..ROUNDS {
            let put = self.client().put_secret_value().secret_id(self.name(name)).secret_string(&value).send().await;
            match put {
                Ok(_) => {
                    self.keep(name, Some(secret.clone()));
                    return Ok(());
                }
                Err(error)
                    if error.as_service_error().is_some_and(PutSecretValueError::is_resource_not_found_exception) => {}
                Err(error) => return Err(unavailable(STORE, &error)),
            }
            if let Made::Yes = self.make(name, secret).await? {
                return Ok(());
            }
        }
        Err(Self::unsteady(name))
    }

    async fn put_if_absent(&self, name: &str, secret: &Secret) -> PortResult<Secret> {
        for _ in 0..ROUNDS {
            if let Made::Yes = self.make(name, secret).await? {
                return Ok(secret.clone());
            }
            if let Some(there) = self.read(name).await? {
                return Ok(there);
            }
        }
        Err(Self::unsteady(name))
    }

    /// At once: a name that waits for the end of a recovery window cannot be used again.
    async fn delete(&self, name: &str) -> PortResult<()> {
        let request = self.client().delete_secret().secret_id(self.name(name)).force_delete_without_recovery(true);
        let deleted = request.send().await;
        self.keep(name, None);
        match deleted {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(DeleteSecretError::is_resource_not_found_exception) => {
                Ok(())
            }
            Err(error) => Err(unavailable(STORE, &error)),
        }
    }
}
