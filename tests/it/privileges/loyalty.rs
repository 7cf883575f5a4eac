//! The part of the tour that leads to Braze, Bloomreach and Eagle Eye AIR: what they have in common with the other
//! platforms, and what must happen once.

use std::sync::Arc;

use jiff::SignedDuration;
use muster::embedded::JumpClock;
use muster::model::{Flight, FlightKind, Lane};
use muster::ports::Clock;
use muster_backfill::Task;
use muster_tests::loyalty::Platforms;
use muster_tests::world::change;
use muster_twins::eagle_eye_air::{self, SeedCampaign, SeedWallet};
use muster_twins::{bloomreach, braze};
use serde_json::{Value, json};

use super::site::Site;
use super::tour::{A_WHILE, deliver, share_an_address, user};

/// The stand-ins, AIR's with a reward.
pub(super) async fn platforms(clock: &Arc<JumpClock>) -> Platforms {
    let platforms = Platforms::start(clock).await;
    platforms.air.seed_campaign(SeedCampaign::points("WELCOME-100", 100));
    platforms
}

/// A destination of these.
#[derive(Clone, Copy)]
enum Platform {
    Braze,
    Bloomreach,
    Air,
}

/// What a platform does about its next request.
#[derive(Clone, Copy)]
enum Does {
    /// It says later.
    SlowDown,
    /// It knows the key no more.
    Refuse,
    /// It does what it is asked for, and its answer is lost.
    LoseTheAnswer,
}

impl Platform {
    fn provider(self) -> &'static str {
        match self {
            Self::Braze => "braze",
            Self::Bloomreach => "bloomreach",
            Self::Air => "eagle-eye-air",
        }
    }

    fn secret(self) -> Value {
        match self {
            Self::Braze => json!({"rest_api_key": "key"}),
            Self::Bloomreach => json!({"key_id": "id", "secret": "secret"}),
            Self::Air => json!({"client_id": eagle_eye_air::Options::CLIENT, "secret": eagle_eye_air::Options::SECRET}),
        }
    }

    fn settings(self) -> Value {
        match self {
            Self::Braze => json!({"rest_endpoint": "https://rest.fra-01.braze.eu", "profiles": "create"}),
            Self::Bloomreach => json!({"base_url": "https://api.exponea.com", "project_token": "project"}),
            Self::Air => json!({"wallet_url": "https://wallet.sandbox.uk.eagleeye.com",
                                "rewards": {"guests": "WELCOME-100"}, "again": "every_time"}),
        }
    }

    fn does(self, site: &Site, does: Does) {
        let Platforms { braze, bloomreach, air } = &site.loyalty;
        match self {
            Self::Braze => braze.push_fault(braze::Fault::once(match does {
                Does::SlowDown => braze::FaultKind::TooManyRequests(braze::RetryAfter::Absent),
                Does::Refuse => braze::FaultKind::Unauthorized,
                Does::LoseTheAnswer => braze::FaultKind::ResetAfter,
            })),
            Self::Bloomreach => bloomreach.push_fault(bloomreach::Fault::once(match does {
                Does::SlowDown => bloomreach::FaultKind::TooManyRequests(bloomreach::RetryAfter::Seconds(3)),
                Does::Refuse => bloomreach::FaultKind::Unauthorized,
                Does::LoseTheAnswer => bloomreach::FaultKind::ResetAfter,
            })),
            Self::Air => air.push_fault(eagle_eye_air::Fault::once(match does {
                Does::SlowDown => eagle_eye_air::FaultKind::TooManyRequests(eagle_eye_air::RetryAfter::Seconds(3)),
                Does::Refuse => eagle_eye_air::FaultKind::Unauthorized,
                Does::LoseTheAnswer => eagle_eye_air::FaultKind::ResetAfter,
            })),
        }
    }
}

pub(super) async fn whole(site: &mut Site) {
    for platform in [Platform::Braze, Platform::Bloomreach, Platform::Air] {
        describe(site, platform).await;
        for lane in [Lane::Live, Lane::Bulk] {
            share_an_address(site, (platform.provider(), "guests"), lane).await;
            meet_trouble(site, platform, lane).await;
        }
        lose_a_worker(site, platform).await;
    }
    let Platforms { braze, bloomreach, air } = &site.loyalty;
    let unexpected = [braze.unexpected(), bloomreach.unexpected(), air.unexpected()].concat();
    assert_eq!(unexpected, Vec::<String>::new());
}

async fn describe(site: &mut Site, platform: Platform) {
    let provider = platform.provider();
    let authorization = json!({"id": provider, "provider": provider, "label": "Account",
        "requests_per_second": 1_000.0, "secret": platform.secret()});
    site.call("POST", "/v1/authorizations", authorization).await;
    let activation = json!({"id": provider, "name": provider, "source": "shop", "destination": provider,
        "authorization": provider, "settings": platform.settings(), "audiences": ["guests"]});
    site.call("POST", "/v1/activations", activation).await;
    site.call("POST", &format!("/v1/activations/{provider}/activate"), Value::Null).await;
    site.run().await;
}

/// Something happens to somebody that must be told once: the platform says later, then refuses the key, then its answer is
/// lost, and a person says that it shall be told again.
async fn meet_trouble(site: &mut Site, platform: Platform, lane: Lane) {
    let provider = platform.provider();
    for (number, does) in [Does::SlowDown, Does::Refuse, Does::LoseTheAnswer].into_iter().enumerate() {
        let guest = user(provider, &format!("guest{number}"), lane);
        let wallet = SeedWallet::new(&[("EMAIL", &format!("{guest}@example.com"))]);
        site.loyalty.air.seed_wallet(&wallet).unwrap();
        // After the activation came to be, or it were nothing to be told.
        site.pass(SignedDuration::from_mins(1));
        let mut happened = match platform {
            Platform::Braze | Platform::Bloomreach => {
                json!({"type": "person.event", "event": "visited", "event_id": format!("{guest}-1")})
            }
            Platform::Air => json!({"type": "audience.entered", "audience": "guests"}),
        };
        happened = change(&guest, 0, happened);
        happened["occurred_at"] = json!(site.clock.now().to_string());
        platform.does(site, does);
        deliver(site, provider, lane, &[happened]).await;
        let activation = site.call("GET", &format!("/v1/activations/{provider}"), Value::Null).await;
        match does {
            Does::SlowDown => {}
            Does::Refuse => {
                assert_eq!(activation["status"], "failing", "{activation}");
                let path = format!("/v1/authorizations/{provider}");
                site.call("PATCH", &path, json!({"secret": platform.secret()})).await;
                site.run().await;
            }
            Does::LoseTheAnswer => {
                let path = format!("/v1/activations/{provider}/effects");
                let open = site.call("GET", &path, Value::Null).await["items"].as_array().unwrap().clone();
                assert_eq!((open.len(), &open[0]["state"]["is"]), (1, &json!("parked")), "{open:?}");
                let said = json!({"person": open[0]["person"], "effect": open[0]["id"], "word": "try_again"});
                site.call("POST", &format!("{path}/settle"), said).await;
                site.run().await;
            }
        }
    }
}

/// A worker died after it had noted whom it sends; the sweep finds its flight.
async fn lose_a_worker(site: &mut Site, platform: Platform) {
    let parked = site.call("GET", "/v1/activations/act/parked", Value::Null).await;
    let person = parked["items"][0]["person"].as_str().unwrap().parse().unwrap();
    let flight = Flight {
        id: format!("lost-{}", platform.provider()).parse().unwrap(),
        activation: platform.provider().parse().unwrap(),
        lane: Lane::Live,
        started_at: site.clock.now(),
        late_seconds: 0,
        kind: FlightKind::Sending { people: vec![person] },
    };
    site.ledger.put_flight(&flight).await.unwrap();
    site.pass(A_WHILE);
    site.task(Task::Sweep).await;
    site.run().await;
}
