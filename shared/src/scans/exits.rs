//! Whoever is inside at Muster and was in no page has left: an audience that depends on time may never say so. Counted
//! first, since a source that shows too little would empty an audience.

use super::pages::{departure, is_known};
use super::{Run, Step};
use crate::model::{AudienceId, Change, Person, PersonKey, Scan, ScanCounts, ScanStage};
use crate::ports::{PortResult, Row, Segment};

/// Rows of one page of a walk.
const PAGE: usize = 1_000;
/// So few may leave whatever share of the audience they are.
const FEW: u64 = 10;

impl Run<'_> {
    pub(super) async fn count_missing(
        &mut self,
        audience: usize,
        cursor: Option<PersonKey>,
        (members, missing): (u64, u64),
    ) -> PortResult<Step> {
        let Some(scanned) = self.scan.audience().cloned() else {
            return self.stop("it has no such audience").await;
        };
        if scanned.unstored > 0 {
            let why =
                format!("{} rows of `{}` could not be stored, so nobody is taken out", scanned.unstored, scanned.id);
            return self.stop(&why).await;
        }
        let page = self.engine.ports.people.walk(&self.source.id, None, Segment::WHOLE, cursor, PAGE).await?;
        let inside = page.rows.iter().filter(|row| row.person.is_inside(&scanned.id));
        let (mut members, mut missing) = (members, missing);
        for row in inside {
            members += 1;
            missing += u64::from(!is_known(&row.person, &scanned.id, self.scan.as_of));
        }
        let scan = self.scan.clone();
        if page.next.is_some() {
            let stage = ScanStage::Missing { audience, cursor: page.next, members, missing };
            return self.note(Scan { stage, ..scan }).await;
        }
        if missing == 0 {
            return self.next_audience(scan, audience).await;
        }
        let percent = u64::from(self.scan.most_exits_percent);
        if missing > FEW && missing * 100 > members * percent {
            let why = format!(
                "{missing} of {members} members of `{}` were not seen, more than {percent} per cent: resume with a greater \
                 `most_exits_percent` if they have left",
                scanned.id
            );
            return self.stop(&why).await;
        }
        self.note(Scan { stage: ScanStage::Leaves { audience, cursor: None }, ..scan }).await
    }

    pub(super) async fn leave(&mut self, audience: usize, cursor: Option<PersonKey>) -> PortResult<Step> {
        let Some(id) = self.scan.audience().map(|scanned| scanned.id.clone()) else {
            return self.stop("it has no such audience").await;
        };
        let page = self.engine.ports.people.walk(&self.source.id, None, Segment::WHOLE, cursor, PAGE).await?;
        let missing = |row: &&Row| is_missing(&row.person, &id, self.scan.as_of);
        let keys: Vec<PersonKey> = page.rows.iter().filter(missing).map(|row| row.person.key).collect();
        // A walk may show what was so a moment ago.
        let rows = if keys.is_empty() { Vec::new() } else { self.engine.ports.people.read(&keys, None).await? };
        let departures = rows.iter().filter(missing).map(|row| departure(row.person.key, &id, self.scan.as_of));
        let departures: Vec<Change> = departures.collect();
        let exits = departures.len() as u64;
        self.store(departures).await?;
        let counts = ScanCounts { exits: self.scan.counts.exits + exits, ..self.scan.counts };
        let scan = Scan { counts, ..self.scan.clone() };
        match page.next {
            Some(next) => self.note(Scan { stage: ScanStage::Leaves { audience, cursor: Some(next) }, ..scan }).await,
            None => self.next_audience(scan, audience).await,
        }
    }
}

fn is_missing(person: &Person, audience: &AudienceId, as_of: jiff::Timestamp) -> bool {
    person.is_inside(audience) && !is_known(person, audience, as_of)
}
