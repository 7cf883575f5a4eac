//! What every implementation of the ports promises, one function per promise. A [`PortWorld`] brings the
//! implementation; [`port_suite!`](crate::port_suite!) makes a test of each promise.
#![expect(missing_docs, reason = "a promise's name is its documentation")]
#![expect(clippy::unwrap_used, reason = "these run in tests only, and a port that fails has broken its promise")]

use async_trait::async_trait;
use muster::model::QueueName;
use muster::ports::{Document, Kind, Mail, Ports};

pub mod catalog;
pub mod effects;
pub mod fixtures;
pub mod ledger;
pub mod mailer;
pub mod notices;
pub mod people;
pub mod queue;
pub mod tokens;
pub mod vault;

/// One implementation of the ports on a store of its own, at first empty, and an eye on what leaves it.
#[async_trait]
pub trait PortWorld: Send + Sync {
    /// Ports on this world's store, as another instance of a function would hold them.
    async fn ports(&self) -> Ports;
    /// Takes the messages that are to be received from a queue now.
    async fn arrived(&self, queue: &QueueName) -> Vec<String>;
    /// The mails sent so far.
    async fn mails(&self) -> Vec<Mail>;
    /// A document's former versions, the oldest first.
    async fn history(&self, kind: Kind, id: &str) -> Vec<Document>;
}

/// Makes a test of every promise; the argument is a future that makes a fresh [`PortWorld`].
#[macro_export]
macro_rules! port_suite {
    ($world:expr) => {
        $crate::port_promises! { $world;
            people::a_row_comes_back_as_it_was_written
            people::rows_that_do_not_exist_are_not_answered
            people::more_rows_than_fit_in_a_call_are_read
            people::a_new_row_conflicts_with_one_that_exists
            people::a_write_of_an_outdated_sequence_conflicts
            people::a_batch_is_answered_write_by_write
            people::eight_writers_on_one_row_lose_nothing
            people::a_row_does_not_grow_beyond_its_limit
            people::a_settlement_comes_back_as_it_was_written
            people::a_settlement_of_an_outdated_version_moves
            people::a_settlement_of_an_outdated_revision_moves
            people::a_settlement_without_a_row_moves
            people::of_eight_settlements_one_is_stored
            people::doubt_makes_a_settlement_in_flight_move
            people::doubt_of_a_record_leaves_the_others
            people::doubt_passes_over_people_without_a_row
            people::eight_who_doubt_are_all_counted
            people::writing_a_row_leaves_its_standings
            people::standings_are_kept_by_activation
            people::a_walk_sees_every_row_of_its_source_once
            people::the_segments_of_a_walk_see_every_row_once
            people::a_walk_goes_on_after_any_row
            people::a_walk_brings_standings
            people::an_empty_store_counts_nobody
            catalog::a_document_comes_back_as_it_was_written
            catalog::a_put_of_an_outdated_version_writes_nothing
            catalog::eight_editors_of_one_document_lose_nothing
            catalog::a_list_is_of_one_kind_in_the_order_of_ids
            catalog::former_versions_are_kept
            catalog::a_removed_document_is_gone_and_kept_as_history
            ledger::a_flight_stands_until_it_is_cleared
            ledger::a_flight_of_the_same_id_is_replaced
            ledger::flights_are_listed_oldest_first_and_by_activation
            ledger::a_key_is_held_by_the_first_who_claims_it
            ledger::a_key_is_claimed_within_its_activation
            ledger::of_eight_claimants_one_holds_the_key
            ledger::a_release_answers_who_asked_last
            ledger::only_the_holder_releases
            ledger::a_key_is_not_released_once_its_holder_claimed_it_again
            ledger::of_two_who_offer_a_key_the_last_one_releases_it
            ledger::a_job_advances_from_where_it_was_read
            ledger::of_eight_who_advance_a_job_one_does
            ledger::a_job_that_ended_does_not_advance
            ledger::jobs_are_listed_newest_first_and_by_activation
            ledger::a_scan_is_written_over_the_revision_that_was_read
            ledger::of_eight_who_go_on_with_a_scan_one_does
            ledger::scans_are_listed_newest_first_and_by_source
            ledger::an_erasure_is_noted_until_it_is_cleared
            ledger::an_erasure_noted_again_outlives_the_end_of_the_first
            ledger::timers_are_found_when_their_time_has_come
            ledger::a_timer_never_rings_before_its_time
            effects::an_effect_comes_back_as_it_was_written
            effects::an_effect_of_an_outdated_revision_is_not_written
            effects::of_eight_who_would_send_an_effect_one_does
            effects::effects_are_kept_by_activation_person_and_id
            effects::an_effect_is_kept_until_its_time_and_no_longer
            effects::what_nobody_knows_of_is_listed_in_order_until_it_is_settled
            ledger::eight_who_count_are_all_counted
            ledger::counters_are_found_by_the_very_prefix
            ledger::a_mark_keeps_the_last_time_to_the_nanosecond
            tokens::what_was_taken_is_gone_until_it_comes_back
            tokens::returned_tokens_are_granted_again
            tokens::accounts_have_budgets_of_their_own
            tokens::a_blocked_account_is_granted_nothing_until_then
            tokens::an_open_breaker_is_open_to_everybody
            tokens::eight_takers_share_one_budget
            queue::what_is_sent_arrives_in_its_queue
            queue::more_bytes_than_fit_in_a_call_arrive
            queue::a_delay_above_the_longest_is_refused
            vault::a_secret_comes_back_as_it_was_written
            vault::a_secret_is_replaced
            vault::of_eight_first_writers_one_decides
            vault::a_removed_secret_is_gone
            mailer::a_mail_of_the_same_key_is_sent_once
            notices::a_book_comes_back_as_it_was_written
            notices::a_book_of_an_outdated_revision_is_not_written
            notices::of_eight_who_would_tell_one_does
            notices::books_are_listed_by_activation
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! port_promises {
    ($world:expr; $($part:ident::$promise:ident)*) => { $(
        #[tokio::test]
        async fn $promise() {
            $crate::port_suite::$part::$promise(&$world.await).await;
        }
    )* };
}
