//! The SQLite database behind all ports: one connection, one transaction per port call, off the async
//! threads. What a transaction wrote is on the disk before its caller hears of it.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::OpenError;
use crate::ports::{PortError, PortResult};

/// The format that this program writes; it refuses a greater one.
pub(super) const FORMAT: u32 = 5;

/// What makes of each format the next one, from the empty file on.
const STEPS: [&str; FORMAT as usize] = [
    include_str!("schema.sql"),
    include_str!("effects.sql"),
    include_str!("offers.sql"),
    include_str!("notices.sql"),
    include_str!("allowances.sql"),
];

/// Another process may look at the file with SQLite's own tools for a moment.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// More than the ports have statements, so that none is ever prepared twice.
const CACHED_STATEMENTS: usize = 128;

/// Why a port call failed, before it is known as whose.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{0}")]
    Unavailable(String),
    #[error("{0}")]
    Unreadable(String),
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

impl Failure {
    fn at(self, store: &'static str) -> PortError {
        match self {
            Self::Unavailable(what) => PortError::Unavailable { store, what },
            Self::Unreadable(what) => PortError::Unreadable { store, what },
            Self::Sqlite(error) => PortError::Unavailable { store, what: error.to_string() },
        }
    }
}

pub(super) struct Database {
    connection: Mutex<Connection>,
    // Held for as long as any port lives, which may be longer than the `Embedded` that made it.
    _lock: Option<File>,
}

impl Database {
    pub(super) fn in_memory() -> Result<Self, OpenError> {
        let connection = Connection::open_in_memory().map_err(damaged)?;
        Self::prepare(connection, None)
    }

    pub(super) fn open(file: &Path, lock: File) -> Result<Self, OpenError> {
        // SQLite's own files take over the mode of this one.
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(file)
            .map_err(|error| OpenError::Folder { path: file.to_owned(), error })?;
        let connection = Connection::open(file).map_err(damaged)?;
        Self::prepare(connection, Some(lock))
    }

    fn prepare(mut connection: Connection, lock: Option<File>) -> Result<Self, OpenError> {
        connection.busy_timeout(BUSY_TIMEOUT).map_err(damaged)?;
        connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
        let format: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(damaged)?;
        if format > FORMAT {
            return Err(OpenError::NewerFormat { found: format, known: FORMAT });
        }
        configure(&connection).map_err(damaged)?;
        raise_format(&mut connection, format).map_err(damaged)?;
        Ok(Self { connection: Mutex::new(connection), _lock: lock })
    }

    /// Runs `work` on a thread that may block. What `work` does outside [`Database::read`] and
    /// [`Database::write`], reading and writing JSON above all, holds up nobody else.
    pub(super) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        store: &'static str,
        work: impl FnOnce(&Self) -> Result<T, Failure> + Send + 'static,
    ) -> PortResult<T> {
        let database = Arc::clone(self);
        match tokio::task::spawn_blocking(move || work(&database)).await {
            Ok(answer) => answer.map_err(|failure| failure.at(store)),
            Err(ended) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
            Err(_) => Err(Failure::Unavailable("the program is ending".to_owned()).at(store)),
        }
    }

    /// One transaction that reads.
    pub(super) fn read<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
        self.transaction(TransactionBehavior::Deferred, work)
    }

    /// One transaction that writes, durable when this returns.
    pub(super) fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
        self.transaction(TransactionBehavior::Immediate, work)
    }

    fn transaction<T>(
        &self,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(behavior)?;
        let answer = work(&transaction)?;
        transaction.commit()?;
        Ok(answer)
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic rolled its transaction back when it unwound: the connection is as good as before.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn damaged(error: rusqlite::Error) -> OpenError {
    OpenError::Database { error: error.to_string() }
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // In WAL mode only FULL waits for the disk at every commit.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // What an erasure removes is overwritten, not left in free pages.
    connection.pragma_update(None, "secure_delete", "ON")?;
    connection.pragma_update(None, "cache_size", -32_768)
}

/// All steps or none: a file is never between two formats.
fn raise_format(connection: &mut Connection, from: u32) -> rusqlite::Result<()> {
    if from == FORMAT {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in STEPS.iter().skip(from as usize) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.commit()
}

/// A body to be stored.
pub(super) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(value).map_err(|error| Failure::Unreadable(place_of(&error)))
}

/// A stored body. `what` names it in the error, which never quotes it.
pub(super) fn decode<T: DeserializeOwned>(body: &[u8], what: impl FnOnce() -> String) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| Failure::Unreadable(format!("{}: {}", what(), place_of(&error))))
}

/// Where JSON is wrong: the library's own message may quote what it read.
fn place_of(error: &serde_json::Error) -> String {
    format!("its JSON is not as expected at line {} column {}", error.line(), error.column())
}

/// The unit in which times are compared.
pub(super) fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// From the unit in which times are compared; beyond the calendar it is the calendar's end.
pub(super) fn from_micros(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX)
}

/// A time in a column that keeps it to the nanosecond.
pub(super) fn time(text: &str) -> Result<Timestamp, Failure> {
    text.parse().map_err(|_| Failure::Unreadable("a time".to_owned()))
}

/// SQLite's integers are signed; nothing that Muster counts gets that far.
pub(super) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The way back.
pub(super) fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}
