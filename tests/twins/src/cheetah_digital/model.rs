//! Tables, columns and rows as the twin keeps and shows them.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a column holds (vendor file 7); there is no boolean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataType {
    /// Up to 255 characters.
    String,
    /// Up to 8,000 characters.
    LongString,
    /// A day, or a day and a time.
    DateTime,
    /// A decimal number, money included.
    Decimal,
    /// Up to 2,147,483,647.
    Integer,
    /// Any whole number of 64 bits.
    BigInteger,
    /// Up to 255 characters; an invalid address is dropped when it is loaded.
    Email,
    /// An invalid number is dropped when it is loaded.
    Phone,
    /// `100` for opted in, `1500` for opted out.
    Preference,
    /// An id of another channel, up to 255 characters.
    ChannelId,
}

/// A column to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedColumn {
    /// The name that people see; the column's own name follows from it.
    pub display_name: String,
    /// What it holds.
    pub data_type: DataType,
    /// It belongs to the table's unique identifier.
    #[serde(default)]
    pub identifier: bool,
    /// It holds several values at once.
    #[serde(default)]
    pub multi_value: bool,
}

impl SeedColumn {
    /// A plain column.
    pub fn new(display_name: &str, data_type: DataType) -> Self {
        Self { display_name: display_name.to_owned(), data_type, identifier: false, multi_value: false }
    }

    /// Makes it part of the unique identifier.
    #[must_use]
    pub fn identifier(mut self) -> Self {
        self.identifier = true;
        self
    }

    /// Lets it hold several values.
    #[must_use]
    pub fn multi_value(mut self) -> Self {
        self.multi_value = true;
        self
    }
}

/// A table to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedTable {
    /// The display names under which it is listed; its system name follows from the first.
    pub views: Vec<String>,
    /// In this order they are listed.
    pub columns: Vec<SeedColumn>,
    /// It is listed and cannot be loaded, as a table of the Engagement Data Platform may be.
    #[serde(default)]
    pub read_only: bool,
}

impl SeedTable {
    /// Listed once, under this display name.
    pub fn new(display_name: &str, columns: Vec<SeedColumn>) -> Self {
        Self { views: vec![display_name.to_owned()], columns, read_only: false }
    }
}

/// A relation between two tables, under the name by which records reach across it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedJoin {
    /// Such as `recipient_to_organization`.
    pub name: String,
    /// System name of the table with the reference.
    pub child: String,
    /// The column that refers.
    pub child_column: String,
    /// System name of the table that is referred to.
    pub parent: String,
    /// The column that is referred to.
    pub parent_column: String,
}

/// Lower case, spaces to underscores (vendor file 4.3).
pub(super) fn system_name(display_name: &str) -> String {
    display_name.to_lowercase().replace(' ', "_")
}

#[derive(Debug, Clone)]
pub(super) struct Column {
    pub prop_id: u64,
    pub display_name: String,
    pub name: String,
    pub data_type: DataType,
    pub identifier: bool,
    pub multi_value: bool,
}

#[derive(Debug, Clone)]
pub(super) struct View {
    pub view_id: u64,
    pub name: String,
}

/// What a column of a row holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    /// Of a plain column.
    One(String),
    /// Of a multi-value column.
    Many(Vec<String>),
}

impl Cell {
    /// As a search shows it: several values with `|` between them.
    pub fn text(&self) -> String {
        match self {
            Self::One(text) => text.clone(),
            Self::Many(texts) => texts.join("|"),
        }
    }
}

#[derive(Debug)]
pub(super) struct Row {
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// By column name; an empty column is absent.
    pub cells: BTreeMap<String, Cell>,
}

#[derive(Debug)]
pub(super) struct Table {
    pub name: String,
    pub entity_id: u64,
    pub views: Vec<View>,
    pub columns: Vec<Column>,
    pub read_only: bool,
    /// By record id.
    pub rows: BTreeMap<u64, Row>,
    /// Record ids by the unique identifier's values in lower case.
    by_identifier: HashMap<Vec<String>, Vec<u64>>,
}

impl Table {
    pub(super) fn new(name: String, entity_id: u64, views: Vec<View>, columns: Vec<Column>, read_only: bool) -> Self {
        let (rows, by_identifier) = (BTreeMap::new(), HashMap::new());
        Self { name, entity_id, views, columns, read_only, rows, by_identifier }
    }

    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    pub(super) fn identifiers(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.identifier)
    }

    fn identifier_of(&self, cell: impl Fn(&str) -> Option<String>) -> Vec<String> {
        self.identifiers().map(|column| cell(&column.name).unwrap_or_default().to_lowercase()).collect()
    }

    /// Rows whose identifier has these values but for their case, oldest first.
    pub(super) fn with_identifier(&self, values: &BTreeMap<String, String>) -> &[u64] {
        let key = self.identifier_of(|name| values.get(name).cloned());
        self.by_identifier.get(&key).map_or(&[], Vec::as_slice)
    }

    pub(super) fn insert(&mut self, id: u64, row: Row) {
        let key = self.identifier_of(|name| row.cells.get(name).map(Cell::text));
        self.by_identifier.entry(key).or_default().push(id);
        self.rows.insert(id, row);
    }

    /// `None` where there is no such row.
    pub(super) fn remove(&mut self, id: u64) -> Option<Row> {
        let row = self.rows.remove(&id)?;
        let key = self.identifier_of(|name| row.cells.get(name).map(Cell::text));
        if let Some(ids) = self.by_identifier.get_mut(&key) {
            ids.retain(|other| *other != id);
        }
        Some(row)
    }

    pub(super) fn view(&self) -> TableView {
        TableView {
            name: self.name.clone(),
            views: self.views.iter().map(|view| (view.view_id, view.name.clone())).collect(),
            columns: self.columns.iter().map(|column| column.name.clone()).collect(),
            rows: self.rows.len(),
        }
    }

    pub(super) fn row_view(&self, id: u64) -> Option<RowView> {
        let Row { created_at, updated_at, cells } = self.rows.get(&id)?;
        Some(RowView { id, created_at: *created_at, updated_at: *updated_at, cells: cells.clone() })
    }
}

/// A table as the side door shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableView {
    /// The system name, by which data is loaded.
    pub name: String,
    /// View id → display name.
    pub views: BTreeMap<u64, String>,
    /// Names of the columns, in their order.
    pub columns: Vec<String>,
    /// How many rows it has.
    pub rows: usize,
}

/// A row as the side door shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowView {
    /// The record id.
    pub id: u64,
    /// On the twin's clock.
    pub created_at: Timestamp,
    /// On the twin's clock.
    pub updated_at: Timestamp,
    /// By column name; an empty column is absent.
    pub cells: BTreeMap<String, Cell>,
}

impl RowView {
    /// What a column holds, empty where it holds nothing.
    pub fn text(&self, column: &str) -> String {
        self.cells.get(column).map(Cell::text).unwrap_or_default()
    }
}
