//! When to try again: exponential with full jitter, never sooner than the vendor asked.

use jiff::{SignedDuration, Timestamp};

use super::Dice;
use crate::model::standing::Trying;
use crate::model::{Outcome, Reason, Receipt};

const BASE: SignedDuration = SignedDuration::from_secs(2);
const CAP: SignedDuration = SignedDuration::from_mins(15);
/// Even the luckiest roll leaves the vendor a moment.
const LEAST: SignedDuration = SignedDuration::from_millis(500);

/// Waits so long after the `attempts`th failure (from 1).
pub(crate) fn backoff(attempts: u32, retry_after: Option<SignedDuration>, dice: &Dice) -> SignedDuration {
    let ceiling = BASE.checked_mul(1 << attempts.saturating_sub(1).min(16)).unwrap_or(CAP).min(CAP);
    dice.roll(ceiling).max(LEAST).max(retry_after.unwrap_or(SignedDuration::ZERO))
}

/// The tries so far, this failed one included. A parked record that is tried again begins anew.
pub(super) fn one_more(former: Option<&Receipt>, now: Timestamp) -> Trying {
    match former {
        Some(Receipt { outcome: Outcome::Waiting { .. }, trying: Some(trying), .. }) => {
            Trying { since: trying.since, attempts: trying.attempts.saturating_add(1) }
        }
        Some(_) | None => Trying { since: now, attempts: 1 },
    }
}

/// What a failed try makes of a record: waiting, or parked at the end of the retry window.
pub(super) fn after_failure(
    trying: Trying,
    reason: Reason,
    not_before: Timestamp,
    window: SignedDuration,
    now: Timestamp,
) -> Outcome {
    if now.duration_since(trying.since) >= window {
        Outcome::Parked { reason }
    } else {
        Outcome::Waiting { reason, not_before }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_grows_to_its_cap_and_honours_the_vendor() {
        let dice = Dice::seeded(7);
        for attempts in 1..40 {
            let wait = backoff(attempts, None, &dice);
            assert!(wait >= LEAST && wait <= CAP.min(BASE * (1 << (attempts - 1).min(10))).max(LEAST), "{attempts}");
        }
        let asked = SignedDuration::from_mins(40);
        assert_eq!(backoff(1, Some(asked), &dice), asked);
    }

    #[test]
    fn a_record_is_parked_when_its_window_is_over_and_not_before() {
        let since: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let trying = Trying { since, attempts: 9 };
        let window = SignedDuration::from_hours(72);
        let at = |hours| {
            let now = since + SignedDuration::from_hours(hours);
            after_failure(trying, Reason::new("down"), now, window, now)
        };
        assert!(matches!(at(71), Outcome::Waiting { .. }));
        assert!(matches!(at(72), Outcome::Parked { .. }));
    }
}
