//! A clock that stands until it is moved, and wakes whoever waits for a time.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use muster::ports::Clock;
use parking_lot::Mutex;

/// Whoever moves it decides when time passes; nothing waits in real time.
#[derive(Debug)]
pub struct VirtualClock {
    time: Mutex<Time>,
}

#[derive(Debug)]
struct Time {
    now: Timestamp,
    /// By when they want to go on, and in which order they came.
    sleepers: BTreeMap<(Timestamp, u64), Waker>,
    came: u64,
}

impl VirtualClock {
    /// Stands at a time.
    pub fn at(now: Timestamp) -> Self {
        Self { time: Mutex::new(Time { now, sleepers: BTreeMap::new(), came: 0 }) }
    }

    /// Moves forward to `to`, never back, and wakes whoever waited for it.
    pub fn advance_to(&self, to: Timestamp) {
        let due = {
            let mut time = self.time.lock();
            let now = time.now.max(to);
            time.now = now;
            let later = time.sleepers.split_off(&(now, u64::MAX));
            std::mem::replace(&mut time.sleepers, later)
        };
        due.into_values().for_each(Waker::wake);
    }

    /// When the next one wants to go on.
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.time.lock().sleepers.first_key_value().map(|((until, _), _)| *until)
    }

    fn until(&self, until: Timestamp) -> Sleep<'_> {
        Sleep { clock: self, until, place: None }
    }
}

#[async_trait]
impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.time.lock().now
    }

    async fn sleep(&self, duration: SignedDuration) {
        let until = self.now().saturating_add(duration).unwrap_or(Timestamp::MAX);
        self.until(until).await;
    }
}

struct Sleep<'c> {
    clock: &'c VirtualClock,
    until: Timestamp,
    /// Among the sleepers.
    place: Option<(Timestamp, u64)>,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut time = self.clock.time.lock();
        if time.now >= self.until {
            return Poll::Ready(());
        }
        let place = self.place.unwrap_or((self.until, time.came));
        time.came += u64::from(self.place.is_none());
        time.sleepers.insert(place, context.waker().clone());
        drop(time);
        self.place = Some(place);
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.clock.time.lock().sleepers.remove(&place);
        }
    }
}
