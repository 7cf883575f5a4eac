//! A world for each destination, and the list of them.

pub mod bloomreach;
pub mod braze;
pub mod cheetah_digital;
pub mod eagle_eye_air;
pub mod heyloyalty;
pub mod webhook;

use muster_twins::webhook::{FaultKind, RetryAfter};

use crate::contract::world::{Pause, Trouble};

pub use bloomreach::BloomreachWorld;
pub use braze::BrazeWorld;
pub use cheetah_digital::CheetahDigitalWorld;
pub use eagle_eye_air::EagleEyeAirWorld;
pub use heyloyalty::HeyloyaltyWorld;
pub use webhook::WebhookWorld;

/// A trouble as twins know it; `refused` is how this one refuses a record with a sentence.
fn fault_kind(trouble: &Trouble, refused: impl FnOnce(String) -> FaultKind) -> FaultKind {
    match trouble {
        Trouble::SlowDown(Pause::Unsaid) => FaultKind::TooManyRequests(RetryAfter::Absent),
        Trouble::SlowDown(Pause::Seconds(seconds)) => FaultKind::TooManyRequests(RetryAfter::Seconds(*seconds)),
        Trouble::SlowDown(Pause::Date(seconds)) => FaultKind::TooManyRequests(RetryAfter::HttpDateIn(*seconds)),
        Trouble::Broken(500) => FaultKind::Html500,
        Trouble::Broken(502) => FaultKind::BadGateway,
        Trouble::Broken(503) => FaultKind::Unavailable,
        Trouble::Broken(status) => FaultKind::Status(*status),
        Trouble::ResetBefore => FaultKind::ResetBefore,
        Trouble::ResetAfter => FaultKind::ResetAfter,
        Trouble::TimeoutBefore => FaultKind::TimeoutBefore,
        Trouble::TimeoutAfter => FaultKind::TimeoutAfter,
        Trouble::Truncated => FaultKind::TruncatedJson,
        Trouble::NotTheApi => FaultKind::NonJson200,
        Trouble::ErrorInOk => FaultKind::ErrorBody200,
        Trouble::Unauthorized => FaultKind::Unauthorized,
        Trouble::BadRequest => FaultKind::Status(400),
        Trouble::Refused(sentence) => refused(sentence.clone()),
    }
}
