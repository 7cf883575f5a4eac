//! What an edit of an activation means: pure decisions.
//!
//! Two numbers rise. The revision rises with what changes a record's content, so that every receipt of
//! before is out of date; the layout with what the vendor's side must be prepared for.

use super::activations::{ActivationChange, AttributesEdit, AudiencesEdit};
use crate::model::{Activation, AudienceId, AudienceLink, LinkState};

/// What must follow from an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consequence {
    /// Nothing at the vendor changes.
    Nothing,
    /// Labels at the vendor: the layout rises.
    Relabel,
    /// Records hold something else: the revision rises.
    Resend,
    /// Both.
    Rebuild,
}

impl Consequence {
    /// Of two edits together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self.changes_layout() || other.changes_layout(), self.changes_content() || other.changes_content()) {
            (false, false) => Self::Nothing,
            (true, false) => Self::Relabel,
            (false, true) => Self::Resend,
            (true, true) => Self::Rebuild,
        }
    }

    /// Whether the vendor's side must be prepared.
    pub fn changes_layout(self) -> bool {
        match self {
            Self::Relabel | Self::Rebuild => true,
            Self::Nothing | Self::Resend => false,
        }
    }

    /// Whether everybody is pending.
    pub fn changes_content(self) -> bool {
        match self {
            Self::Resend | Self::Rebuild => true,
            Self::Nothing | Self::Relabel => false,
        }
    }

    /// Raises the numbers.
    pub fn raise(self, activation: &mut Activation) {
        activation.revision += u64::from(self.changes_content());
        activation.layout += u64::from(self.changes_layout());
    }
}

/// Whether a change links anything anew: what is only taken away asks the vendor's side for nothing.
pub fn adds_links(change: &ActivationChange) -> bool {
    change.audiences.as_ref().is_some_and(|edit| !edit.add.is_empty())
        || change.attributes.as_ref().is_some_and(|edit| !edit.add.is_empty())
}

/// Applies a change that was found valid, and says what follows. Raises no number itself.
pub fn apply(activation: &mut Activation, change: &ActivationChange) -> Consequence {
    let ActivationChange {
        name,
        description,
        notify,
        settings,
        audiences,
        attributes,
        person_identifier,
        triggers,
        retry_window_hours,
        keep_parked_days,
    } = change;
    set(&mut activation.name, name.as_ref());
    set(&mut activation.description, description.as_ref());
    set(&mut activation.notify, notify.as_ref());
    set(&mut activation.retry_window_hours, retry_window_hours.as_ref());
    set(&mut activation.keep_parked_days, keep_parked_days.as_ref());
    // A trigger decides when a record is looked at, not what it holds: a field that changed since the
    // receipt is pending by its own version.
    set(&mut activation.triggers, triggers.as_ref());
    let settings = when(set(&mut activation.settings, settings.as_ref()), Consequence::Rebuild);
    let identifier = when(set(&mut activation.person_identifier, person_identifier.as_ref()), Consequence::Resend);
    let audiences = audiences.as_ref().map_or(Consequence::Nothing, |edit| link_audiences(activation, edit));
    let attributes = attributes.as_ref().map_or(Consequence::Nothing, |edit| link_attributes(activation, edit));
    settings.and(identifier).and(audiences).and(attributes)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Moved {
    Yes,
    No,
}

fn set<T: Clone + PartialEq>(slot: &mut T, new: Option<&T>) -> Moved {
    match new {
        Some(new) if *slot != *new => {
            slot.clone_from(new);
            Moved::Yes
        }
        Some(_) | None => Moved::No,
    }
}

fn when(moved: Moved, consequence: Consequence) -> Consequence {
    match moved {
        Moved::Yes => consequence,
        Moved::No => Consequence::Nothing,
    }
}

fn link_audiences(activation: &mut Activation, edit: &AudiencesEdit) -> Consequence {
    let added = edit.add.iter().map(|audience| link_audience(activation, audience));
    let added = added.fold(Consequence::Nothing, Consequence::and);
    let removed = edit.remove.iter().map(|audience| unlink_audience(activation, audience));
    removed.fold(added, Consequence::and)
}

/// Links an audience, or brings a removed link back to life.
pub fn link_audience(activation: &mut Activation, audience: &AudienceId) -> Consequence {
    match activation.audiences.iter_mut().find(|link| link.audience == *audience) {
        Some(link) if link.state == LinkState::Live => return Consequence::Nothing,
        Some(link) => link.state = LinkState::Live,
        None => activation.audiences.push(AudienceLink { audience: audience.clone(), state: LinkState::Live }),
    }
    Consequence::Rebuild
}

/// Takes a live link out of use. It is kept, so that its field at the vendor is relabelled; before the
/// first activation nothing stands at the vendor and the link goes.
pub fn unlink_audience(activation: &mut Activation, audience: &AudienceId) -> Consequence {
    let unused = activation.activated_at.is_none();
    let Some(at) = activation.audiences.iter().position(|link| link.audience == *audience) else {
        return Consequence::Nothing;
    };
    if activation.audiences[at].state == LinkState::Removed {
        return Consequence::Nothing;
    }
    if unused {
        activation.audiences.remove(at);
    } else {
        activation.audiences[at].state = LinkState::Removed;
    }
    Consequence::Rebuild
}

fn link_attributes(activation: &mut Activation, edit: &AttributesEdit) -> Consequence {
    let mut consequence = Consequence::Nothing;
    for link in &edit.add {
        match activation.attributes.iter_mut().find(|one| one.attribute == link.attribute) {
            Some(one) if one.kind == link.kind => continue,
            Some(one) => one.kind = link.kind,
            None => activation.attributes.push(link.clone()),
        }
        consequence = Consequence::Rebuild;
    }
    let before = activation.attributes.len();
    activation.attributes.retain(|link| !edit.remove.contains(&link.attribute));
    if activation.attributes.len() < before {
        consequence = Consequence::Rebuild;
    }
    consequence
}
