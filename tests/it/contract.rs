//! The contract suite on every destination against its twin.

use std::collections::BTreeSet;

use muster::destinations;
use muster::model::Provider;
use muster_tests::worlds::{
    BloomreachWorld, BrazeWorld, CheetahDigitalWorld, EagleEyeAirWorld, HeyloyaltyWorld, WebhookWorld,
};

/// A module of tests for each world, and the names of all.
macro_rules! worlds {
    ($($suite:ident! $provider:ident => $world:expr,)*) => {
        const HELD: &[&str] = &[$(stringify!($provider)),*];
        $(mod $provider {
            use super::*;
            muster_tests::$suite!($world);
        })*
    };
}

worlds! {
    contract_suite! bloomreach => BloomreachWorld::start(),
    contract_suite! braze => BrazeWorld::start(),
    contract_suite! cheetah_digital => CheetahDigitalWorld::start(),
    contract_suite_of_effects! eagle_eye_air => EagleEyeAirWorld::start(),
    contract_suite! heyloyalty => HeyloyaltyWorld::start(),
    contract_suite! webhook => WebhookWorld::start(),
}

/// Of the other kind of key, clearing by null.
mod bloomreach_public {
    use super::*;
    muster_tests::contract_suite!(BloomreachWorld::start_public());
}

/// Attributes in a tree, of which Braze drops all for one null.
mod braze_nested {
    use super::*;
    muster_tests::contract_suite!(BrazeWorld::start_nested());
}

/// A receiver that says nothing of single records.
mod webhook_by_status {
    use super::*;
    muster_tests::contract_suite!(WebhookWorld::start_by_status());
}

#[test]
fn every_destination_is_held_to_the_contract() {
    let registered: BTreeSet<Provider> = destinations::all().iter().map(|each| each.spec().provider.clone()).collect();
    let held: BTreeSet<Provider> = HELD.iter().map(|name| name.replace('_', "-").parse().unwrap()).collect();
    assert_eq!(held, registered, "a world for every destination, in `tests/src/worlds`");
}
