//! Everything that a step can see, small and canonical: rows by their number, what is alike sorted. Now is always
//! the same: when time passes, everything that was noted moves back, and what is long ago stays so.

use super::promises::Promise;
use crate::table::PersonNumber;

/// Most effects that the changes of a scenario may earn.
pub const MOST: usize = 3;

/// How often the clock may step while a run is alive, and after its request ended while that may still be applied.
pub const ALIVE: u8 = 1;

/// Whatever was noted so many steps of the clock ago was noted long ago.
pub const LONG_AGO: u8 = 3;

/// Effects, by the place of the change that may earn them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Places(pub u8);

impl Places {
    /// One of them.
    pub fn one(place: usize) -> Self {
        Self(1 << place)
    }
    /// Whether nothing is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
    /// Whether this one is in it.
    pub fn has(self, place: usize) -> bool {
        self.0 & 1 << place != 0
    }
    /// These and those.
    pub fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }
    /// One after the other.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..MOST).filter(move |place| self.has(*place))
    }
}

impl FromIterator<usize> for Places {
    fn from_iter<T: IntoIterator<Item = usize>>(places: T) -> Self {
        places.into_iter().fold(Self::default(), |all, one| all.and(Self::one(one)))
    }
}

/// A row of the ledger as it was at some time, by number; 0 is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EffectNumber(pub u16);

/// A nudge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hint {
    /// After so many steps of the clock.
    pub wait: u8,
    /// Whether a walk sent it, or a run that followed from one.
    pub by_walk: bool,
}

/// What a run is to do about an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Todo {
    /// Which effect.
    pub place: u8,
    /// What.
    pub what: What,
    /// Its row as it was read.
    pub read: EffectNumber,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// This is noted: it cannot be sent or asked for.
    Note(EffectNumber),
    /// The destination is asked.
    Ask,
    /// It is sent.
    Send,
}

/// A row about to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Noting {
    /// Which effect.
    pub place: u8,
    /// The row as it was read, on which the write is conditional.
    pub read: EffectNumber,
    /// The row as it shall be.
    pub row: EffectNumber,
}

/// Where a run is: what it does next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum At {
    /// Read the row of the person.
    #[default]
    Read,
    /// Read the ledger, and see what is next.
    Look,
    /// Note that an effect is being sent.
    NoteSent,
    /// Send it.
    Send,
    /// Ask for it.
    Ask,
    /// Nudge who must look again.
    Nudge,
    /// Note what became of it.
    Note,
    /// Read the outbox.
    ReadOutbox,
    /// Write it without what is at an end.
    Clean,
    /// Nudge for what is to be looked at later.
    NudgePutOff,
    /// Clear the flight.
    Clear,
}

/// A run that is alive.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Worker {
    /// What it does next.
    pub at: At,
    /// The nudge that it acts on.
    pub hint: Hint,
    /// Steps of the clock since it began.
    pub age: u8,
    /// The person as it was read.
    pub row: PersonNumber,
    /// What is to be done, the last first.
    pub todo: Vec<Todo>,
    /// The row about to be written.
    pub noting: Option<Noting>,
    /// What is at an end.
    pub ended: Places,
    /// After how many steps of the clock it is to be looked at again, sorted.
    pub put_off: Vec<u8>,
    /// The person as it was read for its outbox.
    pub outbox: PersonNumber,
    /// How often that was.
    pub rounds: u8,
    /// Whether it was written since.
    pub is_stale: bool,
}

impl Worker {
    /// Looks again after so many steps of the clock.
    pub fn put_off(&mut self, wait: u8) {
        if !self.put_off.contains(&wait) {
            self.put_off.push(wait);
            self.put_off.sort_unstable();
        }
    }
}

/// A flight whose worker is gone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Standing {
    /// Steps of the clock since it was written.
    pub age: u8,
    /// Whether its people came by a walk.
    pub by_walk: bool,
}

/// A request that ended and may still be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Late {
    /// For which effect.
    pub place: u8,
    /// For so many steps of the clock.
    pub left: u8,
}

/// How far a change is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arrival {
    /// It is to come.
    ToCome,
    /// It is on the row, its nudge is not sent.
    Written,
    /// It was accepted.
    Accepted,
}

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// Faults that may still happen.
    pub faults: u8,
    /// Words that the owner may still say.
    pub words: u8,
    /// The changes.
    pub changes: Vec<Arrival>,
    /// Those that were written, by place.
    pub written: Places,
    /// The row of the person.
    pub row: PersonNumber,
    /// What was earned, as a naive reading of the changes has it.
    pub due: Places,
    /// What was earned and is not in the outbox yet: only where a rule is left out.
    pub unwritten: Places,
    /// The rows of the ledger, by effect id.
    pub ledger: [EffectNumber; MOST],
    /// How often the vendor counted each effect; two stands for more.
    pub counted: [u8; MOST],
    /// What the owner said to be over, or the ledger before another effect took its row.
    pub over: Places,
    /// Requests still to be applied, sorted.
    pub late: Vec<Late>,
    /// Nudges, sorted.
    pub queue: Vec<Hint>,
    /// Whether messages were lost that no flight stands for.
    pub is_purged: bool,
    /// Runs, sorted.
    pub workers: Vec<Worker>,
    /// Flights without a worker, sorted.
    pub flights: Vec<Standing>,
    /// A promise that the last step broke.
    pub broken: Option<Promise>,
}

impl State {
    /// Puts what is alike in order.
    pub fn sort(&mut self) {
        self.late.sort_unstable();
        self.queue.sort_unstable();
        self.workers.sort_unstable();
        self.flights.sort_unstable();
    }

    /// Sends a nudge; a third of the same kind would add nothing to two.
    pub fn nudge(&mut self, hint: Hint) {
        if self.queue.iter().filter(|one| **one == hint).count() < 2 {
            self.queue.push(hint);
        }
    }

    /// Writes the row of the person: whoever read it before has read an older one.
    pub fn write_row(&mut self, row: PersonNumber) {
        self.row = row;
        self.workers.iter_mut().for_each(|worker| worker.is_stale = worker.at == At::Clean);
    }

    /// Whether nothing is on its way and no flight says that it might be.
    pub fn is_calm(&self) -> bool {
        self.workers.is_empty() && self.flights.is_empty() && self.late.is_empty()
    }

    /// Whether nothing is left to be done.
    pub fn is_at_rest(&self) -> bool {
        self.is_calm() && self.queue.is_empty() && self.changes.iter().all(|change| *change == Arrival::Accepted)
    }
}
