//! One run, step by step: the order of its I/O is that of the handler, its decisions are the handler's own.

use muster::delivery::decide::effects::ROUNDS;
use muster::model::{EffectState, Lane};

use super::promises::Promise;
use super::rules::Broken;
use super::scenario::InDoubt;
use super::state::{ALIVE, At, EffectNumber, Hint, Late, Noting, Places, Standing, State, Todo, What, Worker};
use super::step::{Kept, Step};
use super::world::World;
use crate::vendor::{ANSWERS, Answer, Applies};

/// What the vendor may answer to a question, and whether that is a fault.
const TESTIMONIES: [(Answer, u8); 3] = [(Answer::Done, 0), (Answer::Error, 1), (Answer::PutOff, 1)];

type Steps = Vec<(Step, State)>;

impl World {
    /// Everything that the runs may do.
    pub(super) fn runs(&self, state: &State, steps: &mut Steps) {
        self.takes(state, steps);
        for (place, worker) in state.workers.iter().enumerate() {
            // Of runs that are alike it is enough to move one.
            if place > 0 && state.workers[place - 1] == *worker {
                continue;
            }
            self.run(state, place, steps);
            self.death(state, place, steps);
        }
    }

    fn takes(&self, state: &State, steps: &mut Steps) {
        if state.workers.len() >= self.scenario().workers {
            return;
        }
        for (place, hint) in state.queue.iter().enumerate() {
            if hint.wait > 0 || place > 0 && state.queue[place - 1] == *hint {
                continue;
            }
            let mut next = state.clone();
            next.queue.remove(place);
            next.workers.push(Worker { hint: *hint, ..Worker::default() });
            if state.faults > 0 {
                let mut twice = next.clone();
                twice.faults -= 1;
                twice.nudge(*hint);
                steps.push((Step::TakenTwice, twice));
            }
            steps.push((Step::Taken, next));
        }
    }

    fn run(&self, state: &State, place: usize, steps: &mut Steps) {
        let at = state.workers[place].at;
        let mut next = state.clone();
        let mut worker = next.workers.remove(place);
        let step = match at {
            At::Send => return self.send(state, place, steps),
            At::Ask => return self.ask(state, place, steps),
            At::Clear => return self.clear(state, place, steps),
            At::NoteSent | At::Note | At::Clean => {
                if at == At::NoteSent && state.faults > 0 {
                    steps.push((Step::NoToken(place), self.without_token(state, place)));
                }
                Step::Written(place, at, self.write(&mut next, &mut worker))
            }
            At::Read | At::Look | At::Nudge | At::ReadOutbox | At::NudgePutOff => {
                self.act(&mut next, &mut worker);
                Step::Run(place, at)
            }
        };
        next.workers.push(worker);
        steps.push((step, next));
    }

    /// A step that can only turn out one way.
    pub(super) fn act(&self, state: &mut State, worker: &mut Worker) {
        match worker.at {
            At::Read => {
                worker.row = state.row;
                worker.at = if self.decisions.outbox(state.row).is_empty() { At::Clear } else { At::Look };
            }
            At::Look => self.look(state, worker),
            At::Nudge => {
                let noting = worker.noting.expect("whoever nudges has something to note");
                if let Some(wait) = self.decisions.looked_at_again(noting.row) {
                    state.nudge(Hint { wait, ..worker.hint });
                }
                if self.lacks(Broken::RowBeforeNudge) { self.go_on(worker) } else { worker.at = At::Note }
            }
            At::ReadOutbox => {
                worker.rounds += 1;
                (worker.outbox, worker.is_stale) = (state.row, false);
                let is_there = self.decisions.cleared(state.row, worker.ended).is_some();
                worker.at = if is_there { At::Clean } else { self.last(worker) };
            }
            At::NudgePutOff => {
                for wait in std::mem::take(&mut worker.put_off) {
                    state.nudge(Hint { wait, ..worker.hint });
                }
                worker.at = At::Clear;
            }
            At::NoteSent | At::Send | At::Ask | At::Note | At::Clean | At::Clear => {
                unreachable!("these turn out in several ways")
            }
        }
    }

    fn look(&self, state: &mut State, worker: &mut Worker) {
        let lane = if worker.hint.by_walk { Lane::Bulk } else { Lane::Live };
        let found = self.decisions.found(worker.row, &state.ledger, lane);
        (worker.todo, worker.ended) = (found.todo, found.ended);
        found.put_off.into_iter().for_each(|wait| worker.put_off(wait));
        if self.lacks(Broken::OutboxClearedFirst) {
            let to_send = worker.todo.iter().filter(|todo| todo.what == What::Send);
            let cleared = self.decisions.cleared(state.row, to_send.map(|todo| usize::from(todo.place)).collect());
            state.write_row(cleared.map_or(state.row, |(row, _)| row));
        }
        self.go_on(worker);
    }

    /// Goes on to the next thing that there is to do.
    fn go_on(&self, worker: &mut Worker) {
        worker.noting = None;
        let Some(Todo { place, what, read }) = worker.todo.last().copied() else {
            worker.at = if worker.ended.is_empty() { self.last(worker) } else { At::ReadOutbox };
            return;
        };
        match what {
            What::Note(row) => {
                worker.todo.pop();
                self.note(worker, Noting { place, read, row });
            }
            What::Ask => worker.at = At::Ask,
            What::Send => worker.at = At::NoteSent,
        }
    }

    fn note(&self, worker: &mut Worker, noting: Noting) {
        worker.noting = Some(noting);
        let is_nudged = self.decisions.looked_at_again(noting.row).is_some();
        worker.at = if is_nudged && !self.lacks(Broken::RowBeforeNudge) { At::Nudge } else { At::Note };
    }

    fn last(&self, worker: &Worker) -> At {
        if worker.put_off.is_empty() { At::Clear } else { At::NudgePutOff }
    }

    fn without_token(&self, state: &State, place: usize) -> State {
        let mut next = State { faults: state.faults - 1, ..state.clone() };
        let mut worker = next.workers.remove(place);
        worker.todo.pop();
        worker.put_off(1);
        self.go_on(&mut worker);
        next.workers.push(worker);
        next
    }

    /// A write on condition that nobody wrote since it was read.
    fn write(&self, state: &mut State, worker: &mut Worker) -> Kept {
        match worker.at {
            At::NoteSent => self.note_sent(state, worker),
            At::Note => self.note_what_became(state, worker),
            At::Clean => self.clean(state, worker),
            At::Read | At::Look | At::Send | At::Ask | At::Nudge | At::ReadOutbox | At::NudgePutOff | At::Clear => {
                unreachable!("nothing is written here")
            }
        }
    }

    fn note_sent(&self, state: &mut State, worker: &mut Worker) -> Kept {
        let Some(Todo { place, read, .. }) = worker.todo.pop() else {
            unreachable!("only a run that has something to send notes it");
        };
        let row = self.decisions.sending(usize::from(place), read);
        if self.lacks(Broken::NotedAfterRequest) {
            (worker.noting, worker.at) = (Some(Noting { place, read, row }), At::Send);
            return Kept::Stored;
        }
        if !self.put(state, Noting { place, read, row }, Broken::SentBlindly) {
            self.go_on(worker);
            return Kept::Refused;
        }
        (worker.noting, worker.at) = (Some(Noting { place, read: row, row }), At::Send);
        Kept::Stored
    }

    fn note_what_became(&self, state: &mut State, worker: &mut Worker) -> Kept {
        let noting = worker.noting.expect("whoever notes has something to note");
        let is_stored = self.put(state, noting, Broken::EndedBlindly);
        if is_stored {
            if self.decisions.is_passed_by(noting.row) {
                worker.put_off(0);
            }
            if self.decisions.is_final(noting.row) {
                worker.ended = worker.ended.and(Places::one(usize::from(noting.place)));
            }
        }
        if self.lacks(Broken::RowBeforeNudge) && is_stored && self.decisions.looked_at_again(noting.row).is_some() {
            worker.at = At::Nudge;
        } else {
            self.go_on(worker);
        }
        if is_stored { Kept::Stored } else { Kept::Refused }
    }

    fn clean(&self, state: &mut State, worker: &mut Worker) -> Kept {
        if worker.is_stale {
            worker.at = if usize::from(worker.rounds) < ROUNDS { At::ReadOutbox } else { self.last(worker) };
            return Kept::Refused;
        }
        if let Some((row, is_next)) = self.decisions.cleared(worker.outbox, worker.ended) {
            state.write_row(row);
            if is_next {
                worker.put_off(0);
            }
        }
        worker.at = self.last(worker);
        Kept::Stored
    }

    /// Writes to the ledger, as the store does on its condition; whether it did.
    fn put(&self, state: &mut State, noting: Noting, without_condition: Broken) -> bool {
        let slot = self.decisions.slot(usize::from(noting.place));
        let stored = state.ledger[slot];
        if !self.decisions.is_current(stored, noting.read) && !self.lacks(without_condition) {
            return false;
        }
        let (before, after) = (self.decisions.row(stored), self.decisions.row(noting.row));
        let (before, after) = ((*before).as_ref(), (*after).as_ref());
        if let (Some(before), Some(after)) = (before, after)
            && before.state.is_final()
        {
            if before.occurred_at == after.occurred_at {
                state.broken = Some(Promise::EndsStay);
            }
            state.over = state.over.and(Places::one(self.decisions.spoken_of(before)));
        }
        state.ledger[slot] = noting.row;
        true
    }

    fn send(&self, state: &State, place: usize, steps: &mut Steps) {
        let noting = state.workers[place].noting.expect("whoever sends has noted it");
        for (answer, applies, faults) in ANSWERS {
            if faults > state.faults {
                continue;
            }
            let mut next = state.clone();
            next.faults -= faults;
            let mut worker = next.workers.remove(place);
            match applies {
                Applies::AtOnce => self.apply(&mut next, noting.place),
                Applies::Late => next.late.push(Late { place: noting.place, left: ALIVE }),
                Applies::Never => {}
            }
            let row = self.decisions.performed(noting.row, answer);
            self.note(&mut worker, Noting { row, ..noting });
            next.workers.push(worker);
            steps.push((Step::Sent(place, noting.place, answer, applies), next));
        }
    }

    fn ask(&self, state: &State, place: usize, steps: &mut Steps) {
        let Some(Todo { place: effect, read, .. }) = state.workers[place].todo.last().copied() else {
            unreachable!("only a run that has something to ask for asks");
        };
        for (answer, faults) in TESTIMONIES {
            if faults > state.faults {
                continue;
            }
            let mut next = state.clone();
            next.faults -= faults;
            let stored = state.ledger[self.decisions.slot(usize::from(effect))];
            // What is answered to an outdated question is not noted.
            if self.decisions.is_current(stored, read) && self.may_still_be_applied(state, effect) {
                next.broken = Some(Promise::AskedInTime);
            }
            let mut worker = next.workers.remove(place);
            worker.todo.pop();
            match self.decisions.asked(read, answer, state.counted[usize::from(effect)] > 0) {
                Ok(row) => self.note(&mut worker, Noting { place: effect, read, row }),
                Err(wait) => {
                    worker.put_off(wait);
                    self.go_on(&mut worker);
                }
            }
            next.workers.push(worker);
            steps.push((Step::Asked(place, effect, answer), next));
        }
    }

    fn may_still_be_applied(&self, state: &State, effect: u8) -> bool {
        let is_sending =
            |worker: &Worker| worker.at == At::Send && worker.noting.is_some_and(|noting| noting.place == effect);
        state.late.iter().any(|late| late.place == effect) || state.workers.iter().any(is_sending)
    }

    /// The vendor carries an effect out, unless it knows it for a repeat.
    pub(super) fn apply(&self, state: &mut State, place: u8) {
        if !self.knows(state, place) {
            let counted = &mut state.counted[usize::from(place)];
            *counted = (*counted + 1).min(2);
        }
    }

    /// Whether the vendor knows an effect for a repeat.
    fn knows(&self, state: &State, place: u8) -> bool {
        let reference = self.decisions.same_reference(usize::from(place));
        let has_it = |one: usize| self.decisions.same_reference(one) == reference && state.counted[one] > 0;
        match self.scenario().in_doubt {
            InDoubt::KnowsRepeats => (0..self.decisions.earned.len()).any(has_it),
            InDoubt::Tells | InDoubt::CannotTell => false,
        }
    }

    fn clear(&self, state: &State, place: usize, steps: &mut Steps) {
        let mut next = state.clone();
        let worker = next.workers.remove(place);
        if state.faults > 0 {
            let mut again = State { faults: state.faults - 1, ..next.clone() };
            again.nudge(worker.hint);
            steps.push((Step::DoneUnacknowledged(place), again));
        }
        steps.push((Step::Run(place, At::Clear), next));
    }

    fn death(&self, state: &State, place: usize, steps: &mut Steps) {
        if state.faults == 0 {
            return;
        }
        let mut next = State { faults: state.faults - 1, ..state.clone() };
        let Worker { at, hint, age, noting, .. } = next.workers.remove(place);
        next.nudge(hint);
        next.flights.push(Standing { age, by_walk: hint.by_walk });
        if let (At::Send, Some(Noting { place: effect, .. })) = (at, noting) {
            let mut sending = next.clone();
            sending.late.push(Late { place: effect, left: ALIVE });
            steps.push((Step::DiedSending(place, effect), sending));
        }
        steps.push((Step::Died(place, at), next));
    }

    /// A row of the ledger that the owner may say something of: which effect it speaks of.
    pub(super) fn is_listed(&self, row: EffectNumber) -> Option<usize> {
        let row = self.decisions.row(row);
        let row = (*row).as_ref().filter(|row| match row.state {
            EffectState::Ambiguous { .. } | EffectState::Parked { .. } => true,
            EffectState::Pending { .. } | EffectState::Sent | EffectState::Confirmed | EffectState::Refused { .. } => {
                false
            }
        })?;
        Some(self.decisions.spoken_of(row))
    }
}
