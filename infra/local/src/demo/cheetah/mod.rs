//! `muster demo --scenario cheetah`: the members of two Lytics audiences are brought to a table of Cheetah Digital once,
//! while people come and go and twenty workers call the webhook; then the table is held against what Lytics knows.

mod report;
mod stage;
mod table;

use std::time::{Duration, Instant};

use jiff::SignedDuration;
use muster_twins::cheetah_digital::{FaultKind, RetryAfter, SeededFaults};
use muster_twins::lytics::SeedJob;
use muster_twins::{cheetah_digital, lytics};
use serde_json::{Value, json};

use super::Talk;
use super::play::bar;
use super::report::say;

pub use report::CheetahReport;
use stage::{Moves, Stage};

/// What is played.
#[derive(Clone)]
pub struct Scenario {
    /// People who are in an audience before anything is linked.
    pub members: usize,
    /// How many people come or go while these are brought.
    pub moves: usize,
    /// How the stand-in of Lytics reads what its documents leave open.
    pub lytics: lytics::Switches,
    /// How the stand-in of Cheetah Digital does.
    pub cheetah: cheetah_digital::Switches,
    /// The job that calls the webhook, changed from the default one.
    pub job: fn(SeedJob) -> SeedJob,
    /// Settings of the activation, over the default ones.
    pub settings: Value,
    /// Credentials at Cheetah Digital, over the default ones.
    pub credentials: Value,
    /// Whoever is many goes in files, with these settings over the default ones; by single calls where absent.
    pub files: Option<Value>,
    /// Both stand-ins fail by this seed.
    pub faults: Option<u64>,
    /// Time between two moves.
    pub pace: SignedDuration,
    /// How long an answer is waited for.
    pub patience: Duration,
    /// Where the data are kept.
    pub kept: Kept,
    /// Say what happens while it happens.
    pub talk: Talk,
}

/// Where the data of a scenario are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// In a folder that is removed afterwards.
    OnDisk,
    /// In memory.
    InMemory,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            members: 5_000,
            moves: 1_000,
            lytics: lytics::Switches::default(),
            cheetah: cheetah_digital::Switches::default(),
            job: |job| job,
            settings: json!({}),
            credentials: json!({}),
            files: None,
            faults: None,
            pace: SignedDuration::from_millis(100),
            patience: Duration::from_secs(20),
            kept: Kept::OnDisk,
            talk: Talk::Loud,
        }
    }
}

impl Scenario {
    fn say(&self, text: &str) {
        if self.talk == Talk::Loud {
            say(text);
        }
    }
}

/// Plays a scenario.
///
/// # Errors
/// With a sentence for a person.
pub async fn play(scenario: &Scenario) -> Result<CheetahReport, String> {
    let stage = Stage::build(scenario).await?;
    let result = play_on(scenario, &stage).await;
    stage.running.stop().await?;
    result
}

async fn play_on(scenario: &Scenario, stage: &Stage) -> Result<CheetahReport, String> {
    scenario.say(&format!(
        "Stand-ins for Lytics ({}) with {} people in two audiences, and for Cheetah Digital with an empty table.",
        stage.lytics.api_url(),
        scenario.members
    ));
    stage.set_up(scenario).await?;
    scenario.say(
        "Source `lytics`, authorization `demo`, activation `demo` made through the API; twenty workers of Lytics call the \
         webhook. Idle time is jumped over.",
    );
    let started = Instant::now();
    stage.post("/v1/activations/demo/activate", Value::Null).await?;
    let new = json!({"purpose": "backfill", "audiences": stage::AUDIENCES});
    let begun = stage.post("/v1/sources/lytics/scans", new).await?;
    let mut moves = Moves::default();
    let (moved, scan) =
        tokio::join!(moves.make(scenario, stage), scanned(scenario, stage, begun["id"].as_str().unwrap_or_default()));
    moved?;
    let scan = scan?;
    // Lytics is given time once nothing of Muster's runs: what ran would be taken for dead.
    stage.player.wait_until_quiet(&stage.system, scenario.talk).await?;
    stage.webhooks_settled().await;
    let accounting = stage.player.wait_until_quiet(&stage.system, scenario.talk).await?;
    stage.cheetah.apply_loads();
    let took = started.elapsed();
    CheetahReport::new(stage, scan, &moves, accounting, took)
}

/// Watches a scan to its end.
async fn scanned(scenario: &Scenario, stage: &Stage, id: &str) -> Result<Value, String> {
    let bar = bar(scenario.talk, 1, "members read");
    loop {
        let scan = stage.get(&format!("/v1/sources/lytics/scans/{id}")).await?;
        bar.set_length(scan["of"].as_u64().unwrap_or(1).max(1));
        bar.set_position(scan["counts"]["members"].as_u64().unwrap_or(0));
        match scan["status"].as_str() {
            Some("running") => {}
            Some("done") => {
                bar.finish_and_clear();
                return Ok(scan);
            }
            Some(_) | None => return Err(format!("the scan stopped: {}", scan["why"])),
        }
        let queue = stage.system.embedded.queue();
        let _ = tokio::time::timeout(Duration::from_millis(100), queue.changed()).await;
    }
}

/// Every tenth request or so fails in one of the ways that platforms fail in.
fn faults(seed: u64) -> SeededFaults {
    let rates = vec![
        (FaultKind::TooManyRequests(RetryAfter::Seconds(2)), 15),
        (FaultKind::Html500, 20),
        (FaultKind::BadGateway, 10),
        (FaultKind::ResetBefore, 15),
        (FaultKind::ResetAfter, 15),
        (FaultKind::TimeoutAfter, 1),
        (FaultKind::TruncatedJson, 5),
        (FaultKind::NonJson200, 5),
    ];
    SeededFaults { faults_seed: seed, rates, on: cheetah_digital::FaultMatch::default() }
}
