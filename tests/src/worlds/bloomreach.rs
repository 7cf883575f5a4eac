//! A project of Bloomreach Engagement: customers by their hard id, nothing to pick from or to make.
#![expect(missing_docs, reason = "the trait says what its functions are for")]
#![expect(clippy::unwrap_used, reason = "a world that cannot be built is a test that failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use muster::destination::{Destination, LinkedAttribute, LinkedAudience, Task};
use muster::embedded::JumpClock;
use muster::model::{EarnedBy, Identifier, Value};
use muster::ports::Secret;
use muster_local::demo::twin_clock;
use muster_twins::bloomreach::{
    BloomreachTwin, EventView, Fault, FaultKind, NullProperty, Options, Permission, PrivateKey, RouteKind, Switches,
};
use serde_json::{Map, Value as Json, json};

use super::fault_kind;
use crate::contract::world::{Aim, EffectWorld, Membership, Standing, Strangers, Struck, Trouble, VendorWorld};

const ORIGIN: &str = "https://api.exponea.com";
const PROJECT: &str = "zqproject";
const KEY: &str = "zqkey";
const SECRET: &str = "zqsecretzqsecret";
const TOKEN: &str = "zqtokenzqtoken";
const BATCH: usize = 4;

pub struct BloomreachWorld {
    pub twin: BloomreachTwin,
    pub clock: Arc<JumpClock>,
    credentials: Json,
    clear_by: &'static str,
}

impl BloomreachWorld {
    /// By a private key, nulls meaning nothing.
    pub async fn start() -> Self {
        Self::with(Switches::default(), json!({ "key_id": KEY, "secret": SECRET }), "empty_text").await
    }

    /// By a public token, nulls clearing.
    pub async fn start_public() -> Self {
        let switches = Switches { null_property: NullProperty::Stored, ..Switches::default() };
        Self::with(switches, json!({ "token": TOKEN }), "null").await
    }

    async fn with(switches: Switches, credentials: Json, clear_by: &'static str) -> Self {
        let clock = Arc::new(JumpClock::frozen_at("2026-11-22T06:00:00.123456789Z".parse().unwrap()));
        let all: BTreeSet<Permission> = Permission::all();
        let options = Options {
            clock: twin_clock(&clock),
            project_token: PROJECT.to_owned(),
            keys: BTreeMap::from([(KEY.to_owned(), PrivateKey::new(SECRET))]),
            public_tokens: BTreeMap::from([(TOKEN.to_owned(), all)]),
            switches: Switches { batch_limit: BATCH, ..switches },
            ..Options::default()
        };
        let twin = BloomreachTwin::start(options).await.unwrap();
        Self { twin, clock, credentials, clear_by }
    }

    fn property(&self, person: u16, name: &str) -> Option<Json> {
        let customer = self.twin.person(self.key(person).expose())?;
        let is_clear = |value: &&Json| value.is_null() || value.as_str() == Some("");
        Some(customer.properties.get(name).filter(|value| !is_clear(value)).cloned().unwrap_or(Json::Null))
    }
}

#[async_trait]
impl VendorWorld for BloomreachWorld {
    fn destination(&self) -> &'static dyn Destination {
        &muster::destinations::bloomreach::Bloomreach
    }

    fn clock(&self) -> Arc<JumpClock> {
        Arc::clone(&self.clock)
    }

    fn rewrites(&self) -> BTreeMap<String, String> {
        BTreeMap::from([(ORIGIN.to_owned(), self.twin.api_url())])
    }

    fn credentials(&self) -> Secret {
        Secret(self.credentials.clone())
    }

    fn refused_credentials(&self) -> Secret {
        Secret(json!({ "key_id": KEY, "secret": "zqsecretofanother" }))
    }

    fn settings(&self) -> Json {
        json!({
            "base_url": ORIGIN, "project_token": PROJECT, "commands_per_request": BATCH, "clear_by": self.clear_by,
        })
    }

    fn markers(&self) -> Vec<String> {
        vec!["zqsecret".to_owned(), "zqtoken".to_owned(), "zqmarker".to_owned()]
    }

    fn key(&self, person: u16) -> Identifier {
        Identifier::normalise(&"customer_id".parse().unwrap(), &format!("zqmarker-{person:06}")).unwrap()
    }

    fn put(&self, person: u16, standing: Standing) {
        match standing {
            Standing::Reachable => self.twin.seed_person(self.key(person).expose()),
            Standing::Unsubscribed => panic!("nobody unsubscribes from properties"),
        }
    }

    fn vanish(&self, person: u16) {
        assert!(self.twin.remove_person(self.key(person).expose()));
    }

    fn strangers(&self) -> Strangers {
        Strangers::Made
    }

    fn membership(&self, person: u16, audience: &LinkedAudience) -> Option<Membership> {
        let shown = self.property(person, &format!("audience_{}", audience.id))?;
        Some(
            shown
                .as_bool()
                .map_or(Membership::Never, |inside| if inside { Membership::Inside } else { Membership::Left }),
        )
    }

    fn attribute(&self, person: u16, attribute: &LinkedAttribute) -> Option<Value> {
        Some(Value::from_json(&self.property(person, attribute.link.attribute.as_str())?).unwrap())
    }

    fn record(&self, person: u16) -> String {
        format!("{:?}", self.twin.person(self.key(person).expose()))
    }

    fn land(&self) {
        self.twin.apply_late();
    }

    fn strike(&self, trouble: &Trouble, aim: Aim, times: u32) -> Struck {
        let fault = Fault::once(fault_kind(trouble, FaultKind::Refused)).times(times);
        let fault = match aim {
            Aim::Look | Aim::BulkWrite | Aim::Ask => return Struck::Impossible,
            Aim::Write | Aim::Effect => fault.on_route(RouteKind::Batch),
            Aim::LaterEffect => fault.on_route(RouteKind::Batch).after(1),
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
            ("events told twice", counters.doubled_events),
            ("times far in the future", counters.future_timestamps),
            ("commands without a time", counters.without_timestamp),
        ];
        let counted = counts.into_iter().filter(|(_, count)| *count > 0);
        let counted = counted.map(|(what, count)| format!("{count} {what}"));
        counted.chain(self.twin.unexpected()).collect()
    }
}

/// Customer events, each with the `command_id` that brought it.
impl EffectWorld for BloomreachWorld {
    /// By the times that came with them, as they are shown: commands of one request are executed in any order.
    fn happened(&self, person: u16) -> Vec<String> {
        let mut events = self.twin.events_of(self.key(person).expose());
        events.sort_by(|one, other| one.timestamp.total_cmp(&other.timestamp));
        let appears = |event: EventView| {
            let EventView { event_type, timestamp, properties, command_id, .. } = event;
            appearing(&event_type, timestamp, properties, command_id.as_deref())
        };
        events.into_iter().map(appears).collect()
    }

    fn appears_as_happened(&self, effect: &Task) -> String {
        let EarnedBy::Happened { event, details } = &effect.earned.by else { return "a transition".to_owned() };
        let name = if event.as_str() == "order_completed" { "ee_order_completed" } else { event.as_str() };
        let at = effect.earned.occurred_at.as_duration().as_secs_f64();
        appearing(name, at, details.0.clone(), Some(&effect.reference))
    }

    fn ban(&self, person: u16) -> Struck {
        let key = self.key(person);
        self.twin.refuse(key.expose(), &format!("Customer {} is read-only", key.expose()));
        Struck::Armed
    }
}

fn appearing(name: &str, at: f64, properties: Map<String, Json>, id: Option<&str>) -> String {
    format!("{name} at {at} {} by {id:?}", Json::Object(properties))
}
