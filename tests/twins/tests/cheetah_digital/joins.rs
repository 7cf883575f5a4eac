use serde_json::{Value, json};

use crate::support::{ADA, Bench, DATA, bench};

async fn recipient(bench: &Bench, member: &str, value: Value) -> (u16, Value) {
    bench.load("recipient", json!({"email": ADA, "first_name": "Ada", member: value})).await
}

#[tokio::test]
async fn an_object_is_the_parent_that_the_row_refers_to() {
    let bench = bench().await;
    let organization = json!({"org_id": "acme", "name": "Acme"});
    assert_eq!(recipient(&bench, "recipient_to_organization", organization).await.0, 200);
    bench.settle();
    assert_eq!(bench.twin.rows("organization")[0].text("name"), "Acme");
    assert_eq!(bench.twin.rows("recipient")[0].text("org_id"), "acme");
    let counters = bench.twin.counters();
    assert_eq!((counters.root_records, counters.joined_records), (1, 1));
}

#[tokio::test]
async fn an_array_is_the_children_that_refer_to_the_row() {
    let bench = bench().await;
    let orders = json!([{"order_id": "1", "total": "129.99"}, {"order_id": "2", "total": "1.00"}]);
    assert_eq!(recipient(&bench, "order.order_to_recipient", orders).await.0, 200);
    bench.settle();
    let emails: Vec<String> = bench.twin.rows("order").iter().map(|row| row.text("email")).collect();
    assert_eq!(emails, [ADA, ADA]);
}

#[tokio::test]
async fn an_unknown_join_is_refused() {
    let bench = bench().await;
    for (member, value) in [
        ("recipient_to_nothing", json!({"org_id": "acme"})),
        ("order_to_recipient", json!([{"order_id": "1"}])),
        ("note", json!({"a": "b"})),
    ] {
        let (status, body) = recipient(&bench, member, value).await;
        assert_eq!((status, body), (400, json!({"message": format!("Unknown join {member}.")})));
    }
}

#[tokio::test]
async fn a_joined_record_needs_its_identifier_too() {
    let bench = bench().await;
    let (status, body) = recipient(&bench, "recipient_to_organization", json!({"name": "Acme"})).await;
    assert_eq!((status, body), (400, json!({"message": "Unique identifier org_id is missing."})));
}

#[tokio::test]
async fn options_may_name_a_joined_table_and_its_join() {
    let bench = bench().await;
    let body = json!({
        "_data": {"recipient": [{"email": ADA, "recipient_to_organization": {"org_id": "acme", "name": "New"}}]},
        "_importOptions": [{
            "_table": "organization", "_join": "recipient_to_organization", "_doNotUpdateExisting": true,
        }],
    });
    for _ in 0..2 {
        assert_eq!(bench.post(DATA, &body).await.0, 200);
    }
    bench.settle();
    let counters = bench.twin.counters();
    assert_eq!((counters.rows_dropped, counters.rows_updated), (1, 1));
}
