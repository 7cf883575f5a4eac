use muster_twins::lytics::{JobStatus, SeedJob};

use crate::support::{bench, with_job};

#[tokio::test]
async fn what_the_vendor_would_not_take_is_refused() {
    let bench = bench().await;
    let changes: [fn(&mut SeedJob); 8] = [
        |job| job.webhook_url = "example.com/hook".to_owned(),
        |job| job.segment_ids.push("nothing".to_owned()),
        |job| job.batch_size = 0,
        |job| job.batch_size = 1_001,
        |job| job.batch_flush_duration = 301,
        |job| job.worker_count = 0,
        |job| job.worker_count = 21,
        |job| job.field_changes = vec![String::new(); 76],
    ];
    for change in changes {
        let mut seed = SeedJob::new("https://example.com/hook", &["dogs"]);
        change(&mut seed);
        assert!(bench.twin.start_job(seed.clone()).is_err(), "{seed:?}");
    }
    assert!(bench.twin.jobs().is_empty());
}

#[tokio::test]
async fn a_paused_job_keeps_its_events() {
    let (bench, receiver, job) = with_job(|job| job.worker_count = 1).await;
    assert!(bench.twin.pause_job(&job));
    bench.twin.enter("ada", "dogs");
    bench.twin.exit("ada", "dogs");
    bench.twin.webhooks_settled().await;
    assert_eq!((receiver.received().len(), bench.twin.job(&job).unwrap().unsent), (0, 2));
    assert!(bench.twin.resume_job(&job));
    bench.twin.webhooks_settled().await;
    let events: Vec<_> =
        receiver.bodies().iter().map(|body| body["data"]["segment_events"][0]["event"].clone()).collect();
    assert_eq!(events, ["enter", "exit"]);
}

#[tokio::test]
async fn a_killed_job_loses_its_events() {
    let (bench, receiver, job) = with_job(|_| {}).await;
    assert!(bench.twin.kill_job(&job));
    bench.twin.enter("ada", "dogs");
    bench.twin.webhooks_settled().await;
    assert!(receiver.received().is_empty());
    let view = bench.twin.job(&job).unwrap();
    assert_eq!((view.status, view.omitted), (JobStatus::Killed, 1));
}

#[tokio::test]
async fn a_job_counts_who_was_added_and_removed() {
    let (bench, _, job) = with_job(|_| {}).await;
    bench.twin.enter("ada", "dogs");
    bench.twin.enter("ada", "cats");
    bench.twin.exit("ada", "dogs");
    bench.twin.webhooks_settled().await;
    let view = bench.twin.job(&job).unwrap();
    assert_eq!((view.added, view.removed, view.omitted), (2, 1, 0));
}

#[tokio::test]
async fn an_erased_profile_is_gone_without_a_word() {
    let (bench, receiver, _) = with_job(|_| {}).await;
    assert!(bench.twin.erase_profile("ada"));
    assert!(!bench.twin.enter("ada", "dogs"));
    bench.twin.webhooks_settled().await;
    assert!(receiver.received().is_empty() && bench.twin.profile("ada").is_none());
}

#[tokio::test]
async fn unknown_jobs_are_not_there() {
    let bench = bench().await;
    assert!(!bench.twin.pause_job("1") && !bench.twin.resume_job("1") && !bench.twin.kill_job("1"));
}
