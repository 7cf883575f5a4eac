use serde_json::{Value, json};

use crate::support::{AT, bench, event, update};

fn seen(ids: Value) -> Value {
    let mut data = event("anna", "seen");
    data["customer_ids"] = ids;
    data
}

fn with_city(ids: Value, city: &str) -> Value {
    json!({ "customer_ids": ids, "update_timestamp": AT, "properties": { "city": city } })
}

#[tokio::test]
async fn whatever_is_written_makes_a_customer() {
    let bench = bench();
    bench.event(&event("anna", "seen")).await;
    assert!(bench.twin.person("anna").unwrap().properties.is_empty());
    assert_eq!((bench.twin.counters().customers_created, bench.twin.customers()), (1, 1));
    assert_eq!(bench.twin.person("Anna"), None);
}

#[tokio::test]
async fn a_soft_id_alone_is_somebody_too() {
    let bench = bench();
    bench.update(&with_city(json!({ "cookie": "c-1" }), "Aarhus")).await;
    assert!(bench.twin.people().is_empty());
    let found = bench.twin.customer(&[("cookie", "c-1")]).unwrap();
    assert_eq!((found.registered, &found.properties["city"]), (None, &json!("Aarhus")));
    bench.assert_expected();
}

#[tokio::test]
async fn whoever_gets_a_hard_id_is_the_same() {
    let bench = bench();
    bench.update(&with_city(json!({ "cookie": "c-1" }), "Aarhus")).await;
    bench.event(&seen(json!({ "cookie": "c-1", "registered": "anna" }))).await;
    assert_eq!(bench.property("anna", "city"), Some(json!("Aarhus")));
    assert_eq!(bench.twin.customers(), 1);
    assert_eq!(bench.twin.customer(&[("cookie", "c-1"), ("registered", "anna")]), bench.twin.person("anna"));
}

#[tokio::test]
async fn two_become_one_and_the_known_one_keeps_its_values() {
    let bench = bench();
    let mut with_cookie = with_city(json!({ "cookie": "c-1" }), "Aarhus");
    with_cookie["properties"]["visits"] = json!(3);
    bench.update(&with_cookie).await;
    bench.update(&with_city(json!({ "registered": "anna" }), "Odense")).await;
    bench.event(&seen(json!({ "cookie": "c-1", "registered": "anna" }))).await;
    let anna = bench.twin.person("anna").unwrap();
    assert_eq!(json!(anna.properties), json!({ "city": "Odense", "visits": 3 }));
    assert_eq!(json!(anna.soft_ids), json!({ "cookie": ["c-1"] }));
    assert_eq!(bench.twin.customers(), 1);
}

#[tokio::test]
async fn a_hard_id_is_stronger_than_a_soft_one() {
    let bench = bench();
    bench.event(&seen(json!({ "cookie": "c-1", "registered": "anna" }))).await;
    bench.update(&with_city(json!({ "cookie": "c-1", "registered": "bea" }), "Odense")).await;
    assert_eq!(bench.property("anna", "city"), None);
    assert_eq!(bench.property("bea", "city"), Some(json!("Odense")));
    assert_eq!(bench.twin.customer(&[("cookie", "c-1"), ("registered", "anna")]), None);
    assert_eq!(bench.twin.customer(&[]), None);
}

#[tokio::test]
async fn somebody_is_seeded_and_removed() {
    let bench = bench();
    bench.twin.seed_person("anna");
    assert!(bench.twin.set_property("anna", "city", json!("Aarhus")));
    assert!(!bench.twin.set_property("bea", "city", json!("Aarhus")));
    bench.twin.seed_person("anna");
    assert_eq!(bench.property("anna", "city"), Some(json!("Aarhus")));
    assert_eq!(bench.twin.counters().customers_created, 0);
    bench.event(&event("anna", "seen")).await;
    bench.event(&event("bea", "seen")).await;
    assert!(bench.twin.remove_person("anna") && !bench.twin.remove_person("anna"));
    assert_eq!((bench.twin.person("anna"), bench.twin.events_of("anna").len()), (None, 1));
    bench.update(&update("anna", json!({ "a": 1 }))).await;
    assert_eq!(bench.property("anna", "city"), None);
    assert_eq!(bench.twin.people().into_keys().collect::<Vec<_>>(), ["anna", "bea"]);
}
