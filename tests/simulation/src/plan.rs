//! From a seed to people, what happens to them, what the owner does and what goes wrong. Pure: the same seed is
//! the same plan.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value as Json, json};

use crate::chance::Chance;
use crate::stage::CANARY;

/// Audiences that are spoken of.
pub const AUDIENCES: [&str; 5] = ["birds", "cats", "dogs", "fish", "hares"];

/// Attributes that are spoken of.
pub const ATTRIBUTES: [&str; 2] = ["city", "score"];

/// What a seed leads to.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// When it begins.
    pub start: Timestamp,
    /// Everything that the source says, by number.
    pub changes: Vec<PlannedChange>,
    /// In which requests it says so.
    pub requests: Vec<PlannedRequest>,
    /// What the owner does, in this order.
    pub acts: Vec<(Timestamp, Act)>,
    /// When every process dies.
    pub deaths: Vec<Timestamp>,
    /// When every message is lost.
    pub purges: Vec<Timestamp>,
    /// When a vendor does not work.
    pub spells: Vec<Spell>,
    /// What goes wrong how often, but in long waits.
    odds: Odds,
    /// How many people there are.
    pub people: usize,
    /// How the activations are set up.
    pub setup: Setup,
}

/// How the two activations are set up.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Retry windows in hours, of the hook and of the list.
    pub windows: [u32; 2],
    /// What the hook does about events whose answer was lost.
    pub in_doubt: &'static str,
    /// By what the list knows people.
    pub list_knows_by: &'static str,
    /// Records of one request to the hook.
    pub batch: u16,
    /// Requests a second, of the hook and of the list.
    pub rates: [f64; 2],
}

/// Something that the source says.
#[derive(Debug, Clone)]
pub struct PlannedChange {
    /// About whom.
    pub person: usize,
    /// What.
    pub fact: PlannedFact,
    /// An address that comes along; an empty one says that there is none any more.
    pub email: Option<String>,
    /// The field `card` that comes along.
    pub card: Option<String>,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Whether it just happened, or is told again.
    pub live: bool,
}

/// What the source says.
#[derive(Debug, Clone, PartialEq)]
pub enum PlannedFact {
    /// Came into an audience, with a property.
    Entered(&'static str, Option<String>),
    /// Went out of it.
    Left(&'static str),
    /// An attribute has a value, or null.
    Attribute(&'static str, Json),
    /// Only what comes along.
    Profile,
    /// Must not be targeted.
    Suppressed,
    /// May be again.
    Unsuppressed,
    /// Is another person.
    MergedInto(usize),
    /// To be forgotten.
    Erased,
}

/// A request of the source.
#[derive(Debug, Clone)]
pub struct PlannedRequest {
    /// When it is sent first.
    pub at: Timestamp,
    /// The changes in it.
    pub changes: Vec<usize>,
}

/// What an owner does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Activates a draft.
    Activate(Link),
    /// Stops it.
    Pause(Link),
    /// Goes on.
    Resume(Link),
    /// Links an audience.
    Add(Link, &'static str),
    /// Takes a link away.
    Remove(Link, &'static str),
    /// Takes an attribute's link away, or brings it back.
    Attribute(Link, &'static str, Linked),
    /// Sends everybody again.
    Resync(Link),
    /// Sends again who was given up.
    Replay(Link),
    /// Looks by hand for who is pending.
    CatchUp(Link),
}

/// Whether an attribute is linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linked {
    /// It is.
    Yes,
    /// It is not.
    No,
}

/// One of the two activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Link {
    /// To the receiver of webhooks: a record per person, and events that happen once.
    Hook,
    /// To the register: a record per person and audience, and imports that land later.
    List,
}

impl Link {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Hook, Self::List];

    /// The activation's id, and its authorization's.
    pub fn id(self) -> &'static str {
        match self {
            Self::Hook => "hook",
            Self::List => "list",
        }
    }

    /// Its place in what is told of both.
    pub fn index(self) -> usize {
        match self {
            Self::Hook => 0,
            Self::List => 1,
        }
    }
}

/// Why a vendor does not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ill {
    /// Nobody answers, for minutes or hours.
    Away,
    /// Nobody answers, for two days.
    AwayTwoDays,
    /// The keys are not known.
    Revoked,
}

/// A time in which a vendor does not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spell {
    /// Whose vendor.
    pub link: Link,
    /// Why.
    pub ill: Ill,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// What doubles the messages of who waits for a vendor does so for this time only: otherwise every retry of two days
/// would be doubled again and again.
const DOUBLED_FOR: SignedDuration = SignedDuration::from_hours(2);

impl Spell {
    /// Whether somebody tries again and again by now.
    pub fn is_long(&self, now: Timestamp) -> bool {
        self.from + DOUBLED_FOR < now && now < self.until
    }
}

impl Plan {
    /// What goes wrong how often at `now`.
    pub fn odds(&self, now: Timestamp) -> Odds {
        if self.spells.iter().any(|spell| spell.is_long(now)) {
            return Odds { store_fails: 0, doubled: 0, visible_early: 0, dies: 0, ..self.odds };
        }
        self.odds
    }
}

/// In how many of a thousand cases something goes wrong.
#[derive(Debug, Clone, Copy, Default)]
pub struct Odds {
    /// A call of a port, before or after it applied.
    pub store_fails: u32,
    /// A call of a port is slow.
    pub store_slow: u32,
    /// A message is doubled.
    pub doubled: u32,
    /// A message is delayed.
    pub delayed: u32,
    /// Messages are given out in another order.
    pub reordered: u32,
    /// A message is seen again too early.
    pub visible_early: u32,
    /// A process dies at one of its steps.
    pub dies: u32,
    /// A request of the source comes again.
    pub repeated: u32,
    /// A request to a vendor.
    pub vendor: u32,
    /// A record of an answer.
    pub put_back: u32,
    /// A batch is refused.
    pub batch_refused: u32,
    /// An import lands late; half as often it is lost.
    pub import: u32,
}

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

/// The plan of a seed.
pub fn plan(seed: u64) -> Plan {
    let mut chance = Chance::of(seed, 1);
    let start: Timestamp = "2026-01-05T07:00:00Z".parse().unwrap_or(Timestamp::UNIX_EPOCH);
    let span = [300, 900, 1_800, 7_200][chance.index(4)];
    let people = 20 + chance.index(5);
    let bursts: Vec<i64> = (0..chance.between(3, 9)).map(|_| chance.between(30, span)).collect();
    let changes = changes(&mut chance, people, start, &bursts);
    let requests = requests(&mut chance, &changes);
    let end = start + seconds(span + 60);
    let spells = spells(&mut chance, start, end);
    let odds = odds(&mut chance);
    Plan {
        seed,
        start,
        acts: acts(&mut chance, start, span),
        deaths: moments(&mut chance, 2, start, span),
        purges: if chance.permille(150) { moments(&mut chance, 1, start, span) } else { Vec::new() },
        spells,
        odds,
        setup: setup(&mut chance),
        changes: changes.into_iter().map(|(_, change)| change).collect(),
        requests,
        people,
    }
}

fn moments(chance: &mut Chance, most: i64, start: Timestamp, span: i64) -> Vec<Timestamp> {
    (0..chance.between(0, most)).map(|_| start + seconds(chance.between(5, span))).collect()
}

fn setup(chance: &mut Chance) -> Setup {
    let windows = [1, 1, 1, 1, 1, 1, 2, 2, 2, 6, 6, 72];
    let rates = [2.0, 5.0, 20.0, 100.0];
    Setup {
        windows: [windows[chance.index(12)], windows[chance.index(12)]],
        in_doubt: ["send_again", "ask", "park"][chance.index(3)],
        list_knows_by: ["ids.email", "ids.email", "fields.card"][chance.index(3)],
        batch: u16::try_from(chance.between(1, 12)).unwrap_or(1),
        rates: [rates[chance.index(4)], rates[chance.index(4)]],
    }
}

fn odds(chance: &mut Chance) -> Odds {
    let mut upto = |most: i64| u32::try_from(chance.between(0, most).max(0)).unwrap_or(0);
    Odds {
        store_fails: upto(6),
        store_slow: upto(20),
        doubled: upto(25),
        delayed: upto(100),
        reordered: upto(600),
        visible_early: upto(20),
        dies: upto(60),
        repeated: upto(100),
        vendor: upto(120),
        put_back: upto(60),
        batch_refused: upto(40),
        import: upto(400),
    }
}

fn spells(chance: &mut Chance, start: Timestamp, end: Timestamp) -> Vec<Spell> {
    let mut spells = Vec::new();
    for link in Link::ALL {
        let mut add = |chance: &mut Chance, odds: u32, ill: Ill, least: i64, most: i64| {
            if chance.permille(odds) {
                let span = end.duration_since(start).as_secs();
                let from = start + seconds(chance.between(10, span));
                spells.push(Spell { link, ill, from, until: from + seconds(chance.between(least, most)) });
            }
        };
        add(chance, 150, Ill::Away, 60, 2_400);
        add(chance, 3, Ill::AwayTwoDays, 48 * 3_600, 49 * 3_600);
        add(chance, 120, Ill::Revoked, 60, 1_800);
    }
    spells
}

fn acts(chance: &mut Chance, start: Timestamp, span: i64) -> Vec<(Timestamp, Act)> {
    let mut acts = vec![(start, Act::Activate(Link::Hook))];
    let late = if chance.permille(300) { chance.between(60, span) } else { 0 };
    acts.push((start + seconds(late), Act::Activate(Link::List)));
    for _ in 0..chance.between(0, 5) {
        let link = Link::ALL[chance.index(2)];
        let at = start + seconds(chance.between(late + 30, late + span));
        match chance.below(8) {
            0 | 1 => {
                acts.push((at, Act::Pause(link)));
                acts.push((at + seconds(chance.between(20, 1_200)), Act::Resume(link)));
            }
            2 => acts.push((at, Act::Add(link, AUDIENCES[chance.index(AUDIENCES.len())]))),
            3 => acts.push((at, Act::Remove(link, AUDIENCES[chance.index(AUDIENCES.len())]))),
            4 => {
                let linked = if chance.permille(500) { Linked::Yes } else { Linked::No };
                acts.push((at, Act::Attribute(link, ATTRIBUTES[chance.index(2)], linked)));
            }
            5 => acts.push((at, Act::Resync(link))),
            6 => acts.push((at, Act::Replay(link))),
            _ => acts.push((at, Act::CatchUp(link))),
        }
    }
    acts.sort_by_key(|(at, _)| *at);
    acts
}

/// Changes, each with the time at which it is told first.
fn changes(chance: &mut Chance, people: usize, start: Timestamp, bursts: &[i64]) -> Vec<(Timestamp, PlannedChange)> {
    let mut changes = Vec::new();
    let tell = |changes: &mut Vec<(Timestamp, PlannedChange)>,
                chance: &mut Chance,
                person: usize,
                fact: PlannedFact,
                told_at: i64,
                number: usize| {
        let told_at = start + seconds(told_at);
        // No two happen at the same nanosecond, except where a tie is wanted.
        let before = match chance.below(10) {
            0 => chance.between(0, 7_200),
            1 => -chance.between(0, 120),
            _ => chance.between(0, 60),
        };
        let nanoseconds = SignedDuration::from_nanos(i64::try_from(number).unwrap_or_default() + 1);
        let change = PlannedChange {
            person,
            fact,
            email: email(chance, person, people),
            card: card(chance, person, people),
            occurred_at: told_at - seconds(before) + nanoseconds,
            live: !chance.permille(120),
        };
        changes.push((told_at, change));
    };
    for person in 0..people {
        let audience = AUDIENCES[chance.index(AUDIENCES.len())];
        let told_at = bursts[chance.index(bursts.len())] / 2 + chance.between(0, 20);
        tell(&mut changes, chance, person, PlannedFact::Entered(audience, None), told_at, person);
        // Most have an address from the first.
        if let Some((_, first)) = changes.last_mut().filter(|_| chance.permille(900)) {
            first.email = Some(own_email(person));
        }
    }
    for number in people..usize::try_from(chance.between(104, 130)).unwrap_or(104) {
        let person = chance.index(people);
        let told_at = bursts[chance.index(bursts.len())] + chance.between(0, 20);
        let fact = fact(chance, person, people);
        tell(&mut changes, chance, person, fact, told_at, number);
    }
    // Ties: leaving and entering at the same moment.
    for number in 0..chance.index(6) {
        let from = chance.index(changes.len());
        let (told_at, mut change) = changes[from].clone();
        if let PlannedFact::Entered(audience, _) = change.fact {
            change.fact = PlannedFact::Left(audience);
            change.email = None;
            change.card = None;
            changes.push((told_at + seconds(i64::try_from(number).unwrap_or_default()), change));
        }
    }
    changes
}

fn fact(chance: &mut Chance, person: usize, people: usize) -> PlannedFact {
    let audience = AUDIENCES[chance.index(AUDIENCES.len())];
    match chance.below(100) {
        0..=38 => {
            let tier = chance.permille(300).then(|| format!("{CANARY}-tier-{}", chance.below(3)));
            PlannedFact::Entered(audience, tier)
        }
        39..=62 => PlannedFact::Left(audience),
        63..=72 => PlannedFact::Attribute("score", json!(chance.below(1_000))),
        73..=80 => {
            let value =
                if chance.permille(150) { Json::Null } else { json!(format!("{CANARY}-town-{}", chance.below(50))) };
            PlannedFact::Attribute("city", value)
        }
        81..=89 => PlannedFact::Profile,
        90..=92 => PlannedFact::Suppressed,
        93..=94 => PlannedFact::Unsuppressed,
        95..=96 => PlannedFact::MergedInto((person + 1 + chance.index(people - 1)) % people),
        _ => PlannedFact::Erased,
    }
}

/// Mostly the person's own address; sometimes another one, another person's, one that vendors refuse, or none.
fn email(chance: &mut Chance, person: usize, people: usize) -> Option<String> {
    Some(match chance.below(100) {
        0..=24 => own_email(person),
        25..=33 => format!("{CANARY}-{person}-{}@{CANARY}.example", chance.below(3)),
        34..=36 => format!("{CANARY}-{}@{CANARY}.example", chance.index(people)),
        37..=38 => format!("refused-{CANARY}-{person}@{CANARY}.example"),
        39 => String::new(),
        _ => return None,
    })
}

fn own_email(person: usize) -> String {
    format!("{CANARY}-{person}@{CANARY}.example")
}

fn card(chance: &mut Chance, person: usize, people: usize) -> Option<String> {
    Some(match chance.below(100) {
        0..=24 => format!("{CANARY}-card-{person}"),
        25..=30 => format!("{CANARY}-card-{person}-{}", chance.below(2)),
        31..=32 => format!("{CANARY}-card-{}", chance.index(people)),
        _ => return None,
    })
}

fn requests(chance: &mut Chance, changes: &[(Timestamp, PlannedChange)]) -> Vec<PlannedRequest> {
    let mut order: Vec<usize> = (0..changes.len()).collect();
    order.sort_by_key(|index| changes[*index].0);
    let mut requests = Vec::new();
    let mut rest = order.as_slice();
    while let Some(first) = rest.first() {
        let most = usize::try_from(chance.between(1, 6)).unwrap_or(1).min(rest.len());
        let (now, later) = rest.split_at(most);
        let last = now.last().unwrap_or(first);
        requests.push(PlannedRequest { at: changes[*last].0, changes: now.to_vec() });
        rest = later;
    }
    requests
}

impl PlannedChange {
    /// As the source writes it.
    pub fn body(&self, number: usize) -> Json {
        let mut person = Map::new();
        person.insert("user_id".to_owned(), json!(user(self.person)));
        if let Some(email) = &self.email {
            person.insert("email".to_owned(), if email.is_empty() { Json::Null } else { json!(email) });
        }
        let mut body = json!({
            "id": number.to_string(),
            "person": person,
            "occurred_at": self.occurred_at.to_string(),
            "origin": if self.live { "live" } else { "backfill" },
        });
        if let Some(card) = &self.card {
            body["fields"] = json!({ "card": card });
        }
        let kind = match &self.fact {
            PlannedFact::Entered(audience, tier) => {
                body["audience"] = json!(audience);
                if let Some(tier) = tier {
                    body["audience_properties"] = json!({ "tier": tier });
                }
                "audience.entered"
            }
            PlannedFact::Left(audience) => {
                body["audience"] = json!(audience);
                "audience.left"
            }
            PlannedFact::Attribute(attribute, value) => {
                body["attribute"] = json!(attribute);
                body["value"] = value.clone();
                "attribute.changed"
            }
            PlannedFact::Profile => "profile.updated",
            PlannedFact::Suppressed => "person.suppressed",
            PlannedFact::Unsuppressed => "person.unsuppressed",
            PlannedFact::MergedInto(survivor) => {
                body["into"] = json!({ "user_id": user(*survivor) });
                "person.merged"
            }
            PlannedFact::Erased => "person.erased",
        };
        body["type"] = json!(kind);
        body
    }
}

/// By what the source knows somebody.
pub fn user(person: usize) -> String {
    format!("{CANARY}-user-{person}")
}
