use muster_twins::webhook::{Fault, FaultKind, Options, Switches, WebhookTwin};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use crate::support::{SECRET, options, signature, two};

async fn started(switches: Switches) -> WebhookTwin {
    WebhookTwin::start(options(switches)).await.unwrap()
}

fn client() -> Client {
    #[expect(clippy::disallowed_methods, reason = "the tests call the twin, not a vendor")]
    Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

fn request(twin: &WebhookTwin, id: &str) -> RequestBuilder {
    let (body, seconds) = (two().to_string(), twin.clock().now().as_second());
    client()
        .post(format!("{}/muster", twin.api_url().unwrap()))
        .header("webhook-id", id)
        .header("webhook-timestamp", seconds)
        .header("webhook-signature", signature(SECRET, id, seconds, &body))
        .header("content-type", "application/json")
        .body(body)
}

#[tokio::test]
async fn the_receiver_is_served_on_a_port() {
    let twin = started(Switches::default()).await;
    let response = request(&twin, "msg_1").send().await.unwrap();
    assert_eq!(response.status(), 204);
    assert_eq!(response.headers()["date"], "Mon, 05 Jan 2026 07:08:09 GMT");
    assert_eq!(twin.people().len(), 2);
}

#[tokio::test]
async fn without_sockets_there_is_no_url() {
    assert_eq!(WebhookTwin::new(Options::default()).api_url(), None);
}

#[tokio::test]
async fn a_reset_is_a_connection_error() {
    let twin = started(Switches::default()).await;
    for (kind, people) in [(FaultKind::ResetBefore, 0), (FaultKind::ResetAfter, 2)] {
        twin.push_fault(Fault::once(kind));
        let error = request(&twin, &format!("msg_{people}")).send().await.unwrap_err();
        assert!(error.is_request() && !error.is_timeout(), "{error:?}");
        assert_eq!(twin.people().len(), people);
    }
}

#[tokio::test]
async fn a_timeout_is_a_504_for_whoever_waits_long_enough() {
    let twin = started(Switches { hold_ms: 1, ..Switches::default() }).await;
    twin.push_fault(Fault::once(FaultKind::TimeoutBefore));
    assert_eq!(request(&twin, "msg_1").send().await.unwrap().status(), 504);
    assert!(twin.people().is_empty());
}

#[tokio::test]
async fn a_timeout_after_applying_holds_the_answer() {
    let twin = started(Switches::default()).await;
    twin.push_fault(Fault::once(FaultKind::TimeoutAfter));
    let applied = async {
        while twin.people().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        answer = request(&twin, "msg_1").send() => panic!("{answer:?}"),
        () = applied => {}
    }
}

#[tokio::test]
async fn the_side_door_has_what_is_the_same_for_all_twins() {
    let twin = started(Switches::default()).await;
    twin.push_fault(Fault::once(FaultKind::Gone));
    let faults = client().get(format!("{}/faults", twin.door_url())).send().await.unwrap();
    let on = json!({ "method": null, "path_suffix": null, "route": null });
    assert_eq!(faults.json::<Value>().await.unwrap(), json!([{ "kind": "gone", "on": on, "times": 1 }]));
}
