//! The stand-ins and the installation between them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use muster::embedded::JumpClock;
use muster::http::HttpTimes;
use muster::ports::Clock;
use muster_twins::braze::BrazeTwin;
use muster_twins::eagle_eye_air::{ByReference, EagleEyeAirTwin, SeedCampaign, SeedWallet, Subscription};
use muster_twins::{braze, eagle_eye_air};
use serde_json::{Value, json};

use super::super::play::Player;
use super::super::{Running, twin_clock};
use super::{Scenario, patience};
use crate::system::{System, Wiring};

/// The reward of whoever waits too long, as AIR calls it.
const ACTION: &str = "SORRY-100";
/// Its points.
pub(super) const POINTS: u32 = 100;
const AUDIENCE: &str = "late-delivery";
const CDP_SECRET: &str = "demo-cdp-secret-0";
const AIR_TOKEN: &str = "demo-air-token-00";
/// Requests a second: raised from the safe default so that nobody watches a progress bar for an hour.
const RATE: f64 = 1_000.0;
/// Changes of one request.
const BATCH: usize = 500;

/// Everything that the scenario needs.
pub(super) struct Stage {
    pub(super) clock: Arc<JumpClock>,
    pub(super) air: EagleEyeAirTwin,
    pub(super) braze: BrazeTwin,
    pub(super) system: Arc<System>,
    pub(super) running: Running,
    player: Player,
    /// Removed with the stage.
    _folder: tempfile::TempDir,
}

/// What a customer is called.
pub(super) fn customer(number: usize) -> String {
    format!("CUST-{number:06}")
}

impl Stage {
    pub(super) async fn build(scenario: &Scenario) -> Result<Self, String> {
        let clock = Arc::new(JumpClock::new());
        let no_port = |error: std::io::Error| format!("a stand-in gets no port: {error}");
        let mut options = eagle_eye_air::Options { clock: twin_clock(&clock), ..eagle_eye_air::Options::default() };
        options.switches.by_reference = ByReference::One;
        let air = EagleEyeAirTwin::start(options).await.map_err(no_port)?;
        let options = braze::Options {
            clock: twin_clock(&clock),
            keys: BTreeMap::from([("demo-key".to_owned(), BTreeSet::from(["users.track".to_owned()]))]),
            ..braze::Options::default()
        };
        let braze = BrazeTwin::start(options).await.map_err(no_port)?;
        let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
        let origins = air.origins().chain(braze.origins());
        let wiring = Wiring {
            data: Some(folder.path().to_owned()),
            rewrites: origins.map(|(origin, at)| (origin.to_owned(), at)).collect(),
            http: HttpTimes { request: patience(scenario), ..HttpTimes::default() },
            ..Wiring::jumping(Arc::clone(&clock))
        };
        let system = Arc::new(System::open(wiring).await.map_err(|error| error.to_string())?);
        let running = Running::start(Arc::clone(&system)).await?;
        let player = Player::new(&running.url, &system.token, Arc::clone(&system.engine.ports.clock));
        Ok(Self { clock, air, braze, system, running, player, _folder: folder })
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Result<Value, String> {
        self.player.post(path, body).await
    }

    /// As an owner does it at Muster, AIR and Braze.
    pub(super) async fn set_up(&self, scenario: &Scenario) -> Result<(), String> {
        self.air.seed_campaign(SeedCampaign::points(ACTION, POINTS).limit(1));
        for number in 0..scenario.customers {
            let customer = customer(number);
            let seed = SeedWallet::new(&[("CUSTOMER_ID", &customer)]).with_points(0);
            self.air.seed_wallet(&seed).map_err(|refused| format!("AIR refuses a wallet: {refused}"))?;
            self.braze.seed_person(&customer);
        }
        let header = |name: &str| json!({"method": "header", "name": name});
        self.post(
            "/v1/sources",
            json!({"id": "cdp", "name": "CDP", "keyed_by": "customer_id", "authentication": header("x-secret"),
                   "secret": CDP_SECRET}),
        )
        .await?;
        self.post(
            "/v1/sources",
            json!({"id": "air", "name": "Eagle Eye AIR", "keyed_by": "wallet", "authentication": header("x-auth-token"),
                   "format": {"kind": "eagle_eye_air", "currency": "GBP"}, "secret": AIR_TOKEN}),
        )
        .await?;
        self.air.subscribe(Subscription::new(&format!("{}/v1/ingest/air", self.running.url), AIR_TOKEN));
        let client = json!({"client_id": eagle_eye_air::Options::CLIENT, "secret": eagle_eye_air::Options::SECRET});
        let accounts = [("air", "eagle-eye-air", client), ("braze", "braze", json!({"rest_api_key": "demo-key"}))];
        for (id, provider, secret) in accounts {
            let label = "Stand-in";
            let account = json!({"id": id, "provider": provider, "label": label, "requests_per_second": RATE,
                                 "secret": secret});
            self.post("/v1/authorizations", account).await?;
        }
        let cap = scenario.customers * 2 + 1;
        // `send_again`: the campaign gives each wallet one, so that what AIR does not show may be asked for once more.
        self.post(
            "/v1/activations",
            json!({"id": "rewards", "name": "Late deliveries to AIR", "source": "cdp", "destination": "eagle-eye-air",
                   "authorization": "air", "audiences": [AUDIENCE], "person_identifier": "ids.customer_id",
                   "settings": {"wallet_url": "https://wallet.sandbox.uk.eagleeye.com", "rewards": {AUDIENCE: ACTION},
                                "in_doubt": "send_again",
                                "limits": {"per_hour": cap, "per_day": cap}}}),
        )
        .await?;
        let points = json!([{"attribute": "ee_points_current", "type": "integer"}]);
        self.post(
            "/v1/activations",
            json!({"id": "loyalty", "name": "AIR to Braze", "source": "air", "destination": "braze",
                   "authorization": "braze", "audiences": ["ee_loyalty_member"], "attributes": points,
                   "person_identifier": "ids.customer_id",
                   "settings": {"rest_endpoint": "https://rest.fra-01.braze.eu"}}),
        )
        .await?;
        Ok(())
    }

    /// Everybody's delivery is late; answers since when.
    pub(super) async fn enter(&self, scenario: &Scenario) -> Result<Timestamp, String> {
        let at = self.clock.now();
        let changes: Vec<Value> = (0..scenario.customers)
            .map(|number| {
                json!({"id": format!("late-{number}"), "type": "audience.entered", "audience": AUDIENCE,
                       "audience_properties": {"order": format!("ORDER-{number}")},
                       "person": {"customer_id": customer(number)}, "occurred_at": at.to_string()})
            })
            .collect();
        for batch in changes.chunks(BATCH) {
            for _ in 0..scenario.repeat.max(1) {
                self.player.tell("cdp", ("x-secret", CDP_SECRET), &Value::Array(batch.to_vec())).await?;
            }
        }
        Ok(at)
    }

    /// Waits until nothing is under way at Muster.
    pub(super) async fn quiet(&self) -> Result<(), String> {
        let queue = self.system.embedded.queue();
        while !queue.is_quiet().await.map_err(|error| error.to_string())? {
            let _ = tokio::time::timeout(Duration::from_millis(100), queue.changed()).await;
        }
        Ok(())
    }

    /// Rewards and events that wait for a person.
    pub(super) async fn open_effects(&self) -> Result<usize, String> {
        let mut open = 0;
        for activation in ["rewards", "loyalty"] {
            let path = format!("/v1/activations/{activation}/effects");
            let listed = self.player.call(reqwest::Method::GET, &path, None).await?;
            open += listed["items"].as_array().map_or(0, Vec::len);
        }
        Ok(open)
    }
}
