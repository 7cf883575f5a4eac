//! Sending a set of items: in the vendor's batch size, as many calls at a time as it takes, a refused batch halved
//! until the bad item stands alone, and every item with a verdict of its own at the end.

use std::collections::VecDeque;

use futures::stream::{FuturesUnordered, StreamExt};

use super::Subject;
use super::decide::halts;
use crate::destination::{Applied, Context, Failure, Item, Mode, Verdict, Verdicts};
use crate::model::Reason;

/// Sends `items`. After a failure that stops the activation, or that puts off, nothing more is tried: the
/// rest is put off.
pub(super) async fn send(subject: &Subject<'_>, context: &Context<'_>, mode: Mode, items: Vec<Item>) -> Verdicts {
    let spec = subject.destination.spec();
    let most = match (mode, subject.bulk()) {
        (Mode::Bulk, Some(bulk)) => bulk.batch,
        (Mode::Bulk, None) | (Mode::Live, _) => subject.destination.batch(&subject.activation.settings),
    };
    let mut queue: VecDeque<Vec<Item>> = items.chunks(most.max(1)).map(<[Item]>::to_vec).collect();
    let mut verdicts = Verdicts::new();
    let mut halt: Option<Failure> = None;
    let mut calls = FuturesUnordered::new();
    loop {
        while halt.is_none()
            && calls.len() < spec.calls.max(1)
            && let Some(batch) = queue.pop_front()
        {
            // Boxed: the futures of destinations are large.
            calls.push(Box::pin(async move { (subject.destination.deliver(context, mode, &batch).await, batch) }));
        }
        let Some((answer, batch)) = calls.next().await else { break };
        match answer {
            Ok(answered) => {
                halt = halt.or_else(|| answered.values().find_map(halts));
                merge(&mut verdicts, &batch, answered);
            }
            Err(Failure::Rejected { .. }) if batch.len() > 1 => {
                let (first, second) = batch.split_at(batch.len() / 2);
                queue.push_front(second.to_vec());
                queue.push_front(first.to_vec());
            }
            Err(failure) => {
                fail_all(&mut verdicts, &batch, &failure);
                halt = halt.or_else(|| halts(&Verdict::Failed(failure)));
            }
        }
    }
    if let Some(failure) = halt {
        queue.iter().for_each(|batch| fail_all(&mut verdicts, batch, &failure));
    }
    verdicts
}

fn fail_all(verdicts: &mut Verdicts, batch: &[Item], failure: &Failure) {
    verdicts.extend(batch.iter().map(|item| (item.id.clone(), Verdict::Failed(failure.clone()))));
}

/// An item of which the destination said nothing is open: it may have been sent.
fn merge(verdicts: &mut Verdicts, batch: &[Item], mut answered: Verdicts) {
    for item in batch {
        let verdict = answered.remove(&item.id).unwrap_or_else(|| {
            let reason = Reason::new("the destination gave no verdict");
            Verdict::Failed(Failure::Retryable { reason, applied: Applied::Open })
        });
        verdicts.insert(item.id.clone(), verdict);
    }
    if !answered.is_empty() {
        tracing::warn!(verdicts = answered.len(), "the destination spoke of records that were not sent");
    }
}
