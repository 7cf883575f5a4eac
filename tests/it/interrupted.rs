//! A backfill of many members at the ten requests a second that Cheetah Digital safely allows, interrupted again and
//! again: what was read is not read again, and what was loaded is not loaded again, but for what was under way. Time is
//! virtual. `MUSTER_MEMBERS` says how many; a million by night.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::SignedDuration;
use muster::embedded::JumpClock;
use muster::model::FlightKind;
use muster::ports::Clock;
use muster_local::demo::twin_clock;
use muster_local::runner::Runner;
use muster_local::system::{System, Wiring};
use muster_tests::call::call_api;
use muster_tests::worlds::cheetah_digital::{TABLE, table};
use muster_twins::cheetah_digital::{CheetahDigitalTwin, Credential, Region, SeedDataMap, Switches, consumer_key};
use muster_twins::lytics::{LyticsTwin, SeedProfile, SeedSegment};
use muster_twins::{cheetah_digital, lytics};
use serde_json::{Value, json};

const SECRET: &str = "the-consumer-secret";
/// So many in each tests' run.
const FEW: usize = 10_000;
/// Processes that end in the middle.
const INTERRUPTIONS: u64 = 4;
/// Records of one load, and rows of one page.
const AT_ONCE: usize = 100;

fn members() -> usize {
    #[expect(clippy::disallowed_methods, reason = "a test's own setting")]
    let asked = std::env::var("MUSTER_MEMBERS");
    asked.ok().and_then(|text| text.parse().ok()).unwrap_or(FEW)
}

struct Stage {
    clock: Arc<JumpClock>,
    lytics: LyticsTwin,
    cheetah: CheetahDigitalTwin,
    folder: tempfile::TempDir,
    members: usize,
}

impl Stage {
    async fn new(members: usize) -> Self {
        let clock = Arc::new(JumpClock::frozen_at("2026-01-05T07:00:00Z".parse().unwrap()));
        let options = lytics::Options {
            clock: twin_clock(&clock),
            // A process that begins again takes a while.
            switches: lytics::Switches { start_lives_seconds: 86_400, repeat_rows: false, ..Default::default() },
            ..Default::default()
        };
        let source = LyticsTwin::start(options).await.unwrap();
        source.seed_segment(&SeedSegment::new("buyers", "Buyers")).unwrap();
        for first in (0..members).step_by(10_000) {
            let numbers = first..members.min(first + 10_000);
            let seeds = numbers.map(|number| SeedProfile::with_email(&number.to_string(), &address(number)));
            source.seed_profiles(&seeds.map(|one| one.within("buyers")).collect::<Vec<_>>()).unwrap();
        }
        let options = cheetah_digital::Options {
            clock: twin_clock(&clock),
            credentials: BTreeMap::from([(consumer_key(1_234, 567), Credential::new(SECRET, 1_234))]),
            switches: Switches { max_root_records: AT_ONCE, ..Switches::default() },
            ..cheetah_digital::Options::of(Region::NorthAmerica)
        };
        let cheetah = CheetahDigitalTwin::start(options).await.unwrap();
        cheetah.seed_table(&table()).unwrap();
        Self { clock, lytics: source, cheetah, folder: tempfile::tempdir().unwrap(), members }
    }

    /// The installation as a process that begins finds it.
    async fn open(&self) -> (Arc<System>, Runner) {
        let origins = self.lytics.origins().chain(self.cheetah.origins());
        let wiring = Wiring {
            data: Some(Path::to_owned(self.folder.path())),
            rewrites: origins.map(|(origin, at)| (origin.to_owned(), at)).collect(),
            ..Wiring::jumping(Arc::clone(&self.clock))
        };
        let system = Arc::new(System::open(wiring).await.unwrap());
        let runner = Runner::new(Arc::clone(&system)).await.unwrap();
        (system, runner)
    }

    async fn set_up(&self, system: &System, settings: &Value) -> Value {
        let source = json!({"id": "cdp", "name": "Lytics", "keyed_by": "email", "secret": "the-sources-own-secret",
            "authentication": {"method": "header", "name": "x-secret"}, "format": {"kind": "lytics"}});
        call(system, "POST", "/v1/sources", source).await;
        call(system, "PUT", "/v1/sources/cdp/access", json!({"token": "API_TOKEN"})).await;
        let secret = json!({"consumer_key": consumer_key(1_234, 567), "consumer_secret": SECRET, "region": "na"});
        let authorization = json!({"id": "auth", "provider": "cheetah-digital", "label": "Account", "secret": secret});
        call(system, "POST", "/v1/authorizations", authorization).await;
        let mut all = json!({"table": TABLE.1, "person_column": "email", "audience_column": "audience_slug",
            "subscription_column": "subscribed", "records_per_call": AT_ONCE});
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let activation = json!({"id": "act", "name": "Lytics to Cheetah", "source": "cdp", "audiences": ["buyers"],
            "destination": "cheetah-digital", "authorization": "auth", "settings": all});
        call(system, "POST", "/v1/activations", activation).await;
        call(system, "POST", "/v1/activations/act/activate", Value::Null).await;
        call(system, "POST", "/v1/sources/cdp/scans", json!({"purpose": "backfill", "audiences": ["buyers"]})).await
    }

    /// Ends the process in the middle of whatever it does, each time that another part of `whole` was done, and begins
    /// another one. Answers the last one, at rest, and how many people were on their way when one ended.
    async fn interrupted(&self, settings: &Value, whole: u64, done: impl Fn(&Self) -> u64) -> (Arc<System>, u64) {
        let (mut system, mut runner) = self.open().await;
        self.set_up(&system, settings).await;
        let mut on_their_way = 0;
        for part in 1..=INTERRUPTIONS {
            let enough = whole * part / (INTERRUPTIONS + 1);
            let reached = async {
                while done(self) < enough {
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! {
                ran = runner.run_until_quiet() => panic!("it was over before part {part}: {ran:?}"),
                () = reached => {}
            }
            drop(runner);
            while Arc::strong_count(&system) > 1 {
                tokio::task::yield_now().await;
            }
            let flights = system.engine.ports.ledger.flights(None).await.unwrap();
            let sending = flights.iter().filter(|flight| matches!(flight.kind, FlightKind::Sending { .. }));
            on_their_way += sending.map(|flight| flight.people().len() as u64).sum::<u64>();
            drop(system);
            (system, runner) = self.open().await;
        }
        runner.run_until_quiet().await.unwrap();
        self.cheetah.apply_loads();
        (system, on_their_way)
    }

    async fn assert_whole(&self, system: &System, on_their_way: u64) {
        assert_eq!(self.cheetah.rows(TABLE.1).len(), self.members);
        assert_eq!(self.lytics.unexpected(), Vec::<String>::new());
        assert_eq!(self.cheetah.unexpected(), Vec::<String>::new());
        let (pages, whole) = (self.lytics.counters().pages, self.pages());
        assert!((whole..=whole + INTERRUPTIONS).contains(&pages), "{pages} pages instead of {whole}");
        let cheetah = self.cheetah.counters();
        let (records, members) = (cheetah.root_records + cheetah.imported_rows, self.members as u64);
        // Once by the message that comes back, and once by the sweep of the flight that nobody cleared.
        let most = members + 2 * on_their_way;
        assert!((members..=most).contains(&records), "{records} records of {members}, {on_their_way} on their way");
        let account = call(system, "GET", "/v1/activations/act/accounting", Value::Null).await["account"].clone();
        assert_eq!((&account["delivered"], &account["accepted"]), (&json!(members), &json!(members)));
        let scans = call(system, "GET", "/v1/sources/cdp/scans", Value::Null).await;
        assert_eq!(scans["items"][0]["counts"]["restarts"], 0, "{scans}");
    }

    /// Each is read, and read again for whoever slipped through.
    fn pages(&self) -> u64 {
        2 * self.members.div_ceil(AT_ONCE) as u64
    }
}

#[tokio::test]
async fn many_members_are_brought_by_loads_although_everything_is_interrupted() {
    let stage = Stage::new(members()).await;
    let began = stage.clock.now();
    let loads = stage.members.div_ceil(AT_ONCE) as u64;
    // Half of the interruptions meet the scan, half of them the loads.
    let done = |stage: &Stage| stage.lytics.counters().pages + 2 * stage.cheetah.counters().loads;
    let (system, on_their_way) = stage.interrupted(&json!({}), stage.pages() + 2 * loads, done).await;
    stage.assert_whole(&system, on_their_way).await;
    let took = stage.clock.now().duration_since(began);
    assert!(took >= SignedDuration::from_secs((stage.pages() + loads) as i64 / 10), "{took:#}");
}

/// The largest file that is to be sent.
const KILOBYTES: u64 = 16;

#[tokio::test]
async fn many_members_are_brought_by_files_although_everything_is_interrupted() {
    let stage = Stage::new(members()).await;
    let columns = ["email", "audience_slug", "subscribed"];
    let data_map = stage.cheetah.seed_data_map(SeedDataMap::same_names(TABLE.1, &columns)).unwrap();
    let files = json!({"customer_id": 1_234, "data_map_id": data_map, "most_kilobytes": KILOBYTES});
    // Half of the interruptions meet the scan, half of them the files.
    let done = |stage: &Stage| 50 * stage.lytics.counters().pages + stage.cheetah.counters().imported_rows;
    let whole = 50 * stage.pages() + stage.members as u64;
    let (system, on_their_way) = stage.interrupted(&json!({ "batch_import": files }), whole, done).await;
    stage.assert_whole(&system, on_their_way).await;
    let imports = stage.cheetah.imports();
    assert!(imports.iter().all(|import| import.bytes <= KILOBYTES * 1_024), "{imports:?}");
    let in_files: u64 = imports.iter().map(|import| import.rows).sum();
    assert!(in_files * 10 > stage.members as u64 * 9, "nearly everybody went in files: {in_files}");
}

fn address(number: usize) -> String {
    format!("member{number}@example.com")
}

async fn call(system: &System, method: &str, path: &str, body: Value) -> Value {
    let (status, answer) = call_api(&system.router, &system.token, method, path, &body).await;
    assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
    answer
}
