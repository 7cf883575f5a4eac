//! The part of the tour that leads to a receiver of webhooks: what it has in common with the platform, and what
//! must happen once.

use jiff::SignedDuration;
use muster::model::Lane;
use muster::ports::Clock;
use muster_backfill::Task;
use muster_tests::world::{RECEIVER_SECRET, change, entered, exited};
use muster_twins::webhook::{Fault, FaultKind, RetryAfter, RouteKind};
use serde_json::{Value, json};

use super::site::{RECEIVER, Site};
use super::tour::{A_WHILE, deliver, share_an_address, user};

pub(super) async fn whole(site: &mut Site) {
    describe(site).await;
    for lane in [Lane::Live, Lane::Bulk] {
        share_an_address(site, ("crm", "visitors"), lane).await;
        meet_trouble(site, lane).await;
        lose_the_secret(site, lane).await;
        lose_an_answer(site, lane).await;
    }
    assert_eq!(site.receiver.unexpected(), Vec::<String>::new());
}

async fn describe(site: &mut Site) {
    let authorization = json!({"id": "receiver", "provider": "webhook", "label": "Receiver",
        "requests_per_second": 1_000.0, "secret": {"secret": RECEIVER_SECRET}});
    site.call("POST", "/v1/authorizations", authorization).await;
    let settings = json!({"url": format!("{RECEIVER}/muster"), "events": ["entered"], "in_doubt": "park"});
    let activation = json!({"id": "crm", "name": "Shop to receiver", "source": "shop", "destination": "webhook",
        "authorization": "receiver", "settings": settings, "audiences": ["visitors"], "notify": "owner@example.com"});
    site.call("POST", "/v1/activations", activation).await;
    site.call("POST", "/v1/activations/crm/activate", Value::Null).await;
    site.run().await;
}

/// The receiver says later, and then nothing of what it took.
async fn meet_trouble(site: &mut Site, lane: Lane) {
    let patient = user("crm", "patient", lane);
    site.receiver.push_fault(Fault::once(FaultKind::TooManyRequests(RetryAfter::Seconds(3))));
    deliver(site, "crm", lane, &[entered(&patient, "visitors", 20)]).await;
    site.receiver.push_fault(Fault::once(FaultKind::EmptyBody(500)).on_route(RouteKind::People));
    deliver(site, "crm", lane, &[exited(&patient, "visitors", 21)]).await;
    site.pass(A_WHILE);
    site.task(Task::Sweep).await;
    site.run().await;
}

/// The receiver knows the secret no more: the activation stops, its owner is told, and gives a new one.
async fn lose_the_secret(site: &mut Site, lane: Lane) {
    site.receiver.push_fault(Fault::once(FaultKind::Unauthorized));
    deliver(site, "crm", lane, &[entered(&user("crm", "patient", lane), "visitors", 30)]).await;
    let activation = site.call("GET", "/v1/activations/crm", Value::Null).await;
    assert_eq!(activation["status"], "failing", "{activation}");
    site.call("PATCH", "/v1/authorizations/receiver", json!({"secret": {"secret": RECEIVER_SECRET}})).await;
    site.run().await;
}

/// An event is told and its answer lost. A person says that it shall be told again, and it is.
async fn lose_an_answer(site: &mut Site, lane: Lane) {
    // After the activation came to be, or it were no event.
    site.pass(SignedDuration::from_secs(1));
    let guest = user("crm", "guest", lane);
    let mut entered = change(&guest, 0, json!({"type": "audience.entered", "audience": "visitors"}));
    entered["occurred_at"] = json!(site.clock.now().to_string());
    site.receiver.push_fault(Fault::once(FaultKind::ResetAfter).on_route(RouteKind::Event));
    deliver(site, "crm", lane, &[entered]).await;
    let parked = open(site).await;
    assert_eq!((parked.len(), &parked[0]["state"]["is"]), (1, &json!("parked")), "{parked:?}");
    let said = json!({"person": parked[0]["person"], "effect": parked[0]["id"], "word": "try_again"});
    site.call("POST", "/v1/activations/crm/effects/settle", said).await;
    site.run().await;
    assert_eq!(open(site).await, Vec::<Value>::new());
    let events = site.receiver.events();
    let of_guest = events.iter().find(|event| event.id.starts_with(&guest)).unwrap();
    assert_eq!((of_guest.arrived, of_guest.acted), (2, 1));
}

async fn open(site: &mut Site) -> Vec<Value> {
    let listed = site.call("GET", "/v1/activations/crm/effects", Value::Null).await;
    listed["items"].as_array().unwrap().clone()
}
