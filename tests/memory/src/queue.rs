//! Queues: at least once, hidden while somebody works on them. There are no dead letters: whoever receives
//! here sees how often a message came.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use muster::model::message::by_turns;
use muster::model::{ActivationId, QueueName};
use muster::ports::{Clock, MAX_DELAY, Outgoing, PortError, PortResult, Queue};
use parking_lot::Mutex;

/// All queues.
pub struct MemoryQueue {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sent: u64,
    messages: BTreeMap<u64, Message>,
    /// By queue and whose they are, when they are to be seen, the longest visible first.
    visible_at: BTreeMap<Line, BTreeSet<(Timestamp, u64)>>,
    in_hand: BTreeMap<Line, BTreeSet<(Timestamp, u64)>>,
}

/// One activation's messages in a queue.
type Line = (QueueName, Option<ActivationId>);

struct Message {
    line: Line,
    body: String,
    visible_at: Timestamp,
    receive_count: u32,
}

/// One receive of a message: what deletes or releases it, until it is received again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReceiptHandle {
    id: u64,
    receive_count: u32,
}

/// A message in hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The message's number, the same at every receive.
    pub id: u64,
    /// For [`MemoryQueue::delete`] and [`MemoryQueue::release`].
    pub receipt: ReceiptHandle,
    /// What was sent.
    pub body: String,
    /// How often it was received, this time included.
    pub receive_count: u32,
}

impl MemoryQueue {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// Takes up to `max` visible messages in hand, by turns of the activations whose they are, the longest
    /// visible first, and hides them for `visibility`.
    pub fn receive(&self, queue: &QueueName, max: usize, visibility: SignedDuration) -> Vec<Received> {
        let now = self.clock.now();
        let mut state = self.state.lock();
        let due = |messages: &BTreeSet<(Timestamp, u64)>| {
            messages.iter().take_while(|(at, _)| *at <= now).take(max).map(|(_, id)| *id).collect::<Vec<u64>>()
        };
        let in_hand =
            |line: &Line| state.in_hand.get(line).map_or(0, |messages| messages.range((now, u64::MAX)..).count());
        let lines = state.visible_at.iter().filter(|((of, _), _)| of == queue);
        let waiting = lines.map(|(line, messages)| (in_hand(line), due(messages))).collect();
        by_turns(waiting, max).into_iter().filter_map(|id| state.take(id, later(now, visibility))).collect()
    }

    /// Deletes messages. A receipt of a message that was received again since has no effect.
    pub fn delete(&self, receipts: &[ReceiptHandle]) {
        let mut state = self.state.lock();
        for receipt in receipts {
            state.remove_if(*receipt);
        }
    }

    /// Makes messages visible again after `delay`. A receipt of a message that was received again since has no
    /// effect.
    pub fn release(&self, receipts: &[ReceiptHandle], delay: SignedDuration) {
        let at = later(self.clock.now(), delay);
        let mut state = self.state.lock();
        for receipt in receipts.iter().filter(|receipt| state.is_current(**receipt)).collect::<Vec<_>>() {
            state.show_at(receipt.id, at);
        }
    }

    /// Deletes every message; answers how many there were.
    pub fn purge(&self) -> usize {
        let mut state = self.state.lock();
        state.visible_at.clear();
        state.in_hand.clear();
        std::mem::take(&mut state.messages).len()
    }

    /// The earliest time at which a message of any queue is visible; `None` where there are no messages.
    pub fn next_due(&self) -> Option<Timestamp> {
        let state = self.state.lock();
        state.visible_at.values().filter_map(BTreeSet::first).map(|(at, _)| *at).min()
    }

    /// The earliest time at which a message of this queue is visible.
    pub fn next_due_in(&self, queue: &QueueName) -> Option<Timestamp> {
        let state = self.state.lock();
        let lines = state.visible_at.iter().filter(|((of, _), _)| of == queue);
        lines.filter_map(|(_, messages)| messages.first()).map(|(at, _)| *at).min()
    }

    /// How many messages there are, hidden ones too.
    pub fn depth(&self) -> usize {
        self.state.lock().messages.len()
    }
}

impl State {
    fn take(&mut self, id: u64, hidden_until: Timestamp) -> Option<Received> {
        self.show_at(id, hidden_until);
        let message = self.messages.get_mut(&id)?;
        self.in_hand.entry(message.line.clone()).or_default().insert((hidden_until, id));
        message.receive_count += 1;
        let receive_count = message.receive_count;
        Some(Received { id, receipt: ReceiptHandle { id, receive_count }, body: message.body.clone(), receive_count })
    }

    fn show_at(&mut self, id: u64, at: Timestamp) {
        let Some(message) = self.messages.get_mut(&id) else { return };
        if let Some(visible_at) = self.visible_at.get_mut(&message.line) {
            visible_at.remove(&(message.visible_at, id));
            visible_at.insert((at, id));
        }
        if let Some(in_hand) = self.in_hand.get_mut(&message.line) {
            in_hand.remove(&(message.visible_at, id));
        }
        message.visible_at = at;
    }

    fn is_current(&self, ReceiptHandle { id, receive_count }: ReceiptHandle) -> bool {
        self.messages.get(&id).is_some_and(|message| message.receive_count == receive_count)
    }

    fn remove_if(&mut self, receipt: ReceiptHandle) {
        if !self.is_current(receipt) {
            return;
        }
        let Some(message) = self.messages.remove(&receipt.id) else { return };
        let at = (message.visible_at, receipt.id);
        for lines in [&mut self.visible_at, &mut self.in_hand] {
            if let Some(line) = lines.get_mut(&message.line) {
                line.remove(&at);
            }
        }
    }
}

fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.saturating_add(by.max(SignedDuration::ZERO)).unwrap_or(Timestamp::MAX)
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn send(&self, queue: &QueueName, messages: Vec<Outgoing>) -> PortResult<()> {
        if let Some(message) = messages.iter().find(|message| message.delay > MAX_DELAY) {
            let what = format!("a delay of {:#} is above the {MAX_DELAY:#} that a queue takes", message.delay);
            return Err(PortError::Unavailable { store: "queue", what });
        }
        let now = self.clock.now();
        let mut state = self.state.lock();
        for Outgoing { body, delay, share } in messages {
            state.sent += 1;
            let (id, visible_at) = (state.sent, later(now, delay));
            let line = (queue.clone(), share);
            state.visible_at.entry(line.clone()).or_default().insert((visible_at, id));
            state.messages.insert(id, Message { line, body, visible_at, receive_count: 0 });
        }
        Ok(())
    }
}
