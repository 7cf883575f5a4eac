use muster_twins::lytics::{BackfillStamp, SeedProfile};
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::support::{Bench, bench};

/// A bench where `ben` entered `dogs` an hour ago.
#[expect(clippy::unwrap_used, reason = "in a test that is how to fail")]
async fn member() -> (Bench, Receiver) {
    let bench = bench().await;
    let ben = SeedProfile::with_email("ben", "ben@example.com").within("dogs");
    bench.twin.seed_profiles(&[ben]).unwrap();
    bench.wait(3_600);
    (bench, Receiver::start().await)
}

/// The time of the enter in the first body.
fn entered(receiver: &Receiver) -> Value {
    receiver.bodies()[0]["data"]["segment_events"][0]["enter"].clone()
}

#[tokio::test]
async fn members_come_as_enters() {
    let (bench, receiver) = member().await;
    bench.job(&receiver, |job| job.withbackfill = true);
    bench.twin.webhooks_settled().await;
    let bodies = receiver.bodies();
    assert_eq!((bodies.len(), &bodies[0]["data"]["email"]), (1, &json!("ben@example.com")));
    assert_eq!(bodies[0]["data"]["segment_events"][0]["event"], "enter");
}

#[tokio::test]
async fn without_a_backfill_members_do_not_come() {
    let (bench, receiver) = member().await;
    bench.job(&receiver, |_| {});
    bench.twin.webhooks_settled().await;
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn the_time_of_a_backfilled_enter_is_a_switch() {
    for (stamp, time) in [
        (BackfillStamp::Sent, "2026-03-01T14:28:33.916374949-07:00"),
        (BackfillStamp::JobStart, "2026-03-01T14:27:33.916374949-07:00"),
        (BackfillStamp::Entered, "2026-03-01T13:27:33.916374949-07:00"),
    ] {
        let (bench, receiver) = member().await;
        bench.twin.with_switches(|s| {
            s.backfill_stamp = stamp;
            s.backfill_delay_seconds = 60;
        });
        bench.job(&receiver, |job| job.withbackfill = true);
        bench.settle_after(60).await;
        assert_eq!(entered(&receiver), time, "{stamp:?}");
    }
}

#[tokio::test]
async fn a_backfill_that_is_slow_comes_after_a_newer_exit() {
    let (bench, receiver) = member().await;
    bench.twin.with_switches(|s| s.backfill_delay_seconds = 60);
    bench.job(&receiver, |job| job.withbackfill = true);
    bench.twin.exit("ben", "dogs");
    bench.twin.webhooks_settled().await;
    bench.settle_after(60).await;
    let events: Vec<_> =
        receiver.bodies().iter().map(|body| body["data"]["segment_events"][0]["event"].clone()).collect();
    assert_eq!(events, ["exit", "enter"]);
}
