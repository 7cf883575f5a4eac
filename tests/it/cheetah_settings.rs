//! What an owner is told of the settings of an activation to Cheetah Digital when they are saved.

use muster_twins::cheetah_digital::{DataType, Fault, FaultKind, RetryAfter, RouteKind, SeedColumn};
use serde_json::{Value, json};

use crate::cheetah_digital::{TABLE, World};
use crate::lytics::SEGMENTS;

async fn world(reveals_types: bool) -> World {
    let columns = vec![
        SeedColumn::new("Email", DataType::Email).identifier(),
        SeedColumn::new("Audience Slug", DataType::String).identifier(),
        SeedColumn::new("Subscribed", DataType::String),
        SeedColumn::new("Tier", DataType::String),
        SeedColumn::new("Visits", DataType::Integer),
    ];
    World::before_link(columns, |switches| switches.table_reveals_types = reveals_types).await
}

fn settings(columns: &Value) -> Value {
    json!({"table": TABLE, "person_column": "email", "audience_column": "audience_slug",
           "subscription_column": "subscribed", "columns": columns})
}

fn good() -> Value {
    settings(&json!([{"column": "tier", "from": "fields.plan"}]))
}

/// What a refused save says.
fn refusal((status, answer): (u16, Value)) -> String {
    assert_eq!((status, &answer["path"]), (422, &json!("settings")), "{answer}");
    answer["detail"].as_str().unwrap().to_owned()
}

async fn change(world: &World, change: Value) -> (u16, Value) {
    world.lytics.try_call("PATCH", "/v1/activations/act", change).await
}

#[tokio::test]
async fn every_mistake_is_told_at_once() {
    let world = world(true).await;
    let mut settings = settings(&json!([
        {"column": "teir", "from": "fields.plan"},
        {"column": "Tier", "from": "fields.plan"},
        {"column": "tier", "expression": "fields.plan|uper"},
        {"column": "visits", "from": "ids.email"},
    ]));
    settings["subscription_column"] = "Subscribed".into();
    let told = refusal(world.link(&settings, &SEGMENTS).await);
    let mistakes = [
        "$.subscription_column: the table `muster_audience` has no column `Subscribed`: the column's own name is \
         `subscribed`",
        "$.columns[0]: `teir`, column: the destination has no such column; did you mean `tier`?",
        "$.columns[1]: `Tier`, column: this is the label of the column `tier`: write its name",
        "$.columns[2]: `tier`, expression, character 13: there is no filter `uper`; did you mean `upper`? (in \
         `fields.plan|uper`)",
        "$.columns[3]: `visits`, from: `ids.email` can never be a `integer`",
    ];
    assert_eq!(told, mistakes.join("; "));
    let (status, _) = world.lytics.try_call("GET", "/v1/activations/act", Value::Null).await;
    assert_eq!(status, 404, "nothing was saved");
}

#[tokio::test]
async fn an_edit_is_looked_at_as_a_new_activation_is() {
    let world = world(false).await;
    assert_eq!(world.link(&good(), &SEGMENTS[..1]).await.0, 201);
    let unknown = settings(&json!([{"column": "city", "from": "fields.plan"}]));
    let told = refusal(change(&world, json!({ "settings": unknown })).await);
    assert!(told.contains("`city`, column: the destination has no such column"), "{told}");
    assert_eq!(world.activation().await["settings"], good(), "it stays as it was");

    // What was good may be so no longer when somebody links another audience; to unlink one asks nothing.
    assert!(world.twin.remove_column(TABLE, "tier"));
    let told = refusal(change(&world, json!({"audiences": {"add": [SEGMENTS[1]]}})).await);
    assert!(told.contains("`tier`"), "{told}");
    assert_eq!(change(&world, json!({"audiences": {"remove": [SEGMENTS[0]]}})).await.0, 200);
    assert_eq!(change(&world, json!({"name": "Another"})).await.0, 200);
}

#[tokio::test]
async fn a_table_that_is_not_there_is_named() {
    let world = world(false).await;
    let mut settings = good();
    settings["table"] = "Muster Audience".into();
    let told = refusal(world.link(&settings, &SEGMENTS).await);
    assert!(told.contains(&format!("the table's own name is `{TABLE}`")), "{told}");
}

#[tokio::test]
async fn a_save_asks_the_vendor_once() {
    let world = world(false).await;
    let unknown = settings(&json!([{"column": "city", "from": "fields.plan"}]));
    refusal(world.link(&unknown, &SEGMENTS).await);
    let once = world.twin.counters().requests;
    refusal(world.link(&unknown, &SEGMENTS).await);
    // The token is in hand already.
    assert_eq!(world.twin.counters().requests, once * 2 - 1);
    assert!(once <= 8, "{once} requests");
}

#[tokio::test]
async fn whoever_cannot_be_asked_keeps_nobody_from_saving() {
    let unknown = settings(&json!([{"column": "city", "from": "fields.plan"}]));
    let faults = [
        (FaultKind::ResetBefore, RouteKind::Tables),
        (FaultKind::Unavailable, RouteKind::Tables),
        (FaultKind::TooManyRequests(RetryAfter::Seconds(7)), RouteKind::Tables),
        (FaultKind::Unauthorized, RouteKind::Tables),
        (FaultKind::Unavailable, RouteKind::Token),
    ];
    for (kind, route) in faults {
        let world = world(false).await;
        world.twin.push_fault(Fault::once(kind.clone()).times(2).on_route(route));
        let (status, answer) = world.link(&unknown, &SEGMENTS).await;
        assert_eq!(status, 201, "{kind:?}: {answer}");
    }
}

/// What the save could not see the preparation does.
#[tokio::test]
async fn a_mistake_that_nobody_could_see_stops_the_activation() {
    let mut world = world(false).await;
    world.twin.push_fault(Fault::once(FaultKind::Unavailable).on_route(RouteKind::Token));
    let unknown = settings(&json!([{"column": "city", "from": "fields.plan"}]));
    assert_eq!(world.link(&unknown, &SEGMENTS).await.0, 201);
    world.activate().await;
    let stopped = world.activation().await;
    assert_eq!(stopped["status"], "failing", "{stopped}");
    assert!(stopped["why"].as_str().unwrap().contains("has no column `city`"), "{stopped}");
}
