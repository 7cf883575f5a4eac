//! An activation that must stop: nothing is dropped. Its status carries the turn that its owner is told of.

use super::Engine;
use crate::catalog::{Edit, edit_activation};
use crate::destination::Failure;
use crate::model::{Activation, ActivationStatus, Reason};
use crate::ports::PortResult;

impl Engine {
    /// Stops an activation that is as `seen`; one that went on since stays as it is.
    pub(super) async fn stop(&self, seen: &Activation, failure: &Failure) -> PortResult<()> {
        self.turn(seen, ActivationStatus::Failing, &Reason::new(failure.to_string())).await
    }

    /// Pauses an activation that is as `seen` until its owner lets it go on, likewise.
    pub(super) async fn pause(&self, seen: &Activation, why: &Reason) -> PortResult<()> {
        self.turn(seen, ActivationStatus::Paused, why).await
    }

    async fn turn(&self, seen: &Activation, status: ActivationStatus, why: &Reason) -> PortResult<()> {
        let edited = edit_activation(self.ports.catalog.as_ref(), &seen.id, |activation| {
            if activation.was_decided_since(seen) || !activation.status.delivers() {
                return Edit::Keep;
            }
            activation.set_status(status, Some(why.clone()));
            Edit::Write
        })
        .await?;
        if edited.is_some_and(|(_, edit)| edit == Edit::Write) {
            tracing::error!(activation = %seen.id, %why, "the activation stopped; nothing is lost, it waits for its owner");
            self.catalog.forget().await;
        }
        Ok(())
    }
}
