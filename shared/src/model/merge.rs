//! How a change becomes part of a person: the newest fact wins, whatever the order of arrival.
//!
//! Commutative, associative and idempotent over a row's content (versions, counts and former keys tell
//! the story of arrival and are not content). At a tie leaving wins, because not to target somebody is
//! the safe mistake; among values the greater canonical bytes win.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::change::{Change, Fact, Origin};
use super::identifier::Identifier;
use super::ids::AudienceId;
use super::person::{Entry, Former, Gone, GoneReason, Membership, Path, Person, Suppression, Version, key_of_field};
use super::value::Value;

/// What a merge needs to know besides the row and the change.
#[derive(Debug, Clone)]
pub struct MergeContext {
    /// Muster's clock.
    pub now: Timestamp,
    /// Profile fields that some activation uses as a key.
    pub key_fields: BTreeSet<Path>,
    /// How long a former key is told to leave.
    pub former_for: SignedDuration,
    /// How long a sighting is kept.
    pub sightings_for: SignedDuration,
}

impl MergeContext {
    /// What was seen up to then is kept no longer.
    fn sightings_end(&self) -> Option<Timestamp> {
        self.now.checked_sub(self.sightings_for).ok()
    }
}

/// A value that can win over another of the same time.
trait Contest {
    fn canonical(&self) -> Vec<u8>;
    fn wins_tie(&self, other: &Self) -> bool {
        self.canonical() > other.canonical()
    }
}

impl Contest for Value {
    fn canonical(&self) -> Vec<u8> {
        Value::canonical(self)
    }
}

impl Contest for Vec<Identifier> {
    fn canonical(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Contest for Membership {
    fn canonical(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
    fn wins_tie(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Left, Self::Inside { .. }) => true,
            (Self::Left | Self::Inside { .. }, Self::Left) => false,
            (Self::Inside { .. }, Self::Inside { .. }) => self.canonical() > other.canonical(),
        }
    }
}

impl Contest for Suppression {
    fn canonical(&self) -> Vec<u8> {
        match self {
            Self::Lifted => vec![0],
            Self::Suppressed => vec![1],
        }
    }
}

/// Merges `change` into `person` as part of version `version`. Says which content changed.
pub fn merge(person: &mut Person, change: &Change, version: Version, context: &MergeContext) -> Touched {
    let mut touched = Touched::default();
    match &change.fact {
        Fact::Erased => touched.gone = end(person, change.occurred_at, GoneReason::Erased, version, context),
        Fact::MergedInto { survivor } => {
            let reason = GoneReason::Merged { survivor: *survivor };
            touched.gone = end(person, change.occurred_at, reason, version, context);
        }
        // Outlives an end: who asked not to be written to and to be forgotten may come back by another file.
        Fact::Suppression(suppression) => touched.fact = suppress(person, *suppression, change, version),
        Fact::Entered { .. }
        | Fact::Left { .. }
        | Fact::Attribute { .. }
        | Fact::Sighted { .. }
        | Fact::Happened { .. }
        | Fact::Profile => {}
    }
    if person.gone.as_ref().is_some_and(|gone| change.occurred_at <= gone.at) {
        return touched;
    }
    merge_fact(person, change, version, context, &mut touched);
    merge_profile(person, change, version, context, &mut touched);
    prune(person, context);
    touched
}

/// What a merge changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    /// The fact itself was new.
    pub fact: bool,
    /// Identifiers and fields that were new.
    pub paths: BTreeSet<Path>,
    /// The person ended.
    pub gone: bool,
}

impl Touched {
    /// Whether the row's content is another one now.
    pub fn any(&self) -> bool {
        self.fact || self.gone || !self.paths.is_empty()
    }
}

fn merge_fact(person: &mut Person, change: &Change, version: Version, context: &MergeContext, touched: &mut Touched) {
    touched.fact |= match &change.fact {
        Fact::Entered { audience, properties } => {
            let membership = Membership::Inside { properties: properties.clone() };
            join(person, audience, membership, change, version)
        }
        Fact::Left { audience } => join(person, audience, Membership::Left, change, version),
        Fact::Attribute { attribute, value } => set(&mut person.attributes, attribute, value.clone(), change, version),
        Fact::Sighted { address } => {
            let second = change.occurred_at.as_second();
            // Seconds are kept, so one that began before an end is over with it.
            let ends = [person.gone.as_ref().map(|gone| gone.at), context.sightings_end()];
            let is_over = ends.into_iter().flatten().any(|end| second <= end.as_second());
            !is_over && person.sightings.add(*address, change.occurred_at)
        }
        Fact::Happened { .. } | Fact::Profile | Fact::Suppression(_) | Fact::MergedInto { .. } | Fact::Erased => false,
    };
}

fn merge_profile(
    person: &mut Person,
    change: &Change,
    version: Version,
    context: &MergeContext,
    touched: &mut Touched,
) {
    for (kind, values) in &change.identifiers {
        let path = Path::Identifier(kind.clone());
        let before = person.key_at(&path);
        if set(&mut person.identifiers, kind, values.clone(), change, version) {
            replace_key(person, &path, before, context.now);
            touched.paths.insert(path);
        }
    }
    for (name, value) in &change.fields {
        let path = Path::Field(name.clone());
        let before = context.key_fields.contains(&path).then(|| person.key_at(&path)).flatten();
        if set(&mut person.fields, name, value.clone(), change, version) {
            replace_key(person, &path, before, context.now);
            touched.paths.insert(path);
        }
    }
}

/// Sets an entry if `value` wins; says whether the *value* is another one. A winner of equal value still
/// brings its time, or a fact between the two would win over it in one order of arrival and not in another.
fn set<K: Ord + Clone, T: Contest + PartialEq>(
    map: &mut std::collections::BTreeMap<K, Entry<T>>,
    key: &K,
    value: T,
    change: &Change,
    version: Version,
) -> bool {
    match map.get_mut(key) {
        None => {
            map.insert(key.clone(), entry_of(value, change, version));
            true
        }
        Some(entry) => contest(entry, value, change, version),
    }
}

/// Sets a membership. Who was only known to be inside, or outside, at some time is news when it is told since when: the
/// time may be shown.
fn join(person: &mut Person, audience: &AudienceId, membership: Membership, change: &Change, version: Version) -> bool {
    let known = person.memberships.get(audience);
    let is_timed = known.is_some_and(|entry| {
        entry.origin != Origin::Live && change.origin == Origin::Live && change.occurred_at > entry.occurred_at
    });
    let is_other = set(&mut person.memberships, audience, membership, change, version);
    if is_timed && let Some(entry) = person.memberships.get_mut(audience) {
        entry.version = version;
    }
    is_other || is_timed
}

fn suppress(person: &mut Person, suppression: Suppression, change: &Change, version: Version) -> bool {
    match &mut person.suppression {
        None => {
            person.suppression = Some(entry_of(suppression, change, version));
            true
        }
        Some(entry) => contest(entry, suppression, change, version),
    }
}

fn entry_of<T>(value: T, change: &Change, version: Version) -> Entry<T> {
    Entry { value, occurred_at: change.occurred_at, version, origin: change.origin }
}

fn contest<T: Contest + PartialEq>(entry: &mut Entry<T>, value: T, change: &Change, version: Version) -> bool {
    if change.occurred_at < entry.occurred_at {
        return false;
    }
    if entry.value == value {
        let newer = change.occurred_at > entry.occurred_at;
        entry.occurred_at = change.occurred_at;
        entry.origin = if newer { change.origin } else { strongest(entry.origin, change.origin) };
        return false;
    }
    if change.occurred_at == entry.occurred_at && !value.wins_tie(&entry.value) {
        return false;
    }
    *entry = entry_of(value, change, version);
    true
}

/// The same fact told twice, live and otherwise, was live.
fn strongest(one: Origin, other: Origin) -> Origin {
    if one == Origin::Live || other == Origin::Live { Origin::Live } else { one }
}

fn replace_key(person: &mut Person, path: &Path, before: Option<Identifier>, now: Timestamp) {
    let current = person.key_at(path);
    if let Some(value) = before
        && current.as_ref() != Some(&value)
    {
        person.former.retain(|former| !(former.path == *path && former.value == value));
        person.former.push(Former { path: path.clone(), value, replaced_at: now });
    }
    if let Some(value) = current {
        person.former.retain(|former| !(former.path == *path && former.value == value));
    }
}

fn prune(person: &mut Person, context: &MergeContext) {
    person.former.retain(|former| context.now.duration_since(former.replaced_at) < context.former_for);
    if let Some(end) = context.sightings_end() {
        person.sightings.drop_until(end);
    }
}

/// Ends the person at `at`; says whether that was news. What was known up to then goes, except the keys by
/// which destinations know the person.
fn end(person: &mut Person, at: Timestamp, reason: GoneReason, version: Version, context: &MergeContext) -> bool {
    // The later end, and the stronger reason: who was erased and later merged is still to be forgotten.
    let known = person.gone.as_ref().map(|gone| (gone.at, gone.reason));
    let (at, reason) = known.map_or((at, reason), |known| (at.max(known.0), reason.max(known.1)));
    if known == Some((at, reason)) {
        return false;
    }
    let mut keys = person.gone.take().map(|gone| gone.keys).unwrap_or_default();
    for (kind, entry) in person.identifiers.iter().filter(|(_, entry)| entry.occurred_at <= at) {
        keys.extend(entry.value.iter().map(|value| (Path::Identifier(kind.clone()), value.clone())));
    }
    for path in &context.key_fields {
        if let Path::Field(name) = path
            && let Some(entry) = person.fields.get(name).filter(|entry| entry.occurred_at <= at)
            && let Some(value) = key_of_field(name, &entry.value)
        {
            keys.push((path.clone(), value));
        }
    }
    keys.extend(person.former.drain(..).map(|former| (former.path, former.value)));
    keys.sort();
    keys.dedup();
    person.identifiers.retain(|_, entry| entry.occurred_at > at);
    person.fields.retain(|_, entry| entry.occurred_at > at);
    person.memberships.retain(|_, entry| entry.occurred_at > at);
    person.attributes.retain(|_, entry| entry.occurred_at > at);
    person.sightings.drop_until(at);
    person.outbox.retain(|earned| earned.occurred_at > at);
    person.gone = Some(Gone { at, version, reason, keys });
    true
}
