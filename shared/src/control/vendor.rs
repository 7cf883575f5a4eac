//! Questions to vendors: `check` and `discover`. They change nothing on either side.

use jiff::SignedDuration;

use super::{Control, ControlError, ControlResult, authorizations};
use crate::catalog;
use crate::destination::{Checked, Context, Destination, Discovered, Failure};
use crate::http::{Account, Session};
use crate::model::{Activation, ActivationId, AuthorizationId, Lane, Provider, RunId};
use crate::ports::Secret;

/// The longest that a question may take.
const QUESTION_TIME: SignedDuration = SignedDuration::from_secs(60);
/// The same of one that is asked beside a save. A request that finds no answer ends with it, so that a gateway which
/// waits for half a minute has the answer to the save.
pub(super) const LOOK_TIME: SignedDuration = SignedDuration::from_secs(28);

impl Control {
    /// Tries an activation's credentials, settings and permissions.
    ///
    /// # Errors
    /// `NotFound`; `Vendor` where the vendor does not answer or refuses.
    pub async fn check_activation(&self, id: &ActivationId) -> ControlResult<Checked> {
        let activation = self.activation(id).await?;
        let destination = self.usable_destination(&activation.destination)?;
        let origins = destination.origins(&activation.settings);
        let (session, credentials) =
            self.session(&activation.authorization, destination, origins, QUESTION_TIME).await?;
        let links = catalog::links(self.ports.catalog.as_ref(), &activation).await?;
        let notes = activation.prepared.map(|prepared| prepared.notes).unwrap_or_default();
        let context = Context {
            session: &session,
            credentials: &credentials,
            settings: &activation.settings,
            notes: &notes,
            links: &links,
            now: self.now(),
        };
        let checked = destination.check(&context).await;
        session.end().await;
        Ok(checked?)
    }

    /// What there is to pick from at the vendor with these credentials.
    ///
    /// # Errors
    /// `NotFound`; `Vendor` where the vendor does not answer or refuses.
    pub async fn discover(&self, id: &AuthorizationId) -> ControlResult<Discovered> {
        let authorization = self.authorization(id).await?;
        let destination = self.usable_destination(&authorization.provider)?;
        let origins = destination.spec().origins.iter().map(|origin| (*origin).to_owned()).collect();
        let (session, credentials) = self.session(id, destination, origins, QUESTION_TIME).await?;
        let discovered = destination.discover(&session, &credentials).await;
        session.end().await;
        Ok(discovered?)
    }

    /// Looks whether an activation's settings fit what the vendor has. Where the vendor cannot be asked nothing is said:
    /// a preparation looks again.
    ///
    /// # Errors
    /// `Invalid` with every mistake.
    pub(super) async fn check_fit(&self, activation: &Activation) -> ControlResult<()> {
        let Ok(destination) = self.deployed_destination(&activation.destination) else { return Ok(()) };
        let origins = destination.origins(&activation.settings);
        let (session, credentials) =
            match self.session(&activation.authorization, destination, origins, LOOK_TIME).await {
                Ok(found) => found,
                // Without a secret there is nobody to ask.
                Err(ControlError::Conflict { .. }) => return Ok(()),
                Err(error) => return Err(error),
            };
        let links = catalog::links(self.ports.catalog.as_ref(), activation).await?;
        let notes = activation.prepared.as_ref().map_or(&serde_json::Value::Null, |prepared| &prepared.notes);
        let context = Context {
            session: &session,
            credentials: &credentials,
            settings: &activation.settings,
            notes,
            links: &links,
            now: self.now(),
        };
        let misfits = destination.find_misfits(&context).await;
        session.end().await;
        match misfits {
            Ok(misfits) if misfits.is_empty() => Ok(()),
            Ok(misfits) => Err(ControlError::invalid("settings", misfits.join("; "))),
            Err(Failure::Misconfigured { reason }) => Err(ControlError::invalid("settings", reason.to_string())),
            Err(
                failure @ (Failure::Retryable { .. }
                | Failure::RateLimited { .. }
                | Failure::PutOff { .. }
                | Failure::Rejected { .. }
                | Failure::Unauthorized { .. }),
            ) => {
                tracing::warn!(activation = %activation.id, %failure, "saved without a look at the vendor's side");
                Ok(())
            }
        }
    }

    /// The destination of what was stored; this program may be older than the one that stored it.
    pub(super) fn known_destination(&self, provider: &Provider) -> ControlResult<&'static dyn Destination> {
        self.destination(provider)
            .ok_or_else(|| ControlError::conflict(format!("this program knows no destination `{provider}`")))
    }

    /// The same where it can be used. What was made while it could may still be there.
    pub(super) fn usable_destination(&self, provider: &Provider) -> ControlResult<&'static dyn Destination> {
        self.deployed_destination(provider).map_err(ControlError::conflict)
    }

    /// The destination, or the reason why it cannot be used.
    pub(super) fn deployed_destination(&self, provider: &Provider) -> Result<&'static dyn Destination, String> {
        let destination = self.destination(provider).ok_or_else(|| format!("there is no destination `{provider}`"))?;
        if self.deployed.has(provider) {
            return Ok(destination);
        }
        Err(format!("the destination `{provider}` was left out when Muster was deployed here"))
    }

    pub(super) async fn session(
        &self,
        id: &AuthorizationId,
        destination: &'static dyn Destination,
        origins: Vec<String>,
        time: SignedDuration,
    ) -> ControlResult<(Session, Secret)> {
        let authorization = self.authorization(id).await?;
        let secret = self.ports.vault.get(&authorizations::vault_name(id)).await?;
        let secret = secret.ok_or_else(|| {
            ControlError::conflict("the authorization has no secret: change it and give one".to_owned())
        })?;
        let account = Account {
            budget: authorization.limits.over(&destination.spec().budget),
            lane: Lane::Live,
            run: RunId(rand::random()),
            authorization: authorization.id,
            origins,
            ledger: self.ports.ledger.clone(),
            vault: self.ports.vault.clone(),
            meter: self.ports.meter.clone(),
            trace: None,
            clock: self.ports.clock.clone(),
        };
        let deadline = self.now().saturating_add(time).unwrap_or(jiff::Timestamp::MAX);
        Ok((self.http.session(account, deadline), secret))
    }
}
