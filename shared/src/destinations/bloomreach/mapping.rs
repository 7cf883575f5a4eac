//! From people and events to Bloomreach's commands, and from its answers to verdicts: pure.

use jiff::Timestamp;
use serde_json::{Number, Value as Json, json};

use super::client::{CommandResult, Taken};
use super::config::Settings;
use crate::destination::loyalty::{self, Telling};
use crate::destination::parcels::Object;
use crate::destination::said::redact;
use crate::destination::{
    Action, Applied, Failure, Item, LinkedAttribute, Links, Performance, Shown, Shows, Task, Verdict,
};
use crate::model::value::Typed;
use crate::model::{AttributeId, AudienceId, Identifier, Reason, Value};

/// A person as a command, and what could not be put into it.
pub(super) struct Made {
    pub(super) command: Object,
    pub(super) remarks: Vec<String>,
}

/// The command that brings an item, as of `at`: what is older never takes its place.
pub(super) fn person(settings: &Settings, links: &Links, item: &Item, at: Timestamp) -> Made {
    let (properties, remarks) = match &item.action {
        Action::Show(shown) => show(settings, links, shown),
        Action::Leave => (leave(settings, links, &Json::Bool(false)), Vec::new()),
        Action::Forget => (leave(settings, links, &settings.clear_by.value()), Vec::new()),
    };
    let data = json!({
        "customer_ids": ids(settings, &item.key), "update_timestamp": seconds(at), "properties": properties,
    });
    Made { command: command("customers", None, data), remarks }
}

fn command(name: &str, id: Option<&str>, data: Json) -> Object {
    let mut command = Object::new();
    command.insert("name".to_owned(), json!(name));
    if let Some(id) = id {
        command.insert("command_id".to_owned(), json!(id));
    }
    command.insert("data".to_owned(), data);
    command
}

fn ids(settings: &Settings, key: &Identifier) -> Json {
    json!({ &settings.customer_id: key.expose() })
}

/// Seconds since the epoch, with milliseconds behind the point.
fn seconds(at: Timestamp) -> Json {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this millennium are exact")]
    let seconds = at.as_millisecond() as f64 / 1000.0;
    Number::from_f64(seconds).map_or(Json::Null, Json::Number)
}

fn audience_name(settings: &Settings, audience: &AudienceId) -> String {
    let named = settings.audience_names.get(audience);
    named.cloned().unwrap_or_else(|| format!("{}{audience}", settings.audience_prefix))
}

fn attribute_name(settings: &Settings, attribute: &AttributeId) -> String {
    settings.attribute_names.get(attribute).cloned().unwrap_or_else(|| attribute.to_string())
}

fn show(settings: &Settings, links: &Links, shown: &Shown) -> (Object, Vec<String>) {
    let (mut properties, mut remarks) = (Object::new(), Vec::new());
    for (audience, shows) in &shown.audiences {
        let value = match shows {
            Shows::Inside(_) => json!(true),
            Shows::Left => json!(false),
            // Somebody else may have been known by this key.
            Shows::Never => settings.clear_by.value(),
        };
        properties.insert(audience_name(settings, audience), value);
    }
    for LinkedAttribute { link, .. } in &links.attributes {
        // Never known and cleared are the same to whoever reads it; another person may have been known by this key.
        let value = shown.attributes.get(&link.attribute).unwrap_or(&Value::Null);
        match link.kind.read(value) {
            Ok(typed) => {
                properties.insert(attribute_name(settings, &link.attribute), written(settings, typed));
            }
            Err(reason) => remarks.push(format!("{} not sent: {reason}", link.attribute)),
        }
    }
    (properties, remarks)
}

fn leave(settings: &Settings, links: &Links, outside: &Json) -> Object {
    let audiences = links.audiences.iter().map(|linked| (audience_name(settings, &linked.id), outside.clone()));
    let attributes = links.attributes.iter();
    let attributes =
        attributes.map(|linked| (attribute_name(settings, &linked.link.attribute), settings.clear_by.value()));
    audiences.chain(attributes).collect()
}

/// Moments are numbers everywhere in this API.
fn written(settings: &Settings, typed: Typed) -> Json {
    let written = typed.into_json(|date| json!(date.to_string()), seconds);
    if written.is_null() { settings.clear_by.value() } else { written }
}

/// An event as a command; `None` where something else earned the effect.
pub(super) fn event(settings: &Settings, task: &Task) -> Option<Object> {
    let snake = |name: &str| format!("ee_{}", name.to_lowercase().replace(' ', "_"));
    let Telling { name, properties } = loyalty::tell(task, &settings.events, snake)?;
    let data = json!({
        "customer_ids": ids(settings, &task.key), "event_type": name,
        "timestamp": seconds(task.earned.occurred_at), "properties": properties,
    });
    Some(command("customers/events", Some(&task.reference), data))
}

/// A command that changes nothing: it names nobody.
pub(super) fn nobody(settings: &Settings, at: Timestamp) -> Object {
    let ids = json!({ &settings.customer_id: "" });
    command("customers", None, json!({ "customer_ids": ids, "update_timestamp": seconds(at), "properties": {} }))
}

/// What became of an item.
pub(super) fn verdict(taken: &Taken, place: usize, item: &Item, remarks: &[String]) -> Verdict {
    match failure(taken.results.get(place), item.key.expose()) {
        Some(failure) => Verdict::Failed(failure),
        None => Verdict::delivered(remarks),
    }
}

/// What became of an event.
pub(super) fn performance(taken: &Taken, place: usize, task: &Task) -> Performance {
    match failure(taken.results.get(place), task.key.expose()) {
        Some(failure) => Performance::Failed(failure),
        None => Performance::Done { said: "taken".to_owned() },
    }
}

fn failure(result: Option<&CommandResult>, key: &str) -> Option<Failure> {
    match result {
        Some(CommandResult { success: true, .. }) => None,
        Some(CommandResult { success: false, errors }) => {
            let said = errors.iter().map(|error| error.as_str().map_or_else(|| error.to_string(), str::to_owned));
            let said = redact(&said.collect::<Vec<_>>().join("; "), key, "");
            let said = if said.is_empty() { "without a reason" } else { &said };
            Some(Failure::Rejected { reason: Reason::new(format!("Bloomreach refused it: {said}")) })
        }
        None => {
            let reason = Reason::new("Bloomreach's answer says nothing of it");
            Some(Failure::Retryable { reason, applied: Applied::Open })
        }
    }
}
