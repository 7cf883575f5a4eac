//! Starts the twin; the side door in process.

use std::collections::BTreeMap;
use std::io;

use super::credentials::{Credential, Keyring, consumer_key};
use super::import::{ImportStatus, ImportView, SeedDataMap};
use super::load::LoadView;
use super::model::{Cell, Row, RowView, SeedJoin, SeedTable, Table, TableView};
use super::region::Region;
use super::state::State;
use super::switches::Switches;
use super::{door, fixtures};
use crate::clock::TwinClock;
use crate::twin::{Ports, Refused, Twin};

/// How to start a twin. Each stands for one region.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whose hosts it stands in for.
    pub region: Region,
    /// Ports of `Region::origins`, in their order; 0, or none, lets the system choose, likewise in `door_port`.
    pub api_ports: Vec<u16>,
    /// Port of the side door.
    pub door_port: u16,
    /// What the twin takes for now.
    pub clock: TwinClock,
    /// Consumer key → secret, customer and rights. All of them see the same tables.
    pub credentials: BTreeMap<String, Credential>,
    /// How the twin reads what the documentation leaves open.
    pub switches: Switches,
    /// Tokens follow from it.
    pub token_seed: u64,
}

impl Options {
    /// Random ports, the machine's clock, no table, and one key with every privilege that no other region
    /// knows: [`Options::key`] with [`Options::SECRET`].
    pub fn of(region: Region) -> Self {
        let (client_id, _) = region.default_ids();
        Self {
            region,
            api_ports: Vec::new(),
            door_port: 0,
            clock: TwinClock::machine(),
            credentials: BTreeMap::from([(Self::key(region), Credential::new(Self::SECRET, client_id))]),
            switches: Switches::default(),
            token_seed: client_id,
        }
    }

    /// The secret of the key that a twin starts with.
    pub const SECRET: &str = "0123456789abcdef0123456789abcdef";

    /// The consumer key that a twin of the region starts with; `MTIzNDo1Njc=` in North America.
    pub fn key(region: Region) -> String {
        let (client_id, user_id) = region.default_ids();
        consumer_key(client_id, user_id)
    }
}

impl Default for Options {
    /// North America.
    fn default() -> Self {
        Self::of(Region::NorthAmerica)
    }
}

/// A handle on a running twin; it stops when the last clone is dropped.
pub type CheetahDigitalTwin = Twin<State>;

impl CheetahDigitalTwin {
    /// Without sockets: to be reached through [`Twin::routers`].
    pub fn new(options: Options) -> Self {
        let Options { region, api_ports: _, door_port: _, clock, credentials, switches, token_seed } = options;
        let state = State::new(region, Keyring::new(credentials, token_seed), switches);
        Self::in_process(region.origins(), clock, state)
    }

    /// Serves all ports from tasks of the current tokio runtime. `Err`: a port is not free.
    pub async fn start(mut options: Options) -> io::Result<Self> {
        let (apis, door) = (std::mem::take(&mut options.api_ports), options.door_port);
        Self::new(options).listen(Ports { apis: &apis, door }, door::routes()).await
    }

    /// Adds a key, or changes it: its secret was regenerated, its rights were edited. Tokens live on.
    pub fn set_credential(&self, key: &str, credential: Credential) {
        self.lock().keyring.keys.insert(key.to_owned(), credential);
    }

    /// Removes a key, if there is one; its tokens die.
    pub fn remove_credential(&self, key: &str) {
        self.lock().keyring.keys.remove(key);
    }

    /// Every token so far gets 401.
    pub fn revoke_tokens(&self) {
        self.lock().keyring.revoke_all();
    }

    /// The system name of the new table. Refused when a name is taken.
    pub fn seed_table(&self, seed: &SeedTable) -> Result<String, Refused> {
        self.lock().seed_table(seed).map_err(Refused::because)
    }

    /// Refused unless both tables have the columns.
    pub fn seed_join(&self, seed: SeedJoin) -> Result<(), Refused> {
        let mut state = self.lock();
        for (table, column) in [(&seed.child, &seed.child_column), (&seed.parent, &seed.parent_column)] {
            let known = state.tables.get(table).is_some_and(|table| table.column(column).is_some());
            if !known {
                return Err(Refused::because(format!("no column {column} in a table {table}")));
            }
        }
        state.joins.push(seed);
        Ok(())
    }

    /// A table for each trap: `lytics_audience` (composite identifier), `newsletter` (one row for each person),
    /// `edp_profile` (cannot be loaded), `wide` (600 columns), one in Japanese, `recipient` (two views) with
    /// joins to `organization` and from `order`. Refused when one is there.
    pub fn seed_fixtures(&self) -> Result<(), Refused> {
        for table in fixtures::tables() {
            self.seed_table(&table)?;
        }
        fixtures::joins().into_iter().try_for_each(|join| self.seed_join(join))
    }

    /// The id of the new Data Map. Refused unless its table has the columns.
    pub fn seed_data_map(&self, seed: SeedDataMap) -> Result<u64, Refused> {
        let mut state = self.lock();
        let table = state.tables.get(&seed.table).ok_or_else(no_table)?;
        if let Some(column) = seed.columns.values().find(|column| table.column(column).is_none()) {
            return Err(Refused::because(format!("no column {column}")));
        }
        let id = state.ids.data_map();
        state.data_maps.insert(id, seed);
        Ok(id)
    }

    /// A folder that imports may be put in.
    pub fn seed_folder(&self, id: u64) {
        self.lock().folders.insert(id);
    }

    /// Puts an address on the list of those that are not loaded.
    pub fn ban(&self, address: &str) {
        self.lock().banned.insert(address.to_lowercase());
    }

    /// The record id of a new row, as it is: no rule is applied. Refused unless the table has the columns.
    pub fn seed_row(&self, table: &str, cells: &BTreeMap<String, Cell>) -> Result<u64, Refused> {
        let mut state = self.lock();
        let now = state.desk.now;
        let id = state.ids.record();
        let table = state.tables.get_mut(table).ok_or_else(no_table)?;
        if let Some(column) = cells.keys().find(|column| table.column(column).is_none()) {
            return Err(Refused::because(format!("no column {column}")));
        }
        table.insert(id, Row { created_at: now, updated_at: now, cells: cells.clone() });
        Ok(id)
    }

    /// All tables, by system name.
    pub fn tables(&self) -> Vec<TableView> {
        self.lock().tables.values().map(Table::view).collect()
    }

    /// Rows of the table of that system name, oldest first; none for an unknown table.
    pub fn rows(&self, table: &str) -> Vec<RowView> {
        let state = self.lock();
        let table = state.tables.get(table);
        table.map(|table| table.rows.keys().filter_map(|id| table.row_view(*id)).collect()).unwrap_or_default()
    }

    /// Rows that hold exactly these texts in these columns.
    pub fn rows_with(&self, table: &str, texts: &[(&str, &str)]) -> Vec<RowView> {
        let mut rows = self.rows(table);
        rows.retain(|row| texts.iter().all(|(column, text)| row.text(column) == *text));
        rows
    }

    /// Somebody at the vendor's edits a cell, empties it with `None`. Whether the row was there.
    pub fn edit(&self, table: &str, row: u64, column: &str, cell: Option<Cell>) -> bool {
        self.on_table(table, |table| {
            // Out and in again, for the identifier may change.
            let Some(mut found) = table.remove(row) else { return false };
            match cell {
                Some(cell) => found.cells.insert(column.to_owned(), cell),
                None => found.cells.remove(column),
            };
            table.insert(row, found);
            true
        })
    }

    /// Somebody at the vendor's deletes a row. Whether it was there.
    pub fn erase_row(&self, table: &str, row: u64) -> bool {
        self.on_table(table, |table| table.remove(row).is_some())
    }

    /// A column gets another display name; its own stays. Whether it was there.
    pub fn rename_column(&self, table: &str, column: &str, display_name: &str) -> bool {
        self.on_table(table, |table| {
            let column = table.columns.iter_mut().find(|known| known.name == column);
            column.map(|column| display_name.clone_into(&mut column.display_name)).is_some()
        })
    }

    /// A column is deleted, with its values. Whether it was there.
    pub fn remove_column(&self, table: &str, column: &str) -> bool {
        self.on_table(table, |table| {
            let before = table.columns.len();
            table.columns.retain(|known| known.name != column);
            for row in table.rows.values_mut() {
                row.cells.remove(column);
            }
            table.columns.len() < before
        })
    }

    /// A table is deleted, with its rows. Whether it was there.
    pub fn remove_table(&self, table: &str) -> bool {
        self.lock().tables.remove(table).is_some()
    }

    /// Everything that was accepted, oldest first: data loads and imports, pending ones included.
    pub fn loads(&self) -> Vec<LoadView> {
        self.lock().loads.clone()
    }

    /// Applies all pending loads and imports at once. How many there were.
    pub fn apply_loads(&self) -> usize {
        self.lock().apply_loads_now()
    }

    /// Accepted imports, by id.
    pub fn imports(&self) -> Vec<ImportView> {
        self.lock().imports.values().cloned().collect()
    }

    /// Where an import stands.
    pub fn import_status(&self, id: u64) -> Option<ImportStatus> {
        self.lock().import_status(id)
    }

    fn on_table(&self, table: &str, then: impl FnOnce(&mut Table) -> bool) -> bool {
        self.lock().tables.get_mut(table).is_some_and(then)
    }
}

fn no_table() -> Refused {
    Refused::because("no such table")
}
