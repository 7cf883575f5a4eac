//! The vendor says that somebody's state on its side changed (joined, re-subscribed): look again at once.

use jiff::Timestamp;

use super::{Engine, Errand, LIVE_NUDGE, plain_nudge};
use crate::destination::Failure;
use crate::model::{ActivationId, KeyHash, Lane, Nudge};
use crate::ports::PortResult;

impl Engine {
    /// Nudges whoever holds the key, filtered or not.
    pub async fn signal_key(&self, id: &ActivationId, key: KeyHash) -> PortResult<()> {
        let Some(person) = self.ports.ledger.holder(id, key).await? else {
            return Ok(());
        };
        let snapshot = self.catalog.snapshot().await?;
        let Some(activation) = snapshot.activations.get(id) else {
            return Ok(());
        };
        let nudge = Nudge { reopen: true, ..plain_nudge(activation, vec![person], Lane::Live) };
        self.send_nudge(&activation.destination, nudge, LIVE_NUDGE).await
    }

    /// The same for the vendor's own id, which is asked for its key first. A vendor in trouble is not
    /// asked again: the catch-up looks at everybody who was filtered.
    pub async fn signal(&self, id: &ActivationId, vendor_id: &str, deadline: Timestamp) -> PortResult<()> {
        let snapshot = self.catalog.snapshot().await?;
        let Some(activation) = snapshot.activations.get(id).filter(|activation| activation.status.delivers()) else {
            return Ok(());
        };
        let links = snapshot.links.get(id).cloned().unwrap_or_default();
        let subject = self.subject(&snapshot, activation, links, Errand::live(deadline)).await?;
        let context = subject.context(subject.notes(), self.now());
        let resolved = subject.destination.resolve_signal(&context, vendor_id).await;
        subject.session.end().await;
        match resolved {
            Ok(Some(key)) => self.signal_key(id, self.installation.claim(id, &key)).await,
            Ok(None) => Ok(()),
            Err(failure @ (Failure::Unauthorized { .. } | Failure::Misconfigured { .. })) => {
                self.stop(activation, &failure).await
            }
            Err(failure) => {
                tracing::warn!(activation = %id, %failure, "a signal could not be looked into; the catch-up will");
                Ok(())
            }
        }
    }
}
