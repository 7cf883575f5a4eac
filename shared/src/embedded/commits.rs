//! The thread that owns the connection. All calls that wait for it go into one transaction: the reads first, which
//! hear at once, then the writes, each in a savepoint of its own, which hear once all of it is on the disk. So many
//! callers share one wait for the disk, and whoever comes alone waits for nobody.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::Receiver;

use rusqlite::Connection;

use super::database::Failure;

/// So many calls share a commit at most, so that none waits long for those after it.
const MOST_SHARED: usize = 256;

/// What a call came to; `Err` carries its panic.
pub(super) type Answer<T> = std::thread::Result<Result<T, Failure>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// What somebody waits for.
pub(super) trait Call: Send {
    fn access(&self) -> Access;

    /// Does it; answers whether what it wrote is to be kept.
    fn run(&mut self, connection: &Connection) -> bool;

    /// Takes back what was done: it did not last.
    fn fail(&mut self, why: &str);

    /// Tells who waits.
    fn answer(self: Box<Self>);
}

pub(super) struct Pending<W, T, A> {
    access: Access,
    work: Option<W>,
    outcome: Option<Answer<T>>,
    reply: A,
}

impl<W, T, A> Pending<W, T, A> {
    pub(super) fn new(access: Access, work: W, reply: A) -> Self {
        Self { access, work: Some(work), outcome: None, reply }
    }
}

impl<W, T, A> Call for Pending<W, T, A>
where
    W: FnOnce(&Connection) -> Result<T, Failure> + Send,
    T: Send,
    A: FnOnce(Answer<T>) + Send,
{
    fn access(&self) -> Access {
        self.access
    }

    fn run(&mut self, connection: &Connection) -> bool {
        let Some(work) = self.work.take() else { return false };
        // Whatever the panic left half done in the database is rolled back.
        let outcome = catch_unwind(AssertUnwindSafe(|| work(connection)));
        let is_kept = matches!(outcome, Ok(Ok(_)));
        self.outcome = Some(outcome);
        is_kept
    }

    fn fail(&mut self, why: &str) {
        self.outcome = Some(Ok(Err(Failure::Unavailable(why.to_owned()))));
    }

    fn answer(self: Box<Self>) {
        let never_run = || Ok(Err(Failure::Unavailable("the database is closed".to_owned())));
        (self.reply)(self.outcome.unwrap_or_else(never_run));
    }
}

/// Serves until nobody can call any more.
pub(super) fn serve(connection: &Connection, calls: &Receiver<Box<dyn Call>>) {
    while let Ok(first) = calls.recv() {
        let mut reads = vec![first];
        reads.extend(calls.try_iter().take(MOST_SHARED - 1));
        let writes: Vec<_> = reads.extract_if(.., |call| call.access() == Access::Write).collect();
        if !reads.is_empty() {
            read_together(connection, reads);
        }
        if !writes.is_empty() {
            let room = MOST_SHARED.saturating_sub(writes.len());
            write_together(connection, writes.into_iter().chain(calls.try_iter().take(room)));
        }
    }
}

/// Serves one call by itself.
pub(super) fn serve_alone(connection: &Connection, call: Box<dyn Call>) {
    match call.access() {
        Access::Read => read_together(connection, vec![call]),
        Access::Write => write_together(connection, [call].into_iter()),
    }
}

fn read_together(connection: &Connection, waiting: Vec<Box<dyn Call>>) {
    let begun = execute(connection, "BEGIN");
    for mut call in waiting {
        match &begun {
            Ok(()) => {
                call.run(connection);
            }
            Err(error) => call.fail(&error.to_string()),
        }
        call.answer();
    }
    end(connection);
}

/// Whoever comes meanwhile joins in. A read that does hears with the others: it may see what is not on the disk yet.
fn write_together(connection: &Connection, waiting: impl Iterator<Item = Box<dyn Call>>) {
    let mut state = execute(connection, "BEGIN IMMEDIATE");
    let mut done = Vec::new();
    for mut call in waiting {
        state = state.and_then(|()| step(connection, call.as_mut()));
        done.push(call);
    }
    let lasts = state.and_then(|()| execute(connection, "COMMIT"));
    end(connection);
    for mut call in done {
        if let Err(error) = &lasts {
            call.fail(&error.to_string());
        }
        call.answer();
    }
}

/// Fails where the transaction itself is lost, as on a full disk; a call that failed alone is rolled back alone.
fn step(connection: &Connection, call: &mut dyn Call) -> rusqlite::Result<()> {
    match call.access() {
        Access::Read => {
            call.run(connection);
            Ok(())
        }
        Access::Write => {
            execute(connection, "SAVEPOINT call")?;
            if !call.run(connection) {
                execute(connection, "ROLLBACK TO call")?;
            }
            execute(connection, "RELEASE call")
        }
    }
}

/// No transaction is open afterwards.
fn end(connection: &Connection) {
    if !connection.is_autocommit()
        && let Err(error) = execute(connection, "ROLLBACK")
    {
        tracing::error!(%error, "a transaction could not be ended");
    }
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}
