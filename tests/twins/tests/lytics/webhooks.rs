use muster_twins::lytics::{AttemptOutcome, AudienceEvents, Duplicates, Method, Move, SeedProfile, SeedSegment};
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::support::{ID, bench, with_job};

/// Slug and event of everything received, in order.
fn moves(bodies: &[Value]) -> Vec<String> {
    let events = bodies.iter().flat_map(|body| body["data"]["segment_events"].as_array().cloned().unwrap_or_default());
    let text =
        |event: Value| format!("{} {}", event["event"].as_str().unwrap_or("?"), event["slug"].as_str().unwrap_or("?"));
    events.map(text).collect()
}

#[tokio::test]
async fn an_enter_comes_in_the_default_format() {
    let (bench, receiver, _) = with_job(|_| {}).await;
    assert!(bench.twin.enter("ada", "high_value"));
    bench.twin.webhooks_settled().await;
    let received = receiver.received().remove(0);
    assert_eq!((received.method.as_str(), received.header("content-type")), ("POST", "application/json"));
    let body = received.body;
    assert!(body["id"].as_str().is_some_and(|id| id.bytes().all(|byte| byte.is_ascii_digit())), "{body}");
    assert_eq!((&body["data"]["email"], &body["data"]["score_momentum"]), (&json!("ada@example.com"), &json!(99)));
    let event = json!({
        "id": ID, "event": "enter", "slug": "high_value", "enter": "2026-03-01T13:27:33.916374949-07:00",
    });
    assert_eq!(body["data"]["segment_events"], json!([event]));
    assert!(body["meta"].is_object());
}

#[tokio::test]
async fn an_exit_has_its_time_under_its_own_name() {
    let (bench, receiver, _) = with_job(|_| {}).await;
    bench.twin.exit("ada", "high_value");
    bench.twin.webhooks_settled().await;
    let event = &receiver.bodies()[0]["data"]["segment_events"][0];
    assert_eq!((&event["event"], &event["exit"]), (&json!("exit"), &json!("2026-03-01T13:27:33.916374949-07:00")));
}

#[tokio::test]
async fn events_while_the_clock_stands_still_have_an_order() {
    let (bench, receiver, _) = with_job(|job| job.worker_count = 1).await;
    bench.twin.enter("ada", "dogs");
    bench.twin.exit("ada", "dogs");
    bench.twin.webhooks_settled().await;
    let exit = &receiver.bodies()[1]["data"]["segment_events"][0]["exit"];
    assert_eq!(exit, "2026-03-01T13:27:33.916374950-07:00");
}

#[tokio::test]
async fn moves_reach_the_segment_and_whoever_scans_it() {
    let (bench, _, _) = with_job(|_| {}).await;
    bench.twin.enter("ada", "dogs");
    assert_eq!(bench.twin.members("dogs"), ["ada"]);
    bench.twin.exit("ada", "dogs");
    assert!(bench.twin.profile("ada").unwrap().segments.is_empty());
    assert!(!bench.twin.enter("nobody", "dogs") && !bench.twin.enter("ada", "nothing"));
}

#[tokio::test]
async fn every_method_arrives_and_some_have_no_body() {
    for (method, name, has_body) in [
        (Method::Post, "POST", true),
        (Method::Put, "PUT", true),
        (Method::Patch, "PATCH", true),
        (Method::Get, "GET", false),
        (Method::Delete, "DELETE", false),
    ] {
        let (bench, receiver, _) = with_job(|job| job.http_method = method).await;
        bench.twin.enter("ada", "dogs");
        bench.twin.webhooks_settled().await;
        let received = receiver.received().remove(0);
        assert_eq!((received.method.as_str(), !received.text.is_empty()), (name, has_body));
    }
}

#[tokio::test]
async fn a_job_sends_only_its_own_segments() {
    let (bench, receiver, _) = with_job(|job| job.segment_ids = vec!["dogs".to_owned()]).await;
    bench.twin.move_profile("ada", &[Move::enter("cats"), Move::enter("dogs")]);
    bench.twin.enter("ada", "high_value");
    bench.twin.webhooks_settled().await;
    assert_eq!(moves(&receiver.bodies()), ["enter dogs"]);
}

#[tokio::test]
async fn a_job_may_send_enters_or_exits_only() {
    for (events, expected) in [(AudienceEvents::EntersOnly, "enter dogs"), (AudienceEvents::ExitsOnly, "exit cats")] {
        let (bench, receiver, _) = with_job(|job| job.audience_events = events).await;
        bench.twin.enter("ada", "dogs");
        bench.twin.exit("ada", "cats");
        bench.twin.webhooks_settled().await;
        assert_eq!(moves(&receiver.bodies()), [expected]);
    }
}

#[tokio::test]
async fn what_happens_at_once_is_one_event_unless_switched() {
    let (bench, receiver, _) = with_job(|job| job.worker_count = 1).await;
    let both = [Move::enter("dogs"), Move::exit("cats"), Move::exit("dogs")];
    bench.twin.move_profile("ada", &both);
    bench.twin.webhooks_settled().await;
    assert_eq!(receiver.received().len(), 1);
    bench.twin.with_switches(|s| s.joined_events = false);
    bench.twin.move_profile("ada", &both);
    bench.twin.webhooks_settled().await;
    assert_eq!(receiver.received().len(), 4);
    let once = ["enter dogs", "exit cats", "exit dogs"];
    assert_eq!(moves(&receiver.bodies()), [once, once].concat());
}

#[tokio::test]
async fn duplicates_have_the_same_id_or_a_new_one() {
    for (duplicates, ids) in [(Duplicates::SameId, 1), (Duplicates::NewId, 2)] {
        let (bench, receiver, _) = with_job(|_| {}).await;
        bench.twin.with_switches(|s| s.duplicates = duplicates);
        bench.twin.enter("ada", "dogs");
        bench.twin.webhooks_settled().await;
        let bodies = receiver.bodies();
        assert_eq!((bodies.len(), &bodies[0]["data"]), (2, &bodies[1]["data"]));
        let mut seen: Vec<_> = bodies.iter().map(|body| body["id"].as_str()).collect();
        seen.dedup();
        assert_eq!(seen.len(), ids, "{duplicates:?}");
    }
}

#[tokio::test]
async fn the_later_of_two_events_may_come_first() {
    let (bench, receiver, _) = with_job(|_| {}).await;
    bench.twin.with_switches(|s| s.out_of_order = true);
    bench.twin.enter("ada", "dogs");
    bench.twin.exit("ada", "dogs");
    bench.twin.enter("ada", "cats");
    bench.twin.webhooks_settled().await;
    let arrived = moves(&receiver.bodies());
    let place = |text: &str| arrived.iter().position(|arrived| arrived == text);
    assert!(place("exit dogs") < place("enter dogs"), "{arrived:?}");
    assert_eq!(arrived.len(), 3);
}

#[tokio::test]
async fn a_job_has_so_many_requests_open_at_once_and_no_more() {
    let (bench, receiver) = (bench().await, Receiver::gated().await);
    bench.job(&receiver, |job| job.worker_count = 2);
    for _ in 0..5 {
        bench.twin.enter("ada", "dogs");
    }
    while receiver.open().0 < 2 {
        tokio::task::yield_now().await;
    }
    receiver.open_gate();
    bench.twin.webhooks_settled().await;
    assert_eq!((receiver.open().1, receiver.received().len()), (2, 5));
}

#[tokio::test]
async fn a_changed_field_of_a_member_is_sent_without_segment_events() {
    let (bench, receiver, _) = with_job(|job| job.field_changes = vec!["tier".to_owned()]).await;
    bench.twin.set_field("ada", "tier", "gold");
    bench.twin.webhooks_settled().await;
    assert!(receiver.received().is_empty(), "she is in no segment of the job");
    let ben = SeedProfile::with_email("ben", "ben@example.com").within("dogs");
    bench.twin.seed_profiles(&[ben]).unwrap();
    bench.twin.set_field("ben", "tier", "gold");
    bench.twin.set_field("ben", "city", "Rome");
    bench.twin.webhooks_settled().await;
    let bodies = receiver.bodies();
    assert_eq!((bodies.len(), &bodies[0]["data"]["tier"]), (1, &json!("gold")));
    assert!(bodies[0]["data"].get("segment_events").is_none());
}

#[tokio::test]
async fn a_segment_without_triggers_sends_nothing() {
    let (bench, receiver, _) = with_job(|_| {}).await;
    let silent = SeedSegment { emit_trigger: Some(false), ..SeedSegment::new("silent", "Silent") };
    bench.twin.seed_segment(&silent).unwrap();
    bench.job(&receiver, |job| job.segment_ids.push("silent".to_owned()));
    bench.twin.enter("ada", "silent");
    bench.twin.webhooks_settled().await;
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn who_leaves_by_the_passing_of_time_is_told_of_only_where_scheduled() {
    let (bench, receiver) = (bench().await, Receiver::start().await);
    let scheduled = SeedSegment { schedule_exit: Some(true), ..SeedSegment::new("scheduled", "Scheduled") };
    bench.twin.seed_segment(&scheduled).unwrap();
    let ben = SeedProfile::with_email("ben", "ben@example.com").within("dogs").within("scheduled");
    bench.twin.seed_profiles(&[ben]).unwrap();
    bench.job(&receiver, |job| job.segment_ids.push("scheduled".to_owned()));
    assert!(bench.twin.lapse("ben", "dogs") && bench.twin.lapse("ben", "scheduled"));
    bench.twin.webhooks_settled().await;
    assert_eq!(moves(&receiver.bodies()), ["exit scheduled"]);
    assert!(bench.twin.members("dogs").is_empty());
}

#[tokio::test]
async fn an_event_above_a_megabyte_is_never_sent() {
    let (bench, receiver, job) = with_job(|_| {}).await;
    bench.twin.set_field("ada", "story", "x".repeat(1024 * 1024));
    bench.twin.enter("ada", "dogs");
    bench.twin.webhooks_settled().await;
    assert!(receiver.received().is_empty());
    assert_eq!(bench.twin.counters().events_too_large, 1);
    assert_eq!(bench.twin.job(&job).unwrap().omitted, 1);
}

#[tokio::test]
async fn what_was_sent_is_on_record() {
    let (bench, receiver, job) = with_job(|_| {}).await;
    receiver.answer(&[202]);
    bench.twin.enter("ada", "dogs");
    bench.twin.webhooks_settled().await;
    let attempt = bench.twin.attempts().remove(0);
    assert_eq!((attempt.job, attempt.number, attempt.outcome), (job, 1, AttemptOutcome::Answered(202)));
    assert_eq!(attempt.event_ids[0], receiver.bodies()[0]["id"]);
    let counters = bench.twin.counters();
    assert_eq!((counters.webhook_requests, counters.webhooks_accepted, counters.events_accepted), (1, 1, 1));
}
