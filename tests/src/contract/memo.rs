//! What a delivery leaves for the next one under the same key.

use jiff::SignedDuration;
use muster::destination::{Item, Mode, Verdict};
use serde_json::json;

use super::bench::{Bench, Want, with_memos};
use super::world::{Holds, Standing, Strangers, VendorWorld};

/// People who entered, and the items of their leaving with what the entering left.
async fn entered(world: &dyn VendorWorld) -> (Bench<'_>, Vec<Item>) {
    (1..=4).for_each(|person| world.put(person, Standing::Reachable));
    let bench = Bench::prepared(world).await;
    let verdicts = bench.deliver_well(Mode::Live, &bench.show_all(1..=4, &Want::entered())).await;
    let items = with_memos(&bench.show_all(1..=4, &Want::left()), &verdicts);
    (bench, items)
}

pub async fn a_memo_saves_requests(world: &dyn VendorWorld) {
    let (bench, items) = entered(world).await;
    if items.iter().all(|item| item.memo.is_none()) {
        return;
    }
    let plain: Vec<Item> = items.iter().map(|item| Item { memo: None, ..item.clone() }).collect();
    let start = world.requests();
    bench.deliver_well(Mode::Live, &plain).await;
    let without = world.requests() - start;
    let verdicts = bench.deliver_well(Mode::Live, &items).await;
    let with = world.requests() - start - without;
    assert!(with < without, "{with} requests with a memo, {without} without");
    (1..=4).for_each(|person| bench.assert_shows(person, &Want::left()));
    // What came of a memo is as good as what came of a look.
    bench.deliver_well(Mode::Live, &with_memos(&bench.show_all(1..=4, &Want::entered()), &verdicts)).await;
    assert!(world.requests() - start - without - with <= with);
    (1..=4).for_each(|person| bench.assert_shows(person, &Want::entered()));
}

pub async fn a_memo_of_somebody_who_vanished_misleads_nobody(world: &dyn VendorWorld) {
    let (bench, items) = entered(world).await;
    for wait in [0, world.memo_minutes() + 1] {
        world.clock().advance(SignedDuration::from_mins(wait));
        let person = if wait == 0 { 1 } else { 2 };
        world.vanish(person);
        for (id, verdict) in bench.deliver(Mode::Live, &items).await {
            let gone = bench.person(&id) <= person && world.strangers() == Strangers::Filtered;
            let expected = match &verdict {
                Verdict::Filtered { open, .. } => gone && *open,
                Verdict::Delivered { .. } => !gone,
                Verdict::Landing(_) | Verdict::Failed(_) => false,
            };
            assert!(expected, "person {}: {verdict:?}", bench.person(&id));
        }
        (person + 1..=4).for_each(|person| bench.assert_shows(person, &Want::left()));
    }
    // Who comes back is another record under the same key.
    world.put(1, Standing::Reachable);
    bench.deliver(Mode::Live, &items).await;
    bench.assert_shows(1, &Want::left());
}

pub async fn a_memo_of_somebody_who_unsubscribed_is_not_believed_for_ever(world: &dyn VendorWorld) {
    if world.holds(Standing::Unsubscribed) == Holds::No {
        return;
    }
    let (bench, items) = entered(world).await;
    world.clock().advance(SignedDuration::from_mins(world.memo_minutes() + 1));
    world.unsubscribe(3);
    let before = world.record(3);
    for (id, verdict) in bench.deliver(Mode::Live, &items).await {
        let person = bench.person(&id);
        match &verdict {
            Verdict::Filtered { open: true, .. } => assert_eq!(person, 3),
            Verdict::Delivered { .. } => assert_ne!(person, 3),
            Verdict::Filtered { .. } | Verdict::Landing(_) | Verdict::Failed(_) => panic!("{person}: {verdict:?}"),
        }
    }
    assert_eq!(world.record(3), before);
    [1, 2, 4].into_iter().for_each(|person| bench.assert_shows(person, &Want::left()));
}

pub async fn a_memo_of_another_form_is_no_harm(world: &dyn VendorWorld) {
    let (bench, mut items) = entered(world).await;
    // Left by an older release, or by another settings' run.
    let odd = [json!(null), json!("text"), json!({ "of": ["another", "release"] }), json!([1, 2])];
    items.iter_mut().zip(odd).for_each(|(item, odd)| item.memo = Some(odd));
    bench.deliver_well(Mode::Live, &items).await;
    (1..=4).for_each(|person| bench.assert_shows(person, &Want::left()));
}
