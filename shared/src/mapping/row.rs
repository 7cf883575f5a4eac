//! What comes out: a cell for every column of the mapping, in its order.

use std::borrow::Cow;

/// What one column gets. Personal: no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Nothing: what stands there stays.
    Omitted,
    /// The column is emptied.
    Null,
    /// This text: trimmed, without control characters, at most as long as the column takes.
    Text(Cow<'a, str>),
}

/// What the columns get, in the mapping's order. Personal: no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Row<'a> {
    cells: Vec<(&'a str, Cell<'a>)>,
}

impl<'a> Row<'a> {
    pub(super) fn new(cells: Vec<(&'a str, Cell<'a>)>) -> Self {
        Self { cells }
    }

    /// Names of columns with their cells.
    pub fn cells(&self) -> &[(&'a str, Cell<'a>)] {
        &self.cells
    }

    /// The cell of a column; omitted where the mapping has no such column.
    pub fn get(&self, column: &str) -> &Cell<'a> {
        self.cells.iter().find(|(name, _)| *name == column).map_or(&Cell::Omitted, |(_, cell)| cell)
    }
}

impl<'a> IntoIterator for Row<'a> {
    type Item = (&'a str, Cell<'a>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.cells.into_iter()
    }
}
