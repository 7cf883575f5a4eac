//! The contract suite on every destination against its twin.

use std::collections::BTreeMap;

use muster::destinations;
use muster::model::Provider;
use muster_tests::worlds::{
    BloomreachWorld, BrazeWorld, CheetahDigitalWorld, EagleEyeAirWorld, HeyloyaltyWorld, WebhookWorld,
};

/// A module of tests for each world and each kind of promises that it is held to, and the names of all.
macro_rules! worlds {
    ($($provider:ident: $($kind:ident),+ => $world:expr;)*) => {
        const HELD: &[(&str, &[&str])] = &[$((stringify!($provider), &[$(stringify!($kind)),+])),*];
        $(mod $provider {
            $(mod $kind {
                use super::super::*;
                muster_tests::contract_suite!($kind, $world);
            })+
        })*
    };
}

worlds! {
    bloomreach: people, effects => BloomreachWorld::start();
    braze: people, effects => BrazeWorld::start();
    cheetah_digital: people => CheetahDigitalWorld::start();
    eagle_eye_air: nobody, effects => EagleEyeAirWorld::start();
    heyloyalty: people => HeyloyaltyWorld::start();
    webhook: people, effects => WebhookWorld::start();
}

/// Of the other kind of key, clearing by null.
mod bloomreach_public {
    use super::*;
    muster_tests::contract_suite!(people, BloomreachWorld::start_public());
}

/// Attributes in a tree, of which Braze drops all for one null.
mod braze_nested {
    use super::*;
    muster_tests::contract_suite!(people, BrazeWorld::start_nested());
}

/// A unit that can tell of a reward by its reference.
mod eagle_eye_air_with_look_up {
    use super::*;
    muster_tests::contract_suite!(effects, EagleEyeAirWorld::start_with_look_up());
}

/// A receiver that says nothing of single records.
mod webhook_by_status {
    use super::*;
    muster_tests::contract_suite!(people, WebhookWorld::start_by_status());
}

/// A receiver that acts on every repeat, and tells what it has.
mod webhook_asked {
    use super::*;
    muster_tests::contract_suite!(effects, WebhookWorld::start_asked());
}

#[test]
fn every_destination_is_held_to_the_contract() {
    let registered: BTreeMap<Provider, bool> =
        destinations::all().iter().map(|each| (each.spec().provider.clone(), each.spec().effects > 0)).collect();
    let held: BTreeMap<Provider, bool> = HELD
        .iter()
        .map(|(name, kinds)| {
            assert_ne!(kinds.contains(&"people"), kinds.contains(&"nobody"), "{name} is held to one of the two");
            (name.replace('_', "-").parse().unwrap(), kinds.contains(&"effects"))
        })
        .collect();
    assert_eq!(held, registered, "a world for every destination, in `tests/src/worlds`, and whether it has effects");
}
