//! The ledger of effects, in the table of the other ledger.
//!
//! | `pk` | `sk` | holds |
//! |---|---|---|
//! | `effect/<activation>/<person>` | id | body `b`, revision `n`; `ttl` where it need not be kept for ever |
//! | `listed/<activation>` | `<person>/<id>` | revision `n` at which it became ambiguous or parked |
//!
//! The list is written before the row and cleared by whoever reads it: it may name too many, and never too few.
//! What it names is looked up.

use async_trait::async_trait;
use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;

use super::ledger::{STORE, key};
use super::stored;
use super::table::{Item, PARALLEL, Projection, Table, Update, Updated, number};
use crate::model::{ActivationId, Effect, EffectId, PersonKey};
use crate::ports::{EffectPage, Effects, PortResult};

pub(super) struct EffectsTable {
    pub(super) table: Table,
}

fn partition(activation: &ActivationId, person: PersonKey) -> String {
    format!("effect/{activation}/{person}")
}

fn row_key(activation: &ActivationId, person: PersonKey, id: &EffectId) -> Item {
    key(partition(activation, person), id.as_str())
}

fn list(activation: &ActivationId) -> String {
    format!("listed/{activation}")
}

fn place(person: PersonKey, id: &EffectId) -> String {
    format!("{person}/{id}")
}

fn seconds(at: Timestamp) -> u64 {
    u64::try_from(at.as_second()).unwrap_or_default()
}

impl EffectsTable {
    fn effect(&self, item: &Item) -> PortResult<Effect> {
        stored::decode(STORE, "an effect", self.table.of(item, "b")?)
    }

    /// Of rows as they were read, those that are still kept.
    fn kept(&self, items: &[Item], now: Timestamp) -> PortResult<Vec<Effect>> {
        let mut effects = items.iter().map(|item| self.effect(item)).collect::<PortResult<Vec<_>>>()?;
        effects.retain(|effect| effect.kept_until.is_none_or(|until| until > now));
        Ok(effects)
    }

    async fn put_listed(&self, effect: &Effect) -> PortResult<()> {
        let at = key(list(&effect.activation), place(effect.person, &effect.id));
        self.table.update(Update::new(at, "SET n = :n").value(":n", number(effect.revision))).await?;
        Ok(())
    }

    /// The row that an entry of the list names. An entry whose row is not listed any more goes.
    async fn look_up(&self, activation: &ActivationId, entry: &Item) -> PortResult<Option<Effect>> {
        let sort = self.table.text_of(entry, "sk")?;
        let broken = || stored::damaged(STORE, "a list of effects", "an entry names no effect");
        let (person, id) = sort.split_once('/').ok_or_else(broken)?;
        let person: PersonKey = person.parse().map_err(|_| broken())?;
        let item = self.table.get(row_key(activation, person, &EffectId::from_text(id))).await?;
        let effect = item.map(|item| self.effect(&item)).transpose()?.filter(|effect| effect.state.is_listed());
        if effect.is_none() {
            let revision = number(self.table.number_of(entry, "n")?);
            self.table.delete(key(list(activation), sort), Some(("n", revision))).await?;
        }
        Ok(effect)
    }
}

#[async_trait]
impl Effects for EffectsTable {
    async fn read(
        &self,
        activation: &ActivationId,
        effects: &[(PersonKey, EffectId)],
        now: Timestamp,
    ) -> PortResult<Vec<Effect>> {
        let keys = effects.iter().map(|(person, id)| row_key(activation, *person, id)).collect();
        self.kept(&self.table.get_all(keys, &Projection::default()).await?, now)
    }

    async fn of_person(&self, activation: &ActivationId, person: PersonKey, now: Timestamp) -> PortResult<Vec<Effect>> {
        let partition = partition(activation, person);
        self.kept(&self.table.query(("pk", &partition), "sk", "").await?, now)
    }

    async fn put(&self, effect: &Effect, read_revision: u64, now: Timestamp) -> PortResult<bool> {
        if effect.state.is_listed() {
            self.put_listed(effect).await?;
        }
        let set = if effect.kept_until.is_some() { "SET b = :b, n = :n, #ttl = :ttl" } else { "SET b = :b, n = :n" };
        let update = Update::new(row_key(&effect.activation, effect.person, &effect.id), set)
            .value(":b", stored::encode(STORE, effect)?.value)
            .value(":n", number(effect.revision));
        let update = match effect.kept_until {
            Some(until) => update.name("#ttl", "ttl").value(":ttl", number(seconds(until))),
            None => update,
        };
        let update = match read_revision {
            0 => update
                .when("attribute_not_exists(pk) OR #ttl <= :now")
                .name("#ttl", "ttl")
                .value(":now", number(seconds(now))),
            read => update.when("n = :read").value(":read", number(read)),
        };
        Ok(matches!(self.table.update_once(update).await?, Updated::Done))
    }

    async fn listed(
        &self,
        activation: &ActivationId,
        after: Option<&(PersonKey, EffectId)>,
        limit: usize,
    ) -> PortResult<EffectPage> {
        let entries = self.table.query(("pk", &list(activation)), "sk", "").await?;
        let mut rest = Vec::with_capacity(entries.len());
        let after = after.map(|(person, id)| place(*person, id));
        for entry in entries {
            let sort = self.table.text_of(&entry, "sk")?.to_owned();
            if after.as_ref().is_none_or(|after| sort > *after) {
                rest.push((sort, entry));
            }
        }
        let more = rest.len() > limit;
        rest.truncate(limit);
        let next = rest.last().filter(|_| more).and_then(|(sort, _)| {
            let (person, id) = sort.split_once('/')?;
            Some((person.parse().ok()?, EffectId::from_text(id)))
        });
        let mut looks = Vec::with_capacity(rest.len());
        for (_, entry) in &rest {
            looks.push(self.look_up(activation, entry));
        }
        let found: Vec<Option<Effect>> = stream::iter(looks).buffer_unordered(PARALLEL).try_collect().await?;
        let mut effects: Vec<Effect> = found.into_iter().flatten().collect();
        effects.sort_by(|a, b| (a.person, &a.id).cmp(&(b.person, &b.id)));
        Ok(EffectPage { effects, next })
    }
}
