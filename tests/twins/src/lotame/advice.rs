//! Short names for the notes that the checks make.

use std::borrow::Cow;

use crate::lotame::report::{Basis, Note, Rule, Severity};

/// Documented, fails the batch.
pub(crate) fn strict_failure(rule: Rule, message: impl Into<Cow<'static, str>>) -> Note {
    Note::new(rule, Basis::Strict, Severity::Batch, message)
}

/// Our reading, fails the batch.
pub(crate) fn assumed_failure(rule: Rule, message: impl Into<Cow<'static, str>>) -> Note {
    Note::new(rule, Basis::Assumed, Severity::Batch, message)
}

/// Documented, leaves the record out.
pub(crate) fn strict(rule: Rule, column: u64, message: &'static str) -> Note {
    Note::new(rule, Basis::Strict, Severity::Record, message).column(column)
}

/// Our reading, leaves the record out.
pub(crate) fn assumed(rule: Rule, column: u64, message: &'static str) -> Note {
    Note::new(rule, Basis::Assumed, Severity::Record, message).column(column)
}

/// Documented, a warning.
pub(crate) fn strict_warning(rule: Rule, message: impl Into<Cow<'static, str>>) -> Note {
    Note::new(rule, Basis::Strict, Severity::Warning, message)
}

/// Our reading, a warning.
pub(crate) fn assumed_warning(rule: Rule, message: impl Into<Cow<'static, str>>) -> Note {
    Note::new(rule, Basis::Assumed, Severity::Warning, message)
}
