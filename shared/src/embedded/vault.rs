//! Secrets, sealed with XChaCha20-Poly1305. The name goes in as associated data, so that whoever can write
//! the database cannot pass one secret off as another; a nonce of 192 random bits is new at every write.

use std::sync::Arc;

use async_trait::async_trait;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use rusqlite::{Connection, OptionalExtension, params};

use super::OpenError;
use super::commits::Access;
use super::database::{Database, Failure, at, decode, encode};
use super::key_file::KEY_BYTES;
use crate::ports::{PortResult, Secret, Vault};

const STORE: &str = "vault";
const NONCE_BYTES: usize = 24;

pub(super) struct SealedVault {
    database: Arc<Database>,
    seal: Seal,
}

struct Seal(XChaCha20Poly1305);

/// A secret as it is stored.
struct Sealed {
    nonce: [u8; NONCE_BYTES],
    ciphertext: Vec<u8>,
}

impl Sealed {
    fn from_columns(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { nonce: row.get(0)?, ciphertext: row.get(1)? })
    }
}

impl Seal {
    fn close(&self, name: &str, secret: &Secret) -> Result<Sealed, Failure> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce)
            .map_err(|_| Failure::Unavailable("the system gives no random numbers".to_owned()))?;
        let message = encode(secret)?;
        let payload = Payload { msg: &message, aad: name.as_bytes() };
        let ciphertext = self
            .0
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| Failure::Unavailable(format!("secret {name} cannot be sealed")))?;
        Ok(Sealed { nonce, ciphertext })
    }

    fn open(&self, name: &str, sealed: &Sealed) -> Result<Secret, Failure> {
        let payload = Payload { msg: &sealed.ciphertext, aad: name.as_bytes() };
        let message = self
            .0
            .decrypt(&XNonce::from(sealed.nonce), payload)
            .map_err(|_| Failure::Unreadable(format!("secret {name}: not sealed with this key under this name")))?;
        decode(&message, || format!("secret {name}"))
    }
}

pub(super) fn has_secrets(database: &Database) -> Result<bool, OpenError> {
    let exist = database.wait(Access::Read, |transaction| {
        Ok(transaction.query_row("SELECT EXISTS (SELECT 1 FROM secrets)", [], |row| row.get(0))?)
    });
    exist.map_err(|failure| OpenError::Database { error: failure.to_string() })
}

fn stored(transaction: &Connection, name: &str) -> Result<Option<Sealed>, Failure> {
    let mut statement = transaction.prepare_cached("SELECT nonce, ciphertext FROM secrets WHERE name = ?1")?;
    Ok(statement.query_row([name], Sealed::from_columns).optional()?)
}

impl SealedVault {
    pub(super) fn new(database: Arc<Database>, key: [u8; KEY_BYTES]) -> Self {
        Self { database, seal: Seal(XChaCha20Poly1305::new(&key.into())) }
    }

    /// Whether the key is the one that sealed what is stored, as far as any one secret shows.
    pub(super) fn opens_what_is_stored(&self) -> Result<bool, OpenError> {
        let any = self.database.wait(Access::Read, |transaction| {
            let mut statement = transaction.prepare("SELECT nonce, ciphertext, name FROM secrets LIMIT 1")?;
            let columns = |row: &rusqlite::Row<'_>| Ok((Sealed::from_columns(row)?, row.get::<_, String>(2)?));
            Ok(statement.query_row([], columns).optional()?)
        });
        let any = any.map_err(|failure| OpenError::Database { error: failure.to_string() })?;
        Ok(any.is_none_or(|(sealed, name)| self.seal.open(&name, &sealed).is_ok()))
    }
}

#[async_trait]
impl Vault for SealedVault {
    async fn get(&self, name: &str) -> PortResult<Option<Secret>> {
        let asked = name.to_owned();
        let sealed = self.database.read(STORE, move |transaction| stored(transaction, &asked)).await?;
        sealed.map(|sealed| self.seal.open(name, &sealed)).transpose().map_err(at(STORE))
    }

    async fn put(&self, name: &str, secret: &Secret) -> PortResult<()> {
        let Sealed { nonce, ciphertext } = self.seal.close(name, secret).map_err(at(STORE))?;
        let name = name.to_owned();
        self.database
            .write(STORE, move |transaction| {
                transaction
                    .prepare_cached("INSERT OR REPLACE INTO secrets (name, nonce, ciphertext) VALUES (?1, ?2, ?3)")?
                    .execute(params![name, nonce, ciphertext])?;
                Ok(())
            })
            .await
    }

    async fn put_if_absent(&self, name: &str, secret: &Secret) -> PortResult<Secret> {
        let Sealed { nonce, ciphertext } = self.seal.close(name, secret).map_err(at(STORE))?;
        let asked = name.to_owned();
        let there = self
            .database
            .write(STORE, move |transaction| {
                transaction
                    .prepare_cached(
                        "INSERT INTO secrets (name, nonce, ciphertext) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                    )?
                    .execute(params![asked, nonce, ciphertext])?;
                stored(transaction, &asked)
            })
            .await?;
        there.map_or_else(|| Ok(secret.clone()), |sealed| self.seal.open(name, &sealed)).map_err(at(STORE))
    }

    async fn delete(&self, name: &str) -> PortResult<()> {
        let name = name.to_owned();
        self.database
            .write(STORE, move |transaction| {
                transaction.prepare_cached("DELETE FROM secrets WHERE name = ?1")?.execute([&name])?;
                Ok(())
            })
            .await
    }
}
