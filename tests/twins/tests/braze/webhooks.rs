use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use muster_twins::braze::{
    AttemptOutcome, BlankUser, Deliveries, QueueOrder, SeedProfile, SeedWebhook, Step, Switches,
};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::support::{Bench, bench, bench_with};

const BODY: &str =
    r#"{"user": "{{${user_id}}}", "step": "{{canvas.${api_id}}}", "name": "{{custom_attribute.${name}}}"}"#;

#[derive(Default)]
struct Inner {
    received: Mutex<Vec<(HeaderMap, String)>>,
    /// 200 when there are none left.
    statuses: Mutex<VecDeque<u16>>,
}

struct Receiver {
    inner: Arc<Inner>,
    url: String,
}

impl Receiver {
    async fn start(statuses: &[u16]) -> Self {
        let inner = Arc::new(Inner { statuses: Mutex::new(statuses.iter().copied().collect()), ..Inner::default() });
        let app = Router::new().fallback(receive).with_state(Arc::clone(&inner));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/in/braze/c1", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { inner, url }
    }

    fn bodies(&self) -> Vec<String> {
        self.inner.received.lock().iter().map(|(_, body)| body.clone()).collect()
    }
}

async fn receive(State(inner): State<Arc<Inner>>, headers: HeaderMap, body: String) -> (StatusCode, HeaderMap, Bytes) {
    inner.received.lock().push((headers, body));
    let status = inner.statuses.lock().pop_front().unwrap_or(200);
    let moved = HeaderMap::from_iter([(axum::http::header::LOCATION, "/moved".parse().unwrap())]);
    (StatusCode::from_u16(status).unwrap(), moved, Bytes::new())
}

fn webhook(url: &str, step: Step, body: &str) -> SeedWebhook {
    let headers = BTreeMap::from([("X-Auth-Token".to_owned(), "external-key".to_owned())]);
    SeedWebhook { id: "w1".to_owned(), step, url: url.to_owned(), headers, body: body.to_owned() }
}

/// With a webhook of a Canvas and the profile of anna.
async fn set_up(switches: Switches, body: &str, statuses: &[u16]) -> (Bench, Receiver) {
    let (bench, receiver) = (bench_with(switches), Receiver::start(statuses).await);
    bench.twin.seed_webhook(webhook(&receiver.url, Step::Canvas, body)).unwrap();
    let attributes = json!({ "name": "Anna" }).as_object().cloned().unwrap();
    let anna = SeedProfile { external_id: Some("anna".to_owned()), attributes, ..SeedProfile::default() };
    bench.twin.seed_profile(anna).unwrap();
    (bench, receiver)
}

async fn fire(bench: &Bench, people: &[&str]) {
    assert!(bench.twin.fire("w1", people));
    bench.twin.webhooks_settled().await;
}

async fn settle_after(bench: &Bench, seconds: i64) {
    bench.wait(seconds * 1_000);
    bench.twin.webhooks_settled().await;
}

fn outcomes(bench: &Bench) -> Vec<AttemptOutcome> {
    bench.twin.attempts().into_iter().map(|attempt| attempt.outcome).collect()
}

#[tokio::test]
async fn a_webhook_is_rendered_for_a_person() {
    let (bench, receiver) = set_up(Switches::default(), BODY, &[]).await;
    fire(&bench, &["anna"]).await;
    let (headers, body) = receiver.inner.received.lock().remove(0);
    assert_eq!(headers["x-auth-token"], "external-key");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body, json!({ "user": "anna", "step": "w1", "name": "Anna" }));
    let attempt = bench.twin.attempts().remove(0);
    assert_eq!((attempt.external_id.as_deref(), attempt.number), (Some("anna"), 1));
    assert_eq!(attempt.outcome, AttemptOutcome::Answered(200));
}

#[tokio::test]
async fn what_is_not_there_is_not_sent() {
    let (bench, receiver) = set_up(Switches::default(), BODY, &[]).await;
    assert!(!bench.twin.fire("w2", &["anna"]));
    assert!(!bench.twin.fire("w1", &["anna", "bea"]));
    bench.twin.webhooks_settled().await;
    assert!(receiver.bodies().is_empty());
    assert!(bench.twin.seed_webhook(webhook(&receiver.url, Step::Canvas, BODY)).is_err());
    let other = SeedWebhook { id: "w2".to_owned(), ..webhook("no url", Step::Canvas, BODY) };
    assert!(bench.twin.seed_webhook(other.clone()).is_err());
    let liquid = SeedWebhook { url: receiver.url, body: "{{ x | upcase }}".to_owned(), ..other };
    assert!(bench.twin.seed_webhook(liquid).is_err());
}

#[tokio::test]
async fn blanks_and_quotes_are_rendered_as_they_are() {
    for (blank_user, user) in [(BlankUser::Empty, ""), (BlankUser::Null, "null")] {
        let switches = Switches { blank_user, ..Switches::default() };
        let (bench, receiver) = set_up(switches, "{{${user_id}}}|{{custom_attribute.${name}}}|", &[]).await;
        let attributes = json!({ "name": "a \"b\"" }).as_object().cloned().unwrap();
        let nobody = bench.twin.seed_profile(SeedProfile { attributes, ..SeedProfile::default() }).unwrap();
        fire(&bench, &[&nobody]).await;
        assert_eq!(receiver.bodies(), [format!("{user}|a \"b\"|")]);
    }
}

#[tokio::test]
async fn some_answers_are_tried_again_five_times() {
    for status in [408, 429, 500, 503, 598] {
        let (bench, receiver) = set_up(Switches::default(), BODY, &[status; 6]).await;
        fire(&bench, &["anna"]).await;
        for (wait, tries) in [(29, 1), (1, 2), (59, 2), (1, 3), (120, 4), (240, 5), (480, 6), (86_400, 6)] {
            settle_after(&bench, wait).await;
            assert_eq!(receiver.bodies().len(), tries, "{status} {wait}");
        }
        let counters = bench.twin.counters();
        assert_eq!((counters.webhook_requests, counters.webhook_retries, counters.webhooks_lost), (6, 5, 1));
    }
}

#[tokio::test]
async fn other_answers_are_final() {
    for (status, lost) in [(200, 0), (204, 0), (301, 1), (307, 1), (400, 1), (401, 1), (404, 1), (410, 1)] {
        let (bench, receiver) = set_up(Switches::default(), BODY, &[status]).await;
        fire(&bench, &["anna"]).await;
        settle_after(&bench, 86_400).await;
        assert_eq!((receiver.bodies().len(), bench.twin.counters().webhooks_lost), (1, lost), "{status}");
    }
}

#[tokio::test]
async fn who_is_not_reached_is_tried_over_a_day() {
    let bench = bench();
    bench.twin.seed_webhook(webhook("http://127.0.0.1:9/", Step::Campaign, BODY)).unwrap();
    bench.twin.seed_person("anna");
    fire(&bench, &["anna"]).await;
    for wait in [2_699, 1, 5_400, 10_800, 21_600, 43_200, 86_400] {
        settle_after(&bench, wait).await;
    }
    assert_eq!(outcomes(&bench), [AttemptOutcome::Unreachable; 6]);
}

#[tokio::test]
async fn a_slow_answer_is_a_timeout_and_tried_again() {
    let bench = bench_with(Switches { answer_timeout_ms: 50, ..Switches::default() });
    // Accepts by its backlog and never answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    bench.twin.seed_webhook(webhook(&url, Step::Campaign, BODY)).unwrap();
    bench.twin.seed_person("anna");
    fire(&bench, &["anna"]).await;
    settle_after(&bench, 30).await;
    assert_eq!(outcomes(&bench), [AttemptOutcome::TimedOut; 2]);
}

#[tokio::test]
async fn a_try_again_is_rendered_anew_or_kept() {
    let body = "{{canvas.${dispatch_id}}} {{custom_attribute.${name}}}";
    for retry_keeps_body in [false, true] {
        let switches = Switches { retry_keeps_body, ..Switches::default() };
        let (bench, receiver) = set_up(switches, body, &[503]).await;
        fire(&bench, &["anna"]).await;
        bench.write(json!({ "name": "Bea" })).await;
        settle_after(&bench, 30).await;
        let [first, second] = <[String; 2]>::try_from(receiver.bodies()).unwrap();
        assert!(first.ends_with("Anna"));
        assert_eq!(first == second, retry_keeps_body);
        assert_eq!(second.ends_with("Bea"), !retry_keeps_body);
    }
}

#[tokio::test]
async fn users_of_a_campaign_share_its_dispatch_and_those_of_a_canvas_do_not() {
    for (step, body, same) in
        [(Step::Campaign, "{{campaign.${dispatch_id}}}", true), (Step::Canvas, "{{canvas.${dispatch_id}}}", false)]
    {
        let (bench, receiver) = (bench(), Receiver::start(&[]).await);
        bench.twin.seed_webhook(webhook(&receiver.url, step, body)).unwrap();
        ["anna", "bea"].into_iter().for_each(|id| bench.twin.seed_person(id));
        fire(&bench, &["anna", "bea"]).await;
        let [one, other] = <[String; 2]>::try_from(receiver.bodies()).unwrap();
        assert_eq!(one == other, same);
    }
}

#[tokio::test]
async fn webhooks_may_be_doubled() {
    let switches =
        Switches { deliveries: Deliveries::Double, webhook_order: QueueOrder::Arrival, ..Switches::default() };
    let (bench, receiver) = set_up(switches, BODY, &[]).await;
    fire(&bench, &["anna"]).await;
    let [one, other] = <[String; 2]>::try_from(receiver.bodies()).unwrap();
    assert_eq!(one, other);
}

#[tokio::test]
async fn an_unhealthy_host_is_left_alone_for_a_minute() {
    let switches = Switches { unhealthy_after: 2, ..Switches::default() };
    let (bench, receiver) = set_up(switches, BODY, &[429, 503, 529]).await;
    for _ in 0..3 {
        fire(&bench, &["anna"]).await;
    }
    fire(&bench, &["anna"]).await;
    assert_eq!((receiver.bodies().len(), bench.twin.counters().webhooks_simulated), (3, 1));
    assert_eq!(bench.twin.attempts()[3].outcome, AttemptOutcome::Unhealthy);
    settle_after(&bench, 60).await;
    assert_eq!(receiver.bodies().len(), 7);
    assert_eq!(outcomes(&bench)[4..], [AttemptOutcome::Answered(200); 4]);
}

#[tokio::test]
async fn five_hundreds_leave_a_host_healthy() {
    let (bench, receiver) = set_up(Switches { unhealthy_after: 0, ..Switches::default() }, BODY, &[500, 400]).await;
    for _ in 0..3 {
        fire(&bench, &["anna"]).await;
    }
    assert_eq!(receiver.bodies().len(), 3);
}
