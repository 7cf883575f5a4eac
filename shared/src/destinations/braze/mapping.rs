//! From people and events to Braze's objects, and from its answers to verdicts: pure.

use serde_json::{Value as Json, json};

use super::client::{Fault, Taken};
use super::config::{Audiences, IdentifyBy, Profiles, Settings, Trees};
use crate::destination::loyalty::{self, Telling};
use crate::destination::parcels::{Object, weight};
use crate::destination::said::{cut, redact};
use crate::destination::{
    Action, Applied, Failure, Item, LinkedAttribute, Links, Performance, Shown, Shows, Task, Verdict, Verdicts,
};
use crate::model::value::Typed;
use crate::model::{AttributeId, AttributeLink, AudienceId, Identifier, Reason, Value};

/// Of strings and of names, in characters.
const MOST_CHARACTERS: usize = 255;
/// Of the properties of an event, in bytes.
const MOST_PROPERTIES: usize = 50 * 1024;

/// What Eagle Eye AIR tells of a person, and where the trees of Eagle Eye's own connector have it.
const LOYALTY: [(&str, &str); 6] = [
    ("ee_points_current", "ee_loyalty.points.current"),
    ("ee_tier_id", "ee_loyalty.tier.tierId"),
    ("ee_tier_points", "ee_loyalty.tier.points"),
    ("ee_tier_spend", "ee_loyalty.tier.spend"),
    ("ee_tier_transactions", "ee_loyalty.tier.transactions"),
    ("ee_tier_resets_at", "ee_loyalty.tier.resetsAt"),
];

/// Names that mean something to Braze itself.
const OWN: [&str; 6] = ["external_id", "user_alias", "braze_id", "push_token_import", "_update_existing_only", MERGE];
const MERGE: &str = "_merge_objects";

/// A person as an attributes object, and what could not be put into it.
pub(super) struct Made {
    pub(super) object: Object,
    pub(super) remarks: Vec<String>,
}

/// The object that brings an item.
pub(super) fn person(settings: &Settings, links: &Links, item: &Item) -> Made {
    let object = addressed(settings, &item.key);
    let mut made = Made { object, remarks: Vec::new() };
    match &item.action {
        Action::Show(shown) => made.show(settings, links, shown),
        Action::Leave => made.leave(settings, links, &Json::Bool(false)),
        Action::Forget => made.leave(settings, links, &Json::Null),
    }
    made
}

/// What every object begins with: whose it is, and whether it may make a profile.
fn addressed(settings: &Settings, key: &Identifier) -> Object {
    let value = key.expose();
    let (name, value) = match &settings.identify_by {
        IdentifyBy::ExternalId => ("external_id", json!(value)),
        IdentifyBy::Email => ("email", json!(value)),
        IdentifyBy::Phone => ("phone", json!(value)),
        IdentifyBy::Alias { label } => ("user_alias", json!({ "alias_name": value, "alias_label": label })),
    };
    let existing_only = settings.profiles == Profiles::UpdateExisting;
    Object::from_iter([(name.to_owned(), value), ("_update_existing_only".to_owned(), json!(existing_only))])
}

/// Where an attribute is written, name by name.
fn place<'a>(settings: &'a Settings, attribute: &'a AttributeId) -> Vec<&'a str> {
    if let Some(path) = settings.attributes.get(attribute) {
        return path.split('.').collect();
    }
    match LOYALTY.iter().find(|(id, _)| *id == attribute.as_str()) {
        Some((_, path)) => path.split('.').collect(),
        None => vec![attribute.as_str()],
    }
}

fn audience_name(
    prefix: &str,
    names: &std::collections::BTreeMap<AudienceId, String>,
    audience: &AudienceId,
) -> String {
    names.get(audience).cloned().unwrap_or_else(|| format!("{prefix}{audience}"))
}

impl Made {
    fn show(&mut self, settings: &Settings, links: &Links, shown: &Shown) {
        match &settings.audiences {
            Audiences::Booleans { prefix, names } => {
                for (audience, shows) in &shown.audiences {
                    let value = match shows {
                        Shows::Inside(_) => json!(true),
                        Shows::Left => json!(false),
                        // Somebody else may have been known by this key.
                        Shows::Never => Json::Null,
                    };
                    self.set(audience.as_str(), &[&audience_name(prefix, names, audience)], value);
                }
            }
            Audiences::Array { attribute } => {
                let inside = shown.audiences.iter().filter(|(_, shows)| matches!(shows, Shows::Inside(_)));
                let inside: Vec<&AudienceId> = inside.map(|(audience, _)| audience).collect();
                self.set(attribute, &[attribute], json!(inside));
            }
            Audiences::None => {}
        }
        for LinkedAttribute { link: AttributeLink { attribute, kind }, .. } in &links.attributes {
            // Never known and cleared are the same to whoever reads it; another person may have been known by this key.
            let value = shown.attributes.get(attribute).unwrap_or(&Value::Null);
            let place = place(settings, attribute);
            match kind.read(value).map(|typed| written(typed, place.len() > 1)) {
                Ok(Json::Null) if place.len() > 1 => self.clear_nested(settings, &place),
                Ok(Json::String(text)) if text.chars().count() > MOST_CHARACTERS => {
                    self.remarks.push(format!("{attribute} not sent: texts have at most {MOST_CHARACTERS} characters"));
                }
                Ok(value) => self.set(attribute.as_str(), &place, value),
                Err(reason) => self.remarks.push(format!("{attribute} not sent: {reason}")),
            }
        }
        // Of a tree without anything in it nothing need stay.
        self.object.values_mut().filter(|value| **value == json!({})).for_each(|tree| *tree = Json::Null);
        if self.object.values().any(is_tree) {
            self.object.insert(MERGE.to_owned(), json!(settings.trees == Trees::Shared));
        }
    }

    /// A null within a tree would make Braze drop all of the tree: it is written without it.
    fn clear_nested(&mut self, settings: &Settings, place: &[&str]) {
        if let (Trees::Owned, Some(root)) = (settings.trees, place.first()) {
            self.object.entry((*root).to_owned()).or_insert_with(|| json!({}));
        }
    }

    /// Nobody of ours is under the key any more.
    fn leave(&mut self, settings: &Settings, links: &Links, outside: &Json) {
        match &settings.audiences {
            Audiences::Booleans { prefix, names } => {
                for linked in &links.audiences {
                    self.set(linked.id.as_str(), &[&audience_name(prefix, names, &linked.id)], outside.clone());
                }
            }
            Audiences::Array { attribute } => {
                let value = if outside.is_null() { Json::Null } else { json!([]) };
                self.set(attribute, &[attribute], value);
            }
            Audiences::None => {}
        }
        for linked in &links.attributes {
            let attribute = &linked.link.attribute;
            if let Some(root) = place(settings, attribute).first() {
                self.set(attribute.as_str(), &[root], Json::Null);
            }
        }
    }

    fn set(&mut self, what: &str, place: &[&str], value: Json) {
        let Some((root, _)) = place.split_first().filter(|(root, _)| !OWN.contains(root)) else {
            self.remarks.push(format!("{what} not sent: the name is Braze's own"));
            return;
        };
        // The key of the person stands under a name, too.
        let is_key = matches!(*root, "email" | "phone") && self.object.keys().next().is_some_and(|key| key == root);
        if is_key || !insert(&mut self.object, place, value) {
            self.remarks.push(format!("{what} not sent: something else stands at its place"));
        }
    }
}

/// The identifier's own object is none: only aliases are.
fn is_tree(value: &Json) -> bool {
    value.as_object().is_some_and(|members| !members.contains_key("alias_label"))
}

/// Puts a value at a path; says whether there was room.
fn insert(object: &mut Object, place: &[&str], value: Json) -> bool {
    match place {
        [] => false,
        [name] => {
            let is_free = object.get(*name).is_none_or(Json::is_null);
            if is_free {
                object.insert((*name).to_owned(), value);
            }
            is_free
        }
        [name, rest @ ..] => match object.entry((*name).to_owned()).or_insert_with(|| json!({})) {
            Json::Object(members) => insert(members, rest, value),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => false,
        },
    }
}

fn written(typed: Typed, is_nested: bool) -> Json {
    let time = |text: String| if is_nested { json!({ "$time": text }) } else { Json::String(text) };
    typed.into_json(|date| time(date.to_string()), |moment| time(moment.to_string()))
}

/// An event as an object; `None` where something else earned the effect.
pub(super) fn event(settings: &Settings, task: &Task) -> Option<Object> {
    let Telling { name, properties } = loyalty::tell(task, &settings.events, |name| format!("EE {name}"))?;
    let mut object = addressed(settings, &task.key);
    if let Some(app) = &settings.app_id {
        object.insert("app_id".to_owned(), json!(app));
    }
    object.insert("name".to_owned(), json!(cut(&name, MOST_CHARACTERS)));
    object.insert("time".to_owned(), json!(task.earned.occurred_at));
    object.insert("properties".to_owned(), Json::Object(fitting(properties)));
    Some(object)
}

/// Properties as Braze takes them: of those that are too large together the lists are left out, the longest first.
fn fitting(properties: Object) -> Object {
    let mut properties = clean(properties);
    while weight(&properties) > MOST_PROPERTIES {
        let heaviest = properties.iter().max_by_key(|(_, value)| value.to_string().len());
        let Some(name) = heaviest.map(|(name, _)| name.clone()) else { break };
        properties.retain(|own, _| *own != name);
        properties.insert(cut(&format!("{name}_left_out"), MOST_CHARACTERS).to_owned(), json!(true));
    }
    properties
}

/// Without nulls and names that would void it all, texts cut.
fn clean(members: Object) -> Object {
    let is_good = |name: &str| !name.is_empty() && !name.starts_with('$') && name.chars().count() <= MOST_CHARACTERS;
    let members = members.into_iter().filter(|(name, value)| is_good(name) && !value.is_null());
    members.map(|(name, value)| (name, cleaned(value))).collect()
}

fn cleaned(value: Json) -> Json {
    match value {
        Json::String(text) => Json::String(cut(&text, MOST_CHARACTERS).to_owned()),
        Json::Array(items) => items.into_iter().filter(|item| !item.is_null()).map(cleaned).collect(),
        Json::Object(members) => Json::Object(clean(members)),
        other @ (Json::Null | Json::Bool(_) | Json::Number(_)) => other,
    }
}

/// A request's body with these objects in one array.
pub(super) fn body(array: &str, objects: &[&Object]) -> Vec<u8> {
    serde_json::to_vec(&json!({ array: objects })).unwrap_or_default()
}

/// What became of the people of one request.
///
/// # Errors
/// Where Braze left one out and does not say which.
pub(super) fn verdicts(items: &[(&Item, Vec<String>)], taken: &Taken) -> Result<Verdicts, Failure> {
    if let Some(fault) = unplaced(taken, "attributes", items.len())
        && items.len() > 1
    {
        return Err(Failure::Rejected { reason: refusal(fault, "") });
    }
    let verdict = |(place, (item, remarks)): (usize, &(&Item, Vec<String>))| {
        let fault = at(taken, "attributes", place).or_else(|| unplaced(taken, "attributes", items.len()));
        let verdict = match fault {
            Some(fault) => Verdict::Failed(Failure::Rejected { reason: refusal(fault, item.key.expose()) }),
            None => Verdict::delivered(remarks),
        };
        (item.id.clone(), verdict)
    };
    Ok(items.iter().enumerate().map(verdict).collect())
}

/// What became of the events of one request. Where Braze left one out and does not say which, nobody knows of any.
pub(super) fn performance(taken: &Taken, place: usize, of: usize, task: &Task) -> Performance {
    if let Some(fault) = at(taken, "events", place) {
        return Performance::Failed(Failure::Rejected { reason: refusal(fault, task.key.expose()) });
    }
    match unplaced(taken, "events", of) {
        Some(fault) if of == 1 => Performance::Failed(Failure::Rejected { reason: refusal(fault, task.key.expose()) }),
        Some(_) => {
            let reason = Reason::new("Braze left out an event of the request and did not say which");
            Performance::Failed(Failure::Retryable { reason, applied: Applied::Open })
        }
        None => Performance::Done { said: "queued".to_owned() },
    }
}

fn at<'a>(taken: &'a Taken, array: &str, place: usize) -> Option<&'a Fault> {
    taken.faults.iter().find(|fault| fault.place.as_ref().is_some_and(|(of, at)| of == array && *at == place))
}

/// A fault of which nobody can say whose it is.
fn unplaced<'a>(taken: &'a Taken, array: &str, of: usize) -> Option<&'a Fault> {
    taken.faults.iter().find(|fault| fault.place.as_ref().is_none_or(|(name, at)| name != array || *at >= of))
}

fn refusal(fault: &Fault, key: &str) -> Reason {
    let said = redact(&fault.said, key, "");
    Reason::new(format!("Braze left it out: {}", if said.is_empty() { "without a reason" } else { &said }))
}
