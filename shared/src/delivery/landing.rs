//! What a vendor was to apply later: it is asked now and then whether it has, and at the latest when it must have.
//! Then whoever's row moved meanwhile may have been overwritten, and of the others it is asked whether the vendor shows
//! what was sent. A sample would not do: a file that was lost looks well wherever most of its people had been right
//! before.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::plan::{Arrival, plan};
use super::{Engine, Errand, Subject, decide, plain_nudge};
use crate::destination::{Action, Confirmed, Failure, Item, ItemId, Landed, Taken, Time};
use crate::model::pending::{Due, RecordShape, due, records};
use crate::model::{Activation, Asking, Flight, FlightId, FlightKind, Nudge, PersonKey, Version};
use crate::ports::{Doubted, PortResult, Row};

/// A flight that is to be asked for.
struct Landing<'f> {
    flight: &'f Flight,
    sent: &'f BTreeMap<PersonKey, Version>,
    until: Timestamp,
    asking: Option<&'f Asking>,
}

/// What became of the people of a flight.
#[derive(Default)]
struct Judged {
    /// Their rows moved, and may have been overwritten.
    moved: Vec<Row>,
    /// They do not show what was sent.
    missing: Vec<Row>,
    /// Nobody could look at them yet.
    unseen: BTreeSet<PersonKey>,
}

impl Landing<'_> {
    fn time(&self, now: Timestamp) -> Time {
        if self.until <= now { Time::Over } else { Time::Left }
    }

    /// Whether there is nothing to be asked yet; another worker may have asked meanwhile.
    fn is_early(&self, now: Timestamp) -> bool {
        self.time(now) == Time::Left && self.asking.is_none_or(|asking| asking.at > now)
    }
}

impl Engine {
    /// Asks for a flight that lands. A vendor that cannot be asked now is asked at the next sweep.
    pub async fn compare_landed(&self, id: &FlightId, deadline: Timestamp) -> PortResult<()> {
        let Some(flight) = self.ports.ledger.flight(id).await? else {
            return Ok(());
        };
        let FlightKind::Landing { sent, until, asking } = &flight.kind else {
            return Ok(());
        };
        let landing = Landing { flight: &flight, sent, until: *until, asking: asking.as_ref() };
        let snapshot = self.catalog.snapshot().await?;
        let Some(activation) = snapshot.activations.get(&flight.activation) else {
            return self.ports.ledger.clear_flight(id).await;
        };
        // Nobody waits for the news of an activation that stands still.
        let waits = landing.time(self.now()) == Time::Left && !activation.status.delivers();
        if landing.is_early(self.now()) || waits {
            return Ok(());
        }
        let links = snapshot.links.get(&activation.id).cloned().unwrap_or_default();
        let subject = self.subject(&snapshot, activation, links, Errand::bulk(deadline)).await?;
        let result = self.judge(&subject, &landing).await;
        subject.session.end().await;
        match result? {
            Ok(Some(judged)) => self.doubt_landed(&subject, &landing, judged).await,
            Ok(None) => self.ask_later(&landing, sent.clone()).await,
            Err(failure @ (Failure::Unauthorized { .. } | Failure::Misconfigured { .. })) => {
                self.stop(activation, &failure).await
            }
            Err(failure) => {
                tracing::warn!(activation = %activation.id, %failure, "what was imported could not be compared yet");
                Ok(())
            }
        }
    }

    /// `None`: it may still be applied.
    async fn judge(&self, subject: &Subject<'_>, landing: &Landing<'_>) -> PortResult<Result<Option<Judged>, Failure>> {
        let keys: Vec<PersonKey> = landing.sent.keys().copied().collect();
        let rows = self.ports.people.read(&keys, Some(&subject.activation.id)).await?;
        let shape = subject.destination.spec().shape;
        let (still, moved): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|row| {
            let version = landing.sent.get(&row.person.key);
            let of_version = |row: &Row| {
                row.standing
                    .records
                    .values()
                    .all(|record| record.receipt.as_ref().is_none_or(|receipt| Some(&receipt.version) == version))
            };
            let settled = records(&row.person, &row.standing, subject.activation, shape)
                .iter()
                .all(|record| due(&row.person, &row.standing, subject.activation, record) == Due::Settled);
            Some(&row.person.version) == version && of_version(row) && settled
        });
        let items: Vec<Item> = still.iter().flat_map(|row| items(row, subject.activation, shape)).collect();
        let time = landing.time(self.now());
        if items.is_empty() && time == Time::Over {
            return Ok(Ok(Some(Judged { moved, ..Judged::default() })));
        }
        let handles = landing.asking.map_or(&[][..], |asking| &asking.handles);
        let context = subject.context(subject.notes(), self.now());
        Ok(match subject.destination.confirm(&context, &Taken { handles, time }, &items).await {
            Ok(Confirmed::NotYet) if time == Time::Left => Ok(None),
            Ok(Confirmed::NotYet) => Ok(Some(Judged { moved, missing: still, ..Judged::default() })),
            Ok(Confirmed::Looked { landed, halted: None }) => {
                Ok(Some(Judged { moved, missing: missing(still, &landed), unseen: BTreeSet::new() }))
            }
            Ok(Confirmed::Looked { landed, halted: Some(failure) }) => match failure {
                Failure::Unauthorized { .. } | Failure::Misconfigured { .. } => Err(failure),
                Failure::Retryable { .. }
                | Failure::RateLimited { .. }
                | Failure::PutOff { .. }
                | Failure::Rejected { .. } => Ok(Some(seen_so_far(moved, still, &items, &landed))),
            },
            Err(failure) => Err(failure),
        })
    }

    /// Doubt, then nudge, then the flight: a crash between any two leaves it to the next sweep. Whoever is missing,
    /// or leaves a former key, is sent by single calls. What one import did not bring another one may not bring
    /// either, and so on without an end; and an import would leave a flight that keeps a former key from being given
    /// back.
    async fn doubt_landed(&self, subject: &Subject<'_>, landing: &Landing<'_>, judged: Judged) -> PortResult<()> {
        let activation = subject.activation;
        let shape = subject.destination.spec().shape;
        let Judged { moved, missing, unseen } = judged;
        let doubted: Vec<Doubted> = moved.iter().chain(&missing).map(|row| Doubted::Person(row.person.key)).collect();
        self.ports.people.raise_doubt(&activation.id, &doubted).await?;
        let (mut singly, others): (Vec<Row>, Vec<Row>) =
            moved.into_iter().partition(|row| leaves(row, activation, shape));
        singly.extend(missing);
        let keys = |rows: Vec<Row>| rows.into_iter().map(|row| row.person.key).collect();
        let lane = landing.flight.lane;
        let apart = Nudge { not_before: Some(self.now()), ..plain_nudge(activation, keys(singly), lane) };
        self.send_nudge(&activation.destination, apart, subject.most_by_single_calls()).await?;
        let nudge = plain_nudge(activation, keys(others), lane);
        self.send_nudge(&activation.destination, nudge, super::walk::BULK_NUDGE).await?;
        if unseen.is_empty() {
            return self.ports.ledger.clear_flight(&landing.flight.id).await;
        }
        let sent = landing.sent.iter().filter(|(person, _)| unseen.contains(person));
        self.ask_later(landing, sent.map(|(person, version)| (*person, *version)).collect()).await
    }

    /// The flight stands on for these.
    async fn ask_later(&self, landing: &Landing<'_>, sent: BTreeMap<PersonKey, Version>) -> PortResult<()> {
        let at = decide::ask_at(landing.flight.started_at, self.now());
        let asking = landing.asking.map(|asking| Asking { handles: asking.handles.clone(), at });
        let kind = FlightKind::Landing { sent, until: landing.until, asking };
        self.ports.ledger.put_flight(&Flight { kind, ..landing.flight.clone() }).await
    }
}

/// Whether a former key is told to leave with the person.
fn leaves(row: &Row, activation: &Activation, shape: RecordShape) -> bool {
    let Row { person, standing } = row;
    let leaves = |record| !plan(person, standing, activation, record).departures.is_empty();
    records(person, standing, activation, shape).iter().any(leaves)
}

/// Who is not there. Where others are missing, no answer is no comfort.
fn missing(still: Vec<Row>, landed: &BTreeMap<ItemId, Landed>) -> Vec<Row> {
    let any_lost = landed.values().any(|landed| *landed == Landed::No);
    let by_person = lost_by_person(landed);
    still.into_iter().filter(|row| by_person.get(&row.person.key).copied().unwrap_or(any_lost)).collect()
}

fn lost_by_person(landed: &BTreeMap<ItemId, Landed>) -> BTreeMap<PersonKey, bool> {
    let mut lost: BTreeMap<PersonKey, bool> = BTreeMap::new();
    for (id, landed) in landed {
        *lost.entry(id.person).or_default() |= *landed == Landed::No;
    }
    lost
}

/// Where not everybody could be looked at.
fn seen_so_far(moved: Vec<Row>, still: Vec<Row>, items: &[Item], landed: &BTreeMap<ItemId, Landed>) -> Judged {
    let lost = lost_by_person(landed);
    let missing: Vec<Row> = still.into_iter().filter(|row| lost.get(&row.person.key) == Some(&true)).collect();
    let unanswered = items.iter().filter(|item| !landed.contains_key(&item.id)).map(|item| item.id.person);
    let unseen = unanswered.filter(|person| lost.get(person) != Some(&true)).collect();
    Judged { moved, missing, unseen }
}

/// What the current key of each record shall show.
pub(super) fn items(row: &Row, activation: &Activation, shape: RecordShape) -> Vec<Item> {
    records(&row.person, &row.standing, activation, shape)
        .into_iter()
        .filter_map(|record| match plan(&row.person, &row.standing, activation, &record).arrival {
            Arrival::Show { key, shown } => {
                let id = ItemId { person: row.person.key, record, step: 0 };
                Some(Item { id, key, action: Action::Show(shown), memo: None })
            }
            Arrival::NoKey | Arrival::Nobody | Arrival::Withheld => None,
        })
        .collect()
}
