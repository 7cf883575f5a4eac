//! The decisions of a run in one of its rounds, asked and answered like the others.

use std::collections::BTreeSet;
use std::rc::Rc;

use jiff::SignedDuration;
use muster::delivery::Times;
use muster::delivery::decide::{self, Course, Outcomes, Work};
use muster::destination::{Action, Failure, Item, Verdict, Verdicts};
use muster::model::{KeyHash, PersonKey};
use muster::ports::{Claim, Row, Settled};

use super::decisions::{Decisions, Held, small};
use super::rules::Broken;
use super::state::{People, Request, Round, Slots, StandingNumber, Waits};
use crate::facts::{LATER, later, now};
use crate::vendor::Answer;

/// What a run does next in its round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// There is nothing to do.
    Nothing,
    /// It claims these keys for these people.
    Claim(Vec<(u8, u8)>),
    /// It sends this.
    Send(Request),
    /// Everything is answered.
    Conclude(Concluded),
}

/// What the answers of a round mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concluded {
    /// Records that were sent.
    pub sent: Slots,
    /// Whose outcome is open.
    pub open: People,
    /// Records in doubt.
    pub doubted: Slots,
    /// Who was put off.
    pub put_off: People,
    /// Who is nudged again.
    pub again: People,
    /// Standings to be stored, by person.
    pub settlements: Vec<(usize, StandingNumber)>,
}

/// What the store's answers to a round's settlements mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Records that have their receipt.
    pub settled: Slots,
    /// Who is looked at again.
    pub moved: People,
    /// Who is looked at later.
    pub put_off: People,
}

/// What becomes of former keys that were left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenBack {
    /// Keys that are free, with their holder.
    pub free: Vec<(u8, u8)>,
    /// Whose keys are not.
    pub held_up: People,
}

impl Decisions {
    fn rows(&self, round: &Round) -> Vec<Row> {
        let there = round.ask.iter().filter(|one| round.rows[*one].0 != 0);
        there.map(|one| self.row(round.rows[one], round.standings[one])).collect()
    }

    fn take_up<'r>(&self, rows: &'r [Row], round: &Round) -> (Course, Vec<Work<'r>>) {
        let mut course = Course::default();
        course.tried = self.records(round.tried);
        let shape = self.scenario.shape;
        let work = course.take_up(rows, &self.activation, shape, round.reopen, now(), |key| self.hash(key));
        (course, work)
    }

    /// What a run does next in this round.
    pub fn next(&self, round: &Round) -> Rc<Next> {
        self.next.get(round, || Rc::new(self.find_next(round)))
    }

    fn find_next(&self, round: &Round) -> Next {
        let rows = self.rows(round);
        let (mut course, mut work) = self.take_up(&rows, round);
        if work.is_empty() {
            return Next::Nothing;
        }
        let asked = decide::to_claim(&work, &self.activation);
        if !asked.is_empty() && round.refused.is_none() {
            let places = asked.iter().map(|(key, person)| (key.0[0], small(self.place(*person))));
            return Next::Claim(places.collect());
        }
        match self.replay(round, &mut course, &mut work) {
            Err(request) => Next::Send(request),
            Ok(verdicts) => Next::Conclude(self.conclude(&mut course, &work, &verdicts)),
        }
    }

    /// Goes through a round as far as its answers reach: the next request, or all verdicts.
    fn replay(&self, round: &Round, course: &mut Course, work: &mut [Work<'_>]) -> Result<Verdicts, Request> {
        self.note_claims(round, work);
        let mut answers = round.answers.iter().copied();
        let mut verdicts = Verdicts::new();
        let leaving = decide::leaving(work, &self.activation);
        course.sends(&leaving);
        self.answer(&leaving, &mut answers, &mut verdicts)?;
        let entering = decide::entering(work, &verdicts, &self.activation);
        course.sends(&entering);
        self.answer(&entering, &mut answers, &mut verdicts)?;
        Ok(verdicts)
    }

    fn note_claims(&self, round: &Round, work: &mut [Work<'_>]) {
        let asked = decide::to_claim(work, &self.activation);
        let refused = round.refused.unwrap_or_default();
        let answer = |(place, (key, person)): (usize, (KeyHash, PersonKey))| {
            let claim = if refused & 1 << place == 0 { Claim::Held } else { Claim::HeldBy(PersonKey([0; 16])) };
            (key, person, claim)
        };
        decide::note_claims(work, asked.into_iter().enumerate().map(answer).collect());
        if self.scenario.rules.lack(Broken::FormerKeysNotTold) {
            work.iter_mut().for_each(|one| one.departing.clear());
        }
    }

    fn answer(
        &self,
        items: &[Item],
        answers: &mut impl Iterator<Item = Answer>,
        verdicts: &mut Verdicts,
    ) -> Result<(), Request> {
        let mut halt: Option<Failure> = None;
        for item in items {
            let verdict = match &halt {
                Some(failure) => Verdict::Failed(failure.clone()),
                None => verdict(answers.next().ok_or_else(|| self.request(item))?),
            };
            halt = halt.or_else(|| decide::halts(&verdict));
            verdicts.insert(item.id.clone(), verdict);
        }
        Ok(())
    }

    fn request(&self, item: &Item) -> Request {
        let shows = match &item.action {
            Action::Show(shown) => self.shows(shown),
            Action::Leave | Action::Forget => 0,
        };
        Request { key: self.key_place(&item.key), record: self.record_place(&item.id.record), shows }
    }

    fn conclude(&self, course: &mut Course, work: &[Work<'_>], verdicts: &Verdicts) -> Concluded {
        let mut outcomes = self.outcomes(course, work, verdicts);
        let again = outcomes.again.values().flatten().copied().collect::<Vec<_>>();
        Concluded {
            sent: self.slots(&course.unsettled),
            open: self.people_of(&course.open),
            doubted: self.slots(&outcomes.doubted),
            put_off: self.people_of(course.put_off.values().flatten()),
            again: self.people_of(&again),
            settlements: outcomes
                .settlements(&self.activation, self.scenario.shape)
                .into_iter()
                .map(|one| (self.place(one.person), self.number_of_standing(&one.standing)))
                .collect(),
        }
    }

    fn outcomes<'r>(&self, course: &mut Course, work: &[Work<'r>], verdicts: &Verdicts) -> Outcomes<'r> {
        let wait = |_: u32, _: Option<SignedDuration>| LATER;
        course.conclude(work, verdicts, &self.activation, now(), wait)
    }

    fn with_outcomes<T>(
        &self,
        round: &Round,
        stored: People,
        waits: Waits,
        then: impl FnOnce(&mut Course, &[Work<'_>], &Outcomes<'_>, Vec<PersonKey>) -> T,
    ) -> T {
        let rows = self.rows(round);
        let (mut course, mut work) = self.take_up(&rows, round);
        let Ok(verdicts) = self.replay(round, &mut course, &mut work) else {
            unreachable!("a round is settled once everything is answered");
        };
        let mut outcomes = self.outcomes(&mut course, &work, &verdicts);
        let settlements = outcomes.settlements(&self.activation, self.scenario.shape);
        let answer = |person| if stored.has(self.place(person)) { Settled::Stored } else { Settled::Moved };
        let answers = settlements.iter().map(|one| (one.person, answer(one.person))).collect();
        // Whatever of these records was sent in any round has its receipt now.
        course.unsettled = self.records(Slots::ALL);
        course.put_off.clear();
        let after = if waits == Waits::AllAreOver { later() } else { now() };
        let (_, moved) = course.settled(&mut outcomes, answers, after);
        then(&mut course, &work, &outcomes, moved)
    }

    /// What it means that the receipts of these people were stored, and those of the others were not.
    pub fn stored(&self, round: &Round, stored: People, waits: Waits) -> Stored {
        self.stored.get(round, Rc::default).get(&(stored, waits), || {
            self.with_outcomes(round, stored, waits, |course, _, _, moved| Stored {
                settled: self.slots(&self.records(Slots::ALL)).without(self.slots(&course.unsettled)),
                moved: self.people_of(&moved),
                put_off: self.people_of(course.put_off.values().flatten()),
            })
        })
    }

    /// The former keys that were left, with their holders, once the receipts of these people were stored, in a run
    /// to which the outcome of these is open.
    pub fn leavers(&self, round: &Round, stored: People, open: People) -> Rc<Held> {
        self.leavers.get(round, Rc::default).get(&(stored, open), || {
            let leavers = self.find_leavers(round, stored, open);
            leavers.into_iter().map(|(key, person)| (key.0[0], small(self.place(person)))).collect()
        })
    }

    fn find_leavers(&self, round: &Round, stored: People, open: People) -> BTreeSet<(KeyHash, PersonKey)> {
        self.with_outcomes(round, stored, Waits::Last, |course, work, outcomes, _| {
            course.open.extend(self.keys_of(open));
            if self.scenario.rules.lack(Broken::ReleasedWhileOpen) {
                course.open.clear();
            }
            if !self.scenario.rules.lack(Broken::ReleasedHalfLeft) {
                return course.leavers(work, outcomes, &self.activation, self.scenario.shape);
            }
            let ended = work.iter().filter(|one| outcomes.ended.contains(&one.record()));
            let keys = ended.flat_map(|one| one.keys.iter().map(move |(step, key)| (one, step, key)));
            keys.filter(|(one, step, _)| one.departing.contains(step))
                .map(|(one, _, key)| (*key, one.plan.person))
                .collect()
        })
    }

    /// Which of them are given back while these people are in other flights.
    pub fn given_back(&self, round: &Round, stored: People, open: People, flying: People) -> GivenBack {
        self.given_back.get(round, Rc::default).get(&(stored, open, flying), || {
            let own = self.flight(round.ask, "own");
            let flights = [own.clone(), self.flight(flying, "other")];
            let age = Times::default().sweep_age;
            let given = decide::give_back(self.find_leavers(round, stored, open), &own.id, &flights, age);
            let free = given.free.into_iter().map(|(key, person)| (key.0[0], small(self.place(person))));
            GivenBack { free: free.collect(), held_up: self.people_of(&given.held_up) }
        })
    }
}

fn verdict(answer: Answer) -> Verdict {
    answer.failure().map_or(Verdict::Delivered { said: String::new(), memo: None }, Verdict::Failed)
}
