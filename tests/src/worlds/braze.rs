//! A workspace of Braze: profiles by their external id, nothing to pick from or to make.
#![expect(missing_docs, reason = "the trait says what its functions are for")]
#![expect(clippy::unwrap_used, reason = "a world that cannot be built is a test that failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use muster::destination::{Destination, LinkedAttribute, LinkedAudience, Task};
use muster::embedded::JumpClock;
use muster::model::{EarnedBy, Identifier, Value};
use muster::ports::Secret;
use muster_local::demo::twin_clock;
use muster_twins::braze::{BrazeTwin, Fault, FaultKind, ObjectLimit, Options, ProfileView, RouteKind, Switches};
use serde_json::{Map, Value as Json, json};

use super::fault_kind;
use crate::contract::world::{Aim, EffectWorld, Membership, Pause, Standing, Strangers, Struck, Trouble, VendorWorld};

const ORIGIN: &str = "https://rest.fra-01.braze.eu";
const KEY: &str = "zqsecretzqsecret";
const BATCH: usize = 4;
/// Where the attributes of the contract are written: two of them in one tree.
const PLACES: [(&str, &[&str]); 3] =
    [("visits", &["loyalty", "shop", "visits"]), ("city", &["loyalty", "city"]), ("vip", &["vip"])];

pub struct BrazeWorld {
    pub twin: BrazeTwin,
    pub clock: Arc<JumpClock>,
    places: Json,
}

impl BrazeWorld {
    /// Attributes by their own names.
    pub async fn start() -> Self {
        Self::writing(json!({})).await
    }

    /// Attributes in a tree.
    pub async fn start_nested() -> Self {
        Self::writing(PLACES.iter().map(|(name, place)| ((*name).to_owned(), json!(place.join(".")))).collect()).await
    }

    async fn writing(places: Json) -> Self {
        let clock = Arc::new(JumpClock::frozen_at("2026-11-22T06:00:00.123456789Z".parse().unwrap()));
        let options = Options {
            clock: twin_clock(&clock),
            keys: BTreeMap::from([(KEY.to_owned(), BTreeSet::from(["users.track".to_owned()]))]),
            switches: Switches { most_objects: ObjectLimit::InTotal(BATCH), ..Switches::default() },
            ..Options::default()
        };
        let twin = BrazeTwin::start(options).await.unwrap();
        Self { twin, clock, places }
    }

    /// After everything that was taken is applied.
    fn person(&self, person: u16) -> Option<ProfileView> {
        self.twin.apply_queued();
        self.twin.person(self.key(person).expose())
    }
}

#[async_trait]
impl VendorWorld for BrazeWorld {
    fn destination(&self) -> &'static dyn Destination {
        &muster::destinations::braze::Braze
    }

    fn clock(&self) -> Arc<JumpClock> {
        Arc::clone(&self.clock)
    }

    fn rewrites(&self) -> BTreeMap<String, String> {
        BTreeMap::from([(ORIGIN.to_owned(), self.twin.api_url())])
    }

    fn credentials(&self) -> Secret {
        Secret(json!({ "rest_api_key": KEY }))
    }

    fn refused_credentials(&self) -> Secret {
        Secret(json!({ "rest_api_key": "zqsecretofanother" }))
    }

    fn settings(&self) -> Json {
        json!({
            "rest_endpoint": ORIGIN, "profiles": "create", "objects_per_request": BATCH, "attributes": self.places,
        })
    }

    fn markers(&self) -> Vec<String> {
        vec!["zqsecret".to_owned(), "zqmarker".to_owned()]
    }

    fn key(&self, person: u16) -> Identifier {
        Identifier::normalise(&"customer_id".parse().unwrap(), &format!("zqmarker-{person:06}")).unwrap()
    }

    fn put(&self, person: u16, standing: Standing) {
        match standing {
            Standing::Reachable => self.twin.seed_person(self.key(person).expose()),
            Standing::Unsubscribed => panic!("nobody unsubscribes from attributes"),
        }
    }

    fn vanish(&self, person: u16) {
        self.twin.apply_queued();
        assert!(self.twin.remove_person(self.key(person).expose()));
    }

    fn strangers(&self) -> Strangers {
        Strangers::Made
    }

    fn membership(&self, person: u16, audience: &LinkedAudience) -> Option<Membership> {
        let person = self.person(person)?;
        let shown = person.attributes.get(&format!("audience_{}", audience.id)).and_then(Json::as_bool);
        Some(shown.map_or(Membership::Never, |inside| if inside { Membership::Inside } else { Membership::Left }))
    }

    fn attribute(&self, person: u16, attribute: &LinkedAttribute) -> Option<Value> {
        let (person, name) = (self.person(person)?, attribute.link.attribute.as_str());
        let nested = PLACES.iter().find(|(own, _)| *own == name && self.places.get(name).is_some());
        let place = nested.map_or_else(|| vec![name], |(_, place)| place.to_vec());
        let (root, rest) = place.split_first().unwrap();
        let root = person.attributes.get(*root);
        let value = root.and_then(|root| rest.iter().try_fold(root, |value, name| value.get(name)));
        value.map_or(Some(Value::Null), |value| Some(Value::from_json(value).unwrap()))
    }

    fn record(&self, person: u16) -> String {
        format!("{:?}", self.person(person))
    }

    fn land(&self) {
        self.twin.apply_queued();
        self.twin.apply_late();
    }

    fn strike(&self, trouble: &Trouble, aim: Aim, times: u32) -> Struck {
        let fault = Fault::once(fault_kind(trouble, FaultKind::Refused)).times(times);
        let fault = match aim {
            Aim::Look | Aim::BulkWrite | Aim::Ask => return Struck::Impossible,
            // Its headers say when to come back, with every answer.
            _ if *trouble == Trouble::SlowDown(Pause::Unsaid) => return Struck::Impossible,
            Aim::Write | Aim::Effect => fault.on_route(RouteKind::Track),
            Aim::LaterEffect => fault.on_route(RouteKind::Track).after(1),
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
            ("requests before the time that a 429 had said", counters.before_retry_after + counters.before_reset),
            ("requests with too many objects", counters.too_many_objects),
            ("values dropped without a word", counters.dropped_nested + counters.dropped_values),
            ("relative values", counters.increments),
            ("events told twice", counters.doubled_events),
        ];
        let counted = counts.into_iter().filter(|(_, count)| *count > 0);
        let counted = counted.map(|(what, count)| format!("{count} {what}"));
        counted.chain(self.twin.unexpected()).collect()
    }
}

/// Custom events, which Braze knows by nothing but what they say.
impl EffectWorld for BrazeWorld {
    fn happened(&self, person: u16) -> Vec<String> {
        self.twin.apply_queued();
        let key = self.key(person);
        let theirs = self.twin.events().into_iter().filter(|event| event.external_id.as_deref() == Some(key.expose()));
        theirs.map(|event| appearing(&event.name, event.time, event.properties)).collect()
    }

    fn appears_as_happened(&self, effect: &Task) -> String {
        let EarnedBy::Happened { event, details } = &effect.earned.by else { return "a transition".to_owned() };
        let name = if event.as_str() == "order_completed" { "EE Order Completed" } else { event.as_str() };
        appearing(name, effect.earned.occurred_at, details.0.clone())
    }

    fn ban(&self, person: u16) -> Struck {
        self.twin.ban(self.key(person).expose());
        Struck::Armed
    }
}

fn appearing(name: &str, at: Timestamp, properties: Map<String, Json>) -> String {
    format!("{name} at {at} {}", Json::Object(properties))
}
