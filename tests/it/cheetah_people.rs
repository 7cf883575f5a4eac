//! What single people meet on the way from Lytics to a table of Cheetah Digital: what the table then says, what the
//! receipt, and what somebody reads who looks into it.

use jiff::SignedDuration;
use muster_twins::cheetah_digital::{DataType, Fault, FaultKind, RouteKind, RowView, SeedColumn};
use muster_twins::lytics::Move;
use serde_json::{Value, json};

use crate::cheetah_digital::{TABLE, World};
use crate::lytics::address;

const AUDIENCES: [&str; 2] = ["buyers", "leads"];

/// What rows are told apart by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    PersonAndAudience,
    /// And the person's store.
    StoreToo,
}

fn settings(keys: Keys, columns: Value) -> Value {
    let mut settings = json!({"table": TABLE, "person_column": "email", "audience_column": "audience_slug",
        "subscription_column": "subscribed", "timestamp": {"column": "changed_at"}, "columns": columns});
    if keys == Keys::StoreToo {
        settings["key_columns"] = json!(["store"]);
    }
    settings
}

/// An active activation of two audiences, looked at again whenever somebody's store changes.
async fn world(keys: Keys, columns: Value) -> World {
    let store = SeedColumn::new("Store", DataType::String);
    let table = vec![
        SeedColumn::new("Email", DataType::Email).identifier(),
        SeedColumn::new("Audience Slug", DataType::String).identifier(),
        if keys == Keys::StoreToo { store.identifier() } else { store },
        SeedColumn::new("Subscribed", DataType::String),
        SeedColumn::new("Changed At", DataType::DateTime),
        SeedColumn::new("Plan", DataType::String),
        SeedColumn::new("Membership", DataType::String),
    ];
    let mut world = World::before_link(table, |_| {}).await;
    let (status, answer) = world.link(&settings(keys, columns), &AUDIENCES).await;
    assert_eq!(status, 201, "{answer}");
    world.lytics.call("PATCH", "/v1/activations/act", json!({"triggers": ["store"]})).await;
    world.activate().await;
    world
}

async fn by_person() -> World {
    world(Keys::PersonAndAudience, json!([{"column": "plan", "from": "fields.plan"}])).await
}

async fn by_store() -> World {
    world(Keys::StoreToo, json!([{"column": "store", "from": "fields.store"}])).await
}

/// A second later, in one payload.
async fn moves(world: &mut World, key: &str, moves: &[Move]) {
    world.lytics.clock.advance(SignedDuration::from_secs(1));
    assert!(world.lytics.twin.move_profile(key, moves));
    world.lytics.settle().await;
    world.settle().await;
}

fn sets(world: &World, key: &str, field: &str, value: &str) {
    assert!(world.lytics.twin.set_field(key, field, value));
}

fn rows(world: &World, key: &str, audience: &str) -> Vec<RowView> {
    world.twin.rows_with(TABLE, &[("email", &address(key)), ("audience_slug", audience)])
}

/// What the only row of a person and audience says of being inside.
fn subscribed(world: &World, key: &str, audience: &str) -> String {
    let rows = rows(world, key, audience);
    assert_eq!(rows.len(), 1, "rows of {key} for {audience}");
    rows[0].text("subscribed")
}

/// How a record ended, and why.
async fn receipt(world: &World, key: &str, audience: &str) -> (String, String) {
    let query = json!({"source": "cdp", "type": "email", "value": address(key)});
    let person = world.lytics.call("POST", "/v1/people/lookup", query).await;
    let receipt = &person["activations"]["act"]["records"][format!("audience:{audience}")]["receipt"];
    let text = |name: &str| receipt[name].as_str().unwrap_or_default().to_owned();
    let why = [text("reason"), text("said")].concat();
    (text("outcome"), why)
}

async fn assert_delivered(world: &World, key: &str, audience: &str) {
    let (outcome, why) = receipt(world, key, audience).await;
    assert_eq!((outcome.as_str(), why.as_str()), ("delivered", "taken, to be loaded by Cheetah Digital"), "{key}");
}

async fn assert_rejected(world: &World, key: &str, audience: &str, reason: &str) {
    let (outcome, why) = receipt(world, key, audience).await;
    assert_eq!((outcome.as_str(), why.as_str()), ("rejected", reason), "{key}");
    let listed = world.lytics.call("GET", "/v1/activations/act/rejected", Value::Null).await;
    assert!(listed.to_string().contains(&json!(reason).to_string()), "{listed}");
}

#[tokio::test]
async fn without_a_key_field_nobody_is_sent_and_with_it_they_are() {
    let mut world = by_store().await;
    sets(&world, "p1", "store", "north");
    moves(&mut world, "p0", &[Move::enter("buyers")]).await;
    moves(&mut world, "p1", &[Move::enter("buyers")]).await;
    assert!(rows(&world, "p0", "buyers").is_empty());
    let reason = receipt(&world, "p0", "buyers").await.1;
    assert!(reason.starts_with("`store`: "), "{reason}");
    assert_rejected(&world, "p0", "buyers", &reason).await;
    assert_eq!(subscribed(&world, "p1", "buyers"), "true");
    assert_delivered(&world, "p1", "buyers").await;
    sets(&world, "p0", "store", "south");
    moves(&mut world, "p0", &[Move::enter("leads")]).await;
    for audience in AUDIENCES {
        assert_eq!(rows(&world, "p0", audience)[0].text("store"), "south");
        assert_delivered(&world, "p0", audience).await;
    }
}

#[tokio::test]
async fn a_value_that_is_too_long_keeps_one_record_out_and_nobody_in() {
    let mut world = by_person().await;
    moves(&mut world, "p0", &[Move::enter("leads")]).await;
    sets(&world, "p0", "plan", &"x".repeat(400));
    moves(&mut world, "p0", &[Move::enter("buyers")]).await;
    moves(&mut world, "p1", &[Move::enter("buyers")]).await;
    let reason = "`plan`: the value has more than 255 characters";
    assert!(rows(&world, "p0", "buyers").is_empty());
    assert_rejected(&world, "p0", "buyers", reason).await;
    assert_eq!([subscribed(&world, "p0", "leads"), subscribed(&world, "p1", "buyers")], ["true", "true"]);
    assert_delivered(&world, "p0", "leads").await;
    assert_delivered(&world, "p1", "buyers").await;
    // Whoever leaves is told so, whatever else is wrong with the record.
    moves(&mut world, "p0", &[Move::exit("leads")]).await;
    assert_eq!(subscribed(&world, "p0", "leads"), "false");
    let left = ("delivered".to_owned(), format!("taken, without the further columns: {reason}"));
    assert_eq!(receipt(&world, "p0", "leads").await, left);
    assert_eq!(world.twin.counters().bad_records, 0);
}

#[tokio::test]
async fn one_record_is_refused_and_the_persons_other_one_is_not() {
    let mut world = by_person().await;
    let says = FaultKind::Says(400, "Bad Request".to_owned());
    world.twin.push_fault(Fault::once(says).on_route(RouteKind::Data));
    moves(&mut world, "p0", &[Move::enter("buyers"), Move::enter("leads")]).await;
    let mut ends = Vec::new();
    for audience in AUDIENCES {
        let is_there = !rows(&world, "p0", audience).is_empty();
        let (outcome, why) = receipt(&world, "p0", audience).await;
        ends.push(outcome.clone());
        match outcome.as_str() {
            "delivered" => assert!(is_there && subscribed(&world, "p0", audience) == "true"),
            _ => {
                assert!(!is_there);
                assert_eq!(why, "Cheetah Digital refuses the record with status 400: Bad Request");
                assert_rejected(&world, "p0", audience, &why).await;
            }
        }
    }
    ends.sort();
    assert_eq!(ends, ["delivered", "rejected"]);
    assert_eq!(world.activation().await["status"], "active");
}

#[tokio::test]
async fn a_column_that_is_another_now_stops_the_activation_until_the_mapping_names_it() {
    let mut world = by_person().await;
    moves(&mut world, "p0", &[Move::enter("buyers")]).await;
    assert!(world.twin.remove_column(TABLE, "plan"));
    moves(&mut world, "p1", &[Move::enter("buyers")]).await;
    let stopped = world.activation().await;
    assert_eq!(stopped["status"], "failing", "{stopped}");
    assert_eq!(stopped["why"], format!("the table `{TABLE}` has no column `plan`"));
    assert!(rows(&world, "p1", "buyers").is_empty());
    let renamed = settings(Keys::PersonAndAudience, json!([{"column": "membership", "from": "fields.plan"}]));
    world.lytics.call("PATCH", "/v1/activations/act", json!({ "settings": renamed })).await;
    world.lytics.call("POST", "/v1/activations/act/resume", Value::Null).await;
    world.settle().await;
    assert_eq!(world.activation().await["status"], "active");
    for key in ["p0", "p1"] {
        assert_eq!(subscribed(&world, key, "buyers"), "true");
        assert_eq!(rows(&world, key, "buyers")[0].text("membership"), "none");
        assert_delivered(&world, key, "buyers").await;
    }
}

#[tokio::test]
async fn a_changed_key_field_tells_the_old_row_false() {
    let mut world = by_store().await;
    sets(&world, "p0", "store", "north");
    moves(&mut world, "p0", &[Move::enter("buyers")]).await;
    sets(&world, "p0", "store", "south");
    moves(&mut world, "p0", &[Move::enter("leads")]).await;
    let told = |store: &str| {
        let all = rows(&world, "p0", "buyers");
        let of_store: Vec<String> =
            all.iter().filter(|row| row.text("store") == store).map(|row| row.text("subscribed")).collect();
        of_store
    };
    assert_eq!([told("north"), told("south")], [["false"], ["true"]]);
    assert_eq!(rows(&world, "p0", "leads")[0].text("store"), "south");
    assert_delivered(&world, "p0", "buyers").await;
}

#[tokio::test]
async fn whoever_was_backfilled_leaves_as_anybody_does() {
    let columns = json!([{"column": "plan", "from": "fields.plan"}]);
    let table = vec![
        SeedColumn::new("Email", DataType::Email).identifier(),
        SeedColumn::new("Audience Slug", DataType::String).identifier(),
        SeedColumn::new("Subscribed", DataType::String),
        SeedColumn::new("Changed At", DataType::DateTime),
        SeedColumn::new("Plan", DataType::String),
    ];
    let mut world = World::before_link(table, |_| {}).await;
    assert_eq!(world.link(&settings(Keys::PersonAndAudience, columns), &AUDIENCES).await.0, 201);
    for key in ["p0", "p1"] {
        moves(&mut world, key, &[Move::enter("buyers")]).await;
    }
    assert!(world.twin.rows(TABLE).is_empty());
    world.activate().await;
    assert_eq!(subscribed(&world, "p0", "buyers"), "true");
    moves(&mut world, "p0", &[Move::exit("buyers")]).await;
    assert_eq!([subscribed(&world, "p0", "buyers"), subscribed(&world, "p1", "buyers")], ["false", "true"]);
    assert_delivered(&world, "p0", "buyers").await;
}

#[tokio::test]
async fn whoever_comes_back_is_inside_since_then() {
    let mut world = by_person().await;
    let mut since = Vec::new();
    for step in [Move::enter("buyers"), Move::exit("buyers"), Move::enter("buyers")] {
        moves(&mut world, "p0", &[step]).await;
        let row = rows(&world, "p0", "buyers").remove(0);
        since.push((row.text("subscribed"), row.text("changed_at")));
        assert_delivered(&world, "p0", "buyers").await;
    }
    let subscribed: Vec<&str> = since.iter().map(|(subscribed, _)| subscribed.as_str()).collect();
    assert_eq!(subscribed, ["true", "false", "true"]);
    assert!(since[0].1 < since[1].1 && since[1].1 < since[2].1, "{since:?}");
    let entered = world.lytics.twin.profile("p0").unwrap().segments["buyers"];
    assert_eq!(since[2].1, entered.strftime("%Y-%m-%d %H:%M:%S").to_string());
}

#[tokio::test]
async fn in_and_out_in_one_payload_is_out_and_out_and_in_is_in() {
    let mut world = by_person().await;
    moves(&mut world, "p0", &[Move::enter("buyers"), Move::exit("buyers")]).await;
    assert_eq!(subscribed(&world, "p0", "buyers"), "false");
    assert_delivered(&world, "p0", "buyers").await;
    moves(&mut world, "p1", &[Move::enter("buyers")]).await;
    moves(&mut world, "p1", &[Move::exit("buyers"), Move::enter("buyers"), Move::enter("leads")]).await;
    assert_eq!([subscribed(&world, "p1", "buyers"), subscribed(&world, "p1", "leads")], ["true", "true"]);
    assert_delivered(&world, "p1", "buyers").await;
}

#[tokio::test]
async fn two_audiences_of_a_person_are_two_rows() {
    let mut world = by_person().await;
    moves(&mut world, "p0", &[Move::enter("buyers"), Move::enter("leads")]).await;
    assert_eq!([subscribed(&world, "p0", "buyers"), subscribed(&world, "p0", "leads")], ["true", "true"]);
    moves(&mut world, "p0", &[Move::exit("buyers")]).await;
    assert_eq!([subscribed(&world, "p0", "buyers"), subscribed(&world, "p0", "leads")], ["false", "true"]);
    for audience in AUDIENCES {
        assert_delivered(&world, "p0", audience).await;
    }
    assert_eq!(world.twin.rows(TABLE).len(), 2);
}

#[tokio::test]
async fn an_audience_with_a_japanese_name_is_written_by_it() {
    let mut world = world(Keys::PersonAndAudience, json!([{"column": "membership", "from": "audience.name"}])).await;
    let name = "購入者・高額（東京）";
    world.lytics.call("PATCH", "/v1/sources/cdp/audiences/buyers", json!({ "name": name })).await;
    world.settle().await;
    moves(&mut world, "p0", &[Move::enter("buyers")]).await;
    assert_eq!(rows(&world, "p0", "buyers")[0].text("membership"), name);
    assert_eq!(rows(&world, "p0", "buyers")[0].text("audience_slug"), "buyers");
    assert_delivered(&world, "p0", "buyers").await;
}
