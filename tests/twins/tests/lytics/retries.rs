use muster_twins::lytics::{AttemptOutcome, JobStatus, RetryOn, SeedJob};
use serde_json::Value;

use crate::receiver::Receiver;
use crate::support::{Bench, bench, with_job};

fn ids(receiver: &Receiver) -> Vec<Value> {
    receiver.bodies().iter().map(|body| body["id"].clone()).collect()
}

/// The outcomes so far.
fn outcomes(bench: &Bench) -> Vec<AttemptOutcome> {
    bench.twin.attempts().iter().map(|attempt| attempt.outcome).collect()
}

#[tokio::test]
async fn a_server_error_is_tried_again_after_a_while() {
    let (bench, receiver, _) = with_job(|_| {}).await;
    receiver.answer(&[503]);
    bench.twin.enter("ada", "dogs");
    bench.twin.webhooks_settled().await;
    assert_eq!(receiver.received().len(), 1);
    bench.settle_after(1).await;
    assert_eq!(outcomes(&bench), [AttemptOutcome::Answered(503), AttemptOutcome::Answered(200)]);
    assert_eq!(bench.twin.counters().webhook_retries, 1);
}

#[tokio::test]
async fn an_event_gets_a_new_id_when_it_is_tried_again_unless_switched() {
    for keeps in [false, true] {
        let (bench, receiver, _) = with_job(|_| {}).await;
        bench.twin.with_switches(|s| s.retry_keeps_id = keeps);
        receiver.answer(&[500]);
        bench.twin.enter("ada", "dogs");
        bench.twin.webhooks_settled().await;
        bench.settle_after(1).await;
        let ids = ids(&receiver);
        assert_eq!(ids[0] == ids[1], keeps);
        assert_eq!(receiver.bodies()[0]["data"], receiver.bodies()[1]["data"]);
    }
}

#[tokio::test]
async fn what_no_try_brings_home_is_lost() {
    let (bench, receiver, job) = with_job(|_| {}).await;
    receiver.answer(&[500, 500]);
    bench.twin.enter("ada", "dogs");
    bench.twin.webhooks_settled().await;
    bench.settle_after(3_600).await;
    bench.settle_after(3_600).await;
    assert_eq!(receiver.received().len(), 2);
    assert_eq!(bench.twin.counters().events_lost, 1);
    let job = bench.twin.job(&job).unwrap();
    assert_eq!((job.errors, job.omitted, job.added), (2, 1, 0));
}

#[tokio::test]
async fn number_and_spacing_of_tries_are_switches() {
    let (bench, receiver, _) = with_job(|_| {}).await;
    bench.twin.with_switches(|s| {
        s.retries = 2;
        s.retry_spacing_seconds = 60;
    });
    receiver.answer(&[500, 500]);
    bench.twin.enter("ada", "dogs");
    bench.twin.webhooks_settled().await;
    bench.settle_after(59).await;
    assert_eq!(receiver.received().len(), 1);
    bench.settle_after(1).await;
    bench.settle_after(60).await;
    assert_eq!(bench.twin.attempts().iter().map(|attempt| attempt.number).collect::<Vec<_>>(), [1, 2, 3]);
}

#[tokio::test]
async fn a_refusal_is_not_tried_again_unless_switched() {
    for (retry_on, requests) in [(RetryOn::ServerErrors, 1), (RetryOn::AnyError, 2)] {
        let (bench, receiver, _) = with_job(|_| {}).await;
        bench.twin.with_switches(|s| s.retry_on = retry_on);
        receiver.answer(&[429]);
        bench.twin.enter("ada", "dogs");
        bench.twin.webhooks_settled().await;
        bench.settle_after(1).await;
        assert_eq!(receiver.received().len(), requests, "{retry_on:?}");
    }
}

#[tokio::test]
async fn a_job_names_statuses_that_are_not_tried_again() {
    let (bench, receiver, _) = with_job(|job| job.do_not_retry = vec![501]).await;
    receiver.answer(&[501]);
    bench.twin.enter("ada", "dogs");
    bench.twin.webhooks_settled().await;
    bench.settle_after(1).await;
    assert_eq!(outcomes(&bench), [AttemptOutcome::Answered(501)]);
}

#[tokio::test]
async fn without_an_answer_it_is_tried_again() {
    let bench = bench().await;
    bench.twin.start_job(SeedJob::new("http://127.0.0.1:9/", &["dogs"])).unwrap();
    bench.twin.enter("ada", "dogs");
    bench.twin.webhooks_settled().await;
    bench.settle_after(1).await;
    assert_eq!(outcomes(&bench), [AttemptOutcome::NoAnswer, AttemptOutcome::NoAnswer]);
}

#[tokio::test]
async fn an_answer_is_not_waited_for_for_ever() {
    let (bench, receiver) = (bench().await, Receiver::gated().await);
    bench.job(&receiver, |_| {});
    bench.twin.with_switches(|s| s.answer_timeout_ms = 1);
    bench.twin.enter("ada", "dogs");
    bench.twin.webhooks_settled().await;
    assert_eq!(outcomes(&bench), [AttemptOutcome::NoAnswer]);
}

#[tokio::test]
async fn a_batch_is_tried_again_as_a_whole() {
    let set = |job: &mut SeedJob| {
        job.batch_requests = true;
        job.batch_size = 2;
    };
    let (bench, receiver, _) = with_job(set).await;
    receiver.answer(&[500]);
    bench.twin.enter("ada", "dogs");
    bench.twin.enter("ada", "cats");
    bench.twin.webhooks_settled().await;
    bench.settle_after(1).await;
    assert_eq!(receiver.bodies()[1].as_array().map(Vec::len), Some(2));
    assert_eq!(bench.twin.counters().events_accepted, 2);
}

#[tokio::test]
async fn a_job_fails_after_so_many_errors_and_sends_nothing_more() {
    let (bench, receiver, job) = with_job(|_| {}).await;
    bench.twin.with_switches(|s| {
        s.fail_after = Some(2);
        s.retries = 0;
    });
    receiver.answer(&[500, 400]);
    for _ in 0..2 {
        bench.twin.enter("ada", "dogs");
        bench.twin.webhooks_settled().await;
    }
    assert_eq!(bench.twin.job(&job).unwrap().status, JobStatus::Failed);
    bench.twin.enter("ada", "dogs");
    bench.twin.webhooks_settled().await;
    assert_eq!(receiver.received().len(), 2);
    assert_eq!(bench.twin.counters().events_lost, 3);
    assert!(bench.twin.resume_job(&job));
    bench.twin.enter("ada", "dogs");
    bench.twin.webhooks_settled().await;
    assert_eq!(receiver.received().len(), 3);
}

#[tokio::test]
async fn a_job_may_never_fail() {
    let (bench, receiver, job) = with_job(|_| {}).await;
    bench.twin.with_switches(|s| s.fail_after = None);
    receiver.answer(&[400; 20]);
    for _ in 0..20 {
        bench.twin.enter("ada", "dogs");
    }
    bench.twin.webhooks_settled().await;
    assert_eq!(bench.twin.job(&job).unwrap().status, JobStatus::Runnable);
}
