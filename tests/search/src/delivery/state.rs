//! Everything that a step can see, small and canonical: rows and standings by their number, what is alike
//! sorted, times only as before or after now.

use crate::table::PersonNumber;
use crate::vendor::Answer;

/// Most people of a model.
pub const PEOPLE: usize = 2;

/// People by their place in the scenario.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct People(pub u8);

impl People {
    /// One of them.
    pub fn one(person: usize) -> Self {
        Self(1 << person)
    }
    /// Whether nobody is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
    /// Whether this one is in it.
    pub fn has(self, person: usize) -> bool {
        self.0 & 1 << person != 0
    }
    /// These and those.
    pub fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }
    /// These without those.
    pub fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }
    /// One after the other.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..PEOPLE).filter(move |person| self.has(*person))
    }
}

impl FromIterator<usize> for People {
    fn from_iter<T: IntoIterator<Item = usize>>(people: T) -> Self {
        people.into_iter().fold(Self::default(), |all, one| all.and(Self::one(one)))
    }
}

/// Records of people, by person and place in the scenario.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slots(pub u8);

impl Slots {
    /// All there can be.
    pub const ALL: Self = Self(u8::MAX);
    /// Whether nothing is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
    /// These and those.
    pub fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }
    /// These without those.
    pub fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }
}

/// A standing as it was at some time, by number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StandingNumber(pub u16);

/// A nudge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hint {
    /// Whom.
    pub people: People,
    /// Whether open ends are looked at too.
    pub reopen: bool,
    /// Whether its time is still to come.
    pub later: bool,
}

/// What the vendor is told: what a record shows under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Request {
    /// By its place in the scenario.
    pub key: u8,
    /// By its place in the scenario.
    pub record: u8,
    /// By number; 0 is nothing.
    pub shows: u8,
}

/// A round of a run as far as it got; everything that its decisions depend on.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Round {
    /// Whom it looks at.
    pub ask: People,
    /// Rows as they were read.
    pub rows: [PersonNumber; PEOPLE],
    /// Standings as they were read.
    pub standings: [StandingNumber; PEOPLE],
    /// What the run sent before.
    pub tried: Slots,
    /// Whether open ends are looked at.
    pub reopen: bool,
    /// Which claims were refused, once they were made.
    pub refused: Option<u16>,
    /// What the vendor answered so far.
    pub answers: Vec<Answer>,
}

/// Where a run is: what it does next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum At {
    /// Read the rows.
    #[default]
    Read,
    /// Claim keys.
    Claim,
    /// Send an item.
    Send,
    /// Nudge who must be tried again.
    NudgeAgain,
    /// Store the receipts.
    Settle,
    /// Raise the doubt of what is open.
    Doubt,
    /// Offer the former keys that were left.
    Offer,
    /// Look which flights stand, to see which former keys may be given back.
    LookAtFlights,
    /// Give one back.
    Release,
    /// Nudge whoever asked for it.
    NudgeContenders,
    /// Put in doubt whose keys could not be given back.
    DoubtHeldUp,
    /// Nudge them for later.
    NudgeHeldUp,
    /// Put in doubt what could not be settled.
    DoubtUnsettled,
    /// Nudge whose row kept moving.
    NudgeMoved,
    /// Nudge who was put off.
    NudgePutOff,
    /// Clear or narrow the flight.
    Clear,
}

/// Which of a round's waits are over before its receipts are stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Waits {
    /// None that it knows of.
    #[default]
    Last,
    /// Those that it read.
    ReadAreOver,
    /// Its own too.
    AllAreOver,
}

impl At {
    /// Whether it does nothing but send a message.
    pub fn only_nudges(self) -> bool {
        match self {
            Self::NudgeAgain | Self::NudgeContenders | Self::NudgeHeldUp | Self::NudgeMoved | Self::NudgePutOff => true,
            Self::Read
            | Self::Claim
            | Self::Send
            | Self::Settle
            | Self::Doubt
            | Self::Offer
            | Self::LookAtFlights
            | Self::Release
            | Self::DoubtHeldUp
            | Self::DoubtUnsettled
            | Self::Clear => false,
        }
    }
}

/// A run that is alive.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Worker {
    /// What it does next.
    pub at: At,
    /// The nudge that it acts on.
    pub hint: Hint,
    /// Rounds begun.
    pub rounds: u8,
    /// The round.
    pub round: Round,
    /// People whose standing was written since it was read.
    pub stale: People,
    /// Which waits that its receipts would speak of are over.
    pub waits: Waits,
    /// What it sent and has no receipt of.
    pub unsettled: Slots,
    /// Whose outcome is open.
    pub open: People,
    /// Who is to be looked at later.
    pub put_off: People,
    /// Requests of its that the vendor has not applied yet.
    pub late: Vec<Request>,
    /// Of the round: whose receipts were stored.
    pub stored: People,
    /// Of the round: who must be looked at again.
    pub moved: People,
    /// Keys by place that it offered, and nobody claimed or offered since.
    pub offers: u8,
    /// Former keys still to be given back, with their holder.
    pub releases: Vec<(u8, u8)>,
    /// Who is to be nudged since a key is free.
    pub contenders: People,
    /// Whose former keys could not be given back.
    pub held_up: People,
}

/// A flight whose worker is gone.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Standing {
    /// Whom it names.
    pub people: People,
    /// What went with it and may still be applied.
    pub late: Vec<Request>,
}

/// How far a sweep is with a flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Swept {
    /// Its people are in doubt.
    Doubted,
    /// They are nudged.
    Nudged,
    /// It is cleared, out of order.
    Cleared,
}

/// Who holds a key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Held {
    /// By whom, from 1; 0 is nobody.
    pub by: u8,
    /// Who asked last, from 1.
    pub contender: u8,
}

/// How far a change is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arrival {
    /// It is to come.
    ToCome,
    /// A request read the row as it was.
    Read(PersonNumber),
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
    /// The changes.
    pub changes: Vec<Arrival>,
    /// The rows.
    pub rows: [PersonNumber; PEOPLE],
    /// The standings.
    pub standings: [StandingNumber; PEOPLE],
    /// What the vendor shows, by key and record.
    pub vendor: Vec<u8>,
    /// Who holds the keys.
    pub claims: Vec<Held>,
    /// Nudges, sorted.
    pub queue: Vec<Hint>,
    /// Whether messages were lost.
    pub purged: bool,
    /// Runs, sorted.
    pub workers: Vec<Worker>,
    /// Flights without a worker, sorted.
    pub flights: Vec<Standing>,
    /// A sweep at one of them.
    pub sweep: Option<(Standing, Swept)>,
    /// Requests still to be applied that no flight speaks of, sorted.
    pub stray: Vec<Request>,
}

impl State {
    /// Puts what is alike in order.
    pub fn sort(&mut self) {
        self.queue.sort_unstable();
        self.workers.sort_unstable();
        self.flights.sort_unstable();
        self.stray.sort_unstable();
    }

    /// Sends a nudge; a third of the same kind would add nothing to two.
    pub fn nudge(&mut self, hint: Hint) {
        let alike = self.queue.iter().filter(|one| **one == hint).count();
        if !hint.people.is_empty() && alike < 2 {
            self.queue.push(hint);
        }
    }

    /// Whether no request is on its way and no flight says that one might be.
    pub fn is_calm(&self) -> bool {
        self.workers.is_empty() && self.flights.is_empty() && self.sweep.is_none() && self.stray.is_empty()
    }

    /// Whether nothing is left to be done.
    pub fn is_at_rest(&self) -> bool {
        self.is_calm() && self.queue.is_empty() && self.changes.iter().all(|change| *change == Arrival::Accepted)
    }
}
