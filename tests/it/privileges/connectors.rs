//! The part of the tour that takes the place of Eagle Eye's own connectors, asks AIR who somebody is, and rewards who was
//! inside before.

use axum::body::Body;
use axum::http::Request;
use jiff::SignedDuration;
use muster::aws::SECRETS_MAX_AGE;
use muster_backfill::Task;
use muster_tests::call::send;
use muster_tests::world::change;
use muster_twins::eagle_eye_air::{Enrichment, Purchase, RouteKind, SeedWallet};
use serde_json::{Value, json};

use super::site::Site;

const KEY: &str = "the-key-of-both-connectors";

pub(super) async fn whole(site: &mut Site) {
    let air = json!({"authorization": "eagle-eye-air", "wallet_url": "https://wallet.sandbox.uk.eagleeye.com"});
    for (id, direction) in [("asks", "in"), ("tells", "out")] {
        let new = json!({"id": id, "platform": "braze", "direction": direction, "key": KEY, "air": air});
        site.call("POST", "/v1/connectors", new.clone()).await;
        // Whoever does not hear the answer asks again.
        site.call("POST", "/v1/connectors", new).await;
        site.call("GET", &format!("/v1/connectors/{id}"), Value::Null).await;
    }
    site.call("GET", "/v1/connectors", Value::Null).await;
    site.run().await;
    site.pass(SECRETS_MAX_AGE);
    ask_for_a_reward(site).await;
    tell_of_somebody_unnamed(site).await;
    reward_insiders(site).await;
    assert_eq!(site.loyalty.air.unexpected(), Vec::<String>::new());
}

async fn post(site: &Site, path: &str, body: &Value) {
    let request = Request::post(path).header("x-auth-token", KEY).header("content-type", "application/json");
    let (status, answer) = send(&site.ingest, request.body(Body::from(body.to_string())).unwrap()).await;
    assert_eq!((status, &answer), (200, &json!({"status": "OK"})), "{path}");
}

async fn ask_for_a_reward(site: &mut Site) {
    let before = site.loyalty.air.rewards().len();
    site.loyalty.air.seed_wallet(&SeedWallet::new(&[("CUSTOMER_ID", "CUST-ASKED")])).unwrap();
    let body = json!({"identityValue": "CUST-ASKED", "walletTransaction": {"reference": "canvas-1"},
                      "triggers": [{"reference": "WELCOME-100"}]});
    post(site, "/in/braze/asks", &json!({"type": "services/trigger", "body": body})).await;
    site.run().await;
    assert_eq!(site.loyalty.air.rewards().len(), before + 1);
}

async fn tell_of_somebody_unnamed(site: &mut Site) {
    let air = &site.loyalty.air;
    let wallet = air.seed_wallet(&SeedWallet::new(&[("CUSTOMER_ID", "CUST-UNNAMED")]).with_points(10)).unwrap();
    air.with_switches(|switches| switches.enrichment = Enrichment::EmptyArray);
    let settled = air.settle(&wallet, &Purchase::new("POS-1")).unwrap();
    post(site, "/out/braze/tells", &settled.body).await;
    site.pass(SignedDuration::from_secs(1));
    site.task(Task::Sweep).await;
    site.run().await;
    let asked = site.loyalty.air.counters().requests_by_route[RouteKind::Identities.template()];
    assert_eq!(asked, 1);
}

async fn reward_insiders(site: &mut Site) {
    let linked = json!({"audiences": {"add": ["residents"]}});
    site.call("PATCH", "/v1/activations/eagle-eye-air", linked).await;
    site.run().await;
    let before = site.loyalty.air.rewards().len();
    let wallet = SeedWallet::new(&[("EMAIL", "resident@example.com")]);
    site.loyalty.air.seed_wallet(&wallet).unwrap();
    let mut resident = change("resident", 0, json!({"type": "audience.entered", "audience": "residents"}));
    resident["origin"] = json!("backfill");
    resident["audience_properties"] = json!({"action_reference": "WELCOME-100"});
    let answer = site.ingest(&[resident]).await;
    assert_eq!(answer["accepted"], 1, "{answer}");
    site.run().await;
    let path = "/v1/activations/eagle-eye-air/insiders";
    let counting = site.call("POST", path, json!({"audience": "residents"})).await;
    site.run().await;
    let jobs = site.call("GET", "/v1/activations/eagle-eye-air/backfills", Value::Null).await;
    let counted = jobs["items"].as_array().unwrap().iter().find(|job| job["id"] == counting["id"]);
    assert_eq!(counted.unwrap()["insiders"]["found"], 1, "{counted:?}");
    let confirmed = json!({"job": counting["id"], "count": 1});
    site.call("POST", &format!("{path}/confirm"), confirmed).await;
    site.run().await;
    assert_eq!(site.loyalty.air.rewards().len(), before + 1);
}
