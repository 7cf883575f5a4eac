//! What travels through queues: hints, with keys only. Losing, doubling or reordering them is harmless.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::{ActivationId, FlightId, JobId, KeyHash, PersonKey, Provider, ScanId};
use super::trace::TraceId;

/// The format of messages; a reader refuses a greater one.
pub const MESSAGE_FORMAT: u32 = 1;

/// Live changes go before bulk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// Changes as they come.
    Live,
    /// Backfills, replays, catch-ups.
    Bulk,
}

/// A queue: a live and a bulk one per destination, and one for jobs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QueueName {
    /// A destination's.
    Destination(Provider, Lane),
    /// Walks and preparations.
    Jobs,
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Destination(provider, Lane::Live) => write!(f, "{provider}-live"),
            Self::Destination(provider, Lane::Bulk) => write!(f, "{provider}-bulk"),
            Self::Jobs => f.write_str("jobs"),
        }
    }
}

/// A message body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum Message {
    /// Look at these people.
    Nudge(Nudge),
    /// What the vendor was to apply later must have been applied by now: compare.
    Landed {
        /// The flight.
        flight: FlightId,
        /// Its activation.
        activation: ActivationId,
    },
    /// The vendor says that somebody's state on its side changed.
    Signal {
        /// For which activation.
        activation: ActivationId,
        /// The vendor's id of the person, to be looked up there.
        vendor_id: String,
    },
    /// The same, already resolved to a key.
    SignalKey {
        /// For which activation.
        activation: ActivationId,
        /// Whose key.
        key: KeyHash,
    },
    /// Go on with a job.
    Job {
        /// Which.
        job: JobId,
    },
    /// Go on with a scan.
    Scan {
        /// Which.
        scan: ScanId,
    },
    /// Bring the vendor's side in line with the activation's newest layout.
    Prepare {
        /// Which.
        activation: ActivationId,
        /// Failed tries so far.
        #[serde(default)]
        attempts: u32,
    },
    /// Tell an activation's owner what some channel does not know yet.
    Tell {
        /// Which.
        activation: ActivationId,
    },
}

/// "Look at these people for this activation."
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nudge {
    /// Which activation.
    pub activation: ActivationId,
    /// Whom.
    pub people: Vec<PersonKey>,
    /// By which lane.
    pub lane: Lane,
    /// Not before this time (a queue's own delay ends after 15 minutes).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Whether records filtered or rejected for a reason that can change are looked at too.
    #[serde(default)]
    pub reopen: bool,
    /// The live change's acceptance, for the lag; absent for bulk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_at: Option<Timestamp>,
    /// The webhook's trace; absent for bulk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceId>,
}

/// A message with its format number, as it is written to a queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// See [`MESSAGE_FORMAT`].
    pub format: u32,
    /// The message.
    #[serde(flatten)]
    pub message: Message,
}

impl Message {
    /// The activation whose share of a queue it belongs to; a walk's message belongs to none, nor does a scan's.
    pub fn activation(&self) -> Option<&ActivationId> {
        match self {
            Self::Nudge(nudge) => Some(&nudge.activation),
            Self::Landed { activation, .. }
            | Self::Signal { activation, .. }
            | Self::SignalKey { activation, .. }
            | Self::Prepare { activation, .. }
            | Self::Tell { activation } => Some(activation),
            Self::Job { .. } | Self::Scan { .. } => None,
        }
    }

    /// The body to be sent.
    pub fn encode(&self) -> String {
        // Plain data with text keys: there is nothing that serialisation could refuse.
        serde_json::to_string(&Envelope { format: MESSAGE_FORMAT, message: self.clone() }).unwrap_or_default()
    }

    /// Reads a body.
    ///
    /// # Errors
    /// For what is no message, or one of a later format.
    pub fn decode(body: &str) -> Result<Self, String> {
        let envelope: Envelope = serde_json::from_str(body).map_err(|error| error.to_string())?;
        if envelope.format > MESSAGE_FORMAT {
            return Err(format!("message format {} is newer than this program reads", envelope.format));
        }
        Ok(envelope.message)
    }
}

/// Picks up to `most` of what waits, by turns: the next is always of those who have the fewest in hand, so that a
/// long line is no longer wait for its neighbours. Each of `waiting` says how many of its own are in hand already.
pub fn by_turns<T>(waiting: Vec<(usize, Vec<T>)>, most: usize) -> Vec<T> {
    let mut lines: Vec<(usize, std::vec::IntoIter<T>)> =
        waiting.into_iter().map(|(in_hand, line)| (in_hand, line.into_iter())).collect();
    let mut picked = Vec::new();
    while picked.len() < most {
        lines.retain(|(_, line)| !line.as_slice().is_empty());
        let Some((in_hand, line)) = lines.iter_mut().min_by_key(|(in_hand, _)| *in_hand) else { break };
        *in_hand += 1;
        picked.extend(line.next());
    }
    picked
}

#[cfg(test)]
mod tests {
    use super::by_turns;

    #[test]
    fn whoever_has_the_fewest_in_hand_is_next() {
        let waiting = vec![(0, vec!["a1", "a2", "a3", "a4"]), (2, vec!["b1", "b2"]), (0, vec!["c1"])];
        assert_eq!(by_turns(waiting.clone(), 4), ["a1", "c1", "a2", "a3"]);
        assert_eq!(by_turns(waiting, 9), ["a1", "c1", "a2", "a3", "b1", "a4", "b2"]);
    }
}
