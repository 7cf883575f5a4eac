//! Typed access to the catalog, and a copy of it that is at most a few seconds old for the hot paths.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use crate::destination::{LinkedAttribute, LinkedAudience, Links};
use crate::model::{
    Activation, ActivationId, Attribute, AttributeId, AttributeType, Audience, AudienceId, Authorization,
    AuthorizationId, Path, Source, SourceId,
};
use crate::ports::{Catalog, Clock, Document, Kind, PortError, PortResult};

/// A catalog document with its version, for a later conditional write.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored<T> {
    /// The content.
    pub value: T,
    /// The version it was read at.
    pub version: u64,
}

/// What is kept in the catalog.
pub trait Cataloged: Serialize + DeserializeOwned + Send + Sync {
    /// As which kind.
    const KIND: Kind;
    /// Under which id.
    fn catalog_id(&self) -> String;
}

impl Cataloged for Source {
    const KIND: Kind = Kind::Source;
    fn catalog_id(&self) -> String {
        self.id.to_string()
    }
}

impl Cataloged for Audience {
    const KIND: Kind = Kind::Audience;
    fn catalog_id(&self) -> String {
        audience_key(&self.source, &self.id)
    }
}

impl Cataloged for Attribute {
    const KIND: Kind = Kind::Attribute;
    fn catalog_id(&self) -> String {
        attribute_key(&self.source, &self.id)
    }
}

impl Cataloged for Authorization {
    const KIND: Kind = Kind::Authorization;
    fn catalog_id(&self) -> String {
        self.id.to_string()
    }
}

impl Cataloged for Activation {
    const KIND: Kind = Kind::Activation;
    fn catalog_id(&self) -> String {
        self.id.to_string()
    }
}

/// The catalog id of an audience.
pub fn audience_key(source: &SourceId, audience: &AudienceId) -> String {
    format!("{source}/{audience}")
}

/// The catalog id of an attribute.
pub fn attribute_key(source: &SourceId, attribute: &AttributeId) -> String {
    format!("{source}/{attribute}")
}

fn typed<T: Cataloged>(document: Document) -> PortResult<Stored<T>> {
    let value = serde_json::from_value(document.body).map_err(|error| PortError::Unreadable {
        store: "catalog",
        what: format!("{} {}: {error}", T::KIND.name(), document.id),
    })?;
    Ok(Stored { value, version: document.version })
}

/// One document.
pub async fn get<T: Cataloged>(catalog: &dyn Catalog, id: &str) -> PortResult<Option<Stored<T>>> {
    catalog.get(T::KIND, id).await?.map(typed).transpose()
}

/// All documents of a kind.
pub async fn list<T: Cataloged>(catalog: &dyn Catalog) -> PortResult<Vec<Stored<T>>> {
    catalog.list(T::KIND).await?.into_iter().map(typed).collect()
}

/// Writes a document on condition of the version read (0: must not exist yet); answers whether it did.
pub async fn put<T: Cataloged>(catalog: &dyn Catalog, value: &T, read_version: u64) -> PortResult<bool> {
    let body = serde_json::to_value(value)
        .map_err(|error| PortError::Unreadable { store: "catalog", what: error.to_string() })?;
    catalog.put(T::KIND, &value.catalog_id(), body, read_version).await
}

/// Reads, edits and writes an activation until no other writer came between. `edit` answers whether to
/// write. `None` where there is no such activation.
pub async fn edit_activation(
    catalog: &dyn Catalog,
    id: &ActivationId,
    mut edit: impl FnMut(&mut Activation) -> Edit + Send,
) -> PortResult<Option<(Activation, Edit)>> {
    loop {
        let Some(mut stored) = get::<Activation>(catalog, id.as_str()).await? else {
            return Ok(None);
        };
        let decided = edit(&mut stored.value);
        if decided == Edit::Keep || put(catalog, &stored.value, stored.version).await? {
            return Ok(Some((stored.value, decided)));
        }
    }
}

/// What an edit decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// Write it.
    Write,
    /// Leave it as it was.
    Keep,
}

/// The links of an activation with the names that people know.
pub async fn links(catalog: &dyn Catalog, activation: &Activation) -> PortResult<Links> {
    let audiences: Vec<Audience> = values(list(catalog).await?);
    let attributes: Vec<Attribute> = values(list(catalog).await?);
    Ok(links_of(activation, &audiences, &attributes))
}

/// Everything that the hot paths ask the catalog, read at once.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Sources by id.
    pub sources: BTreeMap<SourceId, Source>,
    /// Activations by id.
    pub activations: BTreeMap<ActivationId, Activation>,
    /// Authorizations by id.
    pub authorizations: BTreeMap<AuthorizationId, Authorization>,
    /// Links by activation.
    pub links: BTreeMap<ActivationId, Links>,
    /// Audiences known, by source.
    pub audiences: BTreeSet<(SourceId, AudienceId)>,
    /// Attributes known, by source.
    pub attributes: BTreeSet<(SourceId, AttributeId)>,
    /// The types that the attributes' values look like; absent while only nulls came.
    pub observed: BTreeMap<(SourceId, AttributeId), AttributeType>,
}

impl Snapshot {
    async fn read(catalog: &dyn Catalog) -> PortResult<Self> {
        let mut snapshot = Self::default();
        // At once: whoever waits for it waits for one answer, not for five.
        let (audiences, attributes, activations, sources, authorizations) = tokio::try_join!(
            list::<Audience>(catalog),
            list::<Attribute>(catalog),
            list::<Activation>(catalog),
            list::<Source>(catalog),
            list::<Authorization>(catalog),
        )?;
        let (audiences, attributes) = (values(audiences), values(attributes));
        for activation in values(activations) {
            let links = links_of(&activation, &audiences, &attributes);
            snapshot.links.insert(activation.id.clone(), links);
            snapshot.activations.insert(activation.id.clone(), activation);
        }
        snapshot.sources = values(sources).into_iter().map(|source| (source.id.clone(), source)).collect();
        snapshot.authorizations = values(authorizations).into_iter().map(|one| (one.id.clone(), one)).collect();
        snapshot.audiences = audiences.into_iter().map(|one| (one.source, one.id)).collect();
        snapshot.observed = attributes
            .iter()
            .filter_map(|one| Some(((one.source.clone(), one.id.clone()), one.observed_type?)))
            .collect();
        snapshot.attributes = attributes.into_iter().map(|one| (one.source, one.id)).collect();
        Ok(snapshot)
    }

    /// A source's activations for which changes are counted.
    pub fn activations_of(&self, source: &SourceId) -> impl Iterator<Item = &Activation> {
        self.activations.values().filter(move |activation| activation.source == *source && activation.status.counts())
    }

    /// Profile fields of a source that some activation uses as a key.
    pub fn key_fields(&self, source: &SourceId) -> BTreeSet<Path> {
        self.activations
            .values()
            .filter(|activation| activation.source == *source)
            .map(|activation| activation.person_identifier.clone())
            .collect()
    }

    /// How long a source's former keys are told to leave: the longest retry window plus a week.
    pub fn former_for(&self, source: &SourceId) -> SignedDuration {
        let hours = self
            .activations
            .values()
            .filter(|activation| activation.source == *source)
            .map(|activation| activation.retry_window_hours)
            .chain([crate::model::activation::DEFAULT_RETRY_WINDOW_HOURS])
            .max()
            .unwrap_or_default();
        SignedDuration::from_hours(i64::from(hours) + 7 * 24)
    }
}

fn values<T>(stored: Vec<Stored<T>>) -> Vec<T> {
    stored.into_iter().map(|one| one.value).collect()
}

fn links_of(activation: &Activation, audiences: &[Audience], attributes: &[Attribute]) -> Links {
    let source = &activation.source;
    let audience_name = |id: &AudienceId| {
        let known = audiences.iter().find(|one| one.source == *source && one.id == *id);
        known.map_or_else(|| id.to_string(), |one| one.name.clone())
    };
    let attribute_name = |id: &AttributeId| {
        let known = attributes.iter().find(|one| one.source == *source && one.id == *id);
        known.map_or_else(|| id.to_string(), |one| one.name.clone())
    };
    Links {
        activation: activation.id.to_string(),
        source: source.to_string(),
        audiences: activation
            .audiences
            .iter()
            .map(|link| LinkedAudience {
                id: link.audience.clone(),
                name: audience_name(&link.audience),
                state: link.state,
            })
            .collect(),
        attributes: activation
            .attributes
            .iter()
            .map(|link| LinkedAttribute { link: link.clone(), name: attribute_name(&link.attribute) })
            .collect(),
    }
}

/// The catalog as it was at most `max_age` ago.
pub struct CachedCatalog {
    catalog: Arc<dyn Catalog>,
    clock: Arc<dyn Clock>,
    max_age: SignedDuration,
    copy: Mutex<Option<(Timestamp, Arc<Snapshot>)>>,
}

impl CachedCatalog {
    /// Nothing is read yet.
    pub fn new(catalog: Arc<dyn Catalog>, clock: Arc<dyn Clock>, max_age: SignedDuration) -> Self {
        Self { catalog, clock, max_age, copy: Mutex::new(None) }
    }

    /// How old a copy may be; whoever edits waits as long before a walk.
    pub fn max_age(&self) -> SignedDuration {
        self.max_age
    }

    /// The copy, read again where it is too old.
    pub async fn snapshot(&self) -> PortResult<Arc<Snapshot>> {
        let mut copy = self.copy.lock().await;
        let now = self.clock.now();
        if let Some((read_at, snapshot)) = copy.as_ref()
            && now.duration_since(*read_at) < self.max_age
        {
            return Ok(Arc::clone(snapshot));
        }
        let snapshot = Arc::new(Snapshot::read(self.catalog.as_ref()).await?);
        *copy = Some((now, Arc::clone(&snapshot)));
        Ok(snapshot)
    }

    /// Reads again at the next question: something was just written here.
    pub async fn forget(&self) {
        *self.copy.lock().await = None;
    }
}
