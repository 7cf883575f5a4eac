//! What every destination promises, one function per promise, held against a twin of its vendor. A
//! [`VendorWorld`] brings destination and twin, an [`EffectWorld`] what its vendor shows that happened;
//! [`contract_suite!`](crate::contract_suite!) makes a test of each promise, and after each looks for harm.
#![expect(missing_docs, reason = "a promise's name is its documentation")]
#![expect(clippy::unwrap_used, reason = "these run in tests only, and a call that fails has broken its promise")]

pub mod access;
pub mod bench;
pub mod bulk;
pub mod effects;
pub mod limits;
pub mod listen;
pub mod memo;
pub mod people;
pub mod prepare;
pub mod preview;
pub mod read_back;
pub mod secrecy;
mod tasks;
pub mod trouble;
pub mod world;

pub use bench::{Bench, Want};
pub use world::{EffectWorld, VendorWorld};

/// What holds after every promise: nothing was asked of the vendor that must never be asked.
pub fn assert_unharmed(world: &dyn VendorWorld) {
    let harm = world.harm();
    assert!(harm.is_empty(), "{harm:?}");
    assert_eq!(world.end_trouble(), 0, "a fault was set up that never struck");
}

/// Makes a test of every promise of a kind; the world is a future that makes a fresh [`VendorWorld`]. A destination
/// promises something either of the `people` that its vendor holds, or that it tells of `nobody`; and if it has
/// [effects](muster::destination::Spec::effects), of those too: then the world is an [`EffectWorld`].
#[macro_export]
macro_rules! contract_suite {
    (people, $world:expr) => {
        $crate::contract_promises! { $world;
            access::good_credentials_are_found_good
            access::refused_credentials_stop_everything
            access::refused_credentials_are_not_tried_person_by_person
            access::a_single_refusal_of_a_look_is_tried_again
            access::a_single_refusal_of_a_write_is_tried_again
            access::what_there_is_to_pick_from_is_found
            access::no_host_is_called_but_the_destinations_own
            access::origins_are_encrypted
            access::unknown_settings_are_refused_with_their_path
            access::unknown_credentials_are_refused_with_their_path
            prepare::preparing_twice_is_as_once
            prepare::preparing_touches_nobody
            prepare::a_removed_audience_is_relabelled_and_restored
            prepare::a_new_name_is_taken_over
            preview::what_is_shown_is_what_is_sent
            preview::what_is_shown_before_a_preparation_is_what_is_sent
            people::enter_and_leave_land_on_the_right_people
            people::delivering_twice_is_as_once
            people::never_left_and_inside_are_told_apart
            people::whoever_leaves_shows_nothing
            people::whoever_was_forgotten_can_come_back
            people::leaves_go_before_enters
            people::unsubscribed_people_are_not_touched
            people::strangers_are_treated_as_promised
            people::a_value_that_does_not_fit_is_reported_and_harms_no_other
            people::every_item_has_its_verdict
            trouble::a_refused_record_stands_alone
            trouble::a_write_that_breaks_is_tried_again
            trouble::a_write_whose_connection_breaks_before_is_tried_again
            trouble::a_write_whose_connection_breaks_after_is_tried_again
            trouble::a_write_that_times_out_before_is_tried_again
            trouble::a_write_that_times_out_after_is_tried_again
            trouble::a_write_with_half_an_answer_is_tried_again
            trouble::a_write_that_something_else_answers_is_tried_again
            trouble::a_write_with_an_error_in_a_200_is_not_taken_for_done
            trouble::a_look_that_breaks_is_tried_again
            trouble::a_look_whose_connection_breaks_is_tried_again
            trouble::a_look_that_times_out_is_tried_again
            trouble::a_look_with_half_an_answer_is_tried_again
            trouble::a_look_that_something_else_answers_is_tried_again
            trouble::a_look_with_an_error_in_a_200_is_tried_again
            trouble::everything_broken_harms_nothing
            trouble::a_wish_to_slow_down_is_honoured_in_seconds
            trouble::a_wish_to_slow_down_is_honoured_as_a_date
            trouble::a_wish_to_slow_down_without_a_time_is_honoured
            limits::the_rate_is_kept
            limits::without_time_nothing_is_sent
            bulk::bulk_shows_what_live_shows
            bulk::bulk_enters_and_leaves
            bulk::nobody_is_made_or_touched_by_bulk
            bulk::what_landed_is_confirmed
            bulk::bulk_in_trouble_is_tried_again
            bulk::a_refused_bulk_is_delivered_all_the_same
            bulk::refused_credentials_stop_bulk
            read_back::what_is_shown_is_read_back
            read_back::one_is_read_back_as_many_are
            memo::a_memo_saves_requests
            memo::a_memo_of_somebody_who_vanished_misleads_nobody
            memo::a_memo_of_somebody_who_unsubscribed_is_not_believed_for_ever
            memo::a_memo_of_another_form_is_no_harm
            secrecy::nothing_personal_is_told
        }
    };
    (nobody, $world:expr) => {
        $crate::contract_promises! { $world;
            access::good_credentials_are_found_good
            access::what_there_is_to_pick_from_is_found
            access::origins_are_encrypted
            access::unknown_settings_are_refused_with_their_path
            access::unknown_credentials_are_refused_with_their_path
            prepare::preparing_touches_nobody
            preview::what_is_shown_is_what_is_sent
            people::nobody_is_told_of
            secrecy::nothing_personal_is_told
        }
    };
    (effects, $world:expr) => {
        $crate::contract_promises! { $world;
            effects::an_effect_happens_once
            effects::many_happen_once_each_and_in_order
            effects::records_make_nothing_happen
            effects::whoever_is_refused_stands_alone
            effects::a_refused_effect_stands_alone
            effects::strangers_are_treated_as_promised
            effects::what_earns_nothing_here_is_refused
            effects::refused_credentials_make_nothing_happen
            effects::an_answer_whose_connection_breaks_leaves_it_open
            effects::an_answer_that_times_out_leaves_it_open
            effects::half_an_answer_leaves_it_open
            effects::what_breaks_is_never_said_to_have_happened
            effects::a_connection_that_breaks_before_makes_nothing_happen
            effects::a_time_out_before_makes_nothing_happen
            effects::what_something_else_answers_did_not_happen
            effects::an_error_in_a_200_is_not_taken_for_done
            effects::what_goes_wrong_halfway_is_said_of_the_rest_alone
            effects::a_refused_request_is_said_of_one_alone
            effects::a_wish_to_slow_down_is_honoured_in_seconds
            effects::a_wish_to_slow_down_is_honoured_as_a_date
            effects::a_wish_to_slow_down_without_a_time_is_honoured
            effects::what_was_never_sent_is_never_said_to_have_happened
            effects::an_ask_in_trouble_says_nothing_untrue
            effects::no_host_is_called_but_the_destinations_own
            effects::the_rate_is_kept
            effects::without_time_nothing_is_sent
            effects::nothing_personal_is_told
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! contract_promises {
    ($world:expr; $($part:ident::$promise:ident)*) => { $(
        #[tokio::test]
        async fn $promise() {
            let world = $world.await;
            $crate::contract::$part::$promise(&world).await;
            $crate::contract::assert_unharmed(&world);
        }
    )* };
}
