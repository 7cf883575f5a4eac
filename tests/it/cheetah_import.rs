//! Whoever is already there goes to a table of Cheetah Digital in files, while live changes go on by single calls; and
//! what the table shows is read back.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use jiff::SignedDuration;
use muster::embedded::JumpClock;
use muster_local::demo::twin_clock;
use muster_local::runner::Runner;
use muster_local::system::{System, Wiring};
use muster_tests::world::{SECRET as SOURCE_SECRET, attribute, entered, exited};
use muster_twins::cheetah_digital::{
    Cell, CheetahDigitalTwin, Credential, DataType, ImportEnds, Options, PastTheEnd, Region, RouteKind, SeedColumn,
    SeedDataMap, SeedTable, Switches, consumer_key,
};
use serde_json::{Value, json};
use tower::ServiceExt;

const SECRET: &str = "the-consumer-secret";
const CUSTOMER: u64 = 1_234;
const TABLE: &str = "muster_audience";
const COLUMNS: [&str; 6] = ["email", "audience_slug", "subscribed", "changed_at", "visits", "プラン"];
const AUDIENCES: [&str; 2] = ["cats", "dogs"];

pub(crate) struct World {
    clock: Arc<JumpClock>,
    pub(crate) twin: CheetahDigitalTwin,
    pub(crate) system: Arc<System>,
    pub(crate) rewrites: BTreeMap<String, String>,
    runner: Runner,
    data_map: u64,
}

pub(crate) fn users(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("u{number:05}")).collect()
}

pub(crate) fn address(user: &str) -> String {
    format!("{user}@example.com")
}

/// Everybody is in the first audience, every second one in the other one, too.
fn everybody(users: &[String]) -> Vec<Value> {
    let enter = |(number, user): (usize, &String)| {
        let second = (number % 2 == 1).then(|| entered(user, AUDIENCES[1], 2));
        let mut visits = attribute(user, "visits", i64::try_from(number).unwrap(), 3);
        visits["fields"] = json!({"plan": "ゴールド"});
        [Some(entered(user, AUDIENCES[0], 1)), second, Some(visits)].into_iter().flatten()
    };
    users.iter().enumerate().flat_map(enter).collect()
}

fn starts(clock: &Arc<JumpClock>, switches: Switches) -> Options {
    Options {
        clock: twin_clock(clock),
        credentials: BTreeMap::from([(consumer_key(CUSTOMER, 567), Credential::new(SECRET, CUSTOMER))]),
        switches,
        ..Options::of(Region::NorthAmerica)
    }
}

impl World {
    /// The source `shop` and a table; no activation yet.
    pub(crate) async fn new(change: impl FnOnce(&mut Switches)) -> Self {
        let clock = Arc::new(JumpClock::frozen_at("2026-01-05T07:00:00Z".parse().unwrap()));
        let mut switches = Switches { max_root_records: 100, ..Switches::default() };
        change(&mut switches);
        let twin = CheetahDigitalTwin::start(starts(&clock, switches)).await.unwrap();
        let columns = vec![
            SeedColumn::new("Email", DataType::Email).identifier(),
            SeedColumn::new("Audience Slug", DataType::String).identifier(),
            SeedColumn::new("Subscribed", DataType::String),
            SeedColumn::new("Changed At", DataType::DateTime),
            SeedColumn::new("Visits", DataType::Integer),
            SeedColumn::new("プラン", DataType::String),
        ];
        twin.seed_table(&SeedTable::new("Muster Audience", columns)).unwrap();
        let data_map = twin.seed_data_map(SeedDataMap::same_names(TABLE, &COLUMNS)).unwrap();
        let rewrites: BTreeMap<String, String> = twin.origins().map(|(origin, at)| (origin.to_owned(), at)).collect();
        let wiring = Wiring { rewrites: rewrites.clone(), ..Wiring::jumping(Arc::clone(&clock)) };
        let system = Arc::new(System::open(wiring).await.unwrap());
        let runner = Runner::new(Arc::clone(&system)).await.unwrap();
        let world = Self { clock, twin, system, rewrites, runner, data_map };
        let source = json!({"id": "shop", "name": "Shop", "keyed_by": "user_id", "secret": SOURCE_SECRET,
            "authentication": {"method": "header", "name": "x-secret"}});
        world.call("POST", "/v1/sources", source).await;
        let secret = json!({"consumer_key": consumer_key(CUSTOMER, 567), "consumer_secret": SECRET, "region": "na"});
        let authorization = json!({"id": "auth", "provider": "cheetah-digital", "label": "Account", "secret": secret,
            "requests_per_second": 1_000.0});
        world.call("POST", "/v1/authorizations", authorization).await;
        world
    }

    async fn send(&self, request: Request<Body>) -> Value {
        let answer = self.system.router.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        assert!(status.is_success(), "{status} {}", String::from_utf8_lossy(&bytes));
        serde_json::from_slice(&bytes).unwrap_or(Value::Null)
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> Value {
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", self.system.token))
            .header("content-type", "application/json");
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn ingest(&self, changes: &[Value]) {
        for batch in changes.chunks(1_000) {
            let body: Vec<String> = batch.iter().map(Value::to_string).collect();
            let request = Request::post("/v1/ingest/shop").header("x-secret", SOURCE_SECRET);
            let request = request.header("content-type", "application/x-ndjson");
            let answer = self.send(request.body(Body::from(body.join("\n"))).unwrap()).await;
            assert_eq!(answer["accepted"], json!(batch.len()), "{answer}");
        }
    }

    /// Activates with these settings of imports besides the customer and the Data Map.
    pub(crate) async fn activate(&self, imports: Value) {
        let mut batch_import = json!({"customer_id": CUSTOMER, "data_map_id": self.data_map, "from": 100});
        batch_import.as_object_mut().unwrap().extend(imports.as_object().unwrap().clone());
        let settings = json!({
            "table": TABLE, "person_column": "email", "audience_column": "audience_slug",
            "subscription_column": "subscribed", "timestamp": {"column": "changed_at"}, "records_per_call": 100,
            "columns": [
                {"column": "visits", "from": "attributes.visits", "type": "integer"},
                {"column": "プラン", "from": "fields.plan"},
            ],
            "batch_import": batch_import,
        });
        let activation = json!({"id": "act", "name": "Shop to Cheetah", "source": "shop", "person_identifier": "ids.email",
            "destination": "cheetah-digital", "authorization": "auth", "settings": settings, "audiences": AUDIENCES,
            "attributes": [{"attribute": "visits", "type": "integer"}]});
        self.call("POST", "/v1/activations", activation).await;
        self.call("POST", "/v1/activations/act/activate", Value::Null).await;
    }

    pub(crate) async fn settle(&mut self) {
        self.runner.run_until_quiet().await.unwrap();
        self.twin.apply_loads();
    }

    /// Until so many imports were taken.
    async fn until_imports(&mut self, imports: u64) {
        while self.twin.counters().imports < imports {
            assert!(self.runner.run_one_jump().await.unwrap(), "no import came");
        }
    }

    pub(crate) fn shows(&self, user: &str, audience: &str, column: &str) -> Option<String> {
        let rows = self.twin.rows_with(TABLE, &[("email", &address(user)), ("audience_slug", audience)]);
        assert!(rows.len() <= 1, "{user} has {} rows for {audience}", rows.len());
        rows.first().map(|row| row.text(column))
    }

    /// Everybody is inside as `everybody` says, but for whom `but` says otherwise in the first audience.
    fn assert_whole(&self, users: &[String], but: &BTreeMap<&str, &str>) {
        assert_eq!(self.twin.unexpected(), Vec::<String>::new());
        let mut rows: BTreeMap<(String, String), [String; 2]> = BTreeMap::new();
        for row in self.twin.rows(TABLE) {
            let shown = ["subscribed", "プラン"].map(|column| row.text(column));
            assert_eq!(rows.insert((row.text("email"), row.text("audience_slug")), shown), None, "one row for each");
        }
        for (number, user) in users.iter().enumerate() {
            let of = |audience: &str| rows.get(&(address(user), audience.to_owned()));
            let first = but.get(user.as_str()).copied().unwrap_or("true");
            assert_eq!(of(AUDIENCES[0]), Some(&[first.to_owned(), "ゴールド".to_owned()]), "{user}");
            let second = of(AUDIENCES[1]).map(|[inside, _]| inside.as_str()).filter(|inside| *inside != "false");
            assert_eq!(second, (number % 2 == 1).then_some("true"), "{user}");
        }
    }

    fn asked(&self, route: RouteKind) -> u64 {
        self.twin.counters().requests_by_route.get(route.template()).copied().unwrap_or(0)
    }

    pub(crate) async fn status(&self) -> Value {
        self.call("GET", "/v1/activations/act", Value::Null).await
    }
}

#[tokio::test]
async fn thousands_go_in_files_below_their_size_and_changes_meanwhile_win() {
    let mut world = World::new(|switches| switches.import_delay_seconds = 1_200).await;
    let users = users(3_000);
    world.ingest(&everybody(&users)).await;
    world.activate(json!({"most_kilobytes": 64, "from": 500, "priority": 700})).await;
    world.until_imports(2).await;
    // Before any of the files is applied, people leave and come back.
    let leavers: Vec<Value> = users[..40].iter().map(|user| exited(user, AUDIENCES[0], 3_600)).collect();
    world.ingest(&leavers).await;
    let back: Vec<Value> = users[..10].iter().map(|user| entered(user, AUDIENCES[0], 3_601)).collect();
    world.ingest(&back).await;
    world.settle().await;
    let left = users[10..40].iter().map(|user| (user.as_str(), "false")).collect();
    world.assert_whole(&users, &left);
    let counters = world.twin.counters();
    // Half of everybody is outside the second audience, and not told so: 4,500 rows of some 90 bytes.
    assert!((5..=16).contains(&counters.imports), "{} imports", counters.imports);
    assert!(counters.imported_rows >= 4_000, "{counters:?}");
    assert!(world.asked(RouteKind::Data) < 40, "{} single calls", world.asked(RouteKind::Data));
    let asked = world.asked(RouteKind::ImportStatus);
    assert!(asked < 20 * counters.imports, "asked {asked} times for {} imports", counters.imports);
    assert!(world.asked(RouteKind::SearchRecords) <= 4 * counters.imports, "{counters:?}");
    assert_eq!(world.status().await["status"], "active");
}

#[tokio::test]
async fn an_import_that_is_refused_stops_the_activation_with_the_reason() {
    let mut world = World::new(|_| {}).await;
    let users = users(400);
    world.ingest(&everybody(&users)).await;
    let right = world.data_map;
    world.data_map = 1;
    world.activate(json!({})).await;
    for _ in 0..60 {
        if world.status().await["status"] == "failing" {
            break;
        }
        assert!(world.runner.run_one_jump().await.unwrap());
    }
    let stopped = world.status().await;
    assert_eq!(stopped["status"], "failing", "{stopped}");
    let why = stopped["why"].as_str().unwrap();
    assert!(why.contains("prop_map_id") && why.contains("batch_import"), "{why}");
    assert_eq!(world.twin.counters().imports, 0);
    world.twin.reset_counters();
    let mut settings = stopped["settings"].clone();
    settings["batch_import"]["data_map_id"] = json!(right);
    world.call("PATCH", "/v1/activations/act", json!({"settings": settings})).await;
    world.call("POST", "/v1/activations/act/resume", Value::Null).await;
    world.settle().await;
    world.assert_whole(&users, &BTreeMap::new());
    assert!(world.twin.counters().imports > 0);
}

async fn whoever_does_not_land_goes_by_single_calls(change: impl FnOnce(&mut Switches)) -> World {
    let mut world = World::new(change).await;
    let users = users(300);
    world.ingest(&everybody(&users)).await;
    world.activate(json!({"minutes": 30})).await;
    world.settle().await;
    world.assert_whole(&users, &BTreeMap::new());
    assert_eq!(world.status().await["status"], "active");
    assert!(world.twin.counters().imports <= 2, "no file follows a file: {:?}", world.twin.counters().imports);
    world
}

#[tokio::test]
async fn an_import_that_never_says_that_it_is_done_is_looked_after_when_its_time_is_over() {
    let world = whoever_does_not_land_goes_by_single_calls(|switches| switches.import_ends = ImportEnds::Never).await;
    assert!(world.asked(RouteKind::ImportStatus) < 20, "{}", world.asked(RouteKind::ImportStatus));
    assert!(world.asked(RouteKind::Data) > 0);
}

#[tokio::test]
async fn an_import_that_ends_under_another_word_is_looked_after_as_well() {
    whoever_does_not_land_goes_by_single_calls(|switches| switches.import_ends = ImportEnds::Fails).await;
}

#[tokio::test]
async fn an_import_that_cannot_be_asked_for_is_looked_after_when_its_time_is_over() {
    let mut world = World::new(|switches| switches.import_id_parameter = "id".to_owned()).await;
    let users = users(150);
    world.ingest(&everybody(&users)).await;
    world.activate(json!({"minutes": 30, "id_parameter": "id"})).await;
    world.settle().await;
    world.assert_whole(&users, &BTreeMap::new());
    assert_eq!(world.asked(RouteKind::Data), 0, "asked by the right name it is done at once");
}

#[tokio::test]
async fn rows_that_an_import_leaves_out_are_found_and_sent_again() {
    let mut world = World::new(|_| {}).await;
    let users = users(300);
    world.ingest(&everybody(&users)).await;
    let banned = ["u00007", "u00123"];
    banned.iter().for_each(|user| world.twin.ban(&address(user)));
    world.activate(json!({"minutes": 60})).await;
    world.settle().await;
    for user in banned {
        assert_eq!(world.shows(user, AUDIENCES[0], "subscribed"), None, "a banned address has no row");
    }
    assert_eq!(world.shows("u00008", AUDIENCES[0], "subscribed").as_deref(), Some("true"));
    assert!(world.asked(RouteKind::SearchRecords) >= 300, "everybody was looked up");
    let loads = world.asked(RouteKind::Data);
    assert!((1..=2).contains(&loads), "{loads} single calls for two people");
    assert_eq!(world.twin.unexpected(), Vec::<String>::new());
}

#[tokio::test]
async fn a_data_map_that_leaves_a_column_out_is_seen() {
    let mut world = World::new(|_| {}).await;
    let users = users(300);
    world.ingest(&everybody(&users)).await;
    world.data_map = world.twin.seed_data_map(SeedDataMap::same_names(TABLE, &COLUMNS[..5])).unwrap();
    world.activate(json!({})).await;
    world.settle().await;
    world.assert_whole(&users, &BTreeMap::new());
}

/// One of each kind of change that somebody at the platform may make.
#[tokio::test]
async fn who_was_changed_or_deleted_at_the_platform_is_found_and_put_right() {
    for (no_match, past_the_end) in
        [(404, PastTheEnd::LastPageAgain), (400, PastTheEnd::Empty), (200, PastTheEnd::Empty)]
    {
        let mut world = World::new(|switches| {
            switches.search_no_match_status = no_match;
            switches.past_the_end = past_the_end;
        })
        .await;
        let users = users(30);
        world.ingest(&everybody(&users)).await;
        world.activate(json!({})).await;
        world.settle().await;
        world.clock.advance(SignedDuration::from_hours(1));
        world.settle().await;
        let row = |user: &str| {
            world.twin.rows_with(TABLE, &[("email", &address(user)), ("audience_slug", "cats")]).remove(0).id
        };
        assert!(world.twin.erase_row(TABLE, row("u00003")));
        assert!(world.twin.edit(TABLE, row("u00007"), "subscribed", Some(Cell::One("false".to_owned()))));
        assert!(world.twin.edit(TABLE, row("u00011"), "visits", None));
        world.twin.reset_counters();
        let found = world.reconcile("compare").await;
        assert_eq!((&found["compared"], &found["unread"]), (&json!(30), &json!(0)), "{found}");
        assert_eq!(found["differing"]["missing"]["people"], 1, "{found}");
        assert_eq!(found["differing"]["other"]["people"], 2, "{found}");
        assert_eq!(world.asked(RouteKind::SearchRecords), 30, "one search for each person");
        assert_eq!(world.asked(RouteKind::Data), 0, "a comparison changes nothing");
        world.reconcile("repair").await;
        world.assert_whole(&users, &BTreeMap::new());
        assert_eq!(world.shows("u00011", "cats", "visits").as_deref(), Some("11"));
        let again = world.reconcile("compare").await;
        assert_eq!((&again["compared"], &again["differing"]), (&json!(30), &json!({})), "{again}");
    }
}

impl World {
    async fn reconcile(&mut self, mode: &str) -> Value {
        let job = self.call("POST", "/v1/activations/act/reconcile", json!({"mode": mode})).await;
        self.settle().await;
        let jobs = self.call("GET", "/v1/activations/act/backfills", Value::Null).await;
        let done = jobs["items"].as_array().unwrap().iter().find(|one| one["id"] == job["id"]).unwrap().clone();
        assert_eq!(done["status"], "done", "{done}");
        done["reconciliation"].clone()
    }
}
