//! How long a parked record waits for a replay. Nothing is written when that time is over: the receipt stays as it is,
//! and what it means is worked out from its age.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::activation::Activation;
use super::standing::{Outcome, Receipt};

/// What a parked record is to its activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parking {
    /// It waits for a replay.
    Waits,
    /// It was parked for longer than the activation says: a replay leaves it out unless it is asked for.
    GivenUp,
}

impl Activation {
    /// What a receipt says of a parked record; `None` for one that is not parked.
    pub fn parking(&self, receipt: &Receipt, now: Timestamp) -> Option<Parking> {
        match receipt.outcome {
            Outcome::Parked { .. } => {}
            Outcome::Delivered | Outcome::Filtered { .. } | Outcome::Rejected { .. } | Outcome::Waiting { .. } => {
                return None;
            }
        }
        let kept = self.keep_parked_days.map(|days| SignedDuration::from_hours(24 * i64::from(days)));
        let over = kept.is_some_and(|kept| now.duration_since(receipt.at) >= kept);
        Some(if over { Parking::GivenUp } else { Parking::Waits })
    }
}

/// Whether a replay sends what was given up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OfGivenUp {
    /// It does not.
    #[default]
    None,
    /// It does, as if it still waited.
    All,
}

impl OfGivenUp {
    /// Whether it is what a replay has where nobody says more.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a record of this parking is among those that a replay may pick.
    pub fn admits(self, parking: Option<Parking>) -> bool {
        match (self, parking) {
            (Self::None, Some(Parking::GivenUp)) => false,
            (Self::None | Self::All, Some(Parking::Waits) | None) | (Self::All, Some(Parking::GivenUp)) => true,
        }
    }
}
