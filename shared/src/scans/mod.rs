//! Scans: audiences are read at their source, page by page, and brought to the rows; then the activations concerned are
//! walked. A scan is noted page by page, so that it goes on where it was; done twice it does no harm, since what it says
//! is as old as its beginning, and whatever is newer wins.

mod exits;
mod lytics;
mod pages;
mod start;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::catalog::{CachedCatalog, Stored, get};
use crate::delivery::{Engine, backoff, start_job};
use crate::destination::Failure;
use crate::http::{Account, Http, Session};
use crate::ingest::{AcceptError, store};
use crate::model::budget::Budget;
use crate::model::{
    Activation, AuthorizationId, Change, JobKind, Lane, LyticsFormat, Message, QueueName, Reason, RunId, Scan, ScanId,
    ScanStage, ScanStatus, Source, SourceFormat, SourceId,
};
use crate::ports::{MAX_DELAY, Outgoing, PortError, PortResult, Ports};
use crate::sources::{Item, left_out_prefix};

pub use start::{NewScan, Offered, StartError, offered, resume, start, start_daily};

/// A scan passes itself on when less than this is left of a run.
const TIME_FOR_A_PAGE: SignedDuration = SignedDuration::from_secs(25);
/// A source that gives no page for so long is not asked any more.
const PATIENCE: SignedDuration = SignedDuration::from_hours(72);

/// The name in the vault of what a source's API is asked with: `{"token": …}`.
pub fn vault_name(source: &SourceId) -> String {
    format!("access/{source}")
}

/// Whose budget the requests to a source's API are taken from; no authorization of an owner's has such an id.
fn account(source: &SourceId) -> AuthorizationId {
    let hash = Sha256::digest(source.as_str());
    format!("source:{}", hex::encode(&hash[..16])).parse().expect("a slug of 39 characters")
}

/// What a source's API is asked with.
struct Access<'s> {
    source: &'s SourceId,
    format: &'s LyticsFormat,
    budget: Budget,
    token: String,
}

impl Access<'_> {
    fn session(&self, ports: &Ports, http: &Http, run: RunId, deadline: Timestamp) -> Session {
        let account = Account {
            authorization: account(self.source),
            budget: self.budget.clone(),
            lane: Lane::Bulk,
            run,
            origins: vec![lytics::ORIGIN.to_owned()],
            ledger: ports.ledger.clone(),
            vault: ports.vault.clone(),
            clock: ports.clock.clone(),
            meter: ports.meter.clone(),
            trace: None,
        };
        http.session(account, deadline)
    }
}

/// Or a sentence for the source's owner. The token anew: it may have been given a moment ago.
async fn access<'s>(ports: &Ports, source: &'s Source) -> PortResult<Result<Access<'s>, &'static str>> {
    let SourceFormat::Lytics(format) = &source.format else {
        return Ok(Err("a source of this format has no API that could be asked"));
    };
    let secret = ports.vault.get_anew(&vault_name(&source.id)).await?;
    let token = secret.as_ref().and_then(|secret| secret.0.get("token")?.as_str());
    let (Some(limits), Some(token)) = (&source.access, token) else {
        return Ok(Err("the source has no token for its API: give it one first"));
    };
    Ok(Ok(Access { source: &source.id, format, budget: lytics::budget(limits), token: token.to_owned() }))
}

/// Goes on with a scan until it is over, has to wait, or the run's time is.
///
/// # Errors
/// Where our own ports fail: the message must come back.
pub async fn go_on(engine: &Engine, id: &ScanId, deadline: Timestamp) -> PortResult<()> {
    let Some(scan) = engine.ports.ledger.scan(id).await?.filter(|scan| scan.status == ScanStatus::Running) else {
        return Ok(());
    };
    // Anew: a copy may be older than the scan.
    let source = get::<Source>(engine.ports.catalog.as_ref(), scan.source.as_str()).await?;
    let Some(Stored { value: source, .. }) = source else {
        return stop(engine, scan, "there is no such source any more").await;
    };
    let access = match access(&engine.ports, &source).await? {
        Ok(access) => access,
        Err(why) => return stop(engine, scan, why).await,
    };
    let run = RunId(engine.dice.number());
    let session = access.session(&engine.ports, &engine.http, run, deadline);
    let done = match lytics::Api::new(&session, &access.token) {
        Ok(api) => Run { engine, source: &source, format: access.format, api, deadline, scan }.go().await,
        Err(failure) => stop(engine, scan, &failure.to_string()).await,
    };
    session.end().await;
    done
}

/// Whether a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    More,
    Over,
}

struct Run<'a> {
    engine: &'a Engine,
    source: &'a Source,
    format: &'a LyticsFormat,
    api: lytics::Api<'a>,
    deadline: Timestamp,
    scan: Scan,
}

impl Run<'_> {
    async fn go(mut self) -> PortResult<()> {
        loop {
            if self.deadline.duration_since(self.now()) < TIME_FOR_A_PAGE {
                return tell(&self.engine.ports, &self.scan.id, SignedDuration::ZERO).await;
            }
            let step = match self.scan.stage.clone() {
                ScanStage::Pages { .. } => self.page().await?,
                ScanStage::Missing { audience, cursor, members, missing } => {
                    self.count_missing(audience, cursor, (members, missing)).await?
                }
                ScanStage::Leaves { audience, cursor } => self.leave(audience, cursor).await?,
            };
            match step {
                Step::More => {}
                Step::Over => return Ok(()),
            }
        }
    }

    fn now(&self) -> Timestamp {
        self.engine.ports.clock.now()
    }

    /// Notes where the scan is; whoever comes second of two that went on with it gives up.
    async fn note(&mut self, scan: Scan) -> PortResult<Step> {
        let moved_at = self.now();
        self.note_at(moved_at, scan).await
    }

    async fn note_at(&mut self, moved_at: Timestamp, scan: Scan) -> PortResult<Step> {
        let noted = Scan { revision: self.scan.revision + 1, moved_at, ..scan };
        if !self.engine.ports.ledger.put_scan(&noted, self.scan.revision).await? {
            return Ok(Step::Over);
        }
        self.scan = noted;
        Ok(Step::More)
    }

    /// The next audience, or the end.
    async fn next_audience(&mut self, scan: Scan, audience: usize) -> PortResult<Step> {
        if audience + 1 < scan.audiences.len() {
            return self.note(Scan { stage: ScanStage::first_page(audience + 1), ..scan }).await;
        }
        end(&self.engine.ports, &self.engine.catalog, scan, None).await?;
        Ok(Step::Over)
    }

    async fn stop(&self, why: &str) -> PortResult<Step> {
        stop(self.engine, self.scan.clone(), why).await?;
        Ok(Step::Over)
    }

    /// The source has no page now.
    async fn wait(&mut self, failure: Failure) -> PortResult<Step> {
        let now = self.now();
        let asked = match &failure {
            Failure::PutOff { until } => {
                let pause = until.duration_since(now).max(SignedDuration::from_secs(1));
                return self.pause(self.scan.clone(), pause).await;
            }
            Failure::RateLimited { retry_after } => *retry_after,
            Failure::Retryable { .. } => None,
            Failure::Rejected { reason } | Failure::Unauthorized { reason } | Failure::Misconfigured { reason } => {
                return self.stop(reason.as_str()).await;
            }
        };
        if now.duration_since(self.scan.paged_at) >= PATIENCE {
            return self.stop(&format!("no page came for three days: {failure}")).await;
        }
        let failures = self.scan.failures.saturating_add(1);
        let pause = backoff(failures, asked, &self.engine.dice);
        tracing::warn!(source = %self.source.id, scan = %self.scan.id, %failure, failures, "no page came; it is asked for again");
        self.pause(Scan { failures, ..self.scan.clone() }, pause).await
    }

    /// Noted first: of two that wait one has it gone on with. Nobody takes it for forgotten before the pause is over.
    async fn pause(&mut self, scan: Scan, pause: SignedDuration) -> PortResult<Step> {
        let pause = pause.min(MAX_DELAY);
        let until = self.now().saturating_add(pause).unwrap_or(Timestamp::MAX);
        match self.note_at(until, scan).await? {
            Step::More => tell(&self.engine.ports, &self.scan.id, pause).await?,
            Step::Over => {}
        }
        Ok(Step::Over)
    }

    /// Brings changes to the rows; answers how many of them a row would not take.
    async fn store(&self, changes: Vec<Change>) -> PortResult<u64> {
        if changes.is_empty() {
            return Ok(0);
        }
        let Engine { ports, catalog, steps, .. } = self.engine;
        let item = |(index, change)| Item { index, path: String::new(), change };
        let items = changes.into_iter().enumerate().map(item).collect();
        match store(ports, catalog, steps.as_ref(), self.source, items).await {
            Ok(accepted) => Ok(accepted.rejected.len() as u64),
            Err(AcceptError::Port(error)) => Err(error),
            Err(error @ AcceptError::Contended) => {
                Err(PortError::Unavailable { store: "people", what: error.to_string() })
            }
        }
    }

    /// Counts what was left out where its owner sees it.
    async fn count_left_out(&self, by_name: BTreeMap<&'static str, u64>) -> PortResult<()> {
        let prefix = left_out_prefix(&self.source.id);
        for (name, by) in by_name.into_iter().filter(|(_, by)| *by > 0) {
            self.engine.ports.ledger.count(&format!("{prefix}{name}"), by).await?;
        }
        Ok(())
    }
}

async fn stop(engine: &Engine, scan: Scan, why: &str) -> PortResult<()> {
    tracing::warn!(source = %scan.source, scan = %scan.id, why, "a scan stopped");
    end(&engine.ports, &engine.catalog, scan, Some(Reason::new(why))).await.map(drop)
}

/// Ends a scan, early where there is a reason; `None` where somebody went on with it meanwhile. Whoever is pending is
/// delivered, of a scan that stopped too, and before it ends: a process that dies in between does it again.
pub async fn end(ports: &Ports, catalog: &CachedCatalog, scan: Scan, why: Option<Reason>) -> PortResult<Option<Scan>> {
    let snapshot = catalog.snapshot().await?;
    let scanned = |activation: &&Activation| {
        activation.live_audiences().any(|linked| scan.audiences.iter().any(|one| one.id == *linked))
    };
    for activation in snapshot.activations_of(&scan.source).filter(scanned).filter(|one| one.status.delivers()) {
        start_job(ports, activation, JobKind::Resume, SignedDuration::ZERO).await?;
    }
    let (now, read_revision) = (ports.clock.now(), scan.revision);
    let status = if why.is_some() { ScanStatus::Stopped } else { ScanStatus::Done };
    let ended = Scan { status, why, ended_at: Some(now), moved_at: now, revision: read_revision + 1, ..scan };
    Ok(ports.ledger.put_scan(&ended, read_revision).await?.then_some(ended))
}

/// Has the scan gone on with after a while.
async fn tell(ports: &Ports, scan: &ScanId, after: SignedDuration) -> PortResult<()> {
    let message = Message::Scan { scan: scan.clone() };
    let delay = after.clamp(SignedDuration::ZERO, MAX_DELAY);
    ports.queue.send(&QueueName::Jobs, vec![Outgoing::later(&message, delay)]).await
}
