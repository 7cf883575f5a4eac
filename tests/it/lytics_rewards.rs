//! Rewards in Eagle Eye AIR for entering an audience of Lytics: whoever was there before earns none, in whichever way
//! Muster hears of them, and whoever comes while it listens earns one.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use muster::ports::Clock;
use muster_local::demo::twin_clock;
use muster_local::runner::Runner;
use muster_twins::eagle_eye_air::{self, EagleEyeAirTwin, SeedCampaign, SeedWallet};
use muster_twins::lytics::{
    AttemptOutcome, Authorization, BackfillStamp, Duplicates, Move, RetryOn, SeedJob, SeedProfile, Switches,
};
use serde_json::{Value, json};

use crate::lytics::{self, PEOPLE, address, person};

/// Who is in `buyers` before anything begins.
const MEMBERS: usize = 5_000;
const STAMPS: [BackfillStamp; 3] = [BackfillStamp::Sent, BackfillStamp::JobStart, BackfillStamp::Entered];
const TRIGGER: &str = "POST /services/trigger";

struct World {
    lytics: lytics::World,
    air: EagleEyeAirTwin,
    runner: Runner,
}

impl World {
    /// So many people are in `buyers`, and twelve others nowhere; AIR has a wallet of each.
    async fn new(members: usize, change: impl FnOnce(&mut Switches)) -> Self {
        let clock = lytics::start();
        let options = eagle_eye_air::Options { clock: twin_clock(&clock), ..eagle_eye_air::Options::default() };
        let air = EagleEyeAirTwin::start(options).await.unwrap();
        air.seed_campaign(SeedCampaign::points("WELCOME-100", 100));
        let origins = air.origins().map(|(origin, at)| (origin.to_owned(), at)).collect();
        let lytics = lytics::World::before_platform(clock, origins).await;
        lytics.twin.with_switches(change);
        let seeds = (0..members).map(|number| SeedProfile::with_email(&member(number), &address(&member(number))));
        lytics.twin.seed_profiles(&seeds.map(|one| one.within("buyers")).collect::<Vec<_>>()).unwrap();
        for key in (0..members).map(member).chain((0..PEOPLE).map(person)) {
            air.seed_wallet(&SeedWallet::new(&[("EMAIL", &address(&key))])).unwrap();
        }
        lytics.clock.advance(SignedDuration::from_mins(1));
        let runner = Runner::new(Arc::clone(&lytics.system)).await.unwrap();
        Self { lytics, air, runner }
    }

    /// The source is told until when a backfill may come: an hour from now.
    async fn announce_a_backfill(&self) -> Timestamp {
        let until = self.lytics.clock.now() + SignedDuration::from_hours(1);
        let format = json!({"kind": "lytics", "backfill_until": until.to_string()});
        self.lytics.call("PATCH", "/v1/sources/cdp", json!({"format": format})).await;
        until
    }

    /// Whoever enters `buyers` from now on is rewarded.
    async fn reward(&mut self, settings: Value) {
        let secret = json!({"client_id": eagle_eye_air::Options::CLIENT, "secret": eagle_eye_air::Options::SECRET});
        let authorization = json!({"id": "unit", "provider": "eagle-eye-air", "label": "Unit", "secret": secret,
                                   "requests_per_second": 1_000.0});
        self.lytics.call("POST", "/v1/authorizations", authorization).await;
        let mut all = json!({"wallet_url": "https://wallet.sandbox.uk.eagleeye.com",
                             "rewards": {"buyers": "WELCOME-100"}});
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let activation = json!({"id": "rewards", "name": "Lytics to AIR", "source": "cdp", "audiences": ["buyers"],
                                "destination": "eagle-eye-air", "authorization": "unit", "settings": all,
                                "person_identifier": "ids.email"});
        self.lytics.call("POST", "/v1/activations", activation).await;
        self.lytics.call("POST", "/v1/activations/rewards/activate", Value::Null).await;
        self.settle().await;
        self.lytics.clock.advance(SignedDuration::from_mins(1));
    }

    /// In batches, as the documentation has it.
    fn job(&self) -> SeedJob {
        SeedJob { batch_requests: true, batch_size: 100, ..self.lytics.job() }
    }

    /// A job begins, and sends whoever is inside already.
    async fn backfill(&mut self) {
        self.lytics.twin.start_job(SeedJob { withbackfill: true, ..self.job() }).unwrap();
        self.settle().await;
    }

    async fn settle(&mut self) {
        self.lytics.settle().await;
        self.runner.run_until_quiet().await.unwrap();
    }

    async fn all(&mut self, keys: &[String], step: fn(&str) -> Move) {
        for key in keys {
            assert!(self.lytics.twin.move_profile(key, &[step("buyers")]));
        }
        self.settle().await;
    }

    async fn account(&self) -> Value {
        self.lytics.call("GET", "/v1/activations/rewards/accounting", Value::Null).await["account"].clone()
    }

    async fn assert_inside(&self, members: usize) {
        let seen = self.account().await["audiences"]["buyers"]["members"].as_u64().unwrap_or(0);
        assert_eq!(seen, members as u64);
    }

    /// How many each address has.
    fn rewards(&self) -> BTreeMap<String, usize> {
        let mut rewards = BTreeMap::new();
        for reward in self.air.rewards() {
            *rewards.entry(reward.identity_value).or_default() += 1;
        }
        rewards
    }

    /// None was given, and none was asked for.
    async fn assert_no_rewards(&self) {
        assert_eq!(self.rewards(), BTreeMap::new());
        assert_eq!(self.air.counters().requests_by_route.get(TRIGGER), None);
        assert_eq!(self.account().await["effects_open"], 0);
    }

    /// Twelve enter who were never inside, and ten leave and enter again who were.
    async fn assert_live_is_rewarded_once(&mut self) {
        let newcomers: Vec<String> = (0..PEOPLE).map(person).collect();
        let again: Vec<String> = (0..10).map(|number| member(number * 7)).collect();
        self.all(&newcomers, Move::enter).await;
        self.all(&again, Move::exit).await;
        self.all(&again, Move::enter).await;
        let expected: BTreeMap<String, usize> = newcomers.iter().chain(&again).map(|key| (address(key), 1)).collect();
        assert_eq!(self.rewards(), expected);
        assert_eq!(self.air.counters().requests_by_route[TRIGGER], expected.len() as u64);
        assert_eq!(self.account().await["effects_open"], 0);
        self.assert_whole(MEMBERS + PEOPLE).await;
    }

    /// Everything was taken that Lytics sent, and so many are inside.
    async fn assert_whole(&self, members: usize) {
        let taken = AttemptOutcome::Answered(202);
        assert!(
            self.lytics.twin.attempts().iter().all(|one| one.outcome == taken),
            "{:?}",
            self.lytics.twin.attempts()
        );
        assert_eq!(self.lytics.left_out().await, json!({}));
        self.assert_inside(members).await;
        assert_eq!((self.lytics.twin.unexpected(), self.air.unexpected()), (Vec::new(), Vec::new()));
    }
}

fn member(number: usize) -> String {
    format!("m{number}")
}

#[tokio::test]
async fn five_thousand_of_a_backfill_that_was_announced_are_not_rewarded() {
    let mut world = World::new(MEMBERS, |switches| switches.duplicates = Duplicates::SameId).await;
    let until = world.announce_a_backfill().await;
    world.reward(json!({})).await;
    world.backfill().await;
    assert_eq!(world.lytics.twin.counters().events_accepted, 2 * MEMBERS as u64, "each came twice");
    world.assert_inside(MEMBERS).await;
    world.assert_no_rewards().await;
    world.lytics.clock.advance_to(until);
    world.assert_live_is_rewarded_once().await;
}

#[tokio::test]
async fn five_thousand_of_a_backfill_that_is_over_before_the_activation_are_not_rewarded() {
    let mut world = World::new(MEMBERS, |switches| switches.duplicates = Duplicates::NewId).await;
    world.backfill().await;
    world.reward(json!({})).await;
    assert_eq!(world.lytics.twin.counters().events_accepted, 2 * MEMBERS as u64, "each came twice");
    world.assert_inside(MEMBERS).await;
    world.assert_no_rewards().await;
    world.assert_live_is_rewarded_once().await;
}

#[tokio::test]
async fn five_thousand_whom_a_scan_finds_are_not_rewarded() {
    let mut world = World::new(MEMBERS, |switches| switches.duplicates = Duplicates::SameId).await;
    world.reward(json!({})).await;
    world.lytics.twin.start_job(world.job()).unwrap();
    world.lytics.call("PUT", "/v1/sources/cdp/access", json!({"token": "API_TOKEN"})).await;
    for purpose in ["backfill", "reconcile"] {
        let scan = json!({"purpose": purpose, "audiences": ["buyers"]});
        let begun = world.lytics.call("POST", "/v1/sources/cdp/scans", scan).await;
        world.settle().await;
        let path = format!("/v1/sources/cdp/scans/{}", begun["id"].as_str().unwrap());
        let scan = world.lytics.call("GET", &path, Value::Null).await;
        assert_eq!((&scan["status"], &scan["counts"]["members"]), (&json!("done"), &json!(MEMBERS)), "{scan}");
        world.assert_inside(MEMBERS).await;
        world.assert_no_rewards().await;
    }
    world.assert_live_is_rewarded_once().await;
}

#[tokio::test]
async fn whatever_time_lytics_gives_a_backfill_it_earns_nothing() {
    for stamp in STAMPS {
        let mut world = World::new(30, |switches| switches.backfill_stamp = stamp).await;
        world.announce_a_backfill().await;
        world.reward(json!({})).await;
        world.backfill().await;
        world.assert_no_rewards().await;
        world.assert_whole(30).await;
        let mut world = World::new(30, |switches| switches.backfill_stamp = stamp).await;
        world.backfill().await;
        world.reward(json!({})).await;
        world.assert_no_rewards().await;
        world.assert_whole(30).await;
    }
}

#[tokio::test]
async fn whoever_enters_while_a_backfill_may_come_is_rewarded_for_entering_again() {
    let mut world = World::new(30, |_| {}).await;
    let until = world.announce_a_backfill().await;
    world.reward(json!({})).await;
    world.backfill().await;
    world.all(&[person(0)], Move::enter).await;
    world.assert_no_rewards().await;
    world.lytics.clock.advance_to(until);
    world.all(&[person(0)], Move::exit).await;
    world.all(&[person(0)], Move::enter).await;
    assert_eq!(world.rewards(), BTreeMap::from([(address(&person(0)), 1)]));
}

/// Lytics tries a backfill again for so long that the owner takes it for over.
async fn with_a_backfill_that_lags(stamp: BackfillStamp, announced: bool) -> World {
    let mut world = World::new(30, |switches| {
        switches.backfill_stamp = stamp;
        switches.retry_on = RetryOn::AnyError;
        switches.retry_spacing_seconds = 1_200;
    })
    .await;
    if announced {
        world.announce_a_backfill().await;
    }
    let job = SeedJob { withbackfill: true, ..world.job() };
    let proof = job.authorization.clone();
    let job = world.lytics.twin.start_job(SeedJob { authorization: Authorization::None, ..job }).unwrap();
    world.settle().await;
    assert!(world.lytics.twin.authorize_job(&job, proof));
    world.reward(json!({})).await;
    world.assert_inside(0).await;
    world.lytics.clock.advance(SignedDuration::from_mins(20));
    world.settle().await;
    world.assert_inside(30).await;
    world
}

#[tokio::test]
async fn a_backfill_that_lags_behind_the_activation_must_be_announced() {
    for stamp in STAMPS {
        let world = with_a_backfill_that_lags(stamp, true).await;
        world.assert_no_rewards().await;
        let world = with_a_backfill_that_lags(stamp, false).await;
        match stamp {
            // Nothing tells these from people who enter now.
            BackfillStamp::Sent => assert_eq!(world.rewards().len(), 30),
            BackfillStamp::JobStart | BackfillStamp::Entered => world.assert_no_rewards().await,
        }
    }
}

#[tokio::test]
async fn of_a_backfill_of_which_nobody_was_told_no_more_are_rewarded_than_the_limits_allow() {
    let mut world = World::new(1_200, |_| {}).await;
    world.reward(json!({})).await;
    world.backfill().await;
    let activation = world.lytics.call("GET", "/v1/activations/rewards", Value::Null).await;
    assert_eq!((world.rewards().len(), &activation["status"]), (1_000, &json!("paused")));
    assert!(activation["why"].as_str().unwrap().contains("allow"), "{}", activation["why"]);
    assert_eq!(world.account().await["effects_open"], 200);
}

#[tokio::test]
async fn members_of_before_are_rewarded_for_entering_again_as_often_as_anybody() {
    for (again, expected) in
        [(json!("once"), [1, 1, 1]), (json!({"once_in_days": 30}), [1, 1, 2]), (json!("every_time"), [1, 2, 3])]
    {
        let mut world = World::new(3, |switches| switches.duplicates = Duplicates::NewId).await;
        let until = world.announce_a_backfill().await;
        world.reward(json!({"again": again})).await;
        world.backfill().await;
        world.assert_no_rewards().await;
        world.lytics.clock.advance_to(until);
        let (before, after) = (member(0), person(0));
        for (days, rewards) in [0, 1, 31].into_iter().zip(expected) {
            world.lytics.clock.advance(SignedDuration::from_hours(days * 24));
            let both = [before.clone(), after.clone()];
            world.all(&both, Move::exit).await;
            world.all(&both, Move::enter).await;
            let each = both.map(|key| (address(&key), rewards));
            assert_eq!(world.rewards(), BTreeMap::from(each), "{again} after {days} days");
        }
        assert_eq!(world.account().await["effects_open"], 0);
    }
}
