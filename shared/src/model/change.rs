//! One fact about one person, as a source told it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::{Details, EventId, EventName};
use super::identifier::Identifier;
use super::ids::{AttributeId, AudienceId, FieldName, IdentifierType, PersonKey};
use super::person::Suppression;
use super::sighting::Address;
use super::value::Value;

/// How a change came about. Only live changes can earn effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// It just happened.
    #[default]
    Live,
    /// The source tells again what was so already.
    Backfill,
    /// A file.
    Import,
    /// A comparison with the source.
    Reconcile,
}

/// A change, parsed and keyed.
#[derive(Debug, Clone)]
pub struct Change {
    /// Whom it is about: the key of the identifier by which the source's people are keyed.
    pub person: PersonKey,
    /// All identifiers that came along. A type that is named replaces the values known of that type.
    pub identifiers: BTreeMap<IdentifierType, Vec<Identifier>>,
    /// Profile fields that came along.
    pub fields: BTreeMap<FieldName, Value>,
    /// What happened.
    pub fact: Fact,
    /// When it happened at the source.
    pub occurred_at: Timestamp,
    /// How it came about.
    pub origin: Origin,
}

impl Change {
    /// A fact that just happened, with nothing else along.
    pub fn live(person: PersonKey, fact: Fact, occurred_at: Timestamp) -> Self {
        let (identifiers, fields) = (BTreeMap::new(), BTreeMap::new());
        Self { person, identifiers, fields, fact, occurred_at, origin: Origin::Live }
    }
}

/// What a change says.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// The person is in the audience.
    Entered {
        /// Which.
        audience: AudienceId,
        /// What the source adds for this membership (an action reference, say).
        properties: BTreeMap<FieldName, Value>,
    },
    /// The person is not in the audience any more.
    Left {
        /// Which.
        audience: AudienceId,
    },
    /// A calculated attribute has this value now.
    Attribute {
        /// Which.
        attribute: AttributeId,
        /// Null clears it.
        value: Value,
    },
    /// A device of the person was seen.
    Sighted {
        /// At which address.
        address: Address,
    },
    /// Something happened to the person, which is told once and kept nowhere else.
    Happened {
        /// What.
        event: EventName,
        /// Names it at its source: what comes again under it is a repeat.
        id: EventId,
        /// What the source says of it.
        details: Details,
    },
    /// Nothing but the identifiers and fields that came along.
    Profile,
    /// The person must not be targeted, whatever audiences say; or may be again.
    Suppression(Suppression),
    /// The person was found to be another one and lives on there.
    MergedInto {
        /// The surviving person.
        survivor: PersonKey,
    },
    /// The person must be forgotten, everywhere.
    Erased,
}
