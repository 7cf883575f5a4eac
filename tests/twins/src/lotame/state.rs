//! What Lotame knows after the batches it took, on disk and in order.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::net::Ipv4Addr;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::lotame::feed::BatchKind;
use crate::lotame::record::Row;
use crate::lotame::sorter::{Arrangement, read_line};
use crate::lotame::switches::{AbsentIds, Comprehensive, Switches};

const DAY: i64 = 86_400;

/// Whose row it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Id {
    /// In capital letters.
    pub idtype: String,
    /// As it was sent.
    pub userid: String,
}

/// All that is known of an ID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Whose this is.
    pub id: Id,
    /// When an accepted row last had it: seconds since 1970, by the clock of the look.
    pub seen: i64,
    /// Its segments, with the time where the row had one.
    pub segments: BTreeMap<String, Option<i64>>,
    /// When it was seen at which address: seconds since 1970.
    pub sightings: BTreeMap<Ipv4Addr, BTreeSet<i64>>,
    /// The third-party ID that it is mapped to.
    pub tpid: Option<String>,
}

/// The segments of an ID; at least one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// Whose these are.
    pub id: Id,
    /// By name, with the time where the row had one.
    pub segments: BTreeMap<String, Option<i64>>,
}

/// The sightings of an ID; at least one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// Whose these are.
    pub id: Id,
    /// Seconds since 1970, by address.
    pub ips: BTreeMap<Ipv4Addr, BTreeSet<i64>>,
}

/// What an ID is mapped to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// Whose this is.
    pub id: Id,
    /// The third-party ID.
    pub tpid: String,
}

/// The whole state in memory: for comparison with the truth of a test.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// IDs with at least one segment.
    pub memberships: BTreeMap<Id, BTreeMap<String, Option<i64>>>,
    /// IDs with at least one sighting.
    pub sightings: BTreeMap<Id, BTreeMap<Ipv4Addr, BTreeSet<i64>>>,
    /// IDs with a third-party ID.
    pub mappings: BTreeMap<Id, String>,
}

impl Known {
    pub(crate) fn add(&mut self, stored: Stored) {
        let Stored { id, seen: _, segments, sightings, tpid } = stored;
        if !segments.is_empty() {
            self.memberships.insert(id.clone(), segments);
        }
        if !sightings.is_empty() {
            self.sightings.insert(id.clone(), sightings);
        }
        if let Some(tpid) = tpid {
            self.mappings.insert(id, tpid);
        }
    }
}

impl Stored {
    fn says_something(&self) -> bool {
        !self.segments.is_empty() || !self.sightings.is_empty() || self.tpid.is_some()
    }

    fn apply(&mut self, row: Row, change: &Change<'_>) {
        let Row { segments, remove, sightings, tpid } = row;
        self.seen = change.now;
        match (change.kind, change.switches.comprehensive) {
            (BatchKind::Comprehensive, Comprehensive::ReplacesId) => self.segments = segments,
            (BatchKind::Comprehensive, Comprehensive::AddsAlone)
            | (BatchKind::Delta, Comprehensive::AddsAlone | Comprehensive::ReplacesId) => {
                self.segments.extend(segments);
            }
        }
        for name in remove {
            self.segments.remove(&name);
        }
        for (ip, times) in sightings {
            self.sightings.entry(ip).or_default().extend(times);
        }
        self.tpid = tpid.or(self.tpid.take());
    }
}

/// In which way rows are applied.
#[derive(Clone, Copy)]
pub(crate) struct Change<'a> {
    pub(crate) kind: BatchKind,
    /// Seconds since 1970.
    pub(crate) now: i64,
    pub(crate) switches: &'a Switches,
}

/// One version of the state.
pub(crate) struct State {
    file: NamedTempFile,
    oldest: Option<i64>,
}

impl State {
    pub(crate) fn empty(directory: &Path) -> io::Result<Self> {
        Ok(Self { file: NamedTempFile::new_in(directory)?, oldest: None })
    }

    pub(crate) fn stored(&self) -> io::Result<StoredRows> {
        Ok(StoredRows { reader: BufReader::new(self.file.reopen()?) })
    }

    /// Without those not seen for so long; `None` where nothing expires.
    pub(crate) fn expire(&self, directory: &Path, now: i64, days: Option<u32>) -> io::Result<Option<Self>> {
        let Some(first) = days.map(|days| now - i64::from(days) * DAY) else { return Ok(None) };
        if self.oldest.is_none_or(|oldest| oldest >= first) {
            return Ok(None);
        }
        let mut next = Written::new(directory)?;
        for stored in self.stored()? {
            let stored = stored?;
            if stored.seen >= first {
                next.write(&stored)?;
            }
        }
        next.finish().map(Some)
    }
}

/// The IDs of a state in order.
pub(crate) struct StoredRows {
    reader: BufReader<File>,
}

impl Iterator for StoredRows {
    type Item = io::Result<Stored>;

    fn next(&mut self) -> Option<Self::Item> {
        read_line(&mut self.reader).transpose()
    }
}

/// A version that is being written.
struct Written {
    out: BufWriter<NamedTempFile>,
    oldest: Option<i64>,
}

impl Written {
    fn new(directory: &Path) -> io::Result<Self> {
        Ok(Self { out: BufWriter::new(NamedTempFile::new_in(directory)?), oldest: None })
    }

    fn write(&mut self, stored: &Stored) -> io::Result<()> {
        if !stored.says_something() {
            return Ok(());
        }
        self.oldest = Some(self.oldest.map_or(stored.seen, |oldest| oldest.min(stored.seen)));
        serde_json::to_writer(&mut self.out, stored)?;
        self.out.write_all(b"\n")
    }

    fn finish(self) -> io::Result<State> {
        let file = self.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(State { file, oldest: self.oldest })
    }
}

/// The next version, from the last one and the rows of a batch in order.
pub(crate) struct Merge<'a> {
    old: StoredRows,
    head: Option<Stored>,
    next: Written,
    arrangement: Arrangement,
    change: Change<'a>,
}

impl<'a> Merge<'a> {
    pub(crate) fn new(
        state: &State,
        directory: &Path,
        arrangement: Arrangement,
        change: Change<'a>,
    ) -> io::Result<Self> {
        let mut old = state.stored()?;
        let head = old.next().transpose()?;
        Ok(Self { old, head, next: Written::new(directory)?, arrangement, change })
    }

    pub(crate) fn apply(&mut self, id: &Id, row: Row) -> io::Result<()> {
        self.keep_before(Some(id))?;
        let known = self.head.take_if(|stored| stored.id == *id);
        if known.is_some() {
            self.head = self.old.next().transpose()?;
        }
        let fresh = || Stored {
            id: id.clone(),
            seen: self.change.now,
            segments: BTreeMap::new(),
            sightings: BTreeMap::new(),
            tpid: None,
        };
        let mut stored = known.unwrap_or_else(fresh);
        stored.apply(row, &self.change);
        self.next.write(&stored)
    }

    pub(crate) fn finish(mut self) -> io::Result<State> {
        self.keep_before(None)?;
        self.next.finish()
    }

    /// Copies those that no row has.
    fn keep_before(&mut self, id: Option<&Id>) -> io::Result<()> {
        let arrangement = self.arrangement;
        while let Some(mut absent) =
            self.head.take_if(|stored| id.is_none_or(|id| arrangement.compare(&stored.id, id).is_lt()))
        {
            self.head = self.old.next().transpose()?;
            match (self.change.kind, self.change.switches.absent_ids) {
                (BatchKind::Comprehensive, AbsentIds::LoseSegments) => absent.segments.clear(),
                (BatchKind::Comprehensive | BatchKind::Delta, AbsentIds::AgeOut | AbsentIds::LoseSegments) => {}
            }
            self.next.write(&absent)?;
        }
        Ok(())
    }
}
