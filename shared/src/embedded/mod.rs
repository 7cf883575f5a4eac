//! The ports on SQLite, for one machine and for tests: the same promises as on AWS, in one file of one
//! folder. The folder holds `muster.db` (everything), `vault.key` (what opens the secrets in it),
//! `outbox/` (mails as files) and `muster.lock` (one process at a time). A backup is the first two.

mod catalog;
mod clock;
mod commits;
mod database;
mod effects;
mod key_file;
mod ledger;
mod mailer;
mod notices;
mod people;
mod queue;
#[cfg(test)]
mod tests;
mod vault;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use clock::JumpClock;
pub use queue::{DeadLetter, Depth, LocalQueue, MAX_RECEIVES, ReceiptHandle, Received};

use crate::metrics::Unmeasured;
use crate::ports::{Clock, Document, Kind, Mail, PortResult, Ports};
use catalog::CatalogTable;
use database::Database;
use effects::EffectsTable;
use ledger::LedgerTables;
use mailer::Outbox;
use notices::{Logged, NoticesTable};
use people::PeopleTable;
use vault::SealedVault;

/// Why a data folder cannot be opened. Each says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file or folder cannot be read or written.
    #[error("{} cannot be used: {error}; let the user that runs Muster write there, or name another data folder", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Another process has it open.
    #[error("the data folder {} is in use by another process of Muster; end that one, or name another data folder", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// A later version of Muster wrote it.
    #[error("the database has format {found}, this version of Muster reads up to {known}; install a newer version")]
    NewerFormat {
        /// The format found.
        found: u32,
        /// The format that this version writes.
        known: u32,
    },
    /// It is no database, or a damaged one.
    #[error("muster.db cannot be opened: {error}; if it is damaged, restore it and vault.key from a backup")]
    Database {
        /// What SQLite says.
        error: String,
    },
    /// Others than its owner may read or write the key.
    #[error("{} has mode {mode:04o}, but only its owner may read it; run `chmod 600` on it, and if others use this machine, replace the credentials", path.display())]
    KeyExposed {
        /// The key file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// There are secrets, and no key to open them.
    #[error("{} is missing, and without it the secrets in the database cannot be read; restore it from the backup", path.display())]
    KeyMissing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The key file holds no key.
    #[error("{} holds no key (32 bytes in base64); restore it from the backup", path.display())]
    KeyDamaged {
        /// The key file.
        path: PathBuf,
    },
    /// The key file holds another database's key.
    #[error("{} does not open the secrets in the database; restore the two files of the same backup", path.display())]
    KeyWrong {
        /// The key file.
        path: PathBuf,
    },
    /// The system gives no random numbers for a key.
    #[error("the system gives no random numbers to make a key from")]
    NoRandomness,
}

/// The embedded ports. They may outlive it; the folder stays locked until the last of them is gone.
pub struct Embedded {
    people: Arc<PeopleTable>,
    catalog: Arc<CatalogTable>,
    ledger: Arc<LedgerTables>,
    effects: Arc<EffectsTable>,
    notices: Arc<NoticesTable>,
    queue: Arc<LocalQueue>,
    vault: Arc<SealedVault>,
    mailer: Arc<Outbox>,
    clock: Arc<dyn Clock>,
}

impl Embedded {
    /// Opens a data folder, making it where there is none. Blocks for as long as the disk needs.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(folder: &Path, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let lock = lock(folder)?;
        let database = Arc::new(Database::open(&folder.join("muster.db"), lock)?);
        let key = key_file::read_or_make(folder, vault::has_secrets(&database)?)?;
        let vault = SealedVault::new(Arc::clone(&database), key);
        if !vault.opens_what_is_stored()? {
            return Err(OpenError::KeyWrong { path: key_file::path(folder) });
        }
        let mailer = Outbox::open(Arc::clone(&database), folder.join("outbox"))?;
        Ok(Self::new(database, vault, mailer, clock))
    }

    /// In memory, gone with the last port.
    ///
    /// # Errors
    /// Where the system gives no memory or no random numbers.
    pub fn in_memory(clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let database = Arc::new(Database::in_memory()?);
        let vault = SealedVault::new(Arc::clone(&database), key_file::random_key()?);
        let mailer = Outbox::in_memory(Arc::clone(&database));
        Ok(Self::new(database, vault, mailer, clock))
    }

    fn new(database: Arc<Database>, vault: SealedVault, mailer: Outbox, clock: Arc<dyn Clock>) -> Self {
        Self {
            people: Arc::new(PeopleTable { database: Arc::clone(&database) }),
            catalog: Arc::new(CatalogTable { database: Arc::clone(&database) }),
            ledger: Arc::new(LedgerTables { database: Arc::clone(&database) }),
            effects: Arc::new(EffectsTable { database: Arc::clone(&database) }),
            notices: Arc::new(NoticesTable { database: Arc::clone(&database) }),
            queue: Arc::new(LocalQueue::new(database, Arc::clone(&clock))),
            vault: Arc::new(vault),
            mailer: Arc::new(mailer),
            clock,
        }
    }

    /// The ports, as handlers take them.
    pub fn ports(&self) -> Ports {
        Ports {
            people: self.people.clone(),
            catalog: self.catalog.clone(),
            ledger: self.ledger.clone(),
            effects: self.effects.clone(),
            notices: self.notices.clone(),
            queue: self.queue.clone(),
            vault: self.vault.clone(),
            mailer: self.mailer.clone(),
            events: Arc::new(Logged),
            clock: self.clock.clone(),
            meter: Arc::new(Unmeasured),
        }
    }

    /// The queues, with their receiving end.
    pub fn queue(&self) -> Arc<LocalQueue> {
        Arc::clone(&self.queue)
    }

    /// Every mail sent, the oldest first.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn mails(&self) -> PortResult<Vec<Mail>> {
        self.mailer.mails().await
    }

    /// The former versions of a catalog document, the oldest first; the last one of a removed document is
    /// among them.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn history(&self, kind: Kind, id: &str) -> PortResult<Vec<Document>> {
        self.catalog.history(kind, id).await
    }
}

/// Makes the folder where there is none and locks it for this process.
fn lock(folder: &Path) -> Result<File, OpenError> {
    let refused = |error| OpenError::Folder { path: folder.to_owned(), error };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(refused)?;
    let file = folder.join("muster.lock");
    let lock = OpenOptions::new().append(true).create(true).mode(0o600).open(file).map_err(refused)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: folder.to_owned() }),
        Err(TryLockError::Error(error)) => Err(refused(error)),
    }
}
