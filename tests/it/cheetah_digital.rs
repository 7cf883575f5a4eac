//! From Lytics to a table of Cheetah Digital: whoever was there, then whoever comes and goes, through one installation.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use muster_local::demo::twin_clock;
use muster_local::runner::Runner;
use muster_twins::cheetah_digital::{
    CheetahDigitalTwin, Credential, DataType, Fault, FaultKind, Options, Privilege, Region, RetryAfter, RouteKind,
    SeedColumn, SeedTable, Switches, consumer_key,
};
use muster_twins::lytics::Move;
use serde_json::{Value, json};

use crate::lytics::{self, PEOPLE, SEGMENTS, address, person};

const SECRET: &str = "the-consumer-secret";
pub(crate) const TABLE: &str = "muster_audience";

pub(crate) struct World {
    pub(crate) lytics: lytics::World,
    pub(crate) twin: CheetahDigitalTwin,
    runner: Runner,
}

fn key() -> String {
    consumer_key(1_234, 567)
}

impl World {
    /// Everybody is outside, and the activation is a draft.
    async fn new(change: impl FnOnce(&mut Switches)) -> Self {
        let columns = vec![
            SeedColumn::new("Email", DataType::Email).identifier(),
            SeedColumn::new("Audience Slug", DataType::String).identifier(),
            SeedColumn::new("Subscribed", DataType::String),
            SeedColumn::new("Changed At", DataType::DateTime),
            SeedColumn::new("プラン", DataType::String),
            SeedColumn::new("Tier", DataType::String),
        ];
        let world = Self::before_link(columns, change).await;
        let settings = json!({
            "table": TABLE, "person_column": "email", "audience_column": "audience_slug",
            "subscription_column": "subscribed", "timestamp": {"column": "changed_at"},
            "columns": [
                {"column": "プラン", "from": "fields.plan"},
                {"column": "tier", "expression": "fields['user_attributes.tier']|upper"},
            ],
        });
        let (status, answer) = world.link(&settings, &SEGMENTS).await;
        assert_eq!(status, 201, "{answer}");
        world
    }

    /// The same with a table of these columns, and no activation yet.
    pub(crate) async fn before_link(columns: Vec<SeedColumn>, change: impl FnOnce(&mut Switches)) -> Self {
        let clock = lytics::start();
        let mut switches = Switches::default();
        change(&mut switches);
        let options = Options {
            clock: twin_clock(&clock),
            credentials: BTreeMap::from([(key(), Credential::new(SECRET, 1_234))]),
            switches,
            ..Options::of(Region::NorthAmerica)
        };
        let twin = CheetahDigitalTwin::start(options).await.unwrap();
        twin.seed_table(&SeedTable::new("Muster Audience", columns)).unwrap();
        let origins = twin.origins().map(|(origin, at)| (origin.to_owned(), at)).collect();
        let lytics = lytics::World::before_platform(clock, origins).await;
        lytics.twin.start_job(lytics.job()).unwrap();
        let secret = json!({"consumer_key": key(), "consumer_secret": SECRET, "region": "na"});
        let authorization = json!({"id": "auth", "provider": "cheetah-digital", "label": "Account", "secret": secret});
        lytics.call("POST", "/v1/authorizations", authorization).await;
        let runner = Runner::new(Arc::clone(&lytics.system)).await.unwrap();
        Self { lytics, twin, runner }
    }

    /// Makes the activation `act` of these segments, as a draft.
    pub(crate) async fn link(&self, settings: &Value, segments: &[&str]) -> (u16, Value) {
        let activation = json!({"id": "act", "name": "Lytics to Cheetah", "source": "cdp",
            "destination": "cheetah-digital", "authorization": "auth", "settings": settings, "audiences": segments});
        self.lytics.try_call("POST", "/v1/activations", activation).await
    }

    pub(crate) async fn activate(&mut self) {
        self.lytics.call("POST", "/v1/activations/act/activate", Value::Null).await;
        self.settle().await;
    }

    pub(crate) async fn settle(&mut self) {
        self.runner.run_until_quiet().await.unwrap();
        self.twin.apply_loads();
    }

    /// Everybody goes in and out, a second apart, each time really: some in two segments at once, some in and out and in
    /// again at once.
    async fn move_people(&self, steps: usize) {
        for step in 0..steps {
            self.lytics.clock.advance(SignedDuration::from_secs(1));
            let key = person(step * 7 % PEOPLE);
            let inside = self.lytics.twin.profile(&key).unwrap().segments;
            let turn = |segment: &str, inside: bool| if inside { Move::exit(segment) } else { Move::enter(segment) };
            let (here, there) = (SEGMENTS[step % 3], SEGMENTS[(step + 1) % 3]);
            let first = turn(here, inside.contains_key(here));
            let moves = match step % 5 {
                0 => vec![first, turn(there, inside.contains_key(there))],
                3 => vec![first.clone(), turn(here, !inside.contains_key(here)), first],
                _ => vec![first],
            };
            assert!(self.lytics.twin.move_profile(&key, &moves));
        }
        self.lytics.settle().await;
    }

    pub(crate) async fn activation(&self) -> Value {
        self.lytics.call("GET", "/v1/activations/act", Value::Null).await
    }

    /// The table says of everybody and each audience what Lytics says; who never was inside has no row, or one that
    /// says so.
    async fn assert_whole(&self) {
        self.lytics.assert_equal().await;
        assert_eq!(self.twin.unexpected(), Vec::<String>::new());
        assert_eq!(self.twin.counters().bad_records, 0, "nothing is sent that is refused");
        let mut told = 0;
        for key in (0..PEOPLE).map(person) {
            let truth = self.lytics.twin.profile(&key).unwrap().segments;
            for segment in SEGMENTS {
                let rows = self.twin.rows_with(TABLE, &[("email", &address(&key)), ("audience_slug", segment)]);
                assert!(rows.len() <= 1, "{key} has {} rows for {segment}", rows.len());
                let Some(row) = rows.first() else {
                    assert!(!truth.contains_key(segment), "{key} is in {segment}, and not in the table");
                    continue;
                };
                assert_eq!(row.text("subscribed"), truth.contains_key(segment).to_string(), "{key} in {segment}");
                assert_eq!([row.text("プラン"), row.text("tier")], ["none", "GOLD"]);
                if let Some(entered) = truth.get(segment) {
                    assert_eq!(row.text("changed_at"), entered.strftime("%Y-%m-%d %H:%M:%S").to_string());
                }
                told += 1;
            }
        }
        assert!(told > PEOPLE, "only {told} rows were looked at");
    }
}

#[tokio::test]
async fn whoever_was_there_and_whoever_comes_and_goes_is_in_the_table() {
    let mut world = World::new(|_| {}).await;
    world.move_people(90).await;
    world.activate().await;
    world.assert_whole().await;
    assert!(world.activation().await["status"] == "active");
    world.move_people(53).await;
    world.settle().await;
    world.assert_whole().await;
    let account = world.lytics.call("GET", "/v1/activations/act/accounting", Value::Null).await;
    assert_eq!(account["account"]["rejected"], 0, "{account}");
}

#[tokio::test]
async fn whatever_goes_wrong_on_the_way_the_table_is_whole_in_the_end() {
    let mut world = World::new(|switches| switches.second_token_invalidates_first = true).await;
    world.move_people(90).await;
    let data = |kind| Fault::once(kind).on_route(RouteKind::Data);
    world.twin.push_fault(Fault::once(FaultKind::Unavailable).on_route(RouteKind::Token));
    for kind in [
        FaultKind::ResetAfter,
        FaultKind::Unauthorized,
        FaultKind::TooManyRequests(RetryAfter::Seconds(3)),
        FaultKind::BadGateway,
        FaultKind::NonJson200,
        FaultKind::ResetBefore,
    ] {
        world.twin.push_fault(data(kind).times(2));
    }
    world.activate().await;
    world.twin.revoke_tokens();
    world.move_people(53).await;
    world.settle().await;
    assert_eq!(world.twin.scripted_faults().len(), 0, "every fault struck");
    world.assert_whole().await;
}

#[tokio::test]
async fn a_token_that_ends_in_the_middle_is_renewed() {
    let mut world = World::new(|switches| switches.expires_in = 2).await;
    world.move_people(90).await;
    world.activate().await;
    world.assert_whole().await;
    assert!(world.twin.counters().tokens_issued > 2, "{:?}", world.twin.counters());
}

#[tokio::test]
async fn a_revoked_right_stops_the_activation_which_goes_on_when_it_is_back() {
    let mut world = World::new(|_| {}).await;
    world.activate().await;
    let mut without = Credential::new(SECRET, 1_234);
    without.privileges.remove(&Privilege::Data);
    world.twin.set_credential(&key(), without);
    world.move_people(90).await;
    world.settle().await;
    let stopped = world.activation().await;
    assert_eq!(stopped["status"], "failing", "{stopped}");
    assert!(stopped["why"].as_str().unwrap().contains("lacks the right"), "{stopped}");
    world.twin.set_credential(&key(), Credential::new(SECRET, 1_234));
    world.lytics.call("POST", "/v1/activations/act/resume", Value::Null).await;
    world.settle().await;
    world.assert_whole().await;
}

#[tokio::test]
async fn a_column_that_goes_stops_the_activation_by_its_name() {
    let mut world = World::new(|_| {}).await;
    world.activate().await;
    assert!(world.twin.remove_column(TABLE, "tier"));
    world.move_people(90).await;
    world.settle().await;
    let stopped = world.activation().await;
    assert_eq!(stopped["status"], "failing", "{stopped}");
    assert!(stopped["why"].as_str().unwrap().contains("has no column `tier`"), "{stopped}");
}
