//! Many small objects in few requests: cut by number and size, and for events the rule of what becomes of which when a
//! request fails.

use async_trait::async_trait;
use serde_json::{Map, Value as Json};

use super::{Applied, Failure, Performance, Performances, Task};

/// An object of a request, as JSON.
pub(crate) type Object = Map<String, Json>;

/// What a request may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Most {
    /// Objects.
    pub(crate) objects: usize,
    /// Bytes of them all.
    pub(crate) bytes: usize,
}

/// Bytes of an object as it is sent.
pub(crate) fn weight(object: &Object) -> usize {
    serde_json::to_vec(object).map_or(0, |bytes| bytes.len())
}

/// Cuts into requests, in the order given. An object that is too large for any has one of its own.
pub(crate) fn parcels<T>(made: Vec<(T, Object)>, most: Most) -> Vec<Vec<(T, Object)>> {
    let mut parcels: Vec<Vec<(T, Object)>> = Vec::new();
    let mut bytes = 0;
    for one in made {
        // With the comma behind it.
        let more = weight(&one.1) + 1;
        match parcels.last_mut() {
            Some(parcel) if parcel.len() < most.objects && bytes + more <= most.bytes => {
                bytes += more;
                parcel.push(one);
            }
            _ => {
                bytes = more;
                parcels.push(vec![one]);
            }
        }
    }
    parcels
}

/// Tells a platform of events, several in a request.
#[async_trait]
pub(crate) trait Teller: Send + Sync {
    /// What the platform answers to a request that it took.
    type Taken: Send + Sync;

    /// Sends one request. `Rejected` means that nothing of it was taken.
    async fn tell(&self, events: &[&Object]) -> Result<Self::Taken, Failure>;

    /// What became of the event at this place among so many.
    fn judge(&self, taken: &Self::Taken, place: usize, of: usize, task: &Task) -> Performance;
}

/// Tells of events in the order given. A request that is refused as a whole is halved until the refused event stands
/// alone; behind one that fails otherwise nothing is sent.
pub(crate) async fn perform(teller: &impl Teller, made: Vec<(&Task, Object)>, most: Most) -> Performances {
    let mut performances = Performances::new();
    let mut waiting = parcels(made, most);
    waiting.reverse();
    let mut broken: Option<Failure> = None;
    while let Some(mut parcel) = waiting.pop() {
        let taken = match &broken {
            Some(failure) => Err(failure.clone().with_applied(Applied::No)),
            None => teller.tell(&parcel.iter().map(|(_, object)| object).collect::<Vec<_>>()).await,
        };
        match taken {
            Ok(taken) => {
                let of = parcel.len();
                let judged = parcel.iter().enumerate();
                let judged = judged.map(|(place, (task, _))| (task.id.clone(), teller.judge(&taken, place, of, task)));
                performances.extend(judged);
            }
            Err(Failure::Rejected { .. }) if parcel.len() > 1 => {
                let second = parcel.split_off(parcel.len() / 2);
                waiting.extend([second, parcel]);
            }
            Err(failure) => {
                let failed = parcel.iter().map(|(task, _)| (task.id.clone(), Performance::Failed(failure.clone())));
                performances.extend(failed);
                if !matches!(failure, Failure::Rejected { .. }) {
                    broken = Some(failure);
                }
            }
        }
    }
    performances
}
