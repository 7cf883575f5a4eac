//! The link from a source's audiences and attributes to a destination.

use std::collections::BTreeSet;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::change::{Change, Fact};
use super::effect::Earning;
use super::endpoint::Endpoint;
use super::ids::{
    ActivationId, AttributeId, AudienceId, AuthorizationId, FieldName, IdentifierType, Provider, SourceId,
};
use super::merge::Touched;
use super::notice::Channel;
use super::person::Path;
use super::standing::Reason;
use super::value::AttributeType;

/// Default for [`Activation::retry_window_hours`].
pub const DEFAULT_RETRY_WINDOW_HOURS: u32 = 72;

/// An activation as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Activation {
    /// Its id.
    pub id: ActivationId,
    /// For people.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// Where its people come from.
    pub source: SourceId,
    /// Linked audiences, removed ones too (their fields are relabelled, not deleted).
    pub audiences: Vec<AudienceLink>,
    /// Linked calculated attributes.
    pub attributes: Vec<AttributeLink>,
    /// The destination's kind.
    pub destination: Provider,
    /// With whose credentials.
    pub authorization: AuthorizationId,
    /// The destination's own settings, valid under its schema.
    pub settings: serde_json::Value,
    /// By which of a person's values the destination knows the person.
    pub person_identifier: Path,
    /// Fields whose change alone makes a record pending.
    #[serde(default)]
    pub triggers: BTreeSet<FieldName>,
    /// What the destination is shown of a person besides, as the settings say.
    #[serde(default, skip_serializing_if = "Reads::is_empty")]
    pub reads: Reads,
    /// Which transitions must be told once, as the settings say.
    #[serde(default)]
    pub earning: Earning,
    /// Who is mailed when it starts failing, works again, or parks records.
    #[serde(default)]
    pub notify: Option<String>,
    /// Where the same is posted to, signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify_url: Option<Endpoint>,
    /// How long a record is tried before it is parked, in hours from its first failure.
    pub retry_window_hours: u32,
    /// How long a parked record waits for a replay, in days; for ever where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_parked_days: Option<u32>,
    /// What it is doing.
    pub status: ActivationStatus,
    /// Why it is failing, or was paused by nobody.
    #[serde(default)]
    pub why: Option<Reason>,
    /// Rises with every change of status that somebody decided: names each one, so that it is told once.
    #[serde(default)]
    pub transitions: u64,
    /// Rises when its owner lets it begin or go on: a cap counts anew from then, and from nothing else.
    #[serde(default)]
    pub approvals: u64,
    /// The latest changes of status that its owner is told of, the oldest first; whoever tells notes them within a
    /// minute. Written with the status, so that neither is there without the other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<Turn>,
    /// Rises with every edit that changes what a record holds; older receipts do not cover it.
    pub revision: u64,
    /// Rises with every edit that the vendor's side must be prepared for (a new link, a new label).
    pub layout: u64,
    /// What `prepare` left, and for which layout.
    #[serde(default)]
    pub prepared: Option<Prepared>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was first activated.
    #[serde(default)]
    pub activated_at: Option<Timestamp>,
}

/// What a destination is shown of a person besides what is linked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reads {
    /// Identifiers of these types.
    #[serde(default)]
    pub identifiers: BTreeSet<IdentifierType>,
    /// These fields.
    #[serde(default)]
    pub fields: BTreeSet<FieldName>,
}

impl Reads {
    /// Whether it is nothing.
    pub fn is_empty(&self) -> bool {
        self.identifiers.is_empty() && self.fields.is_empty()
    }
}

/// Most turns that are kept: more than an activation can take between two sweeps.
const MOST_TURNS: usize = 16;

/// A change of status that the owner is told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// [`Activation::transitions`] with it: names the change.
    pub transition: u64,
    /// What it was.
    pub turned: Turned,
}

/// What a change of status means to the owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "snake_case")]
pub enum Turned {
    /// It stopped.
    Failing {
        /// Why.
        why: Reason,
    },
    /// It works again.
    Recovered,
}

/// The result of the destination's `prepare`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prepared {
    /// The layout it stands for.
    pub layout: u64,
    /// The destination's own notes: ids of fields it made, and so on.
    pub notes: serde_json::Value,
    /// When it was last compared with the vendor's side.
    pub at: Timestamp,
}

/// A linked audience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AudienceLink {
    /// Which.
    pub audience: AudienceId,
    /// Whether it still exists.
    #[serde(default)]
    pub state: LinkState,
}

/// Whether a linked audience still exists at its source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// It does.
    #[default]
    Live,
    /// It was deleted: nothing is written for it any more, what stands at the vendor is relabelled.
    Removed,
}

/// A linked calculated attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttributeLink {
    /// Which.
    pub attribute: AttributeId,
    /// As what it is written.
    #[serde(rename = "type")]
    pub kind: AttributeType,
}

/// What an activation is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActivationStatus {
    /// Not yet activated.
    Draft,
    /// Sending whoever was there already; live changes flow too.
    Backfilling,
    /// Changes flow.
    Active,
    /// Stopped by its owner: nothing is sent, what is pending remains so.
    Paused,
    /// Stopped because the vendor refuses the credentials or the settings.
    Failing,
    /// Taken away.
    Removed,
}

impl ActivationStatus {
    /// Whether nudges are acted upon.
    pub fn delivers(self) -> bool {
        match self {
            Self::Backfilling | Self::Active => true,
            Self::Draft | Self::Paused | Self::Failing | Self::Removed => false,
        }
    }

    /// Whether changes are counted for it.
    pub fn counts(self) -> bool {
        match self {
            Self::Backfilling | Self::Active | Self::Paused | Self::Failing => true,
            Self::Draft | Self::Removed => false,
        }
    }
}

impl Activation {
    /// Goes over to a status; a reason belongs to failing, and to a pause that nobody asked for.
    pub fn set_status(&mut self, status: ActivationStatus, why: Option<Reason>) {
        let turned = self.turned(status, why.as_ref());
        self.status = status;
        self.why = why;
        self.transitions += 1;
        self.turns.extend(turned.map(|turned| Turn { transition: self.transitions, turned }));
        let told_long_ago = self.turns.len().saturating_sub(MOST_TURNS);
        self.turns.drain(..told_long_ago);
    }

    /// The walk over everybody is over. Nobody decided anything: what a run found during the walk still holds.
    pub fn finish_backfill(&mut self) {
        self.status = ActivationStatus::Active;
    }

    /// Whether somebody decided on its status since it was as `seen`: what a run found then says nothing of it now.
    pub fn was_decided_since(&self, seen: &Self) -> bool {
        self.transitions != seen.transitions
    }

    /// What going over to a status means to the owner. Who was told that it stopped is told that it works again, though
    /// it was paused in between.
    fn turned(&self, status: ActivationStatus, why: Option<&Reason>) -> Option<Turned> {
        let is_failing = self.status == ActivationStatus::Failing;
        let told_failing = self.turns.last().is_some_and(|turn| turn.turned != Turned::Recovered);
        match status {
            ActivationStatus::Failing => why.filter(|_| !is_failing).map(|why| Turned::Failing { why: why.clone() }),
            ActivationStatus::Active | ActivationStatus::Backfilling => {
                (is_failing || told_failing).then_some(Turned::Recovered)
            }
            // Who paused it knows it; a pause with a reason is Muster's own.
            ActivationStatus::Paused => why.map(|why| Turned::Failing { why: why.clone() }),
            ActivationStatus::Draft | ActivationStatus::Removed => None,
        }
    }

    /// By which ways its owner is told of it.
    pub fn channels(&self) -> BTreeSet<Channel> {
        let mail = self.notify.as_ref().map(|_| Channel::Mail);
        let webhook = self.notify_url.as_ref().map(|_| Channel::Webhook);
        [Some(Channel::Event), mail, webhook].into_iter().flatten().collect()
    }

    /// Audiences that exist.
    pub fn live_audiences(&self) -> impl Iterator<Item = &AudienceId> {
        self.audiences.iter().filter(|link| link.state == LinkState::Live).map(|link| &link.audience)
    }

    /// Whether the vendor's side is prepared for the newest layout.
    pub fn is_prepared(&self) -> bool {
        self.prepared.as_ref().is_some_and(|prepared| prepared.layout == self.layout)
    }

    /// Whether an accepted change counts here: its fact is linked, or it touched the key or a trigger.
    pub fn concerns(&self, change: &Change, touched: &Touched) -> bool {
        let linked = match &change.fact {
            Fact::Entered { audience, .. } | Fact::Left { audience } => self.live_audiences().any(|a| a == audience),
            Fact::Attribute { attribute, .. } => self.attributes.iter().any(|link| link.attribute == *attribute),
            Fact::Sighted { .. } | Fact::Happened { .. } | Fact::Profile => false,
            Fact::Suppression(_) | Fact::MergedInto { .. } | Fact::Erased => true,
        };
        linked || touched.paths.iter().any(|path| self.depends_on(path))
    }

    fn depends_on(&self, path: &Path) -> bool {
        *path == self.person_identifier
            || match path {
                Path::Field(name) => self.triggers.contains(name),
                Path::Identifier(_) => false,
            }
    }
}
