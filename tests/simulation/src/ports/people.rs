//! The rows.

use std::collections::BTreeMap;

use async_trait::async_trait;
use muster::model::{ActivationId, Person, PersonKey, SourceId, Standing};
use muster::ports::{Doubted, People, PersonWrite, PortResult, Segment, Settled, Settlement, Walked, Written};

use super::Faulty;
use crate::broken::Broken;
use crate::plan::Link;

/// Enough of a key to tell people of a story apart.
fn short(person: PersonKey) -> String {
    person.to_string().chars().take(4).collect()
}

impl Faulty<dyn People> {
    async fn stored(&self, key: PersonKey) -> PortResult<Option<Person>> {
        Ok(self.inner.read(&[key], None).await?.pop().map(|row| row.person))
    }

    async fn look_at_rows(&self, keys: &[PersonKey]) -> PortResult<()> {
        for row in self.inner.read(keys, None).await? {
            self.watch.row(&row.person, &self.inner.standings(row.person.key).await?);
        }
        Ok(())
    }

    async fn look_at_standing(&self, key: PersonKey, id: &ActivationId) -> PortResult<()> {
        let knows_by = Link::ALL.into_iter().find(|link| link.id() == id.as_str());
        let knows_by = knows_by.map_or("", |link| self.knows_by[link.index()]);
        for row in self.inner.read(&[key], Some(id)).await? {
            self.watch.standing(&row.person, id, &row.standing, knows_by);
        }
        Ok(())
    }

    async fn write_broken(&self, writes: &mut [PersonWrite]) -> PortResult<()> {
        for write in writes {
            let stored = self.stored(write.person.key).await?;
            if self.stage.lacks(Broken::AddressLogged) {
                tracing::info!(email = ?write.person.identifiers.values().map(|one| one.value.first().map(muster::model::Identifier::expose)).collect::<Vec<_>>(), "written");
            }
            if self.stage.lacks(Broken::RowsWrittenBlindly)
                && let Some(stored) = &stored
            {
                write.read_sequence = stored.sequence;
                write.person.sequence = stored.sequence + 1;
                // What is counted stays counted: only what was said is lost.
                for (activation, count) in &stored.accepted {
                    let accepted = write.person.accepted.entry(activation.clone()).or_default();
                    *accepted = (*accepted).max(*count);
                }
            }
            let before_outbox = stored.as_ref().map(|stored| stored.outbox.clone()).unwrap_or_default();
            let before = stored.map(|stored| stored.accepted).unwrap_or_default();
            if self.stage.lacks(Broken::CountedTwice) && before != write.person.accepted {
                write.person.accepted.values_mut().for_each(|count| *count += 1);
            }
            if self.stage.lacks(Broken::OutboxLost) && !before_outbox.is_empty() && !write.person.outbox.is_empty() {
                write.person.outbox.remove(0);
            }
        }
        Ok(())
    }
}

#[async_trait]
impl People for Faulty<dyn People> {
    async fn read(&self, keys: &[PersonKey], activation: Option<&ActivationId>) -> PortResult<Vec<muster::ports::Row>> {
        self.around("people.read", self.inner.read(keys, activation)).await
    }

    async fn standings(&self, person: PersonKey) -> PortResult<BTreeMap<ActivationId, Standing>> {
        self.around("people.standings", self.inner.standings(person)).await
    }

    async fn write(&self, mut writes: Vec<PersonWrite>) -> PortResult<Vec<(PersonKey, Written)>> {
        let keys: Vec<PersonKey> = writes.iter().map(|write| write.person.key).collect();
        if let Err(error) = self.stage.before("people.write").await {
            let swallowed = || keys.iter().map(|key| (*key, Written::Stored)).collect();
            return if self.stage.lacks(Broken::WriteErrorSwallowed) { Ok(swallowed()) } else { Err(error) };
        }
        self.write_broken(&mut writes).await?;
        let answers = self.inner.write(writes).await?;
        for (_, written) in &answers {
            self.stage.note(|| format!("row {written:?}"), *written as u64);
        }
        self.look_at_rows(&keys).await?;
        self.stage.after("people.write").await?;
        Ok(answers)
    }

    async fn settle(&self, mut settlements: Vec<Settlement>) -> PortResult<Vec<(PersonKey, Settled)>> {
        self.stage.before("people.settle").await?;
        for settlement in &mut settlements {
            let stored = self.inner.read(&[settlement.person], Some(&settlement.activation)).await?.pop();
            if self.stage.lacks(Broken::SettledBlindly)
                && let Some(stored) = stored
            {
                settlement.read_version = stored.person.version;
                settlement.read_revision = stored.standing.revision;
                settlement.standing.account = stored.standing.account;
                // And what was sent is taken for what the row says now.
                for (record, held) in &mut settlement.standing.records {
                    if let Some(receipt) =
                        held.receipt.as_mut().filter(|new| stored.standing.receipt(record) != Some(new))
                    {
                        receipt.version = stored.person.version;
                        receipt.doubt = stored.standing.doubt_of(record);
                    }
                }
            }
            if self.stage.lacks(Broken::AccountForgotten) && self.stage.draw(|chance| chance.permille(200)) {
                settlement.standing.account = Default::default();
            }
        }
        let places: Vec<_> = settlements.iter().map(|one| (one.person, one.activation.clone())).collect();
        let answers = self.inner.settle(settlements).await?;
        for ((person, activation), (_, settled)) in places.iter().zip(&answers) {
            self.stage.note(|| format!("{activation}: standing of {} {settled:?}", short(*person)), *settled as u64);
            if *settled == Settled::Stored {
                self.look_at_standing(*person, activation).await?;
            }
        }
        self.stage.after("people.settle").await?;
        Ok(answers)
    }

    async fn raise_doubt(&self, activation: &ActivationId, doubted: &[Doubted]) -> PortResult<()> {
        if self.stage.lacks(Broken::NoDoubt) {
            return Ok(());
        }
        self.around("people.raise_doubt", self.inner.raise_doubt(activation, doubted)).await
    }

    async fn walk(
        &self,
        source: &SourceId,
        activation: Option<&ActivationId>,
        segment: Segment,
        after: Option<PersonKey>,
        limit: usize,
    ) -> PortResult<Walked> {
        // Small pages, so that walks have many steps to die at.
        let page = self.inner.walk(source, activation, segment, after, limit.min(7));
        self.around("people.walk", page).await
    }

    async fn count(&self, source: &SourceId) -> PortResult<u64> {
        self.around("people.count", self.inner.count(source)).await
    }
}
