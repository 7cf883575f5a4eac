//! The part of the tour that leads to a table of Cheetah Digital, which has no effects, and goes without files here.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster::embedded::JumpClock;
use muster::model::Lane;
use muster_backfill::Task;
use muster_local::demo::twin_clock;
use muster_tests::world::{entered, exited};
use muster_tests::worlds::cheetah_digital::{TABLE, table};
use muster_twins::cheetah_digital::{
    CheetahDigitalTwin, Credential, Fault, FaultKind, Options, Region, RetryAfter, RouteKind, consumer_key,
};
use serde_json::{Value, json};

use super::site::Site;
use super::tour::{A_WHILE, deliver, share_an_address, user};

const SECRET: &str = "the-consumer-secret";

fn key() -> String {
    consumer_key(1_234, 567)
}

pub(super) async fn start(clock: &Arc<JumpClock>) -> CheetahDigitalTwin {
    let options = Options {
        clock: twin_clock(clock),
        credentials: BTreeMap::from([(key(), Credential::new(SECRET, 1_234))]),
        ..Options::of(Region::NorthAmerica)
    };
    let twin = CheetahDigitalTwin::start(options).await.unwrap();
    twin.seed_table(&table()).unwrap();
    twin
}

pub(super) async fn whole(site: &mut Site) {
    describe(site).await;
    for lane in [Lane::Live, Lane::Bulk] {
        share_an_address(site, ("table", "members"), lane).await;
        meet_trouble(site, lane).await;
        lose_the_secret(site, lane).await;
        end_the_token(site).await;
        deliver(site, "table", lane, &[exited(&user("table", "patient", lane), "members", 40)]).await;
    }
    end_the_token(site).await;
    site.call("GET", "/v1/authorizations/tables/discover", Value::Null).await;
    end_the_token(site).await;
    site.call("POST", "/v1/activations/table/reconcile", json!({"mode": "compare"})).await;
    site.run().await;
    assert_eq!(site.tables.unexpected(), Vec::<String>::new());
}

fn secret() -> Value {
    json!({"consumer_key": key(), "consumer_secret": SECRET, "region": "na"})
}

async fn describe(site: &mut Site) {
    let authorization = json!({"id": "tables", "provider": "cheetah-digital", "label": "Tables",
        "requests_per_second": 1_000.0, "secret": secret()});
    site.call("POST", "/v1/authorizations", authorization).await;
    let settings = json!({"table": TABLE.1, "person_column": "email", "audience_column": "audience_slug",
        "subscription_column": "subscribed"});
    let activation = json!({"id": "table", "name": "Shop to table", "source": "shop",
        "destination": "cheetah-digital", "authorization": "tables", "settings": settings, "audiences": ["members"],
        "notify": "owner@example.com"});
    site.call("POST", "/v1/activations", activation).await;
    site.call("POST", "/v1/activations/table/activate", Value::Null).await;
    site.run().await;
}

/// The vendor ends its token, and no other process has left one: whoever comes first fetches it.
async fn end_the_token(site: &Site) {
    site.vault.delete("token/tables").await.unwrap();
    site.tables.revoke_tokens();
}

/// The vendor says later, and then nothing of what it took.
async fn meet_trouble(site: &mut Site, lane: Lane) {
    let patient = user("table", "patient", lane);
    let data = |kind| Fault::once(kind).on_route(RouteKind::Data);
    site.tables.push_fault(data(FaultKind::TooManyRequests(RetryAfter::Seconds(3))));
    deliver(site, "table", lane, &[entered(&patient, "members", 20)]).await;
    site.tables.push_fault(data(FaultKind::Unavailable));
    deliver(site, "table", lane, &[exited(&patient, "members", 21)]).await;
    site.pass(A_WHILE);
    site.task(Task::Sweep).await;
    site.run().await;
}

/// The key is good no more, nor is a new token: the activation stops, its owner is told, and gives the secret again.
async fn lose_the_secret(site: &mut Site, lane: Lane) {
    site.tables.push_fault(Fault::once(FaultKind::Unauthorized).on_route(RouteKind::Data).times(2));
    deliver(site, "table", lane, &[entered(&user("table", "patient", lane), "members", 30)]).await;
    let activation = site.call("GET", "/v1/activations/table", Value::Null).await;
    assert_eq!(activation["status"], "failing", "{activation}");
    site.call("PATCH", "/v1/authorizations/tables", json!({"secret": secret()})).await;
    site.run().await;
}
