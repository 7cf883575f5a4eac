//! Walks over insiders: counts who has not earned what entering an audience earns, or puts it into their outboxes, for no
//! more people than were confirmed.

use std::collections::{BTreeMap, BTreeSet};

use super::{Engine, LIVE_NUDGE, plain_nudge};
use crate::model::insiders::{Entitled, Insiders};
use crate::model::{Activation, Effect, Job, JobStatus, Lane, Person, PersonKey, Reason};
use crate::ports::{PersonWrite, PortError, PortResult, Row, Segment, Walked, Written};
use crate::steps::Step;

/// People of one page: each is asked for in the ledger.
const PAGE: usize = 200;
/// How often rows that others write are read again; then the page is done again.
const ROUNDS: usize = 8;

/// What a page came to.
#[derive(Default)]
struct Page {
    found: u64,
    earn: BTreeSet<PersonKey>,
    is_full: bool,
}

impl Engine {
    /// Walks a page; answers whether there is another one for this worker.
    pub(super) async fn walk_insiders(
        &self,
        job: &Job,
        insiders: &Insiders,
        activation: &Activation,
    ) -> PortResult<bool> {
        let people = &self.ports.people;
        let walked = people.walk(&activation.source, Some(&activation.id), Segment::WHOLE, job.cursor, PAGE).await?;
        let Walked { rows, next } = walked;
        let count = rows.len() as u64;
        let page = self.page_of_insiders(insiders, activation, rows).await?;
        let nudged = page.earn.len() as u64;
        let nudge = plain_nudge(activation, page.earn.into_iter().collect(), Lane::Bulk);
        self.send_nudge(&activation.destination, nudge, LIVE_NUDGE).await?;
        self.steps.reached(Step::WalkNudged);
        let over = next.is_none() || page.is_full;
        let now = self.now();
        let found = insiders.found + page.found;
        let moved = Job {
            cursor: next.or(job.cursor),
            walked: job.walked + count,
            nudged: job.nudged + nudged,
            moved_at: Some(now),
            insiders: Some(Insiders { found, ..insiders.clone() }),
            status: if over { JobStatus::Done } else { job.status },
            ended_at: over.then_some(now),
            why: page.is_full.then(|| Reason::new("as many as were confirmed; more are inside by now: count again")),
            ..job.clone()
        };
        let mine = self.ports.ledger.advance_job(job, &moved).await?;
        self.steps.reached(Step::CursorSaved);
        Ok(mine && !over)
    }

    async fn page_of_insiders(
        &self,
        insiders: &Insiders,
        activation: &Activation,
        mut rows: Vec<Row>,
    ) -> PortResult<Page> {
        let mut page = Page::default();
        for _ in 0..ROUNDS {
            let writes = self.sort_insiders(insiders, activation, rows, &mut page).await?;
            if writes.is_empty() {
                return Ok(page);
            }
            let written = self.ports.people.write(writes).await?;
            self.steps.reached(Step::RowsWritten);
            let mut again = Vec::new();
            for (person, written) in written {
                match written {
                    Written::Stored => {
                        page.found += 1;
                        page.earn.insert(person);
                    }
                    Written::Conflict => again.push(person),
                    Written::TooLarge => tracing::error!(%person, "a row has no room for what its person would earn"),
                }
            }
            if again.is_empty() {
                return Ok(page);
            }
            rows = self.ports.people.read(&again, Some(&activation.id)).await?;
        }
        Err(PortError::Unavailable { store: "people", what: "rows were written by others time and again".to_owned() })
    }

    /// Counts who earns it by this walk already, and answers the rows of those who are to earn it now.
    async fn sort_insiders(
        &self,
        insiders: &Insiders,
        activation: &Activation,
        rows: Vec<Row>,
        page: &mut Page,
    ) -> PortResult<Vec<PersonWrite>> {
        let times = self.effect_times(activation);
        let ids = rows.iter().filter_map(|row| Some((row.person.key, insiders.earned(&row.person, activation)?.id)));
        let ids: Vec<_> = ids.collect();
        let known = self.ports.effects.read(&activation.id, &ids, self.now()).await?;
        let known: BTreeMap<PersonKey, Effect> = known.into_iter().map(|effect| (effect.person, effect)).collect();
        let mut writes = Vec::new();
        for Row { person, .. } in rows {
            match (insiders.entitles(&person, activation, known.get(&person.key), &times), insiders.confirmed) {
                // A count does nothing: whoever was rewarded at the very moment of it was so by something else.
                (Entitled::No, _) | (Entitled::Already, None) => {}
                (Entitled::Already, Some(_)) => {
                    page.found += 1;
                    page.earn.insert(person.key);
                }
                (Entitled::Yes(_), None) => page.found += 1,
                (Entitled::Yes(_), Some(most)) if insiders.found + page.found + writes.len() as u64 >= most => {
                    page.is_full = true;
                }
                (Entitled::Yes(earned), Some(_)) => {
                    let read_sequence = person.sequence;
                    let mut person = Person { sequence: read_sequence + 1, ..person };
                    person.outbox.push(earned);
                    writes.push(PersonWrite { person, read_sequence });
                }
            }
        }
        Ok(writes)
    }
}
