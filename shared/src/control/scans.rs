//! Asking a source's own API: its audiences, and scans of their members.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::sources::SourceSecret;
use super::{Control, ControlError, ControlResult, Page, Part, page_of_newest};
use crate::model::{
    AudienceId, Reason, Scan, ScanCounts, ScanId, ScanPurpose, ScanStage, ScanStatus, Source, SourceAccess,
    SourceFormat, SourceId,
};
use crate::ports::Secret;
use crate::scans::{self, NewScan, Offered, StartError};

/// How a source's API may be asked.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccess {
    /// The token of its API, 1 to 4,096 characters. Never returned.
    pub token: SourceSecret,
    /// Requests a second that it may be asked, 0.1 to 100; the source's safe default where absent.
    #[serde(default)]
    pub requests_per_second: Option<f64>,
}

/// How a scan that stopped goes on.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resumption {
    /// Another share of an audience that may be taken out; as before where absent.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100))]
    pub most_exits_percent: Option<u8>,
}

/// A scan with its progress.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ScanView {
    /// Its id.
    pub id: ScanId,
    /// Of which source.
    pub source: SourceId,
    /// What for.
    pub purpose: ScanPurpose,
    /// How far it is.
    pub status: ScanStatus,
    /// Why it stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Which audiences, in this order.
    pub audiences: Vec<AudienceId>,
    /// Which of them is read now; absent once it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<AudienceId>,
    /// What is done with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doing: Option<Doing>,
    /// What it came to so far.
    pub counts: ScanCounts,
    /// About how many memberships there were when it began, where the source says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<u64>,
    /// Whoever it sees was inside at this time at the latest.
    #[schemars(with = "String")]
    pub as_of: Timestamp,
    /// When it was asked for.
    #[schemars(with = "String")]
    pub started_at: Timestamp,
    /// When it last went on, or when it goes on after a pause.
    #[schemars(with = "String")]
    pub moved_at: Timestamp,
    /// When it ended.
    #[schemars(with = "Option<String>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// What a scan does with an audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Doing {
    /// Reads its members for the first time.
    Reading,
    /// Reads them again, for whoever was overlooked.
    ReadingAgain,
    /// Counts whoever was not seen.
    CountingMissing,
    /// Takes whoever was not seen out.
    TakingOut,
}

impl From<Scan> for ScanView {
    fn from(scan: Scan) -> Self {
        let doing = match &scan.stage {
            ScanStage::Pages { pass: 1, .. } => Doing::Reading,
            ScanStage::Pages { .. } => Doing::ReadingAgain,
            ScanStage::Missing { .. } => Doing::CountingMissing,
            ScanStage::Leaves { .. } => Doing::TakingOut,
        };
        let is_over = scan.status == ScanStatus::Done;
        let audience = scan.audience().filter(|_| !is_over).map(|audience| audience.id.clone());
        let members: Option<u64> = scan.audiences.iter().map(|audience| audience.members).sum();
        Self {
            audience,
            doing: (!is_over).then_some(doing),
            of: members,
            id: scan.id,
            source: scan.source,
            purpose: scan.purpose,
            status: scan.status,
            why: scan.why.map(|why| why.to_string()),
            audiences: scan.audiences.into_iter().map(|audience| audience.id).collect(),
            counts: scan.counts,
            as_of: scan.as_of,
            started_at: scan.started_at,
            moved_at: scan.moved_at,
            ended_at: scan.ended_at,
        }
    }
}

impl From<StartError> for ControlError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::NoAccess(_) | StartError::Running(_) => Self::conflict(error.to_string()),
            StartError::Unknown(_) => Self::invalid("audiences", error.to_string()),
            StartError::Source(failure) => failure.into(),
            StartError::Port(error) => error.into(),
        }
    }
}

fn check_percent(percent: u8) -> ControlResult<()> {
    if (1..=100).contains(&percent) {
        Ok(())
    } else {
        Err(ControlError::invalid("most_exits_percent", "must be from 1 to 100"))
    }
}

impl Control {
    /// Gives the token with which a source's API is asked, or another one.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` where the source has no API; `Invalid`.
    pub async fn set_access(&self, id: &SourceId, access: &NewAccess) -> ControlResult<()> {
        let NewAccess { token, requests_per_second } = access;
        match self.source(id).await?.format {
            SourceFormat::Lytics(_) => {}
            SourceFormat::Muster | SourceFormat::EagleEyeAir(_) | SourceFormat::EeConnect(_) => {
                return Err(ControlError::conflict("a source of this format has no API that could be asked"));
            }
        }
        if !(1..=4_096).contains(&token.0.len()) || !token.0.chars().all(|c| c.is_ascii_graphic()) {
            return Err(ControlError::invalid("token", "must be 1 to 4,096 visible characters"));
        }
        let fits = |limit: f64| (0.1..=100.0).contains(&limit);
        if requests_per_second.is_some_and(|limit| !fits(limit)) {
            return Err(ControlError::invalid("requests_per_second", "must be between 0.1 and 100"));
        }
        self.ports.vault.put(&scans::vault_name(id), &Secret(json!({ "token": token.0 }))).await?;
        let access = SourceAccess { requests_per_second: *requests_per_second, changed_at: self.now() };
        self.edit("source", id.as_str(), |source: &mut Source| source.access = Some(access.clone())).await?;
        Ok(())
    }

    /// The audiences that a source has, to pick from.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` without access; `Vendor` where the source does not answer or refuses.
    pub async fn offered_audiences(&self, id: &SourceId) -> ControlResult<Vec<Offered>> {
        Ok(scans::offered(&self.ports, &self.http, &self.source(id).await?).await?)
    }

    /// Begins a scan.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` without access and while another one is under way; `Invalid` for audiences that the source
    /// does not have; `Vendor` where it does not answer or refuses.
    pub async fn start_scan(&self, id: &SourceId, new: &NewScan) -> ControlResult<ScanView> {
        if new.audiences.is_empty() {
            return Err(ControlError::invalid("audiences", "must name one at least"));
        }
        check_percent(new.most_exits_percent)?;
        let scan = scans::start(&self.ports, &self.http, &self.source(id).await?, new).await?;
        self.catalog.forget().await;
        Ok(scan.into())
    }

    /// A source's scans, the newest first.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn scans(&self, id: &SourceId, part: &Part) -> ControlResult<Page<ScanView>> {
        self.source(id).await?;
        let scans = self.ports.ledger.scans(Some(id)).await?;
        let Page { items, next } = page_of_newest(scans, part, |scan| scan.id.to_string());
        Ok(Page { items: items.into_iter().map(ScanView::from).collect(), next })
    }

    /// One scan.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn scan(&self, source: &SourceId, id: &ScanId) -> ControlResult<ScanView> {
        Ok(self.scan_of(source, id).await?.into())
    }

    async fn scan_of(&self, source: &SourceId, id: &ScanId) -> ControlResult<Scan> {
        let scan = self.ports.ledger.scan(id).await?.filter(|scan| scan.source == *source);
        scan.ok_or(ControlError::NotFound { what: "scan" })
    }

    /// Has a scan that stopped go on where it was.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` where it did not stop, or another one is under way; `Invalid`.
    pub async fn resume_scan(&self, source: &SourceId, id: &ScanId, how: &Resumption) -> ControlResult<ScanView> {
        let scan = self.scan_of(source, id).await?;
        let percent = how.most_exits_percent.unwrap_or(scan.most_exits_percent);
        check_percent(percent)?;
        if scan.status != ScanStatus::Stopped {
            return Err(ControlError::conflict("the scan did not stop"));
        }
        let resumed = scans::resume(&self.ports, scan, percent).await?;
        resumed.map(ScanView::from).ok_or_else(|| ControlError::conflict("somebody else has it go on already"))
    }

    /// Ends a scan that is under way; it can be resumed.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` where it is not under way.
    pub async fn stop_scan(&self, source: &SourceId, id: &ScanId) -> ControlResult<ScanView> {
        loop {
            let scan = self.scan_of(source, id).await?;
            if scan.status != ScanStatus::Running {
                return Err(ControlError::conflict("the scan is not under way"));
            }
            let why = Reason::new("stopped by its owner");
            if let Some(stopped) = scans::end(&self.ports, &self.catalog, scan, Some(why)).await? {
                return Ok(stopped.into());
            }
        }
    }
}
