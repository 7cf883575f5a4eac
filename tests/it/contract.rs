//! The contract suite on every destination against its twin.

use std::collections::BTreeSet;

use muster::destinations;
use muster::model::Provider;
use muster_tests::worlds::HeyloyaltyWorld;

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
    heyloyalty => HeyloyaltyWorld::start(),
}

#[test]
fn every_destination_is_held_to_the_contract() {
    let registered: BTreeSet<Provider> = destinations::all().iter().map(|each| each.spec().provider.clone()).collect();
    let held: BTreeSet<Provider> = HELD.iter().map(|name| name.replace('_', "-").parse().unwrap()).collect();
    assert_eq!(held, registered, "a world for every destination, in `tests/src/worlds`");
}
