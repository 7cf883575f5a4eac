//! What a vendor does about a request that it understood, and what a fault makes of it.

use crate::faults::{Effect, LateAnswer, Moment, Target};
use crate::reply::Reply;
use crate::serve::Outcome;
use crate::twin::Vendor;

/// A request that a vendor understood. It owns what it needs: it may be applied long after it was answered.
pub(crate) trait Deed<V>: Send + 'static {
    /// Does it.
    fn apply(&self, vendor: &mut V) -> Reply;

    /// Does it late, over whatever came since.
    fn land(&self, vendor: &mut V) {
        self.apply(vendor);
    }

    /// The answer as if it had been done.
    fn taken(&self, _vendor: &mut V) -> Reply {
        Reply::empty(202)
    }

    /// Some of it is refused with this sentence.
    fn refuse(&self, vendor: &mut V, sentence: String) -> Reply;
}

/// For vendors to which a request is one thing: refused whole, and answered by what was done.
impl<V: Vendor, F: Fn(&mut V) -> Reply + Send + 'static> Deed<V> for F {
    fn apply(&self, vendor: &mut V) -> Reply {
        self(vendor)
    }

    fn refuse(&self, vendor: &mut V, sentence: String) -> Reply {
        vendor.error(422, &sentence)
    }
}

/// Lets a fault strike the request, or does what it asks for.
pub(crate) fn strike_or_apply<V: Vendor>(
    vendor: &mut V,
    request: &Target<'_, V::Route>,
    deed: impl Deed<V>,
) -> Outcome {
    let desk = vendor.desk_mut();
    let Some(kind) = desk.faults.strike(request) else {
        return Outcome::Send(deed.apply(vendor));
    };
    desk.counters.faults += 1;
    match kind.effect(vendor) {
        Effect::Instead(reply) => Outcome::Send(reply),
        Effect::SlowDown(retry_after) => {
            let reply = vendor.refusal(429, "Too Many Requests");
            Outcome::Send(vendor.desk_mut().slow_down(&retry_after, reply))
        }
        Effect::Altered(alter) => Outcome::Send(alter(deed.apply(vendor))),
        Effect::EmptyBody(status) => {
            deed.apply(vendor);
            Outcome::Send(Reply::empty(status))
        }
        Effect::Reset(Moment::Before) => Outcome::Reset,
        Effect::Hold(Moment::Before) => Outcome::Hold,
        Effect::Reset(Moment::After) => {
            deed.apply(vendor);
            Outcome::Reset
        }
        Effect::Hold(Moment::After) => {
            deed.apply(vendor);
            Outcome::Hold
        }
        Effect::Late(answer) => postpone(vendor, answer, deed),
        Effect::Refused(sentence) => Outcome::Send(deed.refuse(vendor, sentence)),
    }
}

fn postpone<V: Vendor>(vendor: &mut V, answer: LateAnswer, deed: impl Deed<V>) -> Outcome {
    let outcome = match answer {
        LateAnswer::Taken => Outcome::Send(deed.taken(vendor)),
        LateAnswer::Reset => Outcome::Reset,
        LateAnswer::Timeout => Outcome::Hold,
        LateAnswer::Status(status) => Outcome::Send(Reply::html(status, "Too much to do")),
    };
    vendor.desk_mut().late.push_back(Box::new(deed));
    outcome
}

/// Does what is late, oldest first, whatever came since. Answers how many requests that were.
pub(crate) fn apply_late<V: Vendor>(vendor: &mut V) -> usize {
    let late = std::mem::take(&mut vendor.desk_mut().late);
    for deed in &late {
        deed.land(vendor);
    }
    late.len()
}
