//! The contract suite on every destination against its twin.

use std::collections::BTreeSet;

use muster::destinations;
use muster::model::Provider;
use muster_tests::worlds::{CheetahDigitalWorld, HeyloyaltyWorld, WebhookWorld};

/// A module of tests for each world, and the names of all.
macro_rules! worlds {
    ($($provider:ident => $world:expr,)*) => {
        const HELD: &[&str] = &[$(stringify!($provider)),*];
        $(mod $provider {
            use super::*;
            muster_tests::contract_suite!($world);
        })*
    };
}

worlds! {
    cheetah_digital => CheetahDigitalWorld::start(),
    heyloyalty => HeyloyaltyWorld::start(),
    webhook => WebhookWorld::start(),
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
