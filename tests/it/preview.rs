//! What an owner is shown before anything is sent.

use muster::model::{Identifier, PersonKey};
use muster::ports::Claim;
use muster_local::system::System;
use muster_tests::contract::listen::Ear;
use muster_tests::world::{LIST, Setup, World, at, change, entered, exited};
use muster_twins::cheetah_digital::{DataType, SeedColumn};
use muster_twins::lytics::Move;
use serde_json::{Value, json};

use crate::cheetah_digital::{TABLE, World as Cheetah};
use crate::lytics::{SEGMENTS, address, person};

/// What Muster keeps of deliveries: none of it may come of a preview.
async fn kept(system: &System) -> Vec<(&'static str, usize)> {
    let ports = &system.engine.ports;
    let act = "act".parse().unwrap();
    let all = muster::ports::Segment::WHOLE;
    let source = system.engine.catalog.snapshot().await.unwrap().activations[&act].source.clone();
    let rows = ports.people.walk(&source, Some(&act), all, None, 1_000).await.unwrap().rows;
    let receipts = rows.iter().map(|row| row.standing.records.len()).sum();
    let mut effects = 0;
    for row in &rows {
        effects += ports.effects.of_person(&act, row.person.key, ports.clock.now()).await.unwrap().len();
    }
    vec![
        ("flights", ports.ledger.flights(None).await.unwrap().len()),
        ("jobs", ports.ledger.jobs(None).await.unwrap().len()),
        ("receipts", receipts),
        ("effects", effects),
        ("messages", system.embedded.queue().depth().await.unwrap().len()),
        ("mails", system.embedded.mails().await.unwrap().len()),
    ]
}

/// Whether nobody holds the key of this address: a claim of somebody who is nobody is granted.
async fn is_unclaimed(system: &System, address: &str) -> bool {
    let engine = &system.engine;
    let act = "act".parse().unwrap();
    let key = Identifier::normalise(&"email".parse().unwrap(), address).unwrap();
    let asked = [(engine.installation.claim(&act, &key), PersonKey([9; 16]))];
    let answers = engine.ports.ledger.claim(&act, &asked).await.unwrap();
    answers.iter().all(|(_, _, claim)| *claim == Claim::Held)
}

async fn cheetah() -> Cheetah {
    let columns = vec![
        SeedColumn::new("Email", DataType::Email).identifier(),
        SeedColumn::new("Audience Slug", DataType::String).identifier(),
        SeedColumn::new("Subscribed", DataType::String),
        SeedColumn::new("Changed At", DataType::DateTime),
        SeedColumn::new("Plan", DataType::String),
    ];
    let world = Cheetah::before_link(columns, |_| {}).await;
    let (status, answer) = world.link(&settings(), &SEGMENTS[..2]).await;
    assert_eq!(status, 201, "{answer}");
    world
}

fn settings() -> Value {
    json!({"table": TABLE, "person_column": "email", "audience_column": "audience_slug",
           "subscription_column": "subscribed", "timestamp": {"column": "changed_at"},
           "columns": [{"column": "plan", "from": "fields.plan"}]})
}

async fn preview(world: &Cheetah, query: Value) -> Value {
    world.lytics.call("POST", "/v1/activations/act/preview", query).await
}

#[tokio::test]
async fn a_draft_shows_what_its_activation_then_sends_and_sends_nothing() {
    let mut world = cheetah().await;
    for (number, segment) in [(0, SEGMENTS[0]), (0, SEGMENTS[1]), (1, SEGMENTS[1]), (2, SEGMENTS[2])] {
        assert!(world.lytics.twin.move_profile(&person(number), &[Move::enter(segment)]));
    }
    world.lytics.settle().await;
    let before = kept(&world.lytics.system).await;
    let shown = {
        let ear = Ear::listening();
        let shown = preview(&world, json!({"sample": 5})).await;
        let heard = ear.heard();
        assert!(!heard.contains("@example.com") && !heard.contains("none"), "{heard}");
        shown
    };
    assert_eq!(kept(&world.lytics.system).await, before);
    assert_eq!((world.twin.loads().len(), world.twin.rows(TABLE).len()), (0, 0), "the vendor was told nothing");
    assert_eq!(world.activation().await["status"], "draft");

    let people = shown["people"].as_array().unwrap();
    assert_eq!(people.len(), 2, "two are in a linked audience: {shown}");
    let requests: Vec<&Value> = people.iter().flat_map(|one| one["requests"].as_array().unwrap()).collect();
    assert_eq!(requests.len(), 3, "{shown}");
    for request in &requests {
        assert_eq!(request["method"], "POST");
        assert_eq!(request["url"], "https://aet.eccmp.com/services2/api/Data");
        assert_eq!(request["headers"]["authorization"], "[redacted]");
        assert_eq!(request["headers"]["content-type"], "application/json; charset=utf-8");
        let row = &request["body"]["_data"][TABLE][0];
        let slug = row["audience_slug"].as_str().unwrap();
        assert_eq!(request["records"], json!([format!("audience:{slug}")]));
    }
    assert!(people.iter().all(|one| one["records"].as_object().unwrap().values().all(|one| one["outcome"] == "sent")));

    world.activate().await;
    assert_eq!(world.twin.rows(TABLE).len(), requests.len());
    for request in requests {
        let sent = request["body"]["_data"][TABLE][0].as_object().unwrap();
        let texts: Vec<(&str, &str)> =
            sent.iter().map(|(column, text)| (column.as_str(), text.as_str().unwrap())).collect();
        assert_eq!(world.twin.rows_with(TABLE, &texts).len(), 1, "{request}");
    }
}

#[tokio::test]
async fn other_settings_are_tried_and_not_saved() {
    let world = cheetah().await;
    assert!(world.lytics.twin.move_profile("p0", &[Move::enter(SEGMENTS[0])]));
    world.lytics.settle().await;
    let asked = |columns: Value| {
        let mut other = settings();
        other["columns"] = columns;
        json!({"people": [{"type": "email", "value": address("p0")}], "settings": other})
    };
    let upper = preview(&world, asked(json!([{"column": "plan", "expression": "fields.plan|upper"}]))).await;
    assert_eq!(upper["people"][0]["requests"][0]["body"]["_data"][TABLE][0]["plan"], "NONE", "{upper}");
    // A value that does not fit names its column.
    let number = preview(&world, asked(json!([{"column": "plan", "from": "fields.plan", "type": "integer"}]))).await;
    let record = &number["people"][0]["records"][format!("audience:{}", SEGMENTS[0])];
    assert_eq!(record, &json!({"outcome": "rejected", "reason": "`plan`: the value is no whole number"}), "{number}");
    assert_eq!(number["people"][0]["requests"], json!([]));
    // A column that is not there is said once, of all.
    let query = asked(json!([{"column": "city", "from": "fields.plan"}]));
    let (status, answer) = world.lytics.try_call("POST", "/v1/activations/act/preview", query).await;
    assert_eq!((status, &answer["path"]), (422, &json!("settings")), "{answer}");
    assert!(answer["detail"].as_str().unwrap().contains("has no column `city`"), "{answer}");
    assert_eq!(world.activation().await["settings"], settings());
    assert!(is_unclaimed(&world.lytics.system, &address("p0")).await);
}

fn ask(users: &[&str]) -> Value {
    json!({"people": users.iter().map(|user| json!({"type": "user_id", "value": user})).collect::<Vec<_>>()})
}

#[tokio::test]
async fn whoever_would_not_be_sent_has_a_reason() {
    let mut world = World::new(Setup::with_members(["anna@example.com", "bo@example.com", "dan@example.com"])).await;
    world.link(&["cats"], &[]).await;
    let no_address = json!({"id": "n", "type": "audience.entered", "audience": "cats", "person": {"user_id": "nokey"},
                            "occurred_at": at(4)});
    world
        .ingest(&[
            entered("anna", "cats", 1),
            exited("bo", "cats", 1),
            entered("cleo", "cats", 1),
            entered("dan", "cats", 1),
            change("dan", 2, json!({"type": "person.suppressed"})),
            entered("eve", "dogs", 1),
            no_address,
        ])
        .await;
    world.settle().await;
    let (before, structure) = (kept(&world.system).await, format!("{:?}", world.twin.list(LIST)));
    let shown = world
        .call("POST", "/v1/activations/act/preview", ask(&["anna", "bo", "cleo", "dan", "eve", "nokey", "x"]))
        .await;
    assert_eq!(kept(&world.system).await, before);
    assert_eq!(format!("{:?}", world.twin.list(LIST)), structure, "no field was made");
    let record = |at: usize| shown["people"][at]["records"]["person"].clone();
    let requests = |at: usize| shown["people"][at]["requests"].as_array().unwrap().len();
    for sent in [0, 1] {
        assert_eq!((&record(sent)["outcome"], requests(sent)), (&json!("sent"), 1), "{shown}");
    }
    assert_eq!(shown["people"][0]["requests"][0]["method"], "PATCH");
    assert_eq!(shown["people"][0]["requests"][0]["headers"]["authorization"], "[redacted]");
    let filtered = [
        (2, "not found on the list: no member, or one who unsubscribed"),
        (3, "suppressed at the source"),
        (5, "no usable person identifier"),
    ];
    for (at, reason) in filtered {
        assert_eq!(record(at), json!({"outcome": "filtered", "reason": reason}), "{shown}");
        assert_eq!(requests(at), 0);
    }
    assert_eq!(shown["people"][4]["reason"], "in no audience that is linked, and without a linked attribute");
    assert_eq!(shown["people"][6]["reason"], "the source has said nothing of this person");
    world.assert_unharmed();
}

#[tokio::test]
async fn a_changed_address_is_shown_to_leave_first() {
    let mut world = World::new(Setup::default()).await;
    world.link_receiver(json!({}), &["cats"], &[]).await;
    world.activate().await;
    world.settle().await;
    world.ingest(&[entered("anna", "cats", 1)]).await;
    world.settle().await;
    let mut moved = entered("anna", "cats", 2);
    moved["person"]["email"] = "new@example.com".into();
    world.ingest(&[moved]).await;
    let requests = world.receiver.counters().requests;
    let shown = world.call("POST", "/v1/activations/act/preview", ask(&["anna"])).await;
    assert_eq!(world.receiver.counters().requests, requests, "the receiver heard of nothing");
    let told: Vec<(&Value, &Value)> = shown["people"][0]["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|request| &request["body"]["data"]["records"][0])
        .map(|record| (&record["id"], &record["state"]))
        .collect();
    let (left, present) = (json!("left"), json!("present"));
    assert_eq!(told, [(&json!("anna@example.com"), &left), (&json!("new@example.com"), &present)], "{shown}");
}

#[tokio::test]
async fn a_question_that_cannot_be_answered_says_where_it_is_wrong() {
    let mut world = World::new(Setup::default()).await;
    world.link(&["cats"], &[]).await;
    let many: Vec<String> = (0..21).map(|number| format!("u{number}")).collect();
    let questions = [
        (ask(&many.iter().map(String::as_str).collect::<Vec<_>>()), "people"),
        (json!({"people": [{"type": "email", "value": "a@example.com"}]}), "people[0].type"),
        (json!({"people": [{"type": "user_id", "value": "a"}], "sample": 3}), "sample"),
        (json!({"sample": 0}), "sample"),
        (json!({"sample": 21}), "sample"),
        (json!({"settings": {"list_id": "no number"}}), "settings"),
    ];
    for (question, path) in questions {
        let (status, answer) = world.try_call("POST", "/v1/activations/act/preview", question).await;
        assert_eq!((status, &answer["path"]), (422, &json!(path)), "{answer}");
    }
    let nobody = world.call("POST", "/v1/activations/act/preview", json!({})).await;
    assert_eq!(nobody, json!({"people": []}));
    world.call("DELETE", "/v1/activations/act?relabel=false", Value::Null).await;
    assert_eq!(world.try_call("POST", "/v1/activations/act/preview", json!({})).await.0, 409);
}
