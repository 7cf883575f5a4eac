//! Pages of members come in.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::lytics::Asked;
use super::{Run, Step};
use crate::model::{AudienceId, Change, Fact, Person, PersonKey, Scan, ScanCounts, ScanPurpose, ScanStage};
use crate::ports::PortResult;
use crate::sources::Reading;
use crate::sources::lytics::{notes, scan};

/// An audience is read so often at least. Nobody documents that members keep their places while others come and go:
/// somebody may slip from a page that is still to come to one that was read.
const LEAST_PASSES: u32 = 2;
/// And so often at most, while somebody new is seen each time.
const MOST_PASSES: u32 = 5;
/// Whose places are forgotten so often before an audience is read to its end is not asked any more.
const MOST_RESTARTS: u32 = 10;

/// What a page came to.
struct Taken {
    /// Whoever was not seen before.
    new: u64,
    /// Rows of whom nobody can tell who they are.
    unknown: u64,
    /// Rows that were too large.
    unstored: u64,
}

impl Run<'_> {
    pub(super) async fn page(&mut self) -> PortResult<Step> {
        let ScanStage::Pages { audience: place, pass, next, new, restarts } = self.scan.stage.clone() else {
            return Ok(Step::More);
        };
        let Some(audience) = self.scan.audience().cloned() else {
            return self.stop("it has no such audience").await;
        };
        let page = match self.api.page(&audience.id, self.format, next.as_deref()).await {
            Ok(Asked::Came(page)) => page,
            Ok(Asked::PlaceLost) if restarts < MOST_RESTARTS => return self.begin_again(place, pass, restarts).await,
            Ok(Asked::PlaceLost) => {
                return self.stop("Lytics forgets the place of the scan before the next page is asked for").await;
            }
            Err(failure) => return self.wait(failure).await,
        };
        if page.next.is_some() && page.next == next {
            return self.stop("Lytics names the same next page again and again").await;
        }
        let changes: Vec<Option<Change>> = {
            let reading = Reading {
                source: self.source,
                key: &self.engine.installation,
                now: self.now(),
                stamped_at: self.scan.as_of,
            };
            let read = page.rows.iter().map(|row| scan::member(row, &audience, self.format, self.scan.as_of, &reading));
            read.collect()
        };
        let rows = changes.len() as u64;
        let taken = self.take(&audience.id, changes).await?;
        let mut scan = self.scan.clone();
        // Every reading meets the same rows again: they are counted once.
        let first = u64::from(pass == 1);
        scan.counts = ScanCounts {
            pages: scan.counts.pages + 1,
            rows: scan.counts.rows + rows,
            members: scan.counts.members + taken.new,
            left_out: scan.counts.left_out + first * (taken.unknown + taken.unstored),
            ..scan.counts
        };
        scan.audiences[place].unstored += first * taken.unstored;
        (scan.failures, scan.paged_at) = (0, self.now());
        let new = new + taken.new;
        if first == 1 {
            let left_out = [(notes::NO_IDENTITY, taken.unknown), (notes::ROW_TOO_LARGE, taken.unstored)];
            self.count_left_out(left_out.into()).await?;
        }
        self.after_page(scan, page.next, (place, pass, new, restarts)).await
    }

    async fn after_page(
        &mut self,
        scan: Scan,
        next: Option<String>,
        (audience, pass, new, restarts): (usize, u32, u64, u32),
    ) -> PortResult<Step> {
        let is_over = pass >= MOST_PASSES || (pass >= LEAST_PASSES && new == 0);
        let stage = match next {
            Some(_) => ScanStage::Pages { audience, pass, next, new, restarts },
            None if !is_over => ScanStage::Pages { audience, pass: pass + 1, next: None, new: 0, restarts },
            None => match scan.purpose {
                ScanPurpose::Backfill => return self.next_audience(scan, audience).await,
                ScanPurpose::Reconcile => ScanStage::Missing { audience, cursor: None, members: 0, missing: 0 },
            },
        };
        self.note(Scan { stage, ..scan }).await
    }

    async fn begin_again(&mut self, audience: usize, pass: u32, restarts: u32) -> PortResult<Step> {
        let counts = ScanCounts { restarts: self.scan.counts.restarts + 1, ..self.scan.counts };
        let stage = ScanStage::Pages { audience, pass, next: None, new: 0, restarts: restarts + 1 };
        self.note(Scan { stage, counts, ..self.scan.clone() }).await
    }

    /// Stores whoever was not seen yet, and of whom nothing newer is known.
    async fn take(&self, audience: &AudienceId, changes: Vec<Option<Change>>) -> PortResult<Taken> {
        let unknown = changes.iter().filter(|change| change.is_none()).count() as u64;
        let by_person: BTreeMap<PersonKey, Change> =
            changes.into_iter().flatten().map(|change| (change.person, change)).collect();
        let people: Vec<PersonKey> = by_person.keys().copied().collect();
        let seen: BTreeSet<PersonKey> = if people.is_empty() {
            BTreeSet::new()
        } else {
            let rows = self.engine.ports.people.read(&people, None).await?;
            let seen = rows.iter().filter(|row| is_known(&row.person, audience, self.scan.as_of));
            seen.map(|row| row.person.key).collect()
        };
        let new: Vec<Change> = by_person.into_values().filter(|change| !seen.contains(&change.person)).collect();
        let count = new.len() as u64;
        let unstored = self.store(new).await?;
        Ok(Taken { new: count - unstored, unknown, unstored })
    }
}

/// Whether the row says something of the audience that is no older than the scan.
pub(super) fn is_known(person: &Person, audience: &AudienceId, as_of: Timestamp) -> bool {
    person.memberships.get(audience).is_some_and(|entry| entry.occurred_at >= as_of)
}

/// Whoever is inside and was not seen has left. A moment before the scan: whoever is stored as seen by another run at the
/// same time stays inside.
pub(super) fn departure(person: PersonKey, audience: &AudienceId, as_of: Timestamp) -> Change {
    Change {
        person,
        identifiers: BTreeMap::new(),
        fields: BTreeMap::new(),
        fact: Fact::Left { audience: audience.clone() },
        occurred_at: as_of - jiff::SignedDuration::from_nanos(1),
        origin: crate::model::Origin::Reconcile,
    }
}
