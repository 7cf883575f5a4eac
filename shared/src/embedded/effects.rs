//! The ledger of effects.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::database::{Database, Failure, at, decode, encode, signed};
use crate::model::{ActivationId, Effect, EffectId, PersonKey};
use crate::ports::{EffectPage, Effects, PortResult};

const STORE: &str = "effects";

pub(super) struct EffectsTable {
    pub(super) database: Arc<Database>,
}

fn decode_all(bodies: Vec<Vec<u8>>) -> Result<Vec<Effect>, Failure> {
    bodies.iter().map(|body| decode(body, || "an effect".to_owned())).collect()
}

#[async_trait]
impl Effects for EffectsTable {
    async fn read(
        &self,
        activation: &ActivationId,
        effects: &[(PersonKey, EffectId)],
        now: Timestamp,
    ) -> PortResult<Vec<Effect>> {
        let (activation, effects) = (activation.to_string(), effects.to_vec());
        let bodies = self
            .database
            .read(STORE, move |transaction| {
                let mut statement = transaction.prepare_cached(
                    "SELECT body FROM effects WHERE activation = ?1 AND person = ?2 AND id = ?3
                         AND coalesce(kept_until > ?4, 1)",
                )?;
                let mut bodies = Vec::new();
                for (person, id) in &effects {
                    let values = params![activation, person.0, id.as_str(), now.as_microsecond()];
                    bodies.extend(statement.query_row(values, |row| row.get::<_, Vec<u8>>(0)).optional()?);
                }
                Ok(bodies)
            })
            .await?;
        decode_all(bodies).map_err(at(STORE))
    }

    async fn of_person(&self, activation: &ActivationId, person: PersonKey, now: Timestamp) -> PortResult<Vec<Effect>> {
        let activation = activation.to_string();
        let bodies = self
            .database
            .read(STORE, move |transaction| {
                let mut statement = transaction.prepare_cached(
                    "SELECT body FROM effects WHERE activation = ?1 AND person = ?2 AND coalesce(kept_until > ?3, 1)
                     ORDER BY id",
                )?;
                let rows =
                    statement.query_map(params![activation, person.0, now.as_microsecond()], |row| row.get(0))?;
                Ok(rows.collect::<Result<Vec<Vec<u8>>, _>>()?)
            })
            .await?;
        decode_all(bodies).map_err(at(STORE))
    }

    async fn put(&self, effect: &Effect, read_revision: u64, now: Timestamp) -> PortResult<bool> {
        let effect = effect.clone();
        let body = encode(&effect).map_err(at(STORE))?;
        let kept_until = effect.kept_until.map(Timestamp::as_microsecond);
        self.database
            .write(STORE, move |transaction| {
                let key =
                    params![effect.activation.as_str(), effect.person.0, effect.id.as_str(), now.as_microsecond()];
                let stored: Option<i64> = transaction
                    .prepare_cached(
                        "SELECT revision FROM effects WHERE activation = ?1 AND person = ?2 AND id = ?3
                             AND coalesce(kept_until > ?4, 1)",
                    )?
                    .query_row(key, |row| row.get(0))
                    .optional()?;
                if stored.unwrap_or(0) != signed(read_revision) {
                    return Ok(false);
                }
                transaction
                    .prepare_cached(
                        "INSERT OR REPLACE INTO effects (activation, person, id, revision, listed, kept_until, body)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    )?
                    .execute(params![
                        effect.activation.as_str(),
                        effect.person.0,
                        effect.id.as_str(),
                        signed(effect.revision),
                        effect.state.is_listed(),
                        kept_until,
                        body
                    ])?;
                Ok(true)
            })
            .await
    }

    async fn listed(
        &self,
        activation: &ActivationId,
        after: Option<&(PersonKey, EffectId)>,
        limit: usize,
    ) -> PortResult<EffectPage> {
        let activation = activation.to_string();
        let (person, id) =
            after.map_or((Vec::new(), String::new()), |(person, id)| (person.0.to_vec(), id.to_string()));
        let bodies = self
            .database
            .read(STORE, move |transaction| {
                let mut statement = transaction.prepare_cached(
                    "SELECT body FROM effects WHERE activation = ?1 AND listed = 1 AND (person, id) > (?2, ?3)
                     ORDER BY person, id LIMIT ?4",
                )?;
                let values = params![activation, person, id, signed(limit as u64)];
                let rows = statement.query_map(values, |row| row.get(0))?;
                Ok(rows.collect::<Result<Vec<Vec<u8>>, _>>()?)
            })
            .await?;
        let effects = decode_all(bodies).map_err(at(STORE))?;
        let last = effects.last().filter(|_| effects.len() == limit);
        let next = last.map(|last| (last.person, last.id.clone()));
        Ok(EffectPage { effects, next })
    }
}
