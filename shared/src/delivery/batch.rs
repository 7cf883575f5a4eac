//! What is done with a batch of messages: nudges that can go as one run do.

use std::collections::BTreeMap;

use futures::future::join_all;
use jiff::Timestamp;

use super::Engine;
use crate::model::{ActivationId, Lane, Message, Nudge, PersonKey};
use crate::ports::PortResult;

impl Engine {
    /// Acts on every message; answers which must come back, by what came with them.
    pub async fn handle<T: Send>(&self, batch: Vec<(T, Message)>, deadline: Timestamp) -> Vec<T> {
        let mut failed = Vec::new();
        let mut nudges = Vec::new();
        for (id, message) in batch {
            match message {
                Message::Nudge(nudge) => nudges.push((id, nudge)),
                message @ (Message::Landed { .. }
                | Message::Signal { .. }
                | Message::SignalKey { .. }
                | Message::Job { .. }
                | Message::Scan { .. }
                | Message::Prepare { .. }
                | Message::Tell { .. }) => keep_failure(&mut failed, vec![id], self.act(message, deadline).await),
            }
        }
        let mut by_activation: BTreeMap<ActivationId, Vec<(Vec<T>, Nudge)>> = BTreeMap::new();
        for (ids, nudge) in together(nudges, self.now()) {
            by_activation.entry(nudge.activation.clone()).or_default().push((ids, nudge));
        }
        // At the same time: an activation whose platform hangs keeps no other one waiting.
        let runs = by_activation.into_values().map(|nudges| self.deliver_all(nudges, deadline));
        failed.extend(join_all(runs).await.into_iter().flatten());
        failed
    }

    async fn deliver_all<T: Send>(&self, nudges: Vec<(Vec<T>, Nudge)>, deadline: Timestamp) -> Vec<T> {
        let mut failed = Vec::new();
        for (ids, nudge) in nudges {
            keep_failure(&mut failed, ids, self.deliver(nudge, deadline).await);
        }
        failed
    }

    async fn act(&self, message: Message, deadline: Timestamp) -> PortResult<()> {
        match message {
            Message::Nudge(nudge) => self.deliver(nudge, deadline).await,
            Message::Landed { flight, activation: _ } => self.compare_landed(&flight, deadline).await,
            Message::Signal { activation, vendor_id } => self.signal(&activation, &vendor_id, deadline).await,
            Message::SignalKey { activation, key } => self.signal_key(&activation, key).await,
            Message::Job { job } => self.walk(&job, deadline).await,
            // Whoever takes from the jobs queue has scans handled first; they ask sources, of which this knows nothing.
            Message::Scan { scan } => {
                tracing::error!(%scan, "a scan was brought to a function that delivers; the sweep tells it to go on");
                Ok(())
            }
            Message::Prepare { activation, attempts } => self.prepare(&activation, attempts, deadline).await,
            Message::Tell { activation } => self.tell(&activation, deadline).await,
        }
    }
}

/// Which nudges of a batch go as one run.
type Group = (ActivationId, Lane, bool, Option<Alone>);
/// A nudge with a time is joined in bulk with its own doubles only: together with others it might become an import,
/// which it must not. One that is not due is put back as it is.
type Alone = (Option<Timestamp>, Vec<PersonKey>);

/// Joins nudges. Runs that wait for the same tokens are put off to the same moment; apart they would meet there over
/// the same people, and each that loses nudges anew.
fn together<T>(nudges: Vec<(T, Nudge)>, now: Timestamp) -> Vec<(Vec<T>, Nudge)> {
    let mut groups: BTreeMap<Group, (Vec<T>, Nudge)> = BTreeMap::new();
    for (id, mut nudge) in nudges {
        let is_due = nudge.not_before.is_none_or(|time| time <= now);
        let joins = is_due && (nudge.lane == Lane::Live || nudge.not_before.is_none());
        let alone = (!joins).then(|| (nudge.not_before.filter(|_| !is_due), nudge.people.clone()));
        if is_due {
            nudge.not_before = None;
        }
        let group = (nudge.activation.clone(), nudge.lane, nudge.reopen, alone);
        match groups.get_mut(&group) {
            Some((ids, all)) => {
                ids.push(id);
                join(all, nudge);
            }
            None => {
                groups.insert(group, (vec![id], nudge));
            }
        }
    }
    groups.into_values().collect()
}

fn join(all: &mut Nudge, nudge: Nudge) {
    all.people.extend(nudge.people);
    all.people.sort_unstable();
    all.people.dedup();
    all.accepted_at = [all.accepted_at, nudge.accepted_at].into_iter().flatten().min();
    if let Some(joined) = nudge.trace.filter(|trace| all.trace.is_some_and(|of_all| of_all != *trace)) {
        tracing::debug!(trace_id = %joined, with = all.trace.map(|trace| trace.to_string()), "traces joined");
    }
    all.trace = all.trace.or(nudge.trace);
}

fn keep_failure<T>(failed: &mut Vec<T>, ids: Vec<T>, result: PortResult<()>) {
    if let Err(error) = result {
        tracing::error!(%error, messages = ids.len(), "a run failed on our own side; its messages come back");
        failed.extend(ids);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nudge(lane: Lane, person: u8, not_before: Option<i64>) -> Nudge {
        Nudge {
            activation: "act".parse().unwrap(),
            people: vec![PersonKey([person; 16])],
            lane,
            not_before: not_before.map(|second| Timestamp::from_second(second).unwrap()),
            reopen: false,
            accepted_at: None,
            trace: None,
        }
    }

    fn joined(nudges: &[Nudge]) -> Vec<usize> {
        let now = Timestamp::from_second(100).unwrap();
        let numbered = nudges.iter().cloned().enumerate().collect();
        let mut sizes: Vec<usize> = together(numbered, now).into_iter().map(|(ids, _)| ids.len()).collect();
        sizes.sort_unstable();
        sizes
    }

    #[test]
    fn live_nudges_that_are_due_go_as_one_run_with_a_time_or_without() {
        let due = [nudge(Lane::Live, 1, None), nudge(Lane::Live, 2, Some(50)), nudge(Lane::Live, 1, Some(100))];
        assert_eq!(joined(&due), [3]);
        assert_eq!(joined(&[nudge(Lane::Live, 1, None), nudge(Lane::Live, 2, Some(101))]), [1, 1]);
    }

    #[test]
    fn in_bulk_a_nudge_with_a_time_is_joined_with_its_doubles_alone() {
        let others = [nudge(Lane::Bulk, 1, Some(50)), nudge(Lane::Bulk, 2, Some(50)), nudge(Lane::Bulk, 3, None)];
        assert_eq!(joined(&others), [1, 1, 1]);
        assert_eq!(joined(&[nudge(Lane::Bulk, 1, Some(50)), nudge(Lane::Bulk, 1, Some(60))]), [2]);
        assert_eq!(joined(&[nudge(Lane::Bulk, 1, None), nudge(Lane::Bulk, 2, None)]), [2]);
    }
}
