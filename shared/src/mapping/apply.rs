//! A compiled mapping applied to a person.

use std::borrow::Cow;

use super::compile::{CompiledColumn, CompiledMapping, Fallback, Origin};
use super::error::{Refusal, Unmappable};
use super::expression::{Inputs, Slot};
use super::facts::{Facts, Held};
use super::fit::Found;
use super::row::{Cell, Row};

impl CompiledMapping {
    /// What the columns get of a person.
    ///
    /// # Errors
    /// With the first column that cannot be written.
    pub fn apply<'a>(&'a self, facts: &dyn Facts<'a>) -> Result<Row<'a>, Unmappable<'a>> {
        let inputs = (!self.slots.is_empty()).then(|| Inputs::of(&self.slots, facts));
        let mut cells = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let cell = column.cell(inputs.as_ref(), &self.slots, facts);
            cells.push((&*column.name, cell.map_err(|reason| Unmappable { column: &column.name, reason })?));
        }
        Ok(Row::new(cells))
    }
}

impl CompiledColumn {
    fn cell<'a>(&'a self, inputs: Option<&Inputs>, slots: &[Slot], facts: &dyn Facts<'a>) -> Result<Cell<'a>, Refusal> {
        let found = match &self.origin {
            Origin::Constant(text) => return Ok(Cell::Text(Cow::Borrowed(text))),
            Origin::Path(path) => Found::of(Held::at(path, facts)?, &self.many)?,
            Origin::Expression(program) => program.run(inputs, slots, &self.many, facts)?,
        };
        match found {
            Found::Value(value) => self.fit.write(value).map(Cell::Text),
            Found::Missing => self.if_missing.cell("the person has no such value"),
            Found::Null => self.if_null.cell("the value is empty"),
        }
    }
}

impl Fallback {
    fn cell(&self, reason: &'static str) -> Result<Cell<'_>, Refusal> {
        match self {
            Self::Omit => Ok(Cell::Omitted),
            Self::Clear => Ok(Cell::Null),
            Self::Reject => Err(reason.into()),
            Self::Default(text) => Ok(Cell::Text(Cow::Borrowed(text))),
        }
    }
}
