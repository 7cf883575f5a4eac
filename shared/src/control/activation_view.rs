//! An activation as its owner sees it: what is stored, without what is the destination's own.

use std::collections::BTreeSet;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::model::activation::Prepared;
use crate::model::{
    Activation, ActivationId, ActivationStatus, AttributeLink, AudienceLink, AuthorizationId, Endpoint, FieldName,
    Path, Provider, Reason, SourceId,
};

/// An activation as its owner sees it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Activation")]
pub struct ActivationView {
    /// Its id.
    pub id: ActivationId,
    /// For people.
    pub name: String,
    /// For people.
    pub description: String,
    /// What it is doing.
    pub status: ActivationStatus,
    /// Why it is failing.
    pub why: Option<Reason>,
    /// Where its people come from.
    pub source: SourceId,
    /// The destination's kind.
    pub destination: Provider,
    /// With whose credentials.
    pub authorization: AuthorizationId,
    /// The destination's own settings.
    pub settings: serde_json::Value,
    /// Linked audiences, removed ones too.
    pub audiences: Vec<AudienceLink>,
    /// Linked calculated attributes.
    pub attributes: Vec<AttributeLink>,
    /// By which of a person's values the destination knows the person.
    pub person_identifier: Path,
    /// Fields whose change alone makes a record pending.
    pub triggers: BTreeSet<FieldName>,
    /// Who is mailed when it starts failing, works again, or parks records.
    pub notify: Option<String>,
    /// Where the same is posted to.
    pub notify_url: Option<Endpoint>,
    /// How long a record is tried before it is parked, in hours from its first failure.
    pub retry_window_hours: u32,
    /// How long a parked record waits for a replay, in days; null for ever.
    pub keep_parked_days: Option<u32>,
    /// Rises with every edit that changes what a record holds.
    pub revision: u64,
    /// Rises with every edit that the vendor's side must be prepared for.
    pub layout: u64,
    /// The layout that the vendor's side is prepared for; null before the first preparation.
    pub prepared_layout: Option<u64>,
    /// When the vendor's side was last prepared.
    #[schemars(with = "Option<String>")]
    pub prepared_at: Option<Timestamp>,
    /// When it was made.
    #[schemars(with = "String")]
    pub created_at: Timestamp,
    /// When it was first activated.
    #[schemars(with = "Option<String>")]
    pub activated_at: Option<Timestamp>,
}

impl From<Activation> for ActivationView {
    fn from(activation: Activation) -> Self {
        let Activation {
            id,
            name,
            description,
            source,
            audiences,
            attributes,
            destination,
            authorization,
            settings,
            person_identifier,
            triggers,
            reads: _,
            earning: _,
            notify,
            notify_url,
            retry_window_hours,
            keep_parked_days,
            status,
            why,
            transitions: _,
            approvals: _,
            turns: _,
            revision,
            layout,
            prepared,
            created_at,
            activated_at,
        } = activation;
        // The notes are the destination's own.
        let (prepared_layout, prepared_at) = prepared.map(|Prepared { layout, notes: _, at }| (layout, at)).unzip();
        Self {
            id,
            name,
            description,
            status,
            why,
            source,
            destination,
            authorization,
            settings,
            audiences,
            attributes,
            person_identifier,
            triggers,
            notify,
            notify_url,
            retry_window_hours,
            keep_parked_days,
            revision,
            layout,
            prepared_layout,
            prepared_at,
            created_at,
            activated_at,
        }
    }
}
