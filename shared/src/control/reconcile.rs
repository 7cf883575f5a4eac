//! Comparing what a vendor shows with what was delivered.

use jiff::SignedDuration;

use super::{Control, ControlError, ControlResult};
use crate::model::{ActivationId, Job, ReconcileMode};

impl Control {
    /// Compares people at rest with what the vendor shows, and sends again who differs where that is asked for.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for a destination that cannot be read back, and for an activation that does not deliver
    /// or is not prepared yet.
    pub async fn reconcile(&self, id: &ActivationId, mode: ReconcileMode) -> ControlResult<Job> {
        let activation = self.activation(id).await?;
        let spec = self.known_destination(&activation.destination)?.spec();
        if spec.read_back.is_none() {
            let reason = format!("{} cannot be read back: there is nothing to compare with", spec.name);
            return Err(ControlError::conflict(reason));
        }
        if !activation.status.delivers() || !activation.is_prepared() {
            return Err(ControlError::conflict("the activation does not deliver: activate or resume it first"));
        }
        Ok(crate::delivery::start_reconciliation(&self.ports, &activation, mode, SignedDuration::ZERO).await?)
    }
}
