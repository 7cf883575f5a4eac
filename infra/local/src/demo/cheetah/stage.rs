//! The stand-ins and the installation between them, and whoever comes and goes.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use muster::embedded::JumpClock;
use muster::http::HttpTimes;
use muster::ports::Clock;
use muster_twins::cheetah_digital::{
    CheetahDigitalTwin, Credential, DataType, Region, SeedColumn, SeedDataMap, SeedTable, consumer_key,
};
use muster_twins::lytics::{Authorization, LyticsTwin, Move, SeedJob, SeedProfile, SeedSegment};
use muster_twins::{cheetah_digital, lytics};
use serde_json::{Value, json};

use super::super::play::{Player, bar};
use super::super::{Running, twin_clock};
use super::{Kept, Scenario, faults};
use crate::system::{System, Wiring};

/// Slugs of the audiences.
pub(super) const AUDIENCES: [&str; 2] = ["high_value", "lapsed"];
/// The table's own name.
pub(super) const TABLE: &str = "lytics_audience";
/// Its columns, which are all written.
pub(super) const COLUMNS: [&str; 6] = ["email", "audience_slug", "subscribed", "changed_at", "first_name", "tier"];
/// The secret in the header of the webhook.
const WEBHOOK_SECRET: &str = "demo-webhook-secret";
const CONSUMER_SECRET: &str = "demo-consumer-secret";
/// The table's customer.
const CUSTOMER: u64 = 1_234;
/// Requests a second: raised from the safe default so that nobody watches a progress bar for an hour.
const RATE: f64 = 1_000.0;

/// Everything that a scenario needs.
pub(super) struct Stage {
    pub(super) clock: Arc<JumpClock>,
    pub(super) lytics: LyticsTwin,
    pub(super) cheetah: CheetahDigitalTwin,
    pub(super) system: Arc<System>,
    pub(super) running: Running,
    pub(super) player: Player,
    /// Leads every column of a file to itself.
    data_map: u64,
    /// Removed with the stage.
    _folder: tempfile::TempDir,
}

/// What a person is called.
pub(super) fn key(number: usize) -> String {
    format!("p{number:06}")
}

/// By which the person is known.
pub(super) fn address(key: &str) -> String {
    format!("{key}@example.com")
}

impl Stage {
    pub(super) async fn build(scenario: &Scenario) -> Result<Self, String> {
        let clock = Arc::new(JumpClock::new());
        let lytics = start_lytics(&clock, scenario).await?;
        let cheetah = start_cheetah(&clock, scenario).await?;
        let data_map = cheetah.seed_data_map(SeedDataMap::same_names(TABLE, &COLUMNS)).map_err(refused)?;
        let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
        let origins = lytics.origins().chain(cheetah.origins());
        let wiring = Wiring {
            data: (scenario.kept == Kept::OnDisk).then(|| folder.path().to_owned()),
            rewrites: origins.map(|(origin, at)| (origin.to_owned(), at)).collect(),
            http: HttpTimes { request: scenario.patience, ..HttpTimes::default() },
            ..Wiring::jumping(Arc::clone(&clock))
        };
        let system = Arc::new(System::open(wiring).await.map_err(|error| error.to_string())?);
        let running = Running::start(Arc::clone(&system)).await?;
        let player = Player::new(&running.url, &system.token, Arc::clone(&system.engine.ports.clock));
        Ok(Self { clock, lytics, cheetah, system, running, player, data_map, _folder: folder })
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Result<Value, String> {
        self.player.post(path, body).await
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, String> {
        self.player.call(reqwest::Method::GET, path, None).await
    }

    /// As an owner does it: source, access, authorization, activation; and the job at Lytics.
    pub(super) async fn set_up(&self, scenario: &Scenario) -> Result<(), String> {
        let source = json!({"id": "lytics", "name": "Lytics", "keyed_by": "email", "secret": WEBHOOK_SECRET,
            "authentication": {"method": "header", "name": "x-secret"}, "format": {"kind": "lytics"}});
        self.post("/v1/sources", source).await?;
        let access = json!({"token": "API_TOKEN", "requests_per_second": 100.0});
        self.player.call(reqwest::Method::PUT, "/v1/sources/lytics/access", Some(&access)).await?;
        let mut secret = json!({"consumer_key": consumer(), "consumer_secret": CONSUMER_SECRET, "region": "na"});
        lay_over(&mut secret, &scenario.credentials);
        let authorization = json!({"id": "demo", "provider": "cheetah-digital", "label": "Stand-in",
            "requests_per_second": RATE, "secret": secret});
        self.post("/v1/authorizations", authorization).await?;
        let mut settings = json!({
            "table": TABLE, "person_column": "email", "audience_column": "audience_slug",
            "subscription_column": "subscribed", "timestamp": {"column": "changed_at"},
            "columns": [
                {"column": "first_name", "from": "fields.first_name"},
                {"column": "tier", "expression": "fields['user_attributes.tier']|upper"},
            ],
        });
        lay_over(&mut settings, &scenario.settings);
        if let Some(over) = &scenario.files {
            let mut files = json!({"customer_id": CUSTOMER, "data_map_id": self.data_map});
            lay_over(&mut files, over);
            settings["batch_import"] = files;
        }
        let activation = json!({"id": "demo", "name": "Lytics to Cheetah Digital", "source": "lytics",
            "destination": "cheetah-digital", "authorization": "demo", "settings": settings, "audiences": AUDIENCES,
            "notify": "owner@example.com"});
        self.post("/v1/activations", activation).await?;
        let job = SeedJob {
            authorization: Authorization::Static {
                headers: format!("X-Secret: {WEBHOOK_SECRET}"),
                params: String::new(),
            },
            worker_count: 20,
            ..SeedJob::new(&format!("{}/v1/ingest/lytics", self.running.url), &AUDIENCES)
        };
        self.lytics.start_job((scenario.job)(job)).map_err(|refused| format!("Lytics refuses the job: {refused:?}"))?;
        if let Some(seed) = scenario.faults {
            self.cheetah.seed_faults(faults(seed));
        }
        Ok(())
    }

    /// Until batches that are not full have gone too.
    pub(super) async fn webhooks_settled(&self) {
        self.lytics.webhooks_settled().await;
        self.clock.advance(SignedDuration::from_secs(300));
        self.lytics.webhooks_settled().await;
    }
}

fn lay_over(settings: &mut Value, over: &Value) {
    if let (Some(settings), Some(over)) = (settings.as_object_mut(), over.as_object()) {
        settings.extend(over.clone());
    }
}

fn consumer() -> String {
    consumer_key(CUSTOMER, 567)
}

fn refused(error: impl std::fmt::Debug) -> String {
    format!("a stand-in refuses what it is to begin with: {error:?}")
}

async fn start_lytics(clock: &Arc<JumpClock>, scenario: &Scenario) -> Result<LyticsTwin, String> {
    let options =
        lytics::Options { clock: twin_clock(clock), switches: scenario.lytics.clone(), ..lytics::Options::default() };
    let twin = LyticsTwin::start(options).await.map_err(|error| format!("a stand-in does not start: {error}"))?;
    for (slug, name) in AUDIENCES.iter().zip(["High value", "Lapsed"]) {
        twin.seed_segment(&SeedSegment::new(slug, name)).map_err(refused)?;
    }
    let tiers = ["gold", "silver", "bronze"];
    let person = |number: usize| {
        let profile = SeedProfile::with_email(&key(number), &address(&key(number)))
            .field("first_name", ["Ada", "Søren", "花子", "Zoë"][number % 4])
            .field("user_attributes", json!({"tier": tiers[number % 3]}));
        let profile = if number.is_multiple_of(3) { profile } else { profile.within(AUDIENCES[0]) };
        if number.is_multiple_of(2) { profile.within(AUDIENCES[1]) } else { profile }
    };
    let people: Vec<SeedProfile> = (0..scenario.members).map(person).collect();
    twin.seed_profiles(&people).map_err(refused)?;
    Ok(twin)
}

async fn start_cheetah(clock: &Arc<JumpClock>, scenario: &Scenario) -> Result<CheetahDigitalTwin, String> {
    let options = cheetah_digital::Options {
        clock: twin_clock(clock),
        credentials: BTreeMap::from([(consumer(), Credential::new(CONSUMER_SECRET, CUSTOMER))]),
        switches: scenario.cheetah.clone(),
        ..cheetah_digital::Options::of(Region::NorthAmerica)
    };
    let twin =
        CheetahDigitalTwin::start(options).await.map_err(|error| format!("a stand-in does not start: {error}"))?;
    let columns = vec![
        SeedColumn::new("Email", DataType::Email).identifier(),
        SeedColumn::new("Audience Slug", DataType::String).identifier(),
        SeedColumn::new("Subscribed", DataType::String),
        SeedColumn::new("Changed At", DataType::DateTime),
        SeedColumn::new("First Name", DataType::String),
        SeedColumn::new("Tier", DataType::String),
    ];
    twin.seed_table(&SeedTable::new("Lytics Audience", columns)).map_err(refused)?;
    Ok(twin)
}

/// When somebody came or went last: the clock before and after it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moved {
    pub(super) after: Timestamp,
    pub(super) before: Timestamp,
}

/// Whoever came and went while members were brought.
#[derive(Debug, Default)]
pub(super) struct Moves {
    pub(super) made: usize,
    /// By person and audience.
    pub(super) last: BTreeMap<(String, &'static str), Moved>,
}

impl Moves {
    /// Most go where they were not, some into both audiences at once, some in and out again at once.
    pub(super) async fn make(&mut self, scenario: &Scenario, stage: &Stage) -> Result<(), String> {
        let bar = bar(scenario.talk, scenario.moves as u64, "moved at Lytics");
        for step in 0..scenario.moves {
            stage.clock.advance(scenario.pace);
            let key = key(step * 7_919 % scenario.members.max(1));
            let inside = stage.lytics.profile(&key).map(|profile| profile.segments).unwrap_or_default();
            let (here, there) = (AUDIENCES[step % 2], AUDIENCES[(step + 1) % 2]);
            let turn = |audience: &str| {
                if inside.contains_key(audience) { Move::exit(audience) } else { Move::enter(audience) }
            };
            let moves = match step % 5 {
                0 => vec![turn(here), turn(there)],
                3 if !inside.contains_key(here) => vec![Move::enter(here), Move::exit(here)],
                _ => vec![turn(here)],
            };
            let after = stage.clock.now();
            if !stage.lytics.move_profile(&key, &moves) {
                return Err("the stand-in of Lytics does not know its own people".to_owned());
            }
            let moved = Moved { after, before: stage.clock.now() };
            for audience in moves.iter().filter_map(|one| AUDIENCES.iter().find(|slug| **slug == one.segment)) {
                self.last.insert((key.clone(), audience), moved);
            }
            self.made += 1;
            bar.inc(1);
            if step % 10 == 9 {
                stage.lytics.webhooks_settled().await;
            }
        }
        bar.finish_and_clear();
        Ok(())
    }
}
