//! The receiver of webhooks: a record per id, events by their `webhook-id`.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::{Reply, results};
use crate::fault::Fault;
use crate::invariant::Invariant;
use crate::stage::{CANARY, Stage};

/// What a vendor holds under a key.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Held {
    /// The audiences it shows somebody inside, with a property where there is one.
    pub inside: BTreeMap<String, Option<String>>,
    /// The attributes that have a value.
    pub attributes: BTreeMap<String, Json>,
}

impl Held {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.inside.is_empty() && self.attributes.is_empty()
    }
}

/// By what an event is known at its source: what happened, in which audience, when.
pub type Event = (String, String, String);

/// See the module.
pub struct Receiver {
    /// By the id that records are known by. One that was left is there, and empty; a forgotten one is not.
    pub records: BTreeMap<String, Held>,
    /// The `webhook-id` of each event, with how often it was counted.
    pub events: BTreeMap<Event, (String, u64)>,
    in_doubt: &'static str,
}

impl Receiver {
    pub(super) fn new(in_doubt: &'static str) -> Self {
        Self { records: BTreeMap::new(), events: BTreeMap::new(), in_doubt }
    }

    pub(super) fn take(&mut self, stage: &Stage, path: &str, id: &str, body: &Json) -> Reply {
        if let Some(asked) = path.strip_prefix("/events/") {
            let known = self.events.values().any(|(known, _)| known == asked);
            return Reply::of(if known { 200 } else { 404 }, Json::Null);
        }
        match body["type"].as_str() {
            Some("people.state") => self.write(stage, &body["data"]["records"]),
            Some("audience.entered" | "audience.left") => self.count(stage, id, body),
            Some(_) | None => Reply::of(200, Json::Null),
        }
    }

    fn write(&mut self, stage: &Stage, records: &Json) -> Reply {
        let mut answers = BTreeMap::new();
        for record in records.as_array().into_iter().flatten() {
            let (name, id) = (text(&record["record"]), text(&record["id"]));
            stage.note(|| format!("record {id} of {name:.4} {}", record["state"]), 2);
            let answer = if stage.strikes(Fault::RecordPutBack, stage.odds().put_back) {
                json!({ "status": "retry" })
            } else if record["state"] == "present" && id.starts_with("refused") {
                json!({ "status": "rejected", "reason": format!("unknown id {id} of {CANARY}-secret@{CANARY}") })
            } else {
                self.apply(record, &id);
                json!({ "status": "taken" })
            };
            answers.insert(name, answer);
        }
        Reply::of(200, results(answers))
    }

    fn apply(&mut self, record: &Json, id: &str) {
        match record["state"].as_str() {
            Some("present") => {
                let held = Held { inside: inside(&record["audiences"]), attributes: attributes(&record["attributes"]) };
                self.records.insert(id.to_owned(), held);
            }
            Some("left") => {
                if let Some(held) = self.records.get_mut(id) {
                    *held = Held::default();
                }
            }
            Some(_) | None => {
                self.records.remove(id);
            }
        }
    }

    /// A receiver that knows repeats counts an event once; another one counts what it is told.
    fn count(&mut self, stage: &Stage, id: &str, body: &Json) -> Reply {
        let event = (text(&body["type"]), text(&body["data"]["audience"]), text(&body["timestamp"]));
        let known = self.events.entry(event.clone()).or_insert_with(|| (id.to_owned(), 0));
        if known.1 == 0 || self.in_doubt != "send_again" || known.0 != id {
            known.1 += 1;
        }
        if known.1 > 1 {
            stage.broke(Invariant::NoEffectTwice, || format!("{event:?} was counted {} times", known.1));
        }
        Reply::of(204, Json::Null)
    }
}

pub(super) fn text(json: &Json) -> String {
    json.as_str().unwrap_or_default().to_owned()
}

fn inside(audiences: &Json) -> BTreeMap<String, Option<String>> {
    let inside = audiences.as_object().into_iter().flatten().filter(|(_, shows)| shows["state"] == "inside");
    inside.map(|(id, shows)| (id.clone(), shows["properties"]["tier"].as_str().map(str::to_owned))).collect()
}

pub(super) fn attributes(attributes: &Json) -> BTreeMap<String, Json> {
    let known = attributes.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    known.map(|(id, value)| (id.clone(), value.clone())).collect()
}
