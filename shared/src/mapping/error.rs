//! What is wrong with a mapping, and why a person cannot be mapped.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

/// One mistake in a mapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{}", self.in_words())]
pub struct MappingError {
    /// The column that it concerns.
    pub column: String,
    /// Which entry of the mapping, from 0; `None` for a column that has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<usize>,
    /// The setting of the entry that is wrong: `from`, `expression`, `format`, ….
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setting: Option<&'static str>,
    /// The expression, if the mistake is in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// Where in the expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// A sentence that says what is wrong and what would be right.
    pub message: String,
}

/// A place in an expression, as people count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// Characters from the line's begin, from 1.
    pub character: usize,
}

impl Position {
    /// Of a byte in a text; the end for whatever is behind it.
    pub(super) fn of(text: &str, offset: usize) -> Self {
        let end = (0..=offset.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        let before = &text[..end];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self { line: before.matches('\n').count() + 1, character: before[line_start..].chars().count() + 1 }
    }
}

impl MappingError {
    fn in_words(&self) -> String {
        let Self { column, entry: _, setting, expression: _, position, message } = self;
        let place = match (setting, position) {
            (Some(setting), Some(Position { line: 1, character })) => format!(", {setting}, character {character}"),
            (Some(setting), Some(Position { line, character })) => {
                format!(", {setting}, line {line}, character {character}")
            }
            (Some(setting), None) => format!(", {setting}"),
            (None, _) => String::new(),
        };
        format!("`{column}`{place}: {message}")
    }
}

/// Why a person cannot be mapped. Says nothing of the person's values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{column}`: {reason}")]
pub struct Unmappable<'a> {
    /// The first column for which nothing can be written.
    pub column: &'a str,
    /// A sentence that says why.
    pub reason: Refusal,
}

/// A sentence that says why a value is refused, without the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(pub(super) Cow<'static, str>);

impl Refusal {
    /// The sentence.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&'static str> for Refusal {
    fn from(sentence: &'static str) -> Self {
        Self(Cow::Borrowed(sentence))
    }
}

impl From<String> for Refusal {
    fn from(sentence: String) -> Self {
        Self(Cow::Owned(sentence))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}
