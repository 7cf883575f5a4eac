//! What would be sent of a person now. The row goes through the decisions that it goes through when it is delivered, and
//! the destination through its own mapping, over sessions that hold back whatever writes. Nothing is noted anywhere.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::decide::{self, Work};
use super::settle::{self, Conclusion};
use super::{Subject, send};
use crate::destination::{Destination, Failure, Item, Links, Mode, Verdict, Verdicts};
use crate::http::{HeldRequest, Session};
use crate::model::{Activation, Outcome, Reason, RecordId};
use crate::ports::{Row, Secret};

/// An activation to be looked at, as it is or as it might be.
pub struct Rehearsal<'a> {
    /// It need not have been activated.
    pub activation: &'a Activation,
    /// Where it leads.
    pub destination: &'a dyn Destination,
    /// What is linked.
    pub links: Links,
    /// The account's.
    pub credentials: Secret,
    /// By which is asked what the destination must know to decide; nothing is written by it.
    pub session: Session,
    /// What `prepare` left, or would leave.
    pub notes: serde_json::Value,
    /// Now.
    pub now: Timestamp,
}

/// What would become of a person.
#[derive(Debug, Default)]
pub struct Rehearsed {
    /// What would become of each record.
    pub records: BTreeMap<RecordId, Foreseen>,
    /// What would be sent, in its order.
    pub requests: Vec<Request>,
}

/// What would be sent.
#[derive(Debug)]
pub struct Request {
    /// Of which records it speaks.
    pub records: BTreeSet<RecordId>,
    /// As it would be sent.
    pub held: HeldRequest,
}

/// What would become of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Foreseen {
    /// It would be sent; with what the receipt would say, had the vendor taken it.
    Sent {
        /// Empty where there is nothing worth telling.
        said: String,
    },
    /// There is nothing to send.
    Nothing {
        /// Empty where there is nothing worth telling.
        said: String,
    },
    /// It must not be sent.
    Filtered {
        /// Why.
        reason: Reason,
    },
    /// It cannot be sent as it is.
    Rejected {
        /// Why.
        reason: Reason,
    },
    /// It cannot be said: the vendor did not tell what had to be known, or there was no time.
    Unknown {
        /// Why.
        reason: Reason,
    },
}

impl Rehearsal<'_> {
    /// What would become of a person, every record of theirs, due or not.
    pub async fn of(&self, row: &Row) -> Rehearsed {
        let work = decide::rehearse(row, self.activation, self.destination.spec().shape);
        let mut requests = Vec::new();
        let mut verdicts = self.call(decide::leaving(&work, self.activation), &mut requests).await;
        let entering = decide::entering(&work, &verdicts, self.activation);
        verdicts.extend(self.call(entering, &mut requests).await);
        let spoken_of: BTreeSet<&RecordId> = requests.iter().flat_map(|request| &request.records).collect();
        let foresee = |one: &Work<'_>| {
            let conclusion = settle::conclude(&one.plan, &one.departing, one.held, &verdicts, None, self.now);
            (one.plan.record.clone(), foreseen(conclusion, spoken_of.contains(&one.plan.record)))
        };
        let records = work.iter().map(foresee).collect();
        Rehearsed { records, requests }
    }

    /// In calls of as many items as a delivery makes, each over a session of its own, so that it is known of whom a
    /// request speaks.
    async fn call(&self, items: Vec<Item>, requests: &mut Vec<Request>) -> Verdicts {
        let most = self.destination.batch(&self.activation.settings).max(1);
        let mut verdicts = Verdicts::new();
        for batch in items.chunks(most) {
            let subject = Subject {
                activation: self.activation,
                links: self.links.clone(),
                destination: self.destination,
                credentials: self.credentials.clone(),
                session: self.session.holding_back(),
            };
            let context = subject.context(&self.notes, self.now);
            let mut answered = send::send(&subject, &context, Mode::Live, batch.to_vec()).await;
            let held = subject.session.held_back();
            if !held.is_empty() {
                answered.values_mut().for_each(believe);
                let spoken_of = answered.iter().filter(|(_, verdict)| is_sent(verdict));
                let records: BTreeSet<RecordId> = spoken_of.map(|(id, _)| id.record.clone()).collect();
                requests.extend(held.into_iter().map(|held| Request { records: records.clone(), held }));
            }
            verdicts.extend(answered);
        }
        verdicts
    }
}

/// The answer to what was held back is nobody's: what a destination misses in it says nothing.
fn believe(verdict: &mut Verdict) {
    match verdict {
        Verdict::Failed(Failure::Retryable { .. } | Failure::RateLimited { .. }) => {
            *verdict = Verdict::Delivered { said: String::new(), memo: None };
        }
        Verdict::Failed(
            Failure::PutOff { .. }
            | Failure::Rejected { .. }
            | Failure::Unauthorized { .. }
            | Failure::Misconfigured { .. },
        )
        | Verdict::Delivered { .. }
        | Verdict::Landing { .. }
        | Verdict::Filtered { .. } => {}
    }
}

fn is_sent(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Delivered { .. } | Verdict::Landing { .. } => true,
        Verdict::Filtered { .. } | Verdict::Failed(_) => false,
    }
}

fn foreseen(conclusion: Conclusion, is_spoken_of: bool) -> Foreseen {
    match conclusion {
        Conclusion::Ended(ended) => match ended.outcome {
            Outcome::Delivered if is_spoken_of => Foreseen::Sent { said: ended.said },
            Outcome::Delivered => Foreseen::Nothing { said: ended.said },
            Outcome::Filtered { reason, open: _ } => Foreseen::Filtered { reason },
            Outcome::Rejected { reason, open: _ } => Foreseen::Rejected { reason },
            Outcome::Waiting { reason, .. } | Outcome::Parked { reason, .. } => Foreseen::Unknown { reason },
        },
        Conclusion::Failed { reason, .. } => Foreseen::Unknown { reason },
        Conclusion::PutOff { until: _ } => {
            Foreseen::Unknown { reason: Reason::new("the account's requests, or the time, are used up for now") }
        }
        Conclusion::Stop(failure) => Foreseen::Rejected { reason: Reason::new(failure.to_string()) },
    }
}
