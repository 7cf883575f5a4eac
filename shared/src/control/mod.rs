//! What an owner does: sources, audiences, authorizations, activations, and the evidence of what was
//! delivered. Operations over the ports that know nothing of HTTP.
//!
//! Every edit is written first, on condition that nobody else wrote in between; what must follow from it
//! (a preparation, a walk) is sent afterwards, delayed by the longest age of a worker's catalog, so that
//! no worker acts on what was there before. A message lost between the two is harmless: repeating the
//! request sends it again, and the daily catch-up finds whoever is pending.

pub mod activation_view;
pub mod activations;
pub mod audiences;
pub mod authorizations;
pub mod changes;
mod connectors;
pub mod effects;
pub mod evidence;
mod insiders;
pub mod notices;
pub mod preview;
pub mod reasons;
mod reconcile;
mod scans;
pub mod signals;
pub mod sources;
#[cfg(test)]
mod tests;
mod vendor;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::catalog::{self, CachedCatalog, Cataloged, Edit};
use crate::delivery::start_job;
use crate::destination::{Destination, Failure};
use crate::http::Http;
use crate::model::{Activation, ActivationId, Deployed, InstallationKey, JobKind, Message, Provider, QueueName};
use crate::ports::{Outgoing, PortError, PortResult, Ports, Secret};
use changes::Consequence;

pub use activation_view::ActivationView;
pub use activations::{ActivationChange, AttributesEdit, AudiencesEdit, Labels, NewActivation};
pub use audiences::{AttributeView, AudienceView, NewAudience};
pub use authorizations::{AuthorizationChange, NewAuthorization};
pub use connectors::{ConnectorView, Direction, KeyHeader, NewConnector};
pub use effects::{EffectView, EffectWord};
pub use evidence::{AccountingView, Kept, KeptRecord, PersonEvidence, PersonQuery};
pub use insiders::{InsidersQuery, InsidersWord};
pub use notices::NoticeReceiver;
pub use preview::{Preview, PreviewQuery};
pub use reasons::{ReasonsPart, ReasonsView};
pub use scans::{Doing, NewAccess, Resumption, ScanView};
pub use signals::SignalLogin;
pub use sources::{LeftOut, NewSource, OAuth2Client, SourceEdit, SourceSecret, SourceView};

/// The control plane.
pub struct Control {
    /// The ports.
    pub ports: Ports,
    /// This process's copy of the catalog, forgotten after every edit. Its age is how long follow-ups wait.
    pub catalog: Arc<CachedCatalog>,
    /// For `check` and `discover`.
    pub http: Http,
    /// Under which people are stored.
    pub installation: InstallationKey,
    /// The destinations there are; [`crate::destinations::all`] outside of tests.
    pub destinations: Vec<&'static dyn Destination>,
    /// Which of them can be used.
    pub deployed: Deployed,
}

/// Why an operation did not happen, named after what the owner does next.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Look at the id.
    #[error("there is no such {what}")]
    NotFound {
        /// What was looked for.
        what: &'static str,
    },
    /// Look at what is there already.
    #[error("{reason}")]
    Conflict {
        /// What is in the way.
        reason: String,
    },
    /// Correct the request.
    #[error("{path}: {reason}")]
    Invalid {
        /// Where in the request, as a JSON path.
        path: String,
        /// What is wrong there; never a part of a secret.
        reason: String,
    },
    /// See what the vendor says.
    #[error(transparent)]
    Vendor(#[from] Failure),
    /// Try again: our own failure.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// What operations answer.
pub type ControlResult<T> = Result<T, ControlError>;

impl ControlError {
    fn conflict(reason: impl Into<String>) -> Self {
        Self::Conflict { reason: reason.into() }
    }

    fn invalid(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid { path: path.into(), reason: reason.into() }
    }
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "PageOf{T}")]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// The cursor of the next part; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Which part of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// The `next` of the part before.
    pub after: Option<String>,
    /// Most items, from 1.
    pub limit: usize,
}

/// Most items of one part.
pub const MAX_PART: usize = 1000;
/// Items of a part where nobody says how many.
pub const DEFAULT_PART: usize = 100;

/// Cuts a part out of `items`, which are in the order of their unique `id`.
pub fn page<T>(items: Vec<T>, part: &Part, id: impl Fn(&T) -> String) -> Page<T> {
    let limit = part.limit.clamp(1, MAX_PART);
    let mut rest = items.into_iter().skip_while(|item| part.after.as_ref().is_some_and(|after| id(item) <= *after));
    let items: Vec<T> = rest.by_ref().take(limit).collect();
    let next = rest.next().and_then(|_| items.last().map(&id));
    Page { items, next }
}

/// The same of `items` that are the newest first, whatever the order of their ids.
pub fn page_of_newest<T>(items: Vec<T>, part: &Part, id: impl Fn(&T) -> String) -> Page<T> {
    let first = Part { after: None, limit: part.limit };
    match &part.after {
        None => page(items, &first, id),
        Some(after) => {
            let rest = items.into_iter().skip_while(|item| id(item) != *after).skip(1).collect();
            page(rest, &first, id)
        }
    }
}

/// Reads a field that is there, `null` included, where absence means "unchanged".
pub(crate) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(from).map(Some)
}

/// A text for people: 1 to `max` characters, none of them a control character.
fn check_text(path: &str, text: &str, max: usize) -> ControlResult<()> {
    let length = text.chars().count();
    if text.trim().is_empty() || length > max {
        return Err(ControlError::invalid(path, format!("must be 1 to {max} characters")));
    }
    if text.chars().any(char::is_control) {
        return Err(ControlError::invalid(path, "must not contain control characters"));
    }
    Ok(())
}

/// A longer text for people, which may be empty and have several lines.
fn check_description(text: &str) -> ControlResult<()> {
    if text.chars().count() > 2000 {
        return Err(ControlError::invalid("description", "must have at most 2000 characters"));
    }
    Ok(())
}

const MAX_NAME: usize = 200;

async fn send_later(ports: &Ports, message: &Message, delay: SignedDuration) -> PortResult<()> {
    ports.queue.send(&QueueName::Jobs, vec![Outgoing::later(message, delay)]).await
}

impl Control {
    /// How old a worker's catalog may be; what follows an edit waits as long.
    pub fn cache_age(&self) -> SignedDuration {
        self.catalog.max_age()
    }

    fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    fn destination(&self, provider: &Provider) -> Option<&'static dyn Destination> {
        self.destinations.iter().copied().find(|destination| destination.spec().provider == *provider)
    }

    /// The destinations that can be used.
    pub fn deployed_destinations(&self) -> impl Iterator<Item = &'static dyn Destination> {
        self.destinations.iter().copied().filter(|destination| self.deployed.has(&destination.spec().provider))
    }

    async fn read<T: Cataloged>(&self, what: &'static str, id: &str) -> ControlResult<T> {
        let stored = catalog::get::<T>(self.ports.catalog.as_ref(), id).await?;
        stored.map(|stored| stored.value).ok_or(ControlError::NotFound { what })
    }

    async fn read_all<T: Cataloged>(&self) -> PortResult<Vec<T>> {
        let stored = catalog::list::<T>(self.ports.catalog.as_ref()).await?;
        Ok(stored.into_iter().map(|one| one.value).collect())
    }

    /// Writes what must not exist yet.
    async fn create<T: Cataloged>(&self, what: &'static str, value: &T) -> ControlResult<()> {
        if !catalog::put(self.ports.catalog.as_ref(), value, 0).await? {
            return Err(ControlError::conflict(format!("there is already {what} of this id")));
        }
        self.catalog.forget().await;
        Ok(())
    }

    /// Makes `value` and keeps its secret. The id is claimed first, so that nobody overwrites another's secret.
    ///
    /// A process that dies between the two leaves an id without a secret: the repeat of its request, of which
    /// `is_repeat` is asked with what is stored, finishes it instead of finding the id taken.
    async fn create_with_secret<T: Cataloged>(
        &self,
        what: &'static str,
        value: &T,
        (name, secret): (&str, &Secret),
        is_repeat: impl Fn(&T) -> bool + Send,
    ) -> ControlResult<()> {
        match self.create(what, value).await {
            Ok(()) => {}
            Err(taken @ ControlError::Conflict { .. }) => {
                let stored = catalog::get::<T>(self.ports.catalog.as_ref(), &value.catalog_id()).await?;
                let repeated = stored.is_some_and(|stored| is_repeat(&stored.value));
                if !repeated || self.ports.vault.get(name).await?.is_some() {
                    return Err(taken);
                }
                self.ports.vault.put_if_absent(name, secret).await?;
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        if let Err(error) = self.ports.vault.put(name, secret).await {
            self.ports.catalog.delete(T::KIND, &value.catalog_id()).await?;
            return Err(error.into());
        }
        Ok(())
    }

    /// Reads, edits and writes until no other writer came between.
    async fn edit<T: Cataloged + Clone + PartialEq>(
        &self,
        what: &'static str,
        id: &str,
        edit: impl Fn(&mut T) + Send + Sync,
    ) -> ControlResult<T> {
        loop {
            let stored = catalog::get::<T>(self.ports.catalog.as_ref(), id).await?;
            let stored = stored.ok_or(ControlError::NotFound { what })?;
            let mut value = stored.value.clone();
            edit(&mut value);
            if value == stored.value {
                return Ok(value);
            }
            if catalog::put(self.ports.catalog.as_ref(), &value, stored.version).await? {
                self.catalog.forget().await;
                return Ok(value);
            }
        }
    }

    /// Edits an activation; `decide` answers what follows, `None` to leave it as it is.
    async fn edit_activation(
        &self,
        id: &ActivationId,
        mut decide: impl FnMut(&mut Activation) -> ControlResult<Option<Consequence>> + Send,
    ) -> ControlResult<(Activation, Option<Consequence>)> {
        let mut decided = Ok(None);
        let edited = catalog::edit_activation(self.ports.catalog.as_ref(), id, |activation| {
            decided = decide(activation);
            match &decided {
                Ok(Some(consequence)) => {
                    consequence.raise(activation);
                    Edit::Write
                }
                Ok(None) | Err(_) => Edit::Keep,
            }
        })
        .await?;
        let consequence = decided?;
        let (activation, _) = edited.ok_or(ControlError::NotFound { what: "activation" })?;
        if consequence.is_some() {
            self.catalog.forget().await;
        }
        Ok((activation, consequence))
    }

    /// Sends what follows from an edit. An activation that does not deliver asks its vendor for nothing:
    /// whoever resumes it has it prepared and walked.
    async fn follow(&self, activation: &Activation, consequence: Consequence) -> PortResult<()> {
        if !activation.status.delivers() {
            return Ok(());
        }
        if consequence.changes_layout() {
            self.send_prepare(activation).await?;
        }
        if consequence.changes_content() {
            start_job(&self.ports, activation, JobKind::Resume, self.cache_age()).await?;
        }
        Ok(())
    }

    async fn send_prepare(&self, activation: &Activation) -> PortResult<()> {
        let message = Message::Prepare { activation: activation.id.clone(), attempts: 0 };
        send_later(&self.ports, &message, self.cache_age()).await
    }
}
