//! Everything that functions do, so that everything that they call is called: the whole API, people who come,
//! change, share an address, are merged and erased, a platform in every kind of trouble, on both lanes, and what
//! happens by the clock.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use muster::aws::SECRETS_MAX_AGE;
use muster::model::Lane;
use muster_backfill::Task;
use muster_tests::notices::{NOTICES, NOTICES_SECRET};
use muster_tests::world::{LIST, SECRET, at, attribute, change, entered, exited};
use muster_twins::heyloyalty::{Fault, FaultKind, FaultMatch, RetryAfter, SeedList, SeedMember, SeededFaults};
use serde_json::{Value, json};

use super::site::Site;
use super::{connectors, loyalty, receiver, scan, table};

/// As many as go in one file.
const CROWD: usize = 200;
/// Members of the list besides, for each lane.
const OTHERS: &[&str] = &["first", "moved", "second", "patient"];
/// Longer than a vendor applies late, and than a flight stands.
pub(super) const A_WHILE: SignedDuration = SignedDuration::from_hours(2);

pub(super) async fn whole(site: &mut Site) {
    fill_list(site);
    describe(site).await;
    take_odd_changes(site).await;
    import_the_crowd(site).await;
    for lane in [Lane::Live, Lane::Bulk] {
        share_an_address(site, ("act", "cats"), lane).await;
        meet_trouble(site, lane).await;
        lose_credentials(site, lane).await;
    }
    receiver::whole(site).await;
    loyalty::whole(site).await;
    connectors::whole(site).await;
    table::whole(site).await;
    scan::whole(site).await;
    prepare_in_trouble(site).await;
    take_signals(site).await;
    end_people(site).await;
    lose_a_walk(site).await;
    manage(site).await;
    look(site).await;
    remove(site).await;
}

/// A person for each activation and lane.
pub(super) fn user(activation: &str, name: &str, lane: Lane) -> String {
    match lane {
        Lane::Live => format!("{activation}-{name}-live"),
        Lane::Bulk => format!("{activation}-{name}-bulk"),
    }
}

fn fill_list(site: &Site) {
    site.twin.seed_list(&SeedList { id: Some(LIST), name: "News".to_owned(), ..SeedList::default() }).unwrap();
    let lanes = [Lane::Live, Lane::Bulk].into_iter();
    let others = lanes.flat_map(|lane| OTHERS.iter().map(move |name| user("act", name, lane)));
    let members = (0..CROWD).map(|number| format!("u{number}")).chain(others);
    let members: Vec<SeedMember> = members.map(|name| SeedMember::active(&format!("{name}@example.com"))).collect();
    site.twin.seed_members(LIST, &members).unwrap();
}

/// Source, authorization and activation, as an owner makes them.
async fn describe(site: &mut Site) {
    let source = json!({"id": "shop", "name": "Shop", "keyed_by": "user_id", "secret": SECRET,
        "authentication": {"method": "header", "name": "x-secret"}});
    site.call("POST", "/v1/sources", source).await;
    let authorization = json!({"id": "auth", "provider": "heyloyalty", "label": "Account",
        "requests_per_second": 1_000.0, "secret": {"api_key": "API_KEY", "api_secret": "API_SECRET"}});
    site.call("POST", "/v1/authorizations", authorization).await;
    // Who just wrote a secret has a copy.
    site.pass(SECRETS_MAX_AGE);
    site.call("GET", "/v1/authorizations/auth/discover", Value::Null).await;
    let activation = json!({"id": "act", "name": "Shop to news", "source": "shop", "destination": "heyloyalty",
        "authorization": "auth", "settings": {"list_id": LIST}, "audiences": ["cats"],
        "attributes": [{"attribute": "orders", "type": "integer"}], "notify": "owner@example.com",
        "retry_window_hours": 1});
    site.call("POST", "/v1/activations", activation).await;
    site.call("POST", "/v1/activations/act/check", Value::Null).await;
    site.call("POST", "/v1/activations/act/preview", json!({"sample": 1})).await;
    let receiver = json!({"url": format!("{NOTICES}/notices"), "secret": NOTICES_SECRET});
    site.call("PUT", "/v1/activations/act/notices", receiver).await;
}

/// Audiences and events that nobody knows, and a person who has too much to say.
async fn take_odd_changes(site: &mut Site) {
    let unknown = change("u0", 1, json!({"type": "something.else"}));
    site.ingest(&[entered("u0", "dogs", 1), attribute("u0", "size", 3, 1), unknown]).await;
    let story = "x".repeat(8_000);
    let fields: serde_json::Map<String, Value> = (0..40).map(|number| (format!("f{number}"), json!(story))).collect();
    let answer = site.ingest(&[change("large", 1, json!({"type": "profile.updated", "fields": fields}))]).await;
    assert!(answer.to_string().contains("300 KB"), "{answer}");
    let lytics = json!({"id": "lytics", "name": "Lytics", "keyed_by": "email", "secret": SECRET,
        "authentication": {"method": "oauth2"}, "format": {"kind": "lytics"}});
    site.call("POST", "/v1/sources", lytics).await;
    site.pass(SECRETS_MAX_AGE);
    site.ingest_with_token(&json!({"data": {"email": "u0@example.com", "plan": "gold"}})).await;
}

/// The first walk: so many that they are imported, and compared once that was applied.
async fn import_the_crowd(site: &mut Site) {
    let changes: Vec<Value> = (0..CROWD).map(|number| entered(&format!("u{number}"), "cats", 2)).collect();
    site.ingest(&changes).await;
    site.call("POST", "/v1/activations/act/activate", Value::Null).await;
    site.run().await;
    assert_eq!(site.twin.counters().imports, 1);
    site.pass(A_WHILE);
    site.task(Task::Sweep).await;
    site.run().await;
}

/// Brings changes to an activation's platform, on the one lane or the other.
pub(super) async fn deliver(site: &mut Site, activation: &str, lane: Lane, changes: &[Value]) {
    site.pass(SignedDuration::from_secs(10));
    let answer = site.ingest(changes).await;
    assert_eq!(answer["accepted"], json!(changes.len()), "{answer}");
    if lane == Lane::Bulk {
        site.lose_messages();
        site.call("POST", &format!("/v1/activations/{activation}/catch-up"), Value::Null).await;
    }
    site.run().await;
}

/// Two people claim one address, and the first one gives it up.
pub(super) async fn share_an_address(site: &mut Site, (activation, audience): (&str, &str), lane: Lane) {
    let under = |name: &str, address: &str, second| {
        let mut change = entered(&user(activation, name, lane), audience, second);
        change["person"]["email"] = json!(format!("{}@example.com", user(activation, address, lane)));
        change
    };
    deliver(site, activation, lane, &[under("first", "first", 10)]).await;
    deliver(site, activation, lane, &[under("second", "first", 11)]).await;
    deliver(site, activation, lane, &[under("first", "moved", 12)]).await;
}

/// Answers that say later, that leave open what happened, and that never become good.
async fn meet_trouble(site: &mut Site, lane: Lane) {
    let patient = user("act", "patient", lane);
    site.twin.push_fault(Fault::once(FaultKind::TooManyRequests(RetryAfter::Seconds(3))));
    deliver(site, "act", lane, &[entered(&patient, "cats", 20)]).await;
    site.twin.push_fault(Fault::once(FaultKind::Html500).on_method("PATCH"));
    deliver(site, "act", lane, &[exited(&patient, "cats", 21)]).await;
    site.pass(A_WHILE);
    site.task(Task::Sweep).await;
    site.run().await;
    let down = SeededFaults { faults_seed: 1, rates: vec![(FaultKind::Unavailable, 1_000)], on: FaultMatch::default() };
    site.twin.seed_faults(down);
    deliver(site, "act", lane, &[entered(&patient, "cats", 22)]).await;
    site.twin.clear_faults();
    let parked = site.call("GET", "/v1/activations/act/parked", Value::Null).await;
    assert_ne!(parked["items"], json!([]), "the window is over");
}

/// The platform knows the key no more: the activation stops, its owner is told, and gives a new one.
async fn lose_credentials(site: &mut Site, lane: Lane) {
    site.twin.set_account("API_KEY", "another");
    let change = match lane {
        Lane::Live => exited("u1", "cats", 30),
        Lane::Bulk => entered("u1", "cats", 31),
    };
    deliver(site, "act", lane, &[change]).await;
    give_credentials(site).await;
}

async fn give_credentials(site: &mut Site) {
    let activation = site.call("GET", "/v1/activations/act", Value::Null).await;
    assert_eq!(activation["status"], "failing", "{activation}");
    site.twin.set_account("API_KEY", "API_SECRET");
    let secret = json!({"secret": {"api_key": "API_KEY", "api_secret": "API_SECRET"}});
    site.call("PATCH", "/v1/authorizations/auth", secret).await;
    site.run().await;
}

/// A new audience's field cannot be made at once, and then not at all.
async fn prepare_in_trouble(site: &mut Site) {
    site.twin.push_fault(Fault::once(FaultKind::Unavailable).times(2));
    site.call("PATCH", "/v1/activations/act", json!({"audiences": {"add": ["dogs"]}})).await;
    site.run().await;
    site.twin.set_account("API_KEY", "another");
    site.call("PATCH", "/v1/activations/act", json!({"audiences": {"add": ["birds"]}})).await;
    site.run().await;
    give_credentials(site).await;
}

/// The platform tells of a member, by its id and by the address.
async fn take_signals(site: &mut Site) {
    let password = "a long password of ours";
    site.call("PUT", "/v1/activations/act/signal", json!({"user": "heyloyalty", "password": password})).await;
    let basic = STANDARD.encode(format!("heyloyalty:{password}"));
    let id = &site.twin.members_by_email(LIST, "u2@example.com")[0].id;
    let by_id = json!({"member_id": id, "list_id": LIST, "type": "subscribe", "member": {}});
    site.signal(&basic, &by_id).await;
    let by_address = json!({"list_id": LIST, "type": "subscribe", "member": {"email": "u2@example.com"}});
    site.signal(&basic, &by_address).await;
    site.run().await;
}

/// One is erased, one merged into another; the sweep sees both through.
async fn end_people(site: &mut Site) {
    let erased = json!({"id": "e", "type": "person.erased", "person": {"user_id": "u3"}, "occurred_at": at(40)});
    let merged = json!({"id": "m", "type": "person.merged", "person": {"user_id": "u4"}, "into": {"user_id": "u5"},
        "occurred_at": at(40)});
    deliver(site, "act", Lane::Live, &[erased, merged]).await;
    site.pass(A_WHILE);
    site.task(Task::Sweep).await;
    site.run().await;
}

/// A walk's message is lost; the sweep has it go on. And what happens every day.
async fn lose_a_walk(site: &mut Site) {
    site.call("POST", "/v1/activations/act/resync", Value::Null).await;
    site.call("POST", "/v1/activations/act/replay", json!({"ended": ["delivered"]})).await;
    site.call("POST", "/v1/activations/act/reconcile", json!({"mode": "repair"})).await;
    site.lose_messages();
    site.pass(A_WHILE);
    site.task(Task::Sweep).await;
    site.run().await;
    site.task(Task::CatchUp).await;
    site.run().await;
}

/// What owners do with what there is.
async fn manage(site: &mut Site) {
    site.call("PATCH", "/v1/sources/shop", json!({"name": "The shop"})).await;
    site.call("PUT", "/v1/sources/shop/secret", json!({"secret": "another-secret-0123456789"})).await;
    site.call("DELETE", "/v1/sources/shop/secret/previous", Value::Null).await;
    site.call("POST", "/v1/sources/shop/audiences", json!({"id": "fish"})).await;
    site.call("PATCH", "/v1/sources/shop/audiences/cats", json!({"name": "Cat owners"})).await;
    site.call("DELETE", "/v1/sources/shop/audiences/cats", Value::Null).await;
    site.call("POST", "/v1/sources/shop/audiences/cats/restore", Value::Null).await;
    site.call("PATCH", "/v1/sources/shop/attributes/orders", json!({"name": "Orders"})).await;
    site.call("POST", "/v1/activations/act/pause", Value::Null).await;
    site.call("POST", "/v1/activations/act/resume", Value::Null).await;
    site.run().await;
}

/// What owners look at.
async fn look(site: &mut Site) {
    for path in [
        "openapi.json",
        "destinations",
        "sources",
        "sources/shop",
        "sources/shop/audiences",
        "sources/shop/audiences/cats",
        "sources/shop/attributes",
        "authorizations",
        "authorizations/auth",
        "activations",
        "activations/act/backfills",
        "activations/act/accounting",
        "activations/act/filtered",
        "activations/act/rejected",
        "activations/act/given-up",
        "activations/act/reasons",
    ] {
        site.call("GET", &format!("/v1/{path}"), Value::Null).await;
    }
    let person = json!({"source": "shop", "type": "user_id", "value": "u0"});
    site.call("POST", "/v1/people/lookup", person).await;
}

async fn remove(site: &mut Site) {
    site.call("DELETE", "/v1/activations/act/notices", Value::Null).await;
    site.call("DELETE", "/v1/activations/act?relabel=true", Value::Null).await;
    site.run().await;
    site.call("DELETE", "/v1/authorizations/auth", Value::Null).await;
}
