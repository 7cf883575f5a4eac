//! Field mapping: which of a destination's columns get what of a person. Pure: a mapping is compiled once, with every
//! mistake in it told, and then applied to each person.
//!
//! [`settings`] is the form that people fill in, [`Column`] what a destination says of its columns, [`Facts`] what
//! is known of a person, [`CompiledMapping`] what connects them. A path that leads to a text costs no allocation.
//! Whatever is refused is refused in a sentence that holds nothing of the person.

mod apply;
mod column;
mod compile;
mod error;
mod expression;
mod facts;
mod filters;
mod fit;
mod many;
mod path;
mod phone;
mod row;
mod scan;
pub mod settings;
mod suggest;
#[cfg(test)]
mod tests;

pub use column::{Column, ColumnType, Need};
pub use compile::CompiledMapping;
pub use error::{MappingError, Position, Refusal, Unmappable};
pub use facts::{AudienceFacts, Facts, PersonFacts};
pub use path::{AudiencePart, SourcePath};
pub use row::{Cell, Row};
pub use settings::ColumnMapping;
