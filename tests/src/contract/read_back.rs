//! What the vendor shows is read back, where it lets itself be read, and nothing is changed by that.

use std::collections::BTreeMap;

use muster::destination::{Item, ItemId, Mode, Seen};
use muster::model::DifferenceKind;

use super::bench::{Bench, Want};
use super::world::{Standing, VendorWorld};

async fn ready(world: &dyn VendorWorld) -> Option<Bench<'_>> {
    world.destination().spec().read_back?;
    (1..=8).for_each(|person| world.put(person, Standing::Reachable));
    let bench = Bench::prepared(world).await;
    bench.deliver_well(Mode::Live, &bench.show_all(1..=8, &Want::entered())).await;
    world.land();
    Some(bench)
}

fn of(items: &[Item], seen: impl Fn(usize) -> Seen) -> BTreeMap<ItemId, Seen> {
    items.iter().enumerate().map(|(at, item)| (item.id.clone(), seen(at))).collect()
}

/// The second shows something else, the third is gone.
async fn change(world: &dyn VendorWorld, bench: &Bench<'_>) {
    bench.deliver_well(Mode::Live, &bench.show(2, &Want::left())).await;
    world.land();
    world.vanish(3);
}

fn changed(at: usize) -> Seen {
    match at {
        1 => Seen::Differs(DifferenceKind::Other),
        2 => Seen::Differs(DifferenceKind::Missing),
        _ => Seen::Same,
    }
}

pub async fn what_is_shown_is_read_back(world: &dyn VendorWorld) {
    let Some(bench) = ready(world).await else { return };
    let items: Vec<Item> = (1..=8).map(|person| bench.show(person, &Want::entered()).remove(0)).collect();
    assert_eq!(bench.read_back(&items).await, of(&items, |_| Seen::Same));
    change(world, &bench).await;
    let before: Vec<String> = (1..=8).map(|person| world.record(person)).collect();
    assert_eq!(bench.read_back(&items).await, of(&items, changed));
    assert_eq!((1..=8).map(|person| world.record(person)).collect::<Vec<_>>(), before, "nothing is written");
}

pub async fn one_is_read_back_as_many_are(world: &dyn VendorWorld) {
    let Some(bench) = ready(world).await else { return };
    change(world, &bench).await;
    for person in 1..=4 {
        let items = vec![bench.show(person, &Want::entered()).remove(0)];
        let at = usize::from(person) - 1;
        assert_eq!(bench.read_back(&items).await, of(&items, |_| changed(at)), "{person}");
    }
}
