//! One event of each kind, composed by ourselves, and what it tells.

use insta::{assert_json_snapshot, with_settings};

use super::READER;

macro_rules! samples {
    ($($name:ident)*) => {
        pub(super) const SAMPLES: &[(&str, &str)] =
            &[$((stringify!($name), include_str!(concat!("../fixtures/", stringify!($name), ".json")))),*];

        $(
            #[test]
            fn $name() {
                let body = include_bytes!(concat!("../fixtures/", stringify!($name), ".json"));
                // The order of members depends on features of serde_json that others of the build turn on.
                with_settings!({
                    snapshot_path => "../snapshots",
                    prepend_module_to_snapshot => false,
                    omit_expression => true,
                    sort_maps => true,
                }, {
                    assert_json_snapshot!(stringify!($name), READER.read(body).unwrap());
                });
            }
        )*
    };
}

samples! {
    accounts_issued
    consumer_created
    consumer_updated
    coupon_issued
    fulfil_final
    fulfil_initial
    fulfil_middle
    joined_all_at_once
    joined_wallet_only
    left
    opened
    plan_cancelled
    plan_joined
    points_spend_voided
    points_spent
    redeemed_by_the_wallet
    refunded
    returned_in_part
    scheme_joined
    settled
    settled_after_spending
    settled_in_the_answer
    settled_without_transaction
    tier_adjusted
    tier_created
    tier_credited
    tier_debited
    tier_moved
    trigger_coupon
    trigger_points
}
