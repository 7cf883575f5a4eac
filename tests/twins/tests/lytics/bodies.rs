use muster_twins::lytics::{CloudEventsMode, EventTimes, SeedJob, SegmentEvents, Switches, Template};
use serde_json::{Value, json};

use crate::receiver::Received;
use crate::support::with_job;

/// What arrives when `ada` enters `dogs`.
async fn entered(job: impl FnOnce(&mut SeedJob), switches: impl FnOnce(&mut Switches)) -> (Received, String) {
    let (bench, receiver, id) = with_job(job).await;
    bench.twin.with_switches(switches);
    bench.twin.enter("ada", "dogs");
    bench.settle_after(300).await;
    (receiver.received().remove(0), id)
}

async fn body(job: impl FnOnce(&mut SeedJob), switches: impl FnOnce(&mut Switches)) -> Value {
    entered(job, switches).await.0.body
}

fn fields(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn internal_fields_come_along() {
    let body = body(|_| {}, |_| {}).await;
    for name in ["_created", "_modified", "_num_events", "_split", "_streamnames"] {
        assert!(body["data"].get(name).is_some(), "{name}");
    }
}

#[tokio::test]
async fn only_selected_fields_are_sent_and_segment_events_are_one_of_them() {
    let chosen = body(|job| job.user_fields = fields(&["email"]), |_| {}).await;
    assert_eq!(chosen["data"], json!({"email": "ada@example.com"}));
    let with_events = body(|job| job.user_fields = fields(&["email", "segment_events"]), |_| {}).await;
    assert_eq!(with_events["data"]["segment_events"][0]["slug"], "dogs");
}

#[tokio::test]
async fn the_whole_membership_comes_where_it_is_asked_for() {
    assert!(body(|_| {}, |_| {}).await["data"].get("segments_all").is_none());
    assert_eq!(body(|job| job.include_segs = true, |_| {}).await["data"]["segments_all"], json!(["dogs"]));
}

#[tokio::test]
async fn segment_events_may_stand_beside_data() {
    let body = body(|_| {}, |s| s.segment_events = SegmentEvents::TopLevel).await;
    assert_eq!(body["segment_events"][0]["event"], "enter");
    assert!(body["data"].get("segment_events").is_none());
}

#[tokio::test]
async fn segment_events_may_be_absent() {
    let body = body(|_| {}, |s| s.segment_events = SegmentEvents::Absent).await;
    assert!(!body.to_string().contains("segment_events"), "{body}");
}

#[tokio::test]
async fn an_event_may_not_say_when_it_happened() {
    let body = body(|_| {}, |s| s.event_times = EventTimes::Absent).await;
    let event = &body["data"]["segment_events"][0];
    assert_eq!((&event["event"], event.get("enter")), (&json!("enter"), None));
}

#[tokio::test]
async fn meta_may_hold_anything() {
    let body = body(|_| {}, |s| s.meta = [("x".to_owned(), json!([1]))].into_iter().collect()).await;
    assert_eq!(body["meta"], json!({"x": [1]}));
}

#[tokio::test]
async fn the_fraction_of_a_second_is_a_switch() {
    let set = |s: &mut Switches| {
        s.fraction_digits = 0;
        s.utc_offset_minutes = 60;
    };
    let body = body(|_| {}, set).await;
    assert_eq!(body["data"]["segment_events"][0]["enter"], "2026-03-01T21:27:33+01:00");
}

#[tokio::test]
async fn a_template_replaces_the_body() {
    let body = body(|job| job.template = Template::ProfileAndEvents, |_| {}).await;
    assert_eq!((&body["v"], &body["profile"]["email"]), (&json!(1), &json!("ada@example.com")));
    assert_eq!(body["events"][0]["slug"], "dogs");
}

#[tokio::test]
async fn a_structured_cloud_event_wraps_the_body() {
    let (received, job) = entered(|job| job.cloudevents = true, |_| {}).await;
    assert_eq!(received.header("content-type"), "application/cloudevents+json");
    let body = received.body;
    assert_eq!((&body["specversion"], &body["source"]), (&json!("1.0"), &json!(format!("lytics/{job}"))));
    assert_eq!(body["type"], "com.lytics.audience.user.event");
    assert_eq!((&body["id"], &body["data"]["data"]["email"]), (&body["data"]["id"], &json!("ada@example.com")));
}

#[tokio::test]
async fn a_binary_cloud_event_has_its_attributes_in_headers() {
    let set = |job: &mut SeedJob| {
        job.cloudevents = true;
        job.cloudevents_type = Some("own.type".to_owned());
        job.cloudevents_source = Some("/own/source".to_owned());
    };
    let (received, _) = entered(set, |s| s.cloudevents_mode = CloudEventsMode::Binary).await;
    let attributes = ["ce-specversion", "ce-type", "ce-source"].map(|name| received.header(name));
    assert_eq!(attributes, ["1.0", "own.type", "/own/source"]);
    assert_eq!(received.header("ce-id"), received.body["id"]);
    assert_eq!((received.header("content-type"), received.body["data"].is_object()), ("application/json", true));
}

#[tokio::test]
async fn a_batch_goes_when_it_is_full() {
    let set = |job: &mut SeedJob| {
        job.batch_requests = true;
        job.batch_size = 2;
    };
    let (bench, receiver, job) = with_job(set).await;
    for _ in 0..3 {
        bench.twin.enter("ada", "dogs");
    }
    bench.twin.webhooks_settled().await;
    assert_eq!(receiver.bodies().iter().map(|body| body.as_array().map(Vec::len)).collect::<Vec<_>>(), [Some(2)]);
    assert_eq!(bench.twin.job(&job).unwrap().unsent, 1);
}

#[tokio::test]
async fn a_batch_that_is_not_full_goes_after_its_time() {
    let (bench, receiver, _) = with_job(|job| job.batch_requests = true).await;
    bench.twin.enter("ada", "dogs");
    bench.settle_after(4).await;
    assert!(receiver.received().is_empty());
    bench.settle_after(1).await;
    let body = receiver.bodies().remove(0);
    assert_eq!(body[0]["data"]["segment_events"][0]["slug"], "dogs");
}

#[tokio::test]
async fn a_batch_of_cloud_events_is_an_array_of_them() {
    let set = |job: &mut SeedJob| {
        job.batch_requests = true;
        job.cloudevents = true;
    };
    let (received, _) = entered(set, |_| {}).await;
    assert_eq!(received.header("content-type"), "application/cloudevents-batch+json");
    assert_eq!(received.body[0]["specversion"], "1.0");
}

#[tokio::test]
async fn a_batch_of_binary_cloud_events_is_taken_apart() {
    let set = |job: &mut SeedJob| {
        job.batch_requests = true;
        job.batch_size = 2;
        job.cloudevents = true;
    };
    let (bench, receiver, _) = with_job(set).await;
    bench.twin.with_switches(|s| s.cloudevents_mode = CloudEventsMode::Binary);
    bench.twin.enter("ada", "dogs");
    bench.twin.enter("ada", "cats");
    bench.twin.webhooks_settled().await;
    let received = receiver.received();
    assert_eq!(received.len(), 2);
    assert!(received.iter().all(|received| received.header("ce-id") == received.body["id"]));
}
