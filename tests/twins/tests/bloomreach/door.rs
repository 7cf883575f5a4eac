//! The twin on sockets: its API, and its side door.

use muster_twins::bloomreach::{BloomreachTwin, Fault, FaultKind, Switches};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::support::{event, options, path, update};

struct Served {
    twin: BloomreachTwin,
    client: reqwest::Client,
}

async fn served(switches: Switches) -> Served {
    let twin = BloomreachTwin::start(options(switches)).await.unwrap();
    #[expect(clippy::disallowed_methods, reason = "the tests call the twin, not a vendor")]
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    Served { twin, client }
}

impl Served {
    fn post(&self, rest: &str, body: &Value) -> RequestBuilder {
        let url = format!("{}{}", self.twin.api_url(), path(rest));
        self.client.post(url).basic_auth("KEY_ID", Some("KEY_SECRET")).json(body)
    }

    async fn door(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let method: Method = method.parse().unwrap();
        let request = self.client.request(method, format!("{}{path}", self.twin.door_url()));
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}

#[tokio::test]
async fn the_api_is_served_on_a_port() {
    let served = served(Switches::default()).await;
    let response = served.post("customers/events", &event("anna", "seen")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["date"], "Sun, 01 Mar 2026 10:15:05 GMT");
    assert_eq!(served.twin.events().len(), 1);
    let origins: Vec<_> = served.twin.origins().map(|(origin, _)| origin).collect();
    assert_eq!(origins, ["https://api.exponea.com"]);
}

#[tokio::test]
async fn a_reset_is_a_connection_error() {
    let served = served(Switches::default()).await;
    for (kind, events) in [(FaultKind::ResetBefore, 0), (FaultKind::ResetAfter, 1)] {
        served.twin.push_fault(Fault::once(kind));
        let error = served.post("customers/events", &event("anna", "seen")).send().await.unwrap_err();
        assert!(error.is_request() && !error.is_timeout(), "{error:?}");
        assert_eq!(served.twin.events().len(), events);
    }
}

#[tokio::test]
async fn people_over_the_door() {
    let served = served(Switches::default()).await;
    assert_eq!(served.door("GET", "/people/anna", None).await.0, 404);
    assert_eq!(served.door("PUT", "/people/anna", None).await.0, 204);
    assert_eq!(served.door("PUT", "/people/anna/properties/city", Some(json!("Aarhus"))).await.0, 204);
    assert_eq!(served.door("PUT", "/people/bea/properties/city", Some(json!("Aarhus"))).await.0, 404);
    let (_, anna) = served.door("GET", "/people/anna", None).await;
    let expected = json!({ "registered": "anna", "soft_ids": {}, "properties": { "city": "Aarhus" },
                           "updated": { "city": 1_772_360_105.0 }, "written_at": "2026-03-01T10:15:05Z" });
    assert_eq!(anna, expected);
    let found = served.door("POST", "/customers/find", Some(json!({ "registered": "anna" }))).await;
    assert_eq!(found, (200, anna.clone()));
    assert_eq!(served.door("POST", "/customers/find", Some(json!({ "cookie": "c-1" }))).await.0, 404);
    assert_eq!(served.door("GET", "/people", None).await.1, json!({ "anna": anna }));

    let refusal = Some(json!({ "sentence": "no" }));
    assert_eq!(served.door("PUT", "/people/anna/refusal", refusal).await.0, 204);
    let refused = served.post("customers", &update("anna", json!({ "a": 1 }))).send().await.unwrap();
    assert_eq!(refused.status(), 400);
    assert_eq!(served.door("DELETE", "/refusals", None).await.0, 204);
    let taken = served.post("customers", &update("anna", json!({ "a": 1 }))).send().await.unwrap();
    assert_eq!(taken.status(), 200);
    assert_eq!(served.door("DELETE", "/people/anna", None).await.0, 204);
    assert_eq!(served.door("DELETE", "/people/anna", None).await.0, 404);
}

#[tokio::test]
async fn events_switches_and_counters_over_the_door() {
    let served = served(Switches::default()).await;
    served.post("customers/events", &event("anna", "seen")).send().await.unwrap();
    let (_, events) = served.door("GET", "/events", None).await;
    let expected = json!([{ "customer_ids": { "registered": "anna" }, "event_type": "seen",
        "timestamp": 1_772_360_100.0, "properties": { "campaign_id": "100000002", "value": 2.0 },
        "command_id": null, "received_at": "2026-03-01T10:15:05Z" }]);
    assert_eq!(events, expected);
    assert_eq!(served.door("DELETE", "/events", None).await.0, 204);
    assert!(served.twin.events().is_empty());
    let part = json!({ "update_order": "by_timestamp", "doubles": "dropped", "per_second": null });
    assert_eq!(served.door("PATCH", "/switches", Some(part)).await.0, 204);
    assert_eq!(served.twin.switches().per_second, None);
    assert_eq!(served.door("PATCH", "/switches", Some(json!({ "nonsense": 1 }))).await.0, 400);
    assert_eq!(served.door("GET", "/counters", None).await.1["events"], 1);
    let fault = json!({ "kind": "html500", "on": { "route": "events" } });
    assert_eq!(served.door("POST", "/faults", Some(fault)).await.0, 204);
    assert_eq!(served.twin.scripted_faults().len(), 1);
}

#[tokio::test]
async fn keys_and_tokens_over_the_door() {
    let served = served(Switches::default()).await;
    let key = json!({ "secret": "KEY_SECRET", "permissions": ["customer_properties.set"] });
    assert_eq!(served.door("PUT", "/keys/KEY_ID", Some(key)).await.0, 204);
    let refused = served.post("customers/events", &event("anna", "seen")).send().await.unwrap();
    assert_eq!(refused.status(), 403);
    assert_eq!(served.door("DELETE", "/keys/KEY_ID", None).await.0, 204);
    assert_eq!(served.door("DELETE", "/keys/KEY_ID", None).await.0, 404);
    assert_eq!(served.door("PUT", "/tokens/t-2", Some(json!(["events.set"]))).await.0, 204);
    assert_eq!(served.door("DELETE", "/tokens/t-2", None).await.0, 204);
    assert_eq!(served.door("DELETE", "/tokens/t-2", None).await.0, 404);
}

#[tokio::test]
async fn webhooks_over_the_door() {
    let (served, receiver) = (served(Switches::default()).await, Receiver::start().await);
    receiver.answer(&[400]);
    let (_, made) = served.door("POST", "/webhooks", Some(json!({ "url": receiver.url }))).await;
    assert_eq!(made, json!({ "id": 1 }));
    let calls = json!([{ "registered": "anna", "body": { "a": 1 } }]);
    assert_eq!(served.door("POST", "/webhooks/1/calls", Some(calls.clone())).await.0, 204);
    assert_eq!(served.door("POST", "/webhooks/2/calls", Some(calls)).await.0, 404);
    assert_eq!(served.door("POST", "/webhooks/settled", None).await.0, 204);
    assert_eq!(served.door("GET", "/attempts", None).await.1[0]["outcome"], json!({ "answered": 400 }));
    assert_eq!(served.door("GET", "/webhooks", None).await.1[0]["status"], "halted");
    assert_eq!(served.door("POST", "/webhooks/1/resume", None).await.0, 204);
    assert_eq!(served.door("DELETE", "/attempts", None).await.0, 204);
    assert!(served.twin.attempts().is_empty());
}
