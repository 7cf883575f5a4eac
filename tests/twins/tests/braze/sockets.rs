use muster_twins::braze::{BrazeTwin, Fault, FaultKind, Options, Switches};
use reqwest::Client;
use serde_json::{Value, json};

use crate::support::{TRACK, event, options};

fn client() -> Client {
    #[expect(clippy::disallowed_methods, reason = "the tests call the twin, not a vendor")]
    Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

async fn started() -> BrazeTwin {
    BrazeTwin::start(options(Switches::default())).await.unwrap()
}

fn request(twin: &BrazeTwin) -> reqwest::RequestBuilder {
    let url = format!("{}{TRACK}", twin.api_url());
    client().post(url).bearer_auth("REST_API_KEY").json(&json!({ "events": [event("a", 0)] }))
}

#[tokio::test]
async fn the_workspace_is_served_on_a_port() {
    let twin = started().await;
    assert_eq!(twin.origins().map(|(origin, _)| origin).collect::<Vec<_>>(), ["https://rest.fra-01.braze.eu"]);
    let response = request(&twin).send().await.unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["x-ratelimit-remaining"], "2999");
    assert_eq!(response.json::<Value>().await.unwrap()["events_processed"], 1);
    assert_eq!(twin.queued(), 1);
}

#[tokio::test]
async fn a_reset_is_a_connection_error() {
    let twin = started().await;
    for (kind, queued) in [(FaultKind::ResetBefore, 0), (FaultKind::ResetAfter, 1)] {
        twin.push_fault(Fault::once(kind));
        let error = request(&twin).send().await.unwrap_err();
        assert!(error.is_request() && !error.is_timeout(), "{error:?}");
        assert_eq!(twin.queued(), queued);
    }
}

#[tokio::test]
async fn without_sockets_there_is_no_url() {
    assert_eq!(BrazeTwin::new(Options::default()).api_url(), "");
}

#[tokio::test]
async fn the_side_door_shows_and_steers() {
    let twin = started().await;
    let door = |path: &str| format!("{}{path}", twin.door_url());
    let get = async |path: &str| client().get(door(path)).send().await.unwrap().json::<Value>().await.unwrap();
    let put = async |path: &str| client().put(door(path)).json(&json!(["users.track"])).send().await.unwrap().status();
    let delete = async |path: &str| client().delete(door(path)).send().await.unwrap().status();

    request(&twin).send().await.unwrap();
    assert_eq!(get("/queue").await, json!(1));
    let applied = client().post(door("/queue/apply")).send().await.unwrap();
    assert_eq!(applied.json::<Value>().await.unwrap(), json!({ "applied": 1 }));
    assert_eq!(get("/events").await[0]["name"], "a");
    assert_eq!(get("/purchases").await, json!([]));
    assert_eq!(get("/people/anna").await["origin"], "created");
    assert_eq!(put("/people/bea").await, 204);
    assert_eq!(get("/people").await["bea"]["origin"], "seeded");
    assert_eq!((delete("/people/bea").await, delete("/people/bea").await.as_u16()), (204.try_into().unwrap(), 404));
    let alias = json!({ "alias": { "alias_label": "card", "alias_name": "7001" } });
    let seeded = client().post(door("/profiles")).json(&alias).send().await.unwrap();
    assert!(seeded.json::<Value>().await.unwrap()["braze_id"].is_string());
    assert_eq!(get("/profiles").await[1]["alias"], alias["alias"]);
    assert_eq!(put("/banned/anna").await, 204);
    assert_eq!(delete("/banned/anna").await, 204);
    assert_eq!(delete("/keys/REST_API_KEY").await, 204);
    assert_eq!(request(&twin).send().await.unwrap().status(), 401);
    assert_eq!(put("/keys/REST_API_KEY").await, 204);
    assert_eq!(request(&twin).send().await.unwrap().status(), 201);
    assert_eq!(get("/counters").await["objects"], json!({ "events": 2 }));
}

#[tokio::test]
async fn switches_are_patched_through_the_side_door() {
    let twin = started().await;
    let part = json!({ "rate": { "three_seconds": 0 }, "most_objects": { "in_total": 50 }, "application": "at_once" });
    let patched = client().patch(format!("{}/switches", twin.door_url())).json(&part).send().await.unwrap();
    assert_eq!(patched.status(), 204);
    assert_eq!(request(&twin).send().await.unwrap().status(), 429);
}
