//! The ledger of effects.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use muster::model::{ActivationId, Effect, EffectId, PersonKey};
use muster::ports::{EffectPage, Effects, PortResult};
use parking_lot::Mutex;

type Key = (ActivationId, PersonKey, EffectId);

/// Rows in the order of activation, person and id.
#[derive(Default)]
pub(crate) struct EffectRows(Mutex<BTreeMap<Key, Effect>>);

fn is_kept(effect: &Effect, now: Timestamp) -> bool {
    effect.kept_until.is_none_or(|until| until > now)
}

#[async_trait]
impl Effects for EffectRows {
    async fn read(
        &self,
        activation: &ActivationId,
        effects: &[(PersonKey, EffectId)],
        now: Timestamp,
    ) -> PortResult<Vec<Effect>> {
        let rows = self.0.lock();
        let found = effects.iter().filter_map(|(person, id)| rows.get(&(activation.clone(), *person, id.clone())));
        Ok(found.filter(|effect| is_kept(effect, now)).cloned().collect())
    }

    async fn of_person(&self, activation: &ActivationId, person: PersonKey, now: Timestamp) -> PortResult<Vec<Effect>> {
        let rows = self.0.lock();
        let of_person = rows.values().filter(|row| row.activation == *activation && row.person == person);
        Ok(of_person.filter(|effect| is_kept(effect, now)).cloned().collect())
    }

    async fn put(&self, effect: &Effect, read_revision: u64, now: Timestamp) -> PortResult<bool> {
        let mut rows = self.0.lock();
        let key = (effect.activation.clone(), effect.person, effect.id.clone());
        let stored = rows.get(&key).filter(|effect| is_kept(effect, now)).map_or(0, |effect| effect.revision);
        let is_read = stored == read_revision;
        if is_read {
            rows.insert(key, effect.clone());
        }
        Ok(is_read)
    }

    async fn listed(
        &self,
        activation: &ActivationId,
        after: Option<&(PersonKey, EffectId)>,
        limit: usize,
    ) -> PortResult<EffectPage> {
        let rows = self.0.lock();
        let listed = rows.values().filter(|row| row.activation == *activation && row.state.is_listed());
        let place = |effect: &Effect| (effect.person, effect.id.clone());
        let rest = listed.filter(|row| after.is_none_or(|after| place(row) > *after));
        let effects: Vec<Effect> = rest.take(limit).cloned().collect();
        let next = effects.last().filter(|_| effects.len() == limit).map(place);
        Ok(EffectPage { effects, next })
    }
}
