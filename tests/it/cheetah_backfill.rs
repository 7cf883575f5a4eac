//! The whole way from Lytics to a table of Cheetah Digital: members are scanned once while people come and go and twenty
//! workers call the webhook, and in the end the table says of everybody and each audience what Lytics says. The same
//! with whatever the vendors' documents leave open read the other way, one thing at a time.

use std::time::Duration;

use jiff::SignedDuration;
use muster_local::demo::Talk;
use muster_local::demo::cheetah::{CheetahReport, Kept, Scenario, play};
use muster_twins::cheetah_digital::{
    BadRecord, Blanks, DataHosts, IdentifierCase, ImportEnds, LateOptions, NonStrings, Overlong, PastTheEnd, Profile,
    RetryAfterHeader, SlashDates, SuccessBody, TableIndex,
};
use muster_twins::lytics::{
    BackfillStamp, CloudEventsMode, Duplicates, LimitOver, Method, NextAtEnd, RetryOn, ScanValues, ScanView, SeedJob,
    SegmentEvents, SizePath, StatusType, Template, Total,
};
use serde_json::{Value, json};

/// Enough for several pages and for several loads at a time.
const FEW: usize = 240;

fn small() -> Scenario {
    Scenario { members: FEW, moves: 120, kept: Kept::InMemory, talk: Talk::Quiet, ..Scenario::default() }
}

async fn whole(scenario: Scenario) -> CheetahReport {
    let report = play(&scenario).await.unwrap();
    assert!(report.equal, "{report:#?}");
    assert!(report.comparison.audiences.values().all(|count| count.expected > scenario.members / 5), "{report:#?}");
    report
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_members_are_in_the_table_while_people_come_and_go() {
    let scenario = Scenario { kept: Kept::OnDisk, talk: Talk::Quiet, ..Scenario::default() };
    let report = whole(scenario).await;
    assert_eq!((report.platforms.bad_records, report.accounting["rejected"].as_u64()), (0, Some(0)), "{report:#?}");
    assert_eq!(report.comparison.compared, 10_000);
    // Twice 34 and 26 pages or so. How many requests there are depends on who moves while a run is under way.
    assert!(report.platforms.pages >= 118, "{report:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_fails_on_the_way_the_table_is_whole_in_the_end() {
    for seed in [7, 8] {
        let report = whole(Scenario { faults: Some(seed), patience: Duration::from_secs(1), ..small() }).await;
        assert!(report.platforms.faults > 10, "{report:#?}");
    }
}

macro_rules! knobs {
    ($($name:ident: $change:expr,)*) => { $(
        #[tokio::test]
        async fn $name() {
            let mut scenario = small();
            let change: fn(&mut Scenario) = $change;
            change(&mut scenario);
            whole(scenario).await;
        }
    )* };
}

// Of Lytics. What makes a scan or a job end is told in `lytics_scans` and `lytics`.
knobs! {
    where_too_large_a_limit_is_refused: |one| one.lytics.limit_over = LimitOver::Refuse,
    where_the_last_page_names_no_next: |one| one.lytics.next_at_end = NextAtEnd::Missing,
    where_the_last_page_has_null_for_next: |one| one.lytics.next_at_end = NextAtEnd::Null,
    where_the_place_of_a_scan_lives_long: |one| one.lytics.start_lives_seconds = 86_400,
    where_rows_shift_while_people_leave: |one| one.lytics.scan_view = ScanView::Shifting,
    where_a_scan_is_a_snapshot: |one| one.lytics.scan_view = ScanView::Snapshot,
    where_no_row_is_repeated: |one| one.lytics.repeat_rows = false,
    where_the_total_is_right: |one| one.lytics.total = Total::Exact,
    where_scanned_values_are_what_they_are: |one| one.lytics.scan_values = ScanValues::Native,
    where_the_status_is_a_text: |one| one.lytics.status_type = StatusType::Text,
    where_the_status_is_a_number: |one| one.lytics.status_type = StatusType::Number,
    where_sizes_have_the_one_path: |one| one.lytics.size_path = SizePath::Size,
    where_sizes_have_the_other_path: |one| one.lytics.size_path = SizePath::Sizes,
    where_ad_hoc_sizes_are_free: |one| one.lytics.throttle_ad_hoc_sizes = false,
    where_lytics_allows_few_requests: |one| one.lytics.rate_limit = Some(5),
    where_lytics_serves_one_request_at_a_time: |one| one.lytics.concurrency_limit = Some(1),
    where_events_have_no_fraction: |one| {
        one.lytics.fraction_digits = 0;
        one.pace = SignedDuration::from_secs(1);
    },
    where_events_are_in_another_zone: |one| one.lytics.utc_offset_minutes = 330,
    where_events_are_beside_the_data: |one| one.lytics.segment_events = SegmentEvents::TopLevel,
    where_each_event_comes_alone: |one| one.lytics.joined_events = false,
    where_there_is_no_meta: |one| one.lytics.meta.clear(),
    where_cloudevents_are_around_the_body: |one| one.job = |job| SeedJob { cloudevents: true, ..job },
    where_cloudevents_are_headers: |one| {
        one.lytics.cloudevents_mode = CloudEventsMode::Binary;
        one.job = |job| SeedJob { cloudevents: true, ..job };
    },
    where_events_come_twice: |one| one.lytics.duplicates = Duplicates::SameId,
    where_events_come_twice_as_others: |one| one.lytics.duplicates = Duplicates::NewId,
    where_the_later_event_comes_first: |one| one.lytics.out_of_order = true,
    where_nothing_is_tried_again: |one| one.lytics.retries = 0,
    where_everything_is_tried_again_later: |one| {
        one.lytics.retry_on = RetryOn::AnyError;
        one.lytics.retry_spacing_seconds = 30;
        one.lytics.retry_keeps_id = true;
    },
    where_a_job_never_fails: |one| one.lytics.fail_after = None,
    where_the_job_brings_members_too: |one| {
        one.lytics.backfill_stamp = BackfillStamp::Entered;
        one.job = |job| SeedJob { withbackfill: true, ..job };
    },
    where_the_jobs_members_come_late: |one| {
        one.lytics.backfill_stamp = BackfillStamp::Entered;
        one.lytics.backfill_delay_seconds = 60;
        one.job = |job| SeedJob { withbackfill: true, ..job };
    },
    where_lytics_waits_half_as_long: |one| one.lytics.answer_timeout_ms /= 2,
    where_events_come_in_batches: |one| one.job = |job| SeedJob { batch_requests: true, batch_size: 50, ..job },
    where_events_come_by_put: |one| one.job = |job| SeedJob { http_method: Method::Put, ..job },
    where_events_come_by_the_template: |one| one.job = |job| SeedJob { template: Template::ProfileAndEvents, ..job },
    where_the_whole_membership_comes_too: |one| one.job = |job| SeedJob { include_segs: true, ..job },
}

/// Files of a few hundred rows.
fn files(more: Value) -> Option<Value> {
    let mut files = json!({"from": 50, "most_kilobytes": 16, "minutes": 30});
    files.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Some(files)
}

#[tokio::test]
async fn whoever_was_there_goes_in_files() {
    let report = whole(Scenario { files: files(json!({})), ..small() }).await;
    assert!(report.platforms.rows_in_files > 100, "{report:#?}");
}

// Of Cheetah Digital. What is refused is told in `cheetah_digital`, `cheetah_import` and `cheetah_settings`.
knobs! {
    where_tokens_end_soon: |one| one.cheetah.expires_in = 60,
    where_the_second_token_ends_the_first: |one| one.cheetah.second_token_invalidates_first = true,
    where_a_token_of_the_wrong_type_is_400: |one| one.cheetah.token_wrong_type_status = 400,
    where_bad_credentials_are_401: |one| one.cheetah.token_bad_credentials_status = 401,
    where_a_missing_right_is_401: |one| one.cheetah.no_privilege_status = 401,
    where_any_host_takes_data: |one| one.cheetah.data_hosts = DataHosts::Any,
    where_many_records_go_at_once: |one| {
        one.cheetah.max_root_records = 100;
        one.settings = json!({"records_per_call": 100});
    },
    where_fewer_records_go_at_once_than_are_sent: |one| one.settings = json!({"records_per_call": 8}),
    where_bodies_are_small: |one| one.cheetah.max_body_mib = 1,
    where_others_load_beside_a_bad_record: |one| one.cheetah.bad_record = BadRecord::OthersLoad,
    where_a_bad_record_passes_silently: |one| one.cheetah.bad_record = BadRecord::PassesSilently,
    where_values_of_any_type_are_taken: |one| one.cheetah.non_string_values = NonStrings::Coerce,
    where_long_values_are_cut: |one| one.cheetah.overlong_values = Overlong::Truncate,
    where_blanks_clear: |one| one.cheetah.blanks = Blanks::Clear,
    where_case_tells_identifiers_apart: |one| one.cheetah.identifier_case = IdentifierCase::Significant,
    where_late_options_stand_beside: |one| {
        one.cheetah.late_field_options = LateOptions::Beside;
        one.settings = json!({"options": {"placement": "beside", "ignore_ban_list": ["email"]}});
    },
    where_late_options_stand_inside: |one| one.settings = json!({"options": {"ignore_ban_list": ["email"]}}),
    where_the_day_comes_first: |one| one.cheetah.slash_dates = SlashDates::DayFirst,
    where_the_loader_is_lenient: |one| one.cheetah.profile = Profile::Lenient,
    where_nothing_is_answered: |one| one.cheetah.success_body = SuccessBody::Empty,
    where_a_sentence_is_answered: |one| one.cheetah.success_body = SuccessBody::Text,
    where_data_are_loaded_at_once: |one| one.cheetah.load_delay_ms = 0,
    where_data_are_loaded_late: |one| one.cheetah.load_delay_ms = 120_000,
    where_a_search_without_a_hit_is_400: |one| one.cheetah.search_no_match_status = 400,
    where_a_search_without_a_hit_is_200: |one| one.cheetah.search_no_match_status = 200,
    where_lists_are_wrapped: |one| one.cheetah.table_wrapper = Some("items".to_owned()),
    where_types_are_revealed: |one| one.cheetah.table_reveals_types = true,
    where_pages_count_from_nought: |one| one.cheetah.first_page = 0,
    where_index_counts_tables: |one| one.cheetah.table_index = TableIndex::Offset,
    where_pages_are_small: |one| {
        one.cheetah.default_page_size = 2;
        one.cheetah.max_page_size = 4;
    },
    where_nothing_is_behind_the_last_page: |one| one.cheetah.past_the_end = PastTheEnd::Empty,
    where_cheetah_allows_few_requests: |one| one.cheetah.rate_limit = Some(50),
    where_few_tokens_are_given: |one| one.cheetah.token_rate_limit = Some(1),
    where_few_requests_are_served_at_once: |one| one.cheetah.concurrency_limit = Some(2),
    where_nobody_says_when_to_come_again: |one| {
        one.cheetah.rate_limit = Some(50);
        one.cheetah.retry_after = RetryAfterHeader::Without;
    },
    where_an_import_is_applied_at_once: |one| {
        one.files = files(json!({}));
        one.cheetah.import_delay_seconds = 0;
    },
    where_an_import_takes_long: |one| {
        one.files = files(json!({}));
        one.cheetah.import_delay_seconds = 900;
    },
    where_imports_fail: |one| {
        one.files = files(json!({}));
        one.cheetah.import_ends = ImportEnds::Fails;
    },
    where_imports_never_end: |one| {
        one.files = files(json!({}));
        one.cheetah.import_ends = ImportEnds::Never;
    },
    where_imports_are_asked_for_by_another_name: |one| {
        one.files = files(json!({"id_parameter": "id"}));
        one.cheetah.import_id_parameter = "id".to_owned();
    },
    where_tables_are_asked_for_by_another_name: |one| {
        one.credentials = json!({"table_parameter": "tableId"});
        one.cheetah.table_id_parameter = "tableId".to_owned();
    },
    where_tables_are_named_by_another_parameter: |one| one.cheetah.table_name_parameter = "tableName".to_owned(),
    where_answers_take_their_time: |one| one.cheetah.latency_ms = 2,
}
