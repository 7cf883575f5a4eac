//! Activations: made as drafts, edited, and brought from one status to the next.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;

use super::activation_view::ActivationView;
use super::changes::{self, Consequence};
use super::{Control, ControlError, ControlResult, MAX_NAME, Page, Part, check_description, check_text, page, present};
use crate::destination::Destination;
use crate::model::activation::DEFAULT_RETRY_WINDOW_HOURS;
use crate::model::effect::Events;
use crate::model::{
    Activation, ActivationId, ActivationStatus, AttributeId, AttributeLink, AudienceId, AudienceLink, AuthorizationId,
    Earning, FieldName, Identifier, IdentifierType, Job, JobKind, LinkState, Path, Provider, Reads, Replay, SourceId,
};
use crate::ports::PortResult;

/// Longest retry window, in hours: a month.
const MAX_RETRY_WINDOW_HOURS: u32 = 720;
/// Longest time that parked records are kept, in days, where it is not for ever.
const MAX_KEEP_PARKED_DAYS: u32 = 3650;

/// An activation to be made, as a draft.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewActivation {
    /// Its id. It stays taken when the activation is removed: the people's receipts bear it.
    pub id: ActivationId,
    /// For people.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// Where its people come from.
    pub source: SourceId,
    /// The destination's kind.
    pub destination: Provider,
    /// With whose credentials.
    pub authorization: AuthorizationId,
    /// The destination's own settings, as its schema says.
    pub settings: serde_json::Value,
    /// Audiences to link, seen before or not.
    #[serde(default)]
    pub audiences: BTreeSet<AudienceId>,
    /// Calculated attributes to link, seen before or not.
    #[serde(default)]
    pub attributes: Vec<AttributeLink>,
    /// By which of a person's values the destination knows the person; `ids.email` where absent.
    #[serde(default)]
    pub person_identifier: Option<Path>,
    /// Fields whose change alone makes a record pending.
    #[serde(default)]
    pub triggers: BTreeSet<FieldName>,
    /// Who is mailed when it starts failing, works again, or parks records.
    #[serde(default)]
    pub notify: Option<String>,
    /// How long a record is tried before it is parked, in hours from its first failure; 72 where absent.
    #[serde(default)]
    pub retry_window_hours: Option<u32>,
    /// How long a parked record waits for a replay, in days; for ever where absent. Afterwards it is listed as given
    /// up, its receipt stays, and a replay sends it only where it is asked for.
    #[serde(default)]
    pub keep_parked_days: Option<u32>,
}

/// A change of an activation: what is absent stays.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActivationChange {
    /// For people.
    #[serde(default)]
    pub name: Option<String>,
    /// For people.
    #[serde(default)]
    pub description: Option<String>,
    /// Who is mailed when it starts failing, works again, or parks records; null for nobody.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<String>")]
    pub notify: Option<Option<String>>,
    /// The destination's own settings as a whole. Everybody is sent again.
    #[serde(default)]
    pub settings: Option<serde_json::Value>,
    /// Audiences linked anew or no longer.
    #[serde(default)]
    pub audiences: Option<AudiencesEdit>,
    /// Calculated attributes linked anew or no longer.
    #[serde(default)]
    pub attributes: Option<AttributesEdit>,
    /// By which of a person's values the destination knows the person. Everybody is sent again.
    #[serde(default)]
    pub person_identifier: Option<Path>,
    /// Fields whose change alone makes a record pending, as a whole.
    #[serde(default)]
    pub triggers: Option<BTreeSet<FieldName>>,
    /// How long a record is tried before it is parked, in hours from its first failure.
    #[serde(default)]
    pub retry_window_hours: Option<u32>,
    /// How long a parked record waits for a replay, in days; null for ever.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<u32>")]
    pub keep_parked_days: Option<Option<u32>>,
}

/// Links of audiences added and removed.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AudiencesEdit {
    /// Linked from now on.
    #[serde(default)]
    pub add: BTreeSet<AudienceId>,
    /// No longer: nothing is written for them, what stands at the vendor is relabelled.
    #[serde(default)]
    pub remove: BTreeSet<AudienceId>,
}

/// Links of calculated attributes added and removed.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttributesEdit {
    /// Linked from now on, or of another type.
    #[serde(default)]
    pub add: Vec<AttributeLink>,
    /// No longer.
    #[serde(default)]
    pub remove: BTreeSet<AttributeId>,
}

/// What becomes of the labels at the vendor when an activation is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Labels {
    /// They stay.
    Keep,
    /// They say that the audience was removed.
    Relabel,
}

fn check_notify(notify: Option<&str>) -> ControlResult<()> {
    let (Some(address), Ok(email)) = (notify, "email".parse::<IdentifierType>()) else {
        return Ok(());
    };
    Identifier::normalise(&email, address)
        .map(|_| ())
        .map_err(|error| ControlError::invalid("notify", error.to_string()))
}

fn check_retry_window(hours: Option<u32>) -> ControlResult<()> {
    match hours {
        Some(hours) if !(1..=MAX_RETRY_WINDOW_HOURS).contains(&hours) => {
            let reason = format!("must be between 1 and {MAX_RETRY_WINDOW_HOURS}");
            Err(ControlError::invalid("retry_window_hours", reason))
        }
        Some(_) | None => Ok(()),
    }
}

fn check_keep_parked(days: Option<u32>) -> ControlResult<()> {
    match days {
        Some(days) if !(1..=MAX_KEEP_PARKED_DAYS).contains(&days) => {
            let reason = format!("must be between 1 and {MAX_KEEP_PARKED_DAYS}");
            Err(ControlError::invalid("keep_parked_days", reason))
        }
        Some(_) | None => Ok(()),
    }
}

fn check_links(attributes: &[AttributeLink]) -> ControlResult<()> {
    let mut seen = BTreeSet::new();
    match attributes.iter().position(|link| !seen.insert(&link.attribute)) {
        Some(at) => Err(ControlError::invalid(format!("attributes[{at}]"), "is linked twice")),
        None => Ok(()),
    }
}

fn check_edit(change: &ActivationChange) -> ControlResult<()> {
    if let Some(name) = &change.name {
        check_text("name", name, MAX_NAME)?;
    }
    check_description(change.description.as_deref().unwrap_or_default())?;
    check_notify(change.notify.as_ref().and_then(Option::as_deref))?;
    check_retry_window(change.retry_window_hours)?;
    check_keep_parked(change.keep_parked_days.flatten())?;
    if let Some(edit) = &change.audiences
        && let Some(both) = edit.add.intersection(&edit.remove).next()
    {
        return Err(ControlError::invalid("audiences.remove", format!("`{both}` is also to be added")));
    }
    if let Some(edit) = &change.attributes {
        check_links(&edit.add)?;
        if let Some(both) = edit.add.iter().find(|link| edit.remove.contains(&link.attribute)) {
            let reason = format!("`{}` is also to be added", both.attribute);
            return Err(ControlError::invalid("attributes.remove", reason));
        }
    }
    Ok(())
}

impl Control {
    /// Activations in the order of their ids, removed ones too.
    ///
    /// # Errors
    /// Where a store does not answer.
    pub async fn activations(&self, part: &Part) -> ControlResult<Page<ActivationView>> {
        let mut activations: Vec<Activation> = self.read_all().await?;
        activations.sort_by(|a, b| a.id.cmp(&b.id));
        let Page { items, next } = page(activations, part, |one| one.id.to_string());
        Ok(Page { items: items.into_iter().map(ActivationView::from).collect(), next })
    }

    /// One activation.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn activation(&self, id: &ActivationId) -> ControlResult<Activation> {
        self.read("activation", id.as_str()).await
    }

    /// Makes a draft.
    ///
    /// # Errors
    /// `Conflict` where the id is taken; `Invalid` for an unknown source, destination or authorization, for
    /// settings that do not fit, and for a link to a deleted audience.
    pub async fn create_activation(&self, new: NewActivation) -> ControlResult<Activation> {
        let mut activation = draft(new, self.now())?;
        if self.find_source(&activation.source).await?.is_none() {
            return Err(ControlError::invalid("source", "there is no such source"));
        }
        self.check_destination(&activation.destination)?;
        self.check_authorization(&activation).await?;
        self.check_settings(&activation).await?;
        self.take_over_settings(&mut activation);
        self.know_links(&activation).await?;
        self.create("an activation", &activation).await?;
        Ok(activation)
    }

    async fn find_source(&self, id: &SourceId) -> PortResult<Option<crate::model::Source>> {
        Ok(crate::catalog::get(self.ports.catalog.as_ref(), id.as_str()).await?.map(|stored| stored.value))
    }

    fn check_destination(&self, provider: &Provider) -> ControlResult<&'static dyn Destination> {
        self.deployed_destination(provider).map_err(|reason| ControlError::invalid("destination", reason))
    }

    async fn check_authorization(&self, activation: &Activation) -> ControlResult<()> {
        match self.authorization(&activation.authorization).await {
            Ok(authorization) if authorization.provider == activation.destination => Ok(()),
            Ok(authorization) => {
                Err(ControlError::invalid("authorization", format!("is for `{}`", authorization.provider)))
            }
            Err(ControlError::NotFound { .. }) => {
                Err(ControlError::invalid("authorization", "there is no such authorization"))
            }
            Err(error) => Err(error),
        }
    }

    /// Settings alone, and against what the vendor has. What the vendor's side shows is told with what is wrong anyway.
    async fn check_settings(&self, activation: &Activation) -> ControlResult<()> {
        let destination = self.check_destination(&activation.destination)?;
        let alone = destination.check_settings(&activation.settings);
        self.check_fit(activation).await?;
        alone.map_err(|reason| ControlError::invalid("settings", reason))
    }

    /// What follows from the settings: what the destination reads of a person besides what is linked makes a
    /// record pending too, and some transitions earn an effect.
    pub(super) fn take_over_settings(&self, activation: &mut Activation) {
        if let Some(destination) = self.destination(&activation.destination) {
            activation.triggers.extend(destination.reads_fields(&activation.settings));
            activation.reads = destination.reads(&activation.settings);
            activation.earning = destination.earns(&activation.settings);
        }
    }

    /// Changes an activation. Where it delivers, what follows is asked for: a preparation, a walk.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`; `Conflict` for a removed one.
    pub async fn change_activation(&self, id: &ActivationId, change: &ActivationChange) -> ControlResult<Activation> {
        check_edit(change)?;
        let mut planned = self.activation(id).await?;
        changes::apply(&mut planned, change);
        if change.settings.is_some() {
            self.check_settings(&planned).await?;
        } else if changes::adds_links(change) {
            self.check_fit(&planned).await?;
        }
        if change.audiences.is_some() || change.attributes.is_some() {
            self.know_links(&planned).await?;
        }
        let (activation, consequence) = self
            .edit_activation(id, |activation| {
                if activation.status == ActivationStatus::Removed {
                    return Err(ControlError::conflict("the activation was removed"));
                }
                let before = activation.clone();
                let consequence = changes::apply(activation, change);
                self.take_over_settings(activation);
                Ok((before != *activation).then_some(consequence))
            })
            .await?;
        self.follow(&activation, consequence.unwrap_or(Consequence::Nothing)).await?;
        Ok(activation)
    }

    /// Starts a draft: the vendor's side is prepared, then everybody already there is walked.
    ///
    /// Repeating it on one that is not yet prepared asks for the preparation again.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for what is no draft or links nothing, and where the destination cannot be used.
    pub async fn activate(&self, id: &ActivationId) -> ControlResult<Activation> {
        let now = self.now();
        let (activation, _) = self
            .edit_activation(id, |activation| match self.to_deliver(activation)? {
                ActivationStatus::Draft => {
                    let is_told_nothing = activation.earning.events == Events::None;
                    if activation.live_audiences().next().is_none()
                        && activation.attributes.is_empty()
                        && is_told_nothing
                    {
                        return Err(ControlError::conflict("link an audience or an attribute first"));
                    }
                    activation.set_status(ActivationStatus::Backfilling, None);
                    activation.approvals += 1;
                    activation.activated_at = Some(now);
                    Ok(Some(Consequence::Resend))
                }
                ActivationStatus::Backfilling => Ok(None),
                ActivationStatus::Active => Err(ControlError::conflict("the activation is active already")),
                ActivationStatus::Paused | ActivationStatus::Failing => {
                    Err(ControlError::conflict("the activation was activated before: resume it"))
                }
                ActivationStatus::Removed => Err(ControlError::conflict("the activation was removed")),
            })
            .await?;
        if !activation.is_prepared() {
            self.send_prepare(&activation).await?;
        }
        Ok(activation)
    }

    /// Stops an activation: nothing is sent, what is pending remains so.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for a draft or a removed one.
    pub async fn pause(&self, id: &ActivationId) -> ControlResult<Activation> {
        let (activation, _) = self
            .edit_activation(id, |activation| match activation.status {
                ActivationStatus::Backfilling | ActivationStatus::Active | ActivationStatus::Failing => {
                    activation.set_status(ActivationStatus::Paused, None);
                    Ok(Some(Consequence::Nothing))
                }
                ActivationStatus::Paused => Ok(None),
                ActivationStatus::Draft => Err(ControlError::conflict("the activation was never activated")),
                ActivationStatus::Removed => Err(ControlError::conflict("the activation was removed")),
            })
            .await?;
        Ok(activation)
    }

    /// Goes on after a pause or a failure: whoever is pending is walked, those whom an unfinished first
    /// walk had not reached included.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for a draft or a removed one, and where the destination cannot be used.
    pub async fn resume(&self, id: &ActivationId) -> ControlResult<Activation> {
        let (activation, _) = self
            .edit_activation(id, |activation| match self.to_deliver(activation)? {
                ActivationStatus::Paused => {
                    activation.set_status(ActivationStatus::Active, None);
                    activation.approvals += 1;
                    Ok(Some(Consequence::Nothing))
                }
                // Whatever made it fail may have changed the vendor's side: prepared anew before anything is sent.
                ActivationStatus::Failing => {
                    activation.set_status(ActivationStatus::Active, None);
                    Ok(Some(Consequence::Relabel))
                }
                // Again, since the job of the first try may never have been written.
                ActivationStatus::Active | ActivationStatus::Backfilling => Ok(None),
                ActivationStatus::Draft => Err(ControlError::conflict("the activation was never activated")),
                ActivationStatus::Removed => Err(ControlError::conflict("the activation was removed")),
            })
            .await?;
        self.set_going(&activation, JobKind::Resume).await?;
        Ok(activation)
    }

    /// The status of an activation that is to deliver, which it can where its destination can be used.
    fn to_deliver(&self, activation: &Activation) -> ControlResult<ActivationStatus> {
        self.usable_destination(&activation.destination)?;
        Ok(activation.status)
    }

    /// Has an activation prepared where it is not, and walked.
    pub(super) async fn set_going(&self, activation: &Activation, kind: JobKind) -> PortResult<Job> {
        if !activation.is_prepared() {
            self.send_prepare(activation).await?;
        }
        crate::delivery::start_job(&self.ports, activation, kind, self.cache_age()).await
    }

    /// Takes an activation away. Nothing is sent for it any more, save for the relabelling that was asked
    /// for; repeating the request asks for it again while it was not done.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn remove_activation(&self, id: &ActivationId, labels: Labels) -> ControlResult<Activation> {
        let (activation, _) = self
            .edit_activation(id, |activation| {
                let all: BTreeSet<AudienceId> = activation.live_audiences().cloned().collect();
                let mut consequence = Consequence::Nothing;
                if labels == Labels::Relabel {
                    let links = all.iter().map(|audience| changes::unlink_audience(activation, audience));
                    consequence = links.fold(consequence, Consequence::and);
                }
                let was = activation.status;
                if was != ActivationStatus::Removed {
                    activation.set_status(ActivationStatus::Removed, None);
                }
                Ok((was != ActivationStatus::Removed || consequence != Consequence::Nothing).then_some(consequence))
            })
            .await?;
        if labels == Labels::Relabel && activation.prepared.is_some() && !activation.is_prepared() {
            self.send_prepare(&activation).await?;
        }
        Ok(activation)
    }

    /// Walks an activation's people by hand.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for one that does not deliver.
    pub async fn walk(&self, id: &ActivationId, kind: JobKind) -> ControlResult<Job> {
        let activation = self.activation(id).await?;
        if !self.to_deliver(&activation)?.delivers() {
            return Err(ControlError::conflict("the activation does not deliver: activate or resume it first"));
        }
        Ok(self.set_going(&activation, kind).await?)
    }

    /// Sends again whoever a filter picks.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for a filter that picks nothing or a rate below 0.1; `Conflict` for an activation that
    /// does not deliver.
    pub async fn replay(&self, id: &ActivationId, replay: Replay) -> ControlResult<Job> {
        let activation = self.activation(id).await?;
        if replay.ended.is_empty() {
            return Err(ControlError::invalid("ended", "name at least one end"));
        }
        if replay.people_per_second.is_some_and(|rate| !(0.1..=100_000.0).contains(&rate)) {
            return Err(ControlError::invalid("people_per_second", "must be between 0.1 and 100000"));
        }
        if !self.to_deliver(&activation)?.delivers() {
            return Err(ControlError::conflict("the activation does not deliver: activate or resume it first"));
        }
        Ok(crate::delivery::start_replay(&self.ports, &activation, replay, SignedDuration::ZERO).await?)
    }
}

fn draft(new: NewActivation, now: Timestamp) -> ControlResult<Activation> {
    let NewActivation {
        id,
        name,
        description,
        source,
        destination,
        authorization,
        settings,
        audiences,
        attributes,
        person_identifier,
        triggers,
        notify,
        retry_window_hours,
        keep_parked_days,
    } = new;
    check_text("name", &name, MAX_NAME)?;
    check_description(&description)?;
    check_notify(notify.as_deref())?;
    check_retry_window(retry_window_hours)?;
    check_keep_parked(keep_parked_days)?;
    check_links(&attributes)?;
    let person_identifier = match person_identifier {
        Some(path) => path,
        None => "ids.email".parse().map_err(|reason: String| ControlError::invalid("person_identifier", reason))?,
    };
    let live = |audience| AudienceLink { audience, state: LinkState::Live };
    Ok(Activation {
        id,
        name,
        description,
        source,
        audiences: audiences.into_iter().map(live).collect(),
        attributes,
        destination,
        authorization,
        settings,
        person_identifier,
        triggers,
        reads: Reads::default(),
        earning: Earning::default(),
        notify,
        notify_url: None,
        retry_window_hours: retry_window_hours.unwrap_or(DEFAULT_RETRY_WINDOW_HOURS),
        keep_parked_days,
        status: ActivationStatus::Draft,
        why: None,
        transitions: 0,
        approvals: 0,
        turns: Vec::new(),
        revision: 1,
        layout: 1,
        prepared: None,
        created_at: now,
        activated_at: None,
    })
}
