//! Effects to be made to happen, of whatever earns one at a destination, and whether what is said of them is so.

use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};

use jiff::{SignedDuration, Timestamp};
use muster::destination::{Applied, Failure, Performance, Performances, Task, Testimony};
use muster::model::effect::Again;
use muster::model::event::Details;
use muster::model::{Earned, Earning, Transition, Value};
use serde_json::json;

use super::bench::{Bench, CITY, person_of};
use super::world::{EffectWorld, Standing};

pub(super) const PEOPLE: RangeInclusive<u16> = 1..=5;

/// What can earn an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    Entered,
    Left,
    Happened,
}

impl Cause {
    const ALL: [Self; 3] = [Self::Happened, Self::Entered, Self::Left];

    fn is_earned(self, earning: &Earning) -> bool {
        match self {
            Self::Entered => earning.on.contains(&Transition::Entered),
            Self::Left => earning.on.contains(&Transition::Left),
            Self::Happened => EVENTS.iter().all(|name| earning.events.include(&name.parse().unwrap())),
        }
    }
}

/// One that has a name of its own at platforms, and one that has none.
const EVENTS: [&str; 2] = ["order_completed", "badge_earned"];

/// Five people, prepared for effects.
pub(super) async fn ready(world: &dyn EffectWorld) -> Bench<'_> {
    PEOPLE.for_each(|person| world.put(person, Standing::Reachable));
    let mut bench = Bench::new(world);
    bench.settings = world.settings_of_effects();
    world.destination().check_settings(&bench.settings).unwrap();
    bench.prepare().await;
    bench
}

pub(super) fn causes(bench: &Bench<'_>, is_earned: bool) -> Vec<Cause> {
    let earning = bench.world.destination().earns(&bench.settings);
    Cause::ALL.into_iter().filter(|cause| cause.is_earned(&earning) == is_earned).collect()
}

/// The `number`th effect of a person, of what the destination takes; each is later than the one before.
pub(super) fn task(bench: &Bench<'_>, person: u16, number: u16) -> Task {
    let causes = causes(bench, true);
    let (place, round) = (usize::from(number) % causes.len(), usize::from(number) / causes.len());
    task_by(bench, person, number, causes[place], round)
}

pub(super) fn task_by(bench: &Bench<'_>, person: u16, number: u16, cause: Cause, round: usize) -> Task {
    let activation = bench.links.activation.parse().unwrap();
    let audience = &bench.links.audiences[round % 2].id;
    let first_at: Timestamp = "2026-11-22T05:00:00.25Z".parse().unwrap();
    let at = first_at + SignedDuration::from_secs(number.into());
    let earned = match cause {
        Cause::Entered => {
            let properties = [("remark".parse().unwrap(), Value::Text(CITY.to_owned()))].into();
            Earned::by(&activation, Again::EveryTime, Transition::Entered, audience, properties, at)
        }
        Cause::Left => Earned::by(&activation, Again::EveryTime, Transition::Left, audience, [].into(), at),
        Cause::Happened => {
            let (event, id) = (EVENTS[round % 2].parse().unwrap(), format!("id-{number}").parse().unwrap());
            let details = json!({ "number": number, "remark": CITY });
            let details = Details(details.as_object().unwrap().clone());
            Earned::by_event(&activation, &event, &id, &details, at)
        }
    };
    bench.task(person, number, earned)
}

/// Of each of these people the effects of these numbers, one person's among the others' and in their order.
pub(super) fn tasks(bench: &Bench<'_>, people: RangeInclusive<u16>, numbers: Range<u16>) -> Vec<Task> {
    let mut tasks = Vec::new();
    for number in numbers {
        tasks.extend(people.clone().map(|person| task(bench, person, number)));
    }
    tasks
}

/// As many as the destination takes in one call, from this number on.
pub(super) fn one_call(bench: &Bench<'_>, from: u16) -> Vec<Task> {
    let most = bench.spec().effects;
    let each = u16::try_from(most).unwrap().div_ceil(*PEOPLE.end());
    let mut tasks = tasks(bench, PEOPLE, from..from + each);
    tasks.truncate(most);
    tasks
}

/// As many as that or more: several of each.
pub(super) fn several_of_each(bench: &Bench<'_>) -> Vec<Task> {
    tasks(bench, PEOPLE, 0..several(bench))
}

/// So many of each of five are a call or more.
pub(super) fn several(bench: &Bench<'_>) -> u16 {
    u16::try_from(bench.spec().effects).unwrap().div_ceil(*PEOPLE.end()).max(4)
}

/// How often the vendor shows that an effect happened.
pub(super) fn times(world: &dyn EffectWorld, task: &Task) -> usize {
    let wanted = world.appears_as_happened(task);
    world.happened(person_of(task.id.person)).into_iter().filter(|shown| *shown == wanted).count()
}

/// These happened once each, one person's in their order, and nothing else did.
pub(super) fn assert_happened<'t>(world: &dyn EffectWorld, tasks: impl IntoIterator<Item = &'t Task>) {
    let tasks: Vec<&Task> = tasks.into_iter().collect();
    for person in PEOPLE {
        let theirs = tasks.iter().filter(|task| person_of(task.id.person) == person);
        let theirs: Vec<String> = theirs.map(|task| world.appears_as_happened(task)).collect();
        let distinct: BTreeSet<&String> = theirs.iter().collect();
        assert_eq!(distinct.len(), theirs.len(), "two look the same: {theirs:?}");
        assert_eq!(world.happened(person), theirs, "person {person}");
    }
}

/// The same, in any order: what was in doubt comes when it is settled.
pub(super) fn assert_happened_at_last(world: &dyn EffectWorld, tasks: &[Task]) {
    for task in tasks {
        assert_eq!(times(world, task), 1, "{:?}", task.id);
    }
    let all: usize = PEOPLE.map(|person| world.happened(person).len()).sum();
    assert_eq!(all, tasks.len());
}

/// What an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    Happened,
    DidNot,
    Open,
}

pub(super) fn says(performance: Option<&Performance>) -> Says {
    match performance {
        Some(Performance::Done { .. }) => Says::Happened,
        Some(Performance::Failed(Failure::Retryable { applied: Applied::Open, .. })) | None => Says::Open,
        Some(Performance::Failed(
            Failure::Retryable { applied: Applied::No, .. }
            | Failure::RateLimited { .. }
            | Failure::PutOff { .. }
            | Failure::Rejected { .. }
            | Failure::Unauthorized { .. }
            | Failure::Misconfigured { .. },
        )) => Says::DidNot,
    }
}

/// Whatever is said of an effect is so.
pub(super) fn assert_true(world: &dyn EffectWorld, tasks: &[Task], told: &Performances) {
    for task in tasks {
        let (times, told) = (times(world, task), told.get(&task.id));
        match says(told) {
            Says::Happened => assert_eq!(times, 1, "{:?}: {told:?}", task.id),
            Says::DidNot => assert_eq!(times, 0, "{:?}: {told:?}", task.id),
            Says::Open => assert!(times <= 1, "{:?}: {told:?}", task.id),
        }
    }
}

/// What the vendor says of an effect is so, if it says anything.
pub(super) fn assert_testified(world: &dyn EffectWorld, task: &Task, testimony: &Testimony) {
    match testimony {
        Testimony::Present { .. } => assert_eq!(times(world, task), 1, "{:?}: {testimony:?}", task.id),
        Testimony::Absent => assert_eq!(times(world, task), 0, "{:?}: {testimony:?}", task.id),
        Testimony::Repeatable | Testimony::Untellable { .. } => {}
    }
}
