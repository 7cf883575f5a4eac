use muster_twins::eagle_eye_air::Switches;
use reqwest::Method;
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::sockets::{client, started};
use crate::support::Bench;

async fn door(bench: &Bench, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let method: Method = method.parse().unwrap();
    let request = client().request(method, format!("{}{path}", bench.twin.door_url()));
    let response = match body {
        Some(body) => request.json(&body),
        None => request,
    };
    let response = response.send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default())
}

#[tokio::test]
async fn wallets_and_campaigns_over_the_door() {
    let bench = started(Switches::default()).await;
    let seed = json!({"identities": [{"type": "CARD", "value": "1"}], "points": 5});
    let (status, made) = door(&bench, "POST", "/wallets", Some(seed.clone())).await;
    assert_eq!(status, 200);
    assert_eq!(door(&bench, "POST", "/wallets", Some(seed)).await.0, 400);
    let path = format!("/wallets/{}", made["wallet_id"].as_str().unwrap());
    assert_eq!(door(&bench, "GET", &path, None).await.1["points"], 5);
    assert_eq!(door(&bench, "PUT", &format!("{path}/standing"), Some(json!("suspended"))).await.0, 204);
    assert_eq!(door(&bench, "GET", &path, None).await.1["standing"], "suspended");
    assert_eq!(door(&bench, "GET", "/wallets/7", None).await.0, 404);
    assert_eq!(door(&bench, "GET", "/wallets", None).await.1.as_array().map(Vec::len), Some(3));
    let campaign = json!({"reference": "WELCOME-100", "reward": {"points": 7}, "consumer_limit": 1});
    assert_eq!(door(&bench, "PUT", "/campaigns", Some(campaign)).await.0, 204);
    assert_eq!([bench.welcome("1").await.status, bench.welcome("2").await.status], [201, 400]);
    let (_, rewards) = door(&bench, "GET", "/rewards", None).await;
    assert_eq!((&rewards[0]["reward"], &rewards[0]["reference"]), (&json!({"points": 7}), &json!("1")));
    assert_eq!(door(&bench, "PUT", "/clients/muster-client", Some(json!({"secret": "x"}))).await.0, 204);
    assert_eq!(bench.welcome("3").await.status, 401);
    assert_eq!(door(&bench, "DELETE", "/clients/muster-client", None).await.0, 204);
}

#[tokio::test]
async fn events_over_the_door() {
    let (bench, receiver) = (started(Switches::default()).await, Receiver::start().await);
    let subscription = json!({"url": receiver.url, "token": "t"});
    let (_, number) = door(&bench, "POST", "/subscriptions", Some(subscription)).await;
    let purchase = json!({"reference": "POS-1", "earned": 5});
    let deed = json!({"deed": "settle", "wallet": bench.anna, "purchase": purchase});
    let (status, event) = door(&bench, "POST", "/events", Some(deed)).await;
    assert_eq!((status, &event["event_name"]), (200, &json!("POSCONNECT.WALLET.SETTLE")));
    let nobody = json!({"deed": "delete_wallet", "wallet": "7"});
    assert_eq!(door(&bench, "POST", "/events", Some(nobody)).await, (400, json!({"error": "no such wallet"})));
    assert_eq!(door(&bench, "POST", "/events/raw", Some(json!({"odd": 1}))).await.0, 200);
    assert_eq!(door(&bench, "POST", "/events/settled", None).await.0, 204);
    assert_eq!(receiver.bodies(), [event["body"].clone(), json!({"odd": 1})]);
    assert_eq!(door(&bench, "GET", "/attempts", None).await.1[0]["outcome"], json!({"answered": 200}));
    assert_eq!(door(&bench, "GET", "/dead-letters", None).await.1, json!([]));
    assert_eq!(door(&bench, "GET", "/events", None).await.1.as_array().map(Vec::len), Some(2));
    assert_eq!(door(&bench, "DELETE", "/events", None).await.0, 204);
    let path = format!("/subscriptions/{}", number["subscription"]);
    assert_eq!([door(&bench, "DELETE", &path, None).await.0, door(&bench, "DELETE", &path, None).await.0], [204, 404]);
    assert_eq!(door(&bench, "GET", "/subscriptions", None).await.1, json!({}));
}

#[tokio::test]
async fn switches_are_patched_over_the_door() {
    let bench = started(Switches::default()).await;
    let part = json!({"duplicate_reference": "refuse_in_unit", "burst": 3});
    assert_eq!(door(&bench, "PATCH", "/switches", Some(part)).await.0, 204);
    assert_eq!(bench.twin.switches().burst, Some(3));
    assert_eq!([bench.welcome("1").await.status, bench.welcome("1").await.status], [201, 409]);
}
