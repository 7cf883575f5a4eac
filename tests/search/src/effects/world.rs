//! Everything around the runs: sources, the vendor's late side, the owner, sweep, catch-up, the clock.

use muster::model::effect::Word;

use super::decisions::Decisions;
use super::promises;
use super::rules::Broken;
use super::scenario::Scenario;
use super::state::{ALIVE, Arrival, At, EffectNumber, Hint, LONG_AGO, Late, MOST, Places, Standing, State, What};
use super::step::Step;
use crate::search::Model;
use crate::table::PersonNumber;

type Steps = Vec<(Step, State)>;

/// A nudge for now.
const NOW: Hint = Hint { wait: 0, by_walk: false };

/// A scenario that can be searched.
#[derive(Debug)]
pub struct World {
    pub(super) decisions: Decisions,
}

impl World {
    /// The world of a scenario.
    pub fn of(scenario: Scenario) -> Self {
        Self { decisions: Decisions::on(scenario) }
    }

    pub(super) fn scenario(&self) -> &Scenario {
        &self.decisions.scenario
    }

    pub(super) fn lacks(&self, broken: Broken) -> bool {
        self.scenario().rules.lack(broken)
    }

    fn ingest(&self, state: &State, steps: &mut Steps) {
        for change in 0..state.changes.len() {
            match state.changes[change] {
                Arrival::ToCome => steps.push((Step::ChangeWritten(change), self.write_change(state, change))),
                Arrival::Written => {
                    let mut next = state.clone();
                    self.nudge_change(&mut next, change);
                    steps.push((Step::ChangeNudged(change), next));
                    if state.faults > 0 {
                        let mut died =
                            State { faults: state.faults - 1, unwritten: Places::default(), ..state.clone() };
                        died.changes[change] = Arrival::ToCome;
                        steps.push((Step::ChangeUnanswered(change), died));
                    }
                }
                Arrival::Accepted if state.faults > 0 => {
                    let next = State { faults: state.faults - 1, ..self.write_change(state, change) };
                    steps.push((Step::ChangeDoubled(change), next));
                }
                Arrival::Accepted => {}
            }
        }
    }

    /// The row with the change in it; one that concerns nobody is accepted at once.
    fn write_change(&self, state: &State, change: usize) -> State {
        let mut next = state.clone();
        if promises::earns(&self.decisions, state, change) {
            next.due = next.due.and(Places::one(change));
        }
        let (mut row, concerned) = self.decisions.merged(state.row, change);
        if self.lacks(Broken::OutboxWrittenAfter) {
            (row, next.unwritten) = self.decisions.without_outbox(row, state.row);
        }
        next.write_row(row);
        next.written = next.written.and(Places::one(change));
        next.changes[change] = if concerned { Arrival::Written } else { Arrival::Accepted };
        next
    }

    fn nudge_change(&self, state: &mut State, change: usize) {
        if !state.unwritten.is_empty() {
            let row = self.decisions.with_outbox(state.row, std::mem::take(&mut state.unwritten));
            state.write_row(row);
        }
        state.changes[change] = Arrival::Accepted;
        state.nudge(NOW);
    }

    /// Requests on their way are applied, whoever sent them.
    fn late(&self, state: &State, steps: &mut Steps) {
        for (which, late) in state.late.iter().enumerate() {
            let mut next = state.clone();
            next.late.remove(which);
            self.apply(&mut next, late.place);
            steps.push((Step::AppliedLate(late.place), next));
        }
    }

    /// The owner looks at the vendor, and says of what is listed whether it is there.
    fn owner(&self, state: &State, steps: &mut Steps) {
        if state.words == 0 {
            return;
        }
        for slot in 0..MOST {
            let Some(place) = self.is_listed(state.ledger[slot]) else { continue };
            let words: &[Word] =
                if state.counted[place] > 0 { &[Word::Happened] } else { &[Word::TryAgain, Word::GiveUp] };
            for word in words {
                let Some(row) = self.decisions.by_hand(state.ledger[slot], *word) else { continue };
                let mut unheard = State { words: state.words - 1, ..state.clone() };
                unheard.ledger[slot] = row;
                match word {
                    Word::Happened | Word::GiveUp => unheard.over = unheard.over.and(Places::one(place)),
                    Word::TryAgain => {}
                }
                let mut next = unheard.clone();
                next.nudge(Hint { wait: self.decisions.looked_at_again(row).unwrap_or(0), ..NOW });
                steps.push((Step::Said(place, *word), next));
                if state.faults > 0 {
                    let unheard = State { faults: state.faults - 1, is_purged: true, ..unheard };
                    steps.push((Step::SaidUnheard(place, *word), unheard));
                }
            }
        }
    }

    fn sweep(&self, state: &State, steps: &mut Steps) {
        for (place, flight) in state.flights.iter().enumerate() {
            if place > 0 && state.flights[place - 1] == *flight || !self.decisions.is_swept(flight.age) {
                continue;
            }
            let mut next = state.clone();
            if !self.lacks(Broken::SweptInSilence) {
                next.nudge(Hint { by_walk: flight.by_walk, ..NOW });
            }
            if state.faults > 0 {
                steps.push((Step::SweepDied, State { faults: state.faults - 1, ..next.clone() }));
            }
            next.flights.remove(place);
            steps.push((Step::Swept, next));
        }
    }

    /// Messages lost, and what finds whoever they were about: for those whose time has come a flight whose worker is
    /// gone, for all others the catch-up. It comes once a day, when everything else is over, and must not be needed
    /// where none of these was lost.
    fn messages(&self, state: &State, steps: &mut Steps) {
        if state.faults > 0 && !state.queue.is_empty() {
            let is_needed = state.flights.is_empty() || state.queue.iter().any(|hint| hint.wait > 0);
            let is_purged = state.is_purged || is_needed;
            let next = State { faults: state.faults - 1, queue: Vec::new(), is_purged, ..state.clone() };
            steps.push((Step::Purged, next));
        }
        if state.is_purged && state.is_calm() && state.queue.is_empty() && self.decisions.wanted(state.row) {
            let mut next = state.clone();
            next.nudge(Hint { by_walk: true, ..NOW });
            steps.push((Step::CatchUp, next));
        }
    }

    /// Nobody outlives the longest run, and nothing is applied after the longest late application.
    fn time(&self, state: &State, steps: &mut Steps) {
        let is_overdue = |late: &Late| late.left == 0;
        if state.workers.iter().any(|worker| worker.age >= ALIVE) || state.late.iter().any(is_overdue) {
            return;
        }
        let aged = |row: EffectNumber| self.decisions.aged(row);
        let mut next = state.clone();
        next.ledger = state.ledger.map(aged);
        next.late.iter_mut().for_each(|late| late.left -= 1);
        next.queue.clear();
        for hint in &state.queue {
            next.nudge(Hint { wait: hint.wait.saturating_sub(1), ..*hint });
        }
        for Standing { age, .. } in &mut next.flights {
            *age = (*age + 1).min(LONG_AGO);
        }
        for worker in &mut next.workers {
            worker.age += 1;
            for wait in std::mem::take(&mut worker.put_off) {
                worker.put_off(wait.saturating_sub(1));
            }
            for todo in &mut worker.todo {
                todo.read = aged(todo.read);
                if let What::Note(row) = &mut todo.what {
                    *row = aged(*row);
                }
            }
            if let Some(noting) = &mut worker.noting {
                (noting.read, noting.row) = (aged(noting.read), aged(noting.row));
            }
        }
        if next != *state {
            steps.push((Step::TimePasses, next));
        }
    }

    /// Once no fault is left, nothing can come between a step and the message that it sends next, and a message may be
    /// taken as late as one likes: it is sent with the step, and the row is read when the message is taken. A flight
    /// that is cleared shows nobody anything.
    fn hasten(&self, state: &mut State) {
        if state.faults > 0 {
            return;
        }
        for change in 0..state.changes.len() {
            if state.changes[change] == Arrival::Written && state.unwritten.is_empty() {
                self.nudge_change(state, change);
            }
        }
        for _ in 0..state.workers.len() {
            let mut worker = state.workers.remove(0);
            while matches!(worker.at, At::Read | At::Nudge | At::NudgePutOff) {
                self.act(state, &mut worker);
            }
            if worker.at != At::Clear {
                state.workers.push(worker);
            }
        }
    }
}

impl Model for World {
    type State = State;
    type Step = Step;

    fn name(&self) -> String {
        self.scenario().name.to_owned()
    }

    fn start(&self) -> State {
        let scenario = self.scenario();
        State {
            faults: scenario.faults,
            words: scenario.words,
            changes: vec![Arrival::ToCome; scenario.changes.len()],
            written: Places::default(),
            row: PersonNumber::default(),
            due: Places::default(),
            unwritten: Places::default(),
            ledger: [EffectNumber::default(); MOST],
            counted: [0; MOST],
            over: Places::default(),
            late: Vec::new(),
            queue: Vec::new(),
            is_purged: false,
            workers: Vec::new(),
            flights: Vec::new(),
            broken: None,
        }
    }

    fn steps(&self, state: &State) -> Vec<(Step, State)> {
        let mut steps = Vec::new();
        self.ingest(state, &mut steps);
        self.runs(state, &mut steps);
        self.late(state, &mut steps);
        self.owner(state, &mut steps);
        self.sweep(state, &mut steps);
        self.messages(state, &mut steps);
        self.time(state, &mut steps);
        for (_, next) in &mut steps {
            self.hasten(next);
            next.sort();
        }
        steps
    }

    fn counts_as(&self, step: &Step) -> Option<&'static str> {
        step.counts_as()
    }

    fn violation(&self, state: &State) -> Option<String> {
        promises::broken(&self.decisions, state).map(|promise| promise.to_string())
    }

    fn is_done(&self, state: &State) -> bool {
        promises::is_done(&self.decisions, state)
    }

    fn describe(&self, state: &State) -> String {
        promises::describe(&self.decisions, state)
    }
}
