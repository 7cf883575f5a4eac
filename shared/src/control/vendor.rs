//! Questions to vendors: `check` and `discover`. They change nothing on either side.

use jiff::SignedDuration;

use super::{Control, ControlError, ControlResult, authorizations};
use crate::catalog;
use crate::destination::{Checked, Context, Destination, Discovered};
use crate::http::{Account, Session};
use crate::model::{ActivationId, AuthorizationId, Lane, Provider, RunId};
use crate::ports::Secret;

/// The longest that a question may take.
const QUESTION_TIME: SignedDuration = SignedDuration::from_secs(60);

impl Control {
    /// Tries an activation's credentials, settings and permissions.
    ///
    /// # Errors
    /// `NotFound`; `Vendor` where the vendor does not answer or refuses.
    pub async fn check_activation(&self, id: &ActivationId) -> ControlResult<Checked> {
        let activation = self.activation(id).await?;
        let destination = self.usable_destination(&activation.destination)?;
        let origins = destination.origins(&activation.settings);
        let (session, credentials) = self.session(&activation.authorization, destination, origins).await?;
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
        let (session, credentials) = self.session(id, destination, origins).await?;
        let discovered = destination.discover(&session, &credentials).await;
        session.end().await;
        Ok(discovered?)
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

    async fn session(
        &self,
        id: &AuthorizationId,
        destination: &'static dyn Destination,
        origins: Vec<String>,
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
            meter: self.ports.meter.clone(),
            trace: None,
            clock: self.ports.clock.clone(),
        };
        let deadline = self.now().saturating_add(QUESTION_TIME).unwrap_or(jiff::Timestamp::MAX);
        Ok((self.http.session(account, deadline), secret))
    }
}
