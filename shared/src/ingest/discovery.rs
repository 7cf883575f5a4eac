//! What a source speaks of is listed, so that it can be linked: audiences, and attributes with the type
//! that their values look like.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::catalog::{self, CachedCatalog, Snapshot};
use crate::model::{
    Activation, ActivationStatus, Attribute, AttributeId, AttributeType, Audience, AudienceId, Fact, Source, SourceId,
};
use crate::ports::{Catalog, Ledger, PortResult};
use crate::sources::Item;

/// Puts into the catalog what was never seen before. Where another process was first, it knows as much.
pub(super) async fn note(
    catalog: &dyn Catalog,
    cached: &CachedCatalog,
    snapshot: &Snapshot,
    source: &Source,
    items: &[Item],
    now: Timestamp,
) -> PortResult<()> {
    let news = News::of(snapshot, &source.id, items);
    for id in &news.audiences {
        let audience = Audience {
            source: source.id.clone(),
            id: id.clone(),
            name: id.to_string(),
            first_seen_at: now,
            deleted_at: None,
        };
        catalog::put(catalog, &audience, 0).await?;
    }
    for (id, observed) in &news.attributes {
        note_attribute(catalog, &source.id, id, *observed, now).await?;
    }
    if !news.audiences.is_empty() || !news.attributes.is_empty() {
        cached.forget().await;
    }
    Ok(())
}

async fn note_attribute(
    catalog: &dyn Catalog,
    source: &SourceId,
    id: &AttributeId,
    observed: Option<AttributeType>,
    now: Timestamp,
) -> PortResult<()> {
    let stored = catalog::get::<Attribute>(catalog, &catalog::attribute_key(source, id)).await?;
    let (attribute, version) = match stored {
        Some(mut stored) => {
            stored.value.observed_type = widened(stored.value.observed_type, observed);
            (stored.value, stored.version)
        }
        None => {
            let (source, id, name) = (source.clone(), id.clone(), id.to_string());
            (Attribute { source, id, name, observed_type: observed, first_seen_at: now }, 0)
        }
    };
    catalog::put(catalog, &attribute, version).await.map(drop)
}

/// The first type stays, except that a whole number turns out to be one with decimals.
fn widened(known: Option<AttributeType>, seen: Option<AttributeType>) -> Option<AttributeType> {
    match (known, seen) {
        (None, seen) => seen,
        (Some(AttributeType::Integer), Some(AttributeType::Decimal)) => Some(AttributeType::Decimal),
        (Some(known), _) => Some(known),
    }
}

#[derive(Debug, Default, PartialEq)]
struct News {
    audiences: BTreeSet<AudienceId>,
    attributes: BTreeMap<AttributeId, Option<AttributeType>>,
}

impl News {
    fn of(snapshot: &Snapshot, source: &SourceId, items: &[Item]) -> Self {
        let mut news = Self::default();
        let mut observed: BTreeMap<&AttributeId, Option<AttributeType>> = BTreeMap::new();
        for item in items {
            match &item.change.fact {
                Fact::Entered { audience, .. } | Fact::Left { audience } => {
                    if !news.audiences.contains(audience)
                        && !snapshot.audiences.contains(&(source.clone(), audience.clone()))
                    {
                        news.audiences.insert(audience.clone());
                    }
                }
                Fact::Attribute { attribute, value } => {
                    let seen = observed.entry(attribute).or_default();
                    *seen = widened(*seen, value.observed_type());
                }
                Fact::Sighted { .. }
                | Fact::Happened { .. }
                | Fact::Profile
                | Fact::Suppression(_)
                | Fact::MergedInto { .. }
                | Fact::Erased => {}
            }
        }
        for (attribute, seen) in observed {
            let key = (source.clone(), attribute.clone());
            let known = snapshot.observed.get(&key).copied();
            if !snapshot.attributes.contains(&key) || widened(known, seen) != known {
                news.attributes.insert(key.1, seen);
            }
        }
        news
    }
}

/// How often audiences were spoken of that no activation links.
pub(super) fn unlinked(snapshot: &Snapshot, source: &Source, items: &[Item]) -> BTreeMap<AudienceId, u64> {
    let activations = snapshot.activations.values();
    let linked: BTreeSet<&AudienceId> = activations
        .filter(|activation| activation.source == source.id && activation.status != ActivationStatus::Removed)
        .flat_map(Activation::live_audiences)
        .collect();
    let mut counts = BTreeMap::new();
    for item in items {
        if let Fact::Entered { audience, .. } | Fact::Left { audience } = &item.change.fact
            && !linked.contains(audience)
        {
            *counts.entry(audience.clone()).or_default() += 1;
        }
    }
    counts
}

/// Adds the counts to the ledger's, for the list of what could be linked.
pub(super) async fn count(ledger: &dyn Ledger, source: &Source, counts: &BTreeMap<AudienceId, u64>) -> PortResult<()> {
    for (audience, by) in counts {
        ledger.count(&format!("seen/{}/audience/{audience}", source.id), *by).await?;
    }
    Ok(())
}
