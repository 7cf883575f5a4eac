//! A mapping made ready for many people, or everything that is wrong with it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;

use super::column::{Column, ColumnType, Need};
use super::error::{MappingError, Position};
use super::expression::{Program, Slot};
use super::facts::Held;
use super::filters;
use super::fit::{DateForm, Fit, Found, MAX_LENGTH};
use super::many::Many;
use super::path::{AudiencePart, SourcePath};
use super::settings::{ColumnMapping, Constant, Encoding, IfMany, IfMissing, IfNull, TooLong};
use super::suggest::did_you_mean;
use crate::model::Value;

/// A mapping that was found to be right. Made once per activation, applied to each person.
#[derive(Debug)]
pub struct CompiledMapping {
    pub(super) columns: Vec<CompiledColumn>,
    /// What the expressions read.
    pub(super) slots: Vec<Slot>,
}

#[derive(Debug)]
pub(super) struct CompiledColumn {
    pub(super) name: String,
    pub(super) origin: Origin,
    pub(super) fit: Fit,
    pub(super) if_missing: Fallback,
    pub(super) if_null: Fallback,
    pub(super) many: Many,
}

/// Where a column's values come from.
#[derive(Debug)]
pub(super) enum Origin {
    Path(SourcePath),
    /// The text as it is written.
    Constant(String),
    Expression(Program),
}

/// What a column gets where there is no value.
#[derive(Debug, Clone)]
pub(super) enum Fallback {
    Omit,
    Clear,
    Reject,
    /// The text as it is written.
    Default(String),
}

impl CompiledMapping {
    /// Compiles a mapping. `known` are the destination's columns, `None` where it cannot say them.
    ///
    /// # Errors
    /// Every mistake, in the order of the entries; columns that are not mapped come last.
    pub fn compile(entries: &[ColumnMapping], known: Option<&[Column]>) -> Result<Self, Vec<MappingError>> {
        let mut compiled = Self { columns: Vec::with_capacity(entries.len()), slots: Vec::new() };
        let mut errors = Vec::new();
        let mut first_of: BTreeMap<&str, usize> = BTreeMap::new();
        for (index, mapping) in entries.iter().enumerate() {
            let mut entry = Entry { mapping, index, column: None, errors: Vec::new() };
            if let Some(first) = first_of.get(&*mapping.column) {
                entry.wrong("column", format!("the column is mapped already, by entry {}", first + 1));
            }
            first_of.entry(&mapping.column).or_insert(index);
            entry.find_column(known);
            compiled.columns.extend(entry.compile(&mut compiled.slots));
            errors.extend(entry.errors);
        }
        let needed = known.unwrap_or_default().iter().filter(|column| column.need != Need::Optional);
        errors.extend(needed.filter(|column| !first_of.contains_key(&*column.name)).map(|column| MappingError {
            column: column.name.clone(),
            entry: None,
            setting: None,
            expression: None,
            position: None,
            message: match column.need {
                Need::Key => "records are told apart by this column, so it has to be mapped".to_owned(),
                Need::Required | Need::Optional => "the destination takes no record without this column".to_owned(),
            },
        }));
        if errors.is_empty() { Ok(compiled) } else { Err(errors) }
    }

    /// The names of the columns, in their order.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| &*column.name)
    }

    /// Everything that is read of a person: a change of it changes what is written.
    pub fn reads(&self) -> BTreeSet<SourcePath> {
        let of_columns = self.columns.iter().filter_map(|column| match &column.origin {
            Origin::Path(path) => Some(path),
            Origin::Constant(_) | Origin::Expression(_) => None,
        });
        of_columns.chain(self.slots.iter().map(|slot| &slot.path)).cloned().collect()
    }
}

/// One entry while it is looked at.
struct Entry<'m> {
    mapping: &'m ColumnMapping,
    index: usize,
    column: Option<&'m Column>,
    errors: Vec<MappingError>,
}

impl<'m> Entry<'m> {
    fn wrong(&mut self, setting: &'static str, message: impl Into<String>) {
        self.errors.push(MappingError {
            column: self.mapping.column.clone(),
            entry: Some(self.index),
            setting: Some(setting),
            expression: None,
            position: None,
            message: message.into(),
        });
    }

    fn find_column(&mut self, known: Option<&'m [Column]>) {
        let name = &*self.mapping.column;
        if name.trim().is_empty() {
            return self.wrong("column", "the column has no name");
        }
        let Some(known) = known else { return };
        self.column = known.iter().find(|column| column.name == name);
        if self.column.is_some() {
            return;
        }
        if let Some(column) = known.iter().find(|column| column.label.eq_ignore_ascii_case(name)) {
            return self.wrong("column", format!("this is the label of the column `{}`: write its name", column.name));
        }
        let near = did_you_mean(name, known.iter().map(|column| &*column.name));
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        self.wrong("column", format!("the destination has no such column{near}"));
    }

    fn need(&self) -> Need {
        self.column.map_or(Need::Optional, |column| column.need)
    }

    fn compile(&mut self, slots: &mut Vec<Slot>) -> Option<CompiledColumn> {
        let origin = self.origin(slots);
        let fit = self.fit();
        let origin = match (origin?, &fit) {
            (Source::Path(path), Some(fit)) => {
                self.check_fit(&path, fit.kind);
                Some(Origin::Path(path))
            }
            (Source::Constant(constant), Some(fit)) => self.constant("value", &constant, fit).map(Origin::Constant),
            (Source::Expression(program), Some(_)) => Some(Origin::Expression(program)),
            (Source::Path(_) | Source::Constant(_) | Source::Expression(_), None) => None,
        };
        let fit = fit?;
        let if_missing = self.if_missing(&fit);
        let if_null = self.if_null(&fit);
        let origin = origin?;
        let many = self.many(&origin, &fit);
        let name = self.mapping.column.clone();
        self.errors.is_empty().then_some(CompiledColumn { name, origin, fit, if_missing, if_null, many })
    }

    fn origin(&mut self, slots: &mut Vec<Slot>) -> Option<Source> {
        let ColumnMapping { from, value, expression, .. } = self.mapping;
        match (from, value, expression) {
            (Some(path), None, None) => match path.parse() {
                Ok(path) => Some(Source::Path(path)),
                Err(message) => {
                    self.wrong("from", message);
                    None
                }
            },
            (None, Some(constant), None) => Some(Source::Constant(constant.clone())),
            (None, None, Some(expression)) => self.expression(expression, slots),
            (None, None, None) => {
                self.wrong("from", "say where the value comes from: by `from`, `value` or `expression`");
                None
            }
            (Some(_), Some(_), _) | (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => {
                self.wrong("from", "of `from`, `value` and `expression` only one can be meant");
                None
            }
        }
    }

    fn expression(&mut self, source: &str, slots: &mut Vec<Slot>) -> Option<Source> {
        match Program::compile(source, slots) {
            Ok(program) => Some(Source::Expression(program)),
            Err(flaws) => {
                for flaw in flaws {
                    self.errors.push(MappingError {
                        column: self.mapping.column.clone(),
                        entry: Some(self.index),
                        setting: Some("expression"),
                        expression: Some(source.to_owned()),
                        position: Some(Position::of(source, flaw.at)),
                        message: flaw.message,
                    });
                }
                None
            }
        }
    }

    /// What the destination says, narrowed by what the mapping says.
    fn kind(&mut self) -> Option<ColumnType> {
        let ColumnMapping { kind, format, time_zone, encoding, .. } = self.mapping;
        let said = self.column.and_then(|column| column.kind);
        let narrowed = kind.or_else(|| match said {
            Some(said) if !said.is_text() => None,
            Some(_) | None if encoding.is_some() => Some(ColumnType::Boolean),
            Some(_) | None if format.is_some() || time_zone.is_some() => Some(ColumnType::DateTime),
            Some(_) | None => None,
        });
        match (said, narrowed) {
            (Some(said), Some(narrowed)) if !said.takes(narrowed) => {
                let (said, narrowed) = (said.name(), narrowed.name());
                self.wrong("type", format!("the destination's column is `{said}`, which does not take `{narrowed}`"));
                None
            }
            (said, narrowed) => narrowed.or(said),
        }
    }

    fn fit(&mut self) -> Option<Fit> {
        let before = self.errors.len();
        let kind = self.kind();
        let dates = self.dates(kind);
        let max_length = self.max_length(kind);
        if self.mapping.encoding.is_some() && kind.is_some_and(|kind| kind != ColumnType::Boolean) {
            self.wrong("encoding", "only columns of the type `boolean` have an encoding");
        }
        let too_long = self.mapping.too_long;
        if too_long == TooLong::Truncate {
            if self.need() == Need::Key {
                self.wrong("too_long", "a key that is cut off is somebody else's: keys cannot be truncated");
            } else if kind.is_some_and(|kind| !kind.is_text()) {
                self.wrong("too_long", "only texts can be truncated");
            }
        }
        let encoding = self.mapping.encoding.clone().unwrap_or_default();
        self.check_encoding(&encoding, kind, max_length);
        let (yes, no) = encoding.texts();
        let (yes, no) = (yes.to_owned(), no.to_owned());
        (self.errors.len() == before).then(|| Fit { kind, max_length, too_long, dates, yes, no })
    }

    fn check_encoding(&mut self, encoding: &Encoding, kind: Option<ColumnType>, max_length: u32) {
        if kind != Some(ColumnType::Boolean) {
            return;
        }
        let (yes, no) = encoding.texts();
        if yes == no {
            self.wrong("encoding", "yes and no are written alike");
        }
        let longest = yes.chars().count().max(no.chars().count());
        if u32::try_from(longest).unwrap_or(u32::MAX) > max_length {
            self.wrong("encoding", format!("yes or no has more than the column's {max_length} characters"));
        }
        let numeric = |kind| matches!(kind, ColumnType::Integer | ColumnType::BigInteger | ColumnType::Decimal);
        let in_numbers = self.column.and_then(|column| column.kind).is_some_and(numeric);
        if in_numbers && (yes.parse::<i32>().is_err() || no.parse::<i32>().is_err()) {
            self.wrong("encoding", "the destination's column takes numbers: yes and no have to be written as some");
        }
    }

    fn max_length(&mut self, kind: Option<ColumnType>) -> u32 {
        if self.mapping.max_length.is_some_and(|length| !(1..=MAX_LENGTH).contains(&length)) {
            self.wrong("max_length", format!("a column has 1 to {MAX_LENGTH} characters"));
        }
        let said = self.column.and_then(|column| column.max_length);
        let of_kind = |kind: Option<ColumnType>| kind.and_then(ColumnType::usual_length);
        let said = said.or_else(|| of_kind(self.column.and_then(|column| column.kind)));
        let asked = self.mapping.max_length.or_else(|| of_kind(kind));
        said.unwrap_or(MAX_LENGTH).min(asked.unwrap_or(MAX_LENGTH))
    }

    fn dates(&mut self, kind: Option<ColumnType>) -> DateForm {
        let ColumnMapping { format, time_zone, .. } = self.mapping;
        if (format.is_some() || time_zone.is_some()) && kind.is_some_and(|kind| !kind.is_date()) {
            let setting = if format.is_some() { "format" } else { "time_zone" };
            self.wrong(setting, "only columns of the types `date` and `date_time` have a format and a time zone");
        }
        if let Some(Err(message)) = format.as_deref().map(filters::check_format) {
            self.wrong("format", message);
        }
        let zone = time_zone.as_deref().map_or(Ok(TimeZone::UTC), filters::zone);
        let zone = zone.unwrap_or_else(|message| {
            self.wrong("time_zone", message);
            TimeZone::UTC
        });
        let usual = if kind == Some(ColumnType::Date) { "%Y-%m-%d" } else { "%Y-%m-%d %H:%M:%S" };
        DateForm { format: format.clone().unwrap_or_else(|| usual.to_owned()), zone }
    }

    /// Refuses what could never be written.
    fn check_fit(&mut self, path: &SourcePath, kind: Option<ColumnType>) {
        let Some(kind) = kind else { return };
        let takes_text = kind.is_text();
        let fits = match path {
            SourcePath::Field(_) | SourcePath::Attribute(_) => true,
            SourcePath::Audience(AudiencePart::Inside) => takes_text || kind == ColumnType::Boolean,
            SourcePath::Audience(AudiencePart::Id | AudiencePart::Name | AudiencePart::Slug) => {
                takes_text || matches!(kind, ColumnType::Integer | ColumnType::BigInteger)
            }
            SourcePath::ChangeTime => takes_text || kind.is_date(),
            SourcePath::Identifier(id) if id.as_str() == "email" => takes_text || kind == ColumnType::Email,
            SourcePath::Identifier(id) if matches!(id.as_str(), "phone" | "mobile") => {
                takes_text || matches!(kind, ColumnType::Phone | ColumnType::BigInteger)
            }
            SourcePath::Identifier(_) => kind != ColumnType::Boolean && !kind.is_date(),
        };
        if !fits {
            self.wrong("from", format!("`{path}` can never be a `{}`", kind.name()));
        }
    }

    /// The text of a constant, as any value is written.
    fn constant(&mut self, setting: &'static str, constant: &Constant, fit: &Fit) -> Option<String> {
        let written = match constant.to_value() {
            None => Err("the number has more digits than can be kept exactly".to_owned()),
            // An empty text is meant: nobody else writes one.
            Some(Value::Text(text)) if text.is_empty() && self.need() == Need::Optional => return Some(text),
            Some(value) => match Found::of(Held::Value(&value), &Many::Reject) {
                Ok(Found::Value(scalar)) => {
                    fit.write(scalar).map(Cow::into_owned).map_err(|refusal| refusal.to_string())
                }
                Ok(Found::Missing | Found::Null) => Err("the value is empty".to_owned()),
                Err(refusal) => Err(refusal.to_string()),
            },
        };
        written.map_err(|message| self.wrong(setting, message)).ok()
    }

    fn if_missing(&mut self, fit: &Fit) -> Fallback {
        match &self.mapping.if_missing {
            None if self.need() == Need::Optional => Fallback::Omit,
            None | Some(IfMissing::Reject) => Fallback::Reject,
            Some(IfMissing::Omit) => self.unless_needed("if_missing", Fallback::Omit),
            Some(IfMissing::Default(constant)) => self.fallback("if_missing", constant, fit),
        }
    }

    fn if_null(&mut self, fit: &Fit) -> Fallback {
        match &self.mapping.if_null {
            None if self.need() == Need::Optional => Fallback::Omit,
            None | Some(IfNull::Reject) => Fallback::Reject,
            Some(IfNull::Omit) => self.unless_needed("if_null", Fallback::Omit),
            Some(IfNull::Clear) => self.unless_needed("if_null", Fallback::Clear),
            Some(IfNull::Default(constant)) => self.fallback("if_null", constant, fit),
        }
    }

    fn unless_needed(&mut self, setting: &'static str, fallback: Fallback) -> Fallback {
        match self.need() {
            Need::Optional => {}
            Need::Required => self.wrong(setting, "the destination takes no record without this column"),
            Need::Key => {
                self.wrong(setting, "records are told apart by this column, so it can be neither left out nor emptied");
            }
        }
        fallback
    }

    fn fallback(&mut self, setting: &'static str, constant: &Constant, fit: &Fit) -> Fallback {
        if self.need() == Need::Key {
            self.wrong(setting, "people without a key would all be one: a key has no default");
        }
        self.constant(setting, constant, fit).map_or(Fallback::Reject, Fallback::Default)
    }

    fn many(&mut self, origin: &Origin, fit: &Fit) -> Many {
        match &self.mapping.if_many {
            Some(IfMany::First) => Many::First,
            Some(IfMany::Reject) => Many::Reject,
            Some(IfMany::Join(between)) => {
                if fit.kind.is_some_and(|kind| !kind.is_text()) {
                    self.wrong("if_many", "several values joined are a text, which this column does not take");
                } else if self.need() == Need::Key {
                    self.wrong("if_many", "several keys joined are nobody's key");
                }
                Many::Join(between.clone())
            }
            None => match origin {
                Origin::Path(SourcePath::Identifier(_)) => Many::First,
                Origin::Path(
                    SourcePath::Field(_) | SourcePath::Attribute(_) | SourcePath::Audience(_) | SourcePath::ChangeTime,
                )
                | Origin::Constant(_)
                | Origin::Expression(_) => Many::Reject,
            },
        }
    }
}

/// Where a column's values come from, before it is known whether they fit.
enum Source {
    Path(SourcePath),
    Constant(Constant),
    Expression(Program),
}
