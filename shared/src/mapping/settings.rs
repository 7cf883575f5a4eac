//! The form of a mapping, as it stands in an activation's settings. The comments are the help that people read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::column::ColumnType;
use crate::model::Value;

/// What one column of the destination gets. Exactly one of `from`, `value` and `expression` says where it comes from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnMapping {
    /// The column's name at the destination (not its label).
    pub column: String,
    /// A path to a value: `ids.email`, `fields.plan`, `fields.user_attributes.tier`, `attributes.ltv`, `audience.id`,
    /// `audience.name`, `audience.slug`, `audience.inside` or `change.occurred_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The same for everybody: a text, a number, `true` or `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Constant>,
    /// A MiniJinja expression over the same paths: `fields.first ~ " " ~ fields.last`, `ids.email|sha256`. Names with
    /// other characters than letters, digits and `_` stand in brackets: `fields["first name"]`. The filters are
    /// `date`, `default`, `e164`, `first`, `float`, `int`, `join`, `last`, `length`, `lower`, `replace`, `round`,
    /// `sha256`, `split`, `trim` and `upper`. `ids.email` is the preferred one, `ids.email|join(" ")` all of them. `~`
    /// writes yes and no as `True` and `False`. A cleared value is like a missing one; if nothing comes out, `if_null`
    /// decides where a value that is read was cleared, `if_missing` where all were never known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// What the column takes, where the destination does not say so itself. A text column may be narrowed (to `date`,
    /// `boolean`, `email`, …): then only that is written into it.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<ColumnType>,
    /// Most characters, 1 to 65536. Without it what the destination says, otherwise 255 for `text` and `email` and
    /// 8000 for `long_text`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65536))]
    pub max_length: Option<u32>,
    /// How dates are written, by strftime's directives: `%d/%m/%Y`. Without it `%Y-%m-%d` for `date`, otherwise
    /// `%Y-%m-%d %H:%M:%S`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// The IANA time zone in which dates are written, `UTC` without it: `Europe/Copenhagen`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// How yes and no are written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// What happens if the person has no such value. Without it the column is left out, but a person without a
    /// required or key column is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_missing: Option<IfMissing>,
    /// What happens if the value was cleared, or is a text of nothing but spaces, or an empty list. Without it the
    /// column is left out, because emptying one that others fill too is not undone; a person whose required or key
    /// column is empty is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_null: Option<IfNull>,
    /// What happens if there are several values. Without it the first of several identifiers is taken, since the source
    /// puts the preferred one first; a person with a list of several values is refused, since its order means
    /// nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_many: Option<IfMany>,
    /// What happens if a value has more characters than fit.
    #[serde(default, skip_serializing_if = "is_default")]
    pub too_long: TooLong,
}

fn is_default(too_long: &TooLong) -> bool {
    *too_long == TooLong::Reject
}

/// The same for everybody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Constant {
    /// `true` or `false`.
    Boolean(bool),
    /// A number, as it is written.
    Number(serde_json::Number),
    /// A text.
    Text(String),
}

impl Constant {
    /// The same as a value of a person. `None` for a number with more digits than can be kept.
    pub(super) fn to_value(&self) -> Option<Value> {
        match self {
            Self::Boolean(flag) => Some(Value::Boolean(*flag)),
            Self::Number(number) => Value::from_json(&serde_json::Value::Number(number.clone())).ok(),
            Self::Text(text) => Some(Value::Text(text.clone())),
        }
    }
}

/// How yes and no are written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Encoding {
    /// `true` and `false`.
    #[default]
    TrueFalse,
    /// `1` and `0`.
    OneZero,
    /// `Y` and `N`.
    YN,
    /// `100` (opted in) and `1500` (opted out).
    Preference,
    /// Two texts of your own.
    Custom {
        /// For yes.
        #[serde(rename = "true")]
        yes: String,
        /// For no.
        #[serde(rename = "false")]
        no: String,
    },
}

impl Encoding {
    /// The texts for yes and no.
    pub(crate) fn texts(&self) -> (&str, &str) {
        match self {
            Self::TrueFalse => ("true", "false"),
            Self::OneZero => ("1", "0"),
            Self::YN => ("Y", "N"),
            Self::Preference => ("100", "1500"),
            Self::Custom { yes, no } => (yes, no),
        }
    }
}

/// What happens if the person has no such value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IfMissing {
    /// The column is left out: what stands there stays.
    Omit,
    /// The person is refused.
    Reject,
    /// This is written.
    Default(Constant),
}

/// What happens if the value was cleared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IfNull {
    /// The column is left out: what stands there stays.
    Omit,
    /// The column is emptied.
    Clear,
    /// The person is refused.
    Reject,
    /// This is written.
    Default(Constant),
}

/// What happens if there are several values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IfMany {
    /// The first is taken.
    First,
    /// All are written with this between them: `{"join": ", "}`.
    Join(String),
    /// The person is refused.
    Reject,
}

/// What happens if a value has more characters than fit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TooLong {
    /// The person is refused.
    #[default]
    Reject,
    /// The end is cut off. Not for key columns, addresses and telephone numbers: cut, they are somebody else's.
    Truncate,
}
