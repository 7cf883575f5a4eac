//! The objects of a request, and what each does to the others.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::objects::{InputArray, Object, Problem, What, Whom};
use super::switches::{NestedReach, ObjectLimit, Switches};
use super::values::Change;

/// The arrays of a body, not read any further.
pub(super) struct Arrays([(InputArray, Vec<Value>); 3]);

impl Arrays {
    /// `Err`: a sentence about a body that no client sends.
    pub(super) fn of(mut fields: Map<String, Value>) -> Result<Self, String> {
        let mut array = |array: InputArray| match fields.remove(array.name()) {
            None => Ok((array, Vec::new())),
            Some(Value::Array(items)) => Ok((array, items)),
            Some(_) => Err(format!("{} is no array", array.name())),
        };
        let [attributes, events, purchases] = InputArray::ALL;
        let arrays = [array(attributes)?, array(events)?, array(purchases)?];
        match fields.keys().next() {
            Some(key) => Err(format!("{key:?} beside the arrays")),
            None => Ok(Self(arrays)),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|(_, items)| items.len()).sum()
    }

    pub(super) fn fit(&self, limit: ObjectLimit) -> bool {
        match limit {
            ObjectLimit::InTotal(most) => self.len() <= most,
            ObjectLimit::PerArray(most) => self.0.iter().all(|(_, items)| items.len() <= most),
        }
    }
}

/// An object at its place in a body.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub array: InputArray,
    pub index: usize,
    /// `Err`: the sentence that is told of it.
    pub object: Result<Object, String>,
}

/// The objects of a request; never without any.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub slots: Vec<Slot>,
    /// Nested updates that were silently dropped.
    pub dropped_nested: u64,
}

impl Batch {
    /// `Err`: what in it no client sends.
    pub(super) fn read(arrays: Arrays, switches: &Switches) -> Result<Self, String> {
        let mut slots = Vec::new();
        for (array, items) in arrays.0 {
            for (index, raw) in items.into_iter().enumerate() {
                let object = match Object::read(array, raw, switches) {
                    Ok(object) => Ok(object),
                    Err(Problem::Faulty(sentence)) => Err(sentence),
                    Err(Problem::Unexpected(what)) => return Err(what),
                };
                slots.push(Slot { array, index, object });
            }
        }
        let dropped_nested = drop_nested(&mut slots, switches.nested_reach);
        Ok(Self { slots, dropped_nested })
    }

    /// Objects of those whom Braze takes for dummies.
    pub(super) fn refuse_banned(&mut self, banned: &BTreeSet<String>) {
        for slot in &mut self.slots {
            let is_banned = match &slot.object {
                Ok(Object { whom: Whom::ExternalId(id), .. }) => banned.contains(id),
                Ok(_) | Err(_) => false,
            };
            if is_banned {
                slot.object = Err("provided external_id is blacklisted and disallowed".to_owned());
            }
        }
    }

    /// By a fault.
    pub(super) fn refuse_first(&mut self, sentence: String) {
        if let Some(first) = self.slots.first_mut() {
            first.object = Err(sentence);
        }
    }
}

/// An invalid value inside a nested attribute takes others with it. Answers how many updates are gone.
fn drop_nested(slots: &mut [Slot], reach: NestedReach) -> u64 {
    let flawed: Vec<(String, Whom)> =
        slots.iter().filter_map(|slot| slot.object.as_ref().ok()).flat_map(flaws).collect();
    let mut gone = 0;
    for object in slots.iter_mut().filter_map(|slot| slot.object.as_mut().ok()) {
        let whom = &object.whom;
        let What::Attributes(attributes) = &mut object.what else { continue };
        attributes.changes.retain(|(name, change)| {
            let reached = match reach {
                NestedReach::Request => flawed.iter().any(|(flawed, _)| flawed == name),
                NestedReach::Person => flawed.iter().any(|(flawed, of)| flawed == name && of == whom),
                NestedReach::Object => *change == Change::Flawed,
            };
            let dropped = reached && change.is_nested();
            gone += u64::from(dropped);
            !dropped
        });
    }
    gone
}

fn flaws(object: &Object) -> Vec<(String, Whom)> {
    let What::Attributes(attributes) = &object.what else { return Vec::new() };
    let flawed = attributes.changes.iter().filter(|(_, change)| *change == Change::Flawed);
    flawed.map(|(name, _)| (name.clone(), object.whom.clone())).collect()
}
