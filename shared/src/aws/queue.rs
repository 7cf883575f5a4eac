//! Queues on SQS, as far as they are sent to; receiving is what the event source mappings do.
//!
//! A destination that is not deployed has no queue. What would go there is left unsent: all of it is hints, and
//! whoever is pending is found by the catch-up once the destination is there. A failure instead would refuse the
//! changes of everybody else's activations too.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry as Entry;
use futures::stream::{self, StreamExt, TryStreamExt};

use super::failure::unavailable;
use super::table::{PARALLEL, ROUNDS, pause};
use crate::model::{Deployed, QueueName};
use crate::ports::{Clock, MAX_DELAY, Outgoing, PortError, PortResult, Queue};

const STORE: &str = "queue";

/// Most messages of one call.
const MOST_MESSAGES: usize = 10;
/// Most bytes of one call, and of one message. SQS takes four times as much since 2025; nothing of ours needs it.
const MOST_BYTES: usize = 256 * 1024;

pub(super) struct Queues {
    pub(super) client: Client,
    /// A queue's URL is this and its name.
    pub(super) url_prefix: String,
    pub(super) destinations: Deployed,
    pub(super) clock: Arc<dyn Clock>,
}

fn broken(what: String) -> PortError {
    PortError::Unavailable { store: STORE, what }
}

/// Messages in calls that SQS takes.
fn batches(messages: Vec<Outgoing>) -> PortResult<Vec<Vec<Outgoing>>> {
    let mut batches: Vec<Vec<Outgoing>> = Vec::new();
    let mut bytes = 0;
    for message in messages {
        if message.body.len() > MOST_BYTES {
            return Err(broken(format!(
                "a message of {} bytes is above the {MOST_BYTES} that a queue takes",
                message.body.len()
            )));
        }
        if message.delay > MAX_DELAY {
            let what = format!("a delay of {:#} is above the {MAX_DELAY:#} that a queue takes", message.delay);
            return Err(broken(what));
        }
        bytes += message.body.len();
        match batches.last_mut().filter(|batch| batch.len() < MOST_MESSAGES && bytes <= MOST_BYTES) {
            Some(batch) => batch.push(message),
            None => {
                bytes = message.body.len();
                batches.push(vec![message]);
            }
        }
    }
    Ok(batches)
}

/// The entries of one call, by their ids in it.
fn entries(batch: Vec<Outgoing>) -> PortResult<BTreeMap<String, Entry>> {
    let entries = batch.into_iter().enumerate().map(|(number, Outgoing { body, delay, share })| {
        let id = number.to_string();
        // Never earlier than asked for: a second begun counts.
        let seconds = delay.as_secs() + i64::from(delay.subsec_nanos() > 0);
        let seconds = i32::try_from(seconds.max(0)).unwrap_or(i32::MAX);
        let entry = Entry::builder().id(&id).message_body(body).delay_seconds(seconds);
        // A fair queue: the activation is the tenant.
        let entry = entry.set_message_group_id(share.map(|share| share.to_string())).build();
        Ok((id, entry.map_err(|error| broken(error.to_string()))?))
    });
    entries.collect()
}

impl Queues {
    /// Sends the messages of one call; those that SQS could not take are sent again.
    async fn send_batch(&self, url: &str, batch: Vec<Outgoing>) -> PortResult<()> {
        let mut left = entries(batch)?;
        for round in 0..ROUNDS {
            let entries = Some(left.values().cloned().collect());
            let sent = self.client.send_message_batch().queue_url(url).set_entries(entries).send().await;
            let sent = sent.map_err(|error| unavailable(STORE, &error))?;
            if let Some(refused) = sent.failed.iter().find(|failed| failed.sender_fault) {
                return Err(broken(format!("a message was refused: {}", refused.code)));
            }
            for sent in &sent.successful {
                left.remove(&sent.id);
            }
            if left.is_empty() {
                return Ok(());
            }
            pause(self.clock.as_ref(), round).await;
        }
        Err(broken(format!("{} messages were left unsent {ROUNDS} times", left.len())))
    }
}

#[async_trait]
impl Queue for Queues {
    async fn send(&self, queue: &QueueName, messages: Vec<Outgoing>) -> PortResult<()> {
        if let QueueName::Destination(provider, _) = queue
            && !self.destinations.has(provider)
        {
            tracing::warn!(%queue, messages = messages.len(), "left unsent: the destination is not deployed");
            return Ok(());
        }
        let url = format!("{}{queue}", self.url_prefix);
        let sent = batches(messages)?.into_iter().map(|batch| self.send_batch(&url, batch));
        stream::iter(sent).buffer_unordered(PARALLEL).try_collect().await
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn sizes(bytes: &[usize]) -> Vec<Vec<usize>> {
        let message = |bytes: &usize| Outgoing { body: "x".repeat(*bytes), delay: SignedDuration::ZERO, share: None };
        let batches = batches(bytes.iter().map(message).collect()).unwrap();
        batches.iter().map(|batch| batch.iter().map(|message| message.body.len()).collect()).collect()
    }

    #[test]
    fn a_call_has_ten_messages_and_a_quarter_of_a_megabyte_at_most() {
        assert_eq!(sizes(&[1; 21]).iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 1]);
        let half = MOST_BYTES / 2;
        assert_eq!(sizes(&[half, half, 1, half]), [vec![half, half], vec![1, half]]);
        assert_eq!(sizes(&[MOST_BYTES, 1]), [vec![MOST_BYTES], vec![1]]);
    }

    #[test]
    fn a_delay_is_never_cut_short() {
        let batch = vec![Outgoing { body: "x".to_owned(), delay: SignedDuration::from_millis(1_001), share: None }];
        let entries = entries(batch).unwrap();
        assert_eq!(entries["0"].delay_seconds, Some(2));
    }
}
