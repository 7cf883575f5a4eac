//! A receiver of webhooks: people by address, nothing to pick from or to make, every record the whole of a
//! person.
#![expect(missing_docs, reason = "the trait says what its functions are for")]
#![expect(clippy::unwrap_used, reason = "a world that cannot be built is a test that failed")]

use std::collections::BTreeMap;
use std::iter;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use muster::destination::{Destination, LinkedAttribute, LinkedAudience, Task};
use muster::embedded::JumpClock;
use muster::model::{EarnedBy, Identifier, Value};
use muster::ports::Secret;
use muster_local::demo::twin_clock;
use muster_twins::webhook::{
    Answers, AudienceView, Doubles, EventView, Fault, FaultKind, Happening, Options, PersonView, RouteKind,
    Standing as Told, Switches, WebhookTwin,
};
use serde_json::{Value as Json, json};

use super::fault_kind;
use crate::contract::world::{Aim, EffectWorld, Membership, Standing, Strangers, Struck, Trouble, VendorWorld};

/// 24 bytes whose Base64 can be read in a log.
const SECRET: &str = "whsec_zqsecretzqsecretzqsecretzqsecret";
const ROTATED_SECRET: &str = "whsec_zqsecretrotated0zqsecretrotated0";
const ORIGIN: &str = "https://receiver.example";
const BATCH: usize = 3;

pub struct WebhookWorld {
    pub twin: WebhookTwin,
    pub clock: Arc<JumpClock>,
    answers: Answers,
    in_doubt: InDoubt,
}

/// What becomes of an event of which nobody knows.
#[derive(Clone, Copy)]
enum InDoubt {
    /// It is sent again to a receiver that knows a repeat.
    SentAgain,
    /// A receiver is asked that acts on it as often as it comes.
    Asked,
}

impl WebhookWorld {
    /// Says of every record what became of it.
    pub async fn start() -> Self {
        Self::answering(Answers::Results, InDoubt::SentAgain).await
    }

    /// Says so of whole requests only.
    pub async fn start_by_status() -> Self {
        Self::answering(Answers::Empty, InDoubt::SentAgain).await
    }

    /// Acts on an event as often as it comes, and can be asked for it.
    pub async fn start_asked() -> Self {
        Self::answering(Answers::Results, InDoubt::Asked).await
    }

    async fn answering(answers: Answers, in_doubt: InDoubt) -> Self {
        let doubles = match in_doubt {
            InDoubt::SentAgain => Doubles::Dropped,
            InDoubt::Asked => Doubles::Acted,
        };
        let clock = Arc::new(JumpClock::frozen_at("2026-11-22T06:00:00.123456789Z".parse().unwrap()));
        let options = Options {
            clock: twin_clock(&clock),
            secrets: vec![SECRET.parse().unwrap()],
            switches: Switches { answers, doubles, batch: BATCH, ..Switches::default() },
            ..Options::default()
        };
        let twin = WebhookTwin::start(options).await.unwrap();
        Self { twin, clock, answers, in_doubt }
    }

    fn person(&self, person: u16) -> Option<PersonView> {
        self.twin.person(self.key(person).expose())
    }
}

#[async_trait]
impl VendorWorld for WebhookWorld {
    fn destination(&self) -> &'static dyn Destination {
        &muster::destinations::webhook::Webhook
    }

    fn clock(&self) -> Arc<JumpClock> {
        Arc::clone(&self.clock)
    }

    fn rewrites(&self) -> BTreeMap<String, String> {
        BTreeMap::from([(ORIGIN.to_owned(), self.twin.api_url().unwrap())])
    }

    fn credentials(&self) -> Secret {
        Secret(json!({ "secret": SECRET }))
    }

    fn refused_credentials(&self) -> Secret {
        Secret(json!({ "secret": ROTATED_SECRET }))
    }

    fn settings(&self) -> Json {
        let answers = match self.answers {
            Answers::Results => "results",
            Answers::Empty | Answers::Text => "status",
        };
        json!({ "url": format!("{ORIGIN}/muster"), "answers": answers, "batch": BATCH })
    }

    fn markers(&self) -> Vec<String> {
        vec!["zqsecret".to_owned(), "zqmarker".to_owned()]
    }

    fn key(&self, person: u16) -> Identifier {
        Identifier::normalise(&"email".parse().unwrap(), &format!("zqmarker{person}@example.test")).unwrap()
    }

    fn put(&self, person: u16, standing: Standing) {
        match standing {
            Standing::Reachable => self.twin.seed_person("another", self.key(person).expose()),
            Standing::Unsubscribed => panic!("nobody unsubscribes from a receiver"),
        }
    }

    fn vanish(&self, person: u16) {
        assert!(self.twin.remove_person(self.key(person).expose()));
    }

    fn strangers(&self) -> Strangers {
        Strangers::Made
    }

    fn membership(&self, person: u16, audience: &LinkedAudience) -> Option<Membership> {
        let person = self.person(person)?;
        Some(match (person.standing, person.audiences.get(audience.id.as_str())) {
            (Told::Left, _) | (Told::Present, Some(AudienceView::Left {})) => Membership::Left,
            (Told::Present, Some(AudienceView::Inside { .. })) => Membership::Inside,
            (Told::Present, Some(AudienceView::Never {}) | None) => Membership::Never,
        })
    }

    fn attribute(&self, person: u16, attribute: &LinkedAttribute) -> Option<Value> {
        let person = self.person(person)?;
        Some(match person.attributes.get(attribute.link.attribute.as_str()) {
            None | Some(Json::Null) => Value::Null,
            Some(Json::Bool(flag)) => Value::Boolean(*flag),
            Some(Json::Number(number)) => Value::Integer(number.as_i64().unwrap()),
            Some(Json::String(text)) => Value::Text(text.clone()),
            Some(other @ (Json::Array(_) | Json::Object(_))) => panic!("an attribute of {other}"),
        })
    }

    fn record(&self, person: u16) -> String {
        format!("{:?}", self.person(person))
    }

    fn land(&self) {
        self.twin.apply_late();
    }

    fn strike(&self, trouble: &Trouble, aim: Aim, times: u32) -> Struck {
        let fault = Fault::once(fault_kind(trouble, FaultKind::Refused)).times(times);
        let fault = match (aim, self.sees(trouble, aim)) {
            (Aim::Look | Aim::BulkWrite, _) | (_, Sees::Success) => return Struck::Impossible,
            (Aim::Write, Sees::Trouble) => fault.on_route(RouteKind::People),
            (Aim::Effect, Sees::Trouble) => fault.on_route(RouteKind::Event),
            (Aim::LaterEffect, Sees::Trouble) => fault.on_route(RouteKind::Event).after(1),
            (Aim::Ask, Sees::Trouble) => match self.in_doubt {
                InDoubt::SentAgain => return Struck::Impossible,
                InDoubt::Asked => fault.on_route(RouteKind::Ask),
            },
            (Aim::Any, Sees::Trouble) => fault,
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
        ];
        let counted = counts.into_iter().filter(|(_, count)| *count > 0);
        let counted = counted.map(|(what, count)| format!("{count} {what}"));
        counted.chain(self.twin.unexpected()).collect()
    }
}

/// What a trouble looks like to whoever goes by the contract.
enum Sees {
    Trouble,
    /// A 2xx, where that is all that counts.
    Success,
}

impl WebhookWorld {
    fn sees(&self, trouble: &Trouble, aim: Aim) -> Sees {
        match trouble {
            Trouble::Truncated | Trouble::NotTheApi | Trouble::ErrorInOk => match (self.answers, aim) {
                (Answers::Results, Aim::Look | Aim::Write | Aim::BulkWrite) => Sees::Trouble,
                // Of events, asks and checks every 2xx is good, and any request may be one of them.
                (Answers::Results, Aim::Effect | Aim::LaterEffect | Aim::Ask | Aim::Any)
                | (Answers::Empty | Answers::Text, _) => Sees::Success,
            },
            Trouble::SlowDown(_)
            | Trouble::Broken(_)
            | Trouble::ResetBefore
            | Trouble::ResetAfter
            | Trouble::TimeoutBefore
            | Trouble::TimeoutAfter
            | Trouble::Unauthorized
            | Trouble::BadRequest
            | Trouble::Refused(_) => Sees::Trouble,
        }
    }
}

/// Events, each with its `webhook-id`.
impl EffectWorld for WebhookWorld {
    fn settings_of_effects(&self) -> Json {
        let mut settings = self.settings();
        settings["events"] = json!(["entered", "left"]);
        settings["pass_on"] = json!("all");
        match self.in_doubt {
            InDoubt::SentAgain => {}
            InDoubt::Asked => {
                settings["in_doubt"] = json!("ask");
                settings["ask_url"] = json!(format!("{ORIGIN}/ask"));
            }
        }
        settings
    }

    fn happened(&self, person: u16) -> Vec<String> {
        let key = self.key(person);
        let mut events = self.twin.events();
        events.retain(|event| event.id == key.expose());
        events.sort_by_key(|event| event.place);
        let times = |event: &EventView| usize::try_from(event.acted).unwrap();
        let appears = |event: &EventView| {
            let EventView { webhook_id, what, audience, properties, timestamp, .. } = event;
            appearing(*what, audience, &json!(properties), *timestamp, webhook_id)
        };
        events.iter().flat_map(|event| iter::repeat_n(appears(event), times(event))).collect()
    }

    fn appears_as_happened(&self, effect: &Task) -> String {
        let (what, of, properties) = match &effect.earned.by {
            EarnedBy::Entered { audience, properties } => (Happening::Entered, audience.as_str(), json!(properties)),
            EarnedBy::Left { audience } => (Happening::Left, audience.as_str(), json!({})),
            EarnedBy::Happened { event, details } => (Happening::PassedOn, event.as_str(), json!(details)),
        };
        appearing(what, of, &properties, effect.earned.occurred_at, &format!("evt_{}", effect.reference))
    }
}

fn appearing(what: Happening, of: &str, properties: &Json, at: Timestamp, id: &str) -> String {
    format!("{what:?} {of} at {at} {properties} by {id}")
}
