//! What a destination says of its columns.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A column of a destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name, as the destination's API wants it.
    pub name: String,
    /// What people see of it; may be the name.
    pub label: String,
    /// What it takes, where the destination says so.
    pub kind: Option<ColumnType>,
    /// Most characters that it takes, where the destination says so.
    pub max_length: Option<u32>,
    /// Whether a record can do without it.
    pub need: Need,
}

impl Column {
    /// A column of which only the name is known.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), label: name.to_owned(), kind: None, max_length: None, need: Need::Optional }
    }
}

/// Whether a record can do without a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// It can.
    Optional,
    /// It cannot.
    Required,
    /// It cannot, and records are told apart by it.
    Key,
}

/// What a column takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// A text of at most 255 characters.
    Text,
    /// A text of at most 8000 characters.
    LongText,
    /// A whole number from -2147483648 to 2147483647.
    Integer,
    /// A whole number of 64 bits.
    BigInteger,
    /// A number with decimals, written with a point.
    Decimal,
    /// Yes or no, written by `encoding`.
    Boolean,
    /// A day.
    Date,
    /// A moment.
    DateTime,
    /// An e-mail address.
    Email,
    /// A telephone number: digits, a `+` before them at most.
    Phone,
}

impl ColumnType {
    /// As it is written in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::LongText => "long_text",
            Self::Integer => "integer",
            Self::BigInteger => "big_integer",
            Self::Decimal => "decimal",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::DateTime => "date_time",
            Self::Email => "email",
            Self::Phone => "phone",
        }
    }

    /// Most characters, where nobody says otherwise.
    pub(super) fn usual_length(self) -> Option<u32> {
        match self {
            Self::Text | Self::Email => Some(255),
            Self::LongText => Some(8_000),
            Self::Integer
            | Self::BigInteger
            | Self::Decimal
            | Self::Boolean
            | Self::Date
            | Self::DateTime
            | Self::Phone => None,
        }
    }

    pub(super) fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::LongText)
    }

    pub(super) fn is_date(self) -> bool {
        matches!(self, Self::Date | Self::DateTime)
    }

    /// Whether whatever is written as `narrower` fits a column of this type.
    pub(super) fn takes(self, narrower: Self) -> bool {
        self == narrower
            || match self {
                Self::Text | Self::LongText => true,
                // By an encoding of numbers: columns for yes and no are often made so.
                Self::Integer => narrower == Self::Boolean,
                Self::BigInteger => matches!(narrower, Self::Integer | Self::Boolean),
                Self::Decimal => matches!(narrower, Self::Integer | Self::BigInteger | Self::Boolean),
                Self::DateTime => narrower == Self::Date,
                Self::Boolean | Self::Date | Self::Email | Self::Phone => false,
            }
    }
}
