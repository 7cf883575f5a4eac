//! The rate of a workspace: windows that are reset on the clock, and the headers that tell of them (vendor file 4).

use jiff::Timestamp;

use super::switches::{Rate, Told};

const THREE_SECONDS: i64 = 3;
const HOUR: i64 = 3_600;

/// Requests since the last reset.
#[derive(Debug)]
struct Window {
    seconds: i64,
    /// Which window since 1970.
    number: i64,
    used: u32,
}

impl Window {
    fn of(seconds: i64) -> Self {
        Self { seconds, number: 0, used: 0 }
    }

    fn turn(&mut self, now: Timestamp) {
        let number = now.as_second().div_euclid(self.seconds);
        if number != self.number {
            (self.number, self.used) = (number, 0);
        }
    }

    fn headers(&self, limit: u32) -> Headers {
        Headers { limit, remaining: limit.saturating_sub(self.used), reset: (self.number + 1) * self.seconds }
    }
}

/// What is told of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Headers {
    pub limit: u32,
    pub remaining: u32,
    /// Seconds since 1970.
    pub reset: i64,
}

/// The windows of a workspace.
#[derive(Debug)]
pub(super) struct Windows {
    burst: Window,
    hour: Window,
    /// In the burst's window, those beyond the rate included.
    came: u64,
}

impl Windows {
    pub(super) fn new() -> Self {
        Self { burst: Window::of(THREE_SECONDS), hour: Window::of(HOUR), came: 0 }
    }

    fn turn(&mut self, now: Timestamp) {
        let before = self.burst.number;
        self.burst.turn(now);
        self.hour.turn(now);
        if self.burst.number != before {
            self.came = 0;
        }
    }

    /// Whether there may be one more request. What is refused uses nothing up.
    pub(super) fn admit(&mut self, rate: Rate, now: Timestamp) -> bool {
        self.turn(now);
        self.came += 1;
        let admitted = match rate {
            Rate::ThreeSeconds(limit) => self.burst.used < limit,
            Rate::HourAndBurst { hour, burst } => self.burst.used < burst && self.hour.used < hour,
        };
        if admitted {
            self.burst.used += 1;
            self.hour.used += 1;
        }
        admitted
    }

    /// How many came in the window of three seconds.
    pub(super) fn came(&self) -> u64 {
        self.came
    }

    pub(super) fn headers(&mut self, rate: Rate, told: Told, now: Timestamp) -> Headers {
        self.turn(now);
        match (rate, told) {
            (Rate::ThreeSeconds(limit), _) => self.burst.headers(limit),
            (Rate::HourAndBurst { hour, burst }, Told::Refusing)
                if self.burst.used >= burst && self.hour.used < hour =>
            {
                self.burst.headers(burst)
            }
            (Rate::HourAndBurst { hour, burst: _ }, Told::Hour | Told::Refusing) => self.hour.headers(hour),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    fn at(ms: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_millis(ms)
    }

    #[test]
    fn the_windows_do_not_slide() {
        let mut windows = Windows::new();
        let admitted = [2_900, 2_999, 2_999, 3_000, 3_001, 5_999, 6_000].map(|ms| {
            let admitted = windows.admit(Rate::ThreeSeconds(2), at(ms));
            (admitted, windows.came())
        });
        assert_eq!(admitted, [(true, 1), (true, 2), (false, 3), (true, 1), (true, 2), (false, 3), (true, 1)]);
    }

    #[test]
    fn the_burst_refuses_within_the_hour_and_the_hour_after_it() {
        let mut windows = Windows::new();
        let rate = Rate::HourAndBurst { hour: 3, burst: 2 };
        let admitted = [0, 0, 0, 3_000, 6_000, 3_600_000].map(|ms| windows.admit(rate, at(ms)));
        assert_eq!(admitted, [true, true, false, true, false, true]);
    }

    #[test]
    fn the_headers_tell_of_the_hour_or_of_what_refuses() {
        let mut windows = Windows::new();
        let rate = Rate::HourAndBurst { hour: 10, burst: 1 };
        assert!(windows.admit(rate, at(0)));
        assert_eq!(windows.headers(rate, Told::Hour, at(0)), Headers { limit: 10, remaining: 9, reset: 3_600 });
        assert_eq!(windows.headers(rate, Told::Refusing, at(0)), Headers { limit: 1, remaining: 0, reset: 3 });
        assert_eq!(windows.headers(rate, Told::Refusing, at(3_000)).limit, 10);
    }
}
