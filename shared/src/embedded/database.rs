//! The SQLite database behind all ports: one connection, on a thread of its own, where each port call is atomic. What
//! a call wrote is on the disk before its caller hears of it.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use super::OpenError;
use super::commits::{self, Access, Answer, Call, Pending};
use crate::ports::{PortError, PortResult};

/// The format that this program writes; it refuses a greater one.
pub(super) const FORMAT: u32 = 7;

/// What makes of each format the next one, from the empty file on.
const STEPS: [&str; FORMAT as usize] = [
    include_str!("schema.sql"),
    include_str!("effects.sql"),
    include_str!("offers.sql"),
    include_str!("notices.sql"),
    include_str!("allowances.sql"),
    include_str!("scans.sql"),
    include_str!("timers.sql"),
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

/// The failure of a store.
pub(super) fn at(store: &'static str) -> impl Fn(Failure) -> PortError {
    move |failure| match failure {
        Failure::Unavailable(what) => PortError::Unavailable { store, what },
        Failure::Unreadable(what) => PortError::Unreadable { store, what },
        Failure::Sqlite(error) => PortError::Unavailable { store, what: error.to_string() },
    }
}

pub(super) struct Database {
    line: Line,
    // Held for as long as any port lives, which may be longer than the `Embedded` that made it.
    _lock: Option<File>,
}

/// Where calls are done.
enum Line {
    /// In memory there is no disk to wait for together: where they are made.
    Here(Mutex<Connection>),
    /// On the thread that owns the connection; `None` once it closes.
    Thread { calls: Option<Sender<Box<dyn Call>>>, thread: Option<JoinHandle<()>> },
}

impl Line {
    fn thread(connection: Connection) -> Result<Self, OpenError> {
        let (calls, served) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("muster-database".to_owned())
            .spawn(move || commits::serve(&connection, &served))
            .map_err(|error| OpenError::Database { error: error.to_string() })?;
        Ok(Self::Thread { calls: Some(calls), thread: Some(thread) })
    }

    /// A call that cannot be sent is dropped, and with it what its caller waits for.
    fn send(&self, call: Box<dyn Call>) {
        match self {
            Self::Here(connection) => {
                commits::serve_alone(&connection.lock().unwrap_or_else(PoisonError::into_inner), call);
            }
            Self::Thread { calls, .. } => {
                if let Some(calls) = calls {
                    drop(calls.send(call));
                }
            }
        }
    }
}

impl Drop for Line {
    /// Whoever may open the folder next finds it closed.
    fn drop(&mut self) {
        match self {
            Self::Here(_) => {}
            Self::Thread { calls, thread } => {
                *calls = None;
                if let Some(thread) = thread.take()
                    && thread.join().is_err()
                {
                    tracing::error!("the thread of the database panicked");
                }
            }
        }
    }
}

impl Database {
    pub(super) fn in_memory() -> Result<Self, OpenError> {
        let connection = prepared(Connection::open_in_memory().map_err(damaged)?)?;
        Ok(Self { line: Line::Here(Mutex::new(connection)), _lock: None })
    }

    pub(super) fn open(file: &Path, lock: File) -> Result<Self, OpenError> {
        // SQLite's own files take over the mode of this one.
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(file)
            .map_err(|error| OpenError::Folder { path: file.to_owned(), error })?;
        let connection = prepared(Connection::open(file).map_err(damaged)?)?;
        Ok(Self { line: Line::thread(connection)?, _lock: Some(lock) })
    }

    /// Runs `work`, which reads.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        store: &'static str,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> PortResult<T> {
        self.call(Access::Read, store, work).await
    }

    /// Runs `work`, which writes, all of it or, where it fails, nothing. It is durable when this returns.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        store: &'static str,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> PortResult<T> {
        self.call(Access::Write, store, work).await
    }

    /// As [`Database::read`] and [`Database::write`], for who may block.
    pub(super) fn wait<T: Send + 'static>(
        &self,
        access: Access,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let (reply, answer) = mpsc::sync_channel(1);
        self.line.send(Box::new(Pending::new(access, work, move |answer| drop(reply.send(answer)))));
        answered(answer.recv().ok())
    }

    async fn call<T: Send + 'static>(
        &self,
        access: Access,
        store: &'static str,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> PortResult<T> {
        let (reply, answer) = oneshot::channel();
        // Nobody may be waiting any more.
        self.line.send(Box::new(Pending::new(access, work, move |answer| drop(reply.send(answer)))));
        answered(answer.await.ok()).map_err(at(store))
    }
}

fn answered<T>(answer: Option<Answer<T>>) -> Result<T, Failure> {
    match answer {
        Some(Ok(outcome)) => outcome,
        Some(Err(panic)) => std::panic::resume_unwind(panic),
        None => Err(Failure::Unavailable("the database is closed".to_owned())),
    }
}

fn prepared(mut connection: Connection) -> Result<Connection, OpenError> {
    connection.busy_timeout(BUSY_TIMEOUT).map_err(damaged)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    let format: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(damaged)?;
    if format > FORMAT {
        return Err(OpenError::NewerFormat { found: format, known: FORMAT });
    }
    configure(&connection).map_err(damaged)?;
    raise_format(&mut connection, format).map_err(damaged)?;
    Ok(connection)
}

fn damaged(error: rusqlite::Error) -> OpenError {
    OpenError::Database { error: error.to_string() }
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    // Without it, statements that a partial index might serve are compiled anew for every value that is bound.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
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
