//! What there is to scan, and the beginning of a scan.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{access, lytics, tell};
use crate::catalog;
use crate::delivery::Engine;
use crate::destination::Failure;
use crate::http::Http;
use crate::model::{
    Audience, AudienceId, LyticsFormat, RunId, Scan, ScanCounts, ScanId, ScanPurpose, ScanStage, ScanStatus,
    ScannedAudience, Source, SourceFormat, SourceId,
};
use crate::ports::{PortError, PortResult, Ports};
use crate::sources::CLOCK_TOLERANCE;
use crate::sources::lytics::scan::Segment;

/// The longest that the question what there is may take.
const QUESTION_TIME: SignedDuration = SignedDuration::from_secs(60);
/// A comparison that would take out more of an audience stops and asks, where nobody says otherwise.
pub(super) const MOST_EXITS_PERCENT: u8 = 20;

/// A scan to be made.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewScan {
    /// What for.
    pub purpose: ScanPurpose,
    /// Which audiences, by their ids at Muster.
    pub audiences: BTreeSet<AudienceId>,
    /// Of `reconcile`: if more than this share of an audience was not seen, the scan stops instead of taking them out.
    #[serde(default = "most_exits_percent")]
    #[schemars(range(min = 1, max = 100))]
    pub most_exits_percent: u8,
}

fn most_exits_percent() -> u8 {
    MOST_EXITS_PERCENT
}

/// An audience that a source has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Offered {
    /// Its id at Muster.
    pub id: AudienceId,
    /// The name that its source has for it besides: the one that is not the id.
    pub other_name: Option<String>,
    /// For people.
    pub name: String,
    /// About how many members it has, where the source says so.
    pub members: Option<u64>,
}

/// Why there is no scan.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The source has no API, or no token for it.
    #[error("{0}")]
    NoAccess(&'static str),
    /// A scan of the source is under way.
    #[error("the scan {0} of this source is under way")]
    Running(ScanId),
    /// The source has no such audience.
    #[error("the source has no audience `{0}`")]
    Unknown(AudienceId),
    /// The source does not answer, or refuses.
    #[error(transparent)]
    Source(#[from] Failure),
    /// Our own failure.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// The audiences that a source has, in the order of their names.
///
/// # Errors
/// See [`StartError`].
pub async fn offered(ports: &Ports, http: &Http, source: &Source) -> Result<Vec<Offered>, StartError> {
    let (listed, _) = ask(ports, http, source).await?;
    let offer = |(segment, audience): (Segment, ScannedAudience)| Offered {
        id: audience.id,
        other_name: audience.other_name,
        name: segment.name,
        members: audience.members,
    };
    let mut offered: Vec<Offered> = listed.into_iter().map(offer).collect();
    offered.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    Ok(offered)
}

/// Segments with their audiences, and the time at the source.
async fn ask(
    ports: &Ports,
    http: &Http,
    source: &Source,
) -> Result<(Vec<(Segment, ScannedAudience)>, Option<Timestamp>), StartError> {
    let access = access(ports, source).await?.map_err(StartError::NoAccess)?;
    let deadline = ports.clock.now().saturating_add(QUESTION_TIME).unwrap_or(Timestamp::MAX);
    let session = access.session(ports, http, RunId(rand::random()), deadline);
    let answer = match lytics::Api::new(&session, &access.token) {
        Ok(api) => api.segments().await,
        Err(failure) => Err(failure),
    };
    session.end().await;
    let (segments, date) = answer?;
    let audiences = segments.into_iter().filter_map(|segment| {
        let audience = segment.audience(access.format.named_by)?;
        Some((segment, audience))
    });
    Ok((audiences.collect(), date))
}

/// Begins a scan.
///
/// # Errors
/// See [`StartError`].
pub async fn start(ports: &Ports, http: &Http, source: &Source, new: &NewScan) -> Result<Scan, StartError> {
    check_alone(ports, &source.id).await?;
    let (listed, date) = ask(ports, http, source).await?;
    let mut audiences = Vec::with_capacity(new.audiences.len());
    for id in &new.audiences {
        let found = listed.iter().find(|(_, audience)| audience.id == *id);
        let Some((segment, audience)) = found else { return Err(StartError::Unknown(id.clone())) };
        list_audience(ports, source, segment, id).await?;
        audiences.push(audience.clone());
    }
    let now = ports.clock.now();
    let scan = Scan {
        id: uuid::Uuid::now_v7().to_string().parse().expect("a UUID is a slug"),
        source: source.id.clone(),
        purpose: new.purpose,
        audiences,
        stage: ScanStage::first_page(0),
        status: ScanStatus::Running,
        counts: ScanCounts::default(),
        failures: 0,
        most_exits_percent: new.most_exits_percent,
        // By the source's own clock where that is behind: a change that it stamps later must win. One that is far
        // behind is not believed, or nobody who left since then could come back by a scan.
        as_of: date.map_or(now, |date| date.clamp(now - CLOCK_TOLERANCE, now)),
        started_at: now,
        moved_at: now,
        paged_at: now,
        ended_at: None,
        why: None,
        revision: 1,
    };
    ports.ledger.put_scan(&scan, 0).await?;
    tell(ports, &scan.id, SignedDuration::ZERO).await?;
    Ok(scan)
}

/// One scan of a source at a time.
async fn check_alone(ports: &Ports, source: &SourceId) -> Result<(), StartError> {
    let scans = ports.ledger.scans(Some(source)).await?;
    let running = scans.into_iter().find(|scan| scan.status == ScanStatus::Running);
    running.map_or(Ok(()), |running| Err(StartError::Running(running.id)))
}

/// Under the name that people know it by, unless somebody has seen it before.
async fn list_audience(ports: &Ports, source: &Source, segment: &Segment, id: &AudienceId) -> PortResult<()> {
    let audience = Audience {
        source: source.id.clone(),
        id: id.clone(),
        name: segment.name.clone(),
        first_seen_at: ports.clock.now(),
        deleted_at: None,
    };
    catalog::put(ports.catalog.as_ref(), &audience, 0).await.map(drop)
}

/// Begins the daily comparison of each source that wants one. A source that cannot be asked is asked the next day.
///
/// # Errors
/// Where our own ports fail.
pub async fn start_daily(engine: &Engine) -> PortResult<Vec<ScanId>> {
    let snapshot = engine.catalog.snapshot().await?;
    let mut started = Vec::new();
    for source in snapshot.sources.values() {
        let SourceFormat::Lytics(LyticsFormat { reconciled, .. }) = &source.format else { continue };
        if reconciled.is_empty() {
            continue;
        }
        let new = NewScan {
            purpose: ScanPurpose::Reconcile,
            audiences: reconciled.clone(),
            most_exits_percent: MOST_EXITS_PERCENT,
        };
        match start(&engine.ports, &engine.http, source, &new).await {
            Ok(scan) => started.push(scan.id),
            Err(StartError::Port(error)) => return Err(error),
            Err(
                error @ (StartError::NoAccess(_)
                | StartError::Running(_)
                | StartError::Unknown(_)
                | StartError::Source(_)),
            ) => {
                tracing::warn!(source = %source.id, %error, "the daily comparison with the source could not begin");
            }
        }
    }
    Ok(started)
}

/// Has a scan that stopped go on where it was; `None` where somebody else has it go on already.
///
/// # Errors
/// `Running`, and where our own ports fail.
pub async fn resume(ports: &Ports, scan: Scan, most_exits_percent: u8) -> Result<Option<Scan>, StartError> {
    check_alone(ports, &scan.source).await?;
    let now = ports.clock.now();
    let resumed = Scan {
        status: ScanStatus::Running,
        most_exits_percent,
        failures: 0,
        why: None,
        ended_at: None,
        moved_at: now,
        paged_at: now,
        revision: scan.revision + 1,
        ..scan.clone()
    };
    if !ports.ledger.put_scan(&resumed, scan.revision).await? {
        return Ok(None);
    }
    tell(ports, &resumed.id, SignedDuration::ZERO).await?;
    Ok(Some(resumed))
}
