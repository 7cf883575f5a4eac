//! What the source says, and what the platform is and does.

use muster_local::demo::events::Events;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

const AUDIENCES: [&str; 3] = ["buyers", "frequent", "lapsed"];

/// How the platform takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    /// Every request is answered.
    Calm,
    /// Some writes fail, some of these after they were applied.
    Rough,
}

/// What is told to Muster, and when.
pub(crate) struct Story {
    /// Before the activation is started: its first walk finds them.
    pub(crate) before: Vec<Value>,
    /// Afterwards.
    pub(crate) after: Vec<Value>,
    /// Changes of one request.
    pub(crate) batch: usize,
    pub(crate) weather: Weather,
}

impl Story {
    /// 300 changes of 60 people, two thirds of them live.
    pub(crate) fn live(seed: u64, weather: Weather) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let mut changes: Vec<Value> = (0..300).map(|number| change(number, &mut random, 60)).collect();
        changes.shuffle(&mut random);
        let after = changes.split_off(100);
        Self { before: changes, after, batch: 20, weather }
    }

    /// 300 people to begin with, enough for an import, and newer changes while it is under way.
    pub(crate) fn import(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let of_person = |person| {
            let audience = AUDIENCES[person % AUDIENCES.len()];
            [
                json!({"type": "audience.entered", "audience": audience}),
                json!({"type": "attribute.changed", "attribute": "orders", "value": person}),
                json!({"type": "attribute.changed", "attribute": "plan", "value": "basic"}),
            ]
            .map(|fact| told(person, person, fact))
        };
        let before = (0..300).flat_map(of_person).collect();
        let mut after: Vec<Value> = (300..400).map(|number| change(number, &mut random, 60)).collect();
        let plan_ends = json!({"type": "attribute.changed", "attribute": "plan", "value": null});
        after.extend((400..450).map(|number| told(number, number - 300, plan_ends.clone())));
        Self { before, after, batch: 450, weather: Weather::Calm }
    }

    /// The same for the naive fold.
    pub(crate) fn events(&self) -> Events {
        Events { lines: self.before.iter().chain(&self.after).map(Value::to_string).collect() }
    }
}

/// No two changes have the same time.
fn change(number: usize, random: &mut StdRng, people: usize) -> Value {
    let person = random.random_range(0..people);
    let audience = AUDIENCES.choose(random).copied().unwrap_or_default();
    let fact = match random.random_range(0..6) {
        0..2 => json!({"type": "audience.entered", "audience": audience}),
        2..4 => json!({"type": "audience.exited", "audience": audience}),
        4 => json!({"type": "attribute.changed", "attribute": "orders", "value": number}),
        _ => json!({"type": "attribute.changed", "attribute": "plan", "value": format!("plan-{number}")}),
    };
    told(number, person, fact)
}

fn told(number: usize, person: usize, mut fact: Value) -> Value {
    let kind = fact["type"].as_str().unwrap_or_default();
    fact["id"] = json!(format!("{number}-{person}-{kind}-{}", fact["attribute"].as_str().unwrap_or_default()));
    fact["person"] = json!({"user_id": format!("{person:03}"), "email": format!("person{person:03}@example.com")});
    fact["occurred_at"] =
        json!(format!("2026-01-{:02}T{:02}:{:02}:00Z", 1 + number / 1440, number / 60 % 24, number % 60));
    fact
}
