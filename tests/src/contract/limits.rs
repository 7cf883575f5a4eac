//! Limits that hold whatever there is to deliver.

use jiff::{SignedDuration, Timestamp};
use muster::destination::{Failure, Mode, Verdict};
use muster::ports::Clock;

use super::bench::{Bench, Want};
use super::world::{Standing, VendorWorld};

/// Requests from some moment on.
pub(super) struct Pace {
    before: u64,
    started_at: Timestamp,
}

impl Pace {
    pub(super) fn of(bench: &Bench<'_>) -> Self {
        Self { before: bench.world.requests(), started_at: bench.world.clock().now() }
    }

    /// There are no more of them than the account safely allows.
    pub(super) fn assert_kept(&self, bench: &Bench<'_>) {
        let (world, most_a_second) = (bench.world, bench.spec().budget.quickest());
        let elapsed = world.clock().now().duration_since(self.started_at).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a small count")]
        let (sent, most) = ((world.requests() - self.before) as f64, world.most_requests_in_one_second() as f64);
        assert!(sent <= most_a_second * (1.0 + elapsed), "{sent} requests in {elapsed} s");
        // The clock jumps over waits while requests are on their way: some arrive later than they were sent.
        assert!(most <= 2.0 * most_a_second, "{most} requests in one second");
    }
}

pub async fn the_rate_is_kept(world: &dyn VendorWorld) {
    let bench = Bench::prepared(world).await;
    let people = 1..=u16::try_from(bench.spec().batch).unwrap().min(120);
    people.clone().for_each(|person| world.put(person, Standing::Reachable));
    let pace = Pace::of(&bench);
    for want in [Want::entered(), Want::left()] {
        bench.deliver_well(Mode::Live, &bench.show_all(people.clone(), &want)).await;
    }
    pace.assert_kept(&bench);
}

pub async fn without_time_nothing_is_sent(world: &dyn VendorWorld) {
    world.put(1, Standing::Reachable);
    let mut bench = Bench::prepared(world).await;
    bench.run = SignedDuration::from_secs(20);
    let before = world.requests();
    for verdict in bench.deliver(Mode::Live, &bench.show(1, &Want::entered())).await.values() {
        assert!(matches!(verdict, Verdict::Failed(Failure::PutOff { .. })), "{verdict:?}");
    }
    assert_eq!(world.requests(), before);
}
