use muster_twins::webhook::{AudienceView, Standing};
use serde_json::{Value, json};

use crate::support::{anna, bench, check, people, present};

fn told(state: &str) -> Value {
    people(json!([{ "record": "anna.0", "id": "anna@example.com", "state": state }]))
}

#[tokio::test]
async fn the_example_of_the_contract_is_taken() {
    let bench = bench();
    let body = json!({"type": "people.state", "timestamp": "2026-01-05T07:08:09Z",
        "data": {"activation": "crm", "records": [
            {"record": "00ff17.0", "id": "anna@example.com", "state": "present",
             "audiences": {"cats": {"state": "inside", "properties": {"plan": "gold"}},
                           "dogs": {"state": "left"}, "fish": {"state": "never"}},
             "attributes": {"visits": 12, "city": null}},
            {"record": "00ff17.1", "id": "old@example.com", "state": "left"},
            {"record": "13ab02.1", "id": "bea@example.com", "state": "forgotten"}]}});
    assert_eq!(bench.tell(&body).await.status, 204);
    let person = bench.anna().unwrap();
    assert_eq!(person.audiences["dogs"], AudienceView::Left {});
    assert_eq!(person.audiences["fish"], AudienceView::Never {});
    assert_eq!(person.attributes["visits"], 12);
    assert_eq!(person.attributes["city"], Value::Null);
    assert_eq!(bench.twin.people().len(), 2);
    assert_eq!(bench.twin.counters().records, 3);
    bench.assert_expected();
}

#[tokio::test]
async fn a_record_replaces_all_that_was_told_before() {
    let bench = bench();
    bench.tell(&people(json!([anna("inside")]))).await;
    let bare = json!([{ "record": "a", "id": "anna@example.com", "state": "present",
                        "audiences": {}, "attributes": {} }]);
    bench.tell(&people(bare)).await;
    let person = bench.anna().unwrap();
    assert!(person.audiences.is_empty() && person.attributes.is_empty());
}

#[tokio::test]
async fn within_a_request_the_last_record_of_an_id_stands() {
    let bench = bench();
    let left = json!({ "record": "former.1", "id": "anna@example.com", "state": "left" });
    bench.tell(&people(json!([left, anna("inside")]))).await;
    assert_eq!(bench.anna().unwrap().standing, Standing::Present);
    bench.assert_expected();
}

#[tokio::test]
async fn whoever_left_has_neither_audiences_nor_attributes() {
    let bench = bench();
    bench.tell(&people(json!([anna("inside")]))).await;
    bench.tell(&told("left")).await;
    let person = bench.anna().unwrap();
    assert_eq!(person.standing, Standing::Left);
    assert!(person.audiences.is_empty() && person.attributes.is_empty());
}

#[tokio::test]
async fn of_whoever_was_forgotten_nothing_remains() {
    let bench = bench();
    bench.tell(&people(json!([anna("inside"), present("bea.0", "bea@example.com", "left")]))).await;
    bench.tell(&told("forgotten")).await;
    assert_eq!(bench.anna(), None);
    assert!(bench.twin.person("bea@example.com").is_some());
}

#[tokio::test]
async fn a_record_that_comes_again_is_written_again() {
    let bench = bench();
    bench.tell(&people(json!([anna("inside")]))).await;
    let first = bench.anna().unwrap();
    bench.wait(1_000);
    bench.tell(&people(json!([anna("inside")]))).await;
    let second = bench.anna().unwrap();
    assert_eq!((first.write, second.write), (1, 2));
    assert!(second.written_at > first.written_at);
    bench.assert_expected();
}

#[tokio::test]
async fn a_check_changes_nothing() {
    let bench = bench();
    bench.tell(&people(json!([anna("inside")]))).await;
    let before = bench.twin.people();
    assert_eq!(bench.tell(&check()).await.status, 204);
    assert_eq!(bench.twin.people(), before);
    assert!(bench.twin.events().is_empty());
    assert_eq!(bench.twin.counters().checks, 1);
}

#[tokio::test]
async fn somebody_can_be_put_there_and_removed() {
    let bench = bench();
    bench.twin.seed_person("crm", "anna@example.com");
    assert_eq!(bench.anna().unwrap().standing, Standing::Present);
    assert!(bench.twin.remove_person("anna@example.com"));
    assert!(!bench.twin.remove_person("anna@example.com"));
    assert_eq!(bench.twin.counters().records, 0);
}
