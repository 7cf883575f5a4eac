//! Where a value of a person is found.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::suggest::did_you_mean;
use crate::model::ids::InvalidId;
use crate::model::{AttributeId, FieldName, IdentifierType};

/// Where a value of a person is found: `ids.email`, `fields.user_attributes.tier`, `attributes.ltv`,
/// `audience.inside`, `change.occurred_at`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SourcePath {
    /// The identifiers of a type.
    Identifier(IdentifierType),
    /// A profile field; dots belong to the name.
    Field(FieldName),
    /// A calculated attribute.
    Attribute(AttributeId),
    /// Something of the audience that the record is about.
    Audience(AudiencePart),
    /// When the source says that the change happened.
    ChangeTime,
}

/// What is known of an audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AudiencePart {
    /// Its id.
    Id,
    /// Its name.
    Name,
    /// Its slug.
    Slug,
    /// Whether the person is inside.
    Inside,
}

/// What paths begin with.
pub(super) const ROOTS: [&str; 5] = ["ids", "fields", "attributes", "audience", "change"];
const AUDIENCE: [&str; 4] = ["id", "name", "slug", "inside"];

impl AudiencePart {
    fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Name => "name",
            Self::Slug => "slug",
            Self::Inside => "inside",
        }
    }
}

impl SourcePath {
    /// The path `root` and what stands behind its dot.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub(super) fn of(root: &str, rest: &str) -> Result<Self, String> {
        let invalid = |error: InvalidId| error.to_string();
        match root {
            "ids" => rest.parse().map(Self::Identifier).map_err(invalid),
            "fields" => rest.parse().map(Self::Field).map_err(invalid),
            "attributes" => rest.parse().map(Self::Attribute).map_err(invalid),
            "audience" => match rest {
                "id" => Ok(Self::Audience(AudiencePart::Id)),
                "name" => Ok(Self::Audience(AudiencePart::Name)),
                "slug" => Ok(Self::Audience(AudiencePart::Slug)),
                "inside" => Ok(Self::Audience(AudiencePart::Inside)),
                _ => {
                    let near = did_you_mean(rest, AUDIENCE).map(|near| format!(": `audience.{near}`"));
                    Err(format!(
                        "an audience has `id`, `name`, `slug` and `inside`, no `{rest}`{}",
                        near.unwrap_or_default()
                    ))
                }
            },
            "change" if rest == "occurred_at" => Ok(Self::ChangeTime),
            "change" => Err(format!("of a change only `change.occurred_at` is known, no `{rest}`")),
            _ => Err(unknown_root(root)),
        }
    }
}

/// What is said of a path that begins with something else.
pub(super) fn unknown_root(root: &str) -> String {
    match did_you_mean(root, ROOTS) {
        Some(near) => format!("there is no `{root}`; did you mean `{near}`?"),
        None => format!("there is no `{root}`: paths begin with `ids`, `fields`, `attributes`, `audience` or `change`"),
    }
}

impl FromStr for SourcePath {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('.') {
            Some((root, rest)) => Self::of(root, rest),
            None if ROOTS.contains(&text) => Err(format!("`{text}` alone is no value: write what of it, after a dot")),
            None => Err(unknown_root(text)),
        }
    }
}

impl fmt::Display for SourcePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identifier(kind) => write!(f, "ids.{kind}"),
            Self::Field(name) => write!(f, "fields.{name}"),
            Self::Attribute(id) => write!(f, "attributes.{id}"),
            Self::Audience(part) => write!(f, "audience.{}", part.name()),
            Self::ChangeTime => f.write_str("change.occurred_at"),
        }
    }
}

impl TryFrom<String> for SourcePath {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<SourcePath> for String {
    fn from(path: SourcePath) -> String {
        path.to_string()
    }
}
