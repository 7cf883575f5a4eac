//! What must hold when nothing fails any more and everything has come to rest.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use muster::control::{EffectWord, Part};
use muster::model::effect::Word;
use muster::model::pending::{Due, RecordShape, due, records};
use muster::model::{Activation, EffectState, Outcome, Path, Person, PersonKey};
use muster::ports::Row;

use crate::invariant::Invariant;
use crate::plan::{Act, Link, user};
use crate::run::Run;
use crate::truth::{End, Someone};
use crate::vendor::Held;

fn shape(link: Link) -> RecordShape {
    match link {
        Link::Hook => RecordShape::PerPerson,
        Link::List => RecordShape::PerPersonAndAudience,
    }
}

impl Run<'_> {
    /// Brings everything to rest and looks at it.
    pub(crate) async fn rest(&mut self) {
        self.world.stage.heal();
        self.quiet().await;
        if !self.world.watch.lost_messages() {
            self.nobody_waits_unhinted().await;
        }
        // Where messages were lost, and where a key came free of which only the last who asked was told.
        self.catch_up();
        self.quiet().await;
        for link in Link::ALL {
            self.does(Act::Replay(link));
        }
        self.quiet().await;
        if self.world.stage.is_over() {
            return;
        }
        self.settle_effects().await;
        self.catch_up();
        self.quiet().await;
        if !self.world.stage.is_over() {
            self.compare().await;
        }
    }

    async fn quiet(&mut self) {
        // What is left out leaves flights behind that nobody sweeps: the end is then as good as any.
        self.go(Timestamp::MAX).await;
        if self.world.stage.is_over() {
            return;
        }
        if let Err(what) = self.is_at_rest().await {
            self.world.stage.broke(Invariant::RestIsReached, || what);
        }
    }

    async fn nobody_waits_unhinted(&self) {
        for link in Link::ALL {
            let activation = self.world.activation(link).await;
            for Row { person, standing } in self.rows(link).await {
                for record in records(&person, &standing, &activation, shape(link)) {
                    let open = match due(&person, &standing, &activation, &record) {
                        Due::Pending => "pending",
                        Due::Waiting(_) => "waiting",
                        Due::Open | Due::Settled => continue,
                    };
                    self.world.stage.broke(Invariant::PendingIsHinted, || {
                        format!(
                            "{record} of {} ({}) is {open} at {}, and nothing leads to it",
                            self.name(&person),
                            person.key,
                            link.id()
                        )
                    });
                }
            }
        }
    }

    /// The owner says what became of the events that nobody could tell of.
    async fn settle_effects(&mut self) {
        let earned = self.world.watch.earned();
        let control = std::sync::Arc::clone(&self.world.processes[0]);
        let id = Link::Hook.id().parse().expect("an id");
        let all = Part { after: None, limit: 1_000 };
        let Ok(page) = control.control.effects(&id, &all).await else { return };
        let rows = self.rows(Link::Hook).await;
        for effect in page.items.iter().filter(|effect| matches!(effect.state, EffectState::Parked { .. })) {
            let event = earned.iter().find(|(_, (person, id))| (*person, id) == (effect.person, &effect.id));
            let counted = event
                .is_some_and(|(event, _)| self.world.vendors.receiver(|receiver| receiver.events.contains_key(event)));
            let path: Path = "ids.email".parse().expect("a path");
            let row = rows.iter().find(|row| row.person.key == effect.person);
            let has_key = row.is_some_and(|row| row.person.key_at(&path).is_some());
            let word = match (counted, has_key) {
                (true, _) => Word::Happened,
                (false, true) => Word::TryAgain,
                (false, false) => Word::GiveUp,
            };
            let word = EffectWord { person: effect.person, effect: effect.id.clone(), word };
            if control.control.settle_effect(&id, &word).await.is_err() {
                self.world.stage.broke(Invariant::EffectsHappen, || "an effect cannot be settled by hand".to_owned());
            }
        }
        self.quiet().await;
    }

    async fn compare(&self) {
        let truth = self.truth();
        let rows = self.rows(Link::Hook).await;
        self.compare_rows(&truth, &rows);
        for link in Link::ALL {
            let activation = self.world.activation(link).await;
            self.compare_accounts(link, &activation).await;
            match link {
                Link::Hook => self.compare_hook(&truth, &activation),
                Link::List => self.compare_list(&truth, &activation),
            }
        }
        self.compare_erased(&truth, &rows);
        self.compare_effects(&truth).await;
    }

    fn person_key(&self, person: usize) -> PersonKey {
        let kind = "user_id".parse().expect("a type");
        let value = muster::model::Identifier::normalise(&kind, &user(person)).expect("a value");
        self.world.key().person(&crate::world::source(), &kind, &value)
    }

    fn name(&self, person: &Person) -> String {
        let known = (0..self.plan.people).find(|index| self.person_key(*index) == person.key);
        known.map_or_else(|| person.key.to_string(), user)
    }

    fn compare_rows(&self, truth: &[Someone], rows: &[Row]) {
        for (index, someone) in truth.iter().enumerate() {
            let key = self.person_key(index);
            let shown = rows.iter().find(|row| row.person.key == key).map(|row| shown(&row.person));
            let told = Someone { was_merged: false, ever: BTreeSet::new(), void: BTreeSet::new(), ..someone.clone() };
            if shown.as_ref() != Some(&told) {
                self.world.stage.broke(Invariant::RowsHoldEveryChange, || {
                    format!("{}: the row says {shown:?}, the source {told:?}", user(index))
                });
            }
        }
    }

    async fn compare_accounts(&self, link: Link, activation: &Activation) {
        let rows = self.rows(link).await;
        let pairs = rows.iter().map(|row| (&row.person, &row.standing));
        let account = self.world.watch.accounting(activation, shape(link), pairs, &BTreeSet::new());
        let (certain, possible) = (self.counts.certain[link.index()], self.counts.possible[link.index()]);
        if account.accepted < certain || account.accepted > possible {
            self.world.stage.broke(Invariant::AccountingAddsUp, || {
                format!("{}: {} accepted, the answers say {certain} to {possible}", link.id(), account.accepted)
            });
        }
        if account.in_flight + account.waiting > 0 {
            self.world.stage.broke(Invariant::AccountingAddsUp, || format!("{} at rest: {account:?}", link.id()));
        }
        for Row { person, standing } in &rows {
            let parked = |outcome: &Outcome| matches!(outcome, Outcome::Parked { .. } | Outcome::Waiting { .. });
            if standing.records.values().filter_map(|held| held.receipt.as_ref()).any(|one| parked(&one.outcome)) {
                self.world.stage.broke(Invariant::PlatformEqualsRows, || {
                    format!("{} waits at {} for ever", self.name(person), link.id())
                });
            }
        }
    }

    /// Whatever a vendor may show under a key, given who has it.
    fn allowed(
        &self,
        truth: &[Someone],
        knows_by: &str,
        key: &str,
        expected: impl Fn(&Someone) -> Vec<Held>,
    ) -> Vec<Held> {
        let owners: Vec<&Someone> =
            truth.iter().filter(|someone| someone.key(knows_by).is_some_and(|own| own == key)).collect();
        let (wanting, not): (Vec<&Someone>, Vec<&Someone>) =
            owners.iter().copied().partition(|owner| !owner.is_suppressed && !key.starts_with("refused"));
        let mut allowed: Vec<Held> = wanting.iter().flat_map(|owner| expected(owner)).collect();
        // Of several with one key the first holds it, and may have nothing to show.
        if !not.is_empty() || owners.is_empty() {
            allowed.push(Held::default());
        }
        allowed
    }

    fn differs(&self, link: Link, place: &str, held: &Held, allowed: &[Held]) {
        if !allowed.contains(held) {
            self.world.stage.broke(Invariant::PlatformEqualsRows, || {
                format!("{} shows {held:?} under {place}, and should one of {allowed:?}", link.id())
            });
        }
    }

    fn compare_hook(&self, truth: &[Someone], activation: &Activation) {
        let held: BTreeMap<String, Held> = self.world.vendors.receiver(|receiver| receiver.records.clone());
        let keys: BTreeSet<&String> = held.keys().chain(truth.iter().filter_map(|one| one.email.as_ref())).collect();
        for key in keys {
            let held = held.get(key).cloned().unwrap_or_default();
            let expected = |someone: &Someone| {
                let live = activation.live_audiences().map(ToString::to_string);
                let inside = live.filter_map(|id| Some((id.clone(), someone.audiences.get(&id)?.clone()?)));
                vec![Held { inside: inside.collect(), attributes: attributes(someone, activation) }]
            };
            self.differs(Link::Hook, key, &held, &self.allowed(truth, "ids.email", key, expected));
        }
    }

    fn compare_list(&self, truth: &[Someone], activation: &Activation) {
        let knows_by = self.plan.setup.list_knows_by;
        let rows = self.world.vendors.register(|register| register.rows.clone());
        let live: BTreeSet<String> = activation.live_audiences().map(ToString::to_string).collect();
        let owned = truth.iter().filter_map(|one| one.key(knows_by));
        let wanted = owned.flat_map(|key| live.iter().map(move |audience| (key.clone(), audience.clone())));
        let places: BTreeSet<(String, String)> = rows.keys().cloned().chain(wanted).collect();
        for (key, audience) in places {
            let held = rows.get(&(key.clone(), audience.clone())).cloned().unwrap_or_default();
            let owned = truth.iter().any(|one| one.key(knows_by).is_some_and(|own| *own == key));
            if owned && !live.contains(&audience) {
                // A link that was taken away leaves what was told.
                continue;
            }
            let expected = |someone: &Someone| {
                let attributes = attributes(someone, activation);
                match someone.audiences.get(&audience) {
                    Some(Some(tier)) => {
                        let inside = BTreeMap::from([(audience.clone(), tier.clone())]);
                        vec![Held { inside, attributes }]
                    }
                    Some(None) => vec![Held { inside: BTreeMap::new(), attributes }],
                    // Nothing was said of the audience: there is a record only where there was one before.
                    None => vec![Held::default(), Held { inside: BTreeMap::new(), attributes }],
                }
            };
            let allowed = self.allowed(truth, knows_by, &key, expected);
            self.differs(Link::List, &format!("{key} in {audience}"), &held, &allowed);
        }
    }

    fn compare_erased(&self, truth: &[Someone], rows: &[Row]) {
        for (index, someone) in truth.iter().enumerate() {
            let Some((_, end)) = someone.gone else { continue };
            let row = rows.iter().find(|row| row.person.key == self.person_key(index));
            let kept = row.and_then(|row| row.person.gone.as_ref()).map_or(0, |gone| gone.keys.len());
            if kept > 0 {
                self.world
                    .stage
                    .broke(Invariant::ErasedAreGone, || format!("{kept} keys of {} are still on the row", user(index)));
            }
            // What was told to leave before it was to be forgotten is no longer known.
            if end != End::Erased || someone.was_merged {
                continue;
            }
            let current = [someone.email.as_ref(), someone.card.as_ref()];
            let own = someone.void.iter().filter(|key| {
                let others = truth.iter().enumerate().any(|(other, one)| other != index && one.ever.contains(*key));
                !others && !current.contains(&Some(*key))
            });
            for key in own {
                let known = self.world.vendors.receiver(|receiver| receiver.records.contains_key(key))
                    || self.world.vendors.register(|register| register.rows.keys().any(|(held, _)| held == key));
                if known {
                    self.world.stage.broke(Invariant::ErasedAreGone, || {
                        format!("{} was erased, and a vendor knows {key}", user(index))
                    });
                }
            }
        }
    }

    async fn compare_effects(&self, truth: &[Someone]) {
        let earned = self.world.watch.earned();
        let counted = self.world.vendors.receiver(|receiver| receiver.events.clone());
        for event in counted.keys().filter(|event| !earned.contains_key(*event)) {
            self.world.stage.broke(Invariant::NoEffectTwice, || format!("{event:?} was counted, and nobody earned it"));
        }
        let id = Link::Hook.id().parse().expect("an id");
        let effects = self.world.memory.ports().effects;
        for (event, (person, effect)) in earned.iter().filter(|(event, _)| !counted.contains_key(*event)) {
            let index = (0..self.plan.people).find(|index| self.person_key(*index) == *person);
            let someone = index.and_then(|index| truth.get(index));
            let at: Timestamp = event.2.parse().unwrap_or(Timestamp::MIN);
            let is_void = someone.and_then(|someone| someone.gone).is_some_and(|(gone, _)| at <= gone);
            let place = [(*person, effect.clone())];
            let row = effects.read(&id, &place, self.world.stage.now()).await.unwrap_or_default().pop();
            let refused = row.as_ref().is_some_and(|row| matches!(row.state, EffectState::Refused { .. }));
            if !is_void && !refused {
                self.world.stage.broke(Invariant::EffectsHappen, || {
                    format!("{event:?} was earned and did not happen: {:?}", row.map(|row| row.state))
                });
            }
        }
    }
}

fn attributes(someone: &Someone, activation: &Activation) -> BTreeMap<String, serde_json::Value> {
    let linked = activation.attributes.iter().map(|link| link.attribute.to_string());
    let known = linked.filter_map(|id| Some((id.clone(), someone.attributes.get(&id)?.clone())));
    known.filter(|(_, value)| !value.is_null()).collect()
}

/// A row as the source would tell it.
fn shown(person: &Person) -> Someone {
    use muster::model::{GoneReason, Membership, Value};
    let first = |kind: &str| {
        let entry = person.identifiers.iter().find(|(known, _)| known.as_str() == kind)?.1;
        entry.value.first().map(|value| value.expose().to_owned())
    };
    let text = |value: &Value| match value {
        Value::Text(text) => Some(text.clone()),
        Value::Null | Value::Boolean(_) | Value::Integer(_) | Value::Decimal(_) | Value::List(_) => None,
    };
    let membership = |membership: &Membership| match membership {
        Membership::Inside { properties } => Some(properties.values().next().and_then(text)),
        Membership::Left => None,
    };
    let end = |reason| match reason {
        GoneReason::Merged { .. } => End::Merged,
        GoneReason::Erased => End::Erased,
    };
    Someone {
        gone: person.gone.as_ref().map(|gone| (gone.at, end(gone.reason))),
        was_merged: false,
        email: first("email"),
        card: person.fields.iter().find(|(name, _)| name.as_str() == "card").and_then(|(_, entry)| text(&entry.value)),
        audiences: person.memberships.iter().map(|(id, entry)| (id.to_string(), membership(&entry.value))).collect(),
        attributes: person
            .attributes
            .iter()
            .map(|(id, entry)| (id.to_string(), serde_json::to_value(&entry.value).unwrap_or_default()))
            .collect(),
        is_suppressed: person.is_suppressed(),
        ever: BTreeSet::new(),
        void: BTreeSet::new(),
    }
}
