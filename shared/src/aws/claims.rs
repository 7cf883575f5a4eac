//! Who holds a destination's key. Nearly every claim is one that its holder made long ago, so the claims are
//! read first, a hundred in one call, and only what changes is written: a new holder, another
//! contender, an offer.

use std::collections::{BTreeMap, HashMap};

use futures::stream::{self, StreamExt, TryStreamExt};

use super::ledger::{ALONE, key};
use super::table::{Item, PARALLEL, Projection, ROUNDS, Table, Update, Updated, binary, pause, text};
use crate::model::{ActivationId, FlightId, KeyHash, PersonKey};
use crate::ports::{Claim, PortResult};

fn claim_key(activation: &ActivationId, hash: KeyHash) -> Item {
    key(format!("claim/{activation}/{hash}"), ALONE)
}

pub(super) async fn claim(
    table: &Table,
    activation: &ActivationId,
    claims: &[(KeyHash, PersonKey)],
) -> PortResult<Vec<(KeyHash, PersonKey, Claim)>> {
    let mut by_key: BTreeMap<KeyHash, Vec<PersonKey>> = BTreeMap::new();
    for (hash, person) in claims {
        by_key.entry(*hash).or_default().push(*person);
    }
    let keys = by_key.keys().map(|hash| claim_key(activation, *hash)).collect();
    let mut stored = HashMap::new();
    for item in table.get_all(keys, &Projection::default()).await? {
        stored.insert(table.text_of(&item, "pk")?.to_owned(), item);
    }
    let mut asked = Vec::with_capacity(by_key.len());
    for (hash, people) in by_key {
        let item = stored.remove(&format!("claim/{activation}/{hash}"));
        asked.push(claim_in_turn(table, activation, hash, people, item));
    }
    let answers: Vec<Vec<_>> = stream::iter(asked).buffer_unordered(PARALLEL).try_collect().await?;
    Ok(answers.into_iter().flatten().collect())
}

/// Of several in one call who claim the same key the first one gets it.
async fn claim_in_turn(
    table: &Table,
    activation: &ActivationId,
    hash: KeyHash,
    people: Vec<PersonKey>,
    mut item: Option<Item>,
) -> PortResult<Vec<(KeyHash, PersonKey, Claim)>> {
    let mut answers = Vec::with_capacity(people.len());
    for person in people {
        let (claim, now) = claim_one(table, activation, hash, person, item).await?;
        answers.push((hash, person, claim));
        item = Some(now);
    }
    Ok(answers)
}

/// Claims a key that was read as `item`; answers the item as it is then too.
async fn claim_one(
    table: &Table,
    activation: &ActivationId,
    hash: KeyHash,
    person: PersonKey,
    mut item: Option<Item>,
) -> PortResult<(Claim, Item)> {
    for round in 0..ROUNDS {
        let Some(mut stored) = item else {
            let mut taken = claim_key(activation, hash);
            let update = Update::new(taken.clone(), "SET h = :h").value(":h", binary(person.0));
            match table.update_once(update.when("attribute_not_exists(pk)")).await? {
                Updated::Done => {
                    taken.insert("h".to_owned(), binary(person.0));
                    return Ok((Claim::Held, taken));
                }
                Updated::Refused(now) => item = now,
            }
            continue;
        };
        let holder = PersonKey(table.key_of(&stored, "h")?);
        if holder == person {
            if !stored.contains_key("o") {
                return Ok((Claim::Held, stored));
            }
            let update = Update::new(claim_key(activation, hash), "REMOVE o");
            match table.update(update.when("h = :h").value(":h", binary(holder.0))).await? {
                Updated::Done => {
                    stored.remove("o");
                    return Ok((Claim::Held, stored));
                }
                Updated::Refused(now) => item = now,
            }
            pause(table.clock.as_ref(), round).await;
            continue;
        }
        if stored.get("c") == Some(&binary(person.0)) {
            return Ok((Claim::HeldBy(holder), stored));
        }
        let update = Update::new(claim_key(activation, hash), "SET c = :c").value(":c", binary(person.0));
        match table.update(update.when("h = :h").value(":h", binary(holder.0))).await? {
            Updated::Done => {
                stored.insert("c".to_owned(), binary(person.0));
                return Ok((Claim::HeldBy(holder), stored));
            }
            Updated::Refused(now) => item = now,
        }
        pause(table.clock.as_ref(), round).await;
    }
    Err(table.broken("a claim was overtaken too often"))
}

pub(super) async fn offer(
    table: &Table,
    activation: &ActivationId,
    hash: KeyHash,
    person: PersonKey,
    by: &FlightId,
) -> PortResult<()> {
    let update = Update::new(claim_key(activation, hash), "SET o = :o").value(":o", text(by.to_string()));
    table.update(update.when("h = :h").value(":h", binary(person.0))).await.map(drop)
}

/// An offer stands only as long as its person holds the key, so it says whose it is.
pub(super) async fn release(
    table: &Table,
    activation: &ActivationId,
    hash: KeyHash,
    by: &FlightId,
) -> PortResult<Option<PersonKey>> {
    let released = table.delete(claim_key(activation, hash), Some(("o", text(by.to_string())))).await?;
    let contender = released.filter(|item| item.contains_key("c"));
    contender.map(|item| table.key_of(&item, "c").map(PersonKey)).transpose()
}

pub(super) async fn holder(table: &Table, activation: &ActivationId, hash: KeyHash) -> PortResult<Option<PersonKey>> {
    let item = table.get(claim_key(activation, hash)).await?;
    item.map(|item| table.key_of(&item, "h").map(PersonKey)).transpose()
}
