use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use muster_twins::heyloyalty::{BasicAuth, MailKind, PayloadFormat, SeedMember, WebhookSetup};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::support::{Bench, bench};

type Received = Arc<Mutex<Vec<(HeaderMap, Value)>>>;

/// A receiver that answers `status` and remembers what it got.
#[expect(clippy::unwrap_used, reason = "in a test that is how to fail")]
async fn receiver(status: StatusCode) -> (String, Received) {
    let received = Received::default();
    let receive = move |State(all): State<Received>, headers: HeaderMap, body: axum::Json<Value>| {
        all.lock().push((headers, body.0));
        async move { status }
    };
    let app = Router::new().fallback(receive).with_state(Arc::clone(&received));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, received)
}

#[expect(clippy::unwrap_used, reason = "in a test that is how to fail")]
async fn configured(bench: &Bench, url: &str) -> u64 {
    let body = json!({"url": url, "contact_email": "it@example.com",
        "webhookTriggers": {"subscribe": 1, "update": 1, "unsubscribe": 1}});
    let (status, body) = bench.send("POST", &bench.path("/webhooks"), body).await;
    assert_eq!(status, 201);
    body["id"].as_u64().unwrap()
}

#[tokio::test]
async fn webhooks_are_created_read_replaced_and_deleted() {
    let bench = bench().await;
    let id = configured(&bench, "http://127.0.0.1:9/").await;
    let one = bench.path(&format!("/webhooks/{id}"));
    let appended = json!({"url": "http://127.0.0.1:9/b", "contact_email": "it@example.com",
        "webhookTriggers": ["subscribe"]});
    assert_eq!(bench.send("PUT", &one, appended).await.0, 204);
    let (_, body) = bench.call("GET", &bench.path("/webhooks")).await;
    assert_eq!(body[0]["url"], "http://127.0.0.1:9/b");
    assert_eq!(body[0]["webhookTriggers"]["subscribe"], 0);
    assert_eq!(bench.send("POST", &bench.path("/webhooks"), json!({})).await.0, 400);
    assert_eq!(bench.call("DELETE", &one).await.0, 204);
    assert_eq!(bench.call("DELETE", &one).await.0, 404);
    assert!(bench.twin.webhooks().is_empty());
}

#[tokio::test]
async fn events_are_delivered_in_order_in_the_default_format() {
    let bench = bench().await;
    let (url, received) = receiver(StatusCode::OK).await;
    configured(&bench, &url).await;
    let email = "anna@example.com";
    let id = bench.twin.subscribe_member(bench.list, email, &BTreeMap::new()).unwrap();
    bench.send("PATCH", &bench.member_path(&id), json!({"cdp_a_cats": 1})).await;
    assert!(bench.twin.unsubscribe_member(bench.list, &id));
    assert!(bench.twin.resubscribe_member(bench.list, &id));
    bench.twin.webhooks_settled().await;

    let received = received.lock();
    let types: Vec<_> = received.iter().map(|(_, body)| body["type"].clone()).collect();
    assert_eq!(types, ["subscribe", "update", "unsubscribe", "subscribe"]);
    let (headers, body) = &received[0];
    assert_eq!(headers.get("authorization"), None);
    assert_eq!((&body["member_id"], &body["list_id"]), (&json!(id), &json!(bench.list)));
    assert_eq!(body["signature"].as_str().unwrap().len(), 32);
    assert_eq!(body["member"]["fields"]["email"]["value"], email);
    let counters = bench.twin.counters();
    assert_eq!((counters.resubscribed, counters.member_created), (0, 0));
}

#[tokio::test]
async fn the_simplified_format_with_basic_auth_and_the_connection_test() {
    let bench = bench().await;
    let (url, received) = receiver(StatusCode::OK).await;
    let id = configured(&bench, &url).await;
    let setup = WebhookSetup {
        format: PayloadFormat::Simplified,
        basic_auth: Some(BasicAuth { user: "u".to_owned(), password: "p".to_owned() }),
    };
    assert!(bench.twin.set_up_webhook(id, setup));
    assert!(bench.twin.test_webhook(id));
    bench.twin.webhooks_settled().await;
    let received = received.lock();
    let (headers, body) = &received[0];
    assert_eq!(headers["authorization"], "Basic dTpw");
    assert_eq!((&body["type"], &body["webhookId"]), (&json!("connection test"), &json!(id)));
    assert_eq!(body["queuedAt"], "2026-01-05 07:08:09");
}

#[tokio::test]
async fn after_three_tries_the_contact_is_told() {
    let bench = bench().await;
    let (url, received) = receiver(StatusCode::INTERNAL_SERVER_ERROR).await;
    let id = configured(&bench, &url).await;
    bench.twin.test_webhook(id);
    let raw = configured(&bench, &format!("{url}?(x)")).await;
    bench.twin.test_webhook(raw);
    bench.twin.webhooks_settled().await;
    assert_eq!(received.lock().len(), 3);
    let deliveries = bench.twin.webhook_deliveries();
    let seen: Vec<_> = deliveries.iter().map(|d| (d.webhook_id, d.tries, d.delivered)).collect();
    assert_eq!(seen, [(id, 3, false), (raw, 0, false)]);
    let mailbox = bench.twin.mailbox();
    assert_eq!((mailbox.len(), mailbox[0].kind), (2, MailKind::WebhookFailed));
    assert_eq!(mailbox[0].to, "it@example.com");
}

#[tokio::test]
async fn a_trigger_that_is_off_does_not_fire() {
    let bench = bench().await;
    let (url, received) = receiver(StatusCode::OK).await;
    configured(&bench, &url).await;
    let id = bench.seed(SeedMember::active("anna@example.com"));
    assert!(bench.twin.complain_member(bench.list, &id));
    assert!(bench.twin.hard_bounce_member(bench.list, &id));
    bench.twin.webhooks_settled().await;
    assert!(received.lock().is_empty());
}
