//! The time a twin believes in.

use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

/// A source of time given from outside, such as a test's own clock.
pub type TimeSource = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A shared handle on a twin's notion of now; clones see the same time.
#[derive(Clone)]
pub struct TwinClock(Arc<Mutex<Source>>);

enum Source {
    Machine,
    Given(TimeSource),
    Hand(Timestamp),
    Heard(Timestamp),
}

impl TwinClock {
    /// Follows the machine's clock.
    pub fn machine() -> Self {
        Self(Arc::new(Mutex::new(Source::Machine)))
    }

    /// Asks `source` each time.
    pub fn given(source: TimeSource) -> Self {
        Self(Arc::new(Mutex::new(Source::Given(source))))
    }

    /// Stands still at `now` until set or advanced.
    pub fn hand(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Source::Hand(now))))
    }

    /// What callers say it is: the time that the last request was stamped with, `now` until there is one. For
    /// callers in other processes that jump over idle time, so that a delay here is one there.
    pub fn hearsay(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Source::Heard(now))))
    }

    /// A caller says what time it is; believed by a clock made by [`TwinClock::hearsay`] only.
    pub(crate) fn hear(&self, said: Timestamp) {
        if let Source::Heard(now) = &mut *self.0.lock() {
            *now = said;
        }
    }

    /// The instant the twin takes for now.
    pub fn now(&self) -> Timestamp {
        // Cloned out of the lock: a given source may itself ask this clock.
        let given = match &*self.0.lock() {
            #[expect(clippy::disallowed_methods, reason = "this is where a twin reads the machine's clock")]
            Source::Machine => return Timestamp::now(),
            Source::Hand(now) | Source::Heard(now) => return *now,
            Source::Given(source) => Arc::clone(source),
        };
        given()
    }

    /// Stops following any source and stands at `now`.
    pub fn set(&self, now: Timestamp) {
        *self.0.lock() = Source::Hand(now);
    }

    /// Stops following any source and stands `by` later than now, within the range of `Timestamp`.
    pub fn advance(&self, by: SignedDuration) {
        let now = self.now();
        self.set(now.saturating_add(by).unwrap_or(now));
    }

    /// Follows the machine's clock from here on.
    pub fn follow_machine(&self) {
        *self.0.lock() = Source::Machine;
    }

    /// Follows `source` from here on.
    pub fn follow(&self, source: TimeSource) {
        *self.0.lock() = Source::Given(source);
    }
}

impl Default for TwinClock {
    fn default() -> Self {
        Self::machine()
    }
}

impl fmt::Debug for TwinClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TwinClock({})", self.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_a_hand_set_time() {
        let clock = TwinClock::hand(Timestamp::UNIX_EPOCH);
        let other = clock.clone();
        other.advance(SignedDuration::from_secs(90));
        assert_eq!(clock.now().as_second(), 90);
    }

    #[test]
    fn only_a_clock_that_listens_believes_its_callers() {
        let said = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(90);
        for (clock, now) in [
            (TwinClock::hearsay(Timestamp::UNIX_EPOCH), said),
            (TwinClock::hand(Timestamp::UNIX_EPOCH), Timestamp::UNIX_EPOCH),
        ] {
            clock.hear(said);
            assert_eq!(clock.now(), now);
        }
    }

    #[test]
    fn a_given_source_is_asked_each_time() {
        let theirs = TwinClock::hand(Timestamp::UNIX_EPOCH);
        let asked = theirs.clone();
        let clock = TwinClock::given(Arc::new(move || asked.now()));
        theirs.advance(SignedDuration::from_secs(5));
        assert_eq!(clock.now().as_second(), 5);
    }
}
