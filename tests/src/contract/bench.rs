//! Calls of one destination, as the engine makes them, and what they should have brought about.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use muster::destination::{
    Action, Bulk, Checked, Confirmed, Context, Failure, Item, ItemId, Landed, Landing, LinkedAttribute, LinkedAudience,
    Links, Mode, Performance, Performances, Preparation, ReadBack, Seen, Shown, Shows, Spec, Taken, Task, TaskId,
    Testimony, Time, Verdict, Verdicts,
};
use muster::embedded::Embedded;
use muster::http::{Account, HeldRequest, Http, HttpTimes, Session, Transport};
use muster::metrics::Unmeasured;
use muster::model::budget::Budget;
use muster::model::pending::RecordShape;
use muster::model::{AttributeLink, AttributeType, Earned, Lane, LinkState, PersonKey, RecordId, RunId, Value};
use muster::ports::{Clock, Ledger, Secret, Vault};
use serde_json::Value as Json;

use super::world::{Membership, VendorWorld};

/// Long enough that a busy machine is not taken for a vendor that does not answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// What a person is to show, of two audiences and three attributes.
#[derive(Debug, Clone, PartialEq)]
pub struct Want {
    pub cats: Membership,
    pub dogs: Membership,
    pub visits: Option<i64>,
    pub city: Option<&'static str>,
    pub vip: Option<bool>,
}

/// A personal value that would be recognised in a log.
pub const CITY: &str = "Zqmarkered by";

impl Want {
    pub fn entered() -> Self {
        let (cats, dogs) = (Membership::Inside, Membership::Never);
        Self { cats, dogs, visits: Some(12), city: Some(CITY), vip: Some(true) }
    }

    pub fn left() -> Self {
        Self { cats: Membership::Left, visits: Some(13), vip: Some(false), ..Self::entered() }
    }

    pub fn outside() -> Self {
        Self { cats: Membership::Left, dogs: Membership::Left, visits: None, city: None, vip: None }
    }
}

/// One activation of the destination.
pub struct Bench<'w> {
    pub world: &'w dyn VendorWorld,
    pub links: Links,
    pub settings: Json,
    pub credentials: Secret,
    pub notes: Json,
    /// What may be called.
    pub origins: Vec<String>,
    /// How long an answer is waited for.
    pub patience: Duration,
    /// How much time a run has.
    pub run: SignedDuration,
    /// What the account allows.
    pub budget: Budget,
    /// The way to the vendor, where it is not the network alone.
    pub transport: Option<Arc<dyn Transport>>,
    ledger: Arc<dyn Ledger>,
    vault: Arc<dyn Vault>,
}

impl<'w> Bench<'w> {
    /// Not prepared.
    pub fn new(world: &'w dyn VendorWorld) -> Self {
        let embedded = Embedded::in_memory(world.clock()).unwrap();
        let settings = world.settings();
        let origins = world.destination().origins(&settings);
        Self {
            world,
            links: links(),
            settings,
            credentials: world.credentials(),
            notes: Json::Null,
            origins,
            patience: PATIENCE,
            run: SignedDuration::from_hours(24),
            budget: world.destination().spec().budget.clone(),
            transport: None,
            ledger: embedded.ports().ledger,
            vault: embedded.ports().vault,
        }
    }

    pub async fn prepared(world: &'w dyn VendorWorld) -> Self {
        let mut bench = Self::new(world);
        bench.prepare().await;
        bench
    }

    pub fn spec(&self) -> &'static Spec {
        self.world.destination().spec()
    }

    pub fn session(&self) -> Session {
        let margin = Duration::from_secs(1);
        let times = HttpTimes { connect: self.patience, request: self.patience, margin };
        let clock = self.world.clock();
        let deadline = clock.now() + self.run;
        let account = Account {
            authorization: "account".parse().unwrap(),
            budget: self.budget.clone(),
            lane: Lane::Live,
            run: RunId(1),
            origins: self.origins.clone(),
            ledger: Arc::clone(&self.ledger),
            vault: Arc::clone(&self.vault),
            clock,
            meter: Arc::new(Unmeasured),
            trace: None,
        };
        let http = Http::new(times, self.world.rewrites()).unwrap();
        let http = match &self.transport {
            Some(transport) => http.over(Arc::clone(transport)),
            None => http,
        };
        http.session(account, deadline)
    }

    fn context<'a>(&'a self, session: &'a Session) -> Context<'a> {
        let Self { credentials, settings, notes, links, .. } = self;
        Context { session, credentials, settings, notes, links, now: session.now() }
    }

    pub async fn check(&self) -> Result<Checked, Failure> {
        let session = self.session();
        let checked = self.world.destination().check(&self.context(&session)).await;
        session.end().await;
        checked
    }

    pub async fn try_prepare(&self) -> Result<Preparation, Failure> {
        let session = self.session();
        let prepared = self.world.destination().prepare(&self.context(&session), &self.links).await;
        session.end().await;
        prepared
    }

    pub async fn prepare(&mut self) -> Preparation {
        let prepared = self.try_prepare().await.unwrap();
        self.notes = prepared.notes.clone();
        prepared
    }

    /// What would be noted of a preparation.
    pub async fn foresee(&self) -> Json {
        let session = self.session();
        let notes = self.world.destination().foresee(&self.context(&session), &self.links).await;
        session.end().await;
        notes.unwrap()
    }

    /// What a delivery of these items would write.
    pub async fn preview(&self, items: &[Item]) -> Vec<HeldRequest> {
        let mut held = Vec::new();
        for items in items.chunks(self.batch(Mode::Live)) {
            let session = self.session().holding_back();
            let _ = self.world.destination().deliver(&self.context(&session), Mode::Live, items).await;
            session.end().await;
            held.extend(session.held_back());
        }
        held
    }

    /// Delivers in the destination's own batch size. A batch that is refused is halved, as the engine does; any
    /// other failure of a call is each item's. The verdicts are of exactly the items.
    pub async fn deliver(&self, lane: Mode, items: &[Item]) -> Verdicts {
        let destination = self.world.destination();
        let mut verdicts = Verdicts::new();
        let mut calls: VecDeque<&[Item]> = items.chunks(self.batch(lane)).collect();
        while let Some(items) = calls.pop_front() {
            let session = self.session();
            let delivered = destination.deliver(&self.context(&session), lane, items).await;
            session.end().await;
            if matches!(delivered, Err(Failure::Rejected { .. })) && items.len() > 1 {
                let (first, second) = items.split_at(items.len() / 2);
                calls.push_front(second);
                calls.push_front(first);
                continue;
            }
            let asked: BTreeSet<&ItemId> = items.iter().map(|item| &item.id).collect();
            let delivered = delivered.unwrap_or_else(|failure| {
                items.iter().map(|item| (item.id.clone(), Verdict::Failed(failure.clone()))).collect()
            });
            assert_eq!(asked, delivered.keys().collect(), "one verdict for every item, and for no other");
            verdicts.extend(delivered);
        }
        verdicts
    }

    /// Most items of one call.
    pub fn batch(&self, lane: Mode) -> usize {
        match lane {
            Mode::Live => self.world.destination().batch(&self.settings),
            Mode::Bulk => self.bulk().map_or(1, |bulk| bulk.batch),
        }
    }

    /// The bulk mode under these settings.
    pub fn bulk(&self) -> Option<Bulk> {
        self.world.destination().bulk(&self.settings)
    }

    /// Delivers what must be delivered whole.
    pub async fn deliver_well(&self, lane: Mode, items: &[Item]) -> Verdicts {
        let verdicts = self.deliver(lane, items).await;
        for verdict in verdicts.values() {
            assert!(matches!(verdict, Verdict::Delivered { .. } | Verdict::Landing(_)), "{verdict:?}");
        }
        verdicts
    }

    /// Asks for what these verdicts say was taken; `None` where it may still be applied.
    pub async fn asked(&self, verdicts: &Verdicts, time: Time, items: &[Item]) -> Option<BTreeMap<ItemId, Landed>> {
        let mut handles: Vec<Json> = Vec::new();
        for verdict in verdicts.values() {
            if let Verdict::Landing(Landing { handle: Some(handle), .. }) = verdict
                && !handles.contains(handle)
            {
                handles.push(handle.clone());
            }
        }
        let session = self.session();
        let taken = Taken { handles: &handles, time };
        let confirmed = self.world.destination().confirm(&self.context(&session), &taken, items).await.unwrap();
        session.end().await;
        match confirmed {
            Confirmed::NotYet => None,
            Confirmed::Looked { landed, halted } => {
                assert_eq!(halted, None);
                Some(landed)
            }
        }
    }

    /// What is there once the time is over.
    pub async fn confirm(&self, items: &[Item]) -> BTreeMap<ItemId, Landed> {
        self.asked(&Verdicts::new(), Time::Over, items).await.unwrap()
    }

    pub async fn read_back(&self, items: &[Item]) -> BTreeMap<ItemId, Seen> {
        let session = self.session();
        let ReadBack { seen, halted } = self.world.destination().read_back(&self.context(&session), items).await;
        session.end().await;
        assert_eq!(halted, None);
        seen
    }

    /// Makes effects happen, as many in one call as the destination takes. A call that is refused is halved, as the
    /// engine does; any other failure of a call is each effect's. No answer is of another effect.
    pub async fn perform(&self, tasks: &[Task]) -> Performances {
        let destination = self.world.destination();
        let mut performances = Performances::new();
        let mut calls: VecDeque<&[Task]> = tasks.chunks(self.spec().effects).collect();
        while let Some(tasks) = calls.pop_front() {
            let session = self.session();
            let performed = destination.perform(&self.context(&session), tasks).await;
            session.end().await;
            if matches!(performed, Err(Failure::Rejected { .. })) && tasks.len() > 1 {
                let (first, second) = tasks.split_at(tasks.len() / 2);
                calls.push_front(second);
                calls.push_front(first);
                continue;
            }
            let performed = performed.unwrap_or_else(|failure| {
                tasks.iter().map(|task| (task.id.clone(), Performance::Failed(failure.clone()))).collect()
            });
            assert!(performed.keys().all(|id| tasks.iter().any(|task| task.id == *id)), "{performed:?}");
            performances.extend(performed);
        }
        performances
    }

    /// Makes happen what must happen whole.
    pub async fn perform_well(&self, tasks: &[Task]) {
        let performances = self.perform(tasks).await;
        for task in tasks {
            let performance = performances.get(&task.id);
            assert!(matches!(performance, Some(Performance::Done { .. })), "{:?}: {performance:?}", task.id);
        }
    }

    /// Asks whether an effect happened.
    pub async fn ask(&self, task: &Task) -> Result<Testimony, Failure> {
        let session = self.session();
        let testimony = self.world.destination().ask(&self.context(&session), task).await;
        session.end().await;
        testimony
    }

    /// An effect of a person, who earned it as the `number`th.
    pub fn task(&self, person: u16, number: u16, earned: Earned) -> Task {
        let id = TaskId { person: person_key(person), effect: earned.id.clone() };
        let reference = format!("{:032x}", (u128::from(person) << 96) | (0xA5 << 64) | u128::from(number));
        Task { id, key: self.world.key(person), reference, earned }
    }

    /// The items that show all of these people the same.
    pub fn show_all(&self, people: impl IntoIterator<Item = u16>, want: &Want) -> Vec<Item> {
        people.into_iter().flat_map(|person| self.show(person, want)).collect()
    }

    /// One item, or one for each audience.
    pub fn show(&self, person: u16, want: &Want) -> Vec<Item> {
        let audiences: BTreeMap<_, _> = self
            .live_audiences()
            .map(|(number, audience)| (audience.id.clone(), shows([want.cats, want.dogs][number])))
            .collect();
        let integer = want.visits.map(Value::Integer);
        let values = [integer, want.city.map(|city| Value::Text(city.to_owned())), want.vip.map(Value::Boolean)];
        let attributes: BTreeMap<_, _> = self
            .links
            .attributes
            .iter()
            .zip(values)
            .filter_map(|(linked, value)| Some((linked.link.attribute.clone(), value?)))
            .collect();
        match self.spec().shape {
            RecordShape::PerPerson => {
                let shown = Shown { audiences, attributes, ..Shown::default() };
                vec![self.item(person, RecordId::Person, 0, Action::Show(shown))]
            }
            RecordShape::PerPersonAndAudience => audiences
                .into_iter()
                .map(|(id, shows)| {
                    let audiences = BTreeMap::from([(id.clone(), shows)]);
                    let shown = Shown { audiences, attributes: attributes.clone(), ..Shown::default() };
                    self.item(person, RecordId::Audience(id), 0, Action::Show(shown))
                })
                .collect(),
        }
    }

    /// Items of another action; `step` 0 under the current key, from 1 under former ones.
    pub fn tell(&self, person: u16, step: u16, action: &Action) -> Vec<Item> {
        match self.spec().shape {
            RecordShape::PerPerson => vec![self.item(person, RecordId::Person, step, action.clone())],
            RecordShape::PerPersonAndAudience => self
                .live_audiences()
                .map(|(_, audience)| self.item(person, RecordId::Audience(audience.id.clone()), step, action.clone()))
                .collect(),
        }
    }

    fn item(&self, person: u16, record: RecordId, step: u16, action: Action) -> Item {
        Item {
            id: ItemId { person: person_key(person), record, step },
            key: self.world.key(person),
            action,
            memo: None,
        }
    }

    fn live_audiences(&self) -> impl Iterator<Item = (usize, &LinkedAudience)> {
        self.links.audiences.iter().enumerate().filter(|(_, audience)| audience.state == LinkState::Live)
    }

    /// The person of an item.
    pub fn person(&self, id: &ItemId) -> u16 {
        person_of(id.person)
    }

    /// What the vendor shows of a person is what was wanted.
    pub fn assert_shows(&self, person: u16, want: &Want) {
        assert_eq!(self.shown(person), Some(self.appearing(want)), "person {person}");
    }

    /// Whether the vendor shows of an item what was wanted. Of a record for one audience that is the membership: the
    /// person's other records may fare otherwise.
    pub fn shows(&self, id: &ItemId, want: &Want) -> bool {
        let person = self.person(id);
        let (shown, wanted) = (self.shown(person), self.appearing(want));
        match &id.record {
            RecordId::Person => shown == Some(wanted),
            RecordId::Audience(audience) => {
                let place = self.links.audiences.iter().position(|linked| linked.id == *audience);
                place.is_some_and(|place| {
                    shown.is_some_and(|shown| shown.memberships[place] == wanted.memberships[place])
                })
            }
        }
    }

    /// What a want looks like once it is read back.
    pub fn appearing(&self, want: &Want) -> Reading {
        let appears = |membership| self.world.appears(&self.settings, membership);
        let text = |city: &str| Value::Text(self.world.appears_as(city));
        Reading {
            memberships: vec![appears(want.cats), appears(want.dogs)],
            attributes: vec![
                want.visits.map_or(Value::Null, Value::Integer),
                want.city.map_or(Value::Null, text),
                want.vip.map_or(Value::Null, Value::Boolean),
            ],
        }
    }

    /// What the vendor shows of a person; `None` where the person is not there.
    pub fn shown(&self, person: u16) -> Option<Reading> {
        let memberships = self.links.audiences.iter().map(|audience| self.world.membership(person, audience));
        let attributes = self.links.attributes.iter().map(|attribute| self.world.attribute(person, attribute));
        Some(Reading {
            memberships: memberships.collect::<Option<_>>()?,
            attributes: attributes.collect::<Option<_>>()?,
        })
    }
}

/// Memberships and attributes in the order of the links.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    pub memberships: Vec<Membership>,
    pub attributes: Vec<Value>,
}

fn shows(membership: Membership) -> Shows {
    match membership {
        Membership::Inside => Shows::Inside(BTreeMap::new()),
        Membership::Left => Shows::Left,
        Membership::Never => Shows::Never,
    }
}

/// Whose key it is.
pub fn person_of(key: PersonKey) -> u16 {
    u16::from_be_bytes([key.0[0], key.0[1]])
}

fn person_key(person: u16) -> PersonKey {
    let mut key = [7; 16];
    key[..2].copy_from_slice(&person.to_be_bytes());
    PersonKey(key)
}

fn links() -> Links {
    let audience = |id: &str, name: &str| LinkedAudience {
        id: id.parse().unwrap(),
        name: name.to_owned(),
        state: LinkState::Live,
    };
    let attribute = |id: &str, kind, name: &str| LinkedAttribute {
        link: AttributeLink { attribute: id.parse().unwrap(), kind },
        name: name.to_owned(),
    };
    Links {
        activation: "crm".to_owned(),
        source: "cdp".to_owned(),
        audiences: vec![audience("cats", "Cat owners"), audience("dogs", "Hundeejere på Sjælland")],
        attributes: vec![
            attribute("visits", AttributeType::Integer, "Visits"),
            attribute("city", AttributeType::String, "City"),
            attribute("vip", AttributeType::Boolean, "VIP"),
        ],
    }
}

/// The items with what the last delivery left for each.
pub fn with_memos(items: &[Item], verdicts: &Verdicts) -> Vec<Item> {
    let memo = |id: &ItemId| match verdicts.get(id) {
        Some(Verdict::Delivered { memo, .. }) => memo.clone(),
        Some(Verdict::Landing(_) | Verdict::Filtered { .. } | Verdict::Failed(_)) | None => None,
    };
    items.iter().map(|item| Item { memo: memo(&item.id), ..item.clone() }).collect()
}
