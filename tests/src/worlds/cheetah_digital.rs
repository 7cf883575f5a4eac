//! Cheetah Digital with its twin: one table with a row for each address and audience.
#![expect(missing_docs, reason = "the trait says what its functions are for")]
#![expect(clippy::unwrap_used, reason = "a world that cannot be built is a test that failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use muster::destination::{Destination, LinkedAttribute, LinkedAudience};
use muster::embedded::JumpClock;
use muster::model::{AttributeType, Identifier, Value};
use muster::ports::Secret;
use muster_local::demo::twin_clock;
use muster_twins::cheetah_digital::{
    Cell, CheetahDigitalTwin, Counters, Credential, DataType, Fault, FaultKind, Options, Region, RouteKind, RowView,
    SeedColumn, SeedDataMap, SeedTable, Switches, consumer_key,
};
use serde_json::{Value as Json, json};

use super::fault_kind;
use crate::contract::world::{Aim, Holds, Membership, Refusals, Standing, Strangers, Struck, Trouble, VendorWorld};

const SECRET: &str = "zqsecret-of-the-account";
const CUSTOMER: u64 = 1_234;
/// Where imports are kept.
const FOLDER: u64 = 812;
/// The table's display name and its own.
pub const TABLE: (&str, &str) = ("Lytics Audience", "lytics_audience");
/// Records of a call that the twin takes and the settings say.
const RECORDS: usize = 4;

pub struct CheetahDigitalWorld {
    pub twin: CheetahDigitalTwin,
    pub clock: Arc<JumpClock>,
    data_map: u64,
}

impl CheetahDigitalWorld {
    pub async fn start() -> Self {
        let clock = Arc::new(JumpClock::frozen_at("2026-11-22T06:00:00.123456789Z".parse().unwrap()));
        let options = Options {
            clock: twin_clock(&clock),
            credentials: BTreeMap::from([(key(), Credential::new(SECRET, CUSTOMER))]),
            switches: Switches { max_root_records: RECORDS, ..Switches::default() },
            ..Options::of(Region::NorthAmerica)
        };
        let twin = CheetahDigitalTwin::start(options).await.unwrap();
        let table = table();
        twin.seed_table(&table).unwrap();
        let columns: Vec<String> = table.columns.iter().map(|column| column.display_name.to_lowercase()).collect();
        let columns: Vec<String> = columns.iter().map(|name| name.replace(' ', "_")).collect();
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let data_map = twin.seed_data_map(SeedDataMap::same_names(TABLE.1, &columns)).unwrap();
        twin.seed_folder(FOLDER);
        Self { twin, clock, data_map }
    }

    /// What was taken is in its table.
    fn rows(&self, person: u16) -> Vec<RowView> {
        self.twin.apply_loads();
        self.twin.rows_with(TABLE.1, &[("email", self.key(person).expose())])
    }

    fn row(&self, person: u16, audience: &str) -> Option<RowView> {
        self.rows(person).into_iter().find(|row| row.text("audience_slug") == audience)
    }
}

fn key() -> String {
    consumer_key(CUSTOMER, 567)
}

/// One row for each person and audience, with a column for each attribute of the contract.
pub fn table() -> SeedTable {
    SeedTable::new(
        TABLE.0,
        vec![
            SeedColumn::new("Email", DataType::Email).identifier(),
            SeedColumn::new("Audience Slug", DataType::String).identifier(),
            SeedColumn::new("Subscribed", DataType::String),
            SeedColumn::new("Changed At", DataType::DateTime),
            SeedColumn::new("Visits", DataType::Integer),
            SeedColumn::new("City", DataType::String),
            SeedColumn::new("Vip", DataType::String),
        ],
    )
}

#[async_trait]
impl VendorWorld for CheetahDigitalWorld {
    fn destination(&self) -> &'static dyn Destination {
        &muster::destinations::cheetah_digital::CheetahDigital
    }

    fn clock(&self) -> Arc<JumpClock> {
        Arc::clone(&self.clock)
    }

    fn rewrites(&self) -> BTreeMap<String, String> {
        self.twin.origins().map(|(origin, at)| (origin.to_owned(), at)).collect()
    }

    fn credentials(&self) -> Secret {
        Secret(json!({ "consumer_key": key(), "consumer_secret": SECRET, "region": "na" }))
    }

    fn refused_credentials(&self) -> Secret {
        Secret(json!({ "consumer_key": key(), "consumer_secret": "zqsecret-that-was-rotated", "region": "na" }))
    }

    fn settings(&self) -> Json {
        let column = |name: &str| json!({"column": name, "from": format!("attributes.{name}"), "if_null": "clear"});
        let mut vip = column("vip");
        vip["type"] = "boolean".into();
        json!({
            "table": TABLE.1, "person_column": "email", "audience_column": "audience_slug",
            "subscription_column": "subscribed", "timestamp": {"column": "changed_at"},
            "columns": [column("visits"), column("city"), vip], "records_per_call": RECORDS,
            "batch_import": {"customer_id": CUSTOMER, "data_map_id": self.data_map, "folder_id": FOLDER, "from": 2},
        })
    }

    fn settings_of_never(&self) -> Vec<Json> {
        Vec::new()
    }

    fn place(&self) -> Option<String> {
        Some(TABLE.1.to_owned())
    }

    fn refusals(&self) -> Refusals {
        Refusals::Doubted
    }

    fn markers(&self) -> Vec<String> {
        vec!["zqsecret".to_owned(), "zqmarker".to_owned(), key()]
    }

    fn key(&self, person: u16) -> Identifier {
        Identifier::normalise(&"email".parse().unwrap(), &format!("zqmarker{person}@example.test")).unwrap()
    }

    fn holds(&self, standing: Standing) -> Holds {
        match standing {
            Standing::Reachable => Holds::Yes,
            Standing::Unsubscribed => Holds::No,
        }
    }

    fn put(&self, person: u16, standing: Standing) {
        assert_eq!(standing, Standing::Reachable, "a row is there or not");
        let key = self.key(person);
        let cells = [("email", key.expose()), ("audience_slug", "another"), ("subscribed", "true")];
        let cells = cells.map(|(column, text)| (column.to_owned(), Cell::One(text.to_owned())));
        self.twin.seed_row(TABLE.1, &cells.into()).unwrap();
    }

    fn unsubscribe(&self, _: u16) {
        panic!("nobody unsubscribes from a table");
    }

    fn vanish(&self, person: u16) {
        for row in self.rows(person) {
            assert!(self.twin.erase_row(TABLE.1, row.id));
        }
    }

    fn strangers(&self) -> Strangers {
        Strangers::Made
    }

    fn memo_minutes(&self) -> i64 {
        0
    }

    fn membership(&self, person: u16, audience: &LinkedAudience) -> Option<Membership> {
        let row = self.row(person, audience.id.as_str())?;
        Some(match row.text("subscribed").as_str() {
            "true" => Membership::Inside,
            "false" => Membership::Left,
            other => panic!("a membership of {other}"),
        })
    }

    fn appears(&self, _: &Json, membership: Membership) -> Membership {
        match membership {
            Membership::Inside => Membership::Inside,
            Membership::Left | Membership::Never => Membership::Left,
        }
    }

    fn attribute(&self, person: u16, attribute: &LinkedAttribute) -> Option<Value> {
        let rows = self.rows(person);
        let ours = rows.iter().filter(|row| row.text("audience_slug") != "another");
        let texts: BTreeSet<String> = ours.map(|row| row.text(attribute.link.attribute.as_str())).collect();
        let text = match texts.len() {
            0 => return None,
            1 => texts.into_iter().next()?,
            _ => return Some(Value::Text("the rows of the person differ".to_owned())),
        };
        Some(match (attribute.link.kind, text.as_str()) {
            (_, "") => Value::Null,
            (AttributeType::Integer, number) => Value::Integer(number.parse().unwrap()),
            (AttributeType::Boolean, flag) => Value::Boolean(flag == "true"),
            (_, text) => Value::Text(text.to_owned()),
        })
    }

    fn appears_as(&self, text: &str) -> String {
        text.replace(char::is_control, " ")
    }

    fn label(&self, _: &LinkedAudience) -> Option<String> {
        None
    }

    fn record(&self, person: u16) -> String {
        format!("{:?}", self.rows(person))
    }

    fn structure(&self) -> String {
        format!("{:?}", self.twin.tables().iter().map(|table| &table.columns).collect::<Vec<_>>())
    }

    fn land(&self) {
        self.twin.apply_loads();
    }

    fn strike(&self, trouble: &Trouble, aim: Aim, times: u32) -> Struck {
        // One bad record makes its call refused, and half of that call, until it stands alone.
        let is_split = matches!(trouble, Trouble::Refused(_)) && aim != Aim::BulkWrite;
        let times = if is_split { times * (1 + RECORDS.ilog2()) } else { times };
        let fault = Fault::once(fault_kind(trouble, |sentence| FaultKind::Says(400, sentence))).times(times);
        let is_success = matches!(trouble, Trouble::Truncated | Trouble::ErrorInOk);
        let fault = match aim {
            // Nobody is looked at to be written to.
            Aim::Look | Aim::Effect | Aim::LaterEffect | Aim::Ask => return Struck::Impossible,
            // Every 2xx means that it was taken, whatever it says.
            Aim::Write | Aim::BulkWrite | Aim::Any if is_success => return Struck::Impossible,
            Aim::Write => fault.on_route(RouteKind::Data),
            Aim::BulkWrite => fault.on_route(RouteKind::ImportCreate),
            Aim::Any => fault,
        };
        self.twin.push_fault(fault);
        Struck::Armed
    }

    fn end_trouble(&self) -> usize {
        let left = self.twin.scripted_faults().len();
        self.twin.clear_faults();
        left
    }

    fn requests(&self) -> u64 {
        self.twin.counters().requests
    }

    fn most_requests_in_one_second(&self) -> u64 {
        self.twin.counters().max_requests_in_one_second
    }

    fn harm(&self) -> Vec<String> {
        let Counters { cookies_returned, bad_records, preference_writes, banned_loaded, .. } = self.twin.counters();
        let counts = [
            ("cookies sent back", cookies_returned),
            ("records that the table cannot hold", bad_records),
            ("consents written", preference_writes),
            ("banned addresses loaded", banned_loaded),
        ];
        let counted = counts.into_iter().filter(|(_, count)| *count > 0);
        let counted = counted.map(|(what, count)| format!("{count} {what}"));
        counted.chain(self.twin.unexpected()).collect()
    }
}
