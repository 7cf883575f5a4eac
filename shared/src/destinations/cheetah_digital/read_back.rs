//! What the table shows of people who were delivered: one search for each person, all rows of theirs.

use std::collections::BTreeMap;

use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::fmt::strtime;

use super::client::{Api, FoundRow, Search};
use super::config::Settings;
use super::mapping::{Made, Maker, Record};
use crate::destination::{Action, Context, Failure, Item, ItemId, ReadBack, Seen, Shows};
use crate::mapping::{ColumnMapping, ColumnType, CompiledMapping};
use crate::model::{DifferenceKind, Reason};

/// Searches at a time.
const CONCURRENT: usize = 5;

pub(super) struct Reader<'a> {
    api: &'a Api<'a>,
    maker: Maker<'a>,
    /// Of the table.
    view: u64,
    outside: Outside,
}

/// What the table is to show of somebody who is outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outside {
    /// A row that says so, or none: whoever never was inside was perhaps never sent.
    RowOrNone,
    /// A row that says so: it was sent.
    Row,
}

/// What a row should show.
struct Expected<'i> {
    item: &'i Item,
    record: Record,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        context: &'a Context<'_>,
        api: &'a Api<'a>,
        settings: &'a Settings,
        compiled: &'a CompiledMapping,
        outside: Outside,
    ) -> Result<Self, Failure> {
        let view = context.notes["view"].as_u64().ok_or_else(|| {
            let reason = Reason::new("it is not known yet which table is meant; tried again once it was looked at");
            Failure::Retryable { reason, applied: crate::destination::Applied::No }
        })?;
        let maker = Maker { settings, compiled, links: context.links, now: context.now };
        Ok(Self { api, maker, view, outside })
    }

    /// What nothing can be said of is left out.
    pub(super) async fn read_back(&self, items: &[Item]) -> ReadBack {
        let people = items.chunk_by(|one, next| one.id.person == next.id.person && one.key == next.key);
        let looks: Vec<BoxFuture<'_, Result<BTreeMap<ItemId, Seen>, Failure>>> =
            people.map(|items| self.look(items).boxed()).collect();
        let mut looks = stream::iter(looks).buffered(CONCURRENT);
        let mut back = ReadBack::default();
        while let Some(look) = looks.next().await {
            match look {
                Ok(seen) => back.seen.extend(seen),
                // The others would fail alike; what is under way ends with this call.
                Err(failure) => {
                    back.halted = Some(failure);
                    break;
                }
            }
        }
        back
    }

    /// One person's items.
    async fn look(&self, items: &[Item]) -> Result<BTreeMap<ItemId, Seen>, Failure> {
        let expected: Vec<Expected<'_>> = items.iter().filter_map(|item| self.expected(item)).collect();
        let Some(first) = expected.first() else { return Ok(BTreeMap::new()) };
        let settings = self.maker.settings;
        let search = Search {
            view: self.view,
            columns: settings.written_columns().collect(),
            column: &settings.person_column,
            value: first.item.key.expose(),
        };
        let all_found =
            |rows: &[FoundRow]| expected.iter().all(|one| rows.iter().any(|row| self.is_of(row, &one.record)));
        let rows = self.api.rows(&search, all_found).await?;
        Ok(expected.iter().map(|one| (one.item.id.clone(), self.compare(one, &rows))).collect())
    }

    fn expected<'i>(&self, item: &'i Item) -> Option<Expected<'i>> {
        let later = Maker { now: self.maker.now.saturating_add(SignedDuration::from_hours(24)).ok()?, ..self.maker };
        let (Made::Rows { row: mut record, .. }, Made::Rows { row: again, .. }) =
            (self.maker.make(item), later.make(item))
        else {
            return None;
        };
        // What was made of the time of sending is not known any more.
        record.values.retain(|column, text| again.values.get(column) == Some(text));
        Some(Expected { item, record })
    }

    /// Whether a row is the one of a record: matching ignores case.
    fn is_of(&self, row: &FoundRow, record: &Record) -> bool {
        self.maker.settings.identifying_columns().all(|column| {
            let shown = row.shown.get(column).map(|text| text.to_lowercase());
            shown == record.values.get(column).map(|text| text.trim().to_lowercase())
        })
    }

    fn compare(&self, expected: &Expected<'_>, rows: &[FoundRow]) -> Seen {
        let mut found = rows.iter().filter(|row| self.is_of(row, &expected.record)).peekable();
        if found.peek().is_none() {
            let may_be_none = self.outside == Outside::RowOrNone && !is_inside(expected.item);
            return if may_be_none { Seen::Same } else { Seen::Differs(DifferenceKind::Missing) };
        }
        if found.all(|row| self.shows(row, &expected.record)) {
            Seen::Same
        } else {
            Seen::Differs(DifferenceKind::Other)
        }
    }

    fn shows(&self, row: &FoundRow, record: &Record) -> bool {
        let settings = self.maker.settings;
        let shown = |column: &String| row.shown.get(column).map_or("", String::as_str);
        let identifies = |column: &String| settings.identifying_columns().any(|identifying| identifying == column);
        let compared = |column: &&String| !settings.options.let_stand(column) && !identifies(column);
        let emptied = record.emptied.iter().filter(compared).all(|column| shown(column).is_empty());
        let values = record.values.iter().filter(|(column, _)| compared(column));
        emptied && values.into_iter().all(|(column, text)| same(self.date_format(column), text, shown(column)))
    }

    /// How dates are written there, if it is a column of dates.
    fn date_format(&self, column: &str) -> Option<&str> {
        let settings = self.maker.settings;
        if let Some(timestamp) = settings.timestamp.as_ref().filter(|timestamp| timestamp.column == column) {
            return Some(&timestamp.format);
        }
        let mapping = settings.columns.iter().find(|mapping| mapping.column == column)?;
        let ColumnMapping { kind: Some(ColumnType::Date | ColumnType::DateTime), format, .. } = mapping else {
            return None;
        };
        Some(format.as_deref().unwrap_or(DATE_TIME))
    }
}

fn is_inside(item: &Item) -> bool {
    match &item.action {
        Action::Show(shown) => shown.audiences.values().any(|shows| matches!(shows, Shows::Inside(_))),
        Action::Leave | Action::Forget => false,
    }
}

const DATE_TIME: &str = "%Y-%m-%d %H:%M:%S";

/// Whether a column shows what was loaded, as far as that can be said: the vendor may write numbers and dates in its
/// own way, and what would read the same again needs no repair.
pub(super) fn same(date_format: Option<&str>, loaded: &str, shown: &str) -> bool {
    let (loaded, shown) = (loaded.trim(), shown.trim());
    if loaded == shown {
        return true;
    }
    if shown.is_empty() {
        return false;
    }
    if let Some(own) = date_format {
        return match (moment(own, loaded), moment(own, shown)) {
            (Some(loaded), Some(shown)) => loaded == shown,
            // Written as nobody knows.
            (None, _) | (_, None) => true,
        };
    }
    match (loaded.parse::<f64>(), shown.parse::<f64>()) {
        (Ok(loaded), Ok(shown)) => loaded.total_cmp(&shown).is_eq(),
        (Ok(_) | Err(_), Err(_)) | (Err(_), Ok(_)) => false,
    }
}

fn moment(own: &str, text: &str) -> Option<DateTime> {
    let plain = text.split(['.', 'Z']).next().unwrap_or(text);
    let read = |format: &str, text: &str| {
        let parsed = strtime::parse(format, text).ok()?;
        let midnight = || Some(parsed.to_date().ok()?.at(0, 0, 0, 0));
        parsed.to_datetime().ok().or_else(midnight)
    };
    let known = [DATE_TIME, "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"];
    read(own, text).or_else(|| known.iter().find_map(|format| read(format, plain)))
}
