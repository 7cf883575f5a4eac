use muster_twins::bloomreach::{AttemptOutcome, RetryOn, SeedWebhook, Switches, WebhookCall, WebhookStatus};
use serde_json::json;

use crate::receiver::Receiver;
use crate::support::{Bench, basic, bench_with};

fn calls(people: &[&str]) -> Vec<WebhookCall> {
    let call = |who: &&str| WebhookCall { registered: (*who).to_owned(), body: json!({ "identityValue": who }) };
    people.iter().map(call).collect()
}

/// One worker, so that calls follow one another.
fn switches() -> Switches {
    Switches { webhook_workers: 1, ..Switches::default() }
}

async fn with_webhook(switches: Switches) -> (Bench, Receiver, u64) {
    let (bench, receiver) = (bench_with(switches), Receiver::start().await);
    let id = bench.twin.add_webhook(SeedWebhook::new(&receiver.url).basic_auth("muster", "pa:ss"));
    (bench, receiver, id)
}

fn outcomes(bench: &Bench) -> Vec<(String, u32, AttemptOutcome)> {
    bench.twin.attempts().into_iter().map(|attempt| (attempt.registered, attempt.number, attempt.outcome)).collect()
}

fn answered(who: &str, number: u32, status: u16) -> (String, u32, AttemptOutcome) {
    (who.to_owned(), number, AttemptOutcome::Answered(status))
}

#[tokio::test]
async fn each_customer_is_a_request_with_basic_auth() {
    let (bench, receiver, id) = with_webhook(switches()).await;
    assert!(bench.twin.call_webhook(id, calls(&["anna", "bea"])));
    bench.twin.webhooks_settled().await;
    let received = receiver.received();
    assert_eq!(received.iter().map(|request| &request.body["identityValue"]).collect::<Vec<_>>(), ["anna", "bea"]);
    assert_eq!(received[0].headers["authorization"], basic("muster", "pa:ss"));
    assert_eq!(received[0].headers["content-type"], "application/json");
    assert_eq!(outcomes(&bench), [answered("anna", 1, 200), answered("bea", 1, 200)]);
    assert_eq!(bench.twin.attempts()[0].answer, json!({ "success": true, "result": {} }));
    assert_eq!(bench.twin.counters().webhooks_accepted, 2);
}

#[tokio::test]
async fn after_a_400_nobody_is_called() {
    let (bench, receiver, id) = with_webhook(switches()).await;
    receiver.answer(&[200, 400]);
    bench.twin.call_webhook(id, calls(&["anna", "bea", "cia", "dan"]));
    bench.twin.webhooks_settled().await;
    assert_eq!(outcomes(&bench), [answered("anna", 1, 200), answered("bea", 1, 400)]);
    assert_eq!(bench.twin.webhooks()[0].status, WebhookStatus::Halted);
    let counters = bench.twin.counters();
    assert_eq!((counters.webhooks_lost, counters.webhooks_halted), (1, 2));
    assert!(bench.twin.resume_webhook(id));
    bench.twin.call_webhook(id, calls(&["eva"]));
    bench.twin.webhooks_settled().await;
    assert_eq!(receiver.received().len(), 3);
}

#[tokio::test]
async fn a_500_is_tried_again_later_with_the_same_body() {
    let (bench, receiver, id) = with_webhook(switches()).await;
    receiver.answer(&[500, 500]);
    bench.twin.call_webhook(id, calls(&["anna"]));
    for wait in [0, 59_999, 1, 60_000] {
        bench.wait(wait);
        bench.twin.webhooks_settled().await;
    }
    assert_eq!(outcomes(&bench), [answered("anna", 1, 500), answered("anna", 2, 500), answered("anna", 3, 200)]);
    let received = receiver.received();
    assert!(received.iter().all(|request| request.body == received[0].body));
    assert_eq!(bench.twin.counters().webhook_retries, 2);
    assert_eq!(bench.twin.webhooks()[0].waiting, 0);
}

#[tokio::test]
async fn after_so_many_tries_it_is_lost() {
    let (bench, receiver, id) = with_webhook(Switches { webhook_retries: 1, ..switches() }).await;
    receiver.answer(&[500, 500]);
    bench.twin.call_webhook(id, calls(&["anna"]));
    for _ in 0..3 {
        bench.twin.webhooks_settled().await;
        bench.wait(60_000);
    }
    assert_eq!((receiver.received().len(), bench.twin.counters().webhooks_lost), (2, 1));
}

#[tokio::test]
async fn other_statuses_are_lost_or_tried_again() {
    for (webhook_retry_on, waiting) in [(RetryOn::NoAnswer, 0), (RetryOn::ServerError, 0), (RetryOn::AnyError, 3)] {
        let (bench, receiver, id) = with_webhook(Switches { webhook_retry_on, ..switches() }).await;
        receiver.answer(&[401, 429, 503]);
        bench.twin.call_webhook(id, calls(&["anna", "bea", "cia"]));
        bench.twin.webhooks_settled().await;
        let [hook] = bench.twin.webhooks().try_into().unwrap();
        assert_eq!((hook.status, hook.waiting), (WebhookStatus::Running, waiting), "{webhook_retry_on:?}");
    }
}

#[tokio::test]
async fn whoever_does_not_answer_in_time_is_called_again_or_lost() {
    for (webhook_retry_on, waiting) in [(RetryOn::NoAnswer, 1), (RetryOn::ServerError, 0), (RetryOn::AnyError, 1)] {
        let bench = bench_with(Switches { answer_timeout_ms: 1, webhook_retry_on, ..switches() });
        let receiver = Receiver::silent().await;
        let id = bench.twin.add_webhook(SeedWebhook::new(&receiver.url));
        bench.twin.call_webhook(id, calls(&["anna"]));
        bench.twin.webhooks_settled().await;
        assert_eq!(bench.twin.attempts()[0].outcome, AttemptOutcome::NoAnswer);
        assert_eq!(bench.twin.webhooks()[0].waiting, waiting, "{webhook_retry_on:?}");
    }
}

#[tokio::test]
async fn an_unknown_webhook_is_not_called() {
    let (bench, _, id) = with_webhook(switches()).await;
    assert!(!bench.twin.call_webhook(id + 1, calls(&["anna"])) && !bench.twin.resume_webhook(id + 1));
    bench.twin.webhooks_settled().await;
    assert!(bench.twin.attempts().is_empty());
}

#[test]
fn a_twin_may_live_without_a_runtime() {
    assert_eq!(bench_with(switches()).twin.customers(), 0);
}
