//! Audiences and calculated attributes: what was seen, what people call it, what became of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::changes::{Consequence, link_audience, unlink_audience};
use super::{Control, ControlError, ControlResult, MAX_NAME, Page, Part, check_text, page};
use crate::catalog::{attribute_key, audience_key};
use crate::model::{
    Activation, ActivationId, ActivationStatus, Attribute, AttributeId, Audience, AudienceId, SourceId,
};
use crate::ports::PortResult;

/// An audience to be made before anybody entered it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAudience {
    /// Its id at the source.
    pub id: AudienceId,
    /// For people; the id where absent.
    #[serde(default)]
    pub name: Option<String>,
}

/// An audience with what is known about its use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AudienceView {
    /// The audience.
    #[serde(flatten)]
    pub audience: Audience,
    /// Changes that named it while no activation linked it.
    pub seen: u64,
    /// The activations in which it is a live link.
    pub linked_by: Vec<ActivationId>,
}

/// A calculated attribute with what is known about its use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AttributeView {
    /// The attribute.
    #[serde(flatten)]
    pub attribute: Attribute,
    /// The activations that link it.
    pub linked_by: Vec<ActivationId>,
}

/// The mark that an audience's deletion leaves for each link that was live until then: only these come
/// back when it is restored, not those that the owner had removed before.
fn deletion_mark(audience: &Audience, activation: &ActivationId) -> String {
    format!("linked-at-deletion/{}/{activation}/{}", audience.source, audience.id)
}

impl Control {
    async fn seen(&self, source: &SourceId) -> PortResult<BTreeMap<String, u64>> {
        let prefix = format!("seen/{source}/audience/");
        let counters = self.ports.ledger.counters(&prefix).await?;
        Ok(counters.into_iter().filter_map(|(name, n)| Some((name.strip_prefix(&prefix)?.to_owned(), n))).collect())
    }

    /// A source's activations, those taken away excepted.
    async fn linking(&self, source: &SourceId) -> PortResult<Vec<Activation>> {
        let mut activations: Vec<Activation> = self.read_all().await?;
        activations.retain(|one| one.source == *source && one.status != ActivationStatus::Removed);
        Ok(activations)
    }

    /// A source's audiences in the order of their ids, deleted ones too.
    ///
    /// # Errors
    /// `NotFound` for the source.
    pub async fn audiences(&self, source: &SourceId, part: &Part) -> ControlResult<Page<AudienceView>> {
        self.source(source).await?;
        let mut audiences: Vec<Audience> = self.read_all().await?;
        audiences.retain(|audience| audience.source == *source);
        audiences.sort_by(|a, b| a.id.cmp(&b.id));
        let Page { items, next } = page(audiences, part, |audience| audience.id.to_string());
        let seen = self.seen(source).await?;
        let activations = self.linking(source).await?;
        let items = items.into_iter().map(|audience| view_audience(audience, &seen, &activations)).collect();
        Ok(Page { items, next })
    }

    /// One audience.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn audience(&self, source: &SourceId, id: &AudienceId) -> ControlResult<AudienceView> {
        let audience = self.read("audience", &audience_key(source, id)).await?;
        self.view(audience).await
    }

    async fn view(&self, audience: Audience) -> ControlResult<AudienceView> {
        let seen = self.seen(&audience.source).await?;
        let activations = self.linking(&audience.source).await?;
        Ok(view_audience(audience, &seen, &activations))
    }

    /// Makes an audience that nobody has entered yet.
    ///
    /// # Errors
    /// `NotFound` for the source, `Conflict` where the audience is known, `Invalid` for its name.
    pub async fn create_audience(&self, source: &SourceId, new: NewAudience) -> ControlResult<AudienceView> {
        self.source(source).await?;
        let name = new.name.unwrap_or_else(|| new.id.to_string());
        check_text("name", &name, MAX_NAME)?;
        let first_seen_at = self.now();
        let audience = Audience { source: source.clone(), id: new.id, name, first_seen_at, deleted_at: None };
        self.create("an audience", &audience).await?;
        self.view(audience).await
    }

    /// Gives an audience another name, which linking activations then show at their vendors.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`.
    pub async fn rename_audience(&self, source: &SourceId, id: &AudienceId, name: &str) -> ControlResult<AudienceView> {
        check_text("name", name, MAX_NAME)?;
        let key = audience_key(source, id);
        let audience = self.edit("audience", &key, |one: &mut Audience| name.clone_into(&mut one.name)).await?;
        self.relabel(source, |activation| activation.audiences.iter().any(|link| link.audience == *id)).await?;
        self.view(audience).await
    }

    /// Marks an audience as deleted: linking activations write nothing for it any more and relabel what
    /// stands at their vendors. Repeating it finishes what was interrupted.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete_audience(&self, source: &SourceId, id: &AudienceId) -> ControlResult<AudienceView> {
        let now = self.now();
        let key = audience_key(source, id);
        let mark_deleted = |one: &mut Audience| one.deleted_at = one.deleted_at.or(Some(now));
        let audience: Audience = self.edit("audience", &key, mark_deleted).await?;
        let deleted_at = audience.deleted_at.unwrap_or(now);
        for activation in self.linking(source).await? {
            if !activation.live_audiences().any(|live| live == id) {
                continue;
            }
            self.ports.ledger.set_mark(&deletion_mark(&audience, &activation.id), deleted_at).await?;
            self.change_links(&activation.id, |activation| unlink_audience(activation, id)).await?;
        }
        self.view(audience).await
    }

    /// Takes a deletion back: the links that it removed live again and whoever is pending is walked.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn restore_audience(&self, source: &SourceId, id: &AudienceId) -> ControlResult<AudienceView> {
        let audience: Audience = self.read("audience", &audience_key(source, id)).await?;
        let Some(deleted_at) = audience.deleted_at else {
            return self.view(audience).await;
        };
        for activation in self.linking(source).await? {
            let mark = self.ports.ledger.mark(&deletion_mark(&audience, &activation.id)).await?;
            if mark.map(Timestamp::as_second) == Some(deleted_at.as_second()) {
                self.change_links(&activation.id, |activation| link_audience(activation, id)).await?;
            }
        }
        // Last, so that a restoration that was interrupted can be repeated.
        let key = audience_key(source, id);
        let audience = self.edit("audience", &key, |one: &mut Audience| one.deleted_at = None).await?;
        self.view(audience).await
    }

    async fn change_links(
        &self,
        id: &ActivationId,
        change: impl Fn(&mut Activation) -> Consequence + Send + Sync,
    ) -> ControlResult<()> {
        let (activation, consequence) = self
            .edit_activation(id, |activation| {
                let consequence = change(activation);
                Ok((consequence != Consequence::Nothing).then_some(consequence))
            })
            .await?;
        self.follow(&activation, consequence.unwrap_or(Consequence::Nothing)).await?;
        Ok(())
    }

    async fn relabel(&self, source: &SourceId, links: impl Fn(&Activation) -> bool + Send) -> ControlResult<()> {
        for activation in self.linking(source).await? {
            if links(&activation) {
                self.change_links(&activation.id, |_| Consequence::Relabel).await?;
            }
        }
        Ok(())
    }

    /// A source's calculated attributes in the order of their ids.
    ///
    /// # Errors
    /// `NotFound` for the source.
    pub async fn attributes(&self, source: &SourceId, part: &Part) -> ControlResult<Page<AttributeView>> {
        self.source(source).await?;
        let mut attributes: Vec<Attribute> = self.read_all().await?;
        attributes.retain(|attribute| attribute.source == *source);
        attributes.sort_by(|a, b| a.id.cmp(&b.id));
        let Page { items, next } = page(attributes, part, |attribute| attribute.id.to_string());
        let activations = self.linking(source).await?;
        let items = items.into_iter().map(|attribute| view_attribute(attribute, &activations)).collect();
        Ok(Page { items, next })
    }

    /// Gives a calculated attribute another name, which linking activations then show at their vendors.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`.
    pub async fn rename_attribute(
        &self,
        source: &SourceId,
        id: &AttributeId,
        name: &str,
    ) -> ControlResult<AttributeView> {
        check_text("name", name, MAX_NAME)?;
        let key = attribute_key(source, id);
        let attribute = self.edit("attribute", &key, |one: &mut Attribute| name.clone_into(&mut one.name)).await?;
        self.relabel(source, |activation| activation.attributes.iter().any(|link| link.attribute == *id)).await?;
        Ok(view_attribute(attribute, &self.linking(source).await?))
    }

    /// Makes linked audiences and attributes known that no change has named yet, so that they can be named.
    pub(super) async fn know_links(&self, activation: &Activation) -> ControlResult<()> {
        let source = &activation.source;
        for audience in activation.live_audiences() {
            let known: Option<Audience> = self.find(&audience_key(source, audience)).await?;
            if known.as_ref().is_some_and(|one| one.deleted_at.is_some()) {
                let reason = format!("`{audience}` was deleted: restore it first");
                return Err(ControlError::invalid("audiences", reason));
            }
            if known.is_none() {
                let (id, name) = (audience.clone(), audience.to_string());
                let new = Audience { source: source.clone(), id, name, first_seen_at: self.now(), deleted_at: None };
                // Whoever came first wrote the same.
                crate::catalog::put(self.ports.catalog.as_ref(), &new, 0).await?;
            }
        }
        for link in &activation.attributes {
            if self.find::<Attribute>(&attribute_key(source, &link.attribute)).await?.is_none() {
                let (id, name) = (link.attribute.clone(), link.attribute.to_string());
                let new =
                    Attribute { source: source.clone(), id, name, observed_type: None, first_seen_at: self.now() };
                crate::catalog::put(self.ports.catalog.as_ref(), &new, 0).await?;
            }
        }
        Ok(())
    }

    async fn find<T: crate::catalog::Cataloged>(&self, key: &str) -> PortResult<Option<T>> {
        Ok(crate::catalog::get::<T>(self.ports.catalog.as_ref(), key).await?.map(|stored| stored.value))
    }
}

fn view_audience(audience: Audience, seen: &BTreeMap<String, u64>, activations: &[Activation]) -> AudienceView {
    let links = |one: &&Activation| one.live_audiences().any(|live| *live == audience.id);
    let linked_by = activations.iter().filter(links).map(|one| one.id.clone()).collect();
    AudienceView { seen: seen.get(audience.id.as_str()).copied().unwrap_or(0), linked_by, audience }
}

fn view_attribute(attribute: Attribute, activations: &[Activation]) -> AttributeView {
    let links = |one: &&Activation| one.attributes.iter().any(|link| link.attribute == attribute.id);
    let linked_by = activations.iter().filter(links).map(|one| one.id.clone()).collect();
    AttributeView { linked_by, attribute }
}
