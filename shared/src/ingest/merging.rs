//! What one person's changes make of the row, and which activations must look at it.

use std::collections::BTreeSet;

use crate::model::merge::{MergeContext, Touched, merge};
use crate::model::{Activation, ActivationId, Change, Earned, Fact, Origin, Path, Person, Transition};
use crate::ports::PersonWrite;

/// A row after its changes.
#[derive(Debug)]
pub struct Merged {
    /// Nothing where the row stays as it was, to the last count.
    pub write: Option<PersonWrite>,
    /// Who must look at the person.
    pub concerned: BTreeSet<ActivationId>,
}

/// Merges `changes` into `read`, counting each at every activation that it concerns, repeats too.
pub fn merge_all<'a>(
    read: Person,
    changes: impl Iterator<Item = &'a Change>,
    activations: &[&Activation],
    context: &MergeContext,
) -> Merged {
    let mut person = read.clone();
    let mut concerned = BTreeSet::new();
    let (version, mut moved) = (read.version + 1, false);
    for change in changes {
        let before = retold(&person, change);
        let was_inside = is_inside(&person, change);
        let touched = merge(&mut person, change, version, context);
        moved |= touched.any();
        for activation in activations {
            concerned.extend(earn(&mut person, change, was_inside, activation).then(|| activation.id.clone()));
        }
        for activation in activations {
            if activation.concerns(change, &touched) {
                *person.accepted.entry(activation.id.clone()).or_default() += 1;
                concerned.insert(activation.id.clone());
            } else if !touched.any() && activation.concerns(change, &before) {
                concerned.insert(activation.id.clone());
            }
        }
    }
    if person == read {
        return Merged { write: None, concerned };
    }
    if moved {
        person.version = version;
        person.changed_at = context.now;
    }
    person.sequence += 1;
    Merged { write: Some(PersonWrite { person, read_sequence: read.sequence }), concerned }
}

/// Whether the person is in the audience that the change speaks of.
fn is_inside(person: &Person, change: &Change) -> bool {
    let (Fact::Entered { audience, .. } | Fact::Left { audience }) = &change.fact else { return false };
    person.is_inside(audience)
}

/// Puts an effect into the outbox where the change was a live transition or event that earns one, or finds the one that
/// it earned before: then its process may have died before it nudged. Behind one of the same id that waits for long,
/// for a person say, stands the one that counts anew by then.
fn earn(person: &mut Person, change: &Change, was_inside: bool, activation: &Activation) -> bool {
    let since = activation.activated_at.filter(|since| change.occurred_at > *since);
    if change.origin != Origin::Live || since.is_none() {
        return false;
    }
    let Some(earned) = earned_by(change, activation) else { return false };
    let again = activation.earning.again;
    let mut same = person.outbox.iter().filter(|known| known.id == earned.id && known.activation == earned.activation);
    if same.any(|known| !earned.counts_after(known.occurred_at, again)) {
        return true;
    }
    // Of an event that comes again when it is at an end the ledger knows.
    let happened = match earned.transition() {
        Some(_) => was_inside != is_inside(person, change),
        None => person.gone.as_ref().is_none_or(|gone| change.occurred_at > gone.at),
    };
    if happened {
        person.outbox.push(earned);
    }
    happened
}

/// What the change earns where it is news.
fn earned_by(change: &Change, activation: &Activation) -> Option<Earned> {
    let earning = &activation.earning;
    let (transition, audience, properties) = match &change.fact {
        Fact::Entered { audience, properties } => (Transition::Entered, audience, properties.clone()),
        Fact::Left { audience } => (Transition::Left, audience, Default::default()),
        Fact::Happened { event, id, details } => {
            let told = earning.events.include(event);
            return told.then(|| Earned::by_event(&activation.id, event, id, details, change.occurred_at));
        }
        Fact::Attribute { .. }
        | Fact::Sighted { .. }
        | Fact::Profile
        | Fact::Suppression(_)
        | Fact::MergedInto { .. }
        | Fact::Erased => return None,
    };
    let linked = activation.live_audiences().any(|live| live == audience);
    let by = || Earned::by(&activation.id, earning.again, transition, audience, properties, change.occurred_at);
    (linked && earning.on.contains(&transition)).then(by)
}

/// What the row shows as `change` tells it. The change may be the repeat of one whose process died before
/// it nudged: a repeat touches nothing, but what it told the first time must be looked at all the same.
fn retold(person: &Person, change: &Change) -> Touched {
    let identifiers = change.identifiers.iter().filter(|(kind, values)| {
        let entry = person.identifiers.get(*kind);
        entry.is_some_and(|entry| entry.occurred_at >= change.occurred_at && entry.value == **values)
    });
    let fields = change.fields.iter().filter(|(name, value)| {
        let entry = person.fields.get(*name);
        entry.is_some_and(|entry| entry.occurred_at >= change.occurred_at && entry.value == **value)
    });
    let identifiers = identifiers.map(|(kind, _)| Path::Identifier(kind.clone()));
    let fields = fields.map(|(name, _)| Path::Field(name.clone()));
    Touched { fact: false, paths: identifiers.chain(fields).collect(), gone: false }
}
