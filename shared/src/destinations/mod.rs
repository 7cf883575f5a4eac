//! The destinations, a line each.

pub mod bloomreach;
pub mod braze;
pub mod cheetah_digital;
pub mod eagle_eye_air;
pub mod heyloyalty;
pub mod webhook;

use crate::destination::{Destination, ReadSignal};
use crate::model::Provider;

/// Every destination.
pub fn all() -> Vec<&'static dyn Destination> {
    vec![
        &bloomreach::Bloomreach,
        &braze::Braze,
        &cheetah_digital::CheetahDigital,
        &eagle_eye_air::EagleEyeAir,
        &heyloyalty::Heyloyalty,
        &webhook::Webhook,
    ]
}

/// The destination of a kind.
pub fn find(provider: &Provider) -> Option<&'static dyn Destination> {
    all().into_iter().find(|destination| destination.spec().provider == *provider)
}

/// How the webhooks of a destination's vendor are read; `None` where it sends none.
pub fn find_signals(provider: &Provider) -> Option<ReadSignal> {
    match provider.as_str() {
        "heyloyalty" => Some(heyloyalty::read_signal),
        _ => None,
    }
}
