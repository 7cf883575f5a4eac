//! Many people at once: the same as one by one, once it has landed.

use std::time::Duration;

use muster::destination::{Action, Applied, Failure, Item, Landed, Mode, Shows, Time, Verdict};

use super::bench::{Bench, Want};
use super::world::{Aim, Holds, Membership, Standing, Strangers, Struck, Trouble, VendorWorld};

/// How far a person's counterpart in the other lane is.
const COUNTERPART: u16 = 200;

async fn ready<'w>(world: &'w dyn VendorWorld, people: impl Iterator<Item = u16>) -> Option<Bench<'w>> {
    world.destination().bulk(&world.settings())?;
    people.for_each(|person| world.put(person, Standing::Reachable));
    Some(Bench::prepared(world).await)
}

/// As many different wants as there are people.
fn wants() -> Vec<Want> {
    let all = [Membership::Inside, Membership::Left, Membership::Never];
    let cities = [None, Some("Aarhus; C"), Some("\"Odense\", \\ V"), Some("Køge\r\nØst"), Some(" =1+1 "), Some("0")];
    let pairs = all.into_iter().flat_map(|cats| all.map(|dogs| (cats, dogs)));
    let numbers = [None, Some(0), Some(-7), Some(1_234_567)];
    let flags = [None, Some(true), Some(false)];
    pairs
        .zip(cities.into_iter().cycle())
        .zip(numbers.into_iter().cycle())
        .zip(flags.into_iter().cycle())
        .map(|((((cats, dogs), city), visits), vip)| Want { cats, dogs, visits, city, vip })
        .collect()
}

pub async fn bulk_shows_what_live_shows(world: &dyn VendorWorld) {
    let wants = wants();
    let people = 1..=u16::try_from(wants.len()).unwrap();
    let Some(bench) = ready(world, people.clone().chain(people.clone().map(|person| person + COUNTERPART))).await
    else {
        return;
    };
    // The second round meets fields that hold something.
    for round in 0..2 {
        let wanted = |person: u16| &wants[(usize::from(person) - 1 + round * 5) % wants.len()];
        let live: Vec<Item> = people.clone().flat_map(|person| bench.show(person, wanted(person))).collect();
        let bulk: Vec<Item> =
            people.clone().flat_map(|person| bench.show(person + COUNTERPART, wanted(person))).collect();
        bench.deliver_well(Mode::Live, &live).await;
        let verdicts = bench.deliver_well(Mode::Bulk, &bulk).await;
        assert!(verdicts.values().any(|verdict| matches!(verdict, Verdict::Landing(_))), "nothing went in bulk");
        world.land();
        for person in people.clone() {
            let (live, bulk) = (bench.shown(person), bench.shown(person + COUNTERPART));
            assert_eq!(live, bulk, "{:?}", wanted(person));
        }
    }
}

pub async fn bulk_enters_and_leaves(world: &dyn VendorWorld) {
    let Some(bench) = ready(world, 1..=12).await else { return };
    let other = world.record(12);
    bench.deliver_well(Mode::Bulk, &bench.show_all(1..=11, &Want::entered())).await;
    world.land();
    (1..=11).for_each(|person| bench.assert_shows(person, &Want::entered()));
    let mut items = bench.show_all(1..=5, &Want::left());
    items.extend((6..=8).flat_map(|person| bench.tell(person, 0, &Action::Leave)));
    items.extend(bench.tell(9, 0, &Action::Forget));
    bench.deliver_well(Mode::Bulk, &items).await;
    world.land();
    (1..=5).for_each(|person| bench.assert_shows(person, &Want::left()));
    (6..=8).for_each(|person| bench.assert_shows(person, &Want::outside()));
    assert!(bench.shown(9).is_none_or(|shown| !shown.memberships.contains(&Membership::Inside)));
    (10..=11).for_each(|person| bench.assert_shows(person, &Want::entered()));
    assert_eq!(world.record(12), other);
}

pub async fn nobody_is_made_or_touched_by_bulk(world: &dyn VendorWorld) {
    let Some(bench) = ready(world, 1..=10).await else { return };
    let untouchable = match world.holds(Standing::Unsubscribed) {
        Holds::Yes => 11..15,
        Holds::No => 11..11,
    };
    untouchable.clone().for_each(|person| world.put(person, Standing::Unsubscribed));
    let before: Vec<String> = (11..=18).map(|person| world.record(person)).collect();
    let items = bench.show_all((1..=10).chain(untouchable).chain(15..=18), &Want::entered());
    let verdicts = bench.deliver(Mode::Bulk, &items).await;
    world.land();
    for (id, verdict) in &verdicts {
        let filtered = matches!(verdict, Verdict::Filtered { open: true, .. });
        match bench.person(id) {
            1..=10 => assert!(!filtered, "{verdict:?}"),
            11..=14 => assert!(filtered, "{verdict:?}"),
            _ => assert_eq!(filtered, world.strangers() == Strangers::Filtered, "{verdict:?}"),
        }
    }
    (1..=10).for_each(|person| bench.assert_shows(person, &Want::entered()));
    if world.strangers() == Strangers::Filtered {
        assert_eq!((11..=18).map(|person| world.record(person)).collect::<Vec<_>>(), before);
    }
}

pub async fn what_landed_is_confirmed(world: &dyn VendorWorld) {
    let Some(bench) = ready(world, 1..=8).await else { return };
    let items = bench.show_all(1..=8, &Want::entered());
    let verdicts = bench.deliver_well(Mode::Bulk, &items).await;
    // Somebody outside may as well not be there.
    let landing = |item: &&Item| matches!(verdicts[&item.id], Verdict::Landing(_)) && is_inside(item);
    let landing: Vec<Item> = items.iter().filter(landing).cloned().collect();
    assert!(!landing.is_empty(), "nothing went in bulk");
    let all = |landed: Landed| landing.iter().map(|item| (item.id.clone(), landed)).collect();
    let asked = async |time| bench.asked(&verdicts, time, &landing).await;
    assert!(asked(Time::Left).await.is_none_or(|landed| landed == all(Landed::No)), "nothing has landed yet");
    assert_eq!(asked(Time::Over).await, Some(all(Landed::No)));
    world.land();
    for time in [Time::Left, Time::Over] {
        assert_eq!(asked(time).await, Some(all(Landed::Yes)), "{time:?}");
    }
    // Somebody else's write is seen.
    bench.deliver_well(Mode::Live, &bench.show_all(1..=8, &Want::left())).await;
    world.land();
    for time in [Time::Left, Time::Over] {
        assert_eq!(asked(time).await, Some(all(Landed::No)), "{time:?}");
    }
}

fn is_inside(item: &Item) -> bool {
    match &item.action {
        Action::Show(shown) => shown.audiences.values().any(|shows| matches!(shows, Shows::Inside(_))),
        Action::Leave | Action::Forget => false,
    }
}

pub async fn bulk_in_trouble_is_tried_again(world: &dyn VendorWorld) {
    let Some(mut bench) = ready(world, 1..=8).await else { return };
    let troubles = [
        Trouble::Broken(500),
        Trouble::Broken(503),
        Trouble::ResetBefore,
        Trouble::ResetAfter,
        Trouble::TimeoutBefore,
        Trouble::TimeoutAfter,
    ];
    for trouble in troubles {
        if world.strike(&trouble, Aim::BulkWrite, 1) == Struck::Impossible {
            continue;
        }
        let silent = matches!(trouble, Trouble::TimeoutBefore | Trouble::TimeoutAfter);
        if silent {
            bench.patience = Duration::from_millis(300);
        }
        let items = bench.show_all(1..=8, &Want::entered());
        for verdict in bench.deliver(Mode::Bulk, &items).await.values() {
            let open = matches!(verdict, Verdict::Failed(Failure::Retryable { applied: Applied::Open, .. }));
            assert!(open, "{trouble:?}: {verdict:?}");
        }
        bench.patience = Duration::from_secs(20);
        bench.deliver_well(Mode::Bulk, &items).await;
        world.land();
        (1..=8).for_each(|person| bench.assert_shows(person, &Want::entered()));
        bench.deliver_well(Mode::Live, &bench.show_all(1..=8, &Want::left())).await;
    }
}

pub async fn a_refused_bulk_is_delivered_all_the_same(world: &dyn VendorWorld) {
    let Some(bench) = ready(world, 1..=8).await else { return };
    let trouble = Trouble::Refused("line 3 is bad".to_owned());
    if world.strike(&trouble, Aim::BulkWrite, 1) == Struck::Impossible {
        return;
    }
    bench.deliver_well(Mode::Bulk, &bench.show_all(1..=8, &Want::entered())).await;
    world.land();
    (1..=8).for_each(|person| bench.assert_shows(person, &Want::entered()));
}

pub async fn refused_credentials_stop_bulk(world: &dyn VendorWorld) {
    let Some(mut bench) = ready(world, 1..=8).await else { return };
    let before = world.requests();
    bench.credentials = world.refused_credentials();
    for verdict in bench.deliver(Mode::Bulk, &bench.show_all(1..=8, &Want::entered())).await.values() {
        assert!(matches!(verdict, Verdict::Failed(Failure::Unauthorized { .. })), "{verdict:?}");
    }
    assert!(world.requests() - before <= 4);
}
