//! A unit of Eagle Eye AIR: wallets that are rewarded. Nothing of people is kept there, nothing to pick from or to make.
#![expect(missing_docs, reason = "the trait says what its functions are for")]
#![expect(clippy::unwrap_used, reason = "a world that cannot be built is a test that failed")]

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use muster::destination::{Destination, LinkedAttribute, LinkedAudience, Task};
use muster::embedded::JumpClock;
use muster::model::{EarnedBy, Identifier, Value};
use muster::ports::Secret;
use muster_local::demo::twin_clock;
use muster_twins::eagle_eye_air::{
    ByReference, EagleEyeAirTwin, Fault, FaultKind, Options, RouteKind, SeedCampaign, SeedWallet,
    Standing as WalletStanding, Switches,
};
use serde_json::{Value as Json, json};

use super::fault_kind;
use crate::contract::world::{Aim, EffectWorld, Membership, Standing, Strangers, Struck, Trouble, VendorWorld};

const ORIGIN: &str = "https://wallet.sandbox.uk.eagleeye.com";
const CLIENT: &str = "zqclient";
const SECRET: &str = "zqsecretzqsecret";
const POINTS: &str = "WELCOME-100";
const COUPON: &str = "DOG-COUPON";

pub struct EagleEyeAirWorld {
    pub twin: EagleEyeAirTwin,
    pub clock: Arc<JumpClock>,
    path: &'static str,
}

impl EagleEyeAirWorld {
    /// The most harmful readings of what is not documented: a used reference is rewarded again, and no transaction can
    /// be looked up by its reference.
    pub async fn start() -> Self {
        Self::with(Switches::default(), "").await
    }

    /// Of a unit whose transactions are found by their references.
    pub async fn start_with_look_up() -> Self {
        Self::with(Switches { by_reference: ByReference::One, ..Switches::default() }, "/2.0").await
    }

    /// Of certain readings, under `path`: nothing or `/2.0`.
    pub async fn with(switches: Switches, path: &'static str) -> Self {
        let clock = Arc::new(JumpClock::frozen_at("2026-11-22T06:00:00.123456789Z".parse().unwrap()));
        let options = Options {
            clock: twin_clock(&clock),
            clients: BTreeMap::from([(CLIENT.to_owned(), SECRET.to_owned())]),
            switches,
            ..Options::default()
        };
        let twin = EagleEyeAirTwin::start(options).await.unwrap();
        twin.seed_campaign(SeedCampaign::points(POINTS, 100));
        twin.seed_campaign(SeedCampaign::coupon(COUPON));
        Self { twin, clock, path }
    }
}

#[async_trait]
impl VendorWorld for EagleEyeAirWorld {
    fn destination(&self) -> &'static dyn Destination {
        &muster::destinations::eagle_eye_air::EagleEyeAir
    }

    fn clock(&self) -> Arc<JumpClock> {
        Arc::clone(&self.clock)
    }

    fn rewrites(&self) -> BTreeMap<String, String> {
        BTreeMap::from([(ORIGIN.to_owned(), self.twin.api_url())])
    }

    fn credentials(&self) -> Secret {
        Secret(json!({ "client_id": CLIENT, "secret": SECRET }))
    }

    fn refused_credentials(&self) -> Secret {
        Secret(json!({ "client_id": CLIENT, "secret": "zqsecretofanother" }))
    }

    fn settings(&self) -> Json {
        json!({ "wallet_url": format!("{ORIGIN}{}", self.path), "rewards": { "cats": POINTS, "dogs": COUPON } })
    }

    fn markers(&self) -> Vec<String> {
        vec!["zqsecret".to_owned(), "zqmarker".to_owned()]
    }

    fn key(&self, person: u16) -> Identifier {
        Identifier::normalise(&"customer_id".parse().unwrap(), &format!("zqmarker{person}")).unwrap()
    }

    fn put(&self, person: u16, standing: Standing) {
        match standing {
            Standing::Reachable => {
                let wallet = SeedWallet::new(&[("CUSTOMER_ID", self.key(person).expose())]);
                self.twin.seed_wallet(&wallet).unwrap();
            }
            Standing::Unsubscribed => panic!("nobody unsubscribes from rewards"),
        }
    }

    fn vanish(&self, person: u16) {
        let wallet = self.twin.wallet_of(self.key(person).expose()).unwrap();
        assert!(self.twin.set_standing(&wallet, WalletStanding::Deleted));
    }

    /// Nobody is told of at all, which is neither.
    fn strangers(&self) -> Strangers {
        Strangers::Filtered
    }

    fn membership(&self, _: u16, _: &LinkedAudience) -> Option<Membership> {
        None
    }

    fn attribute(&self, _: u16, _: &LinkedAttribute) -> Option<Value> {
        None
    }

    /// Wallet and rewards.
    fn record(&self, person: u16) -> String {
        let Some(id) = self.twin.wallet_of(self.key(person).expose()) else { return String::new() };
        let rewards: Vec<_> = self.twin.rewards().into_iter().filter(|reward| reward.wallet_id == id).collect();
        format!("{:?} {rewards:?}", self.twin.wallet(&id))
    }

    fn land(&self) {
        self.twin.apply_late();
    }

    fn strike(&self, trouble: &Trouble, aim: Aim, times: u32) -> Struck {
        let fault = Fault::once(fault_kind(trouble, FaultKind::Refused)).times(times);
        let fault = match aim {
            Aim::Write | Aim::BulkWrite => return Struck::Impossible,
            Aim::Look => fault.on_route(RouteKind::WalletByIdentity),
            Aim::Effect => fault.on_route(RouteKind::Trigger),
            Aim::LaterEffect => fault.on_route(RouteKind::Trigger).after(1),
            Aim::Ask => fault.on_route(RouteKind::TransactionByReference),
            Aim::Any => fault,
        };
        self.twin.push_fault(fault);
        Struck::Armed
    }

    fn end_trouble(&self) -> usize {
        let left = self.twin.scripted_faults().len();
        self.twin.clear_faults();
        left
    }

    fn requests(&self) -> u64 {
        self.twin.counters().requests
    }

    fn most_requests_in_one_second(&self) -> u64 {
        self.twin.counters().max_requests_in_one_second
    }

    fn harm(&self) -> Vec<String> {
        let counters = self.twin.counters();
        let counts = [
            ("requests before the time that a 429 had said", counters.before_retry_after),
            ("rewards that were issued twice", counters.doubled_rewards),
            ("references that were used twice", counters.doubled_references),
        ];
        let counted = counts.into_iter().filter(|(_, count)| *count > 0);
        let counted = counted.map(|(what, count)| format!("{count} {what}"));
        counted.chain(self.twin.unexpected()).collect()
    }
}

/// Rewards, each with the reference of the wallet transaction that issued it.
impl EffectWorld for EagleEyeAirWorld {
    fn settings_of_effects(&self) -> Json {
        let mut settings = self.settings();
        settings["again"] = json!("every_time");
        settings
    }

    fn happened(&self, person: u16) -> Vec<String> {
        let wallet = self.twin.wallet_of(self.key(person).expose());
        let rewards = self.twin.rewards().into_iter();
        let theirs = rewards.filter(|reward| Some(&reward.wallet_id) == wallet.as_ref());
        theirs.map(|reward| appearing(&reward.action_reference, &reward.reference)).collect()
    }

    fn appears_as_happened(&self, effect: &Task) -> String {
        let EarnedBy::Entered { audience, .. } = &effect.earned.by else { return "no reward".to_owned() };
        let reward = if audience.as_str() == "cats" { POINTS } else { COUPON };
        let reference = self.destination().echoed_as(&self.settings_of_effects(), effect).unwrap();
        appearing(reward, &reference)
    }

    fn ban(&self, person: u16) -> Struck {
        let wallet = self.twin.wallet_of(self.key(person).expose()).unwrap();
        assert!(self.twin.set_standing(&wallet, WalletStanding::Suspended));
        Struck::Armed
    }
}

fn appearing(reward: &str, reference: &str) -> String {
    format!("{reward} by {reference}")
}
