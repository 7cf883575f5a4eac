//! From people to records, and what a record's row is told apart by: pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::config::{Placement, Settings};
use crate::destination::{Action, Item, Links, Shown, Shows};
use crate::mapping::{AudienceFacts, Cell, CompiledMapping, Facts};
use crate::model::{
    AttributeId, AttributeType, AudienceId, FieldName, Identifier, IdentifierType, Reason, RecordId, Value,
};

/// One row as it is to be loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// Every value is a text, as in all of the vendor's samples.
    pub(super) values: BTreeMap<String, String>,
    /// Columns to be emptied.
    pub(super) emptied: BTreeSet<String>,
}

/// What the rows of an item are told apart by besides person and audience, as they were last loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Memo {
    keys: BTreeMap<String, String>,
}

impl Memo {
    fn of(item: &Item) -> Option<Self> {
        item.memo.as_ref().and_then(|memo| Self::deserialize(memo).ok())
    }

    /// What is kept with the receipt; nothing where there is nothing to remember.
    pub(super) fn kept(&self) -> Option<Json> {
        if self.keys.is_empty() { None } else { serde_json::to_value(self).ok() }
    }
}

/// What an item comes to.
pub(super) enum Made {
    /// To be loaded, the row under the former key first. The further columns may be left alone, for this reason.
    Rows { former: Option<Record>, row: Record, memo: Memo, left_alone: Option<Reason> },
    /// It cannot be loaded.
    Rejected(Reason),
    /// There is nothing to load.
    Nothing(Reason),
}

/// Makes records for one activation.
#[derive(Clone, Copy)]
pub(super) struct Maker<'s> {
    pub(super) settings: &'s Settings,
    pub(super) compiled: &'s CompiledMapping,
    pub(super) links: &'s Links,
    pub(super) now: Timestamp,
}

impl Maker<'_> {
    pub(super) fn make(&self, item: &Item) -> Made {
        let RecordId::Audience(audience) = &item.id.record else {
            return Made::Rejected(Reason::new("Cheetah Digital holds a row for each audience"));
        };
        match &item.action {
            Action::Show(shown) => self.show(item, audience, shown),
            // No API deletes a row: it stays, with nothing in it but who left what.
            Action::Leave | Action::Forget => self.farewell(item, audience),
        }
    }

    fn show(&self, item: &Item, audience: &AudienceId, shown: &Shown) -> Made {
        let inside = matches!(shown.audiences.get(audience), Some(Shows::Inside(_)));
        let at = shown.since.get(audience).copied().unwrap_or(self.now);
        let mut row = self.row(item, audience, inside, at);
        let name = self.links.audiences.iter().find(|linked| linked.id == *audience).map(|linked| linked.name.as_str());
        let facts = ItemFacts {
            shown,
            links: self.links,
            audience: AudienceFacts {
                id: audience.as_str(),
                name: name.unwrap_or(audience.as_str()),
                slug: audience.as_str(),
                inside,
            },
            at,
        };
        let before = Memo::of(item).unwrap_or_default();
        let mut memo = Memo::default();
        let mut left_alone = None;
        match self.compiled.apply(&facts) {
            Ok(cells) => {
                for (column, cell) in cells {
                    match cell {
                        Cell::Omitted => {}
                        Cell::Null => {
                            row.emptied.insert(column.to_owned());
                        }
                        Cell::Text(text) => {
                            if self.settings.key_columns.contains(column) {
                                memo.keys.insert(column.to_owned(), text.clone().into_owned());
                            }
                            row.values.insert(column.to_owned(), text.into_owned());
                        }
                    }
                }
            }
            Err(unmappable) if inside || before.keys.len() < self.settings.key_columns.len() => {
                return Made::Rejected(Reason::new(unmappable.to_string()));
            }
            // To leave needs the row's key alone: what else is wrong must keep nobody inside.
            Err(unmappable) => {
                left_alone = Some(Reason::new(unmappable.to_string()));
                row.values.extend(before.keys.clone());
                memo = before.clone();
            }
        }
        let moved = !before.keys.is_empty() && before.keys != memo.keys;
        let former = moved.then(|| {
            let mut former = self.row(item, audience, false, at);
            former.values.extend(before.keys);
            former
        });
        Made::Rows { former, row, memo, left_alone }
    }

    fn farewell(&self, item: &Item, audience: &AudienceId) -> Made {
        let keys = Memo::of(item).unwrap_or_default().keys;
        if keys.len() < self.settings.key_columns.len() {
            return Made::Nothing(Reason::new("it is not known which row the person had"));
        }
        let mut row = self.row(item, audience, false, self.now);
        row.values.extend(keys);
        let others = self.compiled.columns().filter(|column| !self.settings.key_columns.contains(*column));
        row.emptied.extend(others.map(str::to_owned));
        Made::Rows { former: None, row, memo: Memo::default(), left_alone: None }
    }

    fn row(&self, item: &Item, audience: &AudienceId, inside: bool, at: Timestamp) -> Record {
        let Settings { person_column, audience_column, subscription_column, subscription, timestamp, .. } =
            self.settings;
        let (yes, no) = subscription.texts();
        let mut values = BTreeMap::from([
            (person_column.clone(), item.key.expose().to_owned()),
            (audience_column.clone(), audience.to_string()),
            (subscription_column.clone(), if inside { yes } else { no }.to_owned()),
        ]);
        if let Some(timestamp) = timestamp {
            let zone = TimeZone::get(&timestamp.time_zone).unwrap_or(TimeZone::UTC);
            let written = jiff::fmt::strtime::format(&timestamp.format, &at.to_zoned(zone)).ok();
            values.extend(written.map(|written| (timestamp.column.clone(), written)));
        }
        Record { values, emptied: BTreeSet::new() }
    }
}

struct ItemFacts<'a> {
    shown: &'a Shown,
    links: &'a Links,
    audience: AudienceFacts<'a>,
    at: Timestamp,
}

impl<'a> Facts<'a> for ItemFacts<'a> {
    fn identifiers(&self, kind: &IdentifierType) -> &'a [Identifier] {
        self.shown.identifiers.get(kind).map_or(&[], Vec::as_slice)
    }

    fn field(&self, name: &FieldName) -> Option<&'a Value> {
        self.shown.fields.get(name)
    }

    fn attribute(&self, id: &AttributeId) -> Option<(AttributeType, &'a Value)> {
        // What is linked and was never known is nothing, as what was cleared.
        Some((self.links.type_of(id)?, self.shown.attributes.get(id).unwrap_or(&Value::Null)))
    }

    fn audience(&self) -> Option<AudienceFacts<'a>> {
        Some(self.audience)
    }

    fn changed_at(&self) -> Option<Timestamp> {
        Some(self.at)
    }
}

/// The body that loads these records.
pub(super) fn body(settings: &Settings, records: &[&Record]) -> Json {
    let row = |record: &&Record| {
        let values = record.values.iter().map(|(column, text)| (column.clone(), text.clone().into()));
        let emptied = record.emptied.iter().map(|column| (column.clone(), "".into()));
        Json::Object(values.chain(emptied).collect())
    };
    let mut body = Map::new();
    body.insert("_data".to_owned(), json!({ settings.table.clone(): records.iter().map(row).collect::<Vec<_>>() }));
    let emptied: BTreeSet<&str> = records.iter().flat_map(|record| &record.emptied).map(String::as_str).collect();
    let sent: BTreeSet<&str> = records.iter().flat_map(|record| record.values.keys()).map(String::as_str).collect();
    if let Some(options) = options(settings, &emptied, &sent) {
        body.insert("_importOptions".to_owned(), json!([options]));
    }
    Json::Object(body)
}

/// What the loader is told of columns that are sent; nothing where there is nothing to tell.
fn options(settings: &Settings, emptied: &BTreeSet<&str>, sent: &BTreeSet<&str>) -> Option<Json> {
    let of_sent = |columns: &BTreeSet<String>| -> Vec<String> {
        columns.iter().filter(|column| sent.contains(column.as_str())).cloned().collect()
    };
    let chosen = &settings.options;
    let mut fields = Vec::new();
    let mut beside = Map::new();
    let mut tell = |name: &str, columns: Vec<String>, placement: Placement| {
        if columns.is_empty() {
            return;
        }
        match placement {
            Placement::Inside => fields.push(json!({ "_applyToFields": columns, name: true })),
            Placement::Beside => {
                beside.insert(name.to_owned(), true.into());
            }
        }
    };
    tell("_insertNull", emptied.iter().map(|column| (*column).to_owned()).collect(), Placement::Inside);
    tell("_preserveData", of_sent(&chosen.preserve), Placement::Inside);
    tell("_caseSensitive", of_sent(&chosen.case_sensitive), Placement::Inside);
    tell("_ignoreBanList", of_sent(&chosen.ignore_ban_list), chosen.placement);
    tell("_preserveOptOut", of_sent(&chosen.preserve_opt_out), chosen.placement);
    tell("_appendMultiValue", of_sent(&chosen.append), chosen.placement);
    if fields.is_empty() && beside.is_empty() {
        return None;
    }
    beside.insert("_table".to_owned(), settings.table.clone().into());
    if !fields.is_empty() {
        beside.insert("_fieldOptions".to_owned(), fields.into());
    }
    Some(Json::Object(beside))
}
