//! What must exist at the vendor.

use muster::destination::{Mode, Resend};
use muster::model::LinkState;

use super::bench::{Bench, Want};
use super::world::{Standing, VendorWorld};

pub async fn preparing_twice_is_as_once(world: &dyn VendorWorld) {
    world.put(1, Standing::Reachable);
    let mut bench = Bench::new(world);
    let first = bench.prepare().await;
    assert_eq!(first.resend, Resend::Nobody);
    let structure = world.structure();
    bench.deliver_well(Mode::Live, &bench.show(1, &Want::entered())).await;
    let second = bench.prepare().await;
    assert_eq!((second.resend, second.warnings), (Resend::Nobody, Vec::<String>::new()));
    // An activation that lost its notes finds what it made.
    bench.notes = serde_json::Value::Null;
    let third = bench.prepare().await;
    assert_eq!((third.resend, third.warnings), (Resend::Nobody, Vec::<String>::new()));
    assert_eq!(world.structure(), structure);
    bench.assert_shows(1, &Want::entered());
    bench.deliver_well(Mode::Live, &bench.show(1, &Want::left())).await;
    bench.assert_shows(1, &Want::left());
}

pub async fn preparing_touches_nobody(world: &dyn VendorWorld) {
    world.put(1, Standing::Reachable);
    let before = world.record(1);
    Bench::prepared(world).await;
    assert_eq!(world.record(1), before);
}

pub async fn a_removed_audience_is_relabelled_and_restored(world: &dyn VendorWorld) {
    world.put(1, Standing::Reachable);
    let mut bench = Bench::prepared(world).await;
    bench.deliver_well(Mode::Live, &bench.show(1, &Want::entered())).await;
    let cats = bench.links.audiences[0].clone();
    let Some(label) = world.label(&cats) else { return };
    assert_eq!(label, cats.name);
    bench.links.audiences[0].state = LinkState::Removed;
    bench.prepare().await;
    assert_ne!(world.label(&cats), Some(label));
    let structure = world.structure();
    bench.prepare().await;
    assert_eq!(world.structure(), structure, "relabelled once");
    // What is told of the others leaves the removed one as it was.
    bench.deliver_well(Mode::Live, &bench.show(1, &Want::entered())).await;
    bench.links.audiences[0].state = LinkState::Live;
    bench.prepare().await;
    assert_eq!(world.label(&cats), Some(cats.name));
    bench.assert_shows(1, &Want::entered());
}

pub async fn a_new_name_is_taken_over(world: &dyn VendorWorld) {
    world.put(1, Standing::Reachable);
    let mut bench = Bench::prepared(world).await;
    bench.deliver_well(Mode::Live, &bench.show(1, &Want::entered())).await;
    "Katteejere på Ærø".clone_into(&mut bench.links.audiences[0].name);
    assert_eq!(bench.prepare().await.resend, Resend::Nobody);
    let label = world.label(&bench.links.audiences[0]);
    assert!(label.is_none_or(|label| label == "Katteejere på Ærø"));
    bench.assert_shows(1, &Want::entered());
}
