//! One run, step by step: the order of its I/O is that of the handler, its decisions are the handler's own.

use muster::delivery::decide::ROUNDS;

use super::rounds::{Concluded, GivenBack, Next};
use super::rules::Broken;
use super::state::{At, Hint, People, Round, Slots, State, Waits, Worker};
use super::step::{Kept, Step};
use super::world::World;
use crate::vendor::{ANSWERS, Applies};

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
            if hint.later || place > 0 && state.queue[place - 1] == *hint {
                continue;
            }
            let mut next = state.clone();
            next.queue.remove(place);
            next.workers.push(Worker {
                hint: *hint,
                round: Round { ask: hint.people, reopen: hint.reopen, ..Round::default() },
                ..Worker::default()
            });
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
        match at {
            At::Send => self.send(state, place, steps),
            At::Settle => self.settle(state, place, steps),
            At::Clear => self.clear(state, place, steps),
            At::Read
            | At::Claim
            | At::NudgeAgain
            | At::Doubt
            | At::Offer
            | At::LookAtFlights
            | At::Release
            | At::NudgeContenders
            | At::DoubtHeldUp
            | At::NudgeHeldUp
            | At::DoubtUnsettled
            | At::NudgeMoved
            | At::NudgePutOff => {
                let mut next = state.clone();
                let mut worker = next.workers.remove(place);
                self.act(&mut next, &mut worker);
                next.workers.push(worker);
                steps.push((Step::Run(place, at), next));
            }
        }
    }

    /// A step that can only turn out one way.
    pub(super) fn act(&self, state: &mut State, worker: &mut Worker) {
        match worker.at {
            At::Read => {
                worker.rounds += 1;
                for person in worker.round.ask.iter() {
                    worker.round.rows[person] = state.rows[person];
                    worker.round.standings[person] = state.standings[person];
                }
                self.go_on(worker);
            }
            At::Claim => {
                let Next::Claim(asked) = &*self.decisions.next(&worker.round) else {
                    unreachable!("only a run that has something to claim claims");
                };
                let answers = asked.iter().enumerate().map(|(place, (key, person))| {
                    let is_refused = self.is_refused(state, *key, *person);
                    u16::from(is_refused) << place
                });
                worker.round.refused = Some(answers.sum());
                self.go_on(worker);
            }
            At::NudgeAgain => {
                let people = self.concluded(&worker.round).again;
                state.nudge(Hint { people, reopen: false, later: worker.waits != Waits::AllAreOver });
                self.pass(worker);
            }
            At::Doubt => {
                let doubted = self.concluded(&worker.round).doubted;
                self.doubt(state, doubted);
                self.pass(worker);
            }
            At::Offer => {
                for (key, person) in self.decisions.leavers(&worker.round, worker.stored, worker.open).iter() {
                    if state.claims[usize::from(*key)].by == person + 1 {
                        call_off(state, *key);
                        worker.offers |= 1 << key;
                    }
                }
                self.pass(worker);
            }
            At::LookAtFlights => {
                let flying = self.flying(state);
                let GivenBack { free, held_up } =
                    self.decisions.given_back(&worker.round, worker.stored, worker.open, flying);
                (worker.releases, worker.held_up) = (free, held_up);
                self.pass(worker);
            }
            At::Release => {
                if let Some((key, person)) = worker.releases.pop() {
                    let is_offered = worker.offers & 1 << key != 0 || self.lacks(Broken::ReleasedUnoffered);
                    let claim = &mut state.claims[usize::from(key)];
                    if claim.by == person + 1 && is_offered {
                        let contender = std::mem::take(claim).contender.checked_sub(1).map(usize::from);
                        worker.contenders = worker.contenders.and(contender.into_iter().collect());
                    }
                }
                self.pass(worker);
            }
            At::NudgeContenders => {
                state.nudge(Hint { people: std::mem::take(&mut worker.contenders), reopen: true, later: false });
                self.pass(worker);
            }
            At::DoubtHeldUp => {
                self.doubt_people(state, worker.held_up);
                self.pass(worker);
            }
            At::NudgeHeldUp => {
                state.nudge(Hint { people: worker.held_up, reopen: false, later: true });
                self.pass(worker);
            }
            At::DoubtUnsettled => {
                self.doubt(state, std::mem::take(&mut worker.unsettled));
                self.pass(worker);
            }
            At::NudgeMoved => {
                state.nudge(Hint { people: std::mem::take(&mut worker.moved), later: false, ..worker.hint });
                self.pass(worker);
            }
            At::NudgePutOff => {
                state.nudge(Hint { people: std::mem::take(&mut worker.put_off), later: true, ..worker.hint });
                self.pass(worker);
            }
            At::Send | At::Settle | At::Clear => unreachable!("these turn out in several ways"),
        }
    }

    /// Where a round goes on after it was read, claimed for or answered.
    fn go_on(&self, worker: &mut Worker) {
        worker.at = match &*self.decisions.next(&worker.round) {
            Next::Nothing => {
                self.end_round(worker);
                return;
            }
            Next::Claim(_) => At::Claim,
            Next::Send(_) => At::Send,
            Next::Conclude(concluded) => {
                worker.unsettled = worker.unsettled.and(concluded.sent);
                worker.open = worker.open.and(concluded.open);
                worker.put_off = worker.put_off.and(concluded.put_off);
                worker.at = self.first();
                if !self.has_work(worker) {
                    self.pass(worker);
                }
                return;
            }
        };
    }

    fn first(&self) -> At {
        if self.lacks(Broken::ReceiptBeforeRetry) { At::Settle } else { At::NudgeAgain }
    }

    /// What comes after this in the handler.
    fn following(&self, at: At) -> At {
        match at {
            At::NudgeAgain if self.lacks(Broken::ReceiptBeforeRetry) => At::Doubt,
            At::Settle if self.lacks(Broken::ReceiptBeforeRetry) => At::NudgeAgain,
            At::NudgeAgain => At::Settle,
            At::Settle => At::Doubt,
            At::Doubt => At::Offer,
            At::Offer => At::LookAtFlights,
            At::LookAtFlights => At::Release,
            At::Release => At::NudgeContenders,
            At::NudgeContenders => At::DoubtHeldUp,
            At::DoubtHeldUp => At::NudgeHeldUp,
            At::DoubtUnsettled => At::NudgeMoved,
            At::NudgeMoved => At::NudgePutOff,
            At::NudgePutOff | At::Clear => At::Clear,
            At::NudgeHeldUp | At::Read | At::Claim | At::Send => At::Read,
        }
    }

    /// Goes on to the next thing that there is to do.
    fn pass(&self, worker: &mut Worker) {
        // As many keys are given back as there are.
        if worker.at == At::Release && !worker.releases.is_empty() {
            return;
        }
        loop {
            if worker.at == At::NudgeHeldUp {
                self.end_round(worker);
                return;
            }
            worker.at = self.following(worker.at);
            if self.has_work(worker) {
                return;
            }
        }
    }

    fn has_work(&self, worker: &Worker) -> bool {
        match worker.at {
            At::NudgeAgain => !self.concluded(&worker.round).again.is_empty(),
            At::Settle => !self.concluded(&worker.round).settlements.is_empty(),
            At::Doubt => !self.lacks(Broken::NoDoubt) && !self.concluded(&worker.round).doubted.is_empty(),
            At::Offer | At::LookAtFlights => {
                !self.decisions.leavers(&worker.round, worker.stored, worker.open).is_empty()
            }
            At::Release => !worker.releases.is_empty(),
            At::NudgeContenders => !worker.contenders.is_empty(),
            At::DoubtHeldUp => {
                !worker.held_up.is_empty() && !self.lacks(Broken::NoDoubt) && !self.lacks(Broken::HeldUpForgotten)
            }
            At::NudgeHeldUp => !worker.held_up.is_empty() && !self.lacks(Broken::HeldUpForgotten),
            At::DoubtUnsettled => {
                !worker.unsettled.is_empty() && !self.lacks(Broken::NoDoubt) && !self.lacks(Broken::UnsettledForgotten)
            }
            At::NudgeMoved => !worker.moved.is_empty(),
            At::NudgePutOff => !worker.put_off.is_empty(),
            At::Read | At::Claim | At::Send | At::Clear => true,
        }
    }

    /// Another round for whose row moved, or the end.
    fn end_round(&self, worker: &mut Worker) {
        let round = std::mem::take(&mut worker.round);
        worker.stored = People::default();
        worker.stale = People::default();
        worker.waits = Waits::default();
        worker.offers = 0;
        worker.held_up = People::default();
        if !worker.moved.is_empty() && usize::from(worker.rounds) < ROUNDS {
            worker.at = At::Read;
            let tried = round.tried.and(self.sent(&round));
            worker.round = Round {
                ask: std::mem::take(&mut worker.moved),
                tried: if self.lacks(Broken::TriedForgotten) { Slots::default() } else { tried },
                reopen: round.reopen,
                ..Round::default()
            };
            return;
        }
        worker.at = At::DoubtUnsettled;
        if !self.has_work(worker) {
            self.pass(worker);
        }
    }

    fn sent(&self, round: &Round) -> Slots {
        match &*self.decisions.next(round) {
            Next::Conclude(concluded) => concluded.sent,
            Next::Nothing | Next::Claim(_) | Next::Send(_) => Slots::default(),
        }
    }

    fn concluded(&self, round: &Round) -> Concluded {
        match &*self.decisions.next(round) {
            Next::Conclude(concluded) => concluded.clone(),
            Next::Nothing | Next::Claim(_) | Next::Send(_) => unreachable!("nothing is concluded before its end"),
        }
    }

    /// Claims a key, as the store does; whether somebody else holds it.
    fn is_refused(&self, state: &mut State, key: u8, person: u8) -> bool {
        if self.lacks(Broken::NoClaims) {
            return false;
        }
        let claim = &mut state.claims[usize::from(key)];
        if claim.by == 0 {
            claim.by = person + 1;
        }
        if claim.by == person + 1 {
            call_off(state, key);
            return false;
        }
        claim.contender = person + 1;
        true
    }

    fn send(&self, state: &State, place: usize, steps: &mut Steps) {
        let Next::Send(request) = *self.decisions.next(&state.workers[place].round) else {
            unreachable!("only a run that has something to send sends");
        };
        for (answer, applies, faults) in ANSWERS {
            if faults > state.faults {
                continue;
            }
            let mut next = state.clone();
            next.faults -= faults;
            let mut worker = next.workers.remove(place);
            match applies {
                Applies::AtOnce => self.apply(&mut next, request),
                Applies::Late => worker.late.push(request),
                Applies::Never => {}
            }
            worker.late.sort_unstable();
            worker.round.answers.push(answer);
            self.go_on(&mut worker);
            next.workers.push(worker);
            steps.push((Step::Answered(place, Some(request), answer, applies), next));
        }
    }

    fn settle(&self, state: &State, place: usize, steps: &mut Steps) {
        let worker = &state.workers[place];
        let settlements = self.concluded(&worker.round).settlements;
        let mut next = state.clone();
        let mut run = next.workers.remove(place);
        let mut stored = People::default();
        for (person, standing) in &settlements {
            let is_newest = worker.round.rows[*person] == state.rows[*person]
                || self.decisions.person(worker.round.rows[*person]).version
                    == self.decisions.person(state.rows[*person]).version;
            let is_current = !worker.stale.has(*person);
            let is_compared = !self.lacks(Broken::SettledWithoutVersion) && !self.lacks(Broken::VersionNotCompared);
            if (is_newest || !is_compared) && (is_current || self.lacks(Broken::SettledWithoutRevision)) {
                let is_misdated = !is_newest && self.lacks(Broken::SettledWithoutVersion);
                let standing =
                    if is_misdated { self.decisions.misdated(*standing, state.rows[*person]) } else { *standing };
                stored = stored.and(People::one(*person));
                let read = worker.round.standings[*person];
                let standing = self.decisions.outlasted(read, standing, worker.waits);
                self.write_standing(&mut next, *person, standing);
            }
        }
        if state.faults > 0 && !stored.is_empty() {
            let mut unheard = next.clone();
            unheard.faults -= 1;
            unheard.workers.push(self.told(run.clone(), People::default()));
            steps.push((Step::Settled(place, Kept::Unheard), unheard));
        }
        let kept = if stored.iter().count() == settlements.len() { Kept::All } else { Kept::Refused };
        run = self.told(run, stored);
        next.workers.push(run);
        steps.push((Step::Settled(place, kept), next));
    }

    /// Which of a run's waits are over once time has passed.
    pub(super) fn outlasted(&self, worker: &Worker) -> Waits {
        let has_read = worker.round.ask.iter().any(|person| self.decisions.waits(worker.round.standings[person]));
        match worker.at {
            At::NudgeAgain | At::Settle if !self.concluded(&worker.round).again.is_empty() => Waits::AllAreOver,
            At::Claim | At::Send | At::NudgeAgain | At::Settle if has_read => worker.waits.max(Waits::ReadAreOver),
            At::Read
            | At::Claim
            | At::Send
            | At::NudgeAgain
            | At::Settle
            | At::Doubt
            | At::Offer
            | At::LookAtFlights
            | At::Release
            | At::NudgeContenders
            | At::DoubtHeldUp
            | At::NudgeHeldUp
            | At::DoubtUnsettled
            | At::NudgeMoved
            | At::NudgePutOff
            | At::Clear => worker.waits,
        }
    }

    fn told(&self, mut worker: Worker, stored: People) -> Worker {
        let answer = self.decisions.stored(&worker.round, stored, worker.waits);
        worker.stored = stored;
        worker.moved = answer.moved;
        if !self.lacks(Broken::LostRetryForgotten) {
            worker.put_off = worker.put_off.and(answer.put_off);
        }
        worker.unsettled = worker.unsettled.without(answer.settled);
        self.pass(&mut worker);
        worker
    }

    fn clear(&self, state: &State, place: usize, steps: &mut Steps) {
        let mut next = state.clone();
        let worker = next.workers.remove(place);
        let hint = worker.hint;
        self.cleared(&mut next, worker);
        if state.faults > 0 {
            let mut again = next.clone();
            again.faults -= 1;
            again.nudge(hint);
            steps.push((Step::DoneUnacknowledged(place), again));
        }
        steps.push((Step::Run(place, At::Clear), next));
    }

    /// What a run that is done leaves behind.
    pub(super) fn cleared(&self, state: &mut State, worker: Worker) {
        let stands = !worker.open.is_empty() && !self.lacks(Broken::FlightClearedAfterTimeout);
        self.leave_flight(state, if stands { worker.open } else { People::default() }, worker.late);
    }

    fn death(&self, state: &State, place: usize, steps: &mut Steps) {
        if state.faults == 0 {
            return;
        }
        let mut next = state.clone();
        next.faults -= 1;
        let worker = next.workers.remove(place);
        next.nudge(worker.hint);
        if worker.at == At::Send
            && let Next::Send(request) = *self.decisions.next(&worker.round)
        {
            let mut sending = next.clone();
            let late = worker.late.iter().copied().chain([request]).collect();
            self.leave_flight(&mut sending, worker.hint.people, late);
            steps.push((Step::DiedSending(place, request), sending));
        }
        self.leave_flight(&mut next, worker.hint.people, worker.late);
        steps.push((Step::Died(place, worker.at), next));
    }

    fn flying(&self, state: &State) -> People {
        if self.lacks(Broken::ReleasedInFlight) {
            return People::default();
        }
        // The run that asks is not among the state's workers now.
        let running = state.workers.iter().map(|worker| worker.hint.people);
        let left = state.flights.iter().chain(state.sweep.iter().map(|(flight, _)| flight)).map(|one| one.people);
        running.chain(left).fold(People::default(), People::and)
    }
}

/// Nobody's offer of this key stands any more.
fn call_off(state: &mut State, key: u8) {
    state.workers.iter_mut().for_each(|worker| worker.offers &= !(1 << key));
}
