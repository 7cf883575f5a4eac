//! Members of Lytics' audiences read by scans, whatever is open in the vendor's documents: the rows end as the stand-in
//! of Lytics knows its people, while these come and go.

use std::sync::Arc;

use jiff::SignedDuration;
use muster_local::runner::Runner;
use muster_twins::lytics::{
    Fault, FaultKind, LimitOver, Move, NextAtEnd, RetryAfter, RouteKind, ScanValues, ScanView, SeedProfile, SizePath,
    StatusType, Switches, Total,
};
use serde_json::{Value, json};

use crate::lytics::{self, address, person};

/// More than two pages of them.
const MEMBERS: usize = 250;
const TOKEN: &str = "API_TOKEN";

struct World {
    lytics: lytics::World,
    runner: Runner,
}

impl World {
    /// So many people are in `buyers`, and twelve others nowhere.
    async fn new(members: usize, change: impl FnOnce(&mut Switches)) -> Self {
        let world = Self::without_access(members, change).await;
        world.lytics.call("PUT", "/v1/sources/cdp/access", json!({"token": TOKEN})).await;
        world
    }

    async fn without_access(members: usize, change: impl FnOnce(&mut Switches)) -> Self {
        let lytics = lytics::World::new().await;
        lytics.twin.with_switches(change);
        let seeds = (0..members).map(|number| SeedProfile::with_email(&member(number), &address(&member(number))));
        let seeds: Vec<SeedProfile> =
            seeds.map(|one| one.field("plan", "gold").field("age", 40).within("buyers")).collect();
        lytics.twin.seed_profiles(&seeds).unwrap();
        lytics.clock.advance(SignedDuration::from_secs(60));
        let runner = Runner::new(Arc::clone(&lytics.system)).await.unwrap();
        Self { lytics, runner }
    }

    async fn scan(&mut self, purpose: &str, audiences: &[&str]) -> Value {
        let begun = self.begin(purpose, audiences).await;
        self.runner.run_until_quiet().await.unwrap();
        self.look(&begun).await
    }

    async fn begin(&self, purpose: &str, audiences: &[&str]) -> Value {
        let new = json!({"purpose": purpose, "audiences": audiences});
        self.lytics.call("POST", "/v1/sources/cdp/scans", new).await
    }

    async fn look(&self, scan: &Value) -> Value {
        let path = format!("/v1/sources/cdp/scans/{}", scan["id"].as_str().unwrap());
        self.lytics.call("GET", &path, Value::Null).await
    }

    async fn resume(&mut self, scan: &Value, how: Value) -> Value {
        let path = format!("/v1/sources/cdp/scans/{}/resume", scan["id"].as_str().unwrap());
        self.lytics.call("POST", &path, how).await;
        self.runner.run_until_quiet().await.unwrap();
        self.look(scan).await
    }

    /// Everybody is in `buyers` at Muster who is there at Lytics, and nobody else.
    async fn assert_equal(&self, members: usize) {
        for key in (0..members).map(member).chain((0..lytics::PEOPLE).map(person)) {
            let inside = self.is_inside(&key).await;
            let truth = self.lytics.twin.profile(&key).unwrap().segments.contains_key("buyers");
            assert_eq!(inside, truth, "{key}");
        }
        assert_eq!(self.lytics.twin.unexpected(), Vec::<String>::new());
    }

    async fn is_inside(&self, key: &str) -> bool {
        let row = self.lytics.row(key).await;
        let entry = row.as_ref().and_then(|row| row.memberships.get(&"buyers".parse().unwrap()));
        entry.is_some_and(|entry| entry.value.is_inside())
    }

    fn pages(&self) -> u64 {
        self.lytics.twin.counters().pages
    }
}

fn member(number: usize) -> String {
    format!("m{number}")
}

/// Members leave and others enter, some of whom are on pages that were read and some on pages to come.
async fn come_and_go(world: &lytics::World) {
    for step in 0..120_usize {
        world.clock.advance(SignedDuration::from_millis(1));
        let (leaves, enters) = (member(step * 7 % MEMBERS), person(step % lytics::PEOPLE));
        assert!(world.twin.move_profile(&leaves, &[turn(world, &leaves)]));
        assert!(world.twin.move_profile(&enters, &[turn(world, &enters)]));
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
    }
    world.settle().await;
}

fn turn(world: &lytics::World, key: &str) -> Move {
    let inside = world.twin.profile(key).unwrap().segments.contains_key("buyers");
    if inside { Move::exit("buyers") } else { Move::enter("buyers") }
}

async fn round(change: impl FnOnce(&mut Switches)) {
    let mut world = World::new(MEMBERS, change).await;
    let mut job = world.lytics.job();
    job.worker_count = 20;
    world.lytics.twin.start_job(job).unwrap();
    let begun = world.begin("backfill", &["buyers"]).await;
    let World { lytics, runner } = &mut world;
    let (ran, ()) = tokio::join!(runner.run_until_quiet(), come_and_go(lytics));
    ran.unwrap();
    world.runner.run_until_quiet().await.unwrap();
    let scan = world.look(&begun).await;
    assert_eq!(scan["status"], "done", "{scan}");
    world.assert_equal(MEMBERS).await;
    let again = world.scan("reconcile", &["buyers"]).await;
    assert_eq!((&again["status"], &again["counts"]["exits"]), (&json!("done"), &json!(0)), "{again}");
    world.assert_equal(MEMBERS).await;
}

macro_rules! rounds {
    ($($name:ident: $change:expr,)*) => { $(
        #[tokio::test]
        async fn $name() {
            let change: fn(&mut Switches) = $change;
            round(change).await;
        }
    )* };
}

rounds! {
    as_the_vendor_documents_it: |_| {},
    where_too_large_a_limit_is_refused: |switches| switches.limit_over = LimitOver::Refuse,
    where_the_last_page_names_no_next: |switches| switches.next_at_end = NextAtEnd::Missing,
    where_the_last_page_has_null_for_next: |switches| switches.next_at_end = NextAtEnd::Null,
    where_no_row_is_repeated: |switches| switches.repeat_rows = false,
    where_rows_shift_while_people_leave: |switches| switches.scan_view = ScanView::Shifting,
    where_a_scan_is_a_snapshot: |switches| switches.scan_view = ScanView::Snapshot,
    where_the_total_is_right: |switches| switches.total = Total::Exact,
    where_values_are_what_they_are: |switches| switches.scan_values = ScanValues::Native,
    where_the_status_is_a_text: |switches| switches.status_type = StatusType::Text,
    where_the_status_is_a_number: |switches| switches.status_type = StatusType::Number,
    where_sizes_have_one_path: |switches| switches.size_path = SizePath::Sizes,
    where_requests_are_throttled: |switches| switches.rate_limit = Some(2),
    where_one_request_at_a_time_is_served: |switches| switches.concurrency_limit = Some(1),
}

#[tokio::test]
async fn whoever_was_there_before_is_offered_and_comes_by_a_scan() {
    let mut world = World::without_access(MEMBERS, |_| {}).await;
    let refused = world.lytics.try_call("GET", "/v1/sources/cdp/discover", Value::Null).await;
    assert_eq!(refused.0, 409, "{}", refused.1);
    world.lytics.call("PUT", "/v1/sources/cdp/access", json!({"token": TOKEN})).await;
    let offered = world.lytics.call("GET", "/v1/sources/cdp/discover", Value::Null).await;
    let shown: Vec<_> =
        offered["audiences"].as_array().unwrap().iter().map(|one| (&one["id"], &one["members"])).collect();
    let expected = [("buyers", MEMBERS), ("leads", 0), ("vips", 0)].map(|(id, members)| (json!(id), json!(members)));
    assert_eq!(shown, expected.each_ref().map(|(id, members)| (id, members)));
    let scan = world.scan("backfill", &["buyers", "vips"]).await;
    // Twice three pages of one audience, and twice one of the other; but for the first each page repeats a row.
    assert_eq!(
        (&scan["status"], &scan["of"], &scan["counts"]["members"]),
        (&json!("done"), &json!(250), &json!(250)),
        "{scan}"
    );
    assert_eq!((&scan["counts"]["pages"], &scan["counts"]["rows"]), (&json!(8), &json!(504)), "{scan}");
    world.assert_equal(MEMBERS).await;
    let row = world.lytics.row("m7").await.unwrap();
    assert_eq!(json!(row.fields.keys().collect::<Vec<_>>()), json!(["age", "plan"]));
    assert_eq!(json!(row.memberships.values().next().unwrap().origin), json!("backfill"));
}

#[tokio::test]
async fn only_the_fields_that_are_asked_for_come() {
    let mut world = World::new(MEMBERS, |_| {}).await;
    let format = json!({"kind": "lytics", "scan_fields": ["plan"]});
    world.lytics.call("PATCH", "/v1/sources/cdp", json!({"format": format})).await;
    world.scan("backfill", &["buyers"]).await;
    let row = world.lytics.row("m7").await.unwrap();
    assert_eq!(json!(row.fields.keys().collect::<Vec<_>>()), json!(["plan"]));
    world.assert_equal(MEMBERS).await;
}

#[tokio::test]
async fn whoever_left_without_a_word_is_found_by_a_comparison() {
    let mut world = World::new(MEMBERS, |_| {}).await;
    world.scan("backfill", &["buyers"]).await;
    for number in (0..MEMBERS).step_by(10) {
        assert!(world.lytics.twin.lapse(&member(number), "buyers"));
    }
    assert!(world.lytics.twin.enter("p3", "buyers"));
    world.lytics.clock.advance(SignedDuration::from_hours(1));
    let backfill = world.scan("backfill", &["buyers"]).await;
    assert_eq!((&backfill["status"], &backfill["counts"]["exits"]), (&json!("done"), &json!(0)), "{backfill}");
    assert!(world.is_inside("m10").await, "a backfill takes nobody out");
    world.lytics.clock.advance(SignedDuration::from_hours(1));
    let scan = world.scan("reconcile", &["buyers"]).await;
    assert_eq!((&scan["status"], &scan["counts"]["exits"]), (&json!("done"), &json!(25)), "{scan}");
    world.assert_equal(MEMBERS).await;
}

#[tokio::test]
async fn a_comparison_comes_every_day_for_audiences_that_send_no_exits() {
    let mut world = World::new(MEMBERS, |_| {}).await;
    let format = json!({"kind": "lytics", "reconciled": ["buyers"]});
    world.lytics.call("PATCH", "/v1/sources/cdp", json!({"format": format})).await;
    world.scan("backfill", &["buyers"]).await;
    assert!(world.lytics.twin.lapse("m3", "buyers"));
    world.lytics.clock.advance(SignedDuration::from_hours(25));
    world.runner.run_until_quiet().await.unwrap();
    world.assert_equal(MEMBERS).await;
    let scans = world.lytics.call("GET", "/v1/sources/cdp/scans?limit=1", Value::Null).await;
    assert_eq!((&scans["items"][0]["purpose"], &scans["items"][0]["status"]), (&json!("reconcile"), &json!("done")));
    let before = format!("/v1/sources/cdp/scans?limit=5&cursor={}", scans["next"].as_str().unwrap());
    let before = world.lytics.call("GET", &before, Value::Null).await;
    assert_eq!(before["items"].as_array().unwrap().len(), 1, "{before}");
}

#[tokio::test]
async fn an_audience_that_shows_too_little_is_not_emptied() {
    let mut world = World::new(MEMBERS, |_| {}).await;
    world.scan("backfill", &["buyers"]).await;
    for number in 0..60 {
        assert!(world.lytics.twin.lapse(&member(number), "buyers"));
    }
    world.lytics.clock.advance(SignedDuration::from_hours(1));
    let scan = world.scan("reconcile", &["buyers"]).await;
    assert_eq!(scan["status"], "stopped", "{scan}");
    assert!(scan["why"].as_str().unwrap().contains("60 of 250 members of `buyers` were not seen"), "{scan}");
    assert!(world.is_inside("m3").await);
    let scan = world.resume(&scan, json!({"most_exits_percent": 30})).await;
    assert_eq!((&scan["status"], &scan["counts"]["exits"]), (&json!("done"), &json!(60)), "{scan}");
    world.assert_equal(MEMBERS).await;
}

#[tokio::test]
async fn a_token_that_ends_on_the_way_stops_the_scan_which_goes_on_where_it_was() {
    let mut world = World::new(1_000, |switches| switches.repeat_rows = false).await;
    world.lytics.twin.push_fault(Fault::once(FaultKind::Unauthorized).on_route(RouteKind::Scan).after(4));
    let scan = world.scan("backfill", &["buyers"]).await;
    assert_eq!((&scan["status"], world.pages()), (&json!("stopped"), 4), "{scan}");
    assert!(scan["why"].as_str().unwrap().contains("does not take the API token"), "{scan}");
    world.lytics.twin.remove_token(TOKEN);
    let scan = world.resume(&scan, json!({})).await;
    assert_eq!((&scan["status"], world.pages()), (&json!("stopped"), 4), "{scan}");
    world.lytics.twin.set_token("NEXT_TOKEN", None);
    world.lytics.call("PUT", "/v1/sources/cdp/access", json!({"token": "NEXT_TOKEN"})).await;
    let scan = world.resume(&scan, json!({})).await;
    // No page came twice: ten, and ten to see whether anybody was overlooked.
    assert_eq!((&scan["status"], world.pages()), (&json!("done"), 20), "{scan}");
    assert_eq!((&scan["counts"]["members"], &scan["counts"]["restarts"]), (&json!(1_000), &json!(0)));
    world.assert_equal(1_000).await;
}

#[tokio::test]
async fn a_place_that_is_forgotten_is_begun_again() {
    let mut world = World::new(1_000, |_| {}).await;
    world.lytics.twin.push_fault(Fault::once(FaultKind::Unavailable).on_route(RouteKind::Scan).after(4).times(8));
    let scan = world.scan("backfill", &["buyers"]).await;
    assert_eq!(scan["status"], "done", "{scan}");
    assert!(scan["counts"]["restarts"].as_u64().unwrap() > 0, "its places live for a minute: {scan}");
    world.assert_equal(1_000).await;
}

#[tokio::test]
async fn whatever_goes_wrong_on_the_way_the_members_are_whole_in_the_end() {
    let mut world = World::new(1_000, |switches| switches.start_lives_seconds = 86_400).await;
    for kind in [
        FaultKind::Unavailable,
        FaultKind::TooManyRequests(RetryAfter::Absent),
        FaultKind::ResetBefore,
        FaultKind::NonJson200,
        FaultKind::ResetAfter,
        FaultKind::BadGateway,
    ] {
        world.lytics.twin.push_fault(Fault::once(kind).on_route(RouteKind::Scan).times(2));
    }
    let scan = world.scan("backfill", &["buyers"]).await;
    assert_eq!(world.lytics.twin.scripted_faults().len(), 0, "every fault struck");
    assert_eq!((&scan["status"], &scan["counts"]["restarts"]), (&json!("done"), &json!(0)), "{scan}");
    world.assert_equal(1_000).await;
}

#[tokio::test]
async fn a_source_that_is_away_for_days_stops_the_scan() {
    let mut world = World::new(MEMBERS, |_| {}).await;
    world.lytics.twin.push_fault(Fault::once(FaultKind::Unavailable).on_route(RouteKind::Scan).times(100_000));
    let scan = world.scan("backfill", &["buyers"]).await;
    assert_eq!(scan["status"], "stopped", "{scan}");
    assert!(scan["why"].as_str().unwrap().contains("no page came for three days"), "{scan}");
    let asked = world.lytics.twin.counters().requests;
    assert!(asked < 1_500, "{asked} requests in three days");
    world.lytics.twin.clear_faults();
    let scan = world.resume(&scan, json!({})).await;
    assert_eq!(scan["status"], "done", "{scan}");
    world.assert_equal(MEMBERS).await;
}

#[tokio::test]
async fn one_scan_at_a_time_and_only_of_what_is_there() {
    let mut world = World::new(1_000, |switches| switches.next_repeats = true).await;
    let unknown = json!({"purpose": "backfill", "audiences": ["buyers", "dogs"]});
    let (status, problem) = world.lytics.try_call("POST", "/v1/sources/cdp/scans", unknown).await;
    assert_eq!(status, 422, "{problem}");
    assert!(problem.to_string().contains("no audience `dogs`"), "{problem}");
    let first = world.begin("backfill", &["buyers"]).await;
    let again = json!({"purpose": "backfill", "audiences": ["vips"]});
    let (status, problem) = world.lytics.try_call("POST", "/v1/sources/cdp/scans", again).await;
    assert_eq!(status, 409, "{problem}");
    world.runner.run_until_quiet().await.unwrap();
    let scan = world.look(&first).await;
    assert_eq!(scan["status"], "stopped", "{scan}");
    assert!(scan["why"].as_str().unwrap().contains("the same next page"), "{scan}");
    world.lytics.twin.with_switches(|switches| switches.next_repeats = false);
    let path = format!("/v1/sources/cdp/scans/{}/resume", first["id"].as_str().unwrap());
    world.lytics.call("POST", &path, json!({})).await;
    world.lytics.call("POST", &path.replace("resume", "stop"), Value::Null).await;
    world.runner.run_until_quiet().await.unwrap();
    assert_eq!(world.look(&first).await["why"], "stopped by its owner");
    let scan = world.resume(&first, json!({})).await;
    assert_eq!(scan["status"], "done", "{scan}");
    world.assert_equal(1_000).await;
}

#[tokio::test]
async fn whoever_cannot_be_told_apart_is_left_out_and_counted() {
    let mut world = World::new(0, |_| {}).await;
    let nobody = SeedProfile { key: "n".to_owned(), ..SeedProfile::default() }.field("plan", "gold").within("buyers");
    world.lytics.twin.seed_profiles(&[nobody, SeedProfile::with_email("y", "y@example.com").within("buyers")]).unwrap();
    let scan = world.scan("backfill", &["buyers"]).await;
    assert_eq!((&scan["counts"]["members"], &scan["counts"]["left_out"]), (&json!(1), &json!(1)), "{scan}");
    assert_eq!(world.lytics.left_out().await, json!({"lytics.no-identity": 1}));
}
