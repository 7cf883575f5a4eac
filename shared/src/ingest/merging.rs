//! What one person's changes make of the row, and which activations must look at it.

use std::collections::BTreeSet;

use crate::model::merge::{MergeContext, Touched, merge};
use crate::model::{Activation, ActivationId, Change, Path, Person};
use crate::ports::PersonWrite;

/// A row after its changes.
#[derive(Debug)]
pub(super) struct Merged {
    /// Nothing where the row stays as it was, to the last count.
    pub(super) write: Option<PersonWrite>,
    /// Who must look at the person.
    pub(super) concerned: BTreeSet<ActivationId>,
}

/// Merges `changes` into `read`, counting each at every activation that it concerns, repeats too.
pub(super) fn merge_all<'a>(
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
        let touched = merge(&mut person, change, version, context);
        moved |= touched.any();
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
