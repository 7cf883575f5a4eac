//! Who shows what after a delivery.

use std::collections::{BTreeMap, BTreeSet};

use muster::destination::{Action, Item, Mode, Verdict};
use muster::model::Value;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::bench::{Bench, Want};
use super::world::{Holds, Membership, Standing, Strangers, VendorWorld};

pub async fn enter_and_leave_land_on_the_right_people(world: &dyn VendorWorld) {
    (1..=6).for_each(|person| world.put(person, Standing::Reachable));
    let bench = Bench::prepared(world).await;
    let others = [world.record(5), world.record(6)];
    let dogs = Want { cats: Membership::Never, dogs: Membership::Inside, city: Some("Ærø"), ..Want::entered() };
    bench.deliver_well(Mode::Live, &[bench.show_all(1..=2, &Want::entered()), bench.show(3, &dogs)].concat()).await;
    bench.deliver_well(Mode::Live, &[bench.show(2, &Want::left()), bench.show(4, &Want::entered())].concat()).await;
    bench.assert_shows(1, &Want::entered());
    bench.assert_shows(2, &Want::left());
    bench.assert_shows(3, &dogs);
    bench.assert_shows(4, &Want::entered());
    assert_eq!([world.record(5), world.record(6)], others, "nobody else is touched");
}

pub async fn delivering_twice_is_as_once(world: &dyn VendorWorld) {
    (1..=2).for_each(|person| world.put(person, Standing::Reachable));
    let bench = Bench::prepared(world).await;
    let other = world.record(2);
    for want in [Want::entered(), Want::left(), Want::entered()] {
        let items = bench.show(1, &want);
        bench.deliver_well(Mode::Live, &items).await;
        bench.assert_shows(1, &want);
        bench.deliver_well(Mode::Live, &items).await;
        bench.assert_shows(1, &want);
    }
    assert_eq!(world.record(2), other);
}

pub async fn never_left_and_inside_are_told_apart(world: &dyn VendorWorld) {
    let all = [Membership::Inside, Membership::Left, Membership::Never];
    world.put(1, Standing::Reachable);
    let mut bench = Bench::prepared(world).await;
    let mut seen = BTreeSet::new();
    for settings in std::iter::once(world.settings()).chain(world.settings_of_never()) {
        bench.settings = settings;
        bench.prepare().await;
        for (cats, dogs) in all.into_iter().flat_map(|cats| all.map(|dogs| (cats, dogs))) {
            let want = Want { cats, dogs, ..Want::entered() };
            bench.deliver_well(Mode::Live, &bench.show(1, &want)).await;
            bench.assert_shows(1, &want);
        }
        seen.insert(format!("{:?}", world.appears(&bench.settings, Membership::Never)));
    }
    assert_eq!(seen.len(), 1 + world.settings_of_never().len(), "each setting shows never in its own way");
}

pub async fn whoever_leaves_shows_nothing(world: &dyn VendorWorld) {
    (1..=2).for_each(|person| world.put(person, Standing::Reachable));
    let bench = Bench::prepared(world).await;
    bench.deliver_well(Mode::Live, &bench.show_all(1..=2, &Want::entered())).await;
    let other = world.record(2);
    bench.deliver_well(Mode::Live, &bench.tell(1, 0, &Action::Leave)).await;
    bench.assert_shows(1, &Want::outside());
    assert_eq!(world.record(2), other);
    // Whoever is not there left long ago.
    bench.deliver_well(Mode::Live, &bench.tell(77, 0, &Action::Leave)).await;
}

pub async fn whoever_was_forgotten_can_come_back(world: &dyn VendorWorld) {
    (1..=2).for_each(|person| world.put(person, Standing::Reachable));
    let bench = Bench::prepared(world).await;
    bench.deliver_well(Mode::Live, &bench.show_all(1..=2, &Want::entered())).await;
    let other = world.record(2);
    let forget = bench.tell(1, 0, &Action::Forget);
    for _ in 0..2 {
        bench.deliver_well(Mode::Live, &forget).await;
        if let Some(shown) = bench.shown(1) {
            assert!(!shown.memberships.contains(&Membership::Inside), "{shown:?}");
            assert!(shown.attributes.iter().all(|value| *value == Value::Null), "{shown:?}");
        }
    }
    assert_eq!(world.record(2), other);
    bench.deliver_well(Mode::Live, &bench.show(1, &Want::entered())).await;
    bench.assert_shows(1, &Want::entered());
}

pub async fn leaves_go_before_enters(world: &dyn VendorWorld) {
    world.put(1, Standing::Reachable);
    let bench = Bench::prepared(world).await;
    let lanes = [Some(Mode::Live), bench.bulk().map(|_| Mode::Bulk)];
    for (lane, visits) in lanes.into_iter().flatten().zip([21, 22]) {
        // Another person had this key until now.
        let mut former = bench.tell(1, 1, &Action::Leave);
        former.iter_mut().for_each(|item| item.id.person.0[2] = 9);
        let want = Want { visits: Some(visits), ..Want::entered() };
        bench.deliver_well(lane, &[bench.show(1, &want), former].concat()).await;
        world.land();
        bench.assert_shows(1, &want);
    }
}

pub async fn unsubscribed_people_are_not_touched(world: &dyn VendorWorld) {
    if world.holds(Standing::Unsubscribed) == Holds::No {
        return;
    }
    world.put(1, Standing::Unsubscribed);
    world.put(2, Standing::Reachable);
    let bench = Bench::prepared(world).await;
    let before = world.record(1);
    let verdicts = bench.deliver(Mode::Live, &bench.show_all(1..=2, &Want::entered())).await;
    for (id, verdict) in &verdicts {
        if bench.person(id) == 1 {
            assert!(matches!(verdict, Verdict::Filtered { open: true, .. }), "{verdict:?}");
        }
    }
    bench.assert_shows(2, &Want::entered());
    for action in [Action::Leave, Action::Forget] {
        bench.deliver_well(Mode::Live, &bench.tell(1, 0, &action)).await;
    }
    assert_eq!(world.record(1), before);
}

pub async fn strangers_are_treated_as_promised(world: &dyn VendorWorld) {
    let bench = Bench::prepared(world).await;
    let before = world.record(1);
    let verdicts = bench.deliver(Mode::Live, &bench.show(1, &Want::entered())).await;
    match world.strangers() {
        Strangers::Made => bench.assert_shows(1, &Want::entered()),
        Strangers::Filtered => {
            assert_eq!(world.record(1), before);
            for verdict in verdicts.values() {
                assert!(matches!(verdict, Verdict::Filtered { open: true, .. }), "{verdict:?}");
            }
            // It can change: they come, and the next try reaches them.
            world.put(1, Standing::Reachable);
            bench.deliver_well(Mode::Live, &bench.show(1, &Want::entered())).await;
            bench.assert_shows(1, &Want::entered());
        }
    }
}

pub async fn a_value_that_does_not_fit_is_reported_and_harms_no_other(world: &dyn VendorWorld) {
    (1..=3).for_each(|person| world.put(person, Standing::Reachable));
    let bench = Bench::prepared(world).await;
    let mut items = bench.show_all(1..=3, &Want::entered());
    for item in items.iter_mut().filter(|item| bench.person(&item.id) == 2) {
        if let Action::Show(shown) = &mut item.action {
            shown.attributes.insert("visits".parse().unwrap(), Value::Text("zqmarker twelve".to_owned()));
        }
    }
    for (id, verdict) in bench.deliver(Mode::Live, &items).await {
        match (bench.person(&id), &verdict) {
            (2, Verdict::Delivered { said, .. }) => assert!(said.contains("visits"), "{said}"),
            (2, Verdict::Failed(failure)) => assert!(failure.to_string().contains("visits"), "{failure}"),
            (2, Verdict::Landing(_) | Verdict::Filtered { .. }) => panic!("not reported: {verdict:?}"),
            (_, verdict) => assert!(matches!(verdict, Verdict::Delivered { .. }), "{verdict:?}"),
        }
    }
    bench.assert_shows(1, &Want::entered());
    bench.assert_shows(3, &Want::entered());
}

/// Random batches of people who are there, are not, and must not be touched, over both lanes. That there
/// is exactly one verdict for each item is asserted by the bench.
pub async fn every_item_has_its_verdict(world: &dyn VendorWorld) {
    let mut random = StdRng::seed_from_u64(20_261_122);
    (0..30).for_each(|person| world.put(person, Standing::Reachable));
    let untouchable = world.holds(Standing::Unsubscribed) == Holds::Yes;
    if untouchable {
        (30..45).for_each(|person| world.put(person, Standing::Unsubscribed));
    }
    let bench = Bench::prepared(world).await;
    let before: BTreeMap<u16, String> = (30..60).map(|person| (person, world.record(person))).collect();
    let mut wanted: BTreeMap<u16, Want> = BTreeMap::new();
    let lanes: Vec<Mode> = [Some(Mode::Live), bench.bulk().map(|_| Mode::Bulk)].into_iter().flatten().collect();
    for _ in 0..12 {
        let lane = lanes[random.random_range(0..lanes.len())];
        let mut people: Vec<u16> = (0..60).filter(|_| random.random_ratio(1, 3)).collect();
        (1..people.len()).for_each(|at| people.swap(at, random.random_range(0..=at)));
        let mut items: Vec<Item> = Vec::new();
        for person in people {
            let membership = |random: &mut StdRng| {
                [Membership::Inside, Membership::Left, Membership::Never][random.random_range(0..3)]
            };
            let want = Want {
                cats: membership(&mut random),
                dogs: membership(&mut random),
                visits: random.random_bool(0.7).then(|| random.random_range(-9..1_000)),
                city: random
                    .random_bool(0.7)
                    .then(|| ["Aarhus; C", "\"Odense\"", "Køge\nØst"][random.random_range(0..3)]),
                vip: random.random_bool(0.7).then(|| random.random_bool(0.5)),
            };
            let (told, want) = match random.random_range(0..5) {
                0 => (bench.tell(person, 0, &Action::Leave), Want::outside()),
                _ => (bench.show(person, &want), want),
            };
            items.extend(told);
            wanted.insert(person, want);
        }
        let verdicts = bench.deliver(lane, &items).await;
        world.land();
        for item in &items {
            let (person, verdict) = (bench.person(&item.id), &verdicts[&item.id]);
            let filtered = matches!(verdict, Verdict::Filtered { open: true, .. });
            let done = matches!(verdict, Verdict::Delivered { .. } | Verdict::Landing(_));
            let reachable = person < 30
                || (world.strangers() == Strangers::Made && (person >= 45 || !untouchable))
                || !matches!(item.action, Action::Show(_));
            assert!(if reachable { done } else { filtered }, "person {person} {:?}: {verdict:?}", item.action);
        }
    }
    for (person, want) in &wanted {
        match before.get(person) {
            None => bench.assert_shows(*person, want),
            Some(record) if world.strangers() == Strangers::Filtered || (untouchable && *person < 45) => {
                assert_eq!(world.record(*person), *record, "person {person} is not touched");
            }
            Some(_) => {}
        }
    }
}

/// Of a destination that holds nothing of people: whatever is so of them, nothing is asked or told.
pub async fn nobody_is_told_of(world: &dyn VendorWorld) {
    world.put(1, Standing::Reachable);
    let bench = Bench::prepared(world).await;
    let (before, requests) = (world.record(1), world.requests());
    let items = [
        bench.show(1, &Want::entered()),
        bench.show(1, &Want::left()),
        bench.tell(1, 0, &Action::Leave),
        bench.tell(1, 0, &Action::Forget),
    ];
    for items in items {
        for verdict in bench.deliver(Mode::Live, &items).await.values() {
            assert!(matches!(verdict, Verdict::Filtered { open: false, .. }), "{verdict:?}");
        }
    }
    assert_eq!((world.record(1), world.requests()), (before, requests));
}
