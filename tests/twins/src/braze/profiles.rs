//! The profiles of the workspace: who is found by what, and what changes do to them (vendor file 3).

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde_json::{Map, Number, Value, json};

use super::model::{Alias, Origin, ProfileView, SeedProfile};
use super::objects::{Attributes, Objects, Whom};
use super::values::{Change, is_sound, merge};
use crate::twin::take;

#[derive(Debug)]
pub(super) struct Profile {
    pub external_id: Option<String>,
    alias: Option<Alias>,
    email: Option<String>,
    phone: Option<String>,
    attributes: Map<String, Value>,
    origin: Origin,
    written_at: Option<Timestamp>,
    writes: u64,
    /// Among all writes the place of the last one.
    last_write: u64,
    pub latest_time: Option<Timestamp>,
}

impl Profile {
    fn new(origin: Origin, seed: SeedProfile) -> Self {
        let SeedProfile { external_id, alias, email, phone, attributes } = seed;
        Self {
            external_id,
            alias,
            email,
            phone,
            attributes,
            origin,
            written_at: None,
            writes: 0,
            last_write: 0,
            latest_time: None,
        }
    }

    fn view(&self, number: u64) -> ProfileView {
        ProfileView {
            braze_id: braze_id(number),
            external_id: self.external_id.clone(),
            alias: self.alias.clone(),
            email: self.email.clone(),
            phone: self.phone.clone(),
            attributes: self.attributes.clone(),
            origin: self.origin,
            written_at: self.written_at,
            writes: self.writes,
            latest_time: self.latest_time,
        }
    }

    pub(super) fn change(&mut self, attributes: &Attributes, nested_bytes: usize) -> Changed {
        let mut changed = Changed::default();
        for (name, change) in &attributes.changes {
            match name.as_str() {
                "email" => set_standard(&mut self.email, change),
                "phone" => set_standard(&mut self.phone, change),
                _ => self.change_custom(name, change, attributes.objects, nested_bytes, &mut changed),
            }
        }
        changed
    }

    fn change_custom(&mut self, name: &str, change: &Change, objects: Objects, most: usize, changed: &mut Changed) {
        match change {
            Change::Delete => {
                self.attributes.remove(name);
            }
            Change::Set(value) => {
                self.attributes.insert(name.to_owned(), value.clone());
            }
            Change::Increment(by) => {
                changed.increments += 1;
                let known = self.attributes.entry(name).or_insert_with(|| json!(0));
                if let Some(sum) = sum(known, by) {
                    *known = sum;
                }
            }
            Change::Edit { add, remove } => {
                let known = self.attributes.entry(name).or_insert_with(|| json!([]));
                if let Some(items) = known.as_array_mut() {
                    items.retain(|item| !remove.contains(item));
                    for item in add {
                        if !items.contains(item) {
                            items.push(item.clone());
                        }
                    }
                }
            }
            Change::Nest(value) => {
                let known = self.attributes.get(name).filter(|_| objects == Objects::Merged);
                let mut whole = known.cloned().unwrap_or(Value::Null);
                merge(&mut whole, value);
                if is_sound(&whole, most) {
                    self.attributes.insert(name.to_owned(), whole);
                } else {
                    changed.too_large += 1;
                }
            }
            // It was dropped with all that it reaches.
            Change::Flawed => {}
        }
    }
}

/// What is counted of changes.
#[derive(Debug, Default)]
pub(super) struct Changed {
    pub increments: u64,
    /// Nested attributes that would have become too large.
    pub too_large: u64,
}

/// Anything but a text or `null` is not for such an attribute, and is lost.
fn set_standard(standard: &mut Option<String>, change: &Change) {
    match change {
        Change::Delete => *standard = None,
        Change::Set(Value::String(text)) => *standard = Some(text.clone()),
        Change::Set(_) | Change::Increment(_) | Change::Edit { .. } | Change::Nest(_) | Change::Flawed => {}
    }
}

/// `None` where the attribute is no number, or the sum is none.
fn sum(known: &Value, by: &Number) -> Option<Value> {
    if let (Some(known), Some(by)) = (known.as_i64(), by.as_i64()) {
        return known.checked_add(by).map(Value::from);
    }
    Number::from_f64(known.as_f64()? + by.as_f64()?).map(Value::Number)
}

fn braze_id(number: u64) -> String {
    format!("{number:024x}")
}

/// All profiles; a number stands for each.
#[derive(Debug, Default)]
pub(super) struct Profiles {
    all: BTreeMap<u64, Profile>,
    by_external_id: HashMap<String, u64>,
    by_alias: BTreeMap<Alias, u64>,
    next: u64,
    writes: u64,
}

impl Profiles {
    /// Takes it as it is; `None` where external id or alias are taken.
    pub(super) fn seed(&mut self, seed: SeedProfile) -> Option<String> {
        let taken = seed.external_id.as_ref().is_some_and(|id| self.by_external_id.contains_key(id))
            || seed.alias.as_ref().is_some_and(|alias| self.by_alias.contains_key(alias));
        (!taken).then(|| braze_id(self.insert(Profile::new(Origin::Seeded, seed))))
    }

    fn insert(&mut self, profile: Profile) -> u64 {
        let number = take(&mut self.next);
        if let Some(id) = &profile.external_id {
            self.by_external_id.insert(id.clone(), number);
        }
        if let Some(alias) = &profile.alias {
            self.by_alias.insert(alias.clone(), number);
        }
        self.all.insert(number, profile);
        number
    }

    /// `None` for somebody whom no object can create.
    pub(super) fn create(&mut self, whom: &Whom) -> Option<u64> {
        let seed = SeedProfile::default();
        let seed = match whom.clone() {
            Whom::ExternalId(id) => SeedProfile { external_id: Some(id), ..seed },
            Whom::Alias(alias) => SeedProfile { alias: Some(alias), ..seed },
            Whom::Email(email) => SeedProfile { email: Some(email), ..seed },
            Whom::Phone(phone) => SeedProfile { phone: Some(phone), ..seed },
            Whom::BrazeId(_) => return None,
        };
        Some(self.insert(Profile::new(Origin::Created, seed)))
    }

    pub(super) fn find(&self, whom: &Whom) -> Option<u64> {
        match whom {
            Whom::ExternalId(id) => self.by_external_id.get(id).copied(),
            Whom::Alias(alias) => self.by_alias.get(alias).copied(),
            Whom::BrazeId(id) => u64::from_str_radix(id, 16)
                .ok()
                .filter(|number| braze_id(*number) == *id && self.all.contains_key(number)),
            Whom::Email(email) => self.latest(|profile| profile.email.as_ref() == Some(email)),
            Whom::Phone(phone) => self.latest(|profile| profile.phone.as_ref() == Some(phone)),
        }
    }

    /// Of several the most recently updated, identified ones first.
    fn latest(&self, is_meant: impl Fn(&Profile) -> bool) -> Option<u64> {
        let meant = self.all.iter().filter(|(_, profile)| is_meant(profile));
        let latest = meant.max_by_key(|(_, profile)| (profile.external_id.is_some(), profile.last_write));
        latest.map(|(number, _)| *number)
    }

    /// The profile with its id, about to be written.
    pub(super) fn write(&mut self, number: u64, now: Timestamp) -> Option<(&mut Profile, String)> {
        self.writes += 1;
        let profile = self.all.get_mut(&number)?;
        profile.written_at = Some(now);
        profile.writes += 1;
        profile.last_write = self.writes;
        Some((profile, braze_id(number)))
    }

    pub(super) fn person(&self, external_id: &str) -> Option<ProfileView> {
        let number = self.by_external_id.get(external_id)?;
        self.all.get(number).map(|profile| profile.view(*number))
    }

    /// By external id or `braze_id`.
    pub(super) fn view_of(&self, id: &str) -> Option<ProfileView> {
        let number = self.by_external_id.get(id).copied().or_else(|| self.find(&Whom::BrazeId(id.to_owned())))?;
        self.all.get(&number).map(|profile| profile.view(number))
    }

    /// In the order of their making.
    pub(super) fn views(&self) -> impl Iterator<Item = ProfileView> {
        self.all.iter().map(|(number, profile)| profile.view(*number))
    }

    pub(super) fn remove(&mut self, external_id: &str) -> bool {
        let Some(number) = self.by_external_id.remove(external_id) else { return false };
        if let Some(alias) = self.all.remove(&number).and_then(|profile| profile.alias) {
            self.by_alias.remove(&alias);
        }
        true
    }
}
