//! `muster demo --scenario eagle-eye`: deliveries are late, so customers enter an audience; each is rewarded in Eagle Eye
//! AIR, once, AIR tells of the reward, and Braze hears of it. Then rewards and events are counted.

mod report;
mod stage;

use std::time::{Duration, Instant};

use jiff::SignedDuration;
use muster_twins::eagle_eye_air::{FaultKind, FaultMatch, RouteKind, SeededFaults};
use serde_json::Value;

use super::Talk;
use super::report::say;

pub use report::{JourneyReport, Steps};
use stage::Stage;

/// What is played.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// Customers whose delivery is late.
    pub customers: usize,
    /// How often each webhook comes.
    pub repeat: usize,
    /// AIR fails by this seed, above all after it issued the reward.
    pub faults: Option<u64>,
    /// Say what happens while it happens.
    pub talk: Talk,
}

impl Default for Scenario {
    fn default() -> Self {
        Self { customers: 200, repeat: 2, faults: None, talk: Talk::Loud }
    }
}

/// Plays a scenario.
///
/// # Errors
/// With a sentence for a person.
pub async fn play(scenario: &Scenario) -> Result<JourneyReport, String> {
    let stage = Stage::build(scenario).await?;
    let result = play_on(scenario, &stage).await;
    stage.running.stop().await?;
    result
}

async fn play_on(scenario: &Scenario, stage: &Stage) -> Result<JourneyReport, String> {
    let tell = |text: &str| {
        if scenario.talk == Talk::Loud {
            say(text);
        }
    };
    tell(&format!(
        "Stand-ins for Eagle Eye AIR ({}) with {} wallets, and for Braze ({}) with as many profiles.",
        stage.air.api_url(),
        scenario.customers,
        stage.braze.api_url()
    ));
    stage.set_up(scenario).await?;
    tell(
        "Sources `cdp` and `air`, activations `rewards` (cdp → AIR) and `loyalty` (AIR → Braze) made through the API; AIR \
         sends its events to Muster. Idle time is jumped over.",
    );
    for activation in ["rewards", "loyalty"] {
        stage.post(&format!("/v1/activations/{activation}/activate"), Value::Null).await?;
    }
    stage.quiet().await?;
    // Whoever entered before an activation began earns nothing.
    stage.clock.advance(SignedDuration::from_mins(1));
    if let Some(seed) = scenario.faults {
        stage.air.seed_faults(faults(seed));
    }
    let started = Instant::now();
    let entered_at = stage.enter(scenario).await?;
    stage.quiet().await?;
    while stage.air.events_waiting() > 0 {
        stage.air.events_settled().await;
        stage.quiet().await?;
        stage.clock.advance(SignedDuration::from_secs(1));
    }
    stage.quiet().await?;
    stage.braze.apply_queued();
    let open = stage.open_effects().await?;
    Ok(JourneyReport::new(stage, scenario, entered_at, open, started.elapsed()))
}

/// Every tenth trigger or so is issued without an answer, or fails.
fn faults(seed: u64) -> SeededFaults {
    let rates = vec![
        (FaultKind::ResetAfter, 40),
        (FaultKind::TimeoutAfter, 2),
        (FaultKind::Html500, 30),
        (FaultKind::ResetBefore, 20),
        (FaultKind::Unavailable, 20),
    ];
    SeededFaults {
        faults_seed: seed,
        rates,
        on: FaultMatch { route: Some(RouteKind::Trigger), ..FaultMatch::default() },
    }
}

/// With faults, a stand-in that never answers is given up sooner.
fn patience(scenario: &Scenario) -> Duration {
    scenario.faults.map_or(Duration::from_secs(20), |_| Duration::from_secs(1))
}
