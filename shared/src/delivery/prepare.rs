//! Bringing the vendor's side in line with an activation's layout, and back to work what was failing.

use jiff::{SignedDuration, Timestamp};

use super::{Engine, Errand, Subject, retry, start_job};
use crate::catalog::{Edit, edit_activation, get, links};
use crate::destination::{Failure, Preparation, Resend};
use crate::model::activation::Prepared;
use crate::model::{Activation, ActivationId, ActivationStatus, JobKind, JobStatus, Message, QueueName, Reason};
use crate::ports::PortResult;
use crate::steps::Step;

/// When the vendor's side of an activation was last looked at.
pub(super) fn looked_mark(id: &ActivationId) -> String {
    format!("looked/{id}")
}

impl Engine {
    /// Prepares the newest layout. A failing activation is checked first, and works again if that is good.
    pub async fn prepare(&self, id: &ActivationId, attempts: u32, deadline: Timestamp) -> PortResult<()> {
        let Some(stored) = get::<Activation>(self.ports.catalog.as_ref(), id.as_str()).await? else {
            return Ok(());
        };
        let activation = stored.value;
        if activation.status == ActivationStatus::Draft {
            return Ok(());
        }
        // The sweep looks again only where nobody looked for a while, so that tries do not multiply.
        self.ports.ledger.set_mark(&looked_mark(id), self.now()).await?;
        self.catalog.forget().await;
        let snapshot = self.catalog.snapshot().await?;
        let links = links(self.ports.catalog.as_ref(), &activation).await?;
        let subject = self.subject(&snapshot, &activation, links, Errand::live(deadline)).await?;
        let result = self.try_prepare(&subject).await;
        subject.session.end().await;
        self.steps.reached(Step::Prepared);
        match result {
            Ok(preparation) => self.note_prepared(&activation, preparation).await,
            Err(failure) => self.prepare_later(&activation, &failure, attempts).await,
        }
    }

    async fn try_prepare(&self, subject: &Subject<'_>) -> Result<Preparation, Failure> {
        let context = subject.context(subject.notes(), self.now());
        if subject.activation.status == ActivationStatus::Failing {
            let checked = subject.destination.check(&context).await?;
            if let Some(finding) = checked.findings.iter().find(|finding| !finding.good) {
                let reason = Reason::new(format!("{}: {}", finding.what, finding.note));
                return Err(Failure::Misconfigured { reason });
            }
        }
        subject.destination.prepare(&context, &subject.links).await
    }

    /// The walk is started before the note: a crash between them repeats a walk instead of losing it.
    async fn note_prepared(&self, seen: &Activation, preparation: Preparation) -> PortResult<()> {
        for warning in &preparation.warnings {
            tracing::warn!(activation = %seen.id, warning, "prepared with a remark");
        }
        if let Some(kind) = self.walk_after(seen, &preparation).await? {
            start_job(&self.ports, seen, kind, self.times.cache_age + SignedDuration::from_secs(1)).await?;
        }
        let now = self.now();
        edit_activation(self.ports.catalog.as_ref(), &seen.id, |activation| {
            activation.prepared = Some(Prepared { layout: seen.layout, notes: preparation.notes.clone(), at: now });
            activation.revision += u64::from(preparation.resend == Resend::Everybody);
            if activation.status == ActivationStatus::Failing && !activation.was_decided_since(seen) {
                activation.set_status(ActivationStatus::Active, None);
            }
            Edit::Write
        })
        .await?;
        self.catalog.forget().await;
        self.steps.reached(Step::PreparedNoted);
        Ok(())
    }

    async fn walk_after(&self, seen: &Activation, preparation: &Preparation) -> PortResult<Option<JobKind>> {
        let news = !seen.is_prepared() || preparation.resend == Resend::Everybody;
        Ok(match seen.status {
            ActivationStatus::Failing => Some(JobKind::Resume),
            ActivationStatus::Backfilling => {
                let jobs = self.ports.ledger.jobs(Some(&seen.id)).await?;
                let since = seen.activated_at.unwrap_or(seen.created_at);
                let walked = jobs.iter().any(|job| {
                    job.kind == JobKind::Backfill && job.status != JobStatus::Stopped && job.started_at >= since
                });
                if walked { news.then_some(JobKind::Resume) } else { Some(JobKind::Backfill) }
            }
            ActivationStatus::Active => news.then_some(JobKind::Resume),
            ActivationStatus::Draft | ActivationStatus::Paused | ActivationStatus::Removed => None,
        })
    }

    async fn prepare_later(&self, activation: &Activation, failure: &Failure, attempts: u32) -> PortResult<()> {
        let attempts = attempts.saturating_add(1);
        let wait = match failure {
            Failure::Unauthorized { .. } | Failure::Misconfigured { .. } | Failure::Rejected { .. } => {
                return self.stop(activation, failure).await;
            }
            Failure::PutOff { until } => until.duration_since(self.now()).max(SignedDuration::from_secs(1)),
            Failure::RateLimited { retry_after } => retry::backoff(attempts, *retry_after, &self.dice),
            Failure::Retryable { .. } => retry::backoff(attempts, None, &self.dice),
        };
        tracing::warn!(activation = %activation.id, %failure, attempts, "the vendor's side could not be prepared yet");
        // Nobody waits for a comparison, and a failing activation is tried every few minutes anyway.
        if activation.is_prepared() || activation.status == ActivationStatus::Failing {
            return Ok(());
        }
        let message = Message::Prepare { activation: activation.id.clone(), attempts };
        self.send_message(&QueueName::Jobs, &message, wait).await
    }
}
