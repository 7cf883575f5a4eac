//! Many people at once: page the whole list for who is on it and may be written to, then import one file
//! of them. Whatever a file cannot say safely goes by single calls instead.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use jiff::SignedDuration;

use super::client::{Import, PAGE, Written};
use super::live::{CONCURRENT, Run, untouched};
use super::mapping::{Cell, Composed};
use super::parse::{Contact, EachMember, Member, MemberId};
use crate::destination::{Action, Failure, Item, ItemId, Landed, Landing, Verdict, Verdicts};

/// Rows of one file: small files, as nothing is documented about their size.
const MAX_ROWS: usize = 5000;
/// Most pages that are read of one list in a run.
pub(super) const MAX_PAGES: usize = 100;
/// More people than this are looked at by paging the list.
const MANY_TO_LOOK_AT: usize = 20;

/// A member as far as a file needs it.
struct Seen {
    id: MemberId,
    contact: Contact,
    /// The identifier's value as the list has it, by which the import finds the member again.
    value: String,
    /// Fields of ours that hold something.
    filled: BTreeSet<String>,
}

/// Members by comparable key, only of keys in the batch.
struct Roll {
    members: HashMap<String, Vec<Seen>>,
    extent: Extent,
}

/// How much of the list was read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Whole,
    /// Whoever was not seen may still be there.
    Part,
}

/// Where an item goes.
enum Way<'i> {
    Done(Verdict),
    Live,
    Row(Row<'i>),
}

/// A line of the file.
struct Row<'i> {
    item: &'i Item,
    value: String,
    composed: Composed,
}

impl Run<'_> {
    /// Delivers by import what can be, the rest by single calls.
    pub(super) async fn deliver_bulk(&self, items: &[Item]) -> Verdicts {
        let (single, many): (Vec<&Item>, Vec<&Item>) =
            items.iter().partition(|item| item.id.step > 0 || item.action == Action::Forget);
        let mut verdicts = self.deliver_all(&single).await;
        let failed = |failure: Failure| {
            let failure = self.note(failure);
            many.iter().map(move |item| (item.id.clone(), Verdict::Failed(failure.clone()))).collect::<Verdicts>()
        };
        if many.is_empty() {
            return verdicts;
        }
        if let Some(failure) = self.halted() {
            verdicts.extend(failed(failure));
            return verdicts;
        }
        match self.import_pays(many.len()).await {
            Ok(Pays::Yes) => {}
            Ok(Pays::No) => {
                verdicts.extend(self.deliver_all(&many).await);
                return verdicts;
            }
            Err(failure) => {
                verdicts.extend(failed(failure));
                return verdicts;
            }
        }
        match self.roll(&many).await {
            Ok(roll) => verdicts.extend(self.import_all(&many, &roll).await),
            Err(failure) => verdicts.extend(failed(failure)),
        }
        verdicts
    }

    /// Whether reading the list and importing takes fewer calls than two for each person.
    async fn import_pays(&self, people: usize) -> Result<Pays, Failure> {
        let lists = self.api.lists().await?;
        let members = lists.iter().find(|line| line.id == self.settings.list_id).and_then(|line| line.members);
        let pages = members.map(|members| usize::try_from(members).unwrap_or(usize::MAX) / PAGE + 1);
        Ok(import_pays(pages, people, self.most_pages()))
    }

    /// Pages that this run may read and still have time for what follows: a run that ended before it read
    /// the list would begin again, and again.
    pub(super) fn most_pages(&self) -> usize {
        (self.requests_left() / 2).min(MAX_PAGES)
    }

    async fn roll(&self, items: &[&Item]) -> Result<Roll, Failure> {
        let keys: BTreeSet<String> = items.iter().map(|item| self.comparable(item.key.expose())).collect();
        let own: BTreeSet<&str> = self.notes.fields.all().map(|field| field.name.as_str()).collect();
        let identifier = &self.settings.identifier;
        let mut members: HashMap<String, Vec<Seen>> = HashMap::new();
        let mut before = None;
        for page in 1..=self.most_pages() {
            let take = |member: Member| {
                let Some(value) = member.value(identifier.as_str()) else { return };
                let key = self.comparable(value);
                if keys.contains(&key) {
                    keep(members.entry(key).or_default(), seen(&member, value, &own));
                }
            };
            let mut each = EachMember { identifier, take, seen: 0, first: None };
            let found = self.api.page(self.settings.list_id, page, PAGE, &mut each).await?;
            let (count, first) = (each.seen, each.first);
            if found.is_none() {
                self.list().await?;
            }
            if count == 0 {
                return Ok(Roll { members, extent: Extent::Whole });
            }
            // A server that ignores the page number would be read for ever.
            if first == before {
                break;
            }
            before = first;
        }
        Ok(Roll { members, extent: Extent::Part })
    }

    async fn import_all(&self, items: &[&Item], roll: &Roll) -> Verdicts {
        let mut verdicts = Verdicts::new();
        let mut live: Vec<&Item> = Vec::new();
        let mut rows: Vec<Row<'_>> = Vec::new();
        for item in items {
            match self.way(item, roll) {
                Ok(Way::Done(verdict)) => {
                    verdicts.insert(item.id.clone(), verdict);
                }
                Ok(Way::Live) => live.push(item),
                Ok(Way::Row(row)) => rows.push(row),
                Err(failure) => {
                    verdicts.insert(item.id.clone(), Verdict::Failed(failure));
                }
            }
        }
        let (rows, odd) = same_columns(rows);
        live.extend(odd.iter().map(|row| row.item));
        for chunk in rows.chunks(MAX_ROWS) {
            match self.import(chunk).await {
                Ok(Some(landing)) => {
                    verdicts.extend(chunk.iter().map(|row| (row.item.id.clone(), landing.clone())));
                }
                Ok(None) => live.extend(chunk.iter().map(|row| row.item)),
                Err(failure) => {
                    let failed = |row: &Row<'_>| (row.item.id.clone(), Verdict::Failed(failure.clone()));
                    verdicts.extend(chunk.iter().map(failed));
                }
            }
        }
        verdicts.extend(self.deliver_all(&live).await);
        verdicts
    }

    fn way<'i>(&self, item: &'i Item, roll: &Roll) -> Result<Way<'i>, Failure> {
        let composed = self.compose(item)?;
        let members = roll.members.get(&self.comparable(item.key.expose())).map_or(&[][..], Vec::as_slice);
        let seen = match (members, roll.extent) {
            ([], Extent::Whole) if self.would_add(item) => return Ok(Way::Live),
            ([], Extent::Whole) => return Ok(Way::Done(self.nobody(item))),
            ([], Extent::Part) => return Ok(Way::Live),
            ([only], _) => only,
            (_, _) => return Ok(Way::Live),
        };
        if let Some(obstacle) = seen.contact.obstacle() {
            return Ok(Way::Done(untouched(item, obstacle, Some(&seen.id))));
        }
        // Whether an empty cell empties a field is not documented; a PATCH does it.
        let empties = composed.cells.iter().any(|(name, cell)| *cell == Cell::Empty && seen.filled.contains(name));
        let fits = is_plain(&seen.value) && composed.cells.values().all(|cell| is_plain(&cell.text()));
        if empties || !fits || !composed.remarks.is_empty() {
            return Ok(Way::Live);
        }
        Ok(Way::Row(Row { item, value: seen.value.clone(), composed }))
    }

    /// `None` where the file was refused as a whole: single calls find the row that is at fault.
    async fn import(&self, rows: &[Row<'_>]) -> Result<Option<Verdict>, Failure> {
        if let Some(failure) = self.halted() {
            return Err(failure);
        }
        let identifier = self.settings.identifier.as_str();
        let Some(first) = rows.first() else { return Ok(None) };
        let columns: Vec<String> =
            std::iter::once(identifier.to_owned()).chain(first.composed.cells.keys().cloned()).collect();
        let lines = rows.iter().map(|row| (row.value.as_str(), &row.composed));
        let csv = csv(&columns, lines);
        let import = Import {
            duplicate_field: identifier,
            columns: &columns,
            csv: &csv,
            errors_to: self.settings.error_email.as_ref().map(super::config::Mailbox::as_str),
        };
        match self.api.import(self.settings.list_id, &import).await.map_err(|failure| self.note(failure))? {
            Written::Done => {
                let within = SignedDuration::from_mins(i64::from(self.settings.import_minutes));
                Ok(Some(Verdict::Landing(Landing { within, handle: None, memo: None })))
            }
            Written::Missing | Written::Refused { .. } => {
                tracing::warn!(list = self.settings.list_id, rows = rows.len(), "an import was refused as a whole");
                Ok(None)
            }
        }
    }

    /// Looks whether what was imported is there. Of many people each is compared while the list is paged;
    /// whoever is not on the list has no answer.
    pub(super) async fn look(&self, items: &[Item]) -> Result<BTreeMap<ItemId, Landed>, Failure> {
        if items.len() > MANY_TO_LOOK_AT {
            return self.look_through_the_list(items).await;
        }
        let looks: Vec<BoxFuture<'_, (ItemId, Result<Landed, Failure>)>> =
            items.iter().map(|item| async { (item.id.clone(), self.look_at(item).await) }.boxed()).collect();
        let looks: Vec<_> = stream::iter(looks).buffer_unordered(CONCURRENT).collect().await;
        let mut landed = BTreeMap::new();
        let mut failures = Vec::new();
        for (id, look) in looks {
            match look {
                Ok(look) => {
                    landed.insert(id, look);
                }
                Err(failure) => failures.push(failure),
            }
        }
        match failures.into_iter().next() {
            Some(failure) if landed.is_empty() => Err(failure),
            Some(_) | None => Ok(landed),
        }
    }

    async fn look_through_the_list(&self, items: &[Item]) -> Result<BTreeMap<ItemId, Landed>, Failure> {
        let mut expected: HashMap<String, (ItemId, Composed)> = HashMap::with_capacity(items.len());
        for item in items {
            expected.insert(self.comparable(item.key.expose()), (item.id.clone(), self.compose(item)?));
        }
        let identifier = &self.settings.identifier;
        let mut landed: BTreeMap<ItemId, Landed> = BTreeMap::new();
        let mut extent = Extent::Part;
        for page in 1..=self.most_pages().max(1) {
            let compare = |member: Member| {
                let Some(value) = member.value(identifier.as_str()) else { return };
                let Some((id, composed)) = expected.get(&self.comparable(value)) else { return };
                // Whoever unsubscribed meanwhile has nothing to be repaired.
                let right = member.contact.obstacle().is_some() || composed.is_shown_by(&member);
                let known = landed.entry(id.clone()).or_insert(Landed::Yes);
                if !right {
                    *known = Landed::No;
                }
            };
            let mut each = EachMember { identifier, take: compare, seen: 0, first: None };
            let found = self.api.page(self.settings.list_id, page, PAGE, &mut each).await;
            found.map_err(|failure| self.note(failure))?;
            if each.seen == 0 {
                extent = Extent::Whole;
                break;
            }
        }
        if extent == Extent::Part {
            // Nobody looked at the others, so they are sent again.
            for (id, _) in expected.into_values() {
                landed.entry(id).or_insert(Landed::No);
            }
        }
        Ok(landed)
    }

    async fn look_at(&self, item: &Item) -> Result<Landed, Failure> {
        if let Some(failure) = self.halted() {
            return Err(failure);
        }
        let composed = self.compose(item)?;
        let members = self.search(item).await.map_err(|failure| self.note(failure))?;
        // Whoever left the list or unsubscribed meanwhile has nothing to be repaired.
        let mut active = members.iter().filter(|member| member.contact.obstacle().is_none());
        Ok(if active.all(|member| composed.is_shown_by(member)) { Landed::Yes } else { Landed::No })
    }
}

/// Whether an import takes fewer calls.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pays {
    Yes,
    No,
}

/// Against a look-up and a write for each person, of a list of so many pages. A list of unknown size is taken
/// for short; its pages are counted while they are read.
pub(super) fn import_pays(pages: Option<usize>, people: usize, most_pages: usize) -> Pays {
    let imports = people.div_ceil(MAX_ROWS);
    match pages {
        Some(pages) if pages.saturating_add(imports) >= people.saturating_mul(2) => Pays::No,
        Some(pages) if pages > most_pages => Pays::No,
        None if most_pages == 0 => Pays::No,
        Some(_) | None => Pays::Yes,
    }
}

fn seen(member: &Member, value: &str, own: &BTreeSet<&str>) -> Seen {
    Seen {
        id: member.id.clone(),
        contact: member.contact,
        value: value.trim().to_owned(),
        filled: own.iter().filter(|name| member.value(name).is_some()).map(|name| (*name).to_owned()).collect(),
    }
}

/// Pages of a list that changes may repeat a member.
fn keep(members: &mut Vec<Seen>, seen: Seen) {
    match members.iter_mut().find(|known| known.id == seen.id) {
        Some(known) => *known = seen,
        None => members.push(seen),
    }
}

/// The rows of the most common columns, and the others: a file has one set of columns.
fn same_columns(rows: Vec<Row<'_>>) -> (Vec<Row<'_>>, Vec<Row<'_>>) {
    let columns = |row: &Row<'_>| row.composed.cells.keys().cloned().collect::<Vec<_>>();
    let mut counts: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    for row in &rows {
        *counts.entry(columns(row)).or_default() += 1;
    }
    let common = counts.into_iter().max_by_key(|(_, count)| *count).map(|(columns, _)| columns);
    rows.into_iter().partition(|row| Some(columns(row)) == common)
}

/// Whether every reader of CSV reads the value alike: PHP's own takes a backslash for an escape, some
/// readers split at line breaks before they look at quotes, and some trim their cells.
pub(super) fn is_plain(value: &str) -> bool {
    !value.contains(['\\', '\r', '\n', '\0']) && value.trim() == value
}

/// The file: a header line, semicolons, every value in quotes.
pub(super) fn csv<'r>(columns: &[String], rows: impl Iterator<Item = (&'r str, &'r Composed)>) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new()
        .delimiter(b';')
        .quote_style(csv::QuoteStyle::Always)
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    let written = "memory takes every row, and all rows have the same columns";
    writer.write_record(columns).expect(written);
    for (value, composed) in rows {
        let cells = composed.cells.values().map(Cell::text);
        writer.write_record(std::iter::once(value.to_owned()).chain(cells)).expect(written);
    }
    writer.into_inner().expect(written)
}

/// What an answer that came before anything was delivered means for the whole call: only failures that
/// stop the activation, and only if every item has one.
pub(super) fn whole(verdicts: Verdicts) -> Result<Verdicts, Failure> {
    let stops = |verdict: &Verdict| {
        matches!(verdict, Verdict::Failed(Failure::Unauthorized { .. } | Failure::Misconfigured { .. }))
    };
    match verdicts.values().next() {
        Some(Verdict::Failed(failure)) if verdicts.values().all(stops) => Err(failure.clone()),
        Some(_) | None => Ok(verdicts),
    }
}
