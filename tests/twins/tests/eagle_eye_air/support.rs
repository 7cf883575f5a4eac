//! A twin on a hand-set clock with two wallets and two campaigns, and a client that signs.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use jiff::SignedDuration;
use muster_twins::clock::TwinClock;
use muster_twins::eagle_eye_air::{
    EagleEyeAirTwin, Emitted, NoAnswer, Options, RewardView, SeedCampaign, SeedWallet, Switches,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tower::ServiceExt;

pub(crate) const NOW: &str = "2026-03-01T10:15:00.123456Z";
pub(crate) const ANNA: &str = "CUST-000123";
pub(crate) const TRIGGER: &str = "/services/trigger";

pub(crate) struct Bench {
    pub twin: EagleEyeAirTwin,
    /// Wallets.
    pub anna: String,
    pub bea: String,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
    pub lost: Option<NoAnswer>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

pub(crate) fn options(switches: Switches) -> Options {
    Options { clock: TwinClock::hand(NOW.parse().unwrap()), switches, ..Options::default() }
}

/// Anna has two identities, points and a tier; Bea a card.
pub(crate) fn stocked(twin: EagleEyeAirTwin) -> Bench {
    let anna = SeedWallet::new(&[("CUSTOMER_ID", ANNA), ("EMAIL", "anna@example.com")]).in_tier("SILVER");
    let anna = twin.seed_wallet(&anna.with_coupons(1)).unwrap();
    let bea = twin.seed_wallet(&SeedWallet::new(&[("CARD", "9000123")])).unwrap();
    twin.seed_campaign(SeedCampaign::points("WELCOME-100", 100));
    twin.seed_campaign(SeedCampaign::coupon("TREAT"));
    Bench { twin, anna, bea }
}

pub(crate) fn bench_with(switches: Switches) -> Bench {
    stocked(EagleEyeAirTwin::new(options(switches)))
}

pub(crate) fn bench() -> Bench {
    bench_with(Switches::default())
}

pub(crate) fn hash(uri: &str, body: &str, secret: &str) -> String {
    let digest = Sha256::digest(format!("{uri}{body}{secret}"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn trigger(identity: &str, reference: &str, action: &str) -> Value {
    json!({
        "identityValue": identity,
        "walletTransaction": { "reference": reference },
        "triggers": [{ "reference": action }],
    })
}

impl Bench {
    pub(crate) fn signed(&self, method: &str, uri: &str, body: &str) -> Request<Body> {
        self.with_hash(method, uri, body, &hash(uri, body, Options::SECRET))
    }

    pub(crate) fn with_hash(&self, method: &str, uri: &str, body: &str, hash: &str) -> Request<Body> {
        Request::builder()
            .method(method)
            .uri(uri)
            .header("X-EES-AUTH-CLIENT-ID", Options::CLIENT)
            .header("X-EES-AUTH-HASH", hash)
            .header("Content-Type", "application/json")
            .body(Body::from(body.to_owned()))
            .unwrap()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.twin.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status.as_u16(),
            lost: parts.extensions.get().copied(),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    pub(crate) async fn post(&self, body: &Value) -> Answer {
        self.send(self.signed("POST", TRIGGER, &body.to_string())).await
    }

    /// Anna's welcome under that reference.
    pub(crate) async fn welcome(&self, reference: &str) -> Answer {
        self.post(&trigger(ANNA, reference, "WELCOME-100")).await
    }

    pub(crate) async fn get(&self, uri: &str) -> Answer {
        self.send(self.signed("GET", uri, "")).await
    }

    pub(crate) fn rewards(&self) -> Vec<RewardView> {
        self.twin.rewards()
    }

    pub(crate) fn points(&self) -> Option<i64> {
        self.twin.wallet(&self.anna).unwrap().points
    }

    /// Anna's first account that is a coupon.
    pub(crate) fn coupon(&self) -> String {
        let accounts = self.twin.wallet(&self.anna).unwrap().accounts;
        accounts.into_iter().find(|account| account.client_type.as_deref() == Some("OFFER")).unwrap().account_id
    }

    pub(crate) fn wait(&self, seconds: i64) {
        self.twin.clock().advance(SignedDuration::from_secs(seconds));
    }

    #[track_caller]
    pub(crate) fn assert_expected(&self) {
        assert_eq!(self.twin.unexpected(), Vec::<String>::new());
    }
}

/// Operations in short, such as `walletEntity CREATE`; those of accounts with kind, event and value.
pub(crate) fn operations(event: &Emitted) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = event.body["atomicOperations"].as_array().unwrap();
    all.iter()
        .map(|operation| {
            let value = &operation["objectValue"];
            let entity = text(&operation["objectType"]);
            let detail = match entity.as_str() {
                "walletAccountTransactionEntity" => {
                    format!(" {} {} {}", text(&value["account"]["type"]), text(&value["event"]), value["value"])
                }
                "walletTransactionEntity" => format!(" {}/{}", text(&value["type"]), text(&value["status"])),
                "tierMembershipTransactionEntity" => format!(" {}", text(&value["transactionType"])),
                _ => String::new(),
            };
            format!("{entity} {}{detail}", text(&operation["operationType"]))
        })
        .collect()
}

/// JSON in a string.
pub(crate) fn inner(value: &Value) -> Value {
    serde_json::from_str(value.as_str().unwrap()).unwrap()
}
