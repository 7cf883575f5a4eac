//! Effects of one run: what is earned and not at an end is sent, asked for, or waits. The ledger's row decides
//! who may act; the outbox keeps the effect until its row is at an end, so that no message is needed to find it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;

use super::decide::effects::{self, Ended, HoldsUp, Lookout, ROUNDS, Waiting, put_off_until};
use super::run::Run;
use super::{Engine, retry};
use crate::destination::{Context, Failure, Performance, Performances, Task, TaskId, Testimony};
use crate::model::budget::Grant;
use crate::model::effect::{self, EffectTimes, Move, Performed, next};
use crate::model::{ActivationId, Effect, EffectId, EffectState, Identifier, Person, PersonKey, Reason};
use crate::ports::{PortResult, Row, Written};
use crate::steps::Step;

/// An effect about to be sent or asked for.
struct Ready {
    task: Task,
    row: Option<Effect>,
}

/// What the looks of a run add up to.
#[derive(Default)]
struct Sorted {
    send: Vec<Ready>,
    ask: Vec<Ready>,
    remove: BTreeMap<PersonKey, Ended>,
}

impl Run<'_> {
    /// Brings what waits as far as it gets in this run.
    pub(super) async fn perform(&mut self, waiting: Vec<Waiting>) -> PortResult<()> {
        if waiting.is_empty() {
            return Ok(());
        }
        let mut sorted = self.sort(waiting).await?;
        for ready in std::mem::take(&mut sorted.ask) {
            self.ask(ready, &mut sorted).await?;
        }
        let most = self.subject.destination.spec().effects.max(1);
        let mut batches: VecDeque<Vec<Ready>> = VecDeque::new();
        let mut send = std::mem::take(&mut sorted.send);
        while !send.is_empty() {
            let rest = send.split_off(send.len().min(most));
            batches.push_back(std::mem::replace(&mut send, rest));
        }
        let events_earn = self.subject.activation.earning.events_earn;
        let mut held_up: BTreeSet<PersonKey> = BTreeSet::new();
        while let Some(mut batch) = batches.pop_front() {
            // Whoever sees to the one before it sees to this one, too.
            batch.retain(|Ready { task, .. }| {
                !effects::is_told_in_order(&task.earned, events_earn) || !held_up.contains(&task.id.person)
            });
            held_up.extend(self.send_effects(batch, &mut sorted).await?);
        }
        let next = self.engine.clear_outboxes(&self.subject.activation.id, sorted.remove).await?;
        if !next.is_empty() && self.course.stop.is_none() {
            self.course.put_off.entry(self.engine.now()).or_default().extend(next);
        }
        Ok(())
    }

    fn effect_times(&self) -> EffectTimes {
        self.engine.effect_times(self.subject.activation)
    }

    async fn sort(&mut self, waiting: Vec<Waiting>) -> PortResult<Sorted> {
        let now = self.engine.now();
        let times = self.effect_times();
        let ids: Vec<_> = waiting.iter().map(|one| (one.person, one.earned.id.clone())).collect();
        let rows = self.engine.ports.effects.read(&self.subject.activation.id, &ids, now).await?;
        let mut rows: BTreeMap<(PersonKey, EffectId), Effect> =
            rows.into_iter().map(|row| ((row.person, row.id.clone()), row)).collect();
        let mut sorted = Sorted::default();
        let mut dropped: BTreeMap<PersonKey, Timestamp> = BTreeMap::new();
        let mut held_up = BTreeSet::new();
        for one in waiting {
            let row = rows.remove(&(one.person, one.earned.id.clone()));
            let next = next(&one.earned, row.as_ref(), &times, now);
            let in_order = effects::is_told_in_order(&one.earned, times.events_earn);
            match if in_order { effects::holds_up(row.as_ref(), next) } else { HoldsUp::Nobody } {
                HoldsUp::Nobody => {}
                HoldsUp::Later => drop(held_up.insert(one.person)),
                HoldsUp::ForNow => {
                    held_up.insert(one.person);
                    let soon = now.saturating_add(effects::SOON).unwrap_or(now);
                    self.course.put_off.entry(soon).or_default().insert(one.person);
                }
            }
            match next {
                // Whoever sees to the one before it sees to this one, too.
                Move::Send if in_order && held_up.contains(&one.person) => {}
                Move::Send => self.prepare_sending(one, row, &mut sorted).await?,
                Move::Ask => self.prepare_asking(one, row, &mut sorted).await?,
                Move::Wait(until) => match effects::lookout(row.as_ref(), self.lane()) {
                    Lookout::Finder => {
                        self.course.put_off.entry(until).or_default().insert(one.person);
                    }
                    Lookout::Walk => {
                        let first = dropped.entry(one.person).or_insert(until);
                        *first = until.min(*first);
                    }
                    Lookout::Writer => {}
                },
                Move::Rest => {}
                Move::Remove => {
                    let ended = (one.earned.id, one.earned.occurred_at);
                    sorted.remove.entry(one.person).or_default().insert(ended);
                }
            }
        }
        for (person, until) in dropped {
            self.course.put_off.entry(until).or_default().insert(person);
        }
        Ok(sorted)
    }

    async fn prepare_sending(&mut self, one: Waiting, row: Option<Effect>, sorted: &mut Sorted) -> PortResult<()> {
        let attempts = row.as_ref().and_then(|row| row.trying).map_or(1, |trying| trying.attempts + 1);
        let unsent = match one.to_send(|| retry::backoff(attempts, None, &self.engine.dice)) {
            Ok(key) => {
                sorted.send.push(Ready { task: self.task(&one, key), row });
                return Ok(());
            }
            Err(unsent) => unsent,
        };
        let (now, times) = (self.engine.now(), self.effect_times());
        let read_revision = row.as_ref().map_or(0, |row| row.revision);
        let row = Effect::unsent(&one.earned, one.person, row.as_ref(), &unsent, &times, now);
        self.note_effect(row, read_revision, sorted).await
    }

    async fn prepare_asking(&mut self, one: Waiting, row: Option<Effect>, sorted: &mut Sorted) -> PortResult<()> {
        let Some(row) = row else { return Ok(()) };
        match one.to_ask(|| retry::backoff(attempts(&row), None, &self.engine.dice)) {
            Ok(key) => {
                sorted.ask.push(Ready { task: self.task(&one, key), row: Some(row) });
                Ok(())
            }
            Err(asked) => {
                let read_revision = row.revision;
                let asked = row.asked(&asked, &self.effect_times(), self.engine.now());
                self.note_effect(asked, read_revision, sorted).await
            }
        }
    }

    fn task(&self, one: &Waiting, key: Identifier) -> Task {
        let reference = self.engine.installation.effect(&one.earned, one.person).to_string();
        let id = TaskId { person: one.person, effect: one.earned.id.clone() };
        Task { id, key, reference, earned: one.earned.clone() }
    }

    /// Sends one batch: `Sent` is written first, by whoever is the first to. Answers whose later effects wait.
    async fn send_effects(&mut self, batch: Vec<Ready>, sorted: &mut Sorted) -> PortResult<BTreeSet<PersonKey>> {
        if batch.is_empty() || self.course.stop.is_some() {
            return Ok(BTreeSet::new());
        }
        let events_earn = self.subject.activation.earning.events_earn;
        let in_order = batch.iter().filter(|ready| effects::is_told_in_order(&ready.task.earned, events_earn));
        let in_order: BTreeSet<TaskId> = in_order.map(|ready| ready.task.id.clone()).collect();
        if let Err(failure) = self.subject.session.reserve().await {
            let until = put_off_until(&failure, self.engine.now());
            self.course.put_off.entry(until).or_default().extend(batch.iter().map(|ready| ready.task.id.person));
            return Ok(in_order.into_iter().map(|id| id.person).collect());
        }
        // Behind the reservation: what is put off has not counted.
        let batch = self.under_the_cap(batch).await?;
        if batch.is_empty() {
            return Ok(BTreeSet::new());
        }
        let (now, times) = (self.engine.now(), self.effect_times());
        let mut sending = BTreeMap::new();
        let mut tasks = Vec::with_capacity(batch.len());
        for Ready { task, row } in batch {
            let effect = Effect::sending(&task.earned, task.id.person, row.as_ref(), &times, now);
            let read_revision = row.map_or(0, |row| row.revision);
            // Whoever came first is sending it now, and its flight stands for what becomes of that.
            if self.engine.ports.effects.put(&effect, read_revision, now).await? {
                sending.insert(task.id.clone(), effect);
                tasks.push(task);
            }
        }
        self.engine.steps.reached(Step::EffectsNoted);
        let context = self.subject.context(self.subject.notes(), now);
        let performances = perform(&context, self.subject.destination, tasks).await;
        self.engine.steps.reached(Step::EffectsSent);
        let mut held_up = BTreeSet::new();
        for (id, effect) in sending {
            let performed = self.judge(performances.get(&id), effect.trying.map_or(1, |trying| trying.attempts + 1));
            let now = self.engine.now();
            let read_revision = effect.revision;
            let effect = effect.performed(&performed, &times, now);
            if in_order.contains(&id) && effects::is_tried_again(&effect.state) {
                held_up.insert(id.person);
            }
            self.note_effect(effect, read_revision, sorted).await?;
        }
        self.engine.steps.reached(Step::EffectsSettled);
        Ok(held_up)
    }

    /// As many of the batch as the destination's cap allows; at the cap the activation pauses. An effect counts once,
    /// however often it is tried.
    async fn under_the_cap(&mut self, batch: Vec<Ready>) -> PortResult<Vec<Ready>> {
        let activation = self.subject.activation;
        let Some(cap) = self.subject.destination.cap(&activation.settings) else { return Ok(batch) };
        let counted = |ready: &Ready| ready.row.as_ref().is_some_and(|row| row.sent_at.is_some());
        let (mut allowed, mut new): (Vec<Ready>, Vec<Ready>) = batch.into_iter().partition(counted);
        if new.is_empty() || self.course.capped.is_some() {
            return Ok(allowed);
        }
        let now = self.engine.now();
        let (account, ask) = effects::cap_of(activation, cap, new.len(), now);
        let granted = match self.engine.ports.ledger.spend(&account, &ask, now).await? {
            Grant::Tokens(tokens) => tokens.count as usize,
            Grant::NotBefore { .. } | Grant::Noted => 0,
        };
        if granted < new.len() {
            self.course.capped = Some(Reason::new(effects::AT_THE_CAP));
            new.truncate(granted);
        }
        allowed.append(&mut new);
        Ok(allowed)
    }

    fn judge(&mut self, performance: Option<&Performance>, attempts: u32) -> Performed {
        if let Some(Performance::Failed(failure)) = performance {
            self.heed(failure);
        }
        let wait = |retry_after| retry::backoff(attempts, retry_after, &self.engine.dice);
        effects::judge(performance, self.engine.now(), wait)
    }

    fn heed(&mut self, failure: &Failure) {
        if effects::stops(failure) {
            self.course.stop = Some(failure.clone());
        }
    }

    /// What the vendor told by itself of an effect.
    async fn echo(&self, task: &Task) -> PortResult<Option<String>> {
        let reference = self.subject.destination.echoed_as(&self.subject.activation.settings, task);
        let Some(reference) = reference else { return Ok(None) };
        let told = self.engine.ports.ledger.mark(&effect::echo(&reference)).await?;
        Ok(told.map(|at| format!("the vendor's own event told of it, taken at {at}")))
    }

    /// Asks about one effect.
    async fn ask(&mut self, ready: Ready, sorted: &mut Sorted) -> PortResult<()> {
        let Some(row) = ready.row.filter(|_| self.course.stop.is_none()) else { return Ok(()) };
        let context = self.subject.context(self.subject.notes(), self.engine.now());
        let testimony = match self.echo(&ready.task).await? {
            Some(said) => Ok(Testimony::Present { said }),
            None => self.subject.destination.ask(&context, &ready.task).await,
        };
        if let Err(failure) = &testimony {
            self.heed(failure);
        }
        let wait = |retry_after| retry::backoff(attempts(&row), retry_after, &self.engine.dice);
        match effects::hear(&testimony, self.engine.now(), wait) {
            Ok(asked) => {
                let read_revision = row.revision;
                let asked = row.asked(&asked, &self.effect_times(), self.engine.now());
                self.note_effect(asked, read_revision, sorted).await
            }
            Err(until) => {
                self.course.put_off.entry(until).or_default().insert(row.person);
                Ok(())
            }
        }
    }

    /// Writes a row. Where somebody must look again they are nudged before it.
    async fn note_effect(&mut self, effect: Effect, read_revision: u64, sorted: &mut Sorted) -> PortResult<()> {
        if let Some(until) = effects::looked_at_again(&effect.state) {
            self.nudge_at(until, effect.person).await?;
        }
        if !self.engine.ports.effects.put(&effect, read_revision, self.engine.now()).await? {
            tracing::warn!(activation = %effect.activation, "an effect was settled by somebody else meanwhile");
            return Ok(());
        }
        if let Some(until) = effects::passed_by(&effect.state, self.engine.now())
            && self.course.stop.is_none()
        {
            self.course.put_off.entry(until).or_default().insert(effect.person);
        }
        if let EffectState::Parked { reason } = &effect.state {
            tracing::warn!(activation = %effect.activation, %reason, "an effect waits for a person to settle it");
        }
        if effect.state.is_final() {
            sorted.remove.entry(effect.person).or_default().insert((effect.id, effect.occurred_at));
        }
        Ok(())
    }
}

fn attempts(row: &Effect) -> u32 {
    row.trying.map_or(1, |trying| trying.attempts.saturating_add(1))
}

/// Performs a batch; one that is refused as a whole is halved until the refused effect stands alone.
async fn perform(
    context: &Context<'_>,
    destination: &dyn crate::destination::Destination,
    tasks: Vec<Task>,
) -> Performances {
    let mut performances = Performances::new();
    let mut queue = VecDeque::from([tasks]);
    while let Some(batch) = queue.pop_front().filter(|batch| !batch.is_empty()) {
        match destination.perform(context, &batch).await {
            Ok(answered) => performances.extend(answered),
            Err(Failure::Rejected { .. }) if batch.len() > 1 => {
                let (first, second) = batch.split_at(batch.len() / 2);
                queue.push_front(second.to_vec());
                queue.push_front(first.to_vec());
            }
            Err(failure) => {
                let failed = |task: &Task| (task.id.clone(), Performance::Failed(failure.clone()));
                performances.extend(batch.iter().map(failed));
            }
        }
    }
    performances
}

impl Engine {
    /// Takes effects that are at an end out of their people's outboxes; answers behind whose others stood.
    async fn clear_outboxes(
        &self,
        activation: &ActivationId,
        mut remove: BTreeMap<PersonKey, Ended>,
    ) -> PortResult<BTreeSet<PersonKey>> {
        let mut next = BTreeSet::new();
        for _ in 0..ROUNDS {
            if remove.is_empty() {
                break;
            }
            let keys: Vec<PersonKey> = remove.keys().copied().collect();
            let mut writes = Vec::new();
            for Row { person, .. } in self.ports.people.read(&keys, None).await? {
                let ended = remove.get(&person.key);
                writes.extend(ended.and_then(|ended| effects::cleared(person, activation, ended)));
            }
            let is_next = |person: &Person| {
                remove.get(&person.key).is_some_and(|ended| effects::is_next(person, activation, ended))
            };
            next.extend(writes.iter().filter(|write| is_next(&write.person)).map(|write| write.person.key));
            let answers = if writes.is_empty() { Vec::new() } else { self.ports.people.write(writes).await? };
            let again: BTreeSet<PersonKey> = answers
                .into_iter()
                .filter(|(_, written)| *written == Written::Conflict)
                .map(|(person, _)| person)
                .collect();
            remove.retain(|person, _| again.contains(person));
        }
        self.steps.reached(Step::OutboxesCleared);
        Ok(next)
    }
}
