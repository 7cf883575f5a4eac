//! Everything around the runs: sources, the store, the vendor's late side, sweep, catch-up, time.

use super::decisions::Decisions;
use super::promises;
use super::rules::Broken;
use super::scenario::{Haste, Ingest, Scenario};
use super::state::{Arrival, At, Held, Hint, PEOPLE, People, Request, Slots, Standing, StandingNumber, State, Swept};
use super::step::Step;
use crate::search::Model;
use crate::table::PersonNumber;

type Steps = Vec<(Step, State)>;

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

    /// Nobody known, nothing shown, nothing on its way.
    fn empty(&self) -> State {
        let scenario = self.scenario();
        State {
            faults: 0,
            changes: vec![Arrival::Accepted; scenario.changes.len()],
            rows: [PersonNumber::default(); PEOPLE],
            standings: [StandingNumber::default(); PEOPLE],
            vendor: vec![0; scenario.keys.len() * scenario.records.len()],
            claims: vec![Held::default(); scenario.keys.len()],
            queue: Vec::new(),
            purged: false,
            workers: Vec::new(),
            flights: Vec::new(),
            sweep: None,
            stray: Vec::new(),
        }
    }

    fn ingest(&self, state: &State, steps: &mut Steps) {
        for change in 0..state.changes.len() {
            let arrived = |at| {
                let mut next = state.clone();
                next.changes[change] = at;
                next
            };
            match state.changes[change] {
                Arrival::ToCome => match self.scenario().ingest {
                    Ingest::AtOnce => steps.push((Step::ChangeWritten(change), self.write(state, change))),
                    Ingest::InTwoSteps => {
                        let row = state.rows[self.whose(change)];
                        steps.push((Step::ChangeRead(change), arrived(Arrival::Read(row))));
                    }
                },
                Arrival::Read(row) => {
                    if row == state.rows[self.whose(change)] {
                        steps.push((Step::ChangeWritten(change), self.write(state, change)));
                    } else if self.lacks(Broken::RowWrittenBlindly) {
                        let mut blind = state.clone();
                        blind.rows[self.whose(change)] = row;
                        steps.push((Step::ChangeWritten(change), self.write(&blind, change)));
                    } else {
                        steps.push((Step::ChangeRefused(change), arrived(Arrival::ToCome)));
                    }
                }
                Arrival::Written => {
                    let mut next = arrived(Arrival::Accepted);
                    next.nudge(self.news(change));
                    steps.push((Step::ChangeNudged(change), next));
                    if state.faults > 0 {
                        let next = State { faults: state.faults - 1, ..arrived(Arrival::ToCome) };
                        steps.push((Step::ChangeUnanswered(change), next));
                    }
                }
                Arrival::Accepted if state.faults > 0 => {
                    let next = State { faults: state.faults - 1, ..self.write(state, change) };
                    steps.push((Step::ChangeDoubled(change), next));
                }
                Arrival::Accepted => {}
            }
        }
    }

    fn whose(&self, change: usize) -> usize {
        self.decisions.place(self.scenario().changes[change].person)
    }

    fn news(&self, change: usize) -> Hint {
        Hint { people: People::one(self.whose(change)), reopen: false, later: false }
    }

    /// The row with the change in it; one that concerns nobody is accepted at once.
    fn write(&self, state: &State, change: usize) -> State {
        let person = self.whose(change);
        let (row, concerned) = self.decisions.merged(state.rows[person], change);
        let is_repeat = row == state.rows[person];
        let mut next = state.clone();
        next.rows[person] = row;
        let is_nudged = concerned && !(is_repeat && self.lacks(Broken::RepeatNotNudged));
        next.changes[change] = if is_nudged { Arrival::Written } else { Arrival::Accepted };
        next
    }

    /// Stores a standing: whoever read it before has read an older one.
    pub(super) fn write_standing(&self, state: &mut State, person: usize, standing: StandingNumber) {
        state.standings[person] = standing;
        for worker in &mut state.workers {
            if worker.round.ask.has(person) && worker.round.rows[person] != PersonNumber::default() {
                worker.stale = worker.stale.and(People::one(person));
            }
        }
    }

    pub(super) fn doubt(&self, state: &mut State, records: Slots) {
        for person in self.decisions.whose(records).iter() {
            let raised = self.decisions.raised(state.standings[person], person, Some(records));
            self.write_standing(state, person, raised);
        }
    }

    pub(super) fn doubt_people(&self, state: &mut State, people: People) {
        if self.lacks(Broken::NoDoubt) {
            return;
        }
        // Who has no row is passed over.
        for person in people.iter().filter(|person| state.rows[*person] != PersonNumber::default()).collect::<Vec<_>>()
        {
            let raised = self.decisions.raised(state.standings[person], person, None);
            self.write_standing(state, person, raised);
        }
    }

    pub(super) fn apply(&self, state: &mut State, request: Request) {
        let Request { key, record, shows } = request;
        state.vendor[usize::from(key) * self.scenario().records.len() + usize::from(record)] = shows;
    }

    /// What a run leaves behind: a flight for these people, or requests that nobody knows of.
    pub(super) fn leave_flight(&self, state: &mut State, people: People, late: Vec<Request>) {
        if people.is_empty() || self.lacks(Broken::NoFlight) {
            state.stray.extend(late);
        } else {
            state.flights.push(Standing { people, late });
        }
    }

    /// Requests on their way are applied, whoever sent them.
    fn late(&self, state: &State, steps: &mut Steps) {
        let mut apply = |request: Request, take: &dyn Fn(&mut State)| {
            let mut next = state.clone();
            take(&mut next);
            self.apply(&mut next, request);
            steps.push((Step::AppliedLate(request), next));
        };
        for (place, worker) in state.workers.iter().enumerate() {
            for (which, request) in worker.late.iter().enumerate() {
                apply(*request, &|next| {
                    next.workers[place].late.remove(which);
                });
            }
        }
        for (place, flight) in state.flights.iter().enumerate() {
            for (which, request) in flight.late.iter().enumerate() {
                apply(*request, &|next| {
                    next.flights[place].late.remove(which);
                });
            }
        }
        if let Some((flight, _)) = &state.sweep {
            for (which, request) in flight.late.iter().enumerate() {
                apply(*request, &|next| {
                    next.sweep.as_mut().map(|(flight, _)| flight.late.remove(which));
                });
            }
        }
        for (which, request) in state.stray.iter().enumerate() {
            apply(*request, &|next| {
                next.stray.remove(which);
            });
        }
    }

    fn sweep(&self, state: &State, steps: &mut Steps) {
        let Some((flight, swept)) = &state.sweep else {
            self.begin_sweep(state, steps);
            return;
        };
        let mut next = State { sweep: None, ..state.clone() };
        let step = self.sweep_on(&mut next, flight.clone(), *swept);
        steps.push((step, next));
        if state.faults > 0 {
            let mut died = State { faults: state.faults - 1, sweep: None, ..state.clone() };
            if *swept == Swept::Cleared {
                died.stray.extend(flight.late.iter().copied());
            } else {
                died.flights.push(flight.clone());
            }
            steps.push((Step::SweepDied, died));
        }
    }

    fn sweep_on(&self, state: &mut State, flight: Standing, swept: Swept) -> Step {
        let people = flight.people;
        match swept {
            Swept::Doubted if self.lacks(Broken::SweptBeforeNudge) => {
                state.sweep = Some((flight, Swept::Cleared));
                Step::SweepClears
            }
            Swept::Doubted => {
                state.nudge(Hint { people, reopen: false, later: false });
                state.sweep = Some((flight, Swept::Nudged));
                Step::SweepNudges
            }
            Swept::Nudged => {
                state.stray.extend(flight.late);
                Step::SweepClears
            }
            Swept::Cleared => {
                state.stray.extend(flight.late);
                if self.lacks(Broken::SweptBeforeDoubt) {
                    self.doubt_people(state, people);
                }
                state.nudge(Hint { people, reopen: false, later: false });
                Step::SweepNudges
            }
        }
    }

    fn begin_sweep(&self, state: &State, steps: &mut Steps) {
        for (place, flight) in state.flights.iter().enumerate() {
            let is_over = flight.late.is_empty() || self.lacks(Broken::SweptTooEarly);
            if place > 0 && state.flights[place - 1] == *flight || !self.decisions.is_swept(flight.people, is_over) {
                continue;
            }
            let mut next = state.clone();
            next.flights.remove(place);
            if self.lacks(Broken::SweptBeforeDoubt) {
                next.sweep = Some((flight.clone(), Swept::Cleared));
                steps.push((Step::SweepClears, next));
            } else {
                self.doubt_people(&mut next, flight.people);
                next.sweep = Some((flight.clone(), Swept::Doubted));
                steps.push((Step::SweepDoubts, next));
            }
        }
    }

    /// Messages lost, and what finds whoever they were about. Where none was lost the catch-up must not be
    /// needed, except for open ends. It comes once a day, when everything else is over.
    fn messages(&self, state: &State, steps: &mut Steps) {
        if state.faults > 0 && !state.queue.is_empty() {
            let next = State { faults: state.faults - 1, queue: Vec::new(), purged: true, ..state.clone() };
            steps.push((Step::Purged, next));
        }
        let wanted = |person: &usize| {
            let (row, standing) = (state.rows[*person], state.standings[*person]);
            row != PersonNumber::default()
                && self.decisions.wanted(row, standing)
                && (state.purged || promises::is_open(&self.decisions, row, standing))
        };
        let people: People = (0..PEOPLE).filter(wanted).collect();
        if state.is_calm() && state.queue.is_empty() && !people.is_empty() {
            let mut next = state.clone();
            next.nudge(Hint { people, reopen: true, later: false });
            steps.push((Step::CatchUp, next));
        }
    }

    fn time(&self, state: &State, steps: &mut Steps) {
        let waits = state.queue.iter().any(|hint| hint.later)
            || state.standings.iter().any(|standing| self.decisions.waits(*standing))
            || state.workers.iter().any(|worker| self.outlasted(worker) != worker.waits);
        if !waits {
            return;
        }
        let mut next = state.clone();
        next.queue = Vec::new();
        state.queue.iter().for_each(|hint| next.nudge(Hint { later: false, ..*hint }));
        next.standings = next.standings.map(|standing| self.decisions.in_time(standing));
        for worker in &mut next.workers {
            worker.waits = self.outlasted(worker);
        }
        steps.push((Step::TimePasses, next));
    }

    /// Once no fault is left, nothing can come between a step and the message that it sends next, and a message
    /// may be taken as late as one likes: it is sent with the step. Where nobody asks which flights stand, the
    /// same is true of clearing one, and of taking a message and reading the rows. This leaves nothing out and
    /// makes most of the states few.
    fn hasten(&self, state: &mut State) {
        if state.faults > 0 || self.scenario().haste == Haste::Never {
            return;
        }
        for change in 0..state.changes.len() {
            if state.changes[change] == Arrival::Written {
                state.changes[change] = Arrival::Accepted;
                state.nudge(self.news(change));
            }
        }
        let unseen = self.scenario().haste == Haste::FlightsUnseen;
        for _ in 0..state.workers.len() {
            let mut worker = state.workers.remove(0);
            while worker.at.only_nudges() || unseen && worker.at == At::Read && worker.rounds == 0 {
                self.act(state, &mut worker);
            }
            if unseen && worker.at == At::Clear {
                self.cleared(state, worker);
            } else {
                state.workers.push(worker);
            }
        }
        while let Some((flight, swept)) = state.sweep.take() {
            if swept == Swept::Nudged && !unseen {
                state.sweep = Some((flight, swept));
                break;
            }
            self.sweep_on(state, flight, swept);
        }
    }

    /// The state once everything that came before the search was delivered, without a fault.
    fn settled(&self) -> State {
        let mut state = self.empty();
        for change in &self.scenario().before {
            let person = self.decisions.place(change.person);
            state.rows[person] = self.decisions.merge(state.rows[person], change).0;
            state.nudge(Hint { people: People::one(person), reopen: false, later: false });
            while let Some((_, next)) = self.steps(&state).into_iter().find(|(step, _)| *step != Step::CatchUp) {
                state = next;
            }
        }
        state
    }
}

impl Model for World {
    type State = State;
    type Step = Step;

    fn name(&self) -> String {
        self.scenario().name.to_owned()
    }

    fn start(&self) -> State {
        let changes = vec![Arrival::ToCome; self.scenario().changes.len()];
        State { faults: self.scenario().faults, changes, ..self.settled() }
    }

    fn steps(&self, state: &State) -> Vec<(Step, State)> {
        let mut steps = Vec::new();
        self.ingest(state, &mut steps);
        self.runs(state, &mut steps);
        self.late(state, &mut steps);
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
