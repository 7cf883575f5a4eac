//! Whoever was inside before earns what entering earns: counted first, then confirmed.

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Control, ControlError, ControlResult};
use crate::delivery::start_insiders;
use crate::model::insiders::Insiders;
use crate::model::{Activation, ActivationId, AudienceId, Job, JobId, JobStatus, Transition};

/// For how long a count can be confirmed.
const GOOD_FOR: SignedDuration = SignedDuration::from_hours(24);

/// Whose insiders are to be counted.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InsidersQuery {
    /// Of which linked audience.
    pub audience: AudienceId,
}

/// That as many people may earn it as were counted.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InsidersWord {
    /// The job that counted.
    pub job: JobId,
    /// How many it found.
    pub count: u64,
}

impl Control {
    /// Counts who is inside an audience and has not earned what entering it earns. Nothing is sent.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` where entering earns nothing, where the audience is not linked, and for an activation that
    /// does not deliver.
    pub async fn count_insiders(&self, id: &ActivationId, query: &InsidersQuery) -> ControlResult<Job> {
        let activation = self.activation_with_insiders(id, &query.audience).await?;
        let insiders = Insiders { audience: query.audience.clone(), as_of: self.now(), confirmed: None, found: 0 };
        Ok(start_insiders(&self.ports, &activation, insiders).await?)
    }

    /// Has the people earn it who were counted; nobody beyond their number. Confirmed twice it is done once.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` where the count is not over, is too old, or is another one.
    pub async fn confirm_insiders(&self, id: &ActivationId, word: &InsidersWord) -> ControlResult<Job> {
        let counted = self.ports.ledger.job(&word.job).await?.filter(|job| job.activation == *id);
        let Some((counted, insiders)) = counted.and_then(|job| Some((job.clone(), job.insiders?))) else {
            return Err(ControlError::NotFound { what: "count of insiders" });
        };
        let refuse = |reason: String| Err(ControlError::conflict(reason));
        if insiders.confirmed.is_some() {
            return refuse("this job is no count: it was confirmed".to_owned());
        }
        if counted.status != JobStatus::Done {
            return refuse("the count is not over".to_owned());
        }
        if insiders.found != word.count {
            return refuse(format!("it counted {}, and not {}", insiders.found, word.count));
        }
        if self.now().duration_since(insiders.as_of) > GOOD_FOR {
            return refuse("the count is more than a day old: count again".to_owned());
        }
        let activation = self.activation_with_insiders(id, &insiders.audience).await?;
        let insiders = Insiders { confirmed: Some(word.count), found: 0, ..insiders };
        Ok(start_insiders(&self.ports, &activation, insiders).await?)
    }

    async fn activation_with_insiders(&self, id: &ActivationId, audience: &AudienceId) -> ControlResult<Activation> {
        let activation = self.activation(id).await?;
        if !activation.earning.on.contains(&Transition::Entered) {
            return Err(ControlError::conflict("entering an audience earns nothing at this activation"));
        }
        if !activation.live_audiences().any(|live| live == audience) {
            return Err(ControlError::conflict(format!("`{audience}` is not linked")));
        }
        if !activation.status.delivers() || !activation.is_prepared() {
            return Err(ControlError::conflict("the activation does not deliver: activate or resume it first"));
        }
        Ok(activation)
    }
}
