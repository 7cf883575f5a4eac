//! From people to messages, and from answers to verdicts: pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use crate::destination::said::redact;
use crate::destination::{
    Action, Applied, Failure, Item, ItemId, Links, Shows, Task, Verdict, Verdicts, departures_first,
};
use crate::model::{AttributeId, AudienceId, EarnedBy, FieldName, Reason, Value};

/// What is posted.
#[derive(Serialize)]
pub(super) struct Message<D> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: Timestamp,
    data: D,
}

#[derive(Serialize)]
pub(super) struct Records<'a> {
    activation: &'a str,
    records: Vec<Record<'a>>,
}

#[derive(Serialize)]
struct Record<'a> {
    record: String,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    audiences: Option<BTreeMap<&'a AudienceId, Membership<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<BTreeMap<&'a AttributeId, &'a Value>>,
    state: &'static str,
}

#[derive(Serialize)]
struct Membership<'a> {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<&'a BTreeMap<FieldName, Value>>,
}

/// The message that brings these records.
pub(super) fn records<'a>(links: &'a Links, items: &'a [Item], now: Timestamp) -> Message<Records<'a>> {
    let (departures, arrivals) = departures_first(items);
    let records = departures.into_iter().chain(arrivals).map(|item| record(links, item)).collect();
    Message { kind: "people.state", timestamp: now, data: Records { activation: &links.activation, records } }
}

/// Attributes whose value is of another type than the attribute, each with a sentence that says so.
fn misfits<'a>(links: &'a Links, item: &'a Item) -> impl Iterator<Item = (&'a AttributeId, String)> {
    let attributes = match &item.action {
        Action::Show(shown) => Some(&shown.attributes),
        Action::Leave | Action::Forget => None,
    };
    attributes.into_iter().flatten().filter_map(|(id, value)| {
        let reason = links.type_of(id)?.read(value).err()?;
        Some((id, format!("{id} not sent: {reason}")))
    })
}

/// The name of an item within its request.
pub(super) fn name(id: &ItemId) -> String {
    format!("{}.{}", id.person, id.step)
}

fn record<'a>(links: &'a Links, item: &'a Item) -> Record<'a> {
    let record =
        |state| Record { record: name(&item.id), id: item.key.expose(), audiences: None, attributes: None, state };
    match &item.action {
        Action::Show(shown) => {
            let misfits: BTreeSet<&AttributeId> = misfits(links, item).map(|(id, _)| id).collect();
            let fitting = shown.attributes.iter().filter(|(id, _)| !misfits.contains(id));
            Record {
                audiences: Some(shown.audiences.iter().map(|(id, shows)| (id, membership(shows))).collect()),
                attributes: Some(fitting.collect()),
                ..record("present")
            }
        }
        Action::Leave => record("left"),
        Action::Forget => record("forgotten"),
    }
}

fn membership(shows: &Shows) -> Membership<'_> {
    match shows {
        Shows::Inside(properties) => Membership { state: "inside", properties: Some(properties) },
        Shows::Left => Membership { state: "left", properties: None },
        Shows::Never => Membership { state: "never", properties: None },
    }
}

/// The message of an event.
pub(super) fn event(activation: &str, task: &Task) -> Message<Json> {
    let id = task.key.expose();
    let (kind, data) = match &task.earned.by {
        EarnedBy::Entered { audience, properties } => (
            "audience.entered",
            json!({ "activation": activation, "id": id, "audience": audience, "properties": properties }),
        ),
        EarnedBy::Left { audience } => {
            ("audience.left", json!({ "activation": activation, "id": id, "audience": audience, "properties": {} }))
        }
        EarnedBy::Happened { event, details } => {
            ("person.event", json!({ "activation": activation, "id": id, "event": event, "details": details }))
        }
    };
    Message { kind, timestamp: task.earned.occurred_at, data }
}

/// The `webhook-id` of an event, the same for all tries.
pub(super) fn event_id(task: &Task) -> String {
    format!("evt_{}", task.reference)
}

/// The message of a check.
pub(super) fn check(activation: &str, now: Timestamp) -> Message<Json> {
    Message { kind: "muster.check", timestamp: now, data: json!({ "activation": activation }) }
}

/// A receiver's answer record by record.
#[derive(Deserialize)]
struct Results {
    results: Map<String, Json>,
}

#[derive(Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
enum Result {
    Taken,
    Rejected {
        #[serde(default)]
        reason: String,
    },
    Retry,
}

/// Everything was taken.
pub(super) fn all_taken(links: &Links, items: &[Item]) -> Verdicts {
    items.iter().map(|item| (item.id.clone(), taken(links, item))).collect()
}

fn taken(links: &Links, item: &Item) -> Verdict {
    let remarks: Vec<String> = misfits(links, item).map(|(_, remark)| remark).collect();
    Verdict::delivered(&remarks)
}

/// Reads an answer record by record. What it says nothing readable of is open.
pub(super) fn results(links: &Links, items: &[Item], answer: Option<&Json>) -> Verdicts {
    let results = answer.and_then(|json| Results::deserialize(json).ok());
    let result =
        |item: &Item| -> Option<Result> { Result::deserialize(results.as_ref()?.results.get(&name(&item.id))?).ok() };
    let verdict = |item: &Item| match result(item) {
        Some(Result::Taken) => taken(links, item),
        Some(Result::Rejected { reason }) => {
            let said = redact(&reason, item.key.expose(), "");
            let reason = if said.is_empty() { "the receiver refuses the record".to_owned() } else { said };
            Verdict::Failed(Failure::Rejected { reason: Reason::new(reason) })
        }
        Some(Result::Retry) => failed("the receiver asks for the record again", Applied::No),
        None => failed("the receiver's answer says nothing of the record", Applied::Open),
    };
    items.iter().map(|item| (item.id.clone(), verdict(item))).collect()
}

fn failed(reason: &str, applied: Applied) -> Verdict {
    Verdict::Failed(Failure::Retryable { reason: Reason::new(reason), applied })
}
