//! Lotame's job: looks into the place, and keeps what it took.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;

use jiff::Timestamp;
use jiff::civil::Date;
use tempfile::TempDir;
use thiserror::Error;

use crate::lotame::batch;
use crate::lotame::feed::{BatchKind, Feed, Mode, UseCase};
use crate::lotame::ids;
use crate::lotame::place::{Entry, Place};
use crate::lotame::report::Report;
use crate::lotame::state::{Known, Mapping, Membership, Sighting, State, Stored};
use crate::lotame::switches::Switches;

/// Why a look could not be finished; nothing of the batch in hand was applied.
#[derive(Debug, Error)]
pub enum Failure {
    /// The place failed: look again.
    #[error("the place failed at {path}: {source}")]
    Place {
        /// A path or the beginning of one.
        path: String,
        /// What the place said.
        source: io::Error,
    },
    /// The temporary directory failed: this intake is of no more use.
    #[error("the intake's temporary directory failed: {0}")]
    Scratch(#[source] io::Error),
}

/// One feed's intake.
pub struct Intake<P> {
    pub(crate) feed: Feed,
    pub(crate) switches: Switches,
    pub(crate) place: P,
    pub(crate) scratch: TempDir,
    pub(crate) state: State,
    /// What was judged, by directory (onboarding: by file).
    pub(crate) spent: BTreeMap<String, Spent>,
    comprehensive: BTreeSet<Date>,
    pub(crate) last_comprehensive: Option<Date>,
    pub(crate) unnormalised: HashSet<[u8; 32]>,
}

/// A batch that was judged.
pub(crate) struct Spent {
    pub(crate) ending: Ending,
    /// The files that are still there.
    pub(crate) left: Vec<Entry>,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Taken,
    Failed,
}

impl<P: Place> Intake<P> {
    /// Knows nobody yet. Makes a temporary directory, which goes when the intake does.
    ///
    /// # Errors
    /// Where there can be no temporary directory.
    pub fn new(feed: Feed, switches: Switches, place: P) -> Result<Self, Failure> {
        let scratch = TempDir::new().map_err(Failure::Scratch)?;
        let state = State::empty(scratch.path()).map_err(Failure::Scratch)?;
        Ok(Self {
            feed,
            switches,
            place,
            scratch,
            state,
            spent: BTreeMap::new(),
            comprehensive: BTreeSet::new(),
            last_comprehensive: None,
            unnormalised: HashSet::new(),
        })
    }

    /// Where the files are.
    pub fn place(&self) -> &P {
        &self.place
    }

    /// What was agreed.
    pub fn feed(&self) -> &Feed {
        &self.feed
    }

    /// Tells that the batch of a delta feed with this date is comprehensive: its files do not (Q5).
    pub fn announce_comprehensive(&mut self, date: Date) {
        self.comprehensive.insert(date);
    }

    /// Addresses that may stand behind the hashes, as the source has them: a hash of one that was not normalised
    /// breaks R14. Only hashes are kept.
    pub fn know_addresses<'a>(&mut self, addresses: impl IntoIterator<Item = &'a str>) {
        self.unnormalised.extend(addresses.into_iter().flat_map(ids::unnormalised));
    }

    /// Looks once, at `now`: forgets whom no row had for long, then judges what is there and was not judged yet.
    /// One report for each directory, or file of onboarding, in order; none where nothing changed.
    ///
    /// # Errors
    /// Where the place or the temporary directory fails. A lacking right is no failure on S3 but breaks B14.
    pub fn look(&mut self, now: Timestamp) -> Result<Vec<Report>, Failure> {
        let expired = self.state.expire(self.scratch.path(), now.as_second(), self.switches.expire_after_days);
        if let Some(state) = expired.map_err(Failure::Scratch)? {
            self.state = state;
        }
        match self.feed.use_case {
            UseCase::Onboarding { client_id } => self.look_for_onboarding(client_id, now),
            UseCase::Behaviors | UseCase::Sightings | UseCase::IdMapping | UseCase::Ldx | UseCase::Emails { .. } => {
                self.look_for_batches(now)
            }
        }
    }

    fn look_for_batches(&mut self, now: Timestamp) -> Result<Vec<Report>, Failure> {
        let entries = match self.survey() {
            Ok(entries) => entries,
            Err(failure) => {
                let mut report = Report::new(&self.feed.directories.path(), None);
                self.denied(failure, &mut report)?;
                return Ok(vec![report]);
            }
        };
        let mut reports = Vec::new();
        for group in batch::groups(entries, &self.feed) {
            reports.extend(self.judge(&group, now)?);
        }
        Ok(reports)
    }

    /// The whole place where that is allowed, to find batches that are elsewhere; otherwise the agreed directories.
    pub(crate) fn survey(&self) -> Result<Vec<Entry>, Failure> {
        match self.list("") {
            Err(Failure::Place { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied => {
                self.list(&format!("{}/", self.feed.directories.path()))
            }
            listed => listed,
        }
    }

    pub(crate) fn list(&self, prefix: &str) -> Result<Vec<Entry>, Failure> {
        self.place.list(prefix).map_err(|source| Failure::Place { path: prefix.to_owned(), source })
    }

    /// What the batch of a date is.
    pub(crate) fn kind(&self, date: Option<Date>) -> BatchKind {
        match self.feed.mode {
            Mode::Comprehensive => BatchKind::Comprehensive,
            Mode::Delta { .. } if date.is_some_and(|date| self.comprehensive.contains(&date)) => {
                BatchKind::Comprehensive
            }
            Mode::Delta { .. } => BatchKind::Delta,
        }
    }

    /// Everything that is known, by ID; ordered by `idtype`, then by `userid` without regard to case
    /// ([`crate::lotame::SameId`]). In a feed of mappings `userid` comes first.
    ///
    /// # Errors
    /// Where the temporary directory fails; the items too.
    pub fn stored(&self) -> Result<impl Iterator<Item = Result<Stored, Failure>> + use<P>, Failure> {
        let rows = self.state.stored().map_err(Failure::Scratch)?;
        Ok(rows.map(|stored| stored.map_err(Failure::Scratch)))
    }

    /// Who has which segments, in the order of [`Self::stored`].
    ///
    /// # Errors
    /// Where the temporary directory fails; the items too.
    pub fn memberships(&self) -> Result<impl Iterator<Item = Result<Membership, Failure>> + use<P>, Failure> {
        let with_some =
            |Stored { id, segments, .. }: Stored| (!segments.is_empty()).then_some(Membership { id, segments });
        Ok(self.stored()?.filter_map(move |stored| stored.map(with_some).transpose()))
    }

    /// Who was seen where, in the order of [`Self::stored`].
    ///
    /// # Errors
    /// Where the temporary directory fails; the items too.
    pub fn sightings(&self) -> Result<impl Iterator<Item = Result<Sighting, Failure>> + use<P>, Failure> {
        let with_some = |Stored { id, sightings: ips, .. }: Stored| (!ips.is_empty()).then_some(Sighting { id, ips });
        Ok(self.stored()?.filter_map(move |stored| stored.map(with_some).transpose()))
    }

    /// Who is mapped to what, in the order of [`Self::stored`].
    ///
    /// # Errors
    /// Where the temporary directory fails; the items too.
    pub fn mappings(&self) -> Result<impl Iterator<Item = Result<Mapping, Failure>> + use<P>, Failure> {
        let with_some = |Stored { id, tpid, .. }: Stored| tpid.map(|tpid| Mapping { id, tpid });
        Ok(self.stored()?.filter_map(move |stored| stored.map(with_some).transpose()))
    }

    /// All of it as plain data, which is not bounded: for a test that compares it with the truth.
    ///
    /// # Errors
    /// Where the temporary directory fails.
    pub fn known(&self) -> Result<Known, Failure> {
        let mut known = Known::default();
        for stored in self.stored()? {
            known.add(stored?);
        }
        Ok(known)
    }
}
