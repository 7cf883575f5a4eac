//! What is known of a person, borrowed from whoever holds it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::error::Refusal;
use super::fit::clean;
use super::path::{AudiencePart, SourcePath};
use crate::model::{AttributeId, AttributeType, FieldName, Identifier, IdentifierType, Person, Value};

/// What is known of a person when a record about it is made.
pub trait Facts<'a> {
    /// The identifiers of a type, the preferred one first; none if there are none.
    fn identifiers(&self, kind: &IdentifierType) -> &'a [Identifier];
    /// A profile field, `None` if it was never known.
    fn field(&self, name: &FieldName) -> Option<&'a Value>;
    /// A calculated attribute with the type that it is declared to have, `None` if it was never known.
    fn attribute(&self, id: &AttributeId) -> Option<(AttributeType, &'a Value)>;
    /// The audience that the record is about, `None` for a record about the person as a whole.
    fn audience(&self) -> Option<AudienceFacts<'a>>;
    /// When the source says that the change happened, `None` where the record is not about one change.
    fn changed_at(&self) -> Option<Timestamp>;
}

/// What is known of an audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudienceFacts<'a> {
    /// Its id at the source.
    pub id: &'a str,
    /// Its name now.
    pub name: &'a str,
    /// Its slug.
    pub slug: &'a str,
    /// Whether the person is inside.
    pub inside: bool,
}

/// The facts of a row.
#[derive(Clone, Copy)]
pub struct PersonFacts<'a> {
    /// The row.
    pub person: &'a Person,
    /// The declared types; an attribute without one is not shown.
    pub kinds: &'a BTreeMap<AttributeId, AttributeType>,
    /// The audience that the record is about.
    pub audience: Option<AudienceFacts<'a>>,
    /// When the source says that the change happened.
    pub changed_at: Option<Timestamp>,
}

impl<'a> Facts<'a> for PersonFacts<'a> {
    fn identifiers(&self, kind: &IdentifierType) -> &'a [Identifier] {
        self.person.identifiers.get(kind).map_or(&[], |entry| &entry.value)
    }

    fn field(&self, name: &FieldName) -> Option<&'a Value> {
        self.person.fields.get(name).map(|entry| &entry.value)
    }

    fn attribute(&self, id: &AttributeId) -> Option<(AttributeType, &'a Value)> {
        Some((*self.kinds.get(id)?, &self.person.attributes.get(id)?.value))
    }

    fn audience(&self) -> Option<AudienceFacts<'a>> {
        self.audience
    }

    fn changed_at(&self) -> Option<Timestamp> {
        self.changed_at
    }
}

/// What is found at a path.
pub(super) enum Held<'a> {
    Missing,
    /// One or several.
    Identifiers(&'a [Identifier]),
    Value(&'a Value),
    Text(&'a str),
    Flag(bool),
    Moment(Timestamp),
}

impl<'a> Held<'a> {
    /// Of an attribute whose value is not of its type nothing can be said but that.
    pub(super) fn at(path: &SourcePath, facts: &dyn Facts<'a>) -> Result<Self, Refusal> {
        Ok(match path {
            SourcePath::Identifier(kind) => match facts.identifiers(kind) {
                [] => Self::Missing,
                identifiers => Self::Identifiers(identifiers),
            },
            SourcePath::Field(name) => facts.field(name).map_or(Self::Missing, Self::Value),
            SourcePath::Attribute(id) => match facts.attribute(id) {
                Some((kind, value)) => {
                    suits(kind, value)?;
                    Self::Value(value)
                }
                None => Self::Missing,
            },
            SourcePath::Audience(part) => facts.audience().map_or(Self::Missing, |audience| match part {
                AudiencePart::Id => Self::Text(audience.id),
                AudiencePart::Name => Self::Text(audience.name),
                AudiencePart::Slug => Self::Text(audience.slug),
                AudiencePart::Inside => Self::Flag(audience.inside),
            }),
            SourcePath::ChangeTime => facts.changed_at().map_or(Self::Missing, Self::Moment),
        })
    }
}

impl Held<'_> {
    /// Whether there was a value of which nothing is left.
    pub(super) fn is_cleared(&self) -> bool {
        match self {
            Self::Value(Value::Null) => true,
            Self::Value(Value::Text(text)) => clean(text.into()).is_empty(),
            Self::Value(Value::List(items)) => items.is_empty(),
            Self::Value(Value::Boolean(_) | Value::Integer(_) | Value::Decimal(_)) => false,
            Self::Missing | Self::Identifiers(_) | Self::Text(_) | Self::Flag(_) | Self::Moment(_) => false,
        }
    }
}

/// As [`AttributeType::read`] has it, which would copy texts and lists.
fn suits(kind: AttributeType, value: &Value) -> Result<(), Refusal> {
    match (kind, value) {
        (AttributeType::String, Value::Text(_)) | (AttributeType::List, Value::List(_)) => Ok(()),
        (
            AttributeType::Boolean
            | AttributeType::Integer
            | AttributeType::Decimal
            | AttributeType::String
            | AttributeType::Date
            | AttributeType::DateTime
            | AttributeType::List,
            _,
        ) => kind.read(value).map(drop).map_err(Refusal::from),
    }
}
