//! What is looked at at every step: each write of a row, of a standing, of an effect. It remembers by itself when a
//! record began to fail and what was earned, and believes no receipt about that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use muster::model::accounting::Accounting;
use muster::model::pending::RecordShape;
use muster::model::standing::Account;
use muster::model::{
    Activation, ActivationId, EarnedBy, Effect, EffectId, EffectState, Outcome, Path, Person, PersonKey, RecordId,
    Standing,
};
use parking_lot::Mutex;

use crate::fault::Fault;
use crate::invariant::Invariant;
use crate::plan::{Link, Setup};
use crate::stage::Stage;
use crate::vendor::Event;

/// Between a failure and the receipt that tells of it: a run at most.
const TOLD_WITHIN: SignedDuration = SignedDuration::from_secs(90);

/// See the module.
pub(crate) struct Watch {
    stage: Arc<Stage>,
    setup: Setup,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Since when a record fails.
    failing: BTreeMap<(ActivationId, PersonKey, RecordId), Timestamp>,
    /// Since when an effect is not at its end.
    open: BTreeMap<(PersonKey, EffectId), Timestamp>,
    accounts: BTreeMap<(ActivationId, PersonKey), Account>,
    accepted: BTreeMap<(ActivationId, PersonKey), u64>,
    earned: BTreeMap<Event, (PersonKey, EffectId)>,
    /// Standings that were looked at, with their revision.
    seen: BTreeMap<(ActivationId, PersonKey), u64>,
    parked: BTreeSet<(ActivationId, PersonKey, RecordId)>,
}

impl Watch {
    /// Has seen nothing yet.
    pub(crate) fn new(stage: Arc<Stage>, setup: Setup) -> Self {
        Self { stage, setup, state: Mutex::default() }
    }

    fn window(&self, activation: &ActivationId) -> SignedDuration {
        let link = Link::ALL.into_iter().find(|link| link.id() == activation.as_str());
        let hours = link.map_or(0, |link| self.setup.windows[link.index()]);
        SignedDuration::from_hours(i64::from(hours))
    }

    /// A row was written.
    pub(crate) fn row(&self, person: &Person, standings: &BTreeMap<ActivationId, Standing>) {
        let mut state = self.state.lock();
        for (activation, accepted) in &person.accepted {
            let before = state.accepted.insert((activation.clone(), person.key), *accepted).unwrap_or(0);
            if *accepted < before {
                self.stage.broke(Invariant::AccountingAddsUp, || {
                    format!("{} at {activation}: {before} accepted changes became {accepted}", person.key)
                });
            }
        }
        for earned in &person.outbox {
            let (kind, of) = match &earned.by {
                EarnedBy::Entered { audience, .. } => ("audience.entered", audience.as_str()),
                EarnedBy::Left { audience } => ("audience.left", audience.as_str()),
                EarnedBy::Happened { event, .. } => ("person.event", event.as_str()),
            };
            let event = (kind.to_owned(), of.to_owned(), earned.occurred_at.to_string());
            state.earned.entry(event).or_insert_with(|| (person.key, earned.id.clone()));
        }
        for (activation, standing) in standings {
            self.account(&mut state, person, activation, standing);
        }
    }

    /// A standing was stored.
    pub(crate) fn standing(&self, person: &Person, id: &ActivationId, standing: &Standing, knows_by: &str) {
        let now = self.stage.now();
        let mut state = self.state.lock();
        self.account(&mut state, person, id, standing);
        state.seen.insert((id.clone(), person.key), standing.revision);
        for (record, held) in &standing.records {
            let Some(receipt) = &held.receipt else { continue };
            let place = (id.clone(), person.key, record.clone());
            match &receipt.outcome {
                Outcome::Waiting { .. } => {
                    state.failing.entry(place).or_insert(now);
                }
                Outcome::Parked { reason } => {
                    let since = state.failing.remove(&place);
                    let long = since.map_or(SignedDuration::ZERO, |since| now.duration_since(since) + TOLD_WITHIN);
                    if state.parked.insert(place) && long < self.window(id) {
                        self.stage.broke(Invariant::NothingGivenUpEarly, || {
                            format!("{record} of {} was parked at {id} after {long:#}: {reason}", person.key)
                        });
                    }
                    continue;
                }
                Outcome::Rejected { reason, open: false } => {
                    let path: Option<Path> = knows_by.parse().ok();
                    let key = path.as_ref().and_then(|path| person.key_at(path));
                    // An older one speaks of a former key.
                    let gone = person.gone.as_ref().map_or(0, |gone| gone.version);
                    let is_new = path.is_some_and(|path| receipt.version >= person.version_at(&path).max(gone));
                    if is_new && !key.is_some_and(|key| key.expose().starts_with("refused")) {
                        self.stage.broke(Invariant::NothingGivenUpEarly, || {
                            format!(
                                "{record} of {} was given up at {id}, and no vendor refused it: {reason}",
                                person.key
                            )
                        });
                    }
                    state.failing.remove(&place);
                }
                Outcome::Delivered | Outcome::Filtered { .. } | Outcome::Rejected { .. } => {
                    state.failing.remove(&place);
                }
            }
            state.parked.remove(&(id.clone(), person.key, record.clone()));
            self.stage.shown("a receipt", &receipt.said);
            self.stage.shown("a receipt's reason", receipt.outcome.reason().map_or("", |reason| reason.as_str()));
        }
    }

    /// One person's account: every change in one column, and none taken out again.
    fn account(&self, state: &mut State, person: &Person, id: &ActivationId, standing: &Standing) {
        let account = standing.account;
        let accepted = person.accepted.get(id).copied().unwrap_or(0);
        let before = state.accounts.insert((id.clone(), person.key), account).unwrap_or_default();
        let grows = account.covered >= before.covered
            && account.closed_to >= before.closed_to
            && account.closed.sum() >= before.closed.sum();
        let whole = account.covered <= accepted && account.tally().sum() == account.covered;
        if !grows || !whole {
            self.stage.broke(Invariant::AccountingAddsUp, || {
                format!("{} at {id}: {account:?} of {accepted} accepted, after {before:?}", person.key)
            });
        }
    }

    /// The whole account of an activation.
    pub(crate) fn accounting<'a>(
        &self,
        activation: &Activation,
        shape: RecordShape,
        rows: impl Iterator<Item = (&'a Person, &'a Standing)>,
        flying: &BTreeSet<PersonKey>,
    ) -> Accounting {
        let mut accounting = Accounting::default();
        for (person, standing) in rows {
            accounting.add(person, standing, activation, shape, flying);
        }
        if !accounting.adds_up() {
            self.stage.broke(Invariant::AccountingAddsUp, || format!("{}: {accounting:?}", activation.id));
        }
        accounting
    }

    /// How many changes the rows say were accepted.
    pub(crate) fn accepted(&self, link: Link) -> u64 {
        let state = self.state.lock();
        state.accepted.iter().filter(|((id, _), _)| id.as_str() == link.id()).map(|(_, count)| count).sum()
    }

    /// An effect's row was written.
    pub(crate) fn effect(&self, effect: &Effect) {
        let now = self.stage.now();
        let place = (effect.person, effect.id.clone());
        let mut state = self.state.lock();
        self.stage.shown("an effect", &effect.said);
        match &effect.state {
            EffectState::Pending { reason, .. } | EffectState::Ambiguous { reason, .. } => {
                self.stage.shown("an effect's reason", reason.as_str());
                state.open.entry(place).or_insert(now);
            }
            EffectState::Parked { reason } => {
                let long = state.open.get(&place).map_or(SignedDuration::ZERO, |since| now.duration_since(*since));
                // Nobody can tell, or a repeat is refused: that says nothing of the first one.
                let untellable = self.setup.in_doubt == "park" || effect.open_since.is_some();
                if !untellable && long + TOLD_WITHIN < self.window(&effect.activation) {
                    self.stage.broke(Invariant::NothingGivenUpEarly, || {
                        format!("effect {} was parked after {long:#}: {reason}", effect.id)
                    });
                }
            }
            EffectState::Sent => {}
            EffectState::Confirmed | EffectState::Refused { .. } => {
                state.open.remove(&place);
            }
        }
    }

    /// Everything that was ever in an outbox.
    pub(crate) fn earned(&self) -> BTreeMap<Event, (PersonKey, EffectId)> {
        self.state.lock().earned.clone()
    }

    /// Whether a fault struck that only the daily catch-up makes good.
    pub(crate) fn lost_messages(&self) -> bool {
        self.stage.tally().of(Fault::MessagesPurged) > 0
    }
}
