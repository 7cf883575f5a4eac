//! Sorts the IDs of a batch in bounded memory, so that the same ID in two rows is next to itself (R4).
//!
//! Whole IDs are compared, not their hashes: there is no collision that could be a false alarm.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::lotame::record::Row;
use crate::lotame::state::Id;
use crate::lotame::switches::SameId;

/// So many files are open at once.
const MOST_RUNS: usize = 64;

/// Which IDs are the same, and in which order they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrangement {
    pub(crate) same_id: SameId,
    pub(crate) first: First,
}

/// What is compared first.
#[derive(Debug, Clone, Copy)]
pub(crate) enum First {
    Idtype,
    /// A mapping's `userid` must be alone whatever its type (R13).
    Userid,
}

impl Arrangement {
    pub(crate) fn compare(self, a: &Id, b: &Id) -> Ordering {
        let idtype = a.idtype.cmp(&b.idtype);
        let userid = self.compare_userid(a, b);
        let both = match self.first {
            First::Idtype => idtype.then(userid),
            First::Userid => userid.then(idtype),
        };
        both.then_with(|| a.userid.cmp(&b.userid))
    }

    fn compare_userid(self, a: &Id, b: &Id) -> Ordering {
        match self.same_id {
            SameId::IgnoringCase => {
                let small = |id: &'_ Id| id.userid.bytes().map(|byte| byte.to_ascii_lowercase()).collect::<Vec<_>>();
                if a.userid.len() == b.userid.len() && a.userid.eq_ignore_ascii_case(&b.userid) {
                    return Ordering::Equal;
                }
                small(a).cmp(&small(b))
            }
            SameId::Exact => a.userid.cmp(&b.userid),
        }
    }

    pub(crate) fn same_userid(self, a: &Id, b: &Id) -> bool {
        self.compare_userid(a, b) == Ordering::Equal
    }

    pub(crate) fn same(self, a: &Id, b: &Id) -> bool {
        a.idtype == b.idtype && self.same_userid(a, b)
    }
}

/// One row that has an ID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sortable {
    pub(crate) id: Id,
    pub(crate) at: At,
    /// Of an accepted row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) row: Option<Row>,
}

/// Where the row is; later rows are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct At {
    pub(crate) part: usize,
    pub(crate) line: u64,
    pub(crate) column: u64,
}

impl Sortable {
    /// In memory, about.
    fn weight(&self) -> usize {
        let Self { id, at: _, row } = self;
        let row = row.as_ref().map_or(0, |row| {
            let Row { segments, remove, sightings, tpid } = row;
            let names: usize = segments.keys().chain(remove).map(|name| name.len() + 64).sum();
            let times: usize = sightings.values().map(|times| times.len() * 24 + 64).sum();
            names + times + tpid.as_ref().map_or(0, String::len)
        });
        size_of::<Self>() + id.idtype.len() + id.userid.len() + 64 + row
    }
}

/// Takes rows in any order.
pub(crate) struct Sorter {
    directory: PathBuf,
    arrangement: Arrangement,
    most: usize,
    weight: usize,
    waiting: Vec<Sortable>,
    runs: Vec<File>,
}

impl Sorter {
    /// Its files, which have no name, are in `directory`.
    pub(crate) fn new(directory: &Path, arrangement: Arrangement, memory_bytes: usize) -> Self {
        let directory = directory.to_owned();
        Self { directory, arrangement, most: memory_bytes, weight: 0, waiting: Vec::new(), runs: Vec::new() }
    }

    pub(crate) fn push(&mut self, row: Sortable) -> io::Result<()> {
        self.weight += row.weight();
        self.waiting.push(row);
        if self.weight > self.most {
            let rows = self.sort_waiting();
            self.write_run(rows.into_iter().map(Ok))?;
        }
        if self.runs.len() >= MOST_RUNS {
            let merged = Sorted::new(std::mem::take(&mut self.runs), Vec::new(), self.arrangement)?;
            self.write_run(merged)?;
        }
        Ok(())
    }

    /// The rows by ID, those of one ID in the order of the files.
    pub(crate) fn finish(mut self) -> io::Result<Sorted> {
        let rows = self.sort_waiting();
        Sorted::new(self.runs, rows, self.arrangement)
    }

    fn sort_waiting(&mut self) -> Vec<Sortable> {
        self.weight = 0;
        let mut rows = std::mem::take(&mut self.waiting);
        rows.sort_unstable_by(|a, b| self.arrangement.compare(&a.id, &b.id).then(a.at.cmp(&b.at)));
        rows
    }

    fn write_run(&mut self, rows: impl Iterator<Item = io::Result<Sortable>>) -> io::Result<()> {
        let mut run = BufWriter::new(tempfile::tempfile_in(&self.directory)?);
        for row in rows {
            serde_json::to_writer(&mut run, &row?)?;
            run.write_all(b"\n")?;
        }
        let mut run = run.into_inner().map_err(io::IntoInnerError::into_error)?;
        run.rewind()?;
        self.runs.push(run);
        Ok(())
    }
}

/// Rows in order.
pub(crate) struct Sorted {
    runs: Vec<BufReader<File>>,
    rest: std::vec::IntoIter<Sortable>,
    heap: BinaryHeap<Head>,
    arrangement: Arrangement,
}

impl Sorted {
    fn new(runs: Vec<File>, rest: Vec<Sortable>, arrangement: Arrangement) -> io::Result<Self> {
        let runs: Vec<_> = runs.into_iter().map(BufReader::new).collect();
        let mut sorted = Self { runs, rest: rest.into_iter(), heap: BinaryHeap::new(), arrangement };
        for run in 0..=sorted.runs.len() {
            sorted.refill(run)?;
        }
        Ok(sorted)
    }

    /// The run after the last is what stayed in memory.
    fn refill(&mut self, run: usize) -> io::Result<()> {
        let row = match self.runs.get_mut(run) {
            Some(reader) => read_line(reader)?,
            None => self.rest.next(),
        };
        self.heap.extend(row.map(|row| Head { row, run, arrangement: self.arrangement }));
        Ok(())
    }
}

impl Iterator for Sorted {
    type Item = io::Result<Sortable>;

    fn next(&mut self) -> Option<Self::Item> {
        let Head { row, run, .. } = self.heap.pop()?;
        Some(self.refill(run).map(|()| row))
    }
}

/// The next value of a file of one JSON value a line.
pub(crate) fn read_line<T: for<'de> Deserialize<'de>>(reader: &mut impl BufRead) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    if reader.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    Ok(Some(serde_json::from_slice(&line)?))
}

/// The first row of a run; the heap's greatest is the one that comes first.
struct Head {
    row: Sortable,
    run: usize,
    arrangement: Arrangement,
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_id = self.arrangement.compare(&self.row.id, &other.row.id);
        by_id.then(self.row.at.cmp(&other.row.at)).then(self.run.cmp(&other.run)).reverse()
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head {}
