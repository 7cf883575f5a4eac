//! End-to-end stories: real input through the real routes to the twin, and the twin's own state compared.

use muster_local::demo::{self, Request, Talk};
use muster_tests::world::{LIST, Setup, World, at, attribute, change, entered, exited};
use muster_twins::heyloyalty::{FaultKind, FaultMatch, RouteKind};
use serde_json::{Value, json};

fn address(user: &str) -> String {
    format!("{user}@example.com")
}

fn users(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("u{number:05}")).collect()
}

fn addresses(users: &[String]) -> Vec<String> {
    users.iter().map(|user| address(user)).collect()
}

async fn assert_demo_is_equal(request: Request) -> demo::Report {
    let report = demo::run(Request { talk: Talk::Quiet, ..request }).await.unwrap();
    assert!(report.equal, "{}", serde_json::to_string_pretty(&report).unwrap());
    assert_eq!(report.comparison.equal, 2_357);
    assert_eq!(report.comparison.strangers_touched, 0);
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn real_customers_purchases_end_equal() {
    assert_demo_is_equal(Request::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_any_order_and_three_times_they_end_equal() {
    assert_demo_is_equal(Request { shuffle: Some(7), repeat: 3, ..Request::default() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_failing_platform_they_end_equal() {
    let report = assert_demo_is_equal(Request { faults: Some(7), ..Request::default() }).await;
    assert!(report.platform.faults > 100, "{} faults", report.platform.faults);
}

/// The naive fold that the demo compares with is itself compared, with the published table.
#[test]
fn the_naive_fold_is_the_published_table() {
    let events = demo::events::Events::read(std::path::Path::new("../examples/cdnow.ndjson.gz")).unwrap();
    let expected = events.fold().unwrap();
    let file = std::fs::File::open("../examples/cdnow-expected.csv.gz").unwrap();
    let mut table = csv::Reader::from_reader(flate2::read::GzDecoder::new(file));
    let header = table.headers().unwrap().clone();
    let mut people = 0;
    for row in table.records() {
        let row = row.unwrap();
        let truth = &expected.people[&row[0]];
        for (name, must) in header.iter().zip(row.iter()).skip(2) {
            if expected.audiences.contains(name) {
                let is = truth.audiences.get(name).map(bool::to_string).unwrap_or_default();
                assert_eq!(is, must, "{name} of row {people}");
            } else if name != "first_order" {
                let value = truth.attributes.get(name).unwrap_or(&Value::Null);
                assert!(demo::compare::same_value(value, must), "{name} of row {people}");
            }
        }
        people += 1;
    }
    assert_eq!((people, expected.people.len()), (2_357, 2_357));
}

#[tokio::test]
async fn ten_thousand_are_whole_within_five_minutes_at_the_default_rate_by_import() {
    let people = users(20_000);
    let mut setup = Setup::with_members(addresses(&people));
    setup.rate = None;
    let mut world = World::new(setup).await;
    let inside = &people[..10_000];
    let changes: Vec<Value> = inside.iter().map(|user| entered(user, "cats", 1)).collect();
    world.ingest(&changes).await;
    world.accepted = 0; // before there was an activation
    world.link(&["cats"], &[("orders", "integer")]).await;
    world.twin.with_switches(|switches| switches.rate_limit = Some(5));
    let started = now(&world);
    world.activate().await;
    // Counting the imported rows is quicker than comparing 20,000 members every two seconds.
    while world.twin.counters().imported_rows < 10_000 || !world.twin.pending_imports().is_empty() {
        let so_far = now(&world).duration_since(started);
        assert!(so_far < jiff::SignedDuration::from_mins(5), "{:?}", world.twin.counters());
        world.runner.run_due().await.unwrap();
        world.clock.advance(jiff::SignedDuration::from_secs(2));
    }
    let field = world.field("cats").unwrap();
    let members = world.twin.members(LIST);
    assert_eq!(members.iter().filter(|member| member.text(&field) == "1").count(), 10_000);
    assert_eq!(members.iter().filter(|member| member.text(&field).is_empty()).count(), 10_000);
    assert!(world.twin.counters().imports >= 1, "by import");
    assert_eq!(world.twin.counters().rate_limited, 0, "nothing is sent that would be refused");
    world.settle().await;
    let account = world.account().await;
    assert_eq!(account["audiences"]["cats"]["inside_at_platform"], 10_000);
    world.assert_unharmed();
}

/// Stops the clock while the import waits to be applied.
async fn until_an_import_is_taken(world: &mut World) {
    loop {
        let next = world.runner.run_due().await.unwrap();
        if !world.twin.pending_imports().is_empty() {
            return;
        }
        world.clock.advance_to(next.expect("nothing is under way, and no import was taken"));
    }
}

fn now(world: &World) -> jiff::Timestamp {
    use muster::ports::Clock;
    world.clock.now()
}

#[tokio::test]
async fn an_import_that_is_applied_after_newer_live_writes_ends_right() {
    let people = users(400);
    let mut world = World::new(Setup::with_members(addresses(&people))).await;
    let changes: Vec<Value> = people.iter().map(|user| entered(user, "cats", 1)).collect();
    world.ingest(&changes).await;
    world.accepted = 0; // before there was an activation
    world.link(&["cats"], &[]).await;
    world.activate().await;
    // Until the import is taken, and not yet applied.
    until_an_import_is_taken(&mut world).await;
    let changes: Vec<Value> = people[..50].iter().map(|user| exited(user, "cats", 5)).collect();
    world.ingest(&changes).await;
    world.runner.run_due().await.unwrap();
    assert_eq!(world.shows(&address(&people[0]), "cats"), "0", "written live");
    assert_eq!(world.twin.pending_imports().len(), 1, "the import is still to be applied");
    world.settle().await;
    for user in &people[..50] {
        assert_eq!(world.shows(&address(user), "cats"), "0");
    }
    for user in &people[50..] {
        assert_eq!(world.shows(&address(user), "cats"), "1");
    }
    world.account().await;
    world.assert_unharmed();
}

#[tokio::test]
async fn an_import_that_never_lands_is_seen_and_sent_again() {
    let people = users(300);
    let mut world = World::new(Setup::with_members(addresses(&people))).await;
    world.ingest(&people.iter().map(|user| entered(user, "cats", 1)).collect::<Vec<_>>()).await;
    world.accepted = 0; // before there was an activation
    world.link(&["cats"], &[]).await;
    world.twin.with_switches(|switches| switches.import_delay_seconds = 100_000_000);
    world.activate().await;
    until_an_import_is_taken(&mut world).await;
    // What comes next goes by single calls: imports are refused from here on.
    let refuse = muster_twins::heyloyalty::Fault::once(FaultKind::Status(400)).on_route(RouteKind::Import).times(1_000);
    world.twin.push_fault(refuse);
    world.settle().await;
    for user in &people {
        assert_eq!(world.shows(&address(user), "cats"), "1");
    }
    world.account().await;
}

#[tokio::test]
async fn the_queue_emptied_by_hand_in_the_middle_is_healed_by_the_catch_up() {
    let people = users(60);
    let mut world = World::new(Setup::with_members(addresses(&people))).await;
    world.link(&["cats"], &[]).await;
    world.activate().await;
    world.settle().await;
    world.ingest(&people.iter().map(|user| entered(user, "cats", 1)).collect::<Vec<_>>()).await;
    assert!(world.system.embedded.queue().purge().await.unwrap() > 0);
    world.settle().await;
    assert_eq!(world.account().await["waiting"], 60, "nothing was sent, and nothing is lost");
    world.post("/v1/activations/act/catch-up", Value::Null).await;
    world.settle().await;
    for user in &people {
        assert_eq!(world.shows(&address(user), "cats"), "1");
    }
    assert_eq!(world.account().await["delivered"], 60);
}

#[tokio::test]
async fn a_walk_whose_message_was_lost_goes_on_by_itself() {
    let people = users(20);
    let mut world = World::new(Setup::with_members(addresses(&people))).await;
    world.ingest(&people.iter().map(|user| entered(user, "cats", 1)).collect::<Vec<_>>()).await;
    world.accepted = 0; // before there was an activation
    world.link(&["cats"], &[]).await;
    world.activate().await;
    while world.get("/v1/activations/act/backfills").await["items"].as_array().unwrap().is_empty() {
        assert!(world.runner.run_one_jump().await.unwrap(), "it is prepared first");
    }
    assert!(world.system.embedded.queue().purge().await.unwrap() > 0, "the walk waits for its message");
    world.settle().await;
    assert_eq!(world.get("/v1/activations/act").await["status"], "active");
    for user in &people {
        assert_eq!(world.shows(&address(user), "cats"), "1");
    }
    world.account().await;
}

#[tokio::test]
async fn whoever_resumes_after_a_failure_finds_the_fields_made_anew() {
    let mut world = World::new(Setup::with_members(["u1@example.com"])).await;
    world.link(&["cats"], &[]).await;
    world.activate().await;
    world.settle().await;
    world.twin.set_account("API_KEY", "for a while");
    world.ingest(&[entered("u1", "cats", 1)]).await;
    world.runner.run_due().await.unwrap();
    assert_eq!(world.get("/v1/activations/act").await["status"], "failing");
    let field = world.field("cats").unwrap();
    assert!(world.twin.remove_field(LIST, &field));
    world.twin.set_account("API_KEY", "API_SECRET");
    world.post("/v1/activations/act/resume", Value::Null).await;
    world.settle().await;
    assert_eq!(world.shows("u1@example.com", "cats"), "1");
    world.account().await;
    world.assert_unharmed();
}

#[tokio::test]
async fn whoever_was_merged_leaves_the_platform_and_then_goes_here_too() {
    let mut world = World::new(Setup::with_members(["u1@example.com", "u2@example.com"])).await;
    world.link(&["cats", "dogs"], &[("orders", "integer")]).await;
    world.activate().await;
    world.ingest(&[entered("u1", "cats", 1), attribute("u1", "orders", 3, 1), entered("u2", "dogs", 1)]).await;
    world.settle().await;
    let merged = json!({"id": "m", "type": "person.merged", "person": {"user_id": "u1"}, "into": {"user_id": "u2"},
        "occurred_at": at(9)});
    world.ingest(&[merged]).await;
    world.settle().await;
    assert_eq!(
        (world.shows("u1@example.com", "cats"), world.shows("u1@example.com", "orders")),
        ("0".into(), "".into())
    );
    assert_eq!(world.shows("u2@example.com", "dogs"), "1", "the survivor says for itself what it is in");
    world.clock.advance(jiff::SignedDuration::from_mins(2));
    world.settle().await;
    let key = world.receipt("u1").await["person"].as_str().unwrap().parse().unwrap();
    let ports = &world.system.engine.ports;
    let row = ports.people.read(&[key], None).await.unwrap().remove(0);
    assert!(!serde_json::to_string(&row.person).unwrap().contains("example.com"), "nothing personal remains");
    let standings = ports.people.standings(key).await.unwrap();
    let kept = standings.values().flat_map(|standing| standing.records.values()).filter(|record| record.memo.is_some());
    assert_eq!(kept.count(), 0, "nor the platform's id of the member");
    world.account().await;
    world.assert_unharmed();
}

#[tokio::test]
async fn while_the_key_is_refused_nothing_is_lost_and_a_new_key_goes_on_by_itself() {
    let people = users(30);
    let mut world = World::new(Setup::with_members(addresses(&people))).await;
    world.link(&["cats"], &[]).await;
    world.activate().await;
    world.settle().await;
    world.twin.set_account("API_KEY", "rotated-secret");
    for (index, user) in people.iter().enumerate() {
        world.ingest(&[entered(user, "cats", index as i64)]).await;
        world.settle().await;
    }
    let activation = world.get("/v1/activations/act").await;
    assert_eq!(activation["status"], "failing", "{activation}");
    assert!(activation["why"].as_str().is_some_and(|why| !why.is_empty()), "{activation}");
    assert_eq!(world.system.embedded.mails().await.unwrap().len(), 1, "one mail, however often it was tried");
    assert_eq!(world.account().await["waiting"], 30);
    let key = json!({"secret": {"api_key": "API_KEY", "api_secret": "rotated-secret"}});
    world.call("PATCH", "/v1/authorizations/auth", key).await;
    world.settle().await;
    assert_eq!(world.get("/v1/activations/act").await["status"], "active");
    for user in &people {
        assert_eq!(world.shows(&address(user), "cats"), "1");
    }
    assert_eq!(world.account().await["delivered"], 30);
    assert_eq!(world.system.embedded.mails().await.unwrap().len(), 2, "and one that it works again");
}

#[tokio::test]
async fn a_key_that_works_again_is_noticed_without_anybody() {
    let mut world = World::new(Setup::with_members(["u1@example.com"])).await;
    world.link(&["cats"], &[]).await;
    world.activate().await;
    world.settle().await;
    world.twin.set_account("API_KEY", "for a while");
    world.ingest(&[entered("u1", "cats", 1)]).await;
    world.settle().await;
    assert_eq!(world.get("/v1/activations/act").await["status"], "failing");
    world.twin.set_account("API_KEY", "API_SECRET");
    world.clock.advance(jiff::SignedDuration::from_mins(6));
    world.settle().await;
    assert_eq!(world.get("/v1/activations/act").await["status"], "active");
    assert_eq!(world.shows("u1@example.com", "cats"), "1");
    assert_eq!(world.account().await["delivered"], 1);
}

#[tokio::test]
async fn a_changed_address_leaves_under_the_old_one_and_enters_under_the_new_one() {
    let mut world = World::new(Setup::with_members(["old@example.com", "new@example.com"])).await;
    world.link(&["cats"], &[("orders", "integer")]).await;
    world.activate().await;
    let with = |email: &str, second, fact: Value| {
        let mut change = change("u1", second, fact);
        change["person"]["email"] = json!(email);
        change
    };
    let cats = json!({"type": "audience.entered", "audience": "cats"});
    let orders = json!({"type": "attribute.changed", "attribute": "orders", "value": 3});
    world.ingest(&[with("old@example.com", 1, cats), with("old@example.com", 2, orders)]).await;
    world.settle().await;
    assert_eq!(world.shows("old@example.com", "cats"), "1");
    world.ingest(&[with("New@Example.com ", 3, json!({"type": "profile.updated"}))]).await;
    world.settle().await;
    assert_eq!(
        (world.shows("old@example.com", "cats"), world.shows("old@example.com", "orders")),
        ("0".into(), "".into())
    );
    assert_eq!(
        (world.shows("new@example.com", "cats"), world.shows("new@example.com", "orders")),
        ("1".into(), "3".into())
    );
    world.account().await;
    world.assert_unharmed();
}

#[tokio::test]
async fn the_second_of_two_people_with_one_address_is_rejected_until_the_first_gives_it_up() {
    let mut world = World::new(Setup::with_members(["shared@example.com", "other@example.com"])).await;
    world.link(&["cats", "dogs"], &[]).await;
    world.activate().await;
    let with = |user: &str, email: &str, second, audience: &str| {
        let mut change = entered(user, audience, second);
        change["person"]["email"] = json!(email);
        change
    };
    world.ingest(&[with("first", "shared@example.com", 1, "cats")]).await;
    world.settle().await;
    world.ingest(&[with("second", "shared@example.com", 2, "dogs")]).await;
    world.settle().await;
    assert_eq!(
        (world.shows("shared@example.com", "cats"), world.shows("shared@example.com", "dogs")),
        ("1".into(), "".into())
    );
    let account = world.account().await;
    assert_eq!(account["rejected_by_reason"], json!({"key held by another person": 1}));
    // The first moves away; whoever asked for the address is looked at again at once.
    world.ingest(&[with("first", "other@example.com", 3, "cats")]).await;
    world.settle().await;
    assert_eq!(
        (world.shows("other@example.com", "cats"), world.shows("other@example.com", "dogs")),
        ("1".into(), "".into())
    );
    assert_eq!(
        (world.shows("shared@example.com", "cats"), world.shows("shared@example.com", "dogs")),
        ("".into(), "1".into())
    );
    world.account().await;
    world.assert_unharmed();
}

#[tokio::test]
async fn a_deleted_audience_is_relabelled_and_kept_a_restored_one_goes_on() {
    let mut world = World::new(Setup::with_members(["u1@example.com", "u2@example.com"])).await;
    world.link(&["cats", "dogs"], &[]).await;
    world.activate().await;
    world.ingest(&[entered("u1", "cats", 1), entered("u1", "dogs", 1)]).await;
    world.settle().await;
    world.call("PATCH", "/v1/sources/shop/audiences/cats", json!({"name": "Cat owners"})).await;
    world.settle().await;
    let field = world.field("Cat owners").expect("a new label on the same field");
    world.call("DELETE", "/v1/sources/shop/audiences/cats", Value::Null).await;
    world.settle().await;
    assert_eq!(world.field("Audience Removed by Muster").as_ref(), Some(&field), "the same field");
    assert_eq!(world.member("u1@example.com").text(&field), "1", "values stay");
    world.ingest(&[exited("u1", "cats", 2), entered("u2", "cats", 2)]).await;
    world.settle().await;
    assert_eq!(world.member("u1@example.com").text(&field), "1", "nothing is written any more");
    // Of an audience that is not linked concerns no activation; but the second person's address was new.
    world.accepted -= 1;
    world.account().await;
    world.post("/v1/sources/shop/audiences/cats/restore", Value::Null).await;
    world.settle().await;
    assert_eq!(world.field("Cat owners").as_ref(), Some(&field));
    assert_eq!(
        (world.shows("u1@example.com", "Cat owners"), world.shows("u2@example.com", "Cat owners")),
        ("0".into(), "1".into())
    );
    world.account().await;
    world.assert_unharmed();
}

#[tokio::test]
async fn an_erased_person_is_forgotten_at_the_platform_and_then_here() {
    let mut world = World::new(Setup::with_members(["u1@example.com"])).await;
    world.link(&["cats"], &[("orders", "integer")]).await;
    world.activate().await;
    world.ingest(&[entered("u1", "cats", 1), attribute("u1", "orders", 3, 1)]).await;
    world.settle().await;
    let change = json!({"id": "e", "type": "person.erased", "person": {"user_id": "u1"}, "occurred_at": at(9)});
    world.ingest(&[change]).await;
    world.settle().await;
    assert_eq!(
        (world.shows("u1@example.com", "cats"), world.shows("u1@example.com", "orders")),
        ("".into(), "".into())
    );
    world.clock.advance(jiff::SignedDuration::from_mins(2));
    world.settle().await;
    let key = world.receipt("u1").await["person"].as_str().unwrap().parse().unwrap();
    let row = world.system.engine.ports.people.read(&[key], None).await.unwrap().remove(0);
    assert!(!serde_json::to_string(&row.person).unwrap().contains("example.com"), "nothing personal remains");
    world.ingest(&[entered("u1", "cats", 5)]).await;
    world.settle().await;
    assert_eq!(world.shows("u1@example.com", "cats"), "", "an older change is void");
    world.ingest(&[entered("u1", "cats", 20)]).await;
    world.settle().await;
    assert_eq!(world.shows("u1@example.com", "cats"), "1", "a newer one begins again");
    world.account().await;
}

#[tokio::test]
async fn a_platform_that_is_down_for_two_days_is_caught_up_with_and_after_the_window_people_are_parked() {
    let people = users(5);
    let mut world = World::new(Setup::with_members(addresses(&people))).await;
    world.link(&["cats"], &[]).await;
    world.activate().await;
    world.settle().await;
    let down = || muster_twins::heyloyalty::SeededFaults {
        faults_seed: 1,
        rates: vec![(FaultKind::Unavailable, 1_000)],
        on: FaultMatch::default(),
    };
    world.twin.seed_faults(down());
    world.ingest(&people.iter().map(|user| entered(user, "cats", 1)).collect::<Vec<_>>()).await;
    let began = now(&world);
    while now(&world).duration_since(began) < jiff::SignedDuration::from_hours(48) {
        assert!(world.runner.run_one_jump().await.unwrap(), "it is tried again, and again");
    }
    assert_eq!(world.account().await["waiting"], 5, "nothing is given up");
    world.twin.clear_faults();
    world.settle().await;
    assert_eq!(world.account().await["delivered"], 5);
    world.twin.seed_faults(down());
    world.ingest(&people.iter().map(|user| exited(user, "cats", 2)).collect::<Vec<_>>()).await;
    let began = now(&world);
    while now(&world).duration_since(began) < jiff::SignedDuration::from_hours(73)
        && world.runner.run_one_jump().await.unwrap()
    {}
    let account = world.account().await;
    assert_eq!(account["parked"], 5, "{account}");
    world.twin.clear_faults();
    world.settle().await;
    assert_eq!(world.account().await["parked"], 5, "parked is for a person to decide");
    world.post("/v1/activations/act/replay", json!({"ended": ["parked"]})).await;
    world.settle().await;
    let account = world.account().await;
    assert_eq!((account["parked"].as_u64(), account["delivered"].as_u64()), (Some(0), Some(10)), "{account}");
    world.assert_unharmed();
}

#[tokio::test]
async fn a_paused_activation_sends_nothing_and_goes_on_with_everything() {
    let people = users(10);
    let mut world = World::new(Setup::with_members(addresses(&people))).await;
    world.link(&["cats"], &[]).await;
    world.activate().await;
    world.settle().await;
    world.post("/v1/activations/act/pause", Value::Null).await;
    world.clock.advance(jiff::SignedDuration::from_secs(10));
    world.twin.reset_counters();
    world.ingest(&people.iter().map(|user| entered(user, "cats", 1)).collect::<Vec<_>>()).await;
    world.settle().await;
    assert_eq!(world.twin.counters().requests, 0);
    assert_eq!(world.account().await["waiting"], 10);
    world.post("/v1/activations/act/resume", Value::Null).await;
    world.settle().await;
    assert_eq!(world.account().await["delivered"], 10);
}
