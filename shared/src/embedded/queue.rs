//! Queues with the semantics of SQS: at least once, hidden while somebody works on them, dead letters.
//! Sending is the port; receiving is what the local runner does where AWS has event source mappings.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, params};
use tokio::sync::Notify;

use super::database::{Database, Failure, at, from_micros, micros, signed, time, unsigned};
use crate::model::message::by_turns;
use crate::model::{ActivationId, QueueName};
use crate::ports::{Clock, MAX_DELAY, Outgoing, PortError, PortResult, Queue};

const STORE: &str = "queue";

/// A message received so often and never deleted becomes a dead letter. The schema's index and the
/// statements of `bury` say the number too: SQLite uses a partial index for the very same text only.
pub const MAX_RECEIVES: u32 = 20;

/// All queues of one machine.
pub struct LocalQueue {
    database: Arc<Database>,
    clock: Arc<dyn Clock>,
    due: Notify,
}

/// One receive of a message: what deletes or releases it, until it is received again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiptHandle {
    id: i64,
    receive_count: u32,
}

/// A message in hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The message's number, the same at every receive.
    pub id: i64,
    /// For [`LocalQueue::delete`] and [`LocalQueue::release`].
    pub receipt: ReceiptHandle,
    /// What was sent.
    pub body: String,
    /// How often it was received, this time included.
    pub receive_count: u32,
}

/// How much a queue holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Messages to be received now.
    pub visible: u64,
    /// Messages delayed or in hand.
    pub hidden: u64,
}

/// A message that was received [`MAX_RECEIVES`] times and never deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The message's number.
    pub id: i64,
    /// The queue it died in.
    pub queue: String,
    /// What was sent.
    pub body: String,
    /// How often it was received.
    pub receive_count: u32,
    /// When it was put aside.
    pub died_at: Timestamp,
}

impl LocalQueue {
    pub(super) fn new(database: Arc<Database>, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock, due: Notify::new() }
    }

    /// Ends when something was sent, released or reclaimed since the last time that this ended, so that
    /// [`LocalQueue::next_due`] may have moved. It may also end for nothing.
    pub async fn changed(&self) {
        self.due.notified().await;
    }

    /// Ends every [`LocalQueue::changed`]: for who moves a clock.
    pub fn wake(&self) {
        // All who wait, and the next one to come where it was just about to wait.
        self.due.notify_waiters();
        self.due.notify_one();
    }

    /// Takes up to `max` visible messages in hand, by turns of the activations whose they are, the longest visible
    /// first, and hides them for `visibility`. Those received too often already are put aside as dead letters.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn receive(
        &self,
        queue: &QueueName,
        max: usize,
        visibility: SignedDuration,
    ) -> PortResult<Vec<Received>> {
        let queue = queue.to_string();
        let now = self.clock.now();
        self.database
            .write(STORE, move |transaction| {
                bury(transaction, &queue, now)?;
                receive(transaction, &queue, max, now, later(now, visibility))
            })
            .await
    }

    /// Deletes messages. A receipt of a message that was received again since has no effect.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn delete(&self, receipts: &[ReceiptHandle]) -> PortResult<()> {
        let receipts = receipts.to_vec();
        self.database
            .write(STORE, move |transaction| {
                let mut statement =
                    transaction.prepare_cached("DELETE FROM messages WHERE id = ?1 AND receive_count = ?2")?;
                for ReceiptHandle { id, receive_count } in &receipts {
                    statement.execute(params![id, receive_count])?;
                }
                Ok(())
            })
            .await
    }

    /// Makes messages visible again after `delay`. A receipt of a message that was received again since
    /// has no effect.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn release(&self, receipts: &[ReceiptHandle], delay: SignedDuration) -> PortResult<()> {
        let receipts = receipts.to_vec();
        let visible_at = micros(later(self.clock.now(), delay));
        self.database
            .write(STORE, move |transaction| {
                let mut statement = transaction.prepare_cached(
                    "UPDATE messages SET visible_at = ?3, in_hand = 0 WHERE id = ?1 AND receive_count = ?2",
                )?;
                for ReceiptHandle { id, receive_count } in &receipts {
                    statement.execute(params![id, receive_count, visible_at])?;
                }
                Ok(())
            })
            .await?;
        self.wake();
        Ok(())
    }

    /// Makes everything visible that a former process had in hand: at start, when that one is dead. What
    /// its sender or a release delays keeps its delay. Answers how many there were.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn reclaim_all(&self) -> PortResult<u64> {
        let now = micros(self.clock.now());
        let reclaimed = self
            .database
            .write(STORE, move |transaction| {
                let reclaimed = transaction.execute(
                    "UPDATE messages SET visible_at = ?1, in_hand = 0 WHERE in_hand = 1 AND visible_at > ?1",
                    [now],
                )?;
                Ok(reclaimed as u64)
            })
            .await?;
        self.wake();
        Ok(reclaimed)
    }

    /// The earliest time at which a message of any queue is visible; past where one is now, `None` where
    /// there are no messages.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn next_due(&self) -> PortResult<Option<Timestamp>> {
        let earliest: Option<i64> = self
            .database
            .read(STORE, move |transaction| {
                let mut statement = transaction.prepare_cached("SELECT min(visible_at) FROM messages")?;
                Ok(statement.query_row([], |row| row.get(0))?)
            })
            .await?;
        Ok(earliest.map(from_micros))
    }

    /// Whether there is neither a message nor a flight, at one moment: whatever is still to happen is one of
    /// the two at any time, so nothing is.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn is_quiet(&self) -> PortResult<bool> {
        self.database
            .read(STORE, move |transaction| {
                let mut statement = transaction.prepare_cached(
                    "SELECT NOT EXISTS (SELECT 1 FROM messages) AND NOT EXISTS (SELECT 1 FROM flights)",
                )?;
                Ok(statement.query_row([], |row| row.get(0))?)
            })
            .await
    }

    /// How much each queue holds; empty ones are not listed.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn depth(&self) -> PortResult<BTreeMap<String, Depth>> {
        let now = micros(self.clock.now());
        self.database
            .read(STORE, move |transaction| {
                let mut statement = transaction.prepare_cached(
                    "SELECT queue, count(*) FILTER (WHERE visible_at <= ?1), count(*) FILTER (WHERE visible_at > ?1)
                     FROM messages GROUP BY queue",
                )?;
                let rows = statement.query_map([now], |row| {
                    Ok((row.get(0)?, Depth { visible: unsigned(row.get(1)?), hidden: unsigned(row.get(2)?) }))
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// Empties all queues; dead letters stay. Answers how many messages there were.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn purge(&self) -> PortResult<u64> {
        self.database.write(STORE, move |transaction| Ok(transaction.execute("DELETE FROM messages", [])? as u64)).await
    }

    /// All dead letters, in the order in which they were sent.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn dead_letters(&self) -> PortResult<Vec<DeadLetter>> {
        let raw: Vec<(DeadLetter, String)> = self
            .database
            .read(STORE, move |transaction| {
                let mut statement = transaction
                    .prepare_cached("SELECT id, queue, body, receive_count, died_at FROM dead_letters ORDER BY id")?;
                let rows = statement.query_map([], |row| {
                    let letter = DeadLetter {
                        id: row.get(0)?,
                        queue: row.get(1)?,
                        body: row.get(2)?,
                        receive_count: row.get(3)?,
                        died_at: Timestamp::UNIX_EPOCH,
                    };
                    Ok((letter, row.get(4)?))
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await?;
        raw.into_iter()
            .map(|(letter, died)| Ok(DeadLetter { died_at: time(&died)?, ..letter }))
            .collect::<Result<_, _>>()
            .map_err(at(STORE))
    }

    /// How many dead letters there are.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn count_dead_letters(&self) -> PortResult<u64> {
        self.database
            .read(STORE, move |transaction| {
                let mut statement = transaction.prepare_cached("SELECT count(*) FROM dead_letters")?;
                Ok(unsigned(statement.query_row([], |row| row.get(0))?))
            })
            .await
    }
}

fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.saturating_add(by.max(SignedDuration::ZERO)).unwrap_or(Timestamp::MAX)
}

fn bury(transaction: &Connection, queue: &str, now: Timestamp) -> Result<(), Failure> {
    let buried = transaction
        .prepare_cached(
            "INSERT INTO dead_letters (id, queue, body, receive_count, died_at)
             SELECT id, queue, body, receive_count, ?3 FROM messages
             WHERE queue = ?1 AND visible_at <= ?2 AND receive_count >= 20",
        )?
        .execute(params![queue, micros(now), now.to_string()])?;
    if buried > 0 {
        transaction
            .prepare_cached("DELETE FROM messages WHERE queue = ?1 AND visible_at <= ?2 AND receive_count >= 20")?
            .execute(params![queue, micros(now)])?;
    }
    Ok(())
}

/// Whose messages a queue has: by leaps over the index, not by reading every message.
fn shares(transaction: &Connection, queue: &str) -> Result<Vec<String>, Failure> {
    let mut statement = transaction.prepare_cached(
        "WITH RECURSIVE shares (share) AS (
             SELECT min(share) FROM messages WHERE queue = ?1
             UNION ALL
             SELECT (SELECT min(share) FROM messages WHERE queue = ?1 AND share > shares.share)
             FROM shares WHERE share IS NOT NULL)
         SELECT share FROM shares WHERE share IS NOT NULL",
    )?;
    let shares = statement.query_map([queue], |row| row.get(0))?;
    Ok(shares.collect::<Result<_, _>>()?)
}

fn receive(
    transaction: &Connection,
    queue: &str,
    max: usize,
    now: Timestamp,
    hidden_until: Timestamp,
) -> Result<Vec<Received>, Failure> {
    let mut waiting = Vec::new();
    for share in shares(transaction, queue)? {
        let in_hand: i64 = transaction
            .prepare_cached(
                "SELECT count(*) FROM messages WHERE in_hand = 1 AND queue = ?1 AND share = ?2 AND visible_at > ?3",
            )?
            .query_row(params![queue, share, micros(now)], |row| row.get(0))?;
        let mut select = transaction.prepare_cached(
            "SELECT id, body, receive_count + 1 FROM messages WHERE queue = ?1 AND share = ?2 AND visible_at <= ?3
             ORDER BY visible_at, id LIMIT ?4",
        )?;
        let line = select.query_map(params![queue, share, micros(now), signed(max as u64)], |row| {
            let (id, receive_count) = (row.get(0)?, row.get(2)?);
            Ok(Received { id, receipt: ReceiptHandle { id, receive_count }, body: row.get(1)?, receive_count })
        })?;
        waiting.push((usize::try_from(in_hand).unwrap_or_default(), line.collect::<Result<Vec<_>, _>>()?));
    }
    let received = by_turns(waiting, max);
    let mut hide = transaction
        .prepare_cached("UPDATE messages SET visible_at = ?2, receive_count = ?3, in_hand = 1 WHERE id = ?1")?;
    for message in &received {
        hide.execute(params![message.id, micros(hidden_until), message.receive_count])?;
    }
    Ok(received)
}

#[async_trait]
impl Queue for LocalQueue {
    async fn send(&self, queue: &QueueName, messages: Vec<Outgoing>) -> PortResult<()> {
        if let Some(message) = messages.iter().find(|message| message.delay > MAX_DELAY) {
            let what = format!("a delay of {:#} is above the {MAX_DELAY:#} that a queue takes", message.delay);
            return Err(PortError::Unavailable { store: STORE, what });
        }
        let queue = queue.to_string();
        let now = self.clock.now();
        self.database
            .write(STORE, move |transaction| {
                let mut statement = transaction
                    .prepare_cached("INSERT INTO messages (queue, body, visible_at, share) VALUES (?1, ?2, ?3, ?4)")?;
                for Outgoing { body, delay, share } in &messages {
                    let share = share.as_ref().map_or("", ActivationId::as_str);
                    statement.execute(params![queue, body, micros(later(now, *delay)), share])?;
                }
                Ok(())
            })
            .await?;
        self.wake();
        Ok(())
    }
}
