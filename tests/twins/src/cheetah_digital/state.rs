//! Everything the twin remembers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::api;
use super::counters::Counters;
use super::credentials::Keyring;
use super::data::{Problem, message};
use super::import::{ImportView, SeedDataMap};
use super::load::{LoadView, Pending};
use super::model::{Column, SeedColumn, SeedJoin, SeedTable, Table, View, system_name};
use super::region::Region;
use super::routes::RouteKind;
use super::switches::Switches;
use crate::faults::Wording;
use crate::reply::Reply;
use crate::serve::{Answer, Call};
use crate::twin::{Desk, Shared, Vendor, take};

/// Everything the twin remembers.
pub struct State {
    pub(super) desk: Desk<State>,
    pub(super) region: Region,
    pub(super) keyring: Keyring,
    /// By system name.
    pub(super) tables: BTreeMap<String, Table>,
    pub(super) joins: Vec<SeedJoin>,
    pub(super) data_maps: BTreeMap<u64, SeedDataMap>,
    pub(super) folders: BTreeSet<u64>,
    /// In lower case.
    pub(super) banned: BTreeSet<String>,
    pub(super) loads: Vec<LoadView>,
    pub(super) pending: Vec<Pending>,
    pub(super) imports: BTreeMap<u64, ImportView>,
    pub(super) ids: Ids,
}

impl Vendor for State {
    const DOOR: &'static str = "/__mock";
    type Switches = Switches;
    type Counters = Counters;
    type Route = RouteKind;

    fn desk(&self) -> &Desk<Self> {
        &self.desk
    }

    fn desk_mut(&mut self) -> &mut Desk<Self> {
        &mut self.desk
    }

    fn wake(&mut self) {
        self.apply_loads_due();
    }

    fn hold_ms(&self) -> u64 {
        self.desk.switches.hold_ms
    }

    async fn answer(shared: &Arc<Shared<Self>>, call: Call) -> Answer {
        api::answer(shared, call).await
    }
}

impl Wording for State {
    fn refusal(&self, status: u16, text: &str) -> Reply {
        message(status, text)
    }

    fn error(&self, status: u16, text: &str) -> Reply {
        message(status, text)
    }
}

impl State {
    pub(super) fn new(region: Region, keyring: Keyring, switches: Switches) -> Self {
        Self {
            desk: Desk::new(switches),
            region,
            keyring,
            tables: BTreeMap::new(),
            joins: Vec::new(),
            data_maps: BTreeMap::new(),
            folders: BTreeSet::new(),
            banned: BTreeSet::new(),
            loads: Vec::new(),
            pending: Vec::new(),
            imports: BTreeMap::new(),
            ids: Ids::default(),
        }
    }

    /// 500, and a note for `unexpected`.
    pub(super) fn unexpected(&mut self, call: &Call, what: &str) -> Reply {
        self.desk.note_unexpected(format!("{} {}: {what}", call.method, call.path));
        message(500, &format!("The twin does not expect {what}"))
    }

    pub(super) fn answered(&mut self, call: &Call, reply: Result<Reply, Problem>) -> Reply {
        match reply {
            Ok(reply) => reply,
            Err(Problem::Refused(sentence)) => message(400, &sentence),
            Err(Problem::Unexpected(what)) => self.unexpected(call, &what),
        }
    }

    /// Answers the system name; `Err` says why there is no such table.
    pub(super) fn seed_table(&mut self, seed: &SeedTable) -> Result<String, &'static str> {
        let first = seed.views.first().ok_or("a table needs a view")?;
        let name = system_name(first);
        let taken =
            |view: &String| self.tables.values().flat_map(|table| &table.views).any(|known| known.name == *view);
        if self.tables.contains_key(&name) || seed.views.iter().any(taken) {
            return Err("a table has that name");
        }
        let views = seed.views.iter().map(|name| View { view_id: self.ids.view(), name: name.clone() }).collect();
        let columns = seed.columns.iter().map(|column| self.seed_column(column)).collect();
        let entity_id = self.ids.entity();
        let table = Table::new(name.clone(), entity_id, views, columns, seed.read_only);
        self.tables.insert(name.clone(), table);
        Ok(name)
    }

    fn seed_column(&mut self, seed: &SeedColumn) -> Column {
        Column {
            prop_id: self.ids.property(),
            display_name: seed.display_name.clone(),
            name: system_name(&seed.display_name),
            data_type: seed.data_type,
            identifier: seed.identifier,
            multi_value: seed.multi_value,
        }
    }
}

/// Deterministic ids of everything.
#[derive(Debug)]
pub(super) struct Ids {
    view: u64,
    entity: u64,
    property: u64,
    record: u64,
    load: u64,
    import: u64,
    data_map: u64,
}

impl Default for Ids {
    fn default() -> Self {
        Self { view: 2_601, entity: 577, property: 9_001, record: 2_191_297, load: 1, import: 70_001, data_map: 4_296 }
    }
}

impl Ids {
    fn view(&mut self) -> u64 {
        take(&mut self.view)
    }

    fn entity(&mut self) -> u64 {
        take(&mut self.entity)
    }

    fn property(&mut self) -> u64 {
        take(&mut self.property)
    }

    pub(super) fn record(&mut self) -> u64 {
        take(&mut self.record)
    }

    pub(super) fn load(&mut self) -> u64 {
        take(&mut self.load)
    }

    pub(super) fn import(&mut self) -> u64 {
        take(&mut self.import)
    }

    pub(super) fn data_map(&mut self) -> u64 {
        take(&mut self.data_map)
    }
}
